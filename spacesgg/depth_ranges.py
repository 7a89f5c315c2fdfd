"""The depth range of one object, from the depth under its mask."""

import cv2
import numpy as np

MIN_POINTS = 10  # fewer returns than this cannot be told from strays
# A mask drawn or grown by some pixels covers background along its rim, and depth bleeds there too.
RIM_FRACTION = 0.04  # of the square root of the mask's area
MAX_RIM_PX = 6
SPARSE_COVERAGE = 0.25  # below this share of valid pixels the depth is projected LiDAR: nothing to erode
# Within one solid object neighbouring depths differ less than this; a larger step leads to another surface.
STEP_LOG = 0.05
# A surface with less than this share of the main one's points is spill, not a part of the object.
MIN_SHARE = 0.25
TAIL_PERCENT = 2.0  # flying pixels and noise


def depth_range(depth: np.ndarray, mask: np.ndarray) -> list[float] | None:
    """Return [near, far] in the units of `depth` (H, W), larger = farther, 0 = none, under `mask` (H, W) bool.

    None when fewer than MIN_POINTS pixels under the mask have depth. The rim of dense masks is left out;
    the sorted log depths are cut at steps, and the surfaces that hold a fair share of the points are kept.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mask, depth = mask[window], depth[window]
    area = np.count_nonzero(mask)
    valid = mask & (depth > 0)
    rim = min(MAX_RIM_PX, round(RIM_FRACTION * area**0.5))
    if rim and np.count_nonzero(valid) > SPARSE_COVERAGE * area:
        padded = np.pad(mask.astype(np.uint8), 1)  # so that the window's edge erodes like any other
        core = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=rim)[1:-1, 1:-1] > 0
        if np.count_nonzero(core & valid) >= max(MIN_POINTS, 0.3 * np.count_nonzero(valid)):
            valid &= core
    values = np.sort(depth[valid])
    if len(values) < MIN_POINTS:
        return None
    surfaces = np.split(values, np.flatnonzero(np.diff(np.log(values)) > STEP_LOG) + 1)
    main = max(len(surface) for surface in surfaces)
    kept = np.concatenate([surface for surface in surfaces if len(surface) >= MIN_SHARE * main])
    near, far = np.percentile(kept, (TAIL_PERCENT, 100 - TAIL_PERCENT))
    return [float(near), float(far)]
