"""The unseen back of an object: bodies of which the visible points outline only a part.

Points are (3, N) metres in levelled axes; what is returned is (low, high), (2,) each, metres in x and z.
"""

from typing import NamedTuple

import numpy as np

from spacesgg.quantiles import of_sorted, percentiles

MIN_POINTS = 30  # a footprint of fewer points is no outline
CELLS = 48  # of the footprint's longer side
CELL_SHARE = 0.0005  # of the points, at least two: strays fill no cell
HEADINGS = np.radians(np.arange(0, 90, 3.0))
# The unit vectors (2 · headings, 2) of a rectangle's sides at each heading, first one side's, then the other's.
SIDES = np.column_stack([np.cos(HEADINGS), np.sin(HEADINGS)])
SIDES = np.vstack([SIDES, SIDES[:, ::-1] * (-1, 1)]).astype(np.float32)
EDGE_CELLS = 2.0  # points within so many cells lie on an edge
AREA_WEIGHT = 0.3  # of two headings that follow the edges alike the tighter one is right
BANDS = 7  # of equal height
MAX_CIRCLE_POINTS = 400
FACE_POINTS = 500  # of a face tell its ends and thickness
FACE_THICKNESS = 0.12  # of its length: noise and relief
MIN_FACING = 0.5  # of the normal's length along the view
CIRCLE_RMS = 0.06  # of the radius: a plane or an L of two faces fits a circle worse than this
RADIUS_OF_WIDTH = (0.42, 0.7)  # half a disc shows its diameter; a flat arc of a large circle is a wall


class Face(NamedTuple):
    """An upright face, seen from above."""

    ends: np.ndarray  # (2, 2) metres: x and z of its two ends
    normal: np.ndarray  # (2,) the unit vector in x and z into the body behind it

    @property
    def length(self) -> float:
        """Return its length in metres."""
        return float(np.hypot(*(self.ends[1] - self.ends[0])))

    def body(self, depth: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of a body that goes back from the face by `depth` metres, unseen.

        Unseen, it ends where sight passes the ends of the face.
        """
        x, z = self.ends.T
        back = self.ends + depth * self.normal
        sight = x / z * back[:, 1]
        if self.normal[0] > 0:
            back[:, 0] = np.minimum(back[:, 0], np.maximum(sight, x))
        else:
            back[:, 0] = np.maximum(back[:, 0], np.minimum(sight, x))
        corners = np.vstack([self.ends, back])
        return corners.min(axis=0), corners.max(axis=0)


def rectangle(points: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the bounds of the rectangle whose edges the footprint follows best, None of too few points.

    Of a cabinet two sides are seen; the rectangle adds the corner that is not (L-shape fitting by search over
    the heading, Zhang et al., IV 2017; the criterion here is the share of the footprint along the edges).
    """
    plan = points[::2]
    low = plan.min(axis=1)
    cell = float((plan.max(axis=1) - low).max()) / CELLS
    if cell <= 0 or plan.shape[1] < MIN_POINTS:
        return None
    across, along = ((plan - low[:, None]) * np.float32(1 / cell)).astype(np.intp)
    counts = np.bincount(across * (CELLS + 1) + along)
    full = (counts >= max(2, CELL_SHARE * plan.shape[1])).nonzero()[0]
    if len(full) < 3:
        return None
    cells = np.array(np.divmod(full, CELLS + 1), np.float32) + np.float32(0.5)
    positions = SIDES @ cells
    lows, highs = positions.min(axis=1), positions.max(axis=1)
    # How far each cell lies from the nearer end of its row: in the direction of each side, then of the rectangle.
    positions -= ((lows + highs) / 2)[:, None]
    inwards = ((highs - lows) / 2)[:, None] - np.abs(positions, out=positions)
    count = len(HEADINGS)
    inwards = np.minimum(inwards[:count], inwards[count:])
    off_edge = np.minimum(inwards, np.float32(EDGE_CELLS), out=inwards).sum(axis=1) / (EDGE_CELLS * len(full))
    sides = highs - lows
    area = sides[:count] * sides[count:]
    best = int((off_edge + AREA_WEIGHT * area / max(area.min(), 1.0)).argmin())
    corners = _corners(SIDES[best], (lows[best], highs[best]), (lows[best + count], highs[best + count]))
    return corners[0] * cell + low, corners[1] * cell + low


def _corners(axis: np.ndarray, along: tuple[float, float], across: tuple[float, float]) -> np.ndarray:
    """Return the (2, 2) bounds of a rectangle between two positions along an axis (2,) and two across it.

    No component of the axis is negative.
    """
    (x, z), across = axis, across[::-1]
    return np.array([[a * x - b * z, a * z + c * x] for a, b, c in zip(along, across, across[::-1], strict=True)])


def circle(points: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the bounds of the upright round body the points lie on, None where they do not.

    A circle is fitted (algebraically, Kåsa 1976) to the widest band of heights: a ball's equator, a bin's side.
    """
    x, y, _ = points
    top, bottom = percentiles(y[::2], (2.0, 98.0))  # of half the points, as well
    if bottom <= top:
        return None
    # Bands from 1 to BANDS; what lies above and below them is left out.
    band = ((y - np.float32(top)) * np.float32(BANDS / (bottom - top)) + np.float32(1)).clip(0, BANDS + 1)
    band = band.astype(np.uint8)
    low, high = x.min(), x.max()
    if high <= low:
        return None
    # One sort for all bands: in the sorted sums of x and the band's own offset, band follows band.
    across = np.sort(x + band * np.float32(1.5 * (high - low)))
    ends = np.bincount(band, minlength=BANDS + 2).cumsum().tolist()
    widths = [_width(across[start:end]) for start, end in zip(ends[:BANDS], ends[1:], strict=False)]
    # The lower bands of a bin are as wide as its top, where its lid or opening would spoil the fit.
    widest = max(range(BANDS), key=lambda i: widths[i] * (1.0 if 2 <= i < BANDS - 1 else 0.9))
    width, chosen = widths[widest], (band == widest + 1).nonzero()[0]
    if width <= 0:
        return None
    chosen = chosen[:: max(1, len(chosen) // MAX_CIRCLE_POINTS)]
    count = len(chosen)
    local = points[::2].take(chosen, axis=1).astype(float)
    middle = local.sum(axis=1) / count
    local -= middle[:, None]
    square = (local * local).sum(axis=0)
    # Of points about their mean the least squares are those of 2·centre alone; the radius follows from the means.
    (xx, xz), (_, zz) = (2 * local @ local.T).tolist()
    right = (local @ square).tolist()
    determinant = xx * zz - xz * xz
    if determinant <= 1e-9 * xx * zz:
        return None  # a line
    centre = np.array([right[0] * zz - right[1] * xz, right[1] * xx - right[0] * xz]) / determinant
    radius = float(square.sum() / count + centre @ centre) ** 0.5
    if not RADIUS_OF_WIDTH[0] <= radius / width <= RADIUS_OF_WIDTH[1]:
        return None
    off = np.hypot(*(local - centre[:, None])) - radius
    if off @ off > (CIRCLE_RMS * radius) ** 2 * count:
        return None
    middle += centre
    return middle - radius, middle + radius


def _width(ordered: np.ndarray) -> float:
    """Return how wide a band is whose x, (n,) ascending, are these; 0 when they are too few to tell."""
    return of_sorted(ordered, 99.0) - of_sorted(ordered, 1.0) if len(ordered) >= MIN_POINTS else 0.0


def single_face(points: np.ndarray) -> Face | None:
    """Return the upright face that the points lie on, None where they show more than one, or one seen sideways."""
    if points.shape[1] < MIN_POINTS:
        return None
    plan = points[::2, :: max(1, points.shape[1] // FACE_POINTS)]
    middle = plan.mean(axis=1)
    plan = plan - middle[:, None]
    _, vectors = np.linalg.eigh(plan @ plan.T)
    normal, along = vectors.T if vectors[1, 0] > 0 else (-vectors[:, 0], vectors[:, 1])
    if normal[1] < MIN_FACING:
        return None
    low, high = percentiles(along @ plan, (1.0, 99.0))
    thin, thick = percentiles(normal @ plan, (2.0, 98.0))
    if thick - thin > FACE_THICKNESS * (high - low):
        return None
    return Face(middle + np.outer((low, high), along), normal)
