"""Who is left, above and in front of whom, from the objects' 3D extents, seen from four sides.

Frame: x right, y down, z forward, metres, levelled so that y is gravity. An extent is
[[x_min, y_min, z_min], [x_max, y_max, z_max]]. Signs are those of FORMATS.md §2.
"""

from itertools import combinations

import numpy as np

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


def order_list(extents: dict[str, np.ndarray], margins: dict[str, np.ndarray], view: str) -> dict[str, list[int]]:
    """Return "KEY_A>KEY_B" → [left, up, front], one entry per unordered pair, as seen from `view`.

    `margins` holds each object's (3,) uncertainty in metres along the camera's x, y and z.
    """
    turned = {key: turn(extent, view) for key, extent in extents.items()}
    axes = np.abs(ROTATIONS[view])
    return {
        f"{a}>{b}": relation(turned[a], turned[b], axes @ np.hypot(margins[a], margins[b]))
        for a, b in combinations(extents, 2)
    }
