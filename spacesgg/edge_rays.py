"""What the upper and the lower edge of a silhouette tell of an object whose depth is missing there.

The ray of a pixel comes down to a known height, that of the object's top or of the ground, only so far away.
"""

import numpy as np

from spacesgg.frame import ENDLESS_M, Frame
from spacesgg.outlines import Outline
from spacesgg.quantiles import percentiles
from spacesgg.surfaces import Surface

# The edges of a silhouette are taken so far within it: masks are grown, those of soft depth more.
GROWTH_PX = 1
SOFT_GROWTH_PX = 3
TOP_PERCENT = 90.0  # of the upper edge's columns: single ones are strays
MIN_FALL = 0.02  # metres down per metre away: flatter rays tell nothing of where they meet a height
BELOW_PX = 5  # below the lower edge, as it is taken, the ground is looked for
FOOT_PERCENT = 10.0  # of the lower edge's columns
MIN_FOOT_COLUMNS = 3
END_MARGIN_M = 0.02


def top_reach(frame: Frame, surface: Surface, outline: Outline, top: float, side: int = 1) -> float:
    """Return how far back, in levelled metres, the upper edge of the silhouette proves the object to go.

    No point of the object is higher than its top. The ray of a pixel on the upper edge comes down to that height
    only so far away, and can meet the object no sooner, whatever depth is missing there: so does the far edge of
    a table's top.
    """
    upper = outline.sides[2]
    away = _meet(frame, *_inwards(frame, surface, outline.rows[upper], outline.columns[upper], side), top)
    return percentiles(away, (TOP_PERCENT,))[0] if len(away) else -np.inf


def top_end(frame: Frame, surface: Surface, outline: Outline, top: float, whole: bool) -> float:
    """Return how far back, in levelled metres, a level top can go at most: beyond, it would show above the mask.

    Infinity where the top is hidden in part, or not below the camera.
    """
    reach = top_reach(frame, surface, outline, top, -1) if whole else -np.inf
    return reach + END_MARGIN_M if reach > 0 else np.inf


def foot(frame: Frame, surface: Surface, outline: Outline) -> float:
    """Return how near, in levelled metres, the lower edge of the silhouette is where it stands on the ground.

    The thin foot of a coat rack that points to the camera returns no depth, but what is seen below it is ground.
    Infinity where no ground is seen there.
    """
    if frame.ground_height is None or surface.sparse:
        return np.inf
    lower = outline.sides[3]
    row, column = _inwards(frame, surface, outline.rows[lower], outline.columns[lower], -1)
    below = np.minimum(row + BELOW_PX, frame.depth.shape[0] - 1)
    stands = frame.sight_at(below, column)[0] >= ENDLESS_M
    away = _meet(frame, row[stands], column[stands], frame.ground_height)
    return percentiles(away, (FOOT_PERCENT,))[0] if len(away) > MIN_FOOT_COLUMNS else np.inf


def _inwards(
    frame: Frame, surface: Surface, rows: np.ndarray, columns: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) rows, moved into the mask by as much as it may be grown, and columns, both in the image.

    `rows` and `columns` (N,) count within the surface's window; `side` is 1 where the mask is below, else −1.
    """
    rows = rows * surface.step + surface.window[0].start + side * (SOFT_GROWTH_PX if frame.soft else GROWTH_PX)
    return np.clip(rows, 0, frame.depth.shape[0] - 1), columns * surface.step + surface.window[1].start


def _meet(frame: Frame, rows: np.ndarray, columns: np.ndarray, height: float) -> np.ndarray:
    """Return how far away, in levelled metres, rays of pixels (N,) come down to `height`, metres below the camera.

    Rays that hardly fall are left out.
    """
    _, down, away = frame.directions(rows, columns)
    falling = down > MIN_FALL
    return away[falling] * np.float32(height) / down[falling] if height > 0 else away[:0]
