"""What stands farther than the sensor reaches.

Beyond its range a sensor returns nothing: the ground is seen up to there, and above the line where it ends there
is no depth. What stands on the ground above that line is farther than the line, and so is the wall that a picture
hangs on, for it reaches down to the ground. Of a cup nothing is told: it may stand on a glass table, which is
nearer than the ground that is seen below its top. What is seen under the mask of a thing out of range is something
else; and of a thing in range that has lost its far end the end is not known.
"""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg import footing, label_kinds, size_priors
from spacesgg.extents import Extent
from spacesgg.footing import View
from spacesgg.frame import GROUND_SHARE, Frame
from spacesgg.quantiles import evenly, percentiles
from spacesgg.surfaces import Surface

RANGE_PERCENT = 99.0  # of the depth: what is farther are strays
IN_RANGE = 0.97  # of it, so far the ground is seen where it ends for the range
MIN_SHARE = 0.1  # of the picture's columns show the ground up to the range, and nothing above it
LOST_PX = 10  # without depth above the ground's end: far floor, and thin things, lose some, too
OF_COLUMNS = 0.7  # of the object's columns show the ground's end below it
AROUND = 0.8  # of what is seen around the object has no depth
OVERHANG = 0.07  # of the distance: tops are nearer than the ground that is seen below them
FEW_SHARE = 0.15  # of the silhouette: what else is seen there is no more
RIM = np.ones((5, 5), np.uint8)  # along the silhouette's edges what is in range loses its depth, too
LOST_SHARE = 0.1  # of the silhouette within has no depth
AT_RANGE = 0.93  # of the range is where things end that go on beyond it
NEAR_RANGE = 0.75  # of the farthest in the picture: not in its corner either is what is nearer at the range
POINTS = 500  # of an object tell how far away it ends
SAMPLE_PX = 8  # every so many pixels tell the range
LEAN = 0.02  # the same of walls, and of what has upright sides


class GroundEnds(NamedTuple):
    """Where the ground ends in the columns of the picture."""

    rows: np.ndarray  # (W,)
    away: np.ndarray  # (W,) levelled metres; 0 where it ends for anything but the range, or is not seen
    hidden: np.ndarray  # (W,) bool: whether something that is seen stands where it ends, or all of it is hidden


def least_distance(frame: Frame, view: View, label: str, others: np.ndarray) -> float:
    """Return how near, in levelled metres, the object without depth can be: 0 where nothing tells.

    `others` (h, w) bool are the pixels of the view where other objects are, which may hide what is around it.
    """
    ring = view.ring() & ~others
    on_wall = label_kinds.off_wall(label) > 0
    standing = label_kinds.stands_on_ground(label) or label_kinds.has_legs(label)
    if frame.ground_height is None or not ring.any() or not (standing or on_wall):
        return 0.0
    if np.count_nonzero(view.away[ring] == 0) < AROUND * np.count_nonzero(ring):
        return 0.0
    ends = _ground_ends(frame)
    inside = view.inside.any(axis=0).nonzero()[0]
    lowest = view.window[0].start + len(view.inside) - 1 - view.inside[::-1, inside].argmax(axis=0)
    columns = inside + view.window[1].start
    # The ground seen below the shade of a lamp is not below its foot.
    above = ends.rows[columns] > (lowest if on_wall else lowest.max()) - footing.GROWTH_PX[1]
    below = above & (ends.away[columns] > 0)
    if below.mean() >= OF_COLUMNS:
        nearest = float(ends.away[columns][below].min())
    elif on_wall and (ends.hidden[columns] | (ends.away[columns] > 0)).all():
        nearest = _beside(ends, columns)
    else:
        nearest = 0.0
    upright = on_wall or label_kinds.has_upright_sides(label)
    return nearest * (1 - (LEAN if upright else OVERHANG))


def shows_another(frame: Frame, masks: dict[str, np.ndarray], key: str, label: str, surface: Surface) -> bool:
    """Return whether the `surface` that was found for an object is something's before it, and it is out of range.

    `masks` are the (H, W) bool masks of all objects by key.
    """
    few = np.count_nonzero(surface.pixels) < FEW_SHARE * np.count_nonzero(surface.silhouette)
    if not few or surface.few or frame.lidar or frame.soft:
        return False
    if surface.sparse:  # of what is dense elsewhere, strays
        return _is_limited(frame)
    view = footing.look(frame, masks[key])
    covered = np.any([other[view.window] for other in masks.values()], axis=0)
    away = frame.window_directions(surface.window)[2] * frame.depth[surface.window]
    return float(away[surface.pixels].max()) < least_distance(frame, view, label, covered)


def open_end(frame: Frame, surface: Surface, extent: Extent, label: str) -> Extent:
    """Return the extent of an object that may go on beyond the sensor's range, as far as its kind does."""
    farthest = float(frame.depth[::SAMPLE_PX, ::SAMPLE_PX].max())
    if surface.sparse or frame.soft or extent.seen[1, 2] < NEAR_RANGE * farthest:
        return extent
    silhouette, depth = surface.silhouette, frame.depth[surface.window]
    inner = cv2.erode(silhouette.view(np.uint8), RIM, borderValue=0) > 0
    lost = inner & (depth == 0)
    if np.count_nonzero(lost) <= LOST_SHARE * np.count_nonzero(inner):
        return extent
    rows, columns = np.divmod(evenly(surface.pixels, POINTS), silhouette.shape[1])
    top, left = (side.start for side in surface.window)
    rays = frame.directions(rows * surface.step + top, columns * surface.step + left)
    shares = _share_of_range(frame, depth[rows, columns], rays)
    if percentiles(shares, (RANGE_PERCENT,))[0] < AT_RANGE or not _is_limited(frame):
        return extent
    box = extent.box.copy()
    box[1, 2] = max(box[1, 2], extent.seen[1, 2] + size_priors.most_depth(label, float(np.ptp(box[:, 0]))))
    # The rays of the part that is lost, up to the silhouette's edge, part with the distance.
    rays = frame.window_directions(surface.window)[:, (cv2.dilate(lost.view(np.uint8), RIM) > 0) & silhouette]
    aside = rays[:2] / rays[2] * box[1, 2]
    box[0, :2] = np.minimum(box[0, :2], aside.min(axis=1))
    box[1, :2] = np.maximum(box[1, :2], np.minimum(aside.max(axis=1), (np.inf, frame.ground_height)))
    return extent._replace(box=box)


def _is_limited(frame: Frame) -> bool:
    """Return whether the ground is seen to end at the sensor's range."""
    return frame.ground_height is not None and bool(_ground_ends(frame).away.any())


def _share_of_range(frame: Frame, depth: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return (…,) how far away `depth` (…,) on `rays` (3, …) is, as a share of the farthest in the frame.

    That is the farthest along the view or along sight, whichever the sensor's range is.
    """
    every = frame.depth[::SAMPLE_PX, ::SAMPLE_PX]
    rows, columns = every.nonzero()
    if not len(rows):
        return np.zeros_like(depth)
    every = every[rows, columns]
    along_sight = every * np.linalg.norm(frame.directions(rows * SAMPLE_PX, columns * SAMPLE_PX), axis=0)
    limits = [percentiles(values, (RANGE_PERCENT,))[0] for values in (every, along_sight)]
    return depth * np.maximum(1 / limits[0], np.linalg.norm(rays, axis=0) / limits[1])


def _beside(ends: GroundEnds, columns: np.ndarray) -> float:
    """Return how far away the ground ends in the next columns that show it, on both sides; 0 where one does not.

    What stands before a wall hides where that meets the ground.
    """
    shown = (~ends.hidden).nonzero()[0]
    left, right = shown[shown < columns[0]], shown[shown > columns[-1]]
    return float(min(ends.away[left[-1]], ends.away[right[0]])) if len(left) and len(right) else 0.0


def _ground_ends(frame: Frame) -> GroundEnds:
    """Return where the ground ends; it ends for the range nowhere where columns that say so are few."""
    depth, height = frame.depth, frame.ground_height or np.inf
    fall = frame.along[1][:, None] + frame.across[1]
    ground = (depth > 0) & (np.abs(depth * fall - height) < GROUND_SHARE * depth)
    rows, columns = ground.argmax(axis=0), np.arange(depth.shape[1])
    above = rows - np.arange(1, LOST_PX + 1)[:, None]
    lost = ((depth[np.maximum(above, 0), columns] == 0) & (above >= 0)).all(axis=0)
    rays, own = frame.directions(rows, columns), depth[rows, columns]
    ended = lost & (_share_of_range(frame, own, rays) >= IN_RANGE)
    if np.count_nonzero(ended) < MIN_SHARE * len(ended):
        ended[:] = False
    away = rays[2] * own
    return GroundEnds(rows, np.where(ended, away, 0), ~(lost & ground.any(axis=0)))
