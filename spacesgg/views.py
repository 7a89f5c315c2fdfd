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
    """Return [left, up, front] of A against B from (…, 2, 3) extents: −1, 0 or +1 on each axis.

    0 unless the gap exceeds `margin`, (…, 3) metres: what the noise could have decided is not stated.
    """
    before, after = b[..., 0, :] - a[..., 1, :] > margin, a[..., 0, :] - b[..., 1, :] > margin
    return (after.astype(int) - before.astype(int)).tolist()


def order_list(extents: dict[str, Extent], view: str, tilt_sigma: float = 0.0) -> dict[str, list[int]]:
    """Return "KEY_A>KEY_B" → [left, up, front], one entry per unordered pair, as seen from `view`.

    `tilt_sigma`, radians, is how uncertain the vertical is: it moves heights by that share of the distance
    between the two objects, and distances by that share of their difference in height.
    """
    if len(extents) < 2:
        return {}
    # All pairs at once, in the order of combinations().
    a, b = np.triu_indices(len(extents), 1)
    turned = np.array([turn(extent.box, view) for extent in extents.values()])
    margins = _margins(list(extents.values()), a, b, tilt_sigma) @ np.abs(ROTATIONS[view]).T
    names = (f"{first}>{second}" for first, second in combinations(extents, 2))
    return dict(zip(names, relation(turned[a], turned[b], margins), strict=True))


def _margins(extents: list[Extent], a: np.ndarray, b: np.ndarray, tilt_sigma: float) -> np.ndarray:
    """Return (N, 3) metres along the camera's x, y and z that the noise of each pair could make a gap of.

    `a` and `b` (N,) number the pairs' extents.
    """
    own = np.array([extent.margin for extent in extents])
    margins = np.hypot(own[a], own[b])
    if tilt_sigma:
        centres = np.array([extent.seen for extent in extents]).mean(axis=1)
        x, y, z = np.abs(centres[a] - centres[b]).T
        margins += tilt_sigma * np.column_stack([y, np.hypot(x, z), y])
    return margins


def levels(extents: dict[str, Extent], view: str, min_gap: float) -> list[list[str]]:
    """Return the layers, nearest first, for a viewer who stands as far from the scene as the camera does."""
    if not extents:
        return []
    away = {key: turn(extent.seen, view)[:, 2] for key, extent in extents.items()}
    nearest = min(span[0] for span in away.values())
    distance = max(min(float(extent.seen[0, 2]) for extent in extents.values()), 0.1)
    return cluster_layers({key: (span - nearest + distance).tolist() for key, span in away.items()}, min_gap)
