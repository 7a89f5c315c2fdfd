"""Where the hidden side of a thing ends that is alike around an upright axis: as far from it as the side in sight.

The axis is told by the rows of its silhouette both of whose ends are in sight, as those of a lamp's stem.
"""

import numpy as np

from spacesgg.frame import Frame
from spacesgg.outlines import Edges
from spacesgg.quantiles import percentiles

MIN_ROWS = 3  # of the rows looked at
MAX_SWAY = 0.2  # of the width: where the middles of the rows differ by more they tell no axis
MARGIN_M = 0.03


def limits(frame: Frame, edges: Edges, hidden: np.ndarray, most: np.ndarray, times: float) -> np.ndarray:
    """Return the lowest and the highest x, (2,) levelled metres, that a thing of these (1, 4, m) edges may reach.

    `hidden` (2, m) bool says where it may go on to the left and to the right, and `most` (2,) is the answer where
    no axis is found. It goes at most `times` as far from the axis as on its other side.
    """
    left, right = frame.levelled(edges.rows[0, :2], edges.columns[0, :2], edges.depth[0, :2])[0]
    free = ~hidden
    axis = _axis(left, right, free[0] & free[1])
    if axis is None:
        return most
    # Where a side goes farther in rows that hide it nothing tells its end, nor the other's.
    ends = left.min() > left[free[0]].min() - MARGIN_M, right.max() < right[free[1]].max() + MARGIN_M
    before, after = axis - left.min(), right.max() - axis
    low = axis - max(before, times * after + MARGIN_M) if hidden[0].any() and ends[1] else -np.inf
    high = axis + max(after, times * before + MARGIN_M) if hidden[1].any() and ends[0] else np.inf
    return np.array([max(most[0], low), min(most[1], high)])


def _axis(left: np.ndarray, right: np.ndarray, free: np.ndarray) -> float | None:
    """Return the x of the axis midway between the `left` and `right` (m,) ends of the `free` (m,) bool rows.

    Of feet and arms that point to one side the rows do not agree; narrow ones, as those of a stem, may. None where
    they do not either.
    """
    if np.count_nonzero(free) < MIN_ROWS:
        return None
    widths, middles = (right - left)[free], ((left + right) / 2)[free]
    for chosen in (middles, middles[widths <= np.median(widths)]):
        low, axis, high = percentiles(chosen, (10, 50, 90))
        if high - low <= MAX_SWAY * (right.max() - left.min()):
            return axis
    return None
