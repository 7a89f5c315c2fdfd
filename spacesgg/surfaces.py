"""Which pixels under an instance mask show the object itself, and not what its mask spills on.

Masks are drawn or grown over the edge, depth has holes and flying pixels, monocular depth bleeds across edges,
projected LiDAR is sparse. What tells the object from the rest is continuity: a surface that goes on outside
the mask without a step is background; a surface that ends at the mask is the object.
"""

from typing import NamedTuple

import cv2
import numpy as np

MIN_POINTS = 10  # fewer returns than this cannot be told from strays
PAD_PX = 3  # how far outside the mask a surface is followed
SPARSE_COVERAGE = 0.25  # below this share of valid pixels the depth is projected LiDAR: no neighbours to compare
# Neighbours (3×3) of one surface differ by less: 1 % on a floor at 4 m, twice 2 % on a table top 30 cm below the
# camera. Ramps at soft edges are as steep as that, so there the limit is kept, else doubled.
STEP = 0.045
# A ring of spill, d pixels wide, leaks into the background along its whole length: 1/d of its pixels.
LEAK_SHARE = 0.08
LEAK_WEIGHT = 0.05  # a surface that leaks is taken for the object only where nothing else is of any size
GAP = 0.08  # parts of one object follow each other in depth more closely than this share of it
BEHIND_SHARE = 0.5  # what lies behind such a gap is seen through the object, unless it is as large as this
FRONT_SHARE = 0.1  # what lies before such a gap is an occluder's edge or strays, unless it is as large as this
# Where edges are soft, so far into the mask neither its edge nor the depth is trusted.
SOFT_RIM_FRACTION = 0.15  # of the square root of the mask's area
SOFT_RIM_PX = 8  # a mask grown by 5 pixels and half a ramp of 6
MIN_CORE_SHARE = 0.1  # of the object's pixels that must be left of it
LEAK_AROUND = 0.3  # of the object's few pixels that go on outside: then they are another object's
FEW_SHARE = 0.15  # of the mask
KERNEL = np.ones((3, 3), np.uint8)


class Surface(NamedTuple):
    """The object's own pixels within `window` of the image, (h, w) bool each."""

    window: tuple[slice, slice]
    silhouette: np.ndarray  # the mask without what is known to be background
    pixels: np.ndarray  # those whose depth is the object's
    around: np.ndarray  # just outside the mask
    sparse: bool


def find_surface(depth: np.ndarray, mask: np.ndarray, soft: bool) -> Surface | None:
    """Return the object's pixels; depth (H, W), larger = farther, 0 = none, in any unit; mask (H, W) bool.

    `soft` says that depth crosses edges in ramps (depth_edges.py). None when fewer than MIN_POINTS pixels under
    the mask have depth, or when the few that do show what surrounds the object.
    """
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width:
        return None
    window = np.s_[max(y - PAD_PX, 0) : y + height + PAD_PX, max(x - PAD_PX, 0) : x + width + PAD_PX]
    inside, z = np.ascontiguousarray(mask[window]), np.ascontiguousarray(depth[window], np.float32)
    area = cv2.countNonZero(inside.view(np.uint8))
    seen = inside & (z > 0)
    count = cv2.countNonZero(seen.view(np.uint8))
    if count < MIN_POINTS:
        return None
    around = cv2.dilate(inside.view(np.uint8), KERNEL, iterations=PAD_PX) - inside.view(np.uint8) > 0
    if count < SPARSE_COVERAGE * area and not _is_dense(z, around):
        return Surface(window, inside, _main_cluster(z, seen), around, True)
    pixels, silhouette = _connected(z, inside, seen, STEP if soft else 2 * STEP)
    if np.count_nonzero(pixels) < FEW_SHARE * area and _goes_on(z, pixels, inside):
        return None
    if soft:
        pixels = _core(pixels, inside, area)
    return Surface(window, silhouette | pixels, pixels, around, False) if pixels.any() else None


def _is_dense(z: np.ndarray, around: np.ndarray) -> bool:
    """Return whether the map is dense next to the object: then the object's own depth is lost, not sparse."""
    return np.count_nonzero(around & (z > 0)) > SPARSE_COVERAGE * np.count_nonzero(around)


def _goes_on(z: np.ndarray, pixels: np.ndarray, inside: np.ndarray) -> bool:
    """Return whether most of the pixels go on outside the mask without a step: they are another object's."""
    outside = np.where(inside, 0, z)
    reach = np.ones((2 * PAD_PX + 1, 2 * PAD_PX + 1), np.uint8)
    farthest = cv2.dilate(outside, reach)
    nearest = cv2.erode(np.where(outside > 0, outside, np.float32(1e30)), reach)
    continued = (farthest >= z * (1 - STEP)) & (nearest <= z * (1 + STEP))
    return np.count_nonzero(pixels & continued) > LEAK_AROUND * np.count_nonzero(pixels)


def _core(pixels: np.ndarray, inside: np.ndarray, area: int) -> np.ndarray:
    """Return the pixels far enough from the mask's edge, or as far as leaves enough of them."""
    padded = np.pad(inside.view(np.uint8), 1)  # so that the image's border erodes like any other
    enough = max(MIN_POINTS, MIN_CORE_SHARE * np.count_nonzero(pixels))
    for rim in range(min(SOFT_RIM_PX, round(SOFT_RIM_FRACTION * area**0.5)), 0, -1):
        core = pixels & (cv2.erode(padded, KERNEL, iterations=rim)[1:-1, 1:-1] > 0)
        if np.count_nonzero(core) >= enough:
            return core
    return pixels


def _connected(z: np.ndarray, inside: np.ndarray, seen: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of the connected, step-free surfaces that end at the mask, and the mask without the rest.

    What the rest leaves are the surfaces kept, holes, and pixels at steps or on parts too thin to tell.
    """
    valid = z > 0
    farthest = cv2.dilate(z, KERNEL)
    nearest = cv2.erode(np.where(valid, z, np.float32(1e30)), KERNEL)
    smooth = valid & (farthest <= nearest * np.float32(1 + step))
    parts, labels, stats, _ = cv2.connectedComponentsWithStats((smooth & inside).view(np.uint8), connectivity=4)
    if parts < 2:
        return _main_cluster(z, seen), inside  # too thin for neighbourhoods
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = 0
    outside = cv2.dilate((smooth & ~inside).view(np.uint8), KERNEL) > 0
    leaks = np.bincount(labels[outside & inside], minlength=parts) / np.maximum(areas, 1)
    leaky = leaks > LEAK_SHARE
    main = int(np.argmax(areas * np.where(leaky, LEAK_WEIGHT, 1.0)))
    kept = np.zeros(parts, bool)
    kept[main] = True
    large = [part for part in range(1, parts) if part == main or areas[part] >= max(4, 0.005 * areas[main])]
    spans = {part: np.percentile(z[labels == part], (5, 95)) for part in large}
    near, far = spans[main]
    # Parts are added from the nearest gap on, so that each may bridge the way to the next.
    waiting = [part for part in large if part != main and not leaky[part]]
    while waiting:
        gaps = [max(spans[part][0] / far, near / spans[part][1], 1.0) - 1 for part in waiting]
        best = int(np.argmin(gaps))
        part, gap = waiting.pop(best), gaps[best]
        behind = spans[part][0] > near
        if gap <= GAP or areas[part] >= (BEHIND_SHARE if behind else FRONT_SHARE) * areas[main]:
            kept[part] = True
            near, far = min(near, spans[part][0]), max(far, spans[part][1])
    # One pixel back: the test over 3×3 neighbours took the outermost pixels of each surface too.
    grown = cv2.dilate(kept[labels].view(np.uint8), KERNEL) > 0
    pixels = grown & seen & (z >= near * (1 - STEP)) & (z <= far * (1 + STEP))
    rejected = ~kept
    rejected[0] = False
    return pixels, inside & ~rejected[labels]


def _main_cluster(z: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the pixels of the largest run of depths without a gap; of two alike, the nearer."""
    values = np.sort(z[seen])
    starts = np.flatnonzero(values[1:] > values[:-1] * (1 + GAP)) + 1
    runs = np.split(values, starts)
    # Spill is behind its object, so a nearer run half as large as the largest is the object.
    largest = max(len(run) for run in runs)
    run = next(run for run in runs if len(run) >= 0.5 * largest)
    return seen & (z >= run[0]) & (z <= run[-1])
