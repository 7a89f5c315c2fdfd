"""Which pixels under an instance mask show the object itself, and not what its mask spills on.

Masks are drawn or grown over the edge, depth has holes and flying pixels, monocular depth bleeds across edges,
projected LiDAR is sparse. What tells the object from the rest is continuity: a surface that goes on outside
the mask without a step is background; a surface that ends at the mask is the object.
"""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg import boxes, glimpses, soft_depth
from spacesgg.overlaps import find_foreign
from spacesgg.parts import GAP, KERNEL, RIVAL_SHARE, STEP, extremes, main_cluster, main_part, span_of
from spacesgg.sparse_returns import SPARSE_COVERAGE, Road, find_returns
from spacesgg.spill import beside, changes_one_way, find_spill, goes_on_beside

MIN_POINTS = 10  # fewer returns than this cannot be told from strays
# The side of a square as large as the mask: larger masks are seen at every second, third … pixel. The area counts,
# not the box, for the legs of a large table are thin.
MAX_SIDE_PX = 80
PAD_PX = 3  # how far outside the mask a surface is followed
STEEP_STEP = 0.12  # by as much on a table top 30 cm below the camera, 4 m away
STEEP_SHARE = 0.03  # of the main surface that a steep one must have
STEEP_RIM_PX = 2  # flying pixels beside the mask's edge are steep as well
MIN_RETURNS = 5  # of a sparse object that lie together
LEG_SHARE = 0.01
LEG_PX = 4  # flying pixels, of which two may agree by chance, are fewer
STRAY_PX = 1  # a single pixel whose neighbours agree by chance extends nothing
EDGE_PX = 4  # a mask grown by two pixels, and the step at the part's own edge
FARTHER_SHARE = 0.6  # of what is next to the part outside the mask
# A ring of spill, d pixels wide, leaks into the background along its whole length: 1/d of its pixels.
LEAK_SHARE = 0.08
LEAK_WEIGHT = 0.05  # a surface that leaks is taken for the object only where nothing else is of any size
MIN_PART = 0.005  # of the largest surface
# What lies behind a gap in depth is seen through the object; what lies before it is an occluder's edge or strays,
# unless it has this share of the main surface.
FRONT_SHARE = 0.1
FEW_SHARE = 0.15  # of the mask; an object with fewer pixels is thin, or has lost its depth
MEDIAN = (50.0,)
MIDDLE = 0.7  # of the greatest distance to the mask's edge that pixels next to it have
MIDDLE_KERNEL = np.ones((7, 7), np.uint8)  # across half a thin leg in its mask
SOFT_MIDDLE = 0.6  # of the greatest distance at all
OWN_SHARE = 0.3  # of the middle: with less the object stands where all around it is as far away
FLYING_SHARE = 0.08  # of the pixels along the middle of a leg
MIDDLE_PERCENTS = (5.0, 90.0)  # flying pixels lie behind


class Surface(NamedTuple):
    """The object's own pixels within `window` of the image, (h, w) bool each."""

    window: tuple[slice, slice]
    silhouette: np.ndarray  # the mask without what is known to be background
    pixels: np.ndarray  # those whose depth is the object's
    around: np.ndarray  # just outside the mask
    sparse: bool
    few: bool = False  # the pixels tell where a part of the object is, not how far it reaches (glimpses.py)

    @property
    def step(self) -> int:
        """Return how many pixels of the image apart the window's pixels are."""
        return self.window[0].step or 1


def find_surface(
    depth: np.ndarray,
    mask: np.ndarray,
    soft: bool,
    claims: np.ndarray | None = None,
    road: Road | None = None,
    stands: bool = False,
    strays: float = 0.0,
) -> Surface | None:
    """Return the object's pixels; depth (H, W), larger = farther, 0 = none, in any unit; mask (H, W) bool.

    `soft` says that depth crosses edges in ramps (depth_edges.py), `claims` (H, W) uint8 how many masks claim each
    pixel (overlaps.py), `road` the ground where depth is sparse, and `stands` that the object stands on it.
    Pixels on less than `strays`, a share of the mask, are strays; 0 where depth is sparse everywhere.
    None when too few pixels under the mask have depth, or when the few that do show what surrounds the object.
    """
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width:
        return None
    area = cv2.countNonZero(mask[y : y + height, x : x + width].view(np.uint8))
    step = max(1, round(area**0.5 / MAX_SIDE_PX))
    pad = PAD_PX * step
    window = np.s_[max(y - pad, 0) : y + height + pad : step, max(x - pad, 0) : x + width + pad : step]
    inside, z, seen, area, count = _view(depth, mask, window)
    if step > 1 and count < SPARSE_COVERAGE * area:
        # Of sparse returns none may be passed over.
        window = tuple(slice(side.start, side.stop, 1) for side in window)
        inside, z, seen, area, count = _view(depth, mask, window)
        step = 1
    if count < MIN_RETURNS:
        return None
    around = cv2.dilate(inside.view(np.uint8), KERNEL, iterations=PAD_PX) - inside.view(np.uint8) > 0
    if count < SPARSE_COVERAGE * area and not _is_dense(z, around):
        pixels = find_returns(depth, mask, window, None if claims is None else claims > 1, road, stands)
        least = max(MIN_RETURNS, strays * area)
        return Surface(window, inside, pixels, around, True) if np.count_nonzero(pixels) >= least else None
    if count < MIN_POINTS:
        return None
    claims = inside.view(np.uint8) if claims is None else claims[window]
    foreign = find_foreign(z, seen, claims > 1, soft)
    seen &= ~foreign
    spill = _spill(z, inside, claims, step, soft)
    pixels, silhouette = _connected(z, inside, seen, foreign, spill, soft)
    if np.count_nonzero(pixels) < FEW_SHARE * area:
        middle = _medial(z, inside, seen, soft)
        # In soft depth masks are grown so much that what one sees through a chair may be in their middle.
        if not (soft and _is_nearer(z, pixels, middle)):
            pixels, silhouette = middle, inside
        if np.count_nonzero(pixels) < strays * area:
            pixels = np.zeros_like(inside)
        if not pixels.any():
            pixels = pixels if soft else glimpses.find(z, inside, spill)
            enough = np.count_nonzero(pixels) >= strays * area
            return Surface(window, inside, pixels, around, False, few=True) if pixels.any() and enough else None
    if not soft and 2 * np.count_nonzero(pixels) < count and _is_background(z, inside, pixels):
        return None
    if soft:
        pixels = soft_depth.trusted(z, pixels, inside, step)
        silhouette = inside  # trimmed it spills little, and feet on the floor look like spill
    return Surface(window, silhouette | pixels, pixels, around, False) if pixels.any() else None


def _is_background(z: np.ndarray, inside: np.ndarray, pixels: np.ndarray) -> bool:
    """Return whether `pixels` (h, w) bool of the mask go on beside it, and most of what is seen in it is nearer.

    What is before them then is the object, though it ends where something as far away as it begins.
    """
    if not pixels.any():
        return False
    nearer = inside & (z > 0) & (z < np.float32(1 - STEP) * z[pixels].min())
    return np.count_nonzero(nearer) > np.count_nonzero(pixels) and goes_on_beside(z, inside, pixels)


def _is_nearer(z: np.ndarray, pixels: np.ndarray, others: np.ndarray) -> bool:
    """Return whether enough `pixels` (h, w) bool are nearer, by z (h, w), than the `others`, if there are any."""
    if np.count_nonzero(pixels) < MIN_POINTS:
        return False
    return not others.any() or span_of(z, pixels, MEDIAN) <= span_of(z, others, MEDIAN)


def _view(
    depth: np.ndarray, mask: np.ndarray, window: tuple[slice, slice]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Return a window of the mask, of the depth, and where both are, and the areas of the first and the last."""
    inside, z = np.ascontiguousarray(mask[window]), np.ascontiguousarray(depth[window], np.float32)
    seen = inside & (z > 0)
    return inside, z, seen, cv2.countNonZero(inside.view(np.uint8)), cv2.countNonZero(seen.view(np.uint8))


def box_surface(depth: np.ndarray, box: list[float]) -> Surface | None:
    """Return the surface of an object that has only a box [x0, y0, x1, y1]: it may be anywhere within the box.

    Its depth is that of boxes.box_range; None where that finds too few pixels.
    """
    span = boxes.box_range(depth, box)
    if span is None:
        return None
    columns, rows = boxes.box_slices(depth.shape, box)
    z = depth[rows, columns]
    pixels = (z >= np.float32(span[0])) & (z <= np.float32(span[1]))
    everywhere = np.ones(z.shape, bool)
    return Surface((rows, columns), everywhere, pixels, ~everywhere, False) if pixels.any() else None


def _is_dense(z: np.ndarray, around: np.ndarray) -> bool:
    """Return whether the map is dense next to the object: then the object's own depth is lost, not sparse."""
    return np.count_nonzero(around & (z > 0)) > SPARSE_COVERAGE * np.count_nonzero(around)


def _medial(z: np.ndarray, inside: np.ndarray, seen: np.ndarray, soft: bool) -> np.ndarray:
    """Return the pixels along the middle of the mask whose depth forms the largest cluster there.

    What is thin fills the middle of its grown mask; what spills, or stands before it, only the sides. Where legs
    meet the floor between them is in the middle as well, but it goes on beside the mask.
    """
    distance = cv2.distanceTransform(np.pad(inside.view(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    if soft:  # of what is thinner than its ramps only the widest place shows its own depth
        middle = seen & (distance >= SOFT_MIDDLE * distance.max())
        return main_cluster(z, middle) if np.count_nonzero(middle) >= MIN_POINTS else np.zeros_like(inside)
    middle = seen & (distance >= MIDDLE * cv2.dilate(distance, MIDDLE_KERNEL))
    index = middle.ravel().nonzero()[0]
    other = beside(z, inside, index)
    if len(index) - np.count_nonzero(other) >= max(MIN_POINTS, OWN_SHARE * len(index)):
        middle.ravel()[index] = ~other
    if np.count_nonzero(middle) < MIN_POINTS:
        return np.zeros_like(inside)
    found = main_cluster(z, middle, FLYING_SHARE)
    near, far = span_of(z, found, MIDDLE_PERCENTS)
    return found & (z >= np.float32(near * (1 - STEP))) & (z <= np.float32(far * (1 + STEP)))


def _spill(z: np.ndarray, inside: np.ndarray, claims: np.ndarray, step: int, soft: bool) -> np.ndarray:
    """Return the (h, w) bool pixels of the mask that a surface outside it reaches, see spill.py.

    What goes on into another's mask goes on into that object: it is no background. Only where both claim it may it
    be the other's. In ramps depth is partly the other's on both sides of the edge.
    """
    others, overlap = (claims > 0) & ~inside, claims > 1
    if soft or not others.any():
        return find_spill(z, inside, step)
    spill = find_spill(z, inside, step, others)
    return spill | (overlap & find_spill(z, inside, step)) if overlap.any() else spill


def _connected(
    z: np.ndarray, inside: np.ndarray, seen: np.ndarray, foreign: np.ndarray, spill: np.ndarray, soft: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of the connected, step-free surfaces that end at the mask, and the mask without the rest.

    What the rest leaves are the surfaces kept, holes, and pixels at steps or on parts too thin to tell. The pixels
    `foreign` (h, w) bool are neither: nothing is concluded from them. `spill` (h, w) bool are those of `_spill`.
    """
    farthest, nearest = extremes(z)
    smooth = (z > 0) & (farthest <= nearest * np.float32(1 + STEP))
    smooth &= ~foreign
    own = smooth & inside & ~spill
    parts, labels = cv2.connectedComponents(own.view(np.uint8), connectivity=4)
    if parts < 2:
        return main_cluster(z, seen), inside  # too thin for neighbourhoods
    areas = np.bincount(labels.ravel(), minlength=parts).astype(float)
    areas[0] = 0
    outside = cv2.dilate((smooth & ~own).view(np.uint8), KERNEL) > 0
    met = np.flatnonzero(outside & inside)
    leaks = np.bincount(labels.ravel().take(met), minlength=parts) / np.maximum(areas, 1)
    leaky = leaks > LEAK_SHARE
    weights = areas * np.where(leaky, LEAK_WEIGHT, 1.0)
    large = np.flatnonzero(weights >= max(LEAK_WEIGHT, MIN_PART * weights.max()))
    members = {part: labels == part for part in large.tolist()}
    spans = {part: span_of(z, pixels) for part, pixels in members.items()}
    main = main_part(spans, weights, soft_depth.SOFT_RIVAL_SHARE if soft else RIVAL_SHARE)
    whole = members[main]
    near, far = spans[main]
    # Parts are added from the nearest gap on, so that each may bridge the way to the next.
    waiting = [part for part in spans if part != main and not leaky[part]]
    while waiting:
        gaps = [max(spans[part][0] / far, near / spans[part][1], 1.0) - 1 for part in waiting]
        best = int(np.argmin(gaps))
        part, gap = waiting.pop(best), gaps[best]
        if spans[part][0] > far and (areas[part] <= STRAY_PX or goes_on_beside(z, inside, members[part])):
            continue
        in_front = spans[part][0] < near
        apart = areas[part] >= max((FRONT_SHARE if in_front else LEG_SHARE) * areas[main], LEG_PX)
        if gap <= GAP or (
            apart and (in_front or (not soft and _ends_at_mask(z, members[part], inside, spans[part])))
        ):
            whole = whole | members[part]
            near, far = min(near, spans[part][0]), max(far, spans[part][1])
    # One pixel back: the test over 3×3 neighbours took the outermost pixels of each surface too.
    grown = cv2.dilate(whole.view(np.uint8), KERNEL).view(bool)
    at_depth = (z >= np.float32(near * (1 - STEP))) & (z <= np.float32(far * (1 + STEP)))
    pixels = whole | (grown & seen & at_depth)
    if not soft:
        steep = seen & ~smooth & (farthest <= nearest * np.float32(1 + STEEP_STEP))
        found = _steep(z, steep, inside, areas[main], near, far)
        pixels = pixels if found is None else pixels | found
    # Spill at the object's own depth may as well be the object: its outline keeps it, its depth does without.
    return pixels & ~spill, inside & ~((own & ~whole) | (spill & ~at_depth))


def _ends_at_mask(z: np.ndarray, part: np.ndarray, inside: np.ndarray, span: list[float]) -> bool:
    """Return whether a part behind the others ends where the mask does, before something farther still.

    So does the far leg of a table; what is seen through a chair ends at the chair.
    """
    reach = cv2.dilate(part.view(np.uint8), KERNEL, iterations=EDGE_PX).view(bool) & ~inside & (z > 0)
    found = np.count_nonzero(reach)
    farther = np.count_nonzero(reach & (z > np.float32(span[1] * (1 + STEP))))
    return found > np.count_nonzero(part) ** 0.5 and farther > FARTHER_SHARE * found


def _steep(
    z: np.ndarray, steep: np.ndarray, inside: np.ndarray, main_area: float, near: float, far: float
) -> np.ndarray | None:
    """Return the pixels of surfaces seen at a grazing angle, as a table's top is, that continue [near, far]."""
    least = max(MIN_POINTS, STEEP_SHARE * main_area)
    candidates = steep.view(np.uint8)
    if cv2.countNonZero(candidates) < least:
        return None
    interior = cv2.erode(
        inside.view(np.uint8), KERNEL, iterations=STEEP_RIM_PX, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    candidates &= interior
    index = candidates.ravel().nonzero()[0]
    candidates.ravel()[index] = changes_one_way(z, index, STEP)
    if cv2.countNonZero(candidates) < least:
        return None
    parts, labels = cv2.connectedComponents(candidates, connectivity=8)
    areas = np.bincount(labels.ravel(), minlength=parts)
    kept = np.zeros(parts, bool)
    for part in range(1, parts):
        if areas[part] >= least:
            low, high = span_of(z, labels == part)
            kept[part] = low <= far * (1 + GAP) and high >= near / (1 + GAP)
    return kept.take(labels)
