"""Which pixels of an object to trust where depth crosses edges in ramps, as that of monocular networks does."""

import cv2
import numpy as np

from spacesgg.parts import GAP, STEP, main_part, span_of, without_steps
from spacesgg.quantiles import percentiles

MIN_POINTS = 10
# So far into the mask neither its edge nor the depth is trusted.
SOFT_RIM_PX = 5  # what trimming leaves of a mask's growth (mask_growth.py), and half a ramp of 6
MIN_CORE_SHARE = 0.1  # of the object's pixels that must be left of it
LEVEL_STEP = 0.035  # soft depth is without noise
SOFT_RIVAL_SHARE = 0.2  # ramps have eaten most of what is narrow
MAX_SPREAD = 1.2  # from the near to the far side of what is not thin, but for long tables seen end-on
RIDGE_PX = 5  # half a leg and a ramp
EDGE_PX = 2  # what is nearer to the mask's edge is another's
RAMP_SPREAD = 1.2  # times as far as its near end a ramp's far end is
RAMP_LEVEL = 0.2  # of the pixels: of a surface more are level
NARROW_PX = 7  # from the middle of a thing to the edge of its trimmed mask: ramps reach so far
CREST_PERCENT = 60.0


def trusted(z: np.ndarray, pixels: np.ndarray, inside: np.ndarray, step: int) -> np.ndarray:
    """Return those of an object's `pixels` (h, w) whose depth z (h, w) is its own and no mixture.

    `inside` (h, w) bool is its mask; neighbours are `step` pixels of the image apart. Where no pixel's depth is
    sure to be the object's, all that may be are returned.
    """
    distance = step * cv2.distanceTransform(np.pad(inside.view(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    found = _ridge(z, _nearest_parts(z, _core(pixels, distance)), inside, step)
    if _are_ramps(z, found):
        return (distance > EDGE_PX) & (z > 0) & (z <= np.float32(span_of(z, found)[1]))
    return _crest(z, found) if percentiles(distance[found], (50,))[0] < NARROW_PX else found


def _core(pixels: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the pixels far from the mask's edge, `distance` (h, w) pixels, or as far as leaves enough of them."""
    distances = distance[pixels]
    enough = max(MIN_POINTS, MIN_CORE_SHARE * len(distances))
    if len(distances) <= enough:
        return pixels
    rim = float(np.partition(distances, -int(enough))[-int(enough)])
    return pixels & (distance >= min(rim, SOFT_RIM_PX))


def _are_ramps(z: np.ndarray, pixels: np.ndarray) -> bool:
    """Return whether all that is left of an object leads from one depth to another: it is thinner than a ramp."""
    near, far = span_of(z, pixels)
    level = np.count_nonzero(pixels & without_steps(z, LEVEL_STEP))
    return far > RAMP_SPREAD * near and level < RAMP_LEVEL * np.count_nonzero(pixels)


def _crest(z: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return the nearer ones of a narrow object's pixels: from its middle on ramps lead off to what is behind."""
    crest = pixels & (z <= np.float32(percentiles(z[pixels], (CREST_PERCENT,))[0]))
    return crest if np.count_nonzero(crest) >= MIN_POINTS else pixels


def _nearest_parts(z: np.ndarray, core: np.ndarray) -> np.ndarray:
    """Return the pixels of the core's level parts that are its nearest, and follow each other without a gap.

    What shows between the legs of a tripod, or through the back of a chair, lies far from the edge of a grown
    mask, and only ramps part it from the object.
    """
    level = core & without_steps(z, LEVEL_STEP)
    parts, labels = cv2.connectedComponents(level.view(np.uint8), connectivity=4)
    areas = np.bincount(labels.ravel(), minlength=parts).astype(float)
    areas[0] = 0
    spans = {int(part): span_of(z, labels == part) for part in np.flatnonzero(areas >= MIN_POINTS)}
    if len(spans) < 2:
        return core
    main = main_part(spans, areas, SOFT_RIVAL_SHARE)
    near, far = spans.pop(main)
    for span in sorted(spans.values(), key=lambda span: max(span[0] / far, near / span[1])):
        if max(span[0] / far, near / span[1]) <= 1 + GAP:
            near, far = min(near, span[0]), max(far, span[1])
    return core & (z >= np.float32(near * (1 - STEP))) & (z <= np.float32(far * (1 + STEP)))


def _ridge(z: np.ndarray, pixels: np.ndarray, inside: np.ndarray, step: int) -> np.ndarray:
    """Return those of an object's pixels that are as near as any around them, where its depths lie too far apart.

    Of a tripod's leg, thinner than a ramp, only the middle comes near to its own depth.
    """
    near, far = span_of(z, pixels)
    if far <= MAX_SPREAD * near:
        return pixels
    size = 2 * round(RIDGE_PX / step) + 1
    nearest = cv2.erode(z + ~(inside & (z > 0)) * np.float32(1e30), np.ones((size, size), np.uint8))
    ridge = pixels & (z <= nearest * np.float32(1 + STEP))
    return ridge if np.count_nonzero(ridge) >= MIN_POINTS else pixels
