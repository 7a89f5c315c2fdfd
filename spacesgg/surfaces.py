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
# Neighbours (3×3) of one surface differ by less: 0.5 % per pixel on a floor at 4 m, 3 sigma of a Kinect at 5 m.
STEP = 0.045
# A ring of spill, d pixels wide, leaks into the background along its whole length: 1/d of its pixels.
LEAK_SHARE = 0.08
LEAK_WEIGHT = 0.05  # a surface that leaks is taken for the object only where nothing else is of any size
GAP = 0.08  # parts of one object follow each other in depth more closely than this share of it
BEHIND_SHARE = 0.5  # what lies behind such a gap is seen through the object, unless it is as large as this
FRONT_SHARE = 0.1  # what lies before such a gap is an occluder's edge or strays, unless it is as large as this
RIM_FRACTION = 0.04  # of the square root of the mask's area: how far masks and depth edges disagree
MAX_RIM_PX = 6
KERNEL = np.ones((3, 3), np.uint8)


class Surface(NamedTuple):
    """The object's own pixels within `window` of the image, (h, w) bool each."""

    window: tuple[slice, slice]
    mask: np.ndarray  # as given
    pixels: np.ndarray  # with depth that is the object's
    core: np.ndarray  # of those, the ones far enough from the mask's rim for their depth to be trusted
    sparse: bool


def find_surface(depth: np.ndarray, mask: np.ndarray) -> Surface | None:
    """Return the object's pixels; depth (H, W), larger = farther, 0 = none, in any unit; mask (H, W) bool.

    None when fewer than MIN_POINTS pixels under the mask have depth.
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
    if count < SPARSE_COVERAGE * area:
        pixels = _main_cluster(z, seen)
        return Surface(window, inside, pixels, pixels, True)
    pixels = _connected(z, inside, seen)
    if np.count_nonzero(pixels) < MIN_POINTS:
        pixels = _main_cluster(z, seen)  # too thin for neighbourhoods
    core = pixels
    rim = min(MAX_RIM_PX, round(RIM_FRACTION * area**0.5))
    if rim:
        padded = np.pad(inside.view(np.uint8), 1)  # so that the image's border erodes like any other
        eroded = pixels & (cv2.erode(padded, KERNEL, iterations=rim)[1:-1, 1:-1] > 0)
        if np.count_nonzero(eroded) >= max(MIN_POINTS, 0.3 * np.count_nonzero(pixels)):
            core = eroded
    return Surface(window, inside, pixels, core, False)


def _connected(z: np.ndarray, inside: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the pixels of the connected, step-free surfaces that end at the mask."""
    valid = z > 0
    farthest = cv2.dilate(z, KERNEL)
    nearest = cv2.erode(np.where(valid, z, np.float32(1e30)), KERNEL)
    smooth = valid & (farthest <= nearest * np.float32(1 + STEP))
    parts, labels, stats, _ = cv2.connectedComponentsWithStats((smooth & inside).view(np.uint8), connectivity=4)
    if parts < 2:
        return np.zeros_like(inside)
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = 0
    outside = cv2.dilate((smooth & ~inside).view(np.uint8), KERNEL) > 0
    leaks = np.bincount(labels[outside & inside], minlength=parts) / np.maximum(areas, 1)
    leaky = leaks > LEAK_SHARE
    main = int(np.argmax(areas * np.where(leaky, LEAK_WEIGHT, 1.0)))
    kept = np.zeros(parts, bool)
    kept[main] = True
    large = [part for part in range(1, parts) if areas[part] >= max(4, 0.005 * areas[main])]
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
    return grown & seen & (z >= near * (1 - STEP)) & (z <= far * (1 + STEP))


def _main_cluster(z: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the pixels of the largest run of depths without a gap; of two alike, the nearer."""
    values = np.sort(z[seen])
    starts = np.flatnonzero(values[1:] > values[:-1] * (1 + GAP)) + 1
    runs = np.split(values, starts)
    # Spill is behind its object, so a nearer run half as large as the largest is the object.
    largest = max(len(run) for run in runs)
    run = next(run for run in runs if len(run) >= 0.5 * largest)
    return seen & (z >= run[0]) & (z <= run[-1])
