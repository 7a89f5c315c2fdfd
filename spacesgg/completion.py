"""The unseen back of objects: bodies of which the visible points outline only a part.

Points are (3, n, N) metres in levelled axes, x, y and z of N points of each of n objects, of which those that do
not just come again are `fresh` (n, N) bool. Bounds are (n, 2, 2) metres: [[x, z] low, [x, z] high] of each object,
NaN where there is no such body.
"""

from typing import NamedTuple

import numpy as np

from spacesgg.quantiles import of_parts, of_rows

MIN_POINTS = 30  # a footprint of fewer points is no outline
CELLS = 48  # of the footprint's longer side
MIN_IN_CELL = 2  # points: strays fill no cell
MIN_CELLS = 3
HEADINGS = np.radians(np.arange(0, 90, 3.0))
# The unit vectors (2 · headings, 2) of a rectangle's sides at each heading, first one side's, then the other's.
SIDES = np.column_stack([np.cos(HEADINGS), np.sin(HEADINGS)])
SIDES = np.vstack([SIDES, SIDES[:, ::-1] * (-1, 1)]).astype(np.float32)
EDGE_CELLS = 2.0  # points within so many cells lie on an edge
VEIL_MARGIN = 0.1  # of what an object spans
AREA_WEIGHT = 0.3  # of two headings that follow the edges alike the tighter one is right
BANDS = 7  # of equal height
# The lower bands of a bin are as wide as its top, where its lid or opening would spoil the fit.
BAND_WEIGHTS = np.array([0.9, 0.9, 1, 1, 1, 1, 0.9])
CIRCLE_RMS = 0.06  # of the radius: a plane or an L of two faces fits a circle worse than this
MAX_GAP = 0.25  # of the width: the legs of a rectangular table stand on a circle, too
RADIUS_OF_WIDTH = (0.42, 0.7)  # half a disc shows its diameter; a flat arc of a large circle is a wall
LINE_EVERY = 3  # points tell a line, its ends and its thickness
FACE_THICKNESS = 0.12  # of its length: noise and relief
BOARD_THICKNESS = 0.08  # of its length, beside the noise
LONG_SIGMAS = 10.0  # what is shorter may be round, and look flat for the noise
MIN_TURNED = 0.15  # of the normal's length along sight: a pole's points lie along sight, by their noise
MOST_LOST = 0.5  # of the length, at each end
MIN_FACING = 0.5  # of the normal's length along the view


class Lines(NamedTuple):
    """What the points of n objects lie along, seen from above: x and z in levelled metres."""

    middle: np.ndarray  # (n, 2)
    along: np.ndarray  # (n, 2) unit vector
    normal: np.ndarray  # (n, 2) unit vector, away from the camera
    reach: np.ndarray  # (n, 2) metres from the middle along the line to its two ends
    thickness: np.ndarray  # (n,) metres


class Faces(NamedTuple):
    """Upright faces of n objects, seen from above."""

    there: np.ndarray  # (n,) bool: whether the object shows one face and no more
    ends: np.ndarray  # (n, 2, 2) metres: x and z of its two ends
    normal: np.ndarray  # (n, 2) the unit vector in x and z into the body behind it

    @property
    def lengths(self) -> np.ndarray:
        """Return their (n,) lengths in metres."""
        return np.hypot(*(self.ends[:, 1] - self.ends[:, 0]).T)

    def bodies(self, depth: np.ndarray) -> np.ndarray:
        """Return the bounds of bodies that go back from the faces by `depth` (n,) metres, unseen.

        Unseen, they end where sight passes the ends of the face.
        """
        x, z = np.moveaxis(self.ends, 2, 0)
        back_x, back_z = np.moveaxis(self.ends + (depth[:, None] * self.normal)[:, None], 2, 0)
        sight = x / z * back_z
        right = np.minimum(back_x, np.maximum(sight, x))
        back_x = np.where(self.normal[:, :1] > 0, right, np.maximum(back_x, np.minimum(sight, x)))
        corners = np.stack([np.hstack([x, back_x]), np.hstack([z, back_z])], axis=2)
        bounds = np.stack([corners.min(axis=1), corners.max(axis=1)], axis=1)
        bounds[~self.there] = np.nan
        return bounds


def rectangles(
    points: np.ndarray, fresh: np.ndarray, veils: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the rectangles whose edges the footprints follow best, NaN of too few points.

    Second their corners (n, 4, 2), x and z, of which the first and the last face each other. Of a cabinet two
    sides are seen; the rectangle adds the corner that is not (L-shape fitting by search over the heading, Zhang et
    al., IV 2017; the criterion here is the share of the footprint along the edges). Of the bounds corners that are
    nearer than `near` (n,), or aside of what is seen, would be in sight but for `veils` (n, 2): from which bearing
    to which, in metres aside per metre away, something hides parts of the objects.
    """
    plan = points[::2]
    bearings = plan[0] / plan[1]
    sight = np.stack([bearings.min(axis=1), bearings.max(axis=1)], axis=1)
    veils = veils + VEIL_MARGIN * (sight[:, 1:] - sight[:, :1]) * (-1, 1)
    low = plan.min(axis=2)
    cell = (plan.max(axis=2) - low).max(axis=0) / CELLS
    across, along = ((plan - low[..., None]) / np.maximum(cell, 1e-9)[:, None]).astype(np.intp)
    number = np.arange(len(fresh))[:, None] * (CELLS + 1) ** 2 + across * (CELLS + 1) + along
    counts = np.bincount(number.ravel(), fresh.ravel(), len(fresh) * (CELLS + 1) ** 2)
    full = (counts >= MIN_IN_CELL).nonzero()[0]
    owner, place = np.divmod(full, (CELLS + 1) ** 2)
    cells = np.array(np.divmod(place, CELLS + 1), np.float32) + np.float32(0.5)
    ends = np.bincount(owner, minlength=len(fresh)).cumsum().tolist()
    enough = (np.count_nonzero(fresh, axis=1) >= MIN_POINTS) & (cell > 0)
    bounds, corners = np.full((len(fresh), 2, 2), np.nan), np.full((len(fresh), 4, 2), np.nan)
    for i, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if enough[i] and end - start >= MIN_CELLS:
            x, z = _tightest(cells[:, start:end]) * cell[i] + low[:, i, None]
            corners[i] = np.column_stack([x, z])
            veiled = (x >= veils[i, 0] * z) & (x <= veils[i, 1] * z)
            z = np.where(veiled, z, np.maximum(z, near[i]))
            if veils[i, 0] > sight[i, 0]:
                x = np.maximum(x, sight[i, 0] * z)
            if veils[i, 1] < sight[i, 1]:
                x = np.minimum(x, sight[i, 1] * z)
            bounds[i] = (x.min(), z.min()), (x.max(), z.max())
    return bounds, corners


def _tightest(cells: np.ndarray) -> np.ndarray:
    """Return the (2, 4) corners of the rectangle whose edges the cells (2, m) follow best."""
    positions = SIDES @ cells
    lows, highs = positions.min(axis=1), positions.max(axis=1)
    # How far each cell lies from the nearer end of its row: in the direction of each side, then of the rectangle.
    positions -= ((lows + highs) / 2)[:, None]
    inwards = ((highs - lows) / 2)[:, None] - np.abs(positions, out=positions)
    count = len(HEADINGS)
    inwards = np.minimum(inwards[:count], inwards[count:])
    off_edge = np.minimum(inwards, np.float32(EDGE_CELLS), out=inwards).sum(axis=1) / (EDGE_CELLS * cells.shape[1])
    sides = highs - lows
    area = sides[:count] * sides[count:]
    best = int((off_edge + AREA_WEIGHT * area / max(area.min(), 1.0)).argmin())
    (x, z), other = SIDES[best], best + count
    along = np.array([lows[best], highs[best], lows[best], highs[best]])
    across = np.array([lows[other], lows[other], highs[other], highs[other]])
    return np.array([along * x - across * z, along * z + across * x])


def circles(points: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Return the bounds of the upright round bodies the points lie on, NaN where they do not.

    A circle is fitted (algebraically, Kåsa 1976) to the widest band of heights: a ball's equator, a bin's side.
    """
    x, y, _ = points
    ordered = np.sort(y[:, ::2], axis=1)  # half the points tell as much
    top, bottom = of_rows(ordered, 2.0), of_rows(ordered, 98.0)
    low, high = x.min(axis=1), x.max(axis=1)
    there = (bottom > top) & (high > low)
    # Bands from 1 to BANDS; what lies above and below them is left out.
    scale = BANDS / np.where(there, bottom - top, 1)
    band = ((y - top[:, None]) * scale[:, None] + 1).clip(0, BANDS + 1).astype(np.uint8)
    # One sort for all bands: in the sorted sums of x and the band's own offset, band follows band.
    across = np.sort(x + band * (1.5 * (high - low))[:, None], axis=1)
    number = band + np.arange(len(band))[:, None] * (BANDS + 2)
    shape = (len(band), BANDS + 2)
    sizes = np.bincount(number.ravel(), minlength=shape[0] * shape[1]).reshape(shape)
    first, sizes = (np.cumsum(sizes, axis=1) - sizes)[:, 1:-1], sizes[:, 1:-1]
    widths = of_parts(across, first, sizes, 99.0) - of_parts(across, first, sizes, 1.0)
    found = np.bincount(number.ravel(), fresh.ravel(), shape[0] * shape[1]).reshape(shape)[:, 1:-1]
    widths = np.where(found >= MIN_POINTS, widths, 0)  # fewer are too few to tell
    widest = (widths * BAND_WEIGHTS).argmax(axis=1)
    count = np.arange(len(band))
    width, start = widths[count, widest], first[count, widest]
    place = np.arange(across.shape[1] - 1)
    inside = (place >= start[:, None]) & (place < (start + sizes[count, widest] - 1)[:, None])
    there &= (np.diff(across, axis=1) * inside).max(axis=1) <= MAX_GAP * width
    return _fit_circles(points[::2], (band == widest[:, None] + 1) & fresh, np.where(there, width, 0))


def _fit_circles(plan: np.ndarray, chosen: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Return the bounds of the circles through the `chosen` (n, N) of the points `plan` (2, n, N).

    They are `width` (n,) metres wide, 0 where there is nothing to fit. NaN where they lie on no circle.
    """
    weight = chosen.astype(float)
    count = np.maximum(weight.sum(axis=1), 1)
    middle = (plan * weight).sum(axis=2) / count
    local = (plan - middle[..., None]) * weight
    square = (local * local).sum(axis=0)
    # Of points about their mean the least squares are those of 2·centre alone; the radius follows from the means.
    own = local.transpose(1, 0, 2)
    (xx, xz), (_, zz) = np.moveaxis(2 * own @ own.transpose(0, 2, 1), 0, 2)
    right_x, right_z = (local * square).sum(axis=2)
    determinant = xx * zz - xz * xz
    there = (width > 0) & (determinant > 1e-9 * xx * zz)  # else they lie on a line
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.array([right_x * zz - right_z * xz, right_z * xx - right_x * xz]) / determinant
        radius = (square.sum(axis=1) / count + (centre * centre).sum(axis=0)) ** 0.5
        off = (np.hypot(*(local - centre[..., None])) - radius[:, None]) * weight
        there &= (radius >= RADIUS_OF_WIDTH[0] * width) & (radius <= RADIUS_OF_WIDTH[1] * width)
        there &= (off * off).sum(axis=1) <= (CIRCLE_RMS * radius) ** 2 * count
        bounds = np.stack([middle + centre - radius, middle + centre + radius]).transpose(2, 0, 1)
    bounds[~there] = np.nan
    return bounds


def find_lines(points: np.ndarray) -> Lines:
    """Return the lines that the points follow, seen from above."""
    plan = points[::2, :, ::LINE_EVERY].transpose(1, 0, 2)
    middle = plan.mean(axis=2)
    plan = plan - middle[..., None]
    _, vectors = np.linalg.eigh(plan @ plan.transpose(0, 2, 1))
    normal, along = np.moveaxis(vectors, 2, 0)
    normal = np.where(normal[:, 1:] > 0, normal, -normal)
    ends, aside = (np.sort((axis[:, None] @ plan)[:, 0], axis=1) for axis in (along, normal))
    reach = np.stack([of_rows(ends, 1.0), of_rows(ends, 99.0)], axis=1)
    return Lines(middle, along, normal, reach, of_rows(aside, 98.0) - of_rows(aside, 2.0))


def boards(lines: Lines, fresh: np.ndarray, bearings: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return the bounds of upright boards up to the ends of their silhouettes, NaN of what is no board.

    Depth is lost first where a board is seen at a grazing angle, but its mask goes on. `bearings` (n, 2) are those
    of the silhouettes' left and right ends, in metres aside per metre away, and `sigmas` (n,) metres the noise.
    """
    length = lines.reach[:, 1] - lines.reach[:, 0]
    there = lines.thickness <= BOARD_THICKNESS * length + 4 * sigmas * lines.normal[:, 1]
    there &= (length > LONG_SIGMAS * sigmas) & (np.count_nonzero(fresh, axis=1) >= MIN_POINTS)
    sight = lines.middle / np.linalg.norm(lines.middle, axis=1)[:, None]
    there &= np.abs((lines.normal * sight).sum(axis=1)) >= MIN_TURNED
    # Where sight meets middle + t along: x = bearing z. Along sight it meets it nowhere.
    (x, z), (aside, away) = lines.middle.T[..., None], lines.along.T[..., None]
    meets = aside - bearings * away
    most = MOST_LOST * length[:, None]
    t = np.divide(bearings * z - x, meets, out=lines.reach.copy(), where=meets != 0)
    t = t.clip(lines.reach[:, :1] - most, lines.reach[:, 1:] + most)
    corners = np.stack([x + t * aside, z + t * away], axis=2)
    bounds = np.stack([corners.min(axis=1), corners.max(axis=1)], axis=1)
    bounds[~there] = np.nan
    return bounds


def single_faces(lines: Lines, fresh: np.ndarray) -> Faces:
    """Return the upright faces that the points lie on; who shows more than one, or one sideways, has none."""
    middle, along, normal, reach, thickness = lines
    there = (thickness <= FACE_THICKNESS * (reach[:, 1] - reach[:, 0])) & (normal[:, 1] >= MIN_FACING)
    there &= np.count_nonzero(fresh, axis=1) >= MIN_POINTS
    return Faces(there, middle[:, None] + reach[..., None] * along[:, None], normal)
