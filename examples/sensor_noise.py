"""What sensors and estimators make of an exact depth map: Kinect, stereo, time of flight, network, LiDAR.

Depth maps are (H, W) float32 metres along the optical axis, 0 where there is none.
"""

from collections.abc import Callable

import cv2
import numpy as np

KINECT_BASELINE = 0.075  # metres between projector and camera
KINECT_STEPS = 8  # disparities are told to an eighth of a pixel
KINECT_REACH = (0.5, 8.0)  # metres
SHORT_REACH = (0.3, 4.5)
STEREO_BASELINE = 0.05  # metres between the two cameras
STEREO_SHARED, STEREO_WHITE = 0.12, 0.05  # pixels of disparity, shared by a matching window's pixels and not
STEREO_WINDOW = 4.0  # pixels: the sigma of the weight that a matching window gives its neighbours
TOF_SIGMA = 0.003  # of the depth
LATERAL_SIGMA = 0.8  # pixels by which the sensor misplaces a depth
SKY = 60.0  # metres that a network answers where there is only sky
LIDAR_MOUNT = np.array((0.05, -0.1, -0.27))  # metres from the camera, level frame
LIDAR_SIGMA = 0.02  # metres along the beam


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Return a smooth (H, W) field, about unit variance, that changes over an image's 1/cells."""
    coarse = rng.normal(size=(cells[1] + 1, cells[0] + 1)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def depth_edges(depth_m: np.ndarray, ratio: float = 0.03) -> np.ndarray:
    """Return (H, W) bool: pixels beside a jump of more than `ratio` of the depth."""
    kernel = np.ones((3, 3), np.uint8)
    near, far = cv2.erode(depth_m, kernel), cv2.dilate(depth_m, kernel)
    return (far - near) > ratio * np.maximum(near, 0.3)


def kinect(
    depth_m: np.ndarray,
    slant: np.ndarray,
    albedo: np.ndarray,
    focal: float,
    rng: np.random.Generator,
    limits: tuple[float, float] = KINECT_REACH,
) -> np.ndarray:
    """Return the depth a Kinect-like structured-light camera would measure, from and up to `limits` in metres.

    `slant` is |cosine| between ray and normal, `albedo` (H, W, 3). In order: depths misplaced sideways, flying
    pixels at edges, axial noise (partly shared by neighbours, as block matching does), disparity steps, and no
    depth in the projector's shadow, at grazing angles, at edges, on patches of dark things and out of reach.
    """
    height, width = depth_m.shape
    rows, columns = np.indices((height, width))
    jitter = rng.normal(0, LATERAL_SIGMA, (2, height, width))
    rows_from = np.clip(np.rint(rows + jitter[0]), 0, height - 1).astype(int)
    columns_from = np.clip(np.rint(columns + jitter[1]), 0, width - 1).astype(int)
    edges = cv2.dilate(depth_edges(depth_m).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    # On a slanted plane the sensor interpolates; only beside jumps does a depth land on the wrong side.
    z = np.where(edges, depth_m[rows_from, columns_from], depth_m)

    near, far = cv2.erode(depth_m, np.ones((3, 3))), cv2.dilate(depth_m, np.ones((3, 3)))
    flying = depth_edges(depth_m) & (near > 0) & (rng.random(z.shape) < 0.25)
    z = np.where(flying, near + rng.random(z.shape, np.float32) * (far - near), z)

    valid = z > 0
    fine = rng.normal(size=z.shape).astype(np.float32)
    coarse = cv2.GaussianBlur(rng.normal(size=z.shape).astype(np.float32), (0, 0), 2.0)
    coarse *= 2 * 2.0 * np.sqrt(np.pi)  # back to unit variance
    sigma = 0.0012 + 0.0019 * (z - 0.4) ** 2
    z = z + sigma * (0.7 * fine + 0.71 * coarse)
    disparity = focal * KINECT_BASELINE / np.maximum(z, 0.1)
    z = focal * KINECT_BASELINE / np.maximum(np.rint(disparity * KINECT_STEPS) / KINECT_STEPS, 1e-3)

    exact = focal * KINECT_BASELINE / np.maximum(depth_m, 0.1)
    reach = np.maximum.accumulate(np.where(depth_m > 0, columns + exact, 0), axis=1)
    shadow = columns + exact < reach - 0.5
    lost = shadow | (rng.random(z.shape) > np.clip((slant - 0.06) / 0.14, 0, 1))
    lost |= edges & (rng.random(z.shape) < 0.35)
    blobs = smooth_noise(rng, z.shape, (40, 30))
    lost |= (albedo.mean(axis=2) < 0.16) & (blobs > 0.2)
    lost |= smooth_noise(rng, z.shape, (60, 45)) > 2.6
    valid &= ~lost & (z >= limits[0]) & (z <= limits[1])
    return np.where(valid, z, 0).astype(np.float32)


def stereo(depth_m: np.ndarray, albedo: np.ndarray, focal: float, rng: np.random.Generator) -> np.ndarray:
    """Return the depth a stereo camera would measure that matches blocks.

    `albedo` is (H, W, 3). In order: near things fattened by half a window, noise even in disparity that neighbours
    share, and no depth where the right camera does not see, at some edges, on patches, and beyond 12 metres.
    """
    near = cv2.erode(np.where(depth_m > 0, depth_m, np.inf).astype(np.float32), np.ones((5, 5), np.uint8))
    disparity = focal * STEREO_BASELINE / np.maximum(near, 0.1)
    shared = cv2.GaussianBlur(rng.normal(size=near.shape), (0, 0), STEREO_WINDOW)
    noise = STEREO_SHARED * shared / shared.std() + STEREO_WHITE * rng.normal(size=near.shape)
    z = focal * STEREO_BASELINE / np.maximum(disparity + noise, 0.1)
    # The right camera sees a pixel this far to the left; what is nearer on the way there hides it.
    columns = np.arange(near.shape[1])
    reach = np.minimum.accumulate((columns - disparity)[:, ::-1], axis=1)[:, ::-1]
    lost = columns - disparity > reach + 0.5
    lost |= depth_edges(depth_m) & (rng.random(z.shape) < 0.3)
    lost |= (albedo.mean(axis=2) < 0.12) & (smooth_noise(rng, z.shape, (40, 30)) > 0.3)
    lost |= smooth_noise(rng, z.shape, (60, 45)) > 2.2
    return np.where(np.isfinite(near) & ~lost & (z < 12), z, 0).astype(np.float32)


def time_of_flight(depth_m: np.ndarray, albedo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the depth a time-of-flight camera would measure.

    `albedo` is (H, W, 3). Noise grows with depth and on dark things, pixels on edges mix what is before and
    behind, single ones are lost, and most of what is very dark, and all beyond 6 metres.
    """
    dark = np.maximum(albedo.mean(axis=2), 0.03)
    mixed = cv2.blur(depth_m, (3, 3))
    z = np.where(depth_edges(depth_m) & (rng.random(depth_m.shape) < 0.6), mixed, depth_m)
    z = z * (1 + TOF_SIGMA * rng.normal(size=z.shape) * np.minimum((0.3 / dark) ** 0.5, 3))
    lost = (rng.random(z.shape) < 0.02) | ((dark < 0.06) & (rng.random(z.shape) < 0.7))
    return np.where((depth_m > 0) & ~lost & (z > 0.25) & (z < 6), z, 0).astype(np.float32)


def monocular(depth_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return dense metric depth as a monocular network draws it: drifting scale, bleeding edges."""
    z = np.where(depth_m > 0, np.minimum(depth_m, SKY), SKY).astype(np.float32)
    # Outlines that wander: in some places near surfaces grow, in others they shrink, by up to three pixels.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    wander = smooth_noise(rng, z.shape, (24, 18))
    z = np.where(wander > 0.6, cv2.erode(z, kernel), np.where(wander < -1.0, cv2.dilate(z, kernel), z))
    # Networks regress a smooth disparity, so an edge becomes a ramp a few pixels wide.
    z = 1 / cv2.GaussianBlur(1 / z, (0, 0), rng.uniform(1.2, 2.2))
    drift = smooth_noise(rng, z.shape, (3, 2))
    drift *= rng.uniform(0.02, 0.05) / np.abs(drift).max()
    ripple = smooth_noise(rng, z.shape, (80, 60)) * 0.002
    return (z * (1 + drift + ripple)).astype(np.float32)


def inverse(depth_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W) uint16 relative inverse depth: larger is nearer, scale and shift unknown, bleeding edges."""
    disparity = 1 / monocular(depth_m, rng)
    shift = rng.uniform(0.02, 0.25) * disparity.max()
    scale = 65535 / ((disparity.max() + shift) * rng.uniform(1.05, 2.0))
    return np.rint((disparity + shift) * scale).astype(np.uint16)


def lidar(
    cast: Callable[[np.ndarray, np.ndarray], np.ndarray],
    intrinsics: np.ndarray,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return sparse depth: 64 scan lines of a spinning LiDAR above the camera, projected into the picture.

    `cast(origin, directions)` gives the distances along unit level directions. The camera must look level. Beams
    pass over things that hide their targets from the camera, so some returns lie on the wrong object, as in KITTI.
    """
    elevation = np.radians(np.linspace(2.0, -24.8, 64))[:, None]
    azimuth = np.radians(np.arange(-45, 45, 0.2))[None, :] + rng.uniform(0, 0.003)
    flat = np.cos(elevation)
    rays = np.stack(
        [flat * np.sin(azimuth), np.broadcast_to(-np.sin(elevation), np.broadcast(elevation, azimuth).shape),
         flat * np.cos(azimuth)], axis=-1,
    )  # fmt: skip
    distance = cast(LIDAR_MOUNT, rays)
    kept = np.isfinite(distance) & (distance < 80) & (rng.random(distance.shape) > 0.12)
    distance = distance[kept] + rng.normal(0, LIDAR_SIGMA, kept.sum())
    points = LIDAR_MOUNT + rays[kept] * distance[:, None]
    points = points[points[:, 2] > 1.0]
    u = np.rint(points[:, 0] / points[:, 2] * intrinsics[0, 0] + intrinsics[0, 2]).astype(int)
    v = np.rint(points[:, 1] / points[:, 2] * intrinsics[1, 1] + intrinsics[1, 2]).astype(int)
    inside = (u >= 0) & (u < shape[1]) & (v >= 0) & (v < shape[0])
    z = np.full(shape, np.inf, np.float32)
    np.minimum.at(z, (v[inside], u[inside]), points[inside, 2].astype(np.float32))
    return np.where(np.isfinite(z), z, 0).astype(np.float32)
