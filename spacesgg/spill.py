"""Where a mask spills on what goes on outside it.

A grown mask covers a ring of background. At the object's sides a step parts the ring from the object, but at its
foot the ring leads over the floor, or the wall it hangs on, to the object without one. Followed inwards from
outside the mask, by as many pixels as a mask may have grown, the ring is reached and the object is not.
"""

import numpy as np

LINK = 0.03  # depths of two neighbouring pixels of one surface differ by less than this share
MAX_RIM_PX = 8  # masks drawn by hand or by networks err by no more
RIM_FRACTION = 0.12  # of the square root of the mask's area: small masks are not drawn so badly


def find_spill(z: np.ndarray, inside: np.ndarray, area: int) -> np.ndarray:
    """Return the (h, w) bool pixels of the mask `inside` (h, w) that a surface outside it reaches without a step.

    `z` (h, w) is the depth, 0 = none, in any unit; `area` the mask's pixels.
    """
    across = np.abs(z[:, 1:] - z[:, :-1]) <= np.float32(LINK) * np.minimum(z[:, 1:], z[:, :-1])
    along = np.abs(z[1:] - z[:-1]) <= np.float32(LINK) * np.minimum(z[1:], z[:-1])
    reached = ~inside & (z > 0)
    for _ in range(min(MAX_RIM_PX, round(RIM_FRACTION * area**0.5))):
        grown = reached.copy()
        grown[:, 1:] |= reached[:, :-1] & across
        grown[:, :-1] |= reached[:, 1:] & across
        grown[1:] |= reached[:-1] & along
        grown[:-1] |= reached[1:] & along
        reached = grown
    return reached & inside & (z > 0)
