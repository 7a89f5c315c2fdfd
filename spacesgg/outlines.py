"""The outlines of silhouettes: where each of their rows and columns begins and ends."""

from typing import NamedTuple

import numpy as np

SIDES = ("left", "right", "top", "bottom")


class Outline(NamedTuple):
    """The outermost pixels of a silhouette, side after side."""

    rows: np.ndarray  # (N,) in the window
    columns: np.ndarray  # (N,)
    sides: tuple[slice, slice, slice, slice]  # of the N: left and right ends of rows, top and bottom of columns


class Edges(NamedTuple):
    """As many pixels of each side of the outlines of n objects, evenly spread; some come again on short sides."""

    rows: np.ndarray  # (n, 4, count) in the image
    columns: np.ndarray  # (n, 4, count)
    depth: np.ndarray  # (n, 4, count) metres: the object's own there

    def side(self, name: str) -> "Edges":
        """Return the (n, count) pixels of the side called `name`."""
        return Edges(*(part[:, SIDES.index(name)] for part in self))

    def only(self, number: int) -> "Edges":
        """Return the (1, 4, count) pixels of the object of that number."""
        return Edges(*(part[number : number + 1] for part in self))


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


def thin(outlines: list[Outline], rows: np.ndarray, columns: np.ndarray, depth: np.ndarray, count: int) -> Edges:
    """Return `count` pixels a side of n outlines, all whose pixels in the image, and their depth, are (N,)."""
    lengths = np.array([[side.stop - side.start for side in outline.sides] for outline in outlines])
    starts = (np.cumsum(lengths) - lengths.ravel()).reshape(lengths.shape)
    chosen = starts[..., None] + lengths[..., None] * np.arange(count) // count
    return Edges(rows.take(chosen), columns.take(chosen), depth.take(chosen))
