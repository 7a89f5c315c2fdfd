"""No body goes through another: where objects that are partly hidden have to end.

What stands on a table's top ends there, however much hides its foot, and a desk that goes on behind a chair ends
at the cupboard next to it. Solids are outlined as seen from above, in x and z, by what is seen of them and the
least that bodies of their kinds measure.
"""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from spacesgg import completion, edge_rays, label_kinds, size_priors
from spacesgg.frame import Frame
from spacesgg.quantiles import of_rows, percentiles
from spacesgg.visible import Visible

HIDDEN_M = 0.05  # so far bodies must be taken to go on beyond what is seen of them to be worth a look
BAND_M = 0.06  # of a top's points below its highest, beside the noise: a mask's edge is no part of it
BOARD_M = 0.03  # at least so thick are tops, and so far down what stands on them may seem to reach
MIN_POINTS = 20  # of a top, in sight
INSIDE_M = 0.04  # from the outline, beside the noise: what is nearer to it may stand before or behind it
SOFT_INSIDE = 0.02  # of the distance, where depth drifts
ABOVE_M = 0.05  # lower ends of what stands on a top may seem to be lower by the pixels that masks are grown
BACK_SHARE = 0.6  # of the common depth of a kind: few are flatter than that
MIN_SIDE_M = 0.3  # of smaller rectangles noise and masks tell the heading
STRAIGHT = 0.8  # of the length of a side that leads out of sight, along the picture
RIM_PX = 3  # so far masks may have grown over a top's far edge, and depth of the top's is lost above
MOST_FARTHER = 1.5  # times as far away as the middle of what is seen of it: flatter rays tell less
EDGE_POINTS = 12  # of each of an outline's edges that may stand in the way
END_PERCENT = 98.0  # of the points: strays lie beyond it


class Solid(NamedTuple):
    """A part of an object that is solid, upright at its sides."""

    outline: np.ndarray  # (k, 2) float32 metres: the corners of its convex outline, x and z
    top: float  # metres down from the camera
    bottom: float


class _Scene(NamedTuple):
    """The objects of a frame."""

    frame: Frame
    visible: Visible
    faces: completion.Faces
    labels: list[str]


def _scene(frame: Frame, visible: Visible, labels: list[str]) -> _Scene:
    return _Scene(frame, visible, completion.single_faces(visible.lines, visible.fresh), labels)


def end_on_tops(boxes: np.ndarray, frame: Frame, visible: Visible, labels: list[str]) -> np.ndarray:
    """Return the (n, 2, 3) boxes, in levelled metres, of objects called `labels`, ended where tops carry them."""
    hidden = boxes[:, 1, 1] > visible.boxes[:, 1, 1] + HIDDEN_M
    hidden &= [not (label_kinds.stands_on_ground(label) or label_kinds.has_legs(label)) for label in labels]
    if not hidden.any():
        return boxes
    boxes, scene = boxes.copy(), _scene(frame, visible, labels)
    places = of_rows(np.sort(visible.points[::2], axis=2), 50).T
    lowest = visible.boxes[:, 1, 1]
    for i in [i for i, label in enumerate(labels) if label_kinds.carries(label)]:
        above = hidden & (lowest <= visible.tops[i] + ABOVE_M)
        above[i] = False
        top = _top(scene, i) if above.any() else None
        for j in above.nonzero()[0].tolist() if top is not None else []:
            place = tuple(places[j].tolist())
            if cv2.pointPolygonTest(top.outline[:, None], place, True) > _margin(scene, i, j):
                boxes[j, 1, 1] = min(boxes[j, 1, 1], max(lowest[j], top.bottom))
    return boxes


def end_aside(boxes: np.ndarray, frame: Frame, visible: Visible, labels: list[str]) -> np.ndarray:
    """Return the (n, 2, 3) boxes, in levelled metres, no wider than solids next to their hidden parts allow.

    Of things called `labels` the rectangular ones go on straight, with all of their width.
    """
    beyond = (boxes[:, :, 0] - visible.boxes[:, :, 0]) * (-1, 1) > HIDDEN_M
    beyond &= np.array([label_kinds.is_straight(label) for label in labels])[:, None]
    beyond &= visible.sides.there[:, None]
    if not beyond.any() or len(labels) < 2:
        return boxes
    boxes, scene = boxes.copy(), _scene(frame, visible, labels)
    solids = [_solid(scene, i) for i in range(len(labels))]
    for i, end in np.argwhere(beyond).tolist():
        if solids[i] is not None:
            most = _most_aside(scene, solids, i, 2 * end - 1)
            seen = visible.boxes[i, end, 0]
            boxes[i, end, 0] = (
                max(seen, min(boxes[i, end, 0], most)) if end else min(seen, max(boxes[i, 0, 0], most))
            )
    return boxes


def _most_aside(scene: _Scene, solids: list[Solid | None], i: int, side: int) -> float:
    """Return metres in x that an object may go on to, to the left (−1) or right, without going through another."""
    sides = scene.visible.sides.sides[i]
    lengths = np.hypot(*sides.T)
    along = (sides / np.maximum(lengths, 1e-9)[:, None])[np.abs(sides[:, 0] / np.maximum(lengths, 1e-9)).argmax()]
    along = along * side * np.sign(along[0])
    if lengths.max() < MIN_SIDE_M or along[0] * side < STRAIGHT:
        return side * np.inf
    across = np.array([-along[1], along[0]])
    own = solids[i]
    reach = percentiles(own.outline @ along, (END_PERCENT,))[0]
    low, high = (own.outline @ across).min(), (own.outline @ across).max()
    ends = np.inf
    for j, other in enumerate(solids):
        if j == i or other is None or other.top > own.bottom or own.top > other.bottom:
            continue
        margin = _margin(scene, i, j)
        edges = _edge_points(other.outline)
        place = edges @ across
        inside = (place > min(low + margin, (low + high) / 2)) & (place < max(high - margin, (low + high) / 2))
        if not inside.any():
            continue
        nearest = (edges[inside] @ along).min()
        if nearest > reach - margin:
            ends = min(ends, nearest + margin)
    return side * max(side * (ends * along[0] + place * across[0]) for place in (low, high))


def _margin(scene: _Scene, i: int, j: int) -> float:
    """Return metres by which the outlines of two objects may be wrong."""
    sigmas, middles = scene.visible.sigmas, scene.visible.middles
    return INSIDE_M + sigmas[i] + sigmas[j] + (SOFT_INSIDE * middles[j] if scene.frame.soft else 0.0)


def _solid(scene: _Scene, i: int) -> Solid | None:
    """Return what of an object is solid, None where nothing is known to be."""
    visible, label = scene.visible, scene.labels[i]
    if label_kinds.is_box(label):
        outline = _hull([visible.points[::2, i].T, *_body(scene, i)])
        return Solid(outline, float(visible.tops[i]), float(visible.boxes[i, 1, 1]))
    if label_kinds.is_table(label):
        return _top(scene, i)
    if label_kinds.is_rectangular(label):  # a sofa, up to its arms
        top, bottom = float(visible.tops[i]), float(visible.boxes[i, 1, 1])
        return Solid(_hull([visible.points[::2, i].T]), (top + bottom) / 2, bottom)
    return None


def _top(scene: _Scene, i: int) -> Solid | None:
    """Return the top of an object. None where too little shows."""
    visible = scene.visible
    x, y, z = visible.points[:, i, visible.fresh[i]]
    level = y < visible.tops[i] + BAND_M + visible.sigmas[i]
    enough = np.count_nonzero(level) >= MIN_POINTS
    height = percentiles(y[level], (50,))[0] if enough else float(visible.tops[i])
    # Of boxes the sides tell it as well: their tops may be as high as the camera.
    parts = _body(scene, i) if label_kinds.is_box(scene.labels[i]) else []
    if enough:
        parts = [*parts, np.column_stack([x[level], z[level]]), _rim(scene, i)]
    return Solid(_hull(parts), height, height + BOARD_M) if parts else None


def _rim(scene: _Scene, i: int) -> np.ndarray:
    """Return x and z (k, 2) of the far rim of an object's level top, by the rays of the silhouette's upper edge.

    Seen at a grazing angle the top returns no depth there.
    """
    frame, visible = scene.frame, scene.visible
    if frame.soft:  # of which masks are too large, or too small
        return np.empty((0, 2))
    upper = visible.edges.only(i).side("top")
    rows = np.minimum(upper.rows + RIM_PX, frame.depth.shape[0] - 1)
    away = edge_rays.away(frame, rows, upper.columns, visible.tops[i : i + 1])[0]
    x, _, z = frame.directions(rows[0], upper.columns[0])
    told = (away >= visible.middles[i]) & (away <= MOST_FARTHER * visible.middles[i])
    return np.column_stack([x / z * away, away])[told]


def _body(scene: _Scene, i: int) -> list[np.ndarray]:
    """Return the corners (k, 2) of a box by its sides, none where they do not tell."""
    sides, faces = scene.visible.sides, scene.faces
    if sides.seen[i]:
        left, right = sides.reach[i, :, None] * sides.sides[i]
        return [sides.near[i] + np.array([0 * left, left, right, left + right])]
    if faces.there[i]:
        deep = BACK_SHARE * size_priors.depth_behind(scene.labels[i], faces.lengths.item(i))
        return [np.concatenate([faces.ends[i], faces.ends[i] + deep * faces.normal[i]])]
    return []


def _hull(parts: Iterable[np.ndarray]) -> np.ndarray:
    return cv2.convexHull(np.concatenate(list(parts)).astype(np.float32))[:, 0]


def _edge_points(outline: np.ndarray) -> np.ndarray:
    """Return points (m, 2) along the edges of an outline (k, 2)."""
    share = np.linspace(0, 1, EDGE_POINTS, endpoint=False)[:, None, None]
    return (outline + share * (np.roll(outline, -1, axis=0) - outline)).reshape(-1, 2)
