"""Who is left, above and in front of whom, from the objects' 3D extents, seen from four sides.

Frame: x right, y down, z forward, metres, levelled so that y is gravity. An extent is
[[x_min, y_min, z_min], [x_max, y_max, z_max]]. Signs are those of FORMATS.md §2.
"""

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from spacesgg.extents import Extent
from spacesgg.layers import cluster_layers

MIN_AWAY_M = 0.1
MOST_APART = 0.4  # metres aside at one metre away: farther apart scale drifts no more from one to the other
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
    return _signs(a, b, margin).tolist()


def _signs(a: np.ndarray, b: np.ndarray, margin: np.ndarray) -> np.ndarray:
    before, after = b[..., 0, :] - a[..., 1, :] > margin, a[..., 0, :] - b[..., 1, :] > margin
    return after.astype(int) - before


def order_lists(extents: dict[str, Extent], tilt_sigma: float = 0.0) -> dict[str, dict[str, list[int]]]:
    """Return view → "KEY_A>KEY_B" → [left, up, front], one entry per unordered pair, as seen from that side.

    `tilt_sigma`, radians, is how uncertain the vertical is: it moves heights by that share of the distance
    between the two objects, and distances by that share of their difference in height.
    """
    if len(extents) < 2:
        return {view: {} for view in VIEWS}
    # All pairs at once, in the order of combinations().
    a, b = np.triu_indices(len(extents), 1)
    boxes = np.array([extent.box for extent in extents.values()])
    front = _signs(boxes[a], boxes[b], _margins(list(extents.values()), a, b, tilt_sigma))
    names = [f"{first}>{second}" for first, second in combinations(extents, 2)]
    # Turned with the scene, an axis only changes its name, or which of its ends comes first.
    return {view: dict(zip(names, (front @ ROTATIONS[view].T).tolist(), strict=True)) for view in VIEWS}


def with_every_pair(
    orders: dict[str, dict[str, list[int]]], keys: Iterable[str]
) -> dict[str, dict[str, list[int]]]:
    """Return `order_lists` with every pair of `keys`, in their order; of pairs that have none nothing is said."""
    names = [f"{first}>{second}" for first, second in combinations(keys, 2)]
    return {view: {name: order.get(name, [0, 0, 0]) for name in names} for view, order in orders.items()}


def order_list(extents: dict[str, Extent], view: str, tilt_sigma: float = 0.0) -> dict[str, list[int]]:
    """Return the one of `order_lists` that is seen from `view`."""
    return order_lists(extents, tilt_sigma)[view]


def _margins(extents: list[Extent], a: np.ndarray, b: np.ndarray, tilt_sigma: float) -> np.ndarray:
    """Return (N, 3) metres along the camera's x, y and z that the noise of each pair could make a gap of.

    `a` and `b` (N,) number the pairs' extents.
    """
    own = np.array([extent.margin for extent in extents])
    margins = np.hypot(own[a], own[b])
    drift = np.array([extent.drift for extent in extents])
    if drift.any():
        centres = np.array([extent.centre for extent in extents])
        rays = centres[:, :2] / np.maximum(centres[:, 2:], MIN_AWAY_M)
        apart = np.minimum(np.hypot(*(rays[a] - rays[b]).T), MOST_APART)
        margins[:, 2] += np.minimum(drift[a], drift[b]) * apart
    if tilt_sigma:
        centres = np.array([extent.seen for extent in extents]).mean(axis=1)
        x, y, z = np.abs(centres[a] - centres[b]).T
        margins += tilt_sigma * np.column_stack([y, np.hypot(x, z), y])
    return margins


def levels(extents: dict[str, Extent], view: str, min_gap: float) -> list[list[str]]:
    """Return the layers, nearest first, for a viewer who stands as far from the scene as the camera does."""
    if not extents:
        return []
    seen = np.array([extent.seen for extent in extents.values()])
    away = np.sort(seen @ ROTATIONS[view][2], axis=1)
    away += max(float(seen[:, 0, 2].min()), 0.1) - away.min()
    return cluster_layers(dict(zip(extents, away.tolist(), strict=True)), min_gap)
