"""The noise of depth maps, told from the depth itself, and how far it moves the bounds of what is seen.

Sensors that match patterns, stereo cameras too, err evenly in inverse depth, and neighbouring pixels share a part
of the error: averaging them does not take it out. A plane has no second differences in inverse depth, so what
second differences there are is noise; between pixels too far apart to share it they tell all of it.
"""

import numpy as np

from spacesgg.quantiles import of_rows, percentiles

APART_PX = 6  # neighbours in a matching window share their noise; so far apart little of it
FEWEST = 50  # differences that tell a sigma to a fifth
PATCH_PX = 25  # of averaged pixels that share most of their noise
# How many sigmas the outermost of 1, 2, 4 … values of normal noise lies out on average; of more the percentiles
# are inside.
OUTERMOST_SIGMAS = (0.0, 0.56, 1.03, 1.42, 1.77, 2.07, 2.34, 2.5)
PERCENTS = (0.5, 25.0, 75.0, 99.5)
# Values spread evenly over so many sigmas, with noise: so many sigmas out lies the lowest half percent. Where the
# end of a surface faces the camera many points vie for it, where it is slanted a few.
SPREADS = (0.4, 1.7, 5.9, 16.7, 40.0, 80.0)
SPREAD_SIGMAS = (2.5, 2.0, 1.5, 1.0, 0.5, 0.0)
FLAT_QUARTER = 1.9  # sigmas from half a percent to a quarter of noise alone
QUARTER = 0.245  # of all, from half a percent on


def differences(values: np.ndarray, own: np.ndarray, apart: int = 1) -> np.ndarray:
    """Return the (n,) second differences along rows, over pixels `apart`, of values (h, w) where `own` (h, w)."""
    three = own[:, : -2 * apart] & own[:, apart:-apart] & own[:, 2 * apart :]
    return (values[:, apart:-apart] - (values[:, : -2 * apart] + values[:, 2 * apart :]) / 2)[three]


def sigma(second_differences: np.ndarray) -> float:
    """Return the standard deviation of the noise of values that have these (n,) second differences."""
    if not len(second_differences):
        return 0.0
    # The second difference of white noise has 1.5 times its variance; 1.4826 turns a median into a sigma.
    return 1.4826 * percentiles(np.abs(second_differences), (50,))[0] / 1.5**0.5


def shared_sigma(bends: np.ndarray) -> float:
    """Return the standard deviation of averaged inverse depth of (n,) second differences APART_PX apart.

    0 where they are too few to tell it.
    """
    return sigma(bends) if len(bends) >= FEWEST else 0.0


def overshoots(ordered: np.ndarray, sigmas: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return (n, 2) metres by which noise moves the nearest and the farthest of what is seen outwards.

    `ordered` (n, N) are the depths of n objects in ascending order, averaged over neighbours, `sigmas` (n,) metres
    what noise this leaves, and `pixels` (n,) how many there are.
    """
    nearest, near, far, farthest = (of_rows(ordered, percent) for percent in PERCENTS)
    quarters = np.stack([near - nearest, farthest - far], axis=1) / np.maximum(sigmas, 1e-9)[:, None]
    out = np.interp((quarters - FLAT_QUARTER) / QUARTER, SPREADS, SPREAD_SIGMAS)
    patches = 2.0 ** np.arange(len(OUTERMOST_SIGMAS))
    return np.minimum(out, np.interp(pixels / PATCH_PX, patches, OUTERMOST_SIGMAS)[:, None]) * sigmas[:, None]
