"""What is seen of an object: its points, how far they and its silhouette reach, and their noise."""

from typing import NamedTuple

import cv2
import numpy as np

from spacesgg import completion, edge_rays, soft_depth
from spacesgg.frame import Frame
from spacesgg.outlines import Outline, find_outline
from spacesgg.quantiles import of_sorted, percentiles, sample_index
from spacesgg.surfaces import Surface

TAIL_PERCENT = 0.5  # of the smoothed points on each side: flying pixels that passed as surface
SOFT_FAR_PERCENT = 3.0  # of soft depth: ramps lead backwards, off the object
OVERSHOOT_SIGMAS = 1.5  # the tails of a few hundred noisy points lie 2 to 3 sigma outside
MAX_SMOOTH_PX = 5
NOISE_POINTS = 1000  # tell the noise to some percent
MAX_FOOT_M = 0.3  # a foot that comes nearer yet than what is seen is a wrong mask
MAX_ARC_M = 0.05  # a circle that leaves what is seen by more, but to the back, is no outline of a body
BEHIND_PERCENT = 95.0  # of what is seen around the object
RING_POINTS = 500
POINTS = 2500  # of an object tell its bounds to a tenth of the noise; larger ones are thinned to fewer than that


class Visible(NamedTuple):
    """An object as far as it is seen, in levelled metres."""

    box: np.ndarray  # (2, 3): its bounds, the back of what is round or rectangular included
    points: np.ndarray  # (3, N)
    top: float  # down from the camera
    middle: float  # away from the camera
    sigma: float  # the noise of its points, smoothed
    outline: Outline
    edge_depth: np.ndarray  # of the outline's pixels
    round_body: (
        tuple[np.ndarray, np.ndarray] | None
    )  # (low, high), (2,) each: x and z of the circle the points lie on
    behind: float  # how far away the surface is that is seen around it, infinity where nothing is


def measure(frame: Frame, surface: Surface) -> Visible:
    """Return what is seen of the object whose `surface` was found in the frame's depth."""
    depth = np.ascontiguousarray(frame.depth[surface.window])
    smoothed, sigma = _smoothed(depth, surface)
    directions = frame.window_directions(surface.window).reshape(3, -1)  # of the window's pixels, row by row
    index = sample_index(surface.pixels, POINTS)
    core = directions.take(index, axis=1)
    core *= smoothed.ravel().take(index)
    ordered = np.sort(core, axis=1)
    seen = np.array(
        [
            [of_sorted(row, TAIL_PERCENT) for row in ordered],
            [of_sorted(row, 100 - TAIL_PERCENT) for row in ordered],
        ]
    )
    if frame.soft:
        seen[1, 2] = of_sorted(ordered[2], 100 - SOFT_FAR_PERCENT)
    middle = of_sorted(ordered[2], 50)  # metres away
    # Noise moves the tails outwards, but leaves them in order.
    seen[:, 2] += np.array([1, -1]) * min(OVERSHOOT_SIGMAS * sigma, float(ordered[2, -1] - ordered[2, 0]) / 2)
    outline = find_outline(surface.silhouette)
    edge_depth = _spread(smoothed, surface.pixels, outline)
    edge = directions[:2].take(outline.rows * depth.shape[1] + outline.columns, axis=1) * edge_depth
    seen[:, :2] = np.minimum(seen[0, :2], edge.min(axis=1)), np.maximum(seen[1, :2], edge.max(axis=1))
    if frame.soft and np.ptp(seen[:, 2]) > 0:
        core = core[:, core[2] <= max(seen[1, 2], middle)]
    seen = _cover(seen, completion.rectangle(core))
    round_body = completion.circle(core)
    seen = _cover(seen, round_body, MAX_ARC_M)
    if frame.soft:
        seen[1, 2] += soft_depth.SOFT_RIM_PX / surface.step * _rise(smoothed, surface.pixels)
    seen[0, 2] = min(seen[0, 2], max(edge_rays.foot(frame, surface, outline), seen[0, 2] - MAX_FOOT_M))
    ring = sample_index(surface.around & (depth > 0), RING_POINTS)
    around = directions[2].take(ring) * depth.ravel().take(ring)
    around = around[around > seen[0, 2]]  # what is nearer hides the object
    behind = percentiles(around, (BEHIND_PERCENT,))[0] if len(around) else np.inf
    top = of_sorted(ordered[1], TAIL_PERCENT)
    return Visible(seen, core, top, middle, sigma, outline, edge_depth, round_body, behind)


def _cover(seen: np.ndarray, body: tuple[np.ndarray, np.ndarray] | None, most: float = np.inf) -> np.ndarray:
    """Return `seen` (2, 3) widened by the body's x and z; by at most `most` metres, but for the far side."""
    if body is None:
        return seen
    covered = seen.copy()
    covered[0, ::2] = np.maximum(np.minimum(seen[0, ::2], body[0]), seen[0, ::2] - most)
    covered[1, ::2] = np.minimum(np.maximum(seen[1, ::2], body[1]), seen[1, ::2] + (most, np.inf))
    return covered


def _rise(depth: np.ndarray, pixels: np.ndarray) -> float:
    """Return by how many metres per row upwards the surface recedes: the rim left out hides so much of a top."""
    pairs = pixels[:-1] & pixels[1:]
    return max(0.0, percentiles((depth[:-1] - depth[1:])[pairs], (50,))[0]) if pairs.any() else 0.0


def _smoothed(z: np.ndarray, surface: Surface) -> tuple[np.ndarray, float]:
    """Return z averaged over neighbours of the same object, and the noise in metres that this leaves.

    What it is outside the object's pixels means nothing.
    """
    if surface.sparse:
        return z, 0.0
    pixels = surface.pixels
    count = cv2.countNonZero(pixels.view(np.uint8))
    size = int(min(max(count**0.5 / 8, 1), MAX_SMOOTH_PX)) | 1
    some = slice(None, None, max(1, count // NOISE_POINTS))  # rows enough to tell the noise
    row, own = z[some], pixels[some]
    triple = own[:, :-2] & own[:, 1:-1] & own[:, 2:]
    curvature = (row[:, 1:-1] - (row[:, :-2] + row[:, 2:]) / 2)[triple]
    # The second difference of white noise has 1.5 times its variance; 1.4826 turns a median into a sigma.
    sigma = 1.4826 * percentiles(np.abs(curvature), (50,))[0] / 1.5**0.5 if len(curvature) else 0.0
    weight = pixels.astype(np.float32)
    total = cv2.boxFilter(z * weight, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    near = cv2.boxFilter(weight, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.divide(total, cv2.max(near, 1.0), out=total), sigma / size


def _spread(depth: np.ndarray, pixels: np.ndarray, outline: Outline) -> np.ndarray:
    """Return the (N,) depth of the nearest of `pixels` (h, w) at the outline's N pixels, from depth (h, w).

    Depth is missing or mixed along edges and on thin parts, and sparse everywhere; the mask is not.
    """
    edge = outline.rows * depth.shape[1] + outline.columns
    if not pixels.ravel().take(edge).all():
        _, labels = cv2.distanceTransformWithLabels(
            (~pixels).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_PIXEL
        )
        # OpenCV numbers the pixels row by row, from one on.
        edge = np.flatnonzero(pixels).take(labels.ravel().take(edge) - 1)
    return depth.ravel().take(edge)
