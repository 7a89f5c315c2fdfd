"""Percentiles of many thousand depths, several times as fast as np.percentile."""

import numpy as np


def percentiles(values: np.ndarray, percents: tuple[float, ...]) -> list[float]:
    """Return percentiles of (n,) values, n ≥ 1, interpolated linearly between neighbours like np.percentile's.

    NumPy sorts float32 by vector instructions, while np.percentile partitions them without.
    """
    ordered = np.sort(values)
    found = []
    for percent in percents:
        position = percent / 100 * (len(ordered) - 1)
        below = int(position)
        low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
        found.append(low + (high - low) * (position - below))
    return found


def sample(values: np.ndarray, chosen: np.ndarray, most: int) -> np.ndarray:
    """Return (n,) of the `values` (h, w) where `chosen` (h, w) is true, all or every k-th, up to `most`.

    The pixels of one surface differ little from their neighbours, so that its percentiles stay the same.
    """
    index = sample_index(chosen, most)
    return values[np.unravel_index(index, chosen.shape)]


def sample_index(chosen: np.ndarray, most: int) -> np.ndarray:
    """Return (n,) flat indices of the pixels that `sample` takes."""
    index = np.flatnonzero(chosen)
    return index[:: max(1, -(-len(index) // most))]
