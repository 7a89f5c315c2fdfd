"""Where an object may go on out of sight: behind what stands before it, and beyond the picture's border.

Along rows and columns of an object's pixels the picture is followed outwards. While something nearer is met,
the object may go on behind it; the first pixel that shows something as far away as the object proves that it
has ended there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spacesgg import axial
from spacesgg.frame import Frame
from spacesgg.known_kinds import Kinds
from spacesgg.outlines import Edges
from spacesgg.resting import rests_on_level

EDGE_PX = 3  # next to an edge neither mask nor depth is reliable
FARTHER = 0.04  # background is farther by this share
UPRIGHT_PX = 1  # ends of lines that differ by less may be those of one upright edge
FREE_LINES = 3  # of these: fewer may be strays
FREE_SHARE = 0.2  # of the lines to an edge that is not hidden
BORDER_PX = 1  # masks that reach so near to the picture's border are cut by it
TOP, BOTTOM = 2, 3  # of the outline's sides
MOST_OF_TOP = 0.75  # of the upper edge's lines: where more are hidden the rest may be strays
NEARER = 0.05  # a neighbour nearer by this share occludes the object
TOUCH_PX = 6  # an occluder begins within so many pixels of the edge; holes beyond them are background
SLOPE_PX = 5  # over which the slope of a neighbouring surface is taken
SPARSE_TOUCH_PX = 15  # between sparse returns depth is filled from the nearest
LEVEL = 0.02  # of its depth: what carries an object is at its own height; a sofa before it ends a little lower
LOWEST_TOP = 1.15  # times the height of the mask's lower edge: some pixels farther down, and noise
SOFT_LEVEL = 0.05  # where depth drifts
MIN_FALL = 0.03  # metres down per metre of depth: flatter rays do not tell heights apart
SCAN_LINES = 24  # rows or columns of each side of an object that are followed
DOWN, RIGHT = np.repeat(
    [[0, 0, -1, 1], [-1, 1, 0, 0]], SCAN_LINES, axis=1
)  # the steps along them, side after side
# Only the lines that reach to the side's extreme, within so much of the size, tell whether it ends there: the foot
# of a lamp is narrower than its shade, and the free ends of the shade say nothing of what hides the foot.
EXTREME_SHARE = 0.15
STRAY_LINES = 2  # may reach farther than any others and be no part of the object
LOWEST_SHARE = 0.05  # a shade is high, its stem thin: only the lowest lines lead down from the stem
LOW_SHARE = 0.4  # of the height of its kind: a thing of which less is seen beside an occluder is not whole
ON_GROUND_M = 0.1
HIDDEN_SHARE = 0.5  # of these lines
FREE_PX = 40  # within which background shows below an end that hangs free
MOSTLY_HIDDEN = 0.6  # of all lines that lead down
REACH_PERCENT = 80  # of the hidden lines: single ones are led astray by noise
# An object is taken to show at least half of its size: nothing proves an end behind a wall that is nearer.
MAX_HIDDEN = 0.8  # of its seen width or height,
ROUNDNESS = 1.2  # times as high as wide are balls of few pixels
# But where its width is less than so much of its height, or its height of its width, only a sliver is seen.
SLIVER = np.array([0.5, 0.8])


def widen(boxes: np.ndarray, frame: Frame, edges: Edges, kinds: Kinds, sparse: Sequence[bool]) -> np.ndarray:
    """Return the (n, 2, 3) boxes in levelled metres, widened to where the n objects may go on out of sight.

    `sparse` (n,) says whether their depth is.
    """
    lines, z = _lines(frame, edges), edges.depth.ravel()
    touch = np.where(sparse, SPARSE_TOUCH_PX, TOUCH_PX).repeat(4 * SCAN_LINES)
    hidden = _hidden(lines, z, touch)
    aside = hidden.reshape(-1, 4, SCAN_LINES)[:, :2]
    lowest, heights = boxes[:, 1, 1].copy(), np.ptp(boxes[:, :, 1], axis=1)
    limits = _limits(boxes, aside, kinds, frame.ground_height)
    boxes = boxes.copy()
    for thing in (aside.any(axis=(1, 2)) & (kinds.symmetry > 0)).nonzero()[0].tolist():
        own, x = edges.only(thing), limits[thing, :, 0]
        limits[thing, :, 0] = axial.limits(frame, own, aside[thing], x, kinds.symmetry[thing])
    height_px, width_px = np.ptp(edges.rows, axis=(1, 2)), np.ptp(edges.columns, axis=(1, 2))
    for number in hidden.reshape(-1, SCAN_LINES).any(axis=1).nonzero()[0].tolist():
        thing, side = divmod(number, 4)
        axis, end = divmod(side, 2)
        own = slice(number * SCAN_LINES, (number + 1) * SCAN_LINES)
        if side == TOP and kinds.level[thing] and not hidden[own].mean() > MOST_OF_TOP:
            continue  # what stands on it, or before it, leaves enough of the top to tell its height
        there = _leading(lines, z, own, hidden, side, (width_px, height_px)[axis][thing])
        if there is None or (axis == 0 and kinds.upright[thing] and _ends_free(lines.room[own], hidden[own])):
            continue
        followed = lines.of(there)
        if side == BOTTOM and followed.room[0] > BORDER_PX and rests_on_level(frame, edges.only(thing)):
            continue
        if side != BOTTOM and not (sparse[thing] or frame.soft) and _passes(followed, z[there]):
            continue
        reach = _reach(followed, z[there])
        # From the border that is followed towards, for lines that begin at different distances from it.
        left = np.sort(followed.room - reach)[round((1 - REACH_PERCENT / 100) * (len(there) - 1))]
        box = boxes[thing]
        if left < 0:
            box[end, axis] = limits[thing, end, axis]
            continue
        rows, columns = followed.at((followed.room - left)[:, None])
        beyond = frame.levelled(rows[:, 0], columns[:, 0], z[there])[axis]
        box[0, axis] = min(box[0, axis], beyond.min())
        box[1, axis] = max(box[1, axis], beyond.max())
    # What shows its lowest part beside an occluder goes on higher behind that, though its own upper edge is free.
    if frame.ground_height is not None:
        low = (lowest > frame.ground_height - ON_GROUND_M) & (heights < LOW_SHARE * kinds.tallest)
        boxes[:, 0, 1] = np.where(low & aside.any(axis=(1, 2)), limits[:, 0, 1], boxes[:, 0, 1])
    boxes[:, 0, :2] = np.maximum(boxes[:, 0, :2], limits[:, 0])
    boxes[:, 1, :2] = np.minimum(boxes[:, 1, :2], limits[:, 1])
    return boxes


def free_outline(frame: Frame, edges: Edges) -> np.ndarray:
    """Return x and z (2, m), levelled metres, of the pixels of one object's outline beside which it ends in sight.

    `edges` are its (1, 4, SCAN_LINES) pixels of dense depth.
    """
    rows, columns, depth = (part.ravel() for part in edges)
    free = ~_hidden(_lines(frame, edges), depth, np.full(len(depth), TOUCH_PX))
    return frame.levelled(rows[free], columns[free], depth[free])[::2]


def _limits(boxes: np.ndarray, aside: np.ndarray, kinds: Kinds, ground: float | None) -> np.ndarray:
    """Return (n, 2, 2) how far n objects of which `boxes` (n, 2, 3) are seen may go on: low and high x and y.

    `aside` (n, 2, m) bool says along which lines to their left and right they may, and `ground` how many metres
    below the camera it is.
    """
    size = np.ptp(boxes[:, :, :2], axis=1)
    most = np.repeat(np.maximum(size, SLIVER * size.max(axis=1, keepdims=True))[:, None], 2, axis=1)
    # More than a sliver is seen of what is hidden along a part of its height only.
    most[:, :, 0] = np.where(aside.mean(axis=2) > MOSTLY_HIDDEN, most[:, :, 0], size[:, None, 0])
    most[:, :, 0] = np.maximum(MAX_HIDDEN * most[:, :, 0], (kinds.longest - size[:, 0])[:, None])
    most[:, :, 1] *= MAX_HIDDEN
    limits = boxes[:, :, :2] + most * np.array([[-1], [1]])
    limits[:, 0, 1] = np.minimum(limits[:, 0, 1], boxes[:, 1, 1] - kinds.tallest)
    if ground is not None:
        # What hides its foot stands on the ground as a rule, however little of it is seen.
        limits[:, 1, 1] = np.where(kinds.hung, limits[:, 1, 1], np.maximum(limits[:, 1, 1], ground))
    wide = size[:, 0] + (most[:, :, 0] * aside.any(axis=2)).sum(axis=1)
    high = np.where(kinds.ball, ROUNDNESS * wide, kinds.highest)
    left = np.stack([kinds.widest, high], axis=1) - size
    left = np.where(left > 0, left, np.inf)  # what is larger yet is no common one
    return np.clip(limits, (boxes[:, 0, :2] - left)[:, None], (boxes[:, 1, :2] + left)[:, None])


def _leading(
    lines: "_Lines", z: np.ndarray, own: slice, hidden: np.ndarray, side: int, size_px: int
) -> np.ndarray | None:
    """Return the numbers of the lines along which an object may go on at a side, None where it ends there.

    Its lines to that side are the `own` ones of all N, from pixels `z` (N,) metres away; along those that are
    `hidden` (N,) bool it may go on. In their direction it is `size_px` pixels long.
    """
    room = lines.room[own]
    cut = np.flatnonzero(room <= BORDER_PX) + own.start
    if side == BOTTOM and len(cut):
        return cut  # be it the stem under a crown, of a single line
    share = LOWEST_SHARE if side == BOTTOM else EXTREME_SHARE
    nearest = np.sort(room)
    extreme = room <= max(nearest[STRAY_LINES], nearest[0] + share * size_px)
    if side == BOTTOM and np.count_nonzero(hidden[own]) > MOSTLY_HIDDEN * SCAN_LINES:
        lowest = np.flatnonzero(extreme & ~hidden[own]) + own.start
        if _hang_free(lines.of(lowest), z[lowest]):
            extreme = hidden[own]  # a leaf hangs lower beside what hides the stem
    there = np.flatnonzero(hidden[own] & extreme) + own.start
    return there if len(there) > HIDDEN_SHARE * np.count_nonzero(extreme) else None


def _ends_free(room: np.ndarray, hidden: np.ndarray) -> bool:
    """Return whether an upright side, of lines (n,) with so much `room`, is seen above or below what hides it.

    Along lines that are not `hidden` (n,) bool it then ends where the others have come to.
    """
    return np.count_nonzero(~hidden & (room <= room.min() + UPRIGHT_PX)) >= FREE_LINES


def _passes(lines: "_Lines", z: np.ndarray) -> bool:
    """Return whether the object, z (n,) metres away, ends before what is nearer beside it begins.

    Where it does not go on behind that, some of the lines pass through a strip of background first.
    """
    strip, _ = lines.sight(np.arange(1, EDGE_PX + TOUCH_PX + 3))
    z = z[:, None]
    nearer = (strip > 0) & (strip < z * np.float32(1 - NEARER))
    first = np.where(nearer.any(axis=1), nearer.argmax(axis=1), strip.shape[1])
    before = np.arange(strip.shape[1]) < first[:, None]
    free = ((strip > z * np.float32(1 + FARTHER)) & before).any(axis=1) & (lines.room > EDGE_PX)
    return np.count_nonzero(free) >= FREE_SHARE * len(free)


def _hang_free(lines: "_Lines", z: np.ndarray) -> bool:
    """Return whether background shows below most of these ends, z (n,) metres away: then no foot is there.

    Along the edge sensors may return nothing for many pixels.
    """
    below = lines.depth(np.arange(EDGE_PX + 1, EDGE_PX + FREE_PX))
    first = below[np.arange(len(z)), (below > 0).argmax(axis=1)]
    return np.count_nonzero(first > z * np.float32(1 + FARTHER)) > HIDDEN_SHARE * len(z)


class _Lines(NamedTuple):
    """Lines of the picture that lead from (n,) pixels of an object's outline outwards."""

    frame: Frame
    rows: np.ndarray  # (n,) of the image
    columns: np.ndarray
    down: np.ndarray  # (n,) −1, 0 or 1: the step along the line
    right: np.ndarray
    room: np.ndarray  # (n,) pixels up to the border

    def of(self, numbers: np.ndarray) -> "_Lines":
        """Return the lines of these numbers (m,)."""
        return _Lines(self.frame, *(part.take(numbers) for part in self[1:]))

    def at(self, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and columns at offsets (n, m) pixels along each line, no farther than the border."""
        offset = np.minimum(offset, self.room[:, None])
        return self.rows[:, None] + self.down[:, None] * offset, self.columns[:, None] + self.right[
            :, None
        ] * offset

    def depth(self, offsets: np.ndarray) -> np.ndarray:
        """Return the (n, m) metres of depth at offsets (m,) pixels along each line, of the ground as well."""
        return self.frame.sight[self.at(offsets)]

    def sight(self, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the (n, m) metres that sight reaches at offsets (m,), and those down along gravity per metre."""
        return self.frame.sight_at(*self.at(offsets))


def _lines(frame: Frame, edges: Edges) -> _Lines:
    """Return the lines that lead outwards from the (n, 4, SCAN_LINES) pixels of outlines, object after object."""
    height, width = frame.depth.shape
    rows, columns = edges.rows, edges.columns
    room = [columns[:, 0], width - 1 - columns[:, 1], rows[:, 2], height - 1 - rows[:, 3]]
    count = len(rows)
    steps = (np.tile(side, count) for side in (DOWN, RIGHT))
    return _Lines(frame, rows.ravel(), columns.ravel(), *steps, np.stack(room, axis=1).ravel())


def _hidden(lines: _Lines, z: np.ndarray, touch: np.ndarray) -> np.ndarray:
    """Return (N,) bool: whether the object, z (N,) metres away, may go on unseen along each line.

    It may where the picture ends, or where something nearer that does not carry it begins within `touch` (N,)
    pixels of the edge. The lines are SCAN_LINES a side, of four sides.
    """
    most = int(touch.max())
    offsets = np.arange(EDGE_PX, EDGE_PX + most + SLOPE_PX + 1)
    offsets[0] = 0
    reached, fall = lines.sight(offsets)
    count = np.arange(len(z))
    first = 1 + ((reached[:, 1 : most + 1] > 0) & (np.arange(most) < touch[:, None])).argmax(axis=1)
    second = np.minimum(first + SLOPE_PX, np.maximum(lines.room - EDGE_PX, first))  # up to the border
    there, on = reached[count, first], reached[count, second]
    limit = z * np.float32(1 - NEARER)
    covered, cut = (there > 0) & (there < limit), lines.room <= EDGE_PX
    if not covered.any():
        return cut
    # What leads without a step to the object carries it, as a table top does. Inverse depth is extended, which is
    # linear along the picture of any plane.
    both = covered & (on > 0) & (second > first)
    near, far = (np.divide(1, depth, out=np.zeros_like(z), where=both) for depth in (there, on))
    slope = (far - near) / np.maximum(second - first, 1)
    covered &= ~(both & (near - slope * (first + EDGE_PX) <= 1 / limit))
    # So does a level surface through what is met: of a table top seen at a grazing angle sensors return little,
    # and the first depth below a cup may be that of the table's edge.
    level = SOFT_LEVEL if lines.frame.soft else LEVEL
    own, met = fall[:, 0], fall[count, first] * there
    # Where it begins at once its height is the top's own; what is much lower there stands upright before the foot.
    carried = (own > MIN_FALL) & (met >= z * np.float32(1 - level) * own)
    carried &= (first > 1) | (met <= z * np.float32(LOWEST_TOP) * own)
    covered.reshape(-1, 4, SCAN_LINES)[:, BOTTOM] &= ~carried.reshape(-1, 4, SCAN_LINES)[:, BOTTOM]
    return covered | cut


def _reach(lines: _Lines, z: np.ndarray) -> np.ndarray:
    """Return how many pixels along each line something as far away as the object, z (n,) metres, is met.

    Beyond the border where nothing is.
    """
    reached, _ = lines.sight(np.arange(EDGE_PX + 1, max(int(lines.room.max()), EDGE_PX + 1) + 1))
    proof = reached >= (z * np.float32(1 - NEARER))[:, None]
    first = EDGE_PX + 1 + proof.argmax(axis=1)
    return np.where(proof.any(axis=1) & (lines.room > EDGE_PX), first, lines.room + 1)
