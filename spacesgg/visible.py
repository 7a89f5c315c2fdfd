"""What is seen of objects: their points, how far they and their silhouettes reach, and their noise.

All objects of a frame are worked on at once: of each as many points, edge pixels and pixels around it are taken.
"""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg import completion, edge_rays, noise, smoothing, soft_depth, two_sides
from spacesgg.frame import Frame
from spacesgg.occlusion import EDGE_PX, NEARER, SCAN_LINES
from spacesgg.outlines import Edges, Outline, find_outline, thin
from spacesgg.quantiles import evenly, of_parts, of_rows, percentiles
from spacesgg.surfaces import Surface

TAIL_PERCENT = 0.5  # of the smoothed points on each side: flying pixels that passed as surface
SOFT_FAR_PERCENT = 3.0  # of soft depth: ramps lead backwards, off the object
OVERSHOOT_SIGMAS = 1.5  # the tails of a few hundred noisy points lie 2 to 3 sigma outside
EDGE_SIGMAS = 1.5  # out lies the outermost of the pixels along an edge
MAX_FOOT_M = 0.3  # a foot that comes nearer yet than what is seen is a wrong mask
# A level top is no higher above what is seen: masks are grown, and the outermost pixels have no depth.
TOP_PX, SOFT_TOP_PX = 3, 5
MOST_FARTHER = 1.7  # times farther than what is seen of a top its far edge may be
SHOWN_TOP = 0.5  # of its width: of a round table the stem alone may be seen, and it does not show the top
MAX_UNSEEN_M = 0.05  # an outline that leaves what is seen by more, but to the back, is not the body's
NEARER_SHARE = 0.01  # of what is seen around the object: less are strays
BEHIND_PERCENT = 95.0  # of what is seen around the object
RISE_OF_WIDTH = (
    0.5  # the rim hides no more of a top; of small things, which are ramps throughout, pixels rise by more
)
RING_POINTS = 300
INWARDS_PX = np.array([[1], [-1]])  # from the left and from the right side
POINTS = 1500  # of an object tell its bounds to a tenth of the noise


class Visible(NamedTuple):
    """What is seen of n objects, in levelled metres."""

    boxes: np.ndarray  # (n, 2, 3): their bounds, the back of what is round or rectangular included
    points: np.ndarray  # (3, n, POINTS)
    fresh: np.ndarray  # (n, POINTS) bool: points that do not just come again, for there are fewer
    tops: np.ndarray  # (n,) down from the camera
    middles: np.ndarray  # (n,) away from the camera
    sigmas: np.ndarray  # (n,) the noise of their points, smoothed
    shared: np.ndarray  # (n,) the noise that neighbours share, 0 in soft depth
    outlines: list[Outline]
    edges: Edges  # SCAN_LINES pixels a side
    lines: completion.Lines
    round_bodies: np.ndarray  # (n, 2, 2): low and high x and z of the circle the points lie on, NaN where on none
    corners: np.ndarray  # (n, 4, 2): x and z of the rectangles they fill, the first and the last across
    sides: two_sides.TwoSides  # of these rectangles
    behind: np.ndarray  # (n,) how far away the surface is that is seen around them, infinity where nothing is


class _Look(NamedTuple):
    """Pixels of one object's window, by their numbers in the window, with depths in metres."""

    pixels: np.ndarray  # (POINTS,) of its own
    depth: np.ndarray  # (POINTS,) smoothed
    sigma: float
    bends: np.ndarray  # (k,) second differences of its inverse depth
    outline: Outline
    edge_depth: np.ndarray  # of the outline's pixels
    ring: np.ndarray  # (RING_POINTS,) around it
    ring_depth: np.ndarray  # (RING_POINTS,) 0 where nothing is seen
    rise: float  # metres back per row upwards; told of soft depth alone


def measure(frame: Frame, surfaces: list[Surface], level: np.ndarray | None = None) -> Visible:
    """Return what is seen of the objects whose `surfaces` were found in the frame's depth.

    `level` (n,) bool says which of them have tops as high everywhere, by default none.
    """
    own = [np.ascontiguousarray(frame.depth[surface.window]) for surface in surfaces]
    white = smoothing.white_sigmas(own, surfaces)
    looks = [_look(frame, *one) for one in zip(surfaces, own, white, strict=True)]
    counts = np.array([cv2.countNonZero(surface.pixels.view(np.uint8)) for surface in surfaces])
    _, depth, sigmas, bends, outlines, edge_depths, _, ring_depth, rise = map(list, zip(*looks, strict=True))
    index = np.array([look.pixels for look in looks])
    points = frame.levelled(*_in_image(surfaces, index), np.array(depth))
    ordered, sigmas = np.sort(points, axis=2), np.array(sigmas)
    seen = np.array([of_rows(ordered, TAIL_PERCENT), of_rows(ordered, 100 - TAIL_PERCENT)]).transpose(2, 0, 1)
    if frame.soft:
        seen[:, 1, 2] = of_rows(ordered[2], 100 - SOFT_FAR_PERCENT)
    middles = of_rows(ordered[2], 50)
    # Noise moves the tails outwards, but leaves them in order.
    shared = np.zeros(len(looks)) if frame.soft else noise.shared_sigma(np.concatenate(bends)) * middles**2
    out = np.maximum(
        OVERSHOOT_SIGMAS * sigmas[:, None], noise.overshoots(ordered[2], np.hypot(shared, sigmas), counts)
    )
    inwards = np.minimum(out, (ordered[2, :, -1:] - ordered[2, :, :1]) / 2) * (1, -1)
    seen[:, :, 2] += inwards
    edges, seen[:, :, :2] = _edges(frame, surfaces, outlines, edge_depths, seen[:, :, :2])
    # What noise brings nearest to the camera is nearest to the middle of the picture, too.
    nearer = 1 + EDGE_SIGMAS * np.hypot(shared, sigmas)[:, None] / middles[:, None]
    seen[:, 0, :2] *= np.where(seen[:, 0, :2] > 0, nearer, 1)
    seen[:, 1, :2] *= np.where(seen[:, 1, :2] < 0, nearer, 1)
    tops = of_rows(ordered[1], TAIL_PERCENT)
    if level is not None and frame.ground_height is not None:
        highest = tops - (SOFT_TOP_PX if frame.soft else TOP_PX) * frame.pixel * middles
        seen[:, 0, 1] = _below_tops(seen[:, 0, 1], highest, level, surfaces)
    if frame.soft:
        points, index = _nearer(points, index, np.maximum(seen[:, 1, 2], middles))
    fresh = np.diff(index, axis=1, prepend=-1) > 0
    around = frame.levelled(*_in_image(surfaces, np.array([look.ring for look in looks])), np.array(ring_depth))
    veils = _veils(frame, edges, around, seen[:, 0, 2])
    rectangles, corners = completion.rectangles(points, fresh, veils, seen[:, 0, 2] - MAX_UNSEEN_M)
    bearings = _bearings(frame, edges)
    sides = two_sides.find(corners, bearings, frame.pixel)
    rectangles[:, :, 1] += inwards
    seen = _cover(seen, rectangles)
    lines = completion.find_lines(points)
    if not frame.soft:  # which is told up to the edges
        boards = completion.boards(lines, fresh, bearings, np.hypot(shared, sigmas))
        boards[:, :, 0] = np.nan  # the silhouettes tell how far they go to the sides
        seen = _cover(seen, boards)
    round_bodies = completion.circles(points, fresh)
    seen = _cover(seen, round_bodies, MAX_UNSEEN_M)
    seen[:, 1, 2] += np.minimum(rise, RISE_OF_WIDTH * np.ptp(seen[:, :, 0], axis=1))
    sparse = np.array([surface.sparse for surface in surfaces])
    feet = np.maximum(edge_rays.foot(frame, edges, sparse), seen[:, 0, 2] - MAX_FOOT_M)
    seen[:, 0, 2] = np.minimum(seen[:, 0, 2], feet)
    behind = _behind(around[2], seen[:, 0, 2])
    around_it = (round_bodies, corners, sides, behind)
    return Visible(seen, points, fresh, tops, middles, sigmas, shared, outlines, edges, lines, *around_it)


def _look(frame: Frame, surface: Surface, depth: np.ndarray, white: float) -> _Look:
    """Return what is taken of one object's pixels, of `depth` (h, w) metres with `white` metres of noise."""
    smoothed, sigma, bends = smoothing.smooth(depth, surface, white)
    pixels = evenly(surface.pixels, POINTS)
    outline = find_outline(surface.silhouette)
    around = surface.around & (depth > 0)
    ring = evenly(around, RING_POINTS) if around.any() else np.zeros(RING_POINTS, np.intp)
    return _Look(
        pixels,
        smoothed.ravel().take(pixels),
        sigma,
        bends,
        outline,
        _spread(frame, surface, smoothed, outline),
        ring,
        np.where(around.ravel().take(ring), depth.ravel().take(ring), 0),
        soft_depth.SOFT_RIM_PX / surface.step * _rise(smoothed, surface.pixels) if frame.soft else 0.0,
    )


def _in_image(surfaces: list[Surface], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (n, m) rows and columns in the image of pixels by their numbers (n, m) in n surfaces' windows."""
    frames = [(*(side.start for side in s.window), s.step, s.pixels.shape[1]) for s in surfaces]
    top, left, step, width = np.array(frames).T[..., None]
    rows, columns = np.divmod(index, width)
    return rows * step + top, columns * step + left


def _edges(
    frame: Frame, surfaces: list[Surface], outlines: list[Outline], depths: list[np.ndarray], seen: np.ndarray
) -> tuple[Edges, np.ndarray]:
    """Return the edges of n objects, and the (n, 2, 2) bounds in x and y of them and what is `seen` (n, 2, 2)."""
    last = np.array(frame.depth.shape) - 1
    places = []
    for outline, surface in zip(outlines, surfaces, strict=True):
        step = surface.step
        place = np.array([outline.rows * step, outline.columns * step])
        place += np.array([[side.start] for side in surface.window])
        # Of every third row or column the last one seen lies before the border that cuts the mask.
        places.append(np.where(place + step > last[:, None], last[:, None], place))
    rows, columns = (np.concatenate(parts) for parts in zip(*places, strict=True))
    depth = np.concatenate(depths)
    starts = np.cumsum([0] + [len(part) for part in depths[:-1]])
    across = frame.directions(rows, columns)[:2] * depth
    low, high = np.minimum.reduceat(across, starts, axis=1).T, np.maximum.reduceat(across, starts, axis=1).T
    bounds = np.stack([np.minimum(seen[:, 0], low), np.maximum(seen[:, 1], high)], axis=1)
    return thin(outlines, rows, columns, depth, SCAN_LINES), bounds


def _below_tops(seen: np.ndarray, highest: np.ndarray, level: np.ndarray, surfaces: list[Surface]) -> np.ndarray:
    """Return (n,) metres down to the upper ends of n objects, of level tops no higher than `highest` (n,).

    Of a top that is seen at a grazing angle sensors return little: with the depth of what is nearer its far edge
    would stand above it, and is `seen` (n,) there. `level` (n,) bool says which objects have level tops.
    """
    chosen = level & (seen < highest) & (highest <= MOST_FARTHER * seen)
    for i in chosen.nonzero()[0].tolist():
        pixels, silhouette = surfaces[i].pixels.any(axis=0), surfaces[i].silhouette.any(axis=0)
        chosen[i] = np.count_nonzero(pixels) >= SHOWN_TOP * np.count_nonzero(silhouette)
    return np.where(chosen, highest, seen)


def _nearer(points: np.ndarray, index: np.ndarray, limit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points (3, n, N), and their numbers (n, N), with others for those beyond the limit (n,)."""
    points, index = points.copy(), index.copy()
    for i, near in enumerate(points[2] <= limit[:, None]):
        chosen = evenly(near, len(near))
        points[:, i], index[i] = points[:, i, chosen], index[i, chosen]
    return points, index


def _behind(around: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Return (n,) how far away the surface around objects is, infinity where nothing is seen behind them.

    `around` (n, m) is how far away it is at single pixels; what is nearer than the object, `front` (n,), hides it.
    """
    ordered = np.sort(around, axis=1)
    farther = np.count_nonzero(ordered > front[:, None], axis=1)
    found = of_parts(ordered, (ordered.shape[1] - farther)[:, None], farther[:, None], BEHIND_PERCENT)[:, 0]
    return np.where(farther > 0, found, np.inf)


def _veils(frame: Frame, edges: Edges, around: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Return (n, 2): from which bearing to which, in metres aside per metre away, parts of n objects are hidden.

    What is seen `around` them (3, n, m) hides them where it is nearer than their near sides, `front` (n,) metres
    away; so does the picture's border.
    """
    x, _, z = around
    nearer = (z > 0) & (z < front[:, None] * (1 - NEARER))
    nearer &= (np.count_nonzero(nearer, axis=1) > NEARER_SHARE * z.shape[1])[:, None]
    bearings = x / np.where(nearer, z, 1)
    low, high = np.where(nearer, bearings, np.inf).min(axis=1), np.where(nearer, bearings, -np.inf).max(axis=1)
    height, width = frame.depth.shape
    left, right = (
        edges.columns[:, 0].min(axis=1) <= EDGE_PX,
        edges.columns[:, 1].max(axis=1) >= width - 1 - EDGE_PX,
    )
    lower = edges.rows[:, 3].max(axis=1) >= height - 1 - EDGE_PX
    return np.stack([np.where(left | lower, -np.inf, low), np.where(right | lower, np.inf, high)], axis=1)


def _bearings(frame: Frame, edges: Edges) -> np.ndarray:
    """Return (n, 2) the bearings of the silhouettes' left and right ends, in metres aside per metre away.

    One pixel further in: masks are grown over the edge as a rule.
    """
    columns = np.clip(edges.columns[:, :2] + INWARDS_PX, 0, frame.depth.shape[1] - 1)
    x, _, z = frame.directions(edges.rows[:, :2], columns)
    return np.stack([(x / z)[:, 0].min(axis=1), (x / z)[:, 1].max(axis=1)], axis=1)


def _cover(seen: np.ndarray, bodies: np.ndarray, most: float = np.inf) -> np.ndarray:
    """Return `seen` (n, 2, 3) widened by the x and z of the bodies (n, 2, 2), NaN where there is none.

    By at most `most` metres, but for the far side.
    """
    covered, own = seen.copy(), seen[:, :, ::2]
    low, high = np.fmin(own[:, 0], bodies[:, 0]), np.fmax(own[:, 1], bodies[:, 1])
    covered[:, 0, ::2] = np.maximum(low, own[:, 0] - most)
    covered[:, 1, ::2] = np.minimum(high, own[:, 1] + (most, np.inf))
    return covered


def _rise(depth: np.ndarray, pixels: np.ndarray) -> float:
    """Return by how many metres per row upwards the surface recedes: the rim left out hides so much of a top."""
    pairs = pixels[:-1] & pixels[1:]
    return max(0.0, percentiles((depth[:-1] - depth[1:])[pairs], (50,))[0]) if pairs.any() else 0.0


def _spread(frame: Frame, surface: Surface, depth: np.ndarray, outline: Outline) -> np.ndarray:
    """Return the (N,) depth of the outline's N pixels, from the depth (h, w) of the nearest of the object's own.

    Depth is missing or mixed along edges and on thin parts, and sparse everywhere; the mask is not. What is below
    the nearest is as far away in levelled metres: a stem without depth stands upright below its shade.
    """
    pixels, edge = surface.pixels, outline.rows * depth.shape[1] + outline.columns
    if pixels.ravel().take(edge).all():
        return depth.ravel().take(edge)
    _, labels = cv2.distanceTransformWithLabels(
        (~pixels).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_PIXEL
    )
    # OpenCV numbers the pixels row by row, from one on.
    nearest = np.flatnonzero(pixels).take(labels.ravel().take(edge) - 1)
    along, across = frame.along[2, surface.window[0]], frame.across[2, surface.window[1]]
    rows, columns = np.divmod(nearest, depth.shape[1])
    away = along.take(rows) + across.take(columns)
    upright = away / (along.take(outline.rows) + across.take(outline.columns))
    return depth.ravel().take(nearest) * np.where(outline.rows > rows, upright, 1)
