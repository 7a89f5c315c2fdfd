"""Full 3D extents of objects from what one camera sees of them.

An extent is [[x_min, y_min, z_min], [x_max, y_max, z_max]] in metres in levelled axes (x right, y down along
gravity, z forward). It bounds where the object can be: its visible surface, the back of what is round or
rectangular, and what may be hidden behind another object or beyond the picture. A relation that holds between
such extents holds between the objects.
"""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg import completion, label_kinds, occlusion, size_priors, soft_depth, sparse_extents
from spacesgg.frame import ENDLESS_M, Frame
from spacesgg.outlines import Outline, find_outline
from spacesgg.quantiles import of_sorted, percentiles, sample_index
from spacesgg.sparse_returns import is_sparse
from spacesgg.surfaces import Surface

TAIL_PERCENT = 0.5  # of the smoothed points on each side: flying pixels that passed as surface
BASE_MARGIN_M = 0.02  # half a pixel at 4 m, one step of a depth sensor at 2 m
SIGMAS = 0.5  # of the smoothed noise of each object, beside the base margin
SOFT_FAR_PERCENT = 3.0  # of soft depth: ramps lead backwards, off the object
SOFT_MARGIN = 0.007  # of the depth: monocular scale drifts by some percent, but little between neighbours
DRIFT = 0.02  # of the depth, beside that, between objects of which sight parts by 45 degrees
SPARSE_MARGIN = 0.006  # of the depth: two lines of a 64-line LiDAR lie so far apart
LIDAR_SHARES = (0.33, 1.0, 0.33)  # of that: along a line the returns are closer, and the body is held open already
OVERSHOOT_SIGMAS = 1.5  # the tails of a few hundred noisy points lie 2 to 3 sigma outside
MAX_SMOOTH_PX = 5
NOISE_POINTS = 1000  # tell the noise to some percent
# The upper and lower edges of a silhouette are taken so far within it: masks are grown, those of soft depth more.
GROWTH_PX = 1
SOFT_GROWTH_PX = 3
TOP_PERCENT = 90.0  # of the upper edge's columns: single ones are strays
MIN_FALL = 0.02  # metres down per metre away: flatter rays tell nothing of where they meet a height
BELOW_PX = 5  # below the lower edge, as it is taken, the ground is looked for
FOOT_PERCENT = 10.0  # of the lower edge's columns
MIN_FOOT_COLUMNS = 3
MAX_FOOT_M = 0.3  # a foot that comes nearer yet than what is seen is a wrong mask
TOP_OF_WIDTH = 1.2  # where more of the top than its far edge has lost its depth, its height is not known well
MAX_ARC_M = 0.05  # a circle that leaves what is seen by more, but to the back, is no outline of a body
HIDDEN_SEAT_M = 0.3  # above the ground: seats are higher, and seen only where less than that is hidden
HIDDEN_FOOT_M = 0.15
SPREAD_M = 0.08  # that feet out of sight may stand out farther than what is seen of the legs
ROUND_MARGIN_M = 0.03  # of the far side of a circle, told by its near side
BEHIND_PERCENT = 95.0  # of what is seen around the object
RING_POINTS = 500
POINTS = 2500  # of an object tell its bounds to a tenth of the noise; larger ones are thinned to fewer than that


class Extent(NamedTuple):
    """Where an object can be, and the noise of these bounds."""

    box: np.ndarray  # (2, 3) metres
    margin: np.ndarray  # (3,) metres
    seen: np.ndarray  # (2, 3) metres: the part of the box that is not hidden, always finite
    drift: float = 0.0  # metres that the far and the near side err by, per metre that sight parts at one metre

    @property
    def centre(self) -> np.ndarray:
        """Return the (3,) middle of the seen part, in metres."""
        return self.seen.mean(axis=0)


def find_extent(frame: Frame, surface: Surface, label: str) -> Extent:
    """Return the extent of the object called `label` whose `surface` was found in the frame's depth."""
    depth = np.ascontiguousarray(frame.depth[surface.window])
    smoothed, sigma = _smoothed(depth, surface)
    directions = frame.window_directions(surface.window).reshape(3, -1)  # of the window's pixels, row by row
    index = sample_index(surface.pixels, POINTS)
    core = directions.take(index, axis=1)
    core *= smoothed.ravel().take(index)
    ordered = np.sort(core, axis=1)
    seen = np.array(
        [
            [of_sorted(row, TAIL_PERCENT) for row in ordered],
            [of_sorted(row, 100 - TAIL_PERCENT) for row in ordered],
        ]
    )
    if frame.soft:
        seen[1, 2] = of_sorted(ordered[2], 100 - SOFT_FAR_PERCENT)
    middle = of_sorted(ordered[2], 50)  # metres away
    # Noise moves the tails outwards, but leaves them in order.
    seen[:, 2] += np.array([1, -1]) * min(OVERSHOOT_SIGMAS * sigma, float(ordered[2, -1] - ordered[2, 0]) / 2)
    outline = find_outline(surface.silhouette)
    edge_depth = _spread(smoothed, surface.pixels, outline)
    edge = directions[:2].take(outline.rows * depth.shape[1] + outline.columns, axis=1) * edge_depth
    seen[:, :2] = np.minimum(seen[0, :2], edge.min(axis=1)), np.maximum(seen[1, :2], edge.max(axis=1))
    if frame.soft and np.ptp(seen[:, 2]) > 0:
        core = core[:, core[2] <= max(seen[1, 2], middle)]
    seen = _cover(seen, completion.rectangle(core))
    round_body = completion.circle(core)
    seen = _cover(seen, round_body, MAX_ARC_M)
    if frame.soft:
        seen[1, 2] += soft_depth.SOFT_RIM_PX / surface.step * _rise(smoothed, surface.pixels)
    seen[0, 2] = min(seen[0, 2], max(_foot(frame, surface, outline), seen[0, 2] - MAX_FOOT_M))
    lidar = surface.sparse and is_sparse(frame.depth)
    if lidar:
        box = sparse_extents.find_box(seen, frame, surface, outline, edge_depth, core, label)
        seen = np.clip(seen, box[0], box[1])  # without strays
    else:
        box = occlusion.widen(seen, frame, surface, outline, edge_depth, size_priors.longest(label))
        box = _no_wider(box, seen, round_body)
        whole = bool((box[:, 0] == seen[:, 0]).all() and box[0, 1] == seen[0, 1])  # but for its foot
        box = occlusion.follow_slope(box, seen, core)
        top = of_sorted(ordered[1], TAIL_PERCENT)
        reach = _top_reach(frame, surface, outline, top)
        ring = sample_index(surface.around & (depth > 0), RING_POINTS)
        around = directions[2].take(ring) * depth.ravel().take(ring)
        around = around[around > seen[0, 2]]  # what is nearer hides the object
        behind = percentiles(around, (BEHIND_PERCENT,))[0] if len(around) else np.inf
        back = _back(box, label, reach, behind)
        if round_body is not None and label_kinds.is_round(label):
            back = min(back, round_body[1][1] + ROUND_MARGIN_M)
        box[1, 2] = max(box[1, 2], back)
        if round_body is None:
            box = _with_body(box, completion.single_face(core), label, behind)
        if label_kinds.has_flat_top(label):
            box[1, 2] = max(seen[1, 2], min(box[1, 2], _top_end(frame, surface, outline, top, whole)))
    if frame.ground_height is not None:
        # Nothing goes on below the ground, however much hides its foot.
        box[1, 1] = max(seen[1, 1], min(box[1, 1], frame.ground_height))
        if label_kinds.stands_on_ground(label):
            if frame.ground_height - seen[1, 1] > HIDDEN_SEAT_M:
                box = _with_seat(box, seen, size_priors.seat(label))
            box[1, 1] = max(box[1, 1], frame.ground_height)
        if label_kinds.has_legs(label) and box[1, 1] > seen[1, 1] + HIDDEN_FOOT_M:
            box += SPREAD_M * np.array([[-1, 0, -1], [1, 0, 1]])
    margin = BASE_MARGIN_M + SIGMAS * sigma * np.array([0.5, 0.5, 1.0])
    if frame.soft:
        margin[2] += SOFT_MARGIN * middle
    if surface.sparse:
        margin = margin + SPARSE_MARGIN * middle * np.array(LIDAR_SHARES if lidar else 1.0)
    return Extent(box, margin, seen, DRIFT * middle if frame.soft else 0.0)


def _cover(seen: np.ndarray, body: tuple[np.ndarray, np.ndarray] | None, most: float = np.inf) -> np.ndarray:
    """Return `seen` (2, 3) widened by the body's x and z; by at most `most` metres, but for the far side."""
    if body is None:
        return seen
    covered = seen.copy()
    covered[0, ::2] = np.maximum(np.minimum(seen[0, ::2], body[0]), seen[0, ::2] - most)
    covered[1, ::2] = np.minimum(np.maximum(seen[1, ::2], body[1]), seen[1, ::2] + (most, np.inf))
    return covered


def _no_wider(box: np.ndarray, seen: np.ndarray, body: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    """Return the (2, 3) box, which may go on unseen, no wider than the round body that its points lie on."""
    if body is not None:
        box[0, 0] = max(box[0, 0], min(seen[0, 0], body[0][0] - MAX_ARC_M))
        box[1, 0] = min(box[1, 0], max(seen[1, 0], body[1][0] + MAX_ARC_M))
    return box


def _with_body(box: np.ndarray, face: completion.Face | None, label: str, behind: float) -> np.ndarray:
    """Return the (2, 3) box widened by the body behind a single face, which goes back along the face's normal.

    Not beyond the surface that is seen around it, `behind` metres away.
    """
    if face is None:
        return box
    depth = size_priors.least_depth(label, face.length)
    low, high = face.body(depth)
    high[1] = min(high[1], behind)
    box[0, 0], box[1, ::2] = min(box[0, 0], low[0]), np.maximum(box[1, ::2], high)
    return box


def _with_seat(box: np.ndarray, seen: np.ndarray, size: float) -> np.ndarray:
    """Return the (2, 3) box widened to all places of a seat of `size` metres whose back alone is `seen` (2, 3)."""
    if size:
        box[0, ::2] = np.minimum(box[0, ::2], seen[1, ::2] - size)
        box[1, ::2] = np.maximum(box[1, ::2], seen[0, ::2] + size)
    return box


def _top_reach(frame: Frame, surface: Surface, outline: Outline, top: float, side: int = 1) -> float:
    """Return how far back, in levelled metres, the upper edge of the silhouette proves the object to go.

    No point of the object is higher than its top. The ray of a pixel on the upper edge comes down to that height
    only so far away, and can meet the object no sooner, whatever depth is missing there: so does the far edge of
    a table's top.
    """
    upper = outline.sides[2]
    away = _meet(frame, *_inwards(frame, surface, outline.rows[upper], outline.columns[upper], side), top)
    return percentiles(away, (TOP_PERCENT,))[0] if len(away) else -np.inf


def _top_end(frame: Frame, surface: Surface, outline: Outline, top: float, whole: bool) -> float:
    """Return how far back, in levelled metres, a level top can go at most: beyond, it would show above the mask.

    Infinity where the top is hidden in part, or not below the camera.
    """
    reach = _top_reach(frame, surface, outline, top, -1) if whole else -np.inf
    return reach + BASE_MARGIN_M if reach > 0 else np.inf


def _foot(frame: Frame, surface: Surface, outline: Outline) -> float:
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


def _back(box: np.ndarray, label: str, reach: float, behind: float) -> float:
    """Return how far back, in levelled metres, the object may go on behind the face it shows.

    Where only a front is seen nothing tells the depth of the body; things are rarely much flatter than wide,
    unless they hang on, or stand against, the surface that is seen around them, `behind` metres away.
    """
    width, front = float(np.ptp(box[:, 0])), float(box[0, 2])
    possible = max(front + size_priors.least_depth(label, width), min(reach, front + TOP_OF_WIDTH * width))
    return min(possible, behind)


def _rise(depth: np.ndarray, pixels: np.ndarray) -> float:
    """Return by how many metres per row upwards the surface recedes: the rim left out hides so much of a top."""
    pairs = pixels[:-1] & pixels[1:]
    return max(0.0, percentiles((depth[:-1] - depth[1:])[pairs], (50,))[0]) if pairs.any() else 0.0


def _smoothed(z: np.ndarray, surface: Surface) -> tuple[np.ndarray, float]:
    """Return z averaged over neighbours of the same object, and the noise in metres that this leaves.

    What it is outside the object's pixels means nothing.
    """
    if surface.sparse:
        return z, 0.0
    pixels = surface.pixels
    count = cv2.countNonZero(pixels.view(np.uint8))
    size = int(min(max(count**0.5 / 8, 1), MAX_SMOOTH_PX)) | 1
    some = slice(None, None, max(1, count // NOISE_POINTS))  # rows enough to tell the noise
    row, own = z[some], pixels[some]
    triple = own[:, :-2] & own[:, 1:-1] & own[:, 2:]
    curvature = (row[:, 1:-1] - (row[:, :-2] + row[:, 2:]) / 2)[triple]
    # The second difference of white noise has 1.5 times its variance; 1.4826 turns a median into a sigma.
    sigma = 1.4826 * percentiles(np.abs(curvature), (50,))[0] / 1.5**0.5 if len(curvature) else 0.0
    weight = pixels.astype(np.float32)
    total = cv2.boxFilter(z * weight, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    near = cv2.boxFilter(weight, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.divide(total, cv2.max(near, 1.0), out=total), sigma / size


def _spread(depth: np.ndarray, pixels: np.ndarray, outline: Outline) -> np.ndarray:
    """Return the (N,) depth of the nearest of `pixels` (h, w) at the outline's N pixels, from depth (h, w).

    Depth is missing or mixed along edges and on thin parts, and sparse everywhere; the mask is not.
    """
    edge = outline.rows * depth.shape[1] + outline.columns
    if not pixels.ravel().take(edge).all():
        _, labels = cv2.distanceTransformWithLabels(
            (~pixels).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_PIXEL
        )
        # OpenCV numbers the pixels row by row, from one on.
        edge = np.flatnonzero(pixels).take(labels.ravel().take(edge) - 1)
    return depth.ravel().take(edge)
