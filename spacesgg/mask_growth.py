"""By how many pixels the masks of a frame are grown over the edges of their objects.

Where depth crosses an edge in a ramp, the edge is half-way between the two surfaces. One edge may wander by some
pixels, but how far inside the masks the edges of a frame are in the middle tells how these were drawn.
"""

from collections.abc import Iterable

import cv2
import numpy as np

from spacesgg.quantiles import percentiles

LINES = 16  # rows, and columns, of a mask that are followed inwards from both of their ends
OUTSIDE_PX = 3  # from the mask's edge, where the background is looked at
INSIDE_PX = 12  # masks are grown by less, half a ramp included
CONTRAST = 1.2  # times nearer than the background is the object, or the edge is not taken
MIN_LINES = 30  # of all masks together
# The last pixels are left: outlines of depth, and of masks, wander.
SPARE_PX = 1.5
STEPS = np.arange(-OUTSIDE_PX, INSIDE_PX + 1)


def find_growth(depth: np.ndarray, masks: Iterable[np.ndarray]) -> float:
    """Return by how many pixels the (H, W) bool masks are grown, 0 where the depth (H, W) does not tell.

    Depth is larger for what is farther, in any unit, 0 = none.
    """
    places = [np.concatenate(_lines(mask), axis=1) for mask in masks if mask.any()]
    if not places:
        return 0.0
    row, column, down, right = np.concatenate(places, axis=1)[..., None]
    rows, columns = row + down * STEPS, column + right * STEPS
    height, width = depth.shape
    whole = ((rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)).all(axis=1)
    z = depth[rows[whole], columns[whole]]
    inverse = 1 / z[(z > 0).all(axis=1)]
    background, own = inverse[:, 0], inverse[:, OUTSIDE_PX:].max(axis=1, initial=0)
    edges = own > CONTRAST * background
    if np.count_nonzero(edges) < MIN_LINES:
        return 0.0
    inverse, half = inverse[edges], (own + background)[edges] / 2
    first = (inverse >= half[:, None]).argmax(axis=1)
    number = np.arange(len(first))
    before, there = inverse[number, first - 1], inverse[number, first]
    inwards = STEPS[first] - (there - half) / (there - before)
    # The edge of a mask is half a pixel outside its outermost pixels' middles.
    return max(percentiles(inwards, (50,))[0] + 0.5, 0.0)


def _lines(mask: np.ndarray) -> list[np.ndarray]:
    """Return (4, n) each: row and column of outermost pixels of the (H, W) mask, steps down and right inwards."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    own = mask[y : y + height, x : x + width]
    found = []
    for along, corner in ((own, (y, x)), (own.T, (x, y))):
        numbers = np.arange(min(LINES, len(along))) * len(along) // min(LINES, len(along))
        lines = along[numbers]
        some = lines.any(axis=1)
        numbers, lines = numbers[some], lines[some]
        still = np.zeros_like(numbers)
        for end, inwards in ((lines.argmax(axis=1), 1), (lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1), -1)):
            line, place = numbers + corner[0], end + corner[1]
            step = still + inwards
            found.append(np.array((line, place, still, step) if along is own else (place, line, step, still)))
    return found


def trimmed(mask: np.ndarray, growth: float) -> np.ndarray:
    """Return the (H, W) bool mask without the `growth` pixels by which it is grown, if that leaves anything.

    What the picture's border cuts is not trimmed there.
    """
    rim = int(growth - SPARE_PX)
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if rim <= 0 or not width:
        return mask
    window = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    inner = cv2.erode(np.ascontiguousarray(mask[window]).view(np.uint8), kernel).view(bool)
    if not inner.any():
        return mask
    whole = np.zeros_like(mask)
    whole[window] = inner
    return whole
