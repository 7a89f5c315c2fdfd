"""Things that return hardly any depth, and what they hide.

What is black or glossy, and a table's top seen at a grazing angle, has no depth; still what goes on behind it is
hidden. And between sparse returns only the masks tell where the nearer of two things ends.
"""

import cv2
import numpy as np

from spacesgg.frame import Frame, fill
from spacesgg.quantiles import percentiles
from spacesgg.surfaces import Surface

DARK_SHARE = 0.5  # of an object without depth
DARK_M = 1e-3  # nearer than anything
BODY_PERCENT = 3.0  # of the depths and heights that a dark thing does show
MAX_BODY = 1.4  # times as far as its near side a dark thing's top ends
MIN_FALL = 0.03  # metres down per metre of depth: flatter rays do not tell heights apart


def hide_behind(frame: Frame, things: list[tuple[np.ndarray, Surface | None]]) -> Frame:
    """Return the frame in which things that return hardly any depth hide what is behind them.

    `things` are the objects' (H, W) bool masks with the surfaces found under them. What is black or glossy, and a
    table's top seen at a grazing angle, has no depth; still a lamp whose pole ends there may go on behind it.
    """
    sight = _fill_masks(frame, things)
    for mask, surface in things:
        if surface is not None and not _is_dark(frame, mask, surface.window):
            continue
        x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
        window = np.s_[y : y + height, x : x + width]
        if _is_dark(frame, mask, window):
            sight = sight.copy() if sight is frame.sight else sight
            rows, columns = np.nonzero(mask[window] & (frame.sight[window] == 0))
            sight[rows + y, columns + x] = _body(frame, surface, rows + y, columns + x)
    return frame._replace(sight=sight)


def _fill_masks(frame: Frame, things: list[tuple[np.ndarray, Surface | None]]) -> np.ndarray:
    """Return the (H, W) sight, where depth is sparse filled by the masks: between returns they tell the edges."""
    sparse = [(mask, surface) for mask, surface in things if surface is not None and surface.sparse]
    if not sparse:
        return frame.sight
    sight = frame.sight.copy()
    for mask, surface in sorted(sparse, key=lambda thing: -_middle_depth(frame, thing[1])):
        inside = mask[surface.window]
        sight[surface.window][inside] = fill(frame.depth[surface.window], surface.pixels)[inside]
    return sight


def _middle_depth(frame: Frame, surface: Surface) -> float:
    return percentiles(frame.depth[surface.window][surface.pixels], (50,))[0]


def _is_dark(frame: Frame, mask: np.ndarray, window: tuple[slice, slice]) -> bool:
    """Return whether most pixels of the (H, W) mask in the window have no depth."""
    own = mask[window]
    return np.count_nonzero(own & (frame.sight[window] == 0)) > DARK_SHARE * np.count_nonzero(own)


def _body(frame: Frame, surface: Surface | None, rows: np.ndarray, columns: np.ndarray) -> np.ndarray | float:
    """Return (N,) metres: the depth, at pixels (N,), of a box with the surface's near side and a level top."""
    if surface is None:
        return DARK_M
    depth = frame.depth[surface.window][surface.pixels]
    heights = frame.window_directions(surface.window)[1][surface.pixels] * depth
    near, top = percentiles(depth, (BODY_PERCENT,))[0], percentiles(heights, (BODY_PERCENT,))[0]
    fall = frame.directions(rows, columns)[1]
    return np.clip(top / np.maximum(fall, MIN_FALL), near, MAX_BODY * near)
