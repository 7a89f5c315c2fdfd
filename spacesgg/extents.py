"""Full 3D extents of objects from what one camera sees of them.

An extent is [[x_min, y_min, z_min], [x_max, y_max, z_max]] in metres in levelled axes (x right, y down along
gravity, z forward). It bounds where the object can be: its visible surface, the back of what is round or
rectangular, and what may be hidden behind another object or beyond the picture. A relation that holds between
such extents holds between the objects.
"""

from typing import NamedTuple

import numpy as np

from spacesgg import far_side, label_kinds, solids, sparse_extents, visible
from spacesgg.frame import Frame
from spacesgg.surfaces import Surface

BASE_MARGIN_M = 0.02  # half a pixel at 4 m, one step of a depth sensor at 2 m
SIGMAS = 0.5  # of the smoothed noise of each object, beside the base margin
SHARED_SIGMAS = 0.3  # of the noise that neighbouring pixels share: what the bounds' own correction leaves of it
SOFT_MARGIN = 0.005  # of the depth: monocular scale drifts by some percent, but little between neighbours
DRIFT = 0.03  # of the depth, beside that, per metre that sight parts at one metre away (views.py)
SPARSE_MARGIN = 0.006  # of the depth: two lines of a 64-line LiDAR lie so far apart
LIDAR_SHARES = (0.33, 1.0, 0.33)  # of that: along a line the returns are closer, and the body is held open already


class Extent(NamedTuple):
    """Where an object can be, and the noise of these bounds."""

    box: np.ndarray  # (2, 3) metres
    margin: np.ndarray  # (3,) metres
    seen: np.ndarray  # (2, 3) metres: the part of the box that is not hidden, always finite
    drift: float = 0.0  # metres that the far and the near side err by, per metre that sight parts at one metre

    @property
    def centre(self) -> np.ndarray:
        """Return the (3,) middle of the seen part, in metres."""
        return self.seen.mean(axis=0)


def find_extent(frame: Frame, surface: Surface, label: str) -> Extent:
    """Return the extent of the object called `label` whose `surface` was found in the frame's depth."""
    return find_extents(frame, [surface], [label])[0]


def find_extents(frame: Frame, surfaces: list[Surface], labels: list[str]) -> list[Extent]:
    """Return the extents of the objects called `labels` whose `surfaces` were found in the frame's depth."""
    if not surfaces:
        return []
    level = np.array([label_kinds.has_level_top(label) for label in labels])
    found = visible.measure(frame, surfaces, level)
    everything_sparse = frame.lidar and all(surface.sparse for surface in surfaces)
    boxes = found.boxes if everything_sparse else far_side.go_on(frame, surfaces, found, labels)
    if frame.ground_height is not None:
        boxes = solids.end_on_tops(boxes, frame, found, labels)
    extents = []
    for i, (surface, label) in enumerate(zip(surfaces, labels, strict=True)):
        seen, middle, box = found.boxes[i], found.middles.item(i), boxes[i]
        margin = BASE_MARGIN_M + SIGMAS * found.sigmas.item(i) * np.array([0.5, 0.5, 1.0])
        margin[2] += SHARED_SIGMAS * found.shared.item(i)
        if surface.sparse and frame.lidar:
            outline, edges, points = found.outlines[i], found.edges.only(i), found.points[:, i, found.fresh[i]]
            box = sparse_extents.find_box(seen, frame, surface, outline, edges, points, label)
            seen = np.clip(seen, box[0], box[1])  # without strays
        if frame.ground_height is not None:
            box = far_side.go_down(box, seen, frame.ground_height, label)
        if not label_kinds.has_place(label):  # seen beyond everything, but not to be met there: above it at most
            box = np.array([[-np.inf, -np.inf, -np.inf], [np.inf, seen[1, 1], np.inf]])
        if frame.soft:
            margin[2] += SOFT_MARGIN * middle
        if surface.sparse:
            margin = margin + SPARSE_MARGIN * middle * np.array(LIDAR_SHARES if frame.lidar else 1.0)
        extents.append(Extent(box, margin, seen, DRIFT * middle if frame.soft else 0.0))
    return extents
