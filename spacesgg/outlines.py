"""The outline of a silhouette: where each of its rows and columns begins and ends."""

from typing import NamedTuple

import numpy as np

SIDES = ("left", "right", "top", "bottom")


class Outline(NamedTuple):
    """The outermost pixels of a silhouette, side after side."""

    rows: np.ndarray  # (N,) in the window
    columns: np.ndarray  # (N,)
    sides: tuple[slice, slice, slice, slice]  # of the N: left and right ends of rows, top and bottom of columns

    def thinned(self, count: int) -> np.ndarray:
        """Return the (4 · count,) numbers of `count` pixels a side, evenly spread, some twice on short sides."""
        starts = np.array([side.start for side in self.sides])[:, None]
        lengths = np.array([side.stop - side.start for side in self.sides])[:, None]
        return (starts + lengths * np.arange(count) // count).ravel()


def find_outline(silhouette: np.ndarray) -> Outline:
    """Return the outline of a silhouette (h, w) bool."""
    upright = np.ascontiguousarray(silhouette.T)
    rows, left, right = _ends(silhouette)
    columns, top, bottom = _ends(upright)
    one, two = len(rows), len(columns)
    return Outline(
        np.concatenate([rows, rows, top, bottom]),
        np.concatenate([left, right, columns, columns]),
        np.s_[0:one, one : 2 * one, 2 * one : 2 * one + two, 2 * one + two : 2 * one + 2 * two],
    )


def _ends(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the numbers (n,) of the (m, length) bool lines with any pixel, and their first and last pixels."""
    first = lines.argmax(axis=1)
    number = np.flatnonzero(lines[np.arange(len(lines)), first])
    last = lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)
    return number, first.take(number), last.take(number)
