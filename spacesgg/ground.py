"""Gravity from the ground: which way is up in a frame whose camera looks down, up, or leans."""

from typing import NamedTuple

import numpy as np
import open3d as o3d

MAX_TILT_DEG = 45.0  # beyond this the floor of a tilted camera cannot be told from the wall of a level one
SAMPLES = 3000  # points are thinned to this many: enough for a plane, and the time stays the same at any size
SEARCHED = 600  # of them are enough to find a plane, which is then fitted to all
RANSAC_ITERATIONS = 150  # finds a plane that holds a third of the points with probability 1 − 1e−2 or better
# Of a plane, as a share of the inverse depth: sensor noise is even in inverse depth, not in metres.
THICKNESS = 0.02
MIN_SHARE = 0.06  # a plane with fewer of the points is furniture
MAX_BELOW = 0.03  # the ground has nothing beneath it; a table has the floor, a shelf the wall
REFITS = 2
PLANES = 6  # walls, tables and cupboards may each hold more points than the floor
# Within this tilt an uneven floor or drifting monocular depth looks the same as a tilted camera.
MIN_PARTS = 40  # points each quarter of the ground needs to vote on the uncertainty


class Ground(NamedTuple):
    """The ground of one frame; `rotation` (3, 3) turns points level: levelled = points @ rotation.T."""

    rotation: np.ndarray
    height: float  # metres from the camera down to the ground
    tilt_deg: float
    sigma: float  # radians: how far the parts of the ground disagree on the vertical


def _fit(rays: np.ndarray, inverse_depth: np.ndarray) -> np.ndarray:
    """Return (a, b, c) of inverse depth = a·x/z + b·y/z + c, by least squares."""
    design = np.column_stack([rays, np.ones(len(rays))])
    return np.linalg.lstsq(design, inverse_depth, rcond=None)[0]


def _down(coefficients: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the unit normal that points down (camera axes) and the plane's distance below the camera."""
    length = np.linalg.norm(coefficients)  # a·x + b·y + c·z = 1
    normal = coefficients / length
    return (normal, 1 / length) if normal[1] > 0 else (-normal, -1 / length)


def _level(down: np.ndarray) -> np.ndarray:
    """Return the smallest rotation (3, 3) that takes `down` to the y axis; the forward axis keeps its heading."""
    forward = np.array([0.0, 0.0, 1.0]) - down[2] * down
    forward /= np.linalg.norm(forward)
    return np.array([np.cross(down, forward), down, forward])


def find_ground(points: np.ndarray, seed: int = 0) -> Ground | None:
    """Return the ground seen in an (H, W, 3) point map in metres (zero = invalid), None where none can be told.

    Planes are taken out one after the other by RANSAC (Open3D) in (x/z, y/z, 1/z), where a plane of space is a
    plane too and the noise of depth sensors is even. The ground is the one that faces the camera's underside
    within MAX_TILT_DEG and has next to nothing below it.
    """
    height, width = points.shape[:2]
    valid = points[..., 2] > 0
    step = max(1, int((np.count_nonzero(valid) / SAMPLES) ** 0.5))
    sample = points[step // 2 :: step, step // 2 :: step][valid[step // 2 :: step, step // 2 :: step]].astype(
        float
    )
    if len(sample) < 100:
        return None
    inverse = 1 / sample[:, 2]
    rays = sample[:, :2] * inverse[:, None]
    thickness = THICKNESS * float(np.percentile(inverse, 25))  # of the farther part: the near one is coarse
    space = np.column_stack([rays, inverse])
    left = np.arange(len(sample))
    o3d.utility.random.seed(seed)
    for _ in range(PLANES):
        if len(left) < max(50, MIN_SHARE * len(sample)):
            return None
        some = space[left[:: -(-len(left) // SEARCHED)]]
        cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(some))
        plane, _ = cloud.segment_plane(thickness, 3, RANSAC_ITERATIONS)
        inliers = np.abs(space[left] @ plane[:3] + plane[3]) < thickness
        if np.count_nonzero(inliers) < MIN_SHARE * len(sample):
            return None
        chosen = left[inliers]
        ground = _as_ground(sample, rays, inverse, chosen, thickness)
        if ground is not None:
            return ground
        left = left[~inliers]
    return None


def _as_ground(
    sample: np.ndarray, rays: np.ndarray, inverse: np.ndarray, chosen: np.ndarray, thickness: float
) -> Ground | None:
    coefficients = _fit(rays[chosen], inverse[chosen])
    for _ in range(REFITS):
        # RANSAC's plane is through three points, and some of its inliers are another surface's.
        off = np.abs(rays[chosen] @ coefficients[:2] + coefficients[2] - inverse[chosen])
        chosen = chosen[off <= 3 * max(1.4826 * float(np.median(off)), 1e-4 * thickness)]
        coefficients = _fit(rays[chosen], inverse[chosen])
    down, distance = _down(coefficients)
    tilt = float(np.degrees(np.arccos(np.clip(down[1], -1, 1))))
    if tilt > MAX_TILT_DEG or distance <= 0:
        return None  # a wall, or a ceiling
    # A point lies below the plane when its ray met it later: its inverse depth is smaller than the plane's.
    expected = rays @ coefficients[:2] + coefficients[2]
    below = np.count_nonzero((expected - inverse > 2 * thickness) & (expected > 0))
    if below > MAX_BELOW * len(sample):
        return None
    return Ground(_level(down), float(distance), tilt, _disagreement(rays[chosen], inverse[chosen], down))


def _disagreement(rays: np.ndarray, inverse: np.ndarray, down: np.ndarray) -> float:
    """Return how far, in radians, halves of the ground disagree on the vertical."""
    worst = 0.0
    for axis in (0, 1):
        middle = np.median(rays[:, axis])
        for half in (rays[:, axis] < middle, rays[:, axis] >= middle):
            if np.count_nonzero(half) >= MIN_PARTS:
                other, _ = _down(_fit(rays[half], inverse[half]))
                worst = max(worst, float(np.arccos(np.clip(other @ down, -1, 1))))
    return worst / 2  # the whole is about twice as steady as its halves
