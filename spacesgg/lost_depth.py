"""Where an object can be that returned no depth: it is dark, it shines, or one looks through it.

Its mask still tells the rays that its points lie on, and the depth around the mask what bounds it: it lies before
the farthest of what is seen there, and above the ground. Where it rests on a level surface (footing.py) its foot
is where the rays of its lower edge meet that; where another object is seen below it, it is on that or behind it
(carriers.py). A picture hangs on the wall that is seen all around it (wall_hung.py), and what is small is not far
if it looks large (small_things.py). What is not certain lies within the extent.
"""

import cv2
import numpy as np

from spacesgg import (
    carriers,
    footing,
    known_kinds,
    label_kinds,
    occlusion,
    out_of_range,
    outlines,
    size_priors,
    small_things,
    wall_hung,
)
from spacesgg.carriers import Thing
from spacesgg.extents import BASE_MARGIN_M, Extent
from spacesgg.footing import Footing, View
from spacesgg.frame import ENDLESS_M, Frame
from spacesgg.outlines import Edges
from spacesgg.quantiles import percentiles
from spacesgg.surfaces import SPARSE_COVERAGE, Surface

MIN_PX = 20  # of a mask: of smaller ones the growth is most
NEAREST_M = 0.2  # from the camera
MIN_BEHIND = 0.7  # of the pixels around the mask must have depth; else something endless may be seen there
BEHIND_PERCENT = 99.0  # of their depth
DISTANCES = 4  # at which an object is tried whose distance is not known well


def find_extent(frame: Frame, things: dict[str, Thing], key: str, glimpse: Surface | None = None) -> Extent | None:
    """Return where the object `key` can be; None where nothing tells.

    `things` are all objects by key, `glimpse` is what little of it has depth (glimpses.py). Sparse depth tells
    nothing: it is missing everywhere.
    """
    mask, label, _ = things[key]
    if frame.lidar or cv2.countNonZero(mask.view(np.uint8)) < MIN_PX:
        return None
    view = footing.look(frame, mask)
    others = [thing for other, thing in things.items() if other != key]
    covered = np.any([view.inside, *(other.mask[view.window] for other in others)], axis=0)
    beyond = out_of_range.least_distance(frame, view, label, covered)
    # Of an open field, too, most is out of a sensor's reach, but what is in reach is dense.
    if not beyond and all(
        np.count_nonzero(z) < SPARSE_COVERAGE * z.size for z in (frame.depth, view.away[view.ring()])
    ):
        return None
    wall = wall_hung.find_box(view, label)
    if wall is not None:
        return Extent(wall, np.full(3, BASE_MARGIN_M), wall)
    near, far = max(NEAREST_M, beyond), _background(view, others)
    floor = frame.ground_height or np.inf
    far = min(far, _before_ground(frame, view, label))
    # Networks draw depth everywhere: where theirs is lost the mask is too small to tell its foot.
    feet = [] if frame.soft else _feet(frame, view, label, others)
    for foot in feet:
        nearest, far = _stand(view, label, foot, far)
        near, floor = max(near, nearest), min(floor, foot.height)
    least, most = small_things.distances(frame, view, label)
    near, far = max(near, least), min(far, most)
    if glimpse is not None:
        least, most = _around_glimpse(frame, view, label, glimpse)
        near, far = max(near, least), min(far, most)
    if near >= far:
        return None  # a wrong mask, or another world than ours
    longest = size_priors.longest(label)
    box = _sweep(frame, view, near, far, longest)
    if any(foot.partial for foot in feet):  # of a chair a leg may be all that is seen
        hidden = max(longest - view.size(0) * near, 0)
        box += [[-hidden, -hidden, 0], [hidden, 0, 0]]
    box[:, 1] = np.minimum(box[:, 1], floor)
    reach = float(frame.depth.max())  # the sweep reckons with the vertical's uncertainty beyond
    return Extent(box, np.full(3, BASE_MARGIN_M), np.clip(box, -reach, reach))


def _feet(frame: Frame, view: View, label: str, others: list[Thing]) -> list[Footing]:
    """Return where the object's foot is by the level surface that it rests on, and by the objects below it."""
    harmless = carriers.holding_nothing(view, label, others)
    foot = footing.find_footing(frame, view, harmless)
    if foot is not None and label_kinds.may_hang(label):
        foot = foot.in_the_air()
    must_rest = label_kinds.rests(label) or label_kinds.stands_on_ground(label)
    below = carriers.find_support(frame, view, others, harmless) if must_rest else None
    return [found for found in (foot, below) if found is not None]


def _background(view: View, others: list[Thing]) -> float:
    """Return how far away, in levelled metres, the farthest is that is seen around the object.

    Other objects do not count: it may be seen through the gaps of a shelf.
    """
    ring = view.ring()
    for other in others:
        ring &= ~other.mask[view.window]
    around = view.away[ring]
    seen = around[around > 0]
    if len(seen) < max(MIN_BEHIND * len(around), MIN_PX):
        return ENDLESS_M
    return percentiles(seen, (BEHIND_PERCENT,))[0]


def _before_ground(frame: Frame, view: View, label: str) -> float:
    """Return how far away, in levelled metres, the object can reach whose lowest point is above the ground."""
    if frame.ground_height is None:
        return ENDLESS_M
    lower = view.outline.sides[3]
    rows = np.maximum(view.outline.rows[lower] - footing.GROWTH_PX[1], 0)
    fall = np.sort(view.fall[rows, view.outline.columns[lower]])[-footing.MIN_COLUMNS :][0]
    meets = frame.ground_height / max(float(fall), frame.ground_height / ENDLESS_M)
    size = view.size(0)
    if footing.is_cut(frame, view) or footing.is_beside_nearer(view, meets):
        size = max(size, view.size(1))  # only a strip of it may be seen
    return meets * (1 + footing.SLACK) + size_priors.most_depth(label, size * meets)


def _stand(view: View, label: str, foot: Footing, behind: float) -> tuple[float, float]:
    """Return the nearest and the farthest, in levelled metres, that the object on its foot can be.

    What is seen around it is at most `behind` metres away.
    """
    upper = view.outline.sides[2]
    fall = view.fall[view.outline.rows[upper], view.outline.columns[upper]]
    # Above its foot it may be nearer: a ball by half its width, and by no more than its height lets it.
    breadth = view.size(0)
    overhang = breadth * foot.near / 2
    if foot.partial:
        overhang = max(breadth * foot.near, size_priors.longest(label))
    back = foot.far + (size_priors.most_depth(label, breadth * foot.far) if np.isfinite(foot.far) else 0)
    if not np.isfinite(foot.height):
        return max(foot.near - overhang, NEAREST_M), min(behind, back)
    if not foot.partial:
        overhang = min(overhang, foot.near * (1 - foot.near * float(fall.min()) / foot.height))
    # It ends at the latest where the rays of its upper edge come down to what carries it.
    end = foot.height / max(float(fall.min()), foot.height / ENDLESS_M)
    return max(foot.near - overhang, NEAREST_M), min(behind, back, end)


def _around_glimpse(frame: Frame, view: View, label: str, glimpse: Surface) -> tuple[float, float]:
    """Return the nearest and the farthest, in levelled metres, that an object can be of which a part is seen."""
    away = (frame.window_directions(glimpse.window)[2] * frame.depth[glimpse.window])[glimpse.pixels]
    near, far = float(away.min()), float(away.max())
    depth = size_priors.most_depth(label, max(view.size(0), view.size(1)) * far)
    if footing.is_cut(frame, view) or footing.is_beside_nearer(view, near):
        depth = max(depth, size_priors.longest(label), min(size_priors.MAX_BODY_M, size_priors.most_wide(label)))
    return near - depth, far + depth


def _sweep(frame: Frame, view: View, near: float, far: float, longest: float) -> np.ndarray:
    """Return the (2, 3) bounds of the silhouette, as a card, at all distances from `near` to `far`.

    At each it is widened by what may be hidden there, up to `longest` metres where its kind may be so wide.
    """
    rays = view.rays[:, view.outline.rows, view.outline.columns]
    slopes = rays[:2] / rays[2]
    # What the vertical is uncertain by moves what is far by as much more.
    blur = frame.tilt_sigma * np.array([np.abs(slopes[1]), np.hypot(slopes[0], 1)])
    ends = np.array([(slopes - blur).min(axis=1), (slopes + blur).max(axis=1)])
    cards, edges = [], []
    rows, columns = (part + side.start for part, side in zip(view.outline[:2], view.window, strict=True))
    for away in np.geomspace(near, far, DISTANCES):
        cards.append(np.column_stack([ends * away, [away, away]]))
        depth = (away / rays[2]).astype(np.float32)
        edges.append(outlines.thin([view.outline], rows, columns, depth, occlusion.SCAN_LINES))
    together = Edges(*(np.concatenate(parts) for parts in zip(*edges, strict=True)))
    kinds = known_kinds.unknown_kinds([longest] * DISTANCES)
    boxes = occlusion.widen(np.array(cards), frame, together, kinds, [False] * DISTANCES)
    return np.array([boxes.min(axis=0)[0], boxes.max(axis=0)[1]])
