"""What an object without depth rests on: a level surface that is seen below its lower edge and beside it.

The ground, a table's top or a seat carries it there, or only hides its foot: the far edge of a table's top looks
the same from above. What carries it goes on beside it, farther back than its foot.
"""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg.frame import Frame
from spacesgg.outlines import Outline, find_outline
from spacesgg.quantiles import percentiles

PAD_PX = 24  # around the mask
RING_PX = (2, 8)  # outside the mask: what is seen next to the object
EDGE_PX = 2  # from the picture's border: the mask is cut there
BAND = 0.15  # of the mask's height: columns that reach down so far, or to BAND_PX of the lowest, show the foot
BAND_PX = 4
MIN_COLUMNS = 3
MIN_ROWS = 3  # of pixels: fewer do not tell a level surface from a wall
BELOW_PX = 5  # a table ends some pixels before the cup on it
SIDE_PX = (2, 12)  # to the left and to the right of the mask
SIDE_ROWS = (3, 12)  # above its lowest row: a mask may have grown by some of them
# Where is seen by how many it has grown, fewer show that a top goes on: that of a chair, seen at a low angle.
NEXT_ROWS = (2, 5)
MIN_VALID = 0.5  # of the pixels looked at must have depth
AT_LEVEL = 0.8  # of these must lie at the level
LEVEL = 0.02  # of the distance: heights of one level surface differ by less
UPRIGHT = 0.35  # of the slope of a wall's heights along the picture
MIN_FALL = 0.04  # metres down per metre away: flatter rays do not tell where they meet a height
NEARER = 0.06  # than the foot, as a share of its distance: what is next to the object holds it or hides its foot
NEARER_SHARE = 0.04  # of the ring
NEAR_PERCENT = 5.0  # of what is seen below
GROWTH_PX = (3, 8)  # by so many pixels at least, and at most, a mask's lower edge is too low
SLACK = 0.01  # of the foot's distance


class View(NamedTuple):
    """What the frame shows in a window around a mask; metres are levelled."""

    window: tuple[slice, slice]
    inside: np.ndarray  # (h, w) bool: the mask
    rays: np.ndarray  # (3, h, w) metres right, down and away per metre of depth
    away: np.ndarray  # (h, w) metres, 0 = no depth
    height: np.ndarray  # (h, w) metres below the camera
    outline: Outline

    @property
    def fall(self) -> np.ndarray:
        """Return (h, w) metres down per metre away."""
        return self.rays[1] / self.rays[2]

    def size(self, axis: int) -> float:
        """Return how wide (axis 0) or high (1) the mask is, in metres per metre away."""
        return float(np.ptp((self.rays[axis] / self.rays[2])[self.inside]))

    def ring(self) -> np.ndarray:
        """Return the (h, w) bool pixels just outside the mask."""
        inside = self.inside.view(np.uint8)
        inner, outer = (
            cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1,) * 2)) > 0
            for px in RING_PX
        )
        return outer & ~inner


class Footing(NamedTuple):
    """Where an object's foot is, levelled metres."""

    near: float  # away, at least; 0 where something nearer may hold it
    far: float  # away, at most; infinite where the foot is hidden
    height: float  # of what carries it below the camera; infinite where the foot is hidden, or it may be held
    partial: bool = False  # something nearer is next to it, which may hide a part of it

    def in_the_air(self) -> "Footing | None":
        """Return where the lower end of an object is that nothing need carry: before what is seen below it."""
        return Footing(0.0, self.far, np.inf) if np.isfinite(self.far) else None


def look(frame: Frame, mask: np.ndarray) -> View:
    """Return the view around an (H, W) bool mask, which must not be empty."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    window = np.s_[max(y - PAD_PX, 0) : y + height + PAD_PX, max(x - PAD_PX, 0) : x + width + PAD_PX]
    window = tuple(slice(*side.indices(size)) for side, size in zip(window, mask.shape, strict=True))
    depth, rays = frame.depth[window], frame.window_directions(window)
    inside = np.ascontiguousarray(mask[window])
    return View(window, inside, rays, rays[2] * depth, rays[1] * depth, find_outline(inside))


def find_footing(frame: Frame, view: View, harmless: np.ndarray) -> Footing | None:
    """Return where the object's foot is, None where what is seen around it does not tell.

    What is nearer and next to it may hold it, but for the `harmless` (h, w) bool pixels.
    """
    lower = view.outline.sides[3]
    rows, columns = view.outline.rows[lower], view.outline.columns[lower]
    lowest = int(rows.max())
    band = rows >= lowest - max(BAND_PX, BAND * (lowest - int(view.outline.rows.min())))
    if is_cut(frame, view) or np.count_nonzero(band) < MIN_COLUMNS or view.fall[lowest].max() < MIN_FALL:
        return None
    below, gap = _below(view, rows[band], columns[band])
    if not below.any():
        return None
    grown = _grown(view, rows[band], columns[band])
    for rows_above in (SIDE_ROWS, NEXT_ROWS) if grown else (SIDE_ROWS,):
        sides = [_beside(view, lowest - grown, rows_above, side) for side in (0, 1)]
        carrier = _carrier(frame, view, below, sides)
        if carrier is not None:
            break
    hides = carrier is None
    if hides:
        carrier = _surface(view, below, [below])
    if carrier is None:
        return None
    level = percentiles(view.height[carrier & (below | sides[0] | sides[1])], (50,))[0]
    meets = level / np.maximum(view.fall, MIN_FALL)
    last = view.inside.shape[0] - 1
    near = float(meets[np.minimum(rows + gap, last), columns].min()) * (1 - SLACK)
    if hides:
        found = Footing(min(near, percentiles(view.away[below], (NEAR_PERCENT,))[0]), np.inf, np.inf)
    else:
        growth = int(np.clip(grown + 2, *GROWTH_PX))
        far = float(meets[np.maximum(rows - growth, 0), columns].min()) * (1 + SLACK)
        found = Footing(near, far, level)
    if is_beside_nearer(view, found.near, carrier | harmless):
        return found.in_the_air()
    return found._replace(partial=is_beside_nearer(view, found.near, carrier))


def is_beside_nearer(view: View, away: float, carrier: np.ndarray | None = None) -> bool:
    """Return whether something nearer than `away` metres, but for the carrier (h, w) bool, is next to the mask."""
    ring = view.ring() & (view.away > 0)
    nearer = ring & (view.away < away * (1 - NEARER))
    if carrier is not None:
        nearer &= ~carrier
    return np.count_nonzero(nearer) > NEARER_SHARE * np.count_nonzero(ring)


def is_cut(frame: Frame, view: View) -> bool:
    """Return whether the picture's left, right or lower edge cuts the mask: then its foot may be out of sight."""
    rows, columns = view.outline.rows + view.window[0].start, view.outline.columns + view.window[1].start
    height, width = frame.depth.shape
    return bool(
        columns.min() <= EDGE_PX or columns.max() >= width - 1 - EDGE_PX or rows.max() >= height - 1 - EDGE_PX
    )


def _carrier(frame: Frame, view: View, below: np.ndarray, sides: list[np.ndarray]) -> np.ndarray | None:
    """Return the (h, w) bool pixels of the level surface that carries the object; None where none is seen.

    The ground hides nothing: beside the object something else may hide it.
    """
    if frame.ground_height is not None:
        ground = _at(view, frame.ground_height)
        shown = [side for side in sides if _lies_in(side, ground)]
        if shown and _lies_in(below, ground):
            return _surface(view, below | shown[0] | shown[-1], [below, *shown])
    return _surface(view, below | sides[0] | sides[1], [below, *sides])


def _surface(view: View, base: np.ndarray, parts: list[np.ndarray]) -> np.ndarray | None:
    """Return the (h, w) bool pixels at the height of `base` (h, w) bool, None where it is not level.

    None, too, where one of the (h, w) bool `parts` does not lie at that height.
    """
    if not base.any():
        return None
    level = percentiles(view.height[base], (50,))[0]
    at_level = _at(view, level)
    if level <= 0 or not all(_lies_in(part, at_level) for part in parts):
        return None
    # Along a wall heights change with the fall of the rays; along a level surface they do not.
    base = base & at_level
    if np.count_nonzero(base.any(axis=1)) < MIN_ROWS:
        return None
    slope = np.polyfit(view.fall[base], view.height[base], 1)[0]
    return at_level if abs(slope) < UPRIGHT * percentiles(view.away[base], (50,))[0] else None


def _at(view: View, level: float) -> np.ndarray:
    """Return the (h, w) bool pixels that lie `level` metres below the camera."""
    return (view.away > 0) & (np.abs(view.height - level) < LEVEL * view.away)


def _lies_in(part: np.ndarray, whole: np.ndarray) -> bool:
    found = np.count_nonzero(part)
    return found > 0 and np.count_nonzero(part & whole) >= AT_LEVEL * found


def _below(view: View, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the (h, w) bool pixels with depth below the lower edge, and how many rows before them have none.

    The edge's pixels are `rows` and `columns` (n,). No pixels where too few have depth: a dark thing lies there.
    """
    under = np.minimum(rows + np.arange(1, BELOW_PX + 1)[:, None], view.inside.shape[0] - 1)
    found, valid = _with_depth(view, under, np.broadcast_to(columns, under.shape))
    return found, int((valid.mean(axis=1) >= MIN_VALID).argmax())


def _beside(view: View, lowest: int, above: tuple[int, int], side: int) -> np.ndarray:
    """Return the (h, w) bool pixels with depth to the left (0) or right (1) of the foot, `above` row `lowest`.

    None of them where too few have depth.
    """
    ends = view.outline.sides[side]
    rows, columns = view.outline.rows[ends], view.outline.columns[ends]
    chosen = (rows <= lowest - above[0]) & (rows >= lowest - above[1])
    aside = columns[chosen] + (-1, 1)[side] * np.arange(SIDE_PX[0], SIDE_PX[1] + 1)[:, None]
    aside = np.clip(aside, 0, view.inside.shape[1] - 1)
    return _with_depth(view, np.broadcast_to(rows[chosen], aside.shape), aside)[0]


def _with_depth(view: View, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (h, w) bool pixels outside the mask with depth among the given ones (n, m), and which these are.

    No pixels where they are too few.
    """
    valid = (view.away[rows, columns] > 0) & ~view.inside[rows, columns]
    found = np.zeros_like(view.inside)
    if valid.any() and valid.mean() >= MIN_VALID:
        found[rows[valid], columns[valid]] = True
    return found, valid


def _grown(view: View, rows: np.ndarray, columns: np.ndarray) -> int:
    """Return by how many pixels the lower edge of the mask is seen to be too low: depth shows there."""
    up = np.maximum(rows - np.arange(GROWTH_PX[1])[:, None], 0)
    shown = np.logical_and.accumulate(view.away[up, columns] > 0, axis=0)
    return round(percentiles(shown.sum(axis=0), (50,))[0])
