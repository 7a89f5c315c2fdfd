"""Full 3D extents of objects from what one camera sees of them.

An extent is [[x_min, y_min, z_min], [x_max, y_max, z_max]] in metres in levelled axes (x right, y down along
gravity, z forward). It bounds where the object can be: its visible surface, the back of what is round or
rectangular, and what may be hidden behind another object or beyond the picture. A relation that holds between
such extents holds between the objects.
"""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg import completion, occlusion
from spacesgg.frame import Frame
from spacesgg.surfaces import KERNEL, Surface

TAIL_PERCENT = 0.5  # of the smoothed points on each side: flying pixels that passed as surface
BASE_MARGIN_M = 0.015  # half a pixel at 4 m, one step of a depth sensor at 2 m
SIGMAS = 1.0  # of the smoothed noise of each object, beside the base margin
MAX_SMOOTH_PX = 7
MASK_EDGE_SAMPLES = 200


class Extent(NamedTuple):
    """Where an object can be, and the noise of these bounds."""

    box: np.ndarray  # (2, 3) metres; OPEN_M on a side that the picture's border cuts off
    margin: np.ndarray  # (3,) metres
    seen: np.ndarray  # (2, 3) metres: the part of the box that is not hidden, always finite

    @property
    def centre(self) -> np.ndarray:
        """Return the (3,) middle of the seen part, in metres."""
        return self.seen.mean(axis=0)


def find_extent(frame: Frame, surface: Surface) -> Extent:
    """Return the extent of the object whose `surface` was found in the frame's depth."""
    window = frame.points[surface.window]
    depth, sigma = _smoothed(window[..., 2], surface)
    # Moving a point along its ray to the smoothed depth keeps it under its pixel.
    scale = np.divide(depth, window[..., 2], out=np.zeros_like(depth), where=surface.pixels)
    levelled = (window * scale[..., None]) @ frame.rotation.T
    core = levelled[surface.core]
    tails = (TAIL_PERCENT, 100 - TAIL_PERCENT)
    seen = np.percentile(levelled[surface.pixels], tails, axis=0)
    seen[:, 2] = np.percentile(core[:, 2], tails)
    if surface.sparse:
        edge = _mask_edge(frame, surface)
        seen[:, :2] = np.minimum(seen[0, :2], edge.min(axis=0)[:2]), np.maximum(seen[1, :2], edge.max(axis=0)[:2])
    for body in (completion.rectangle(core), completion.circle(core)):
        if body is not None:
            seen[:, ::2] = np.minimum(seen[0, ::2], body[0]), np.maximum(seen[1, ::2], body[1])
    box = occlusion.widen(seen, frame, surface, depth)
    if frame.ground_height is not None:
        # Nothing goes on below the ground, however much hides its foot.
        box[1, 1] = max(seen[1, 1], min(box[1, 1], frame.ground_height))
    margin = BASE_MARGIN_M + SIGMAS * sigma * np.array([0.5, 0.5, 1.0])
    return Extent(box, margin, seen)


def _smoothed(z: np.ndarray, surface: Surface) -> tuple[np.ndarray, float]:
    """Return z averaged over neighbours of the same object, and the noise in metres that this leaves."""
    if surface.sparse:
        return z, 0.0
    pixels = surface.pixels
    size = int(np.clip(np.count_nonzero(pixels) ** 0.5 / 8, 1, MAX_SMOOTH_PX)) | 1
    triple = pixels[:, :-2] & pixels[:, 1:-1] & pixels[:, 2:]
    curvature = (z[:, 1:-1] - (z[:, :-2] + z[:, 2:]) / 2)[triple]
    # The second difference of white noise has 1.5 times its variance; 1.4826 turns a median into a sigma.
    sigma = 1.4826 * float(np.median(np.abs(curvature))) / 1.5**0.5 if len(curvature) else 0.0
    weight = pixels.astype(np.float32)
    total = cv2.boxFilter(z * weight, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    count = cv2.boxFilter(weight, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.divide(total, count, out=z.copy(), where=pixels), sigma / size


def _mask_edge(frame: Frame, surface: Surface) -> np.ndarray:
    """Return (N, 3) levelled points of the mask's edge, each at the depth of the return nearest to it.

    Sparse returns miss the edges of an object; its mask does not.
    """
    top, left = surface.window[0].start, surface.window[1].start
    mask = surface.mask.view(np.uint8)
    rows, columns = np.nonzero(mask - cv2.erode(mask, KERNEL))
    keep = slice(None, None, max(1, len(rows) // MASK_EDGE_SAMPLES))
    rows, columns = rows[keep], columns[keep]
    known = np.argwhere(surface.pixels)
    nearest = ((rows[:, None] - known[:, 0]) ** 2 + (columns[:, None] - known[:, 1]) ** 2).argmin(axis=1)
    z = frame.points[surface.window][known[nearest, 0], known[nearest, 1], 2]
    return frame.levelled(columns + left, rows + top, z)
