"""Depth averaged over neighbours of the same object, and the white noise that this lowers.

White noise is even in inverse depth, as shared noise is: what is small learns it from all that a frame shows.
"""

import cv2
import numpy as np

from spacesgg import noise
from spacesgg.quantiles import percentiles
from spacesgg.surfaces import Surface

MAX_SIZE_PX = 5
SIDES = 8  # a square object is so many times as wide as what is averaged
# What is smaller is averaged all the same where its noise is worse than that, ...
NOISY_M, NOISY_SIZE_PX = 0.0025, 3
# ... but not along an axis where it recedes by so many sigmas from pixel to pixel: averages move ends inwards by
# half a pixel.
STEEP = 0.5
NOISE_POINTS = 1000  # tell the noise to some percent
OWN_BENDS = 100  # second differences tell an object's own noise, also in steps of the sensor; fewer do not


def white_sigmas(depths: list[np.ndarray], surfaces: list[Surface]) -> list[float]:
    """Return the standard deviation in metres of the noise that pixels of n objects do not share.

    `depths` are the (h, w) depths of the surfaces' windows, in metres; 0 for sparse ones.
    """
    bends = [_bends(*one) for one in zip(depths, surfaces, strict=True)]
    few = [len(own) < OWN_BENDS and not surface.sparse for own, surface in zip(bends, surfaces, strict=True)]
    sigmas = [0.0 if less else noise.sigma(own) for own, less in zip(bends, few, strict=True)]
    if any(few):
        pairs = zip(depths, surfaces, strict=True)
        squares = [cv2.mean(z, surface.pixels.view(np.uint8))[0] ** 2 for z, surface in pairs]
        of_all = noise.sigma(np.concatenate([own / square for own, square in zip(bends, squares, strict=True)]))
        sigmas = [of_all * square if less else own for own, square, less in zip(sigmas, squares, few, strict=True)]
    return sigmas


def smooth(z: np.ndarray, surface: Surface, sigma: float) -> tuple[np.ndarray, float, np.ndarray]:
    """Return z (h, w) averaged over neighbours of the same object, and the noise in metres that this leaves.

    `sigma` is that of z. Third the (n,) second differences of its inverse, which tell the noise that the
    neighbours shared. What z is outside the object's pixels means nothing.
    """
    if surface.sparse:
        return z, 0.0, np.zeros(0)
    pixels = surface.pixels
    count = cv2.countNonZero(pixels.view(np.uint8))
    size = int(min(max(count**0.5 / SIDES, 1), MAX_SIZE_PX)) | 1
    sizes = (size, size)
    if size < NOISY_SIZE_PX and sigma > NOISY_M:
        sizes = tuple(NOISY_SIZE_PX if slope < STEEP * sigma else size for slope in _slopes(z, pixels))
    weight = pixels.astype(np.float32)
    total = cv2.boxFilter(z * weight, -1, sizes, normalize=False, borderType=cv2.BORDER_CONSTANT)
    near = cv2.boxFilter(weight, -1, sizes, normalize=False, borderType=cv2.BORDER_CONSTANT)
    smoothed = np.divide(total, cv2.max(near, 1.0), out=total)
    some = _rows(count)
    own = pixels[some]
    inverse = np.divide(1, smoothed[some], out=np.zeros(own.shape, np.float32), where=own)
    return smoothed, sigma / (sizes[0] * sizes[1]) ** 0.5, noise.differences(inverse, own, noise.APART_PX)


def _slopes(z: np.ndarray, pixels: np.ndarray) -> tuple[float, float]:
    """Return by how many metres z (h, w) changes from one of the pixels to the next in its row, and its column."""
    pairs = ((np.diff(z), pixels[:, 1:] & pixels[:, :-1]), (np.diff(z, axis=0), pixels[1:] & pixels[:-1]))
    return tuple(abs(percentiles(step[both], (50,))[0]) if both.any() else 0.0 for step, both in pairs)


def _bends(z: np.ndarray, surface: Surface) -> np.ndarray:
    """Return the (n,) second differences of an object's depth z (h, w), none of a sparse one."""
    if surface.sparse:
        return np.zeros(0)
    some = _rows(cv2.countNonZero(surface.pixels.view(np.uint8)))
    return noise.differences(z[some], surface.pixels[some])


def _rows(count: int) -> slice:
    """Return rows enough to tell the noise of an object of `count` pixels."""
    return slice(None, None, max(1, count // NOISE_POINTS))
