"""Who is left, above and in front of whom, from the objects' 3D extents, seen from four sides.

Frame: x right, y down, z forward, metres, levelled so that y is gravity. An extent is
[[x_min, y_min, z_min], [x_max, y_max, z_max]]. Signs are those of FORMATS.md §2.
"""

from itertools import combinations

import numpy as np

from spacesgg.extents import Extent
from spacesgg.layers import cluster_layers

VIEWS = ("front", "left", "right", "back")
# Rows: the viewer's right, down and away, in the camera's axes. The scene turns about its vertical.
ROTATIONS = {
    "front": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "left": np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]]),
    "right": np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    "back": np.array([[-1, 0, 0], [0, 1, 0], [0, 0, -1]]),
}


def turn(extent: np.ndarray, view: str) -> np.ndarray:
    """Return the (2, 3) extent in the axes of a viewer at that side of the scene."""
    turned = extent @ ROTATIONS[view].T
    return np.array([turned.min(axis=0), turned.max(axis=0)])


def relation(a: np.ndarray, b: np.ndarray, margin: np.ndarray) -> list[int]:
    """Return [left, up, front] of A against B from (2, 3) extents: −1, 0 or +1 on each axis.

    0 unless the gap exceeds `margin`, (3,) metres: what the noise could have decided is not stated.
    """
    before, after = b[0] - a[1] > margin, a[0] - b[1] > margin
    return (after.astype(int) - before.astype(int)).tolist()


def order_list(extents: dict[str, Extent], view: str, tilt_sigma: float = 0.0) -> dict[str, list[int]]:
    """Return "KEY_A>KEY_B" → [left, up, front], one entry per unordered pair, as seen from `view`.

    `tilt_sigma`, radians, is how uncertain the vertical is: it moves heights by that share of the distance
    between the two objects, and distances by that share of their difference in height.
    """
    axes = np.abs(ROTATIONS[view])
    turned = {key: turn(extent.box, view) for key, extent in extents.items()}
    return {
        f"{a}>{b}": relation(turned[a], turned[b], axes @ _margin(extents[a], extents[b], tilt_sigma))
        for a, b in combinations(extents, 2)
    }


def _margin(a: Extent, b: Extent, tilt_sigma: float) -> np.ndarray:
    """Return (3,) metres along the camera's x, y and z that the noise of both could make a gap of."""
    margin = np.hypot(a.margin, b.margin)
    if tilt_sigma:
        apart = np.abs(a.centre - b.centre)
        margin = margin + tilt_sigma * np.array([apart[1], np.hypot(apart[0], apart[2]), apart[1]])
    return margin


def levels(extents: dict[str, Extent], view: str, min_gap: float) -> list[list[str]]:
    """Return the layers, nearest first, for a viewer who stands as far from the scene as the camera does."""
    if not extents:
        return []
    away = {key: turn(extent.seen, view)[:, 2] for key, extent in extents.items()}
    nearest = min(span[0] for span in away.values())
    distance = max(min(float(extent.seen[0, 2]) for extent in extents.values()), 0.1)
    return cluster_layers({key: (span - nearest + distance).tolist() for key, span in away.items()}, min_gap)
