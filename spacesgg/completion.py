"""The unseen back of an object: bodies of which the visible points outline only a part.

Points are (3, N) metres in levelled axes; what is returned is (low, high), (2,) each, metres in x and z.
"""

import numpy as np

from spacesgg.quantiles import of_sorted, percentiles

MIN_POINTS = 30  # a footprint of fewer points is no outline
CELLS = 48  # of the footprint's longer side
CELL_SHARE = 0.0005  # of the points, at least two: strays fill no cell
HEADINGS = np.radians(np.arange(0, 90, 3.0))
AXES = np.column_stack([np.cos(HEADINGS), np.sin(HEADINGS)]).astype(np.float32)  # a heading a row
NORMALS = np.column_stack([-np.sin(HEADINGS), np.cos(HEADINGS)]).astype(np.float32)
EDGE_CELLS = 2.0  # points within so many cells lie on an edge
AREA_WEIGHT = 0.3  # of two headings that follow the edges alike the tighter one is right
BANDS = 7  # of equal height
MAX_CIRCLE_POINTS = 400
CIRCLE_RMS = 0.06  # of the radius: a plane or an L of two faces fits a circle worse than this
RADIUS_OF_WIDTH = (0.42, 0.7)  # half a disc shows its diameter; a flat arc of a large circle is a wall


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
    across, along = ((plan - low[:, None]) * np.float32(1 / cell)).astype(np.int64)
    counts = np.bincount(across * (CELLS + 1) + along)
    full = np.flatnonzero(counts >= max(2, CELL_SHARE * plan.shape[1]))
    if len(full) < 3:
        return None
    cells = np.array([full // (CELLS + 1), full % (CELLS + 1)], np.float32) + np.float32(0.5)
    inwards_across, across = _from_sides(AXES @ cells)
    inwards_along, along = _from_sides(NORMALS @ cells)
    off_edge = np.minimum(inwards_across, inwards_along, out=inwards_across)
    off_edge = np.minimum(off_edge, np.float32(EDGE_CELLS), out=off_edge).mean(axis=1) / EDGE_CELLS
    area = np.ptp(across, axis=0) * np.ptp(along, axis=0)
    best = int(np.argmin(off_edge + AREA_WEIGHT * area / max(area.min(), 1.0)))
    corners = [a * AXES[best] + b * NORMALS[best] for a in across[:, best] for b in along[:, best]]
    corners = np.array(corners) * cell + low
    return corners.min(axis=0), corners.max(axis=0)


def _from_sides(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far (headings, N) positions lie from the nearer end of their row, and the (2, headings) ends."""
    ends = np.array([positions.min(axis=1), positions.max(axis=1)])
    positions -= ends.mean(axis=0)[:, None]
    inwards = np.abs(positions, out=positions)
    return np.subtract((np.ptp(ends, axis=0) / 2)[:, None], inwards, out=inwards), ends


def circle(points: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the bounds of the upright round body the points lie on, None where they do not.

    A circle is fitted (algebraically, Kåsa 1976) to the widest band of heights: a ball's equator, a bin's side.
    """
    x, y, _ = points
    top, bottom = percentiles(y, (2.0, 98.0))
    if bottom <= top:
        return None
    band = np.floor((y - np.float32(top)) * np.float32(BANDS / (bottom - top)))
    np.clip(band, -1, BANDS, out=band)  # what lies above and below the bands
    # One sort for all bands: in the sorted sums of x and the band's own offset, band follows band.
    low, offset = x.min(), np.float32(1.5) * np.ptp(x)
    across = np.sort(band * offset + (x - low)) if offset > 0 else x
    counts = np.bincount((band + 1).astype(np.intp), minlength=BANDS + 2)
    ends = np.cumsum(counts).tolist()
    widths = [_width(across[start:end]) for start, end in zip(ends[:BANDS], ends[1:], strict=False)]
    # The lower bands of a bin are as wide as its top, where its lid or opening would spoil the fit.
    widest = max(range(BANDS), key=lambda i: widths[i] * (1.0 if 2 <= i < BANDS - 1 else 0.9))
    width, chosen = widths[widest], np.flatnonzero(band == widest)
    if width <= 0:
        return None
    chosen = chosen[:: max(1, len(chosen) // MAX_CIRCLE_POINTS)]
    plan = points[::2].take(chosen, axis=1).astype(float)
    middle = plan.mean(axis=1)
    local = plan - middle[:, None]
    square = (local * local).sum(axis=0)
    # Of points about their mean the least squares are those of 2·centre alone; the radius follows from the means.
    spread = local @ local.T
    scale = spread[0, 0] * spread[1, 1]
    if scale - spread[0, 1] ** 2 <= 1e-9 * scale:
        return None  # a line
    centre = np.linalg.solve(2 * spread, local @ square)
    radius = float(square.mean() + centre @ centre) ** 0.5
    if not RADIUS_OF_WIDTH[0] <= radius / width <= RADIUS_OF_WIDTH[1]:
        return None
    off = np.hypot(*(local - centre[:, None])) - radius
    if off @ off > (CIRCLE_RMS * radius) ** 2 * len(off):
        return None
    return middle + centre - radius, middle + centre + radius


def _width(ordered: np.ndarray) -> float:
    """Return how wide a band is whose x, (n,) ascending, are these; 0 when they are too few to tell."""
    return of_sorted(ordered, 99.0) - of_sorted(ordered, 1.0) if len(ordered) >= MIN_POINTS else 0.0
