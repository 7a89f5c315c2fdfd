"""Full 3D extents of objects from what one camera sees of them.

An extent is [[x_min, y_min, z_min], [x_max, y_max, z_max]] in metres in levelled axes (x right, y down along
gravity, z forward). It bounds where the object can be: its visible surface, the back of what is round or
rectangular, and what may be hidden behind another object or beyond the picture. A relation that holds between
such extents holds between the objects.
"""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg.surfaces import KERNEL, Surface

TAIL_PERCENT = 0.5  # of the smoothed points on each side: flying pixels that passed as surface
BASE_MARGIN_M = 0.015  # half a pixel at 4 m, one step of a depth sensor at 2 m
SIGMAS = 1.0  # of the smoothed noise of each object, beside the base margin
MAX_SMOOTH_PX = 7
EDGE_PX = 3  # next to an edge neither mask nor depth is reliable
NEARER = 0.05  # a neighbour nearer by this share occludes the object
SCAN_LINES = 24  # rows or columns of each object that are followed behind occluders
MIN_HIDDEN_LINES = 3
MIN_CIRCLE_POINTS = 30
MAX_CIRCLE_POINTS = 400
CIRCLE_RMS = 0.06  # of the radius: a plane or an L of two faces fits a circle worse than this
OPEN_M = 1e4  # stands for a bound that the picture does not show; finite, so that axes can be turned
CELLS = 48  # of the footprint's longer side: a cell needs two points, so that strays add nothing


class Extent(NamedTuple):
    """Where an object can be, and the noise of these bounds."""

    box: np.ndarray  # (2, 3) metres; OPEN_M on a side that the picture's border cuts off
    margin: np.ndarray  # (3,) metres
    seen: np.ndarray  # (2, 3) metres: the part of the box that is not hidden, always finite

    @property
    def centre(self) -> np.ndarray:
        """Return the (3,) middle of the seen part, in metres."""
        return self.seen.mean(axis=0)


def extent(points: np.ndarray, surface: Surface, rotation: np.ndarray, ground_height: float | None) -> Extent:
    """Return the extent of the object whose `surface` was found in the (H, W, 3) point map."""
    window = points[surface.window]
    z = window[..., 2]
    smooth, sigma = _smoothed(z, surface)
    pixels = surface.pixels
    scale = np.divide(smooth, z, out=np.ones_like(z), where=z > 0)
    # Moving a point along its ray to the smoothed depth keeps it under its pixel.
    seen = (window[pixels] * scale[pixels][:, None]) @ rotation.T.astype(np.float32)
    core = (window[surface.core] * scale[surface.core][:, None]) @ rotation.T.astype(np.float32)
    low, high = np.percentile(seen, (TAIL_PERCENT, 100 - TAIL_PERCENT), axis=0)
    low_core, high_core = np.percentile(core, (TAIL_PERCENT, 100 - TAIL_PERCENT), axis=0)
    low[2], high[2] = low_core[2], high_core[2]
    box = np.array([low, high], float)
    if surface.sparse:
        box = _widened_to_mask(box, points, surface, rotation)
    for corner in (_rectangle(core), _circle(core)):
        if corner is not None:
            box[0, ::2] = np.minimum(box[0, ::2], corner[0])
            box[1, ::2] = np.maximum(box[1, ::2], corner[1])
    visible = box.copy()
    box = _hidden(box, points, surface, smooth, rotation)
    if ground_height is not None:
        box[1, 1] = max(high[1], min(box[1, 1], ground_height))
    margin = BASE_MARGIN_M + SIGMAS * sigma * np.array([0.5, 0.5, 1.0])
    return Extent(box, margin, visible)


def _smoothed(z: np.ndarray, surface: Surface) -> tuple[np.ndarray, float]:
    """Return z averaged over neighbours of the same object, and the noise in metres that this leaves."""
    if surface.sparse:
        return z, 0.0
    size = int(np.clip(np.count_nonzero(surface.pixels) ** 0.5 / 8, 1, MAX_SMOOTH_PX)) | 1
    weight = surface.pixels.astype(np.float32)
    triple = surface.pixels[:, :-2] & surface.pixels[:, 1:-1] & surface.pixels[:, 2:]
    sigma = 0.0
    if triple.any():
        curvature = z[:, 1:-1] - (z[:, :-2] + z[:, 2:]) / 2
        sigma = 1.4826 * float(np.median(np.abs(curvature[triple]))) / 1.5**0.5
    total = cv2.boxFilter(z * weight, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    counts = cv2.boxFilter(weight, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.divide(total, counts, out=z.copy(), where=surface.pixels), sigma / size


def _rectangle(core: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (low, high), (2,) each in x and z, of the smallest rectangle around the footprint.

    Of a cabinet two sides are seen; the rectangle adds the corner that is not (L-shape fitting of Zhang et
    al., IV 2017, with the criterion of least area).
    """
    plan = core[:, ::2]
    low, high = plan.min(axis=0), plan.max(axis=0)
    cell = float((high - low).max()) / CELLS
    if cell <= 0 or len(plan) < MIN_CIRCLE_POINTS:
        return None
    index = ((plan - low) / cell).astype(np.int64)
    counts = np.bincount(index[:, 0] * (CELLS + 1) + index[:, 1], minlength=(CELLS + 1) ** 2)
    full = np.flatnonzero(counts >= max(2, 0.0005 * len(plan)))
    if len(full) < 3:
        return None
    cells = np.column_stack([full // (CELLS + 1), full % (CELLS + 1)]).astype(np.float32)
    corners = cv2.boxPoints(cv2.minAreaRect(cells + 0.5)) * cell + low
    return corners.min(axis=0), corners.max(axis=0)


def _circle(core: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (low, high), (2,) each in x and z, of the round body the points lie on, None where they do not.

    The circle is fitted (algebraically, Kåsa 1976) to the widest band of heights: the equator of a ball, the
    side of a bin.
    """
    y = core[:, 1]
    top, bottom = np.percentile(y, (2, 98))
    bands = np.clip(((y - top) / max(bottom - top, 1e-6) * 7).astype(int), -1, 7)
    widths = [
        np.ptp(core[bands == band, 0]) if (bands == band).sum() >= MIN_CIRCLE_POINTS else 0 for band in range(7)
    ]
    band = int(np.argmax(np.array(widths) * np.array([0.8, 0.9, 1, 1, 1, 1, 0.9])))
    if widths[band] <= 0:
        return None
    plan = core[bands == band][:, ::2].astype(float)
    plan = plan[:: max(1, len(plan) // MAX_CIRCLE_POINTS)]
    middle = plan.mean(axis=0)
    local = plan - middle
    design = np.column_stack([2 * local, np.ones(len(local))])
    solution = np.linalg.lstsq(design, (local**2).sum(axis=1), rcond=None)[0]
    centre, square = solution[:2], solution[2] + (solution[:2] ** 2).sum()
    if square <= 0:
        return None
    radius = square**0.5
    rms = float(np.sqrt(np.mean((np.linalg.norm(local - centre, axis=1) - radius) ** 2)))
    if rms > CIRCLE_RMS * radius or not 0.42 <= radius / widths[band] <= 0.7:
        return None
    return middle + centre - radius, middle + centre + radius


def _widened_to_mask(box: np.ndarray, points: np.ndarray, surface: Surface, rotation: np.ndarray) -> np.ndarray:
    """Return the box widened across the view to the mask: sparse returns miss the edges, the mask does not."""
    window = points[surface.window]
    rows, columns = np.nonzero(surface.pixels)
    z = window[rows, columns, 2]
    edge = surface.mask.view(np.uint8) - cv2.erode(surface.mask.view(np.uint8), KERNEL)
    edge_rows, edge_columns = np.nonzero(edge)
    keep = slice(None, None, max(1, len(edge_rows) // 200))
    edge_rows, edge_columns = edge_rows[keep], edge_columns[keep]
    distance = (edge_rows[:, None] - rows) ** 2 + (edge_columns[:, None] - columns) ** 2
    nearest = distance.argmin(axis=1)
    # Pixels to rays by what the returns themselves tell: x/z and y/z are linear in column and row.
    rays = []
    for index, at, axis in ((columns, edge_columns, 0), (rows, edge_rows, 1)):
        slope, offset = np.polyfit(index, window[rows, columns, axis] / z, 1) if np.ptp(index) else (0.0, 0.0)
        rays.append(slope * at + offset)
    edge_z = z[nearest]
    edges = np.column_stack([rays[0] * edge_z, rays[1] * edge_z, edge_z]) @ rotation.T
    low, high = edges.min(axis=0), edges.max(axis=0)
    box[0, :2] = np.minimum(box[0, :2], low[:2])
    box[1, :2] = np.maximum(box[1, :2], high[:2])
    return box


def _hidden(
    box: np.ndarray, points: np.ndarray, surface: Surface, smooth: np.ndarray, rotation: np.ndarray
) -> np.ndarray:
    """Return the box widened by where the object may go on behind occluders and beyond the picture."""
    top, left = surface.window[0].start, surface.window[1].start
    height, width = points.shape[:2]
    filled = np.where(surface.pixels, smooth, 0)
    for axis, forward in ((1, False), (1, True), (0, False), (0, True)):
        lines = surface.pixels if axis == 1 else surface.pixels.T
        depth = filled if axis == 1 else filled.T
        whole = points[..., 2] if axis == 1 else points[..., 2].T
        offset_line, offset_along = (top, left) if axis == 1 else (left, top)
        occupied = np.flatnonzero(lines.any(axis=1))
        occupied = occupied[:: max(1, len(occupied) // SCAN_LINES)]
        flags = lines[occupied]
        last = flags.shape[1] - 1 - flags[:, ::-1].argmax(axis=1) if forward else flags.argmax(axis=1)
        z = depth[occupied, last]
        along = last + offset_along
        line = whole[occupied + offset_line]
        if not forward:
            line = line[:, ::-1]
            along = line.shape[1] - 1 - along
        position = np.arange(line.shape[1])
        beyond = position > (along + EDGE_PX)[:, None]
        at_least_as_far = line >= (z * (1 - NEARER))[:, None]
        free = beyond & at_least_as_far
        blocked = beyond & (line > 0) & ~at_least_as_far
        end = np.where(free.any(axis=1), free.argmax(axis=1), line.shape[1])
        start = np.where(blocked.any(axis=1), blocked.argmax(axis=1), line.shape[1])
        cut = along + EDGE_PX >= line.shape[1] - 1
        hidden = (start < end) | cut
        if np.count_nonzero(hidden) < MIN_HIDDEN_LINES:
            continue
        reach = np.where(end >= line.shape[1], np.inf, end)
        if np.isinf(reach[hidden]).any():
            if axis == 1:
                box[int(forward), 0] = OPEN_M if forward else -OPEN_M
            else:
                box[int(forward), 1] = OPEN_M if forward else -OPEN_M
            continue
        rays = _rays(points)
        index = reach[hidden].astype(int)
        if not forward:
            index = line.shape[1] - 1 - index
        across = occupied[hidden] + offset_line
        column, row = (index, across) if axis == 1 else (across, index)
        depth_hidden = z[hidden]
        there = (
            np.column_stack(
                [
                    (rays[0][0] * column + rays[0][1]) * depth_hidden,
                    (rays[1][0] * row + rays[1][1]) * depth_hidden,
                    depth_hidden,
                ]
            )
            @ rotation.T
        )
        k = 0 if axis == 1 else 1
        box[0, k] = min(box[0, k], there[:, k].min())
        box[1, k] = max(box[1, k], there[:, k].max())
    return box


def _rays(points: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (slope, offset) of x/z by column and of y/z by row, which the point map itself tells."""
    rows, columns = np.nonzero(points[..., 2][::8, ::8])
    rows, columns = rows * 8, columns * 8
    found = points[rows, columns]
    result = []
    for index, axis in ((columns, 0), (rows, 1)):
        slope, offset = np.polyfit(index, found[:, axis] / found[:, 2], 1)
        result.append((float(slope), float(offset)))
    return result[0], result[1]
