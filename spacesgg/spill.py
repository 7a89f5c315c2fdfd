"""Where a mask spills on what goes on outside it.

A grown mask covers a ring of background. At the object's sides a step parts the ring from the object, but at its
foot the ring leads over the floor, or the wall it hangs on, to the object without one. Followed inwards from
outside the mask, by as many pixels as a mask may have grown, the ring is reached and the object is not.
"""

import cv2
import numpy as np

LINK = 0.03  # depths of two neighbouring pixels of one surface differ by less than this share
MAX_RIM_PX = 8  # masks drawn by hand or by networks err by no more
NEXT = np.ones((3, 3), np.uint8)
AWAY_PX = 2  # from the mask: what goes on so far away goes on
RIM_FRACTION = 0.12  # of the square root of the mask's area: small masks are not drawn so badly
BESIDE_SHARE = 0.7  # of a part's pixels
BESIDE_PIXELS = 20  # tell that share


def find_spill(z: np.ndarray, inside: np.ndarray, step: int = 1, others: np.ndarray | None = None) -> np.ndarray:
    """Return the (h, w) bool pixels of the mask `inside` (h, w) that a surface outside it reaches without a step.

    `z` (h, w) is the depth, 0 = none, in any unit; its pixels are `step` pixels of the image apart. The pixels
    `others` (h, w) bool show no such surface. One that ends next to the mask is none either: masks are drawn too
    small as well, and noise shifts the edges of depth.
    """
    width, seen = z.shape[1], z > 0
    across, along = _linked(z, 1), _linked(z, width)
    across[width - 1 :: width] = False  # the last pixel of a row and the first of the next are no neighbours
    away = seen & ~cv2.dilate(inside.view(np.uint8), NEXT, iterations=AWAY_PX).view(bool)
    # In gaps so narrow that nothing is away from the mask all is background.
    judged = cv2.dilate(away.view(np.uint8), NEXT, iterations=AWAY_PX).view(bool)
    outside = ~inside if others is None else ~(inside | others)
    reached = (seen & outside & (away | ~judged)).ravel()
    outside = outside.ravel()
    for _ in range(AWAY_PX + 1):
        reached = _spread(reached, across, along, width) & outside
    for _ in range(round(min(MAX_RIM_PX / step, RIM_FRACTION * np.count_nonzero(inside) ** 0.5))):
        reached = _spread(reached, across, along, width)
    return reached.reshape(z.shape) & inside & seen


def _spread(reached: np.ndarray, across: np.ndarray, along: np.ndarray, width: int) -> np.ndarray:
    """Return (h·w,) bool: the pixels reached, and their neighbours linked `across` rows and `along` columns."""
    grown = reached.copy()
    for links, step in ((across, 1), (along, width)):
        grown[step:] |= reached[:-step] & links
        grown[:-step] |= reached[step:] & links
    return grown


def changes_one_way(z: np.ndarray, index: np.ndarray, step: float) -> np.ndarray:
    """Return (n,) bool: whether the depth z (h, w) of pixels (n,), flat, stays along the row or along the column.

    So it does on level surfaces, which recede up the picture, and on upright ones; at an edge pixels fly both
    ways. None of the pixels lies at the border; neighbours without depth, 0, tell nothing.
    """
    own, width = z.ravel().take(index), z.shape[1]
    beside = z.ravel().take(index + np.array([[-1], [1], [-width], [width]]))
    stays = (np.abs(beside - own) <= np.float32(step) * own) | (beside <= 0)
    return (stays[0] & stays[1]) | (stays[2] & stays[3])


def goes_on_beside(z: np.ndarray, inside: np.ndarray, part: np.ndarray) -> bool:
    """Return whether most of a part (h, w) bool of the mask is as far away as what is seen `beside` it."""
    index = part.ravel().nonzero()[0]
    index = index[:: -(-len(index) // BESIDE_PIXELS)]
    return np.count_nonzero(beside(z, inside, index)) >= BESIDE_SHARE * len(index)


def beside(z: np.ndarray, inside: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return (n,) bool: whether pixels (n,), flat, are as far away as what is next to the mask in their row.

    The floor behind a chair shows in the ring of its mask, and between two legs that this ring makes one. There it
    is too small, or too noisy, to be followed outside; but along a row floors and walls hardly change their depth.
    """
    width = z.shape[1]
    rows, columns = np.divmod(index, width)
    outside = z.take(rows, axis=0) * ~inside.take(rows, axis=0)
    away = np.abs(np.arange(width) - columns[:, None]) + (outside <= 0) * width
    next_to = outside[np.arange(len(rows)), away.argmin(axis=1)]
    own = z.ravel().take(index)
    return np.abs(next_to - own) < np.float32(LINK) * own


def _linked(z: np.ndarray, step: int) -> np.ndarray:
    """Return (h·w − step,) bool: whether a pixel and the one `step` further, row by row, are of one surface.

    Flat, because NumPy works on one long row several times as fast as on many short ones.
    """
    before, after = z.ravel()[:-step], z.ravel()[step:]
    return np.maximum(before, after) <= np.float32(1 + LINK) * np.minimum(before, after)
