"""Where an object may go on out of sight: to its sides, to its back, and down to its feet.

Occluders and the picture's edge are in occlusion.py, what the silhouette's edges tell in edge_rays.py, and the
sizes of kinds in size_priors.py; here they are put together.
"""

import numpy as np

from spacesgg import (
    edge_rays,
    feet,
    known_kinds,
    label_kinds,
    occlusion,
    rectangle_ends,
    size_priors,
    slopes,
    solids,
)
from spacesgg.completion import Faces, single_faces
from spacesgg.frame import ENDLESS_M, Frame
from spacesgg.outlines import Outline
from spacesgg.quantiles import percentiles
from spacesgg.surfaces import PAD_PX, Surface
from spacesgg.two_sides import CORNER_MARGIN_M, TwoSides
from spacesgg.visible import MAX_UNSEEN_M, Visible

# Where depth crosses edges in ramps the rim left out hides the top of what is upright: its height is not known.
SOFT_TOP_OF_WIDTH = 2.5
TOP_OF_WIDTH = 1.2  # the farthest of what does not end in a level top may be lower than its highest
STEM_SHARE = 0.4  # of the height: what stands on legs is narrow there
ALL_FEET = 1.6  # times their distance from the stem: three feet, however turned, stand 3 ** 0.5 times that deep
HIDDEN_SEAT_M = 0.3  # above the ground: seats are higher, and seen only where less than that is hidden
HIDDEN_FOOT_M = 0.15
SPREAD_M = 0.08  # that feet out of sight may stand out farther than what is seen of the legs
TRIMMED_PX = 1  # by more a silhouette's upper end is below its mask's where what joins the wall is left out
DEEP_OF_WIDTH, MOST_SPAN = 1.1, 2.0  # of their width round things are deep, and are seen to be
SEAT_M = 0.3  # a seat is deeper
ROUND_MARGIN_M = 0.03  # of the far side of a circle, told by its near side


def go_on(frame: Frame, surfaces: list[Surface], visible: Visible, labels: list[str]) -> np.ndarray:
    """Return the (n, 2, 3) bounds, in levelled metres, of where objects called `labels` may go on out of sight."""
    seen, bodies, sides = visible.boxes, visible.round_bodies, visible.sides
    sparse = [surface.sparse for surface in surfaces]
    boxes = occlusion.widen(seen, frame, visible.edges, known_kinds.kinds_of(labels), sparse)
    boxes = _no_wider(boxes, seen, bodies)
    ends_seen = boxes[:, :, 0] == seen[:, :, 0]
    boxes = solids.end_aside(_no_larger(boxes, frame, visible, labels), frame, visible, labels)
    whole_sides = ends_seen.all(axis=1)
    hidden_corners = np.where(whole_sides, sides.hidden_corners(), np.inf)
    ends_seen |= edge_rays.falls_aside(frame, visible.edges, visible.tops)
    boxy = np.array([label_kinds.is_box(label) for label in labels])
    rectangular = np.array([label_kinds.is_rectangular(label) for label in labels])
    whole = ends_seen.all(axis=1) & (boxes[:, 0, 1] == seen[:, 0, 1])  # of its top
    whole &= [_shows_top(*pair) for pair in zip(surfaces, visible.outlines, strict=True)]
    for i in (np.ptp(boxes[:, :, 0], axis=1) > np.ptp(seen[:, :, 0], axis=1)).nonzero()[0].tolist():
        if rectangular[i] and sides.seen[i]:
            longest = _longest_sides(labels[i], sides.lengths[i].tolist())
            boxes[i] = sides.go_on(i, boxes[i], seen[i], longest)
        else:
            boxes[i] = slopes.follow(boxes[i], seen[i], visible.points[:, i])
    flat = np.array([label_kinds.has_flat_top(label) for label in labels])
    tops = np.where(flat, visible.tops, _rims(frame, visible, labels))
    reach = edge_rays.top_reach(frame, visible.edges, tops)
    back = _backs(boxes, labels, reach, hidden_corners, visible.behind, frame.soft)
    faces = single_faces(visible.lines, visible.fresh)
    faces.there[np.isfinite(bodies[:, 0, 0])] = False
    turned = np.where(faces.there, -np.inf, _turned_backs(boxes, labels, sides, whole_sides))
    # Of boxes the upper edge tells as well.
    told = np.where(boxy, hidden_corners - CORNER_MARGIN_M, hidden_corners)
    turned = np.minimum(np.where(np.isfinite(hidden_corners), told, turned), visible.behind)
    back = np.where(rectangular, np.maximum(back, turned), back)
    # Of a chair seen from above both sides of the seat are; where depth drifts they seem to be shorter.
    shown = [label_kinds.has_back(label) and not frame.soft for label in labels]
    shown &= whole_sides & (sides.lengths.min(axis=1) > SEAT_M)
    corner = visible.corners[:, :, 1].max(axis=1) + CORNER_MARGIN_M
    back = np.where(shown & ~rectangular, np.fmin(back, corner), back)
    is_round = np.array([label_kinds.is_round(label) for label in labels])
    back = np.where(is_round, np.fmin(back, bodies[:, 1, 1] + ROUND_MARGIN_M), back)
    boxes[:, 1, 2] = np.maximum(boxes[:, 1, 2], back)
    for i, label in enumerate(labels):
        if label_kinds.has_legs(label):
            boxes[i] = _with_feet(boxes[i], seen[i], visible.points[:, i], visible.behind[i])
            three = label_kinds.has_three_feet(label)
            near, far = feet.reach(frame, surfaces[i], visible.outlines[i], seen[i, :, 2], three)
            boxes[i, 0, 2] = max(boxes[i, 0, 2], min(near, seen[i, 0, 2]))
            # What is seen farther back than the feet, of what is so thin, is mixed with the background.
            boxes[i, 1, 2] = max(boxes[i, 0, 2], min(boxes[i, 1, 2], far))
    boxes = _with_bodies(boxes, faces, labels, visible.behind, whole_sides)
    end = edge_rays.top_end(frame, visible.edges, visible.tops, whole)
    ends = np.maximum(seen[:, 1, 2], np.minimum(boxes[:, 1, 2], end))
    boxes[:, 1, 2] = np.where(flat, ends, boxes[:, 1, 2])
    if frame.ground_height is not None:  # else what is round as seen from above may lie on its side
        boxes[:, 1, 2] = _no_deeper_than_wide(boxes, seen, is_round)
    return _no_wider_than_deep(boxes, seen, flat & is_round & np.isfinite(end))


def _no_larger(boxes: np.ndarray, frame: Frame, visible: Visible, labels: list[str]) -> np.ndarray:
    """Return the (n, 2, 3) boxes, which may go on unseen, no wider than rectangles whose sides are all seen."""
    boxes, seen, corners = boxes.copy(), visible.boxes, visible.sides.hidden_corners()
    for i, end in np.argwhere(boxes[:, :, 0] != seen[:, :, 0]).tolist():
        # Where depth drifts the border leaves too little of a side to tell its heading.
        if label_kinds.is_straight(labels[i]) and not (frame.soft and _is_cut(frame, visible, i, end)):
            free = occlusion.free_outline(frame, visible.edges.only(i))
            if rectangle_ends.ends(visible.corners[i], free, 2 * end - 1):
                boxes[i, end, 0] = seen[i, end, 0]
                # How far back it goes on behind what hides it is not known for that.
                boxes[i, 1, 2] = max(boxes[i, 1, 2], corners[i]) if np.isfinite(corners[i]) else boxes[i, 1, 2]
    return boxes


def _is_cut(frame: Frame, visible: Visible, i: int, end: int) -> bool:
    """Return whether the picture's left (0) or right (1) border cuts an object."""
    columns = visible.edges.columns[i, end]
    last = frame.depth.shape[1] - 1
    return bool(columns.max() >= last - occlusion.EDGE_PX if end else columns.min() <= occlusion.EDGE_PX)


def _rims(frame: Frame, visible: Visible, labels: list[str]) -> np.ndarray:
    """Return (n,) how far down from the camera, in metres, the upper ends of objects are, as masks show them.

    Depth is lost along the upper edge first: tops a little below the camera seem to go far back for that.
    Of what may go back from its upper edge, as a bed does, depth alone tells how high it is there.
    """
    rims = np.minimum(visible.tops, visible.boxes[:, 0, 1] + frame.pixel * visible.middles)
    if frame.soft:  # of which the masks' rims are believed less
        rims = (rims + visible.tops) / 2
    return np.where([label_kinds.ends_in_edge(label) for label in labels], rims, visible.tops)


def _shows_top(surface: Surface, outline: Outline) -> bool:
    """Return whether the upper end of the mask is the silhouette's, as of a top before a wall it may not."""
    return int(outline.rows[outline.sides[2]].min()) <= PAD_PX + TRIMMED_PX


def _longest_sides(label: str, lengths: list[float]) -> tuple[float, float]:
    """Return metres that the two sides of a thing called `label` may be long, each told by the other.

    `lengths` (2) metres are what is seen of them.
    """
    left, right = (size_priors.LARGE * size_priors.depth_behind(label, length) for length in lengths)
    return right, left


def _no_wider_than_deep(boxes: np.ndarray, seen: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the (n, 2, 3) boxes, of which the `chosen` (n,) bool are round, as wide at most as they are deep."""
    width = np.where(chosen, np.ptp(boxes[:, :, 2], axis=1) + 2 * ROUND_MARGIN_M, np.inf)
    boxes[:, 0, 0] = np.maximum(boxes[:, 0, 0], np.minimum(seen[:, 0, 0], seen[:, 1, 0] - width))
    boxes[:, 1, 0] = np.minimum(boxes[:, 1, 0], np.maximum(seen[:, 1, 0], seen[:, 0, 0] + width))
    return boxes


def _no_deeper_than_wide(boxes: np.ndarray, seen: np.ndarray, is_round: np.ndarray) -> np.ndarray:
    """Return (n,) how far back boxes (n, 2, 3) go, of which those that `is_round` (n,) bool are as deep as wide.

    Floor that is `seen` (n, 2, 3) between the legs of a stool passes for its far side. Where its depth spans far
    more than its width, nothing tells which of it is the object's.
    """
    width, near = np.ptp(boxes[:, :, 0], axis=1), boxes[:, 0, 2]
    chosen = is_round & (boxes[:, :, :2] == seen[:, :, :2]).all(axis=(1, 2))
    chosen &= np.ptp(seen[:, :, 2], axis=1) <= MOST_SPAN * width
    return np.where(
        chosen, np.minimum(boxes[:, 1, 2], near + DEEP_OF_WIDTH * width + ROUND_MARGIN_M), boxes[:, 1, 2]
    )


def go_down(box: np.ndarray, seen: np.ndarray, ground_height: float, label: str) -> np.ndarray:
    """Return the (2, 3) box of an object of which `seen` (2, 3) is seen, with its feet, seat and bottom.

    Nothing goes on below the ground, `ground_height` metres below the camera, however much hides its foot.
    """
    box[1, 1] = max(seen[1, 1], min(box[1, 1], ground_height))
    if label_kinds.stands_on_ground(label) and ground_height - seen[1, 1] > HIDDEN_SEAT_M:
        box = _with_seat(box, seen, size_priors.seat(label))
    if label_kinds.stands_on_ground(label) or label_kinds.has_legs(label):
        box[1, 1] = max(box[1, 1], ground_height)  # masks lose thin legs, and what is seen below them is far away
    if label_kinds.has_legs(label) and box[1, 1] > seen[1, 1] + HIDDEN_FOOT_M:
        box += SPREAD_M * np.array([[-1, 0, -1], [1, 0, 1]])
    return box


def _no_wider(boxes: np.ndarray, seen: np.ndarray, bodies: np.ndarray) -> np.ndarray:
    """Return the (n, 2, 3) boxes, which may go on unseen, no wider than round `bodies` (n, 2, 2) of the points."""
    boxes[:, 0, 0] = np.fmax(boxes[:, 0, 0], np.minimum(seen[:, 0, 0], bodies[:, 0, 0] - MAX_UNSEEN_M))
    boxes[:, 1, 0] = np.fmin(boxes[:, 1, 0], np.maximum(seen[:, 1, 0], bodies[:, 1, 0] + MAX_UNSEEN_M))
    return boxes


def _backs(
    boxes: np.ndarray, labels: list[str], reach: np.ndarray, corners: np.ndarray, behind: np.ndarray, soft: bool
) -> np.ndarray:
    """Return (n,) how far back, in levelled metres, objects may go on behind the faces they show.

    Where only a front is seen nothing tells the depth of the body; things are rarely much flatter than wide,
    unless they hang on, or stand against, the surface that is seen around them, `behind` (n,) metres away. A box
    of which two sides are seen to their ends goes back to its hidden corner, `corners` (n,) metres away. The upper
    edges prove that things go back to `reach` (n,), which is believed less where depth is `soft`.
    """
    width, front = np.ptp(boxes[:, :, 0], axis=1), boxes[:, 0, 2]
    height = np.ptp(boxes[:, :, 1], axis=1)
    sizes = zip(labels, width.tolist(), height.tolist(), strict=True)
    least = [size_priors.least_depth(*size) for size in sizes]
    flat = np.array([label_kinds.has_flat_top(label) for label in labels])
    of_width = np.where(flat, SOFT_TOP_OF_WIDTH if soft else ENDLESS_M, TOP_OF_WIDTH)
    reach = np.minimum(reach, front + of_width * width)
    # Of what shows its cover the upper edge is the cover's own, and not that of a top farther back.
    reach = np.where(np.array(least) == size_priors.SLAB_M, -np.inf, reach)
    boxy = np.array([label_kinds.is_box(label) for label in labels])
    most = np.where(boxy, np.minimum(corners, behind), behind)
    return np.minimum(np.maximum(front + least, reach), most)


def _turned_backs(boxes: np.ndarray, labels: list[str], sides: TwoSides, whole: np.ndarray) -> np.ndarray:
    """Return (n,) how far back, in levelled metres, rectangular things go whose `sides` are seen at an angle.

    `whole` (n,) bool says whose ends are in sight.
    """
    height = np.ptp(boxes[:, :, 1], axis=1)
    lengths = sides.lengths[np.arange(len(labels)), sides.front]
    sizes = zip(labels, lengths.tolist(), height.tolist(), whole.tolist(), strict=True)
    return sides.backs(np.array([size_priors.depth_behind(*size) for size in sizes]))


def _with_bodies(
    boxes: np.ndarray, faces: Faces, labels: list[str], behind: np.ndarray, whole: np.ndarray
) -> np.ndarray:
    """Return the (n, 2, 3) boxes widened by the bodies behind single faces.

    They go back along the faces' normals, but not beyond the surface that is seen around them, `behind` (n,)
    metres away.
    """
    height = np.ptp(boxes[:, :, 1], axis=1)
    sizes = zip(labels, faces.lengths.tolist(), height.tolist(), whole.tolist(), strict=True)
    depth = [size_priors.depth_behind(*size) for size in sizes]
    bodies = faces.bodies(np.array(depth))
    boxes[:, 0, 0] = np.fmin(boxes[:, 0, 0], bodies[:, 0, 0])
    boxes[:, 1, 0] = np.fmax(boxes[:, 1, 0], bodies[:, 1, 0])
    boxes[:, 1, 2] = np.fmax(boxes[:, 1, 2], np.minimum(bodies[:, 1, 1], behind))
    return boxes


def _with_feet(box: np.ndarray, seen: np.ndarray, points: np.ndarray, behind: float) -> np.ndarray:
    """Return the (2, 3) box of a thing on legs widened to where feet may stand that point to or from the camera.

    They are as far from its stem, whose place the upper of its points (3, N) show, as those that point aside.
    """
    x, y, z = points
    upper = y <= seen[0, 1] + STEM_SHARE * (seen[1, 1] - seen[0, 1])
    if not upper.any():
        return box
    middle, away = (percentiles(part[upper], (50,))[0] for part in (x, z))
    reach = max(middle - seen[0, 0], seen[1, 0] - middle)
    if seen[1, 2] - seen[0, 2] > ALL_FEET * reach:
        return box
    box[:, 2] = min(box[0, 2], away - reach), max(box[1, 2], min(away + reach, behind))
    return box


def _with_seat(box: np.ndarray, seen: np.ndarray, size: float) -> np.ndarray:
    """Return the (2, 3) box widened to all places of a seat of `size` metres whose back alone is `seen` (2, 3)."""
    if size:
        box[0, ::2] = np.minimum(box[0, ::2], seen[1, ::2] - size)
        box[1, ::2] = np.maximum(box[1, ::2], seen[0, ::2] + size)
    return box
