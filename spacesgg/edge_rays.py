"""What the upper and the lower edge of a silhouette tell of an object whose depth is missing there.

The ray of a pixel comes down to a known height, that of the object's top or of the ground, only so far away.
"""

import numpy as np

from spacesgg.frame import ENDLESS_M, Frame
from spacesgg.outlines import Edges
from spacesgg.quantiles import of_parts, of_rows

# The edges of a silhouette are taken so far within it: masks are grown, those of soft depth more.
GROWTH_PX = 1
SOFT_GROWTH_PX = 2
TOP_PERCENT = 90.0  # of the upper edge's columns: single ones are strays
SOFT_TOP_PERCENT = 97.0  # of trimmed masks and smooth depth no columns are: the farthest corner is told
MIN_FALL = 0.02  # metres down per metre away: flatter rays tell nothing of where they meet a height
BELOW_PX = 5  # below the lower edge, as it is taken, the ground is looked for
FOOT_PERCENT = 10.0  # of the lower edge's columns
MIN_FOOT_SHARE = 0.06  # of the lower edge's columns: fewer are strays
END_MARGIN_M = 0.02
TOP_ERROR_M = 0.01  # of a top's height: the flatter its rays, the farther they come down to it
FALL_PX = 3  # by which the upper edge must have come down at its end
FARTHER = 0.04  # background beyond a far side is farther by this share
END_SHARE = 0.15  # of the upper edge's columns


def top_reach(frame: Frame, edges: Edges, top: np.ndarray, side: int = 1) -> np.ndarray:
    """Return (n,) how far back, in levelled metres, the upper edges of silhouettes prove n objects to go.

    No point of an object is higher than its top, `top` (n,) metres down from the camera. The ray of a pixel on the
    upper edge comes down to that height only so far away, and can meet the object no sooner, whatever depth is
    missing there: so does the far edge of a table's top. −infinity where nothing is told.
    """
    upper = edges.side("top")
    away, count = _meet(frame, *_inwards(frame, upper, side), top)
    return _percentile(away, count, SOFT_TOP_PERCENT if frame.soft else TOP_PERCENT, -np.inf)


def top_end(frame: Frame, edges: Edges, top: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return (n,) how far back, in levelled metres, level tops can go at most.

    Beyond, they would show above the mask. Infinity where the top is hidden in part, and not `whole` (n,) bool, or
    not below the camera.
    """
    reach = np.where(whole, top_reach(frame, edges, top, -1), -np.inf)
    return np.where(reach > 0, reach * (1 + TOP_ERROR_M / np.maximum(top, TOP_ERROR_M)) + END_MARGIN_M, np.inf)


def falls_aside(frame: Frame, edges: Edges, top: np.ndarray) -> np.ndarray:
    """Return (n, 2) bool: whether the far sides of level tops come nearer towards their left and their right ends.

    Then a top, which is convex, does so beyond these ends too, where something may hide it.
    """
    upper = edges.side("top")
    met = away(frame, *_inwards(frame, upper, -1), top)
    far = of_rows(np.sort(met, axis=1), TOP_PERCENT)[:, None]
    raised = np.maximum(upper.rows - FALL_PX, 0)
    reached, _ = frame.sight_at(raised, upper.columns)
    above = reached * frame.directions(raised, upper.columns)[2]
    # What stands on the top, or before it, cuts its edge: it seems to come nearer.
    falls = (away(frame, raised, upper.columns, top) < far) & ((reached == 0) | (above > met * (1 + FARTHER)))
    count = max(1, round(END_SHARE * falls.shape[1]))
    return np.stack([falls[:, :count].all(axis=1), falls[:, -count:].all(axis=1)], axis=1)


def foot(frame: Frame, edges: Edges, sparse: np.ndarray) -> np.ndarray:
    """Return (n,) how near, in levelled metres, the lower edges of silhouettes are where they stand on the ground.

    The thin foot of a coat rack that points to the camera returns no depth, but what is seen below it is ground.
    Infinity where no ground is seen there, or its depth is `sparse` (n,) bool.
    """
    if frame.ground_height is None or sparse.all():
        return np.full(len(sparse), np.inf)
    rows, columns = _inwards(frame, edges.side("bottom"), -1)
    below = np.minimum(rows + BELOW_PX, frame.depth.shape[0] - 1)
    stands = frame.sight_at(below, columns)[0] >= ENDLESS_M
    away, count = _meet(frame, rows, columns, np.full(len(rows), frame.ground_height), stands)
    enough = (count > MIN_FOOT_SHARE * rows.shape[1]) & ~sparse
    return np.where(enough, _percentile(away, count, FOOT_PERCENT, np.inf), np.inf)


def _inwards(frame: Frame, pixels: Edges, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, m) rows, moved into the mask by as much as it may be grown, and columns.

    `side` is 1 where the mask is below, else −1.
    """
    rows = pixels.rows + side * (SOFT_GROWTH_PX if frame.soft else GROWTH_PX)
    return np.clip(rows, 0, frame.depth.shape[0] - 1), pixels.columns


def _meet(
    frame: Frame, rows: np.ndarray, columns: np.ndarray, height: np.ndarray, chosen: np.ndarray | bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, m) how far away, in levelled metres, rays of pixels come down to `height` (n,) below the camera.

    Of each n they are in ascending order, those of rays that hardly fall, or are not `chosen` (n, m), endless and
    last; how many (n,) are not is returned too.
    """
    met = np.where(chosen, away(frame, rows, columns, height), ENDLESS_M)
    return np.sort(met, axis=1), np.count_nonzero(met < ENDLESS_M, axis=1)


def away(frame: Frame, rows: np.ndarray, columns: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return (n, m) how far away, in levelled metres, rays of pixels come down to `height` (n,) below the camera.

    Rays that hardly fall are endless.
    """
    _, down, away = frame.directions(rows, columns)
    falling = (down > MIN_FALL) & (height > 0)[:, None]
    return np.where(falling, away * height[:, None] / np.where(falling, down, 1), ENDLESS_M)


def _percentile(ordered: np.ndarray, counts: np.ndarray, percent: float, none: float) -> np.ndarray:
    """Return (n,) a percentile of the first `counts` (n,) of (n, m) ascending values, `none` of no values."""
    found = of_parts(ordered, np.zeros((len(counts), 1), np.intp), counts[:, None], percent)[:, 0]
    return np.where(counts > 0, found, none)
