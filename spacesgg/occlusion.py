"""Where an object may go on out of sight: behind what stands before it, and beyond the picture's border.

Along rows and columns of an object's pixels the picture is followed outwards. While something nearer is met,
the object may go on behind it; the first pixel that shows something as far away as the object proves that it
has ended there.
"""

import cv2
import numpy as np

from spacesgg.frame import Frame
from spacesgg.quantiles import percentiles
from spacesgg.surfaces import Surface

EDGE_PX = 3  # next to an edge neither mask nor depth is reliable
NEARER = 0.05  # a neighbour nearer by this share occludes the object
TOUCH_PX = 6  # an occluder begins within so many pixels of the edge; holes beyond them are background
SLOPE_PX = 5  # over which the slope of a neighbouring surface is taken
SPARSE_TOUCH_PX = 15  # between sparse returns depth is filled from the nearest
DARK_SHARE = 0.5  # of an object without depth
DARK_M = 1e-3  # nearer than anything
BODY_PERCENT = 3.0  # of the depths and heights that a dark thing does show
MAX_BODY = 1.4  # times as far as its near side a dark thing's top ends
MIN_FALL = 0.03  # metres down per metre of depth: flatter rays do not tell heights apart
SCAN_LINES = 24  # rows or columns of each object that are followed
# Only the lines that reach to the side's extreme, within so much of the size, tell whether it ends there: the foot
# of a lamp is narrower than its shade, and the free ends of the shade say nothing of what hides the foot.
EXTREME_SHARE = 0.15
HIDDEN_SHARE = 0.5  # of these lines
REACH_PERCENT = 80  # of the hidden lines: single ones are led astray by noise
# An object is taken to show at least half of its size: nothing proves an end behind a wall that is nearer.
MAX_HIDDEN = 0.8  # of its seen width or height,
MAX_SLOPE = 1.5  # metres back per metre aside that a face goes on at: steeper ones are strays
SLIVER = 0.5  # but where one of these is less than so much of the other only a sliver is seen


def hide_behind(frame: Frame, things: list[tuple[np.ndarray, Surface | None]]) -> Frame:
    """Return the frame in which things that return hardly any depth hide what is behind them.

    `things` are the objects' (H, W) bool masks with the surfaces found under them. What is black or glossy, and a
    table's top seen at a grazing angle, has no depth; still a lamp whose pole ends there may go on behind it.
    """
    sight = frame.sight
    for mask, surface in things:
        x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
        window = np.s_[y : y + height, x : x + width]
        own = mask[window]
        dark = own & (frame.sight[window] == 0)
        if np.count_nonzero(dark) > DARK_SHARE * np.count_nonzero(own):
            sight = sight.copy() if sight is frame.sight else sight
            rows, columns = np.nonzero(dark)
            sight[rows + y, columns + x] = _body(frame, surface, rows + y, columns + x)
    return frame._replace(sight=sight)


def _body(frame: Frame, surface: Surface | None, rows: np.ndarray, columns: np.ndarray) -> np.ndarray | float:
    """Return (N,) metres: the depth, at pixels (N,), of a box with the surface's near side and a level top."""
    if surface is None:
        return DARK_M
    depth = frame.depth[surface.window][surface.pixels]
    heights = frame.points[surface.window][surface.pixels] @ frame.rotation[1]
    near, top = percentiles(depth, (BODY_PERCENT,))[0], percentiles(heights, (BODY_PERCENT,))[0]
    fall = frame.levelled(columns, rows, np.ones(len(rows), np.float32))[:, 1]
    return np.clip(top / np.maximum(fall, MIN_FALL), near, MAX_BODY * near)


def widen(box: np.ndarray, frame: Frame, surface: Surface, depth: np.ndarray) -> np.ndarray:
    """Return the (2, 3) box in levelled metres, widened to where the object may go on out of sight.

    `depth` (h, w) holds the object's depth along the edge of its silhouette.
    """
    size = np.ptp(box[:, :2], axis=0)
    most = MAX_HIDDEN * np.maximum(size, SLIVER * size.max())
    limits = box[:, :2] + np.array([-most, most])
    box = box.copy()
    whole = frame.sight
    touch = SPARSE_TOUCH_PX if surface.sparse else TOUCH_PX
    top, left, step = surface.window[0].start, surface.window[1].start, surface.step
    for vertical in (False, True):
        pixels, own, scene = (a.T if vertical else a for a in (surface.silhouette, depth, whole))
        first_line, first_position = (left, top) if vertical else (top, left)
        lines = np.flatnonzero(pixels.any(axis=1))
        lines = lines[:: max(1, len(lines) // SCAN_LINES)]
        across = lines * step + first_line
        followed = scene[across]
        for forward in (False, True):
            flip = slice(None) if forward else slice(None, None, -1)
            end = (
                pixels.shape[1] - 1 - pixels[lines, ::-1].argmax(axis=1)
                if forward
                else pixels[lines].argmax(axis=1)
            )
            z = own[lines, end]
            size = scene.shape[1]
            start = first_position + end * step if forward else size - 1 - first_position - end * step
            fall = _fall(frame, across, size) if vertical and forward else None
            reach = _reach(followed[:, flip], start, z, touch, fall)
            hidden = reach > start
            extreme = start >= start.max() - EXTREME_SHARE * pixels.shape[1] * step
            hidden &= extreme
            if np.count_nonzero(hidden) <= HIDDEN_SHARE * np.count_nonzero(extreme):
                continue
            axis = int(vertical)
            end = int(np.percentile(reach[hidden], REACH_PERCENT, method="nearest"))
            if end >= size:
                box[int(forward), axis] = limits[int(forward), axis]
                continue
            along = np.full(np.count_nonzero(hidden), end if forward else size - 1 - end)
            columns, rows = (across[hidden], along) if vertical else (along, across[hidden])
            there = frame.levelled(columns, rows, z[hidden])[:, axis]
            box[0, axis] = min(box[0, axis], there.min())
            box[1, axis] = max(box[1, axis], there.max())
    if frame.ground_height is not None:
        # What hides its foot stands on the ground as a rule, however little of it is seen.
        limits[1, 1] = max(limits[1, 1], frame.ground_height)
    box[0, :2] = np.maximum(box[0, :2], limits[0])
    box[1, :2] = np.minimum(box[1, :2], limits[1])
    return box


def follow_slope(box: np.ndarray, seen: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the (2, 3) box widened in z to where the (N, 3) points' surface leads as it goes on in x.

    `seen` (2, 3) is the box before it was widened in x. A face seen at an angle goes on at that angle.
    """
    left, right = seen[0, 0] - box[0, 0], box[1, 0] - seen[1, 0]
    if left <= 0 and right <= 0:
        return box
    x, z = points[:, 0] - points[:, 0].mean(), points[:, 2] - points[:, 2].mean()
    slope = float(np.clip(x @ z / max(x @ x, 1e-9), -MAX_SLOPE, MAX_SLOPE))
    ends = np.array([seen[0, 2], seen[1, 2]])
    shift = np.array([-left * slope, right * slope])
    box = box.copy()
    box[0, 2] = ends[0] + min(0.0, shift.min())
    box[1, 2] = ends[1] + max(0.0, shift.max())
    return box


def _reach(scene: np.ndarray, start: np.ndarray, z: np.ndarray, touch: int, fall: np.ndarray | None) -> np.ndarray:
    """Return, per line of `scene` (n, length), the position up to which the object may go on unseen.

    It is `start` itself where the object visibly ends, and the length of the line where nothing proves an end.
    """
    skipped = int(start.min())  # what lies before tells nothing
    scene, start = scene[:, skipped:], start - skipped
    fall = None if fall is None else fall[:, skipped:]
    length = scene.shape[1]
    beyond = np.arange(length) > (start + EDGE_PX)[:, None]
    proof = beyond & (scene >= (z * (1 - NEARER))[:, None])
    cover = beyond & (scene > 0) & ~proof
    end = np.where(proof.any(axis=1), proof.argmax(axis=1), length)
    first = np.where(cover.any(axis=1), cover.argmax(axis=1), length)
    covered = (first < end) & (first <= start + EDGE_PX + touch) & ~_leads_on(scene, start, first, z)
    if fall is not None:
        covered &= ~_carries(scene, start, first, z, fall)
    cut = start + EDGE_PX >= length - 1
    return skipped + np.where(cut, length, np.where(covered, end, start))


def _leads_on(scene: np.ndarray, start: np.ndarray, first: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return, per line, whether the surface met at `first` leads without a step to the object at `start`.

    Then it carries the object, as a table top does, and hides nothing of it. Inverse depth is extended, which is
    linear along the picture of any plane.
    """
    line, length = np.arange(len(scene)), scene.shape[1]
    near, far = np.minimum(first, length - 1), np.minimum(first + SLOPE_PX, length - 1)
    both = (scene[line, near] > 0) & (scene[line, far] > 0) & (far > near)
    at_near = np.divide(1.0, scene[line, near], out=np.zeros(len(scene)), where=both)
    at_far = np.divide(1.0, scene[line, far], out=np.zeros(len(scene)), where=both)
    slope = (at_far - at_near) / np.maximum(far - near, 1)
    at_start = at_near - slope * (near - start)
    return both & (at_start <= 1 / (z * (1 - NEARER)))


def _fall(frame: Frame, columns: np.ndarray, height: int) -> np.ndarray:
    """Return (n, height) metres down along gravity per metre of depth, of the rays of (n,) columns."""
    down = frame.rotation[1]
    across = down[0] * (frame.rays[0, 0] * columns + frame.rays[0, 1]) + down[2]
    return across[:, None] + down[1] * (frame.rays[1, 0] * np.arange(height) + frame.rays[1, 1])


def _carries(
    scene: np.ndarray, start: np.ndarray, first: np.ndarray, z: np.ndarray, fall: np.ndarray
) -> np.ndarray:
    """Return, per line, whether a level surface through what is met at `first` carries the object at `start`.

    Of a table top seen at a grazing angle sensors return little: the first depth below a cup may be that of the
    table's edge. `fall` (n, length) is how far down the ray of each pixel leads per metre of depth.
    """
    line = np.arange(len(scene))
    first = np.minimum(first, scene.shape[1] - 1)
    height = scene[line, first] * fall[line, first]
    return (fall[line, start] > MIN_FALL) & (height >= z * (1 - NEARER) * fall[line, start])
