"""One frame as the geometry sees it: its point map, its rays and which way is down."""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg.depth_edges import edges_are_soft
from spacesgg.ground import Ground, find_ground
from spacesgg.surfaces import SPARSE_COVERAGE

GROUND_SHARE = 0.02  # of the depth: how far from the ground's plane a pixel still shows the ground
ENDLESS_M = 1e6
RAY_STEP_PX = 16  # every sixteenth valid pixel tells the rays to far below a pixel


class Frame(NamedTuple):
    """An (H, W, 3) point map in metres with what all its objects share."""

    points: np.ndarray
    depth: np.ndarray  # (H, W) metres: the points' z, side by side in memory
    # (H, W) metres that sight reaches: that of the points, filled where these are sparse, endless on the ground
    sight: np.ndarray
    rays: np.ndarray  # (2, 2): x/z = rays[0, 0]·column + rays[0, 1], y/z = rays[1, 0]·row + rays[1, 1]
    rotation: np.ndarray  # (3, 3) float32: levelled = points @ rotation.T
    ground_height: float | None  # metres below the camera, None where no ground was found
    tilt_sigma: float  # radians: the uncertainty of the vertical
    soft: bool  # depth crosses edges in ramps

    def levelled(self, columns: np.ndarray, rows: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return (N, 3) metres in levelled axes of pixels (N,) at the given depths (N,)."""
        x = (self.rays[0, 0] * columns + self.rays[0, 1]) * depth
        y = (self.rays[1, 0] * rows + self.rays[1, 1]) * depth
        return np.column_stack([x, y, depth]).astype(np.float32) @ self.rotation.T


def make_frame(points: np.ndarray, level: bool = True) -> Frame:
    """Return the frame of an (H, W, 3) point map; with `level` its axes follow the ground where one is found."""
    depth = cv2.extractChannel(points, 2)
    count = np.count_nonzero(depth > 0)
    ground = find_ground(points, count) if level else None
    sight, rays = _filled(depth, count), _rays(points)
    soft = edges_are_soft(depth)
    if ground is None:
        return Frame(points, depth, sight, rays, np.eye(3, dtype=np.float32), None, 0.0, soft)
    rotation = ground.rotation.astype(np.float32)
    sight = sight if ground.height is None else _beyond_ground(sight, rays, ground)
    return Frame(points, depth, sight, rays, rotation, ground.height, ground.sigma, soft)


def _beyond_ground(sight: np.ndarray, rays: np.ndarray, ground: Ground) -> np.ndarray:
    """Return (H, W) metres that are endless where the ground is seen: nothing stands behind it, or is hidden."""
    height, width = sight.shape
    down = ground.rotation[1]
    # Metres below the camera, along gravity, a metre of depth: of a pixel the sum of its row's and its column's.
    across = (down[0] * (rays[0, 0] * np.arange(width) + rays[0, 1])).astype(np.float32)
    along = (down[1] * (rays[1, 0] * np.arange(height) + rays[1, 1]) + down[2]).astype(np.float32)
    # Only these rows reach down to the ground at all.
    lowest = ground.height / max(float(sight.max()), 1e-6) - GROUND_SHARE
    rows = np.flatnonzero(along + across.max() > lowest)
    result = sight.copy()
    if len(rows):
        seen = result[rows[0] : rows[-1] + 1]
        off = along[rows[0] : rows[-1] + 1, None] + across
        off *= seen
        off -= np.float32(ground.height)
        on_ground = np.abs(off, out=off) < np.float32(GROUND_SHARE) * seen
        seen += on_ground * np.float32(ENDLESS_M)  # a third of the time of np.where
    return result


def _filled(depth: np.ndarray, count: int) -> np.ndarray:
    """Return the (H, W) depth; that of projected LiDAR, whose valid pixels are few, with the nearest return."""
    if not 0 < count < SPARSE_COVERAGE * depth.size:
        return depth
    valid = depth > 0
    _, labels = cv2.distanceTransformWithLabels(
        (~valid).view(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    returns = np.zeros(labels.max() + 1, np.float32)
    returns[labels[valid]] = depth[valid]
    return returns[labels]


def _rays(points: np.ndarray) -> np.ndarray:
    """Return the (2, 2) linear map from pixels to rays, which the point map itself tells."""
    grid = points[::RAY_STEP_PX, ::RAY_STEP_PX]
    step = RAY_STEP_PX if np.count_nonzero(grid[..., 2]) > 100 else 1
    if step == 1:
        grid = points
    rows, columns = np.nonzero(grid[..., 2])
    found = grid[rows, columns].astype(float)
    rays = np.zeros((2, 2))
    for axis, index in ((0, columns * step), (1, rows * step)):
        if len(index) and np.ptp(index):
            ratio, offset = found[:, axis] / found[:, 2], index - index.mean()
            slope = offset @ ratio / (offset @ offset)
            rays[axis] = slope, ratio.mean() - slope * index.mean()
    return rays
