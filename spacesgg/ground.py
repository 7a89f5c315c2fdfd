"""Gravity from the ground, or from walls: which way is up in a frame whose camera looks down, up, or leans."""

from typing import NamedTuple

import numpy as np

from spacesgg import open3d_core
from spacesgg.quantiles import percentiles

MAX_TILT_DEG = 45.0  # beyond this the floor of a tilted camera cannot be told from the wall of a level one
SAMPLES = 3000  # points are thinned to this many: enough for a plane, and the time stays the same at any size
SEARCHED = 150  # of them are enough to find a plane, which is then fitted to all
RANSAC_ITERATIONS = 80  # finds a plane that holds two fifths of the points with a probability of 99.5 %
# That no better plane is left to find: with less the threads stop early, where depends on which of them was first.
RANSAC_PROBABILITY = 1.0
# Of a plane, as a share of the inverse depth: sensor noise is even in inverse depth, not in metres.
THICKNESS = 0.02
# So many times farther than the nearest tenth there is only the sky, which monocular depth puts at 60 metres, say:
# no part of the room, and under the horizon, where a floor ends, nothing beneath the floor either.
ENDLESS, NEAR_PERCENT = 10.0, 90.0
MIN_SHARE = 0.06  # a plane with fewer of the points is furniture
MIN_POINTS = 50
MAX_BELOW = 0.03  # the ground has nothing beneath it; a table has the floor, a shelf the wall
REFITS = 2
PLANES = 6  # walls, tables and cupboards may each hold more points than the floor
# Points whose surface, by their neighbours, is tilted by less may lie on the ground: MAX_TILT_DEG and noise.
MAX_NORMAL_TILT_DEG = 60.0
# Monocular depth drifts in proportion to depth, most in inverse depth where it is near: where no plane
# is found one so much thicker is sought, that must hold more of the points.
DRIFT_THICKNESS = 2
DRIFT_SHARE = 0.12
# Where no ground is seen walls tell the vertical; a plane that leans by more, or is smaller, is no wall.
MAX_WALL_LEAN_DEG = 35.0
WALL_SHARE = 0.12
MIN_CORNER_DEG = 30.0  # between two walls that together tell the vertical
MAX_WALL_SIGMA_DEG = 0.7  # drifting depth bends walls, and the halves of a bent wall disagree
ONE_WALL_SIGMA = 0.03  # radians: of one wall the roll stays unknown, and cameras are held level to 2 degrees
CORNER_SIGMA = 0.01
# Within this tilt an uneven floor or drifting monocular depth looks the same as a tilted camera.
MAX_SIGMA_DEG = 2.0  # what its halves disagree on by more tells no better where down is than the picture
RIDGE = 1e-12 * np.eye(3)  # of the normal equations' trace: points in one line have some plane too
MIN_PARTS = 40  # points each half of the ground needs to vote on the uncertainty


class Ground(NamedTuple):
    """The vertical of one frame; `rotation` (3, 3) turns points level: levelled = points @ rotation.T."""

    rotation: np.ndarray
    height: float | None  # metres from the camera down to the ground, None where walls tell the vertical
    tilt_deg: float
    sigma: float  # radians: how far the parts of the ground disagree on the vertical


def _fit(space: np.ndarray) -> np.ndarray:
    """Return (a, b, c) of 1/z = a·x/z + b·y/z + c, by least squares; `space` (N, 4) is x/z, y/z, 1 and 1/z."""
    sums = space[:, :3].T @ space
    return np.linalg.solve(sums[:, :3] + np.trace(sums) * RIDGE, sums[:, 3])


def _off(space: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return (N,) by how much the plane's inverse depth exceeds that of the points `space` (N, 4), see `_fit`."""
    return space @ (*coefficients, -1.0)


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


def find_ground(points: np.ndarray, valid_count: int, seed: int = 0) -> Ground | None:
    """Return the ground seen in an (H, W, 3) point map in metres (zero = invalid), None where none can be told.

    `valid_count` is the number of valid points.

    Planes are taken out one after the other by RANSAC (Open3D) in (x/z, y/z, 1/z), where a plane of space is a
    plane too and the noise of depth sensors is even. The ground is the one that faces the camera's underside
    within MAX_TILT_DEG and has next to nothing below it. It is sought first among the points whose surface faces
    that way, and where their neighbours do not tell, or none is found, among all. Where there is none the walls
    tell the vertical.
    """
    step = max(1, int((valid_count / SAMPLES) ** 0.5))
    grid = points[step // 2 :: step, step // 2 :: step]
    valid = grid[..., 2] > 0
    sample = grid[valid].astype(float)
    count = len(sample)
    if count < 100 or not (valid.any(axis=0).sum() > 1 and valid.any(axis=1).sum() > 1):
        return None  # a single row of pixels lies in many planes
    inverse = 1 / sample[:, 2]
    space = np.column_stack([sample[:, :2] * inverse[:, None], np.ones(count), inverse])
    here = inverse[_is_here(inverse)]
    thickness = THICKNESS * percentiles(here, (25,))[0]  # of the farther part
    up, everything = np.flatnonzero(_faces_up(space, valid)), np.arange(count)
    walls: list[np.ndarray] = []
    for left, times, share in ((up, 1, MIN_SHARE), (everything, 1, MIN_SHARE), (up, DRIFT_THICKNESS, DRIFT_SHARE)):
        ground = _search(space, left, times * thickness, share, seed, walls if times == 1 else [])
        if ground is not None:
            return ground
    return _from_walls(walls)


def _is_here(inverse: np.ndarray) -> np.ndarray:
    """Return (N,) bool: whether points of this inverse depth (N,) are no sky."""
    return inverse * ENDLESS > percentiles(inverse, (NEAR_PERCENT,))[0]


def _faces_up(space: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return (N,) bool: whether the surface around each valid point of an (H, W) grid may be the ground's.

    `space` (N, 4) is what `_fit` takes of these points.

    Its neighbours in the row and in the column, across holes, tell the surface's plane (a, b, c) (see `_fit`),
    which is its normal too.
    """
    x, y, _, inverse = space.T
    number = np.empty(valid.shape, np.int64)
    number[valid] = np.arange(len(space))
    a = _slope(x, inverse)
    columns = number.T[valid.T]
    b = np.empty_like(a)
    b[columns] = _slope(y.take(columns), inverse.take(columns))
    c = inverse - a * x - b * y
    return (b > 0) & (a * a + c * c < np.tan(np.radians(MAX_NORMAL_TILT_DEG)) ** 2 * b * b)


def _slope(ray: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Return (N,) by how much inverse depth grows along a ray's coordinate at points in line after line.

    It is 0 at the ends of a line, where the coordinate falls.
    """
    slope = np.zeros(len(ray))
    step = ray[2:] - ray[:-2]
    np.divide(inverse[2:] - inverse[:-2], step, out=slope[1:-1], where=step > 0)
    return slope


def _search(
    space: np.ndarray, left: np.ndarray, thickness: float, share: float, seed: int, walls: list[np.ndarray]
) -> Ground | None:
    """Return the ground that the points `left`, rows of `space` (N, 4), show, None where they show none.

    It holds at least `share` of the N points. The normals of large upright planes met on the way go to `walls`.
    """
    least = max(MIN_POINTS, share * len(space))
    open3d = open3d_core.load()
    open3d.utility.random.seed(seed)
    free, left = space, space.take(left, axis=0)  # of the planes before
    for _ in range(PLANES):
        if len(left) < least:
            return None
        some = left[:: -(-len(left) // SEARCHED), (0, 1, 3)]
        cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(some))
        plane, _ = cloud.segment_plane(thickness, 3, RANSAC_ITERATIONS, RANSAC_PROBABILITY)
        plane = plane[[0, 1, 3, 2]]
        near = np.abs(free @ plane) < thickness
        if np.count_nonzero(near) < least:
            return None
        own = free.compress(near, axis=0)  # indexing takes four times as long
        coefficients = _fit(own)
        # RANSAC's plane is through three points: it misses some of the ground's and has some of another surface's.
        chosen = np.abs(_off(free, coefficients)) < thickness
        ground = _as_ground(space, free.compress(chosen, axis=0), thickness)
        if ground is not None:
            return ground
        normal, _ = _down(coefficients)
        if (
            len(own) > WALL_SHARE * len(space)
            and normal[1] < np.sin(np.radians(MAX_WALL_LEAN_DEG))
            and _disagreement(own, normal) < np.radians(MAX_WALL_SIGMA_DEG)
        ):
            walls.append(normal)
        free = free.compress(~near, axis=0)
        left = left.compress(np.abs(left @ plane) >= thickness, axis=0)
    return None


def _from_walls(normals: list[np.ndarray]) -> Ground | None:
    """Return the vertical that upright planes of the given unit normals, the largest first, agree with."""
    if not normals:
        return None
    first = normals[0]
    down, sigma = np.array([0.0, 1.0, 0.0]) - first[1] * first, ONE_WALL_SIGMA
    for other in normals[1:]:
        edge = np.cross(first, other)
        if np.linalg.norm(edge) > np.sin(np.radians(MIN_CORNER_DEG)):
            down, sigma = edge if edge[1] > 0 else -edge, CORNER_SIGMA
            break
    down = down / np.linalg.norm(down)
    tilt = float(np.degrees(np.arccos(np.clip(down[1], -1, 1))))
    return Ground(_level(down), None, tilt, sigma) if tilt <= MAX_WALL_LEAN_DEG else None


def _as_ground(space: np.ndarray, own: np.ndarray, thickness: float) -> Ground | None:
    """Return the ground that the plane of the points `own` (n, 4) of `space` (N, 4) is, None where it is none."""
    if len(own) < MIN_POINTS:
        return None
    coefficients = _fit(own)
    for _ in range(REFITS):
        off = np.abs(_off(own, coefficients))
        own = own.compress(off <= 3 * max(1.4826 * percentiles(off, (50,))[0], 1e-4 * thickness), axis=0)
        coefficients = _fit(own)
    down, distance = _down(coefficients)
    tilt = float(np.degrees(np.arccos(np.clip(down[1], -1, 1))))
    if tilt > MAX_TILT_DEG or distance <= 0:
        return None  # a wall, or a ceiling
    # A point lies below the plane when its ray met it later: its inverse depth is smaller than the plane's.
    above = _off(space, coefficients)
    below = (above > 2 * thickness) & (above > -space[:, 3]) & _is_here(space[:, 3])
    if np.count_nonzero(below) > MAX_BELOW * len(space):
        return None
    sigma = _disagreement(own, down)
    return Ground(_level(down), float(distance), tilt, sigma) if sigma <= np.radians(MAX_SIGMA_DEG) else None


def _disagreement(space: np.ndarray, down: np.ndarray) -> float:
    """Return how far, in radians, halves of the ground disagree on the vertical."""
    count = len(space)
    if count < 2 * MIN_PARTS:
        return 0.0
    whole, sums = space[:, :3].T @ space, []
    for axis in (0, 1):
        half = space.compress(space[:, axis] < np.sort(space[:, axis])[count // 2], axis=0)
        if len(half) < MIN_PARTS // 2:
            return np.pi / 2  # most lie in one line
        part = half[:, :3].T @ half
        sums += [part, whole - part]
    equations = np.array(sums)
    ridge = np.trace(equations, axis1=1, axis2=2)[:, None, None] * RIDGE
    normals = np.linalg.solve(equations[..., :3] + ridge, equations[..., 3:])[..., 0]
    agreement = np.abs(normals @ down) / np.linalg.norm(normals, axis=1)
    return float(np.arccos(min(agreement.min(), 1.0))) / 2  # the whole is about twice as steady as its halves
