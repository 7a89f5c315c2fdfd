"""One frame as the geometry sees it: its point map, its rays and which way is down."""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg.depth_edges import edges_are_soft
from spacesgg.ground import find_ground
from spacesgg.sparse_returns import Road, find_road, is_sparse

GROUND_SHARE = 0.02  # of the depth: how far from the ground's plane a pixel still shows the ground
ENDLESS_M = 1e6
RAY_STEPS_PX = (32, 8, 1)  # the first that meets enough valid pixels
ENOUGH_RAYS = 100  # tell the rays to far below a pixel


class Frame(NamedTuple):
    """An (H, W, 3) point map in metres with what all its objects share."""

    points: np.ndarray
    depth: np.ndarray  # (H, W) metres: the points' z, side by side in memory
    sight: np.ndarray  # (H, W) metres that sight reaches: the depth, filled where it is sparse; see `sight_at`
    rotation: np.ndarray  # (3, 3) float32: levelled = points @ rotation.T
    # (3, W) and (3, H) float32: their sums are the levelled metres, per metre of depth, of each pixel
    across: np.ndarray
    along: np.ndarray
    ground_height: float | None  # metres below the camera, None where no ground was found
    tilt_sigma: float  # radians: the uncertainty of the vertical
    soft: bool  # depth crosses edges in ramps
    lidar: bool  # depth is projected LiDAR's: sparse_returns.is_sparse

    @property
    def pixel(self) -> float:
        """Return how wide a pixel is, in metres per metre of depth; 0 in a picture of one column."""
        return float(np.abs(np.diff(self.across[0, :2])).sum())

    def window_directions(self, window: tuple[slice, slice]) -> np.ndarray:
        """Return the (3, h, w) `directions` of all pixels of a window of the image."""
        return self.along[:, window[0], None] + self.across[:, None, window[1]]

    def directions(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return (3, …) metres in levelled axes, per metre of depth, of pixels (…)."""
        return self.along.take(rows, axis=1) + self.across.take(columns, axis=1)

    def levelled(self, rows: np.ndarray, columns: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return (3, …) metres in levelled axes of pixels (…) at the given depths (…)."""
        return self.directions(rows, columns) * depth

    def road(self) -> Road | None:
        """Return the ground that sparse depth shows, None where none is found; the axes may not follow it."""
        if self.ground_height is None:
            return find_road(self.depth)
        return Road(self.along[1] / self.ground_height, self.across[1] / self.ground_height)

    def sight_at(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (…) metres that sight reaches at pixels (…), and metres down along gravity per metre of depth.

        It is endless where the ground is seen: nothing stands behind it, or is hidden.
        """
        reached = self.sight.ravel().take(rows * self.sight.shape[1] + columns)
        fall = self.along[1].take(rows) + self.across[1].take(columns)
        if self.ground_height is not None:
            off = np.abs(reached * fall - np.float32(self.ground_height))
            reached += (off < np.float32(GROUND_SHARE) * reached) * np.float32(ENDLESS_M)
        return reached, fall


def make_frame(points: np.ndarray, level: bool = True) -> Frame:
    """Return the frame of an (H, W, 3) point map; with `level` its axes follow the ground where one is found."""
    depth = cv2.extractChannel(points, 2)
    count = np.count_nonzero(depth > 0)
    ground = find_ground(points, count) if level else None
    rotation = np.eye(3) if ground is None else ground.rotation
    rays, (height, width) = rotation[:, :2] @ _rays(points), depth.shape
    across = rays[:, :1] * np.arange(width)
    along = rays[:, 1:2] * np.arange(height) + rays[:, 2:] + rotation[:, 2:]
    sparse = is_sparse(depth)
    return Frame(
        points,
        depth,
        fill(depth, depth > 0) if sparse else depth,
        rotation.astype(np.float32),
        across.astype(np.float32),
        along.astype(np.float32),
        None if ground is None else ground.height,
        0.0 if ground is None else ground.sigma,
        edges_are_soft(depth),
        sparse,
    )


def fill(depth: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return (h, w) the depth (h, w) of the nearest of the chosen (h, w) bool pixels."""
    _, labels = cv2.distanceTransformWithLabels(
        (~chosen).view(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    return depth[chosen].take(labels - 1)  # OpenCV numbers the pixels row by row, from one on


def _rays(points: np.ndarray) -> np.ndarray:
    """Return the (2, 3) linear map from a pixel's (column, row, 1) to its ray (x/z, y/z), by least squares.

    The point map tells it, of any pinhole camera.
    """
    for step in RAY_STEPS_PX:
        grid = points[::step, ::step]
        rows, columns = np.nonzero(grid[..., 2])
        if len(rows) > ENOUGH_RAYS:
            break
    if not len(rows):
        return np.zeros((2, 3))
    found = grid[rows, columns].astype(float)
    pixels = np.column_stack([columns * step, rows * step, np.ones(len(rows))])
    return np.linalg.lstsq(pixels, found[:, :2] / found[:, 2:], rcond=None)[0].T
