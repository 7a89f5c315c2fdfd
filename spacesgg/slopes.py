"""How far away what goes on out of sight to the sides of an object is: at the slope of what is seen of it."""

import numpy as np

from spacesgg.quantiles import of_sorted

END_SHARE = 0.3  # of the points: a face's own slope is told next to where it goes on
ROUGH = 0.5  # of their width: points that lie farther off a line are of no surface, but of rungs and legs
MAX_SLOPE = 0.5  # metres back per metre aside that a face goes on at: steeper ones soon end
STRIP_WIDTHS = 2.0  # a strip that may go on unseen by more of its widths does not tell at what angle


def follow(box: np.ndarray, seen: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the (2, 3) box widened in z to where the (3, N) points' surface leads as it goes on in x.

    `seen` (2, 3) is the box before it was widened in x. A face seen at an angle goes on at that angle.
    """
    left, right = seen[0, 0] - box[0, 0], box[1, 0] - seen[1, 0]
    if left <= 0 and right <= 0:
        return box
    box = box.copy()
    for beyond, side in ((left, -1), (right, 1)):
        if beyond > 0:
            strip = beyond > STRIP_WIDTHS * (seen[1, 0] - seen[0, 0])
            slopes = (-MAX_SLOPE, MAX_SLOPE) if strip else (side * _slope_at(points, side),) * 2
            box[0, 2] = min(box[0, 2], seen[0, 2] + min(0.0, beyond * slopes[0]))
            box[1, 2] = max(box[1, 2], seen[1, 2] + max(0.0, beyond * slopes[1]))
    return box


def _slope_at(points: np.ndarray, side: int) -> float:
    """Return how many metres per metre of x the (3, N) points' surface recedes at its left (−1) or right end.

    0 where they are of no surface.
    """
    x, _, z = points
    ordered = np.sort(x)
    inner = of_sorted(ordered, 50 - side * (50 - 100 * END_SHARE))
    low, high = (ordered[0], inner) if side < 0 else (inner, ordered[-1])
    chosen = (x >= low) & (x <= high)
    x, z = x[chosen], z[chosen]
    x, z = x - x.mean(), z - z.mean()
    slope = x @ z / max(x @ x, 1e-9)
    if np.std(z - slope * x) > ROUGH * (high - low):
        return 0.0
    return float(np.clip(slope, -MAX_SLOPE, MAX_SLOPE))
