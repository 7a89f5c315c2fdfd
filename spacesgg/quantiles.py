"""Percentiles of many thousand depths, several times as fast as np.percentile."""

import numpy as np


def percentiles(values: np.ndarray, percents: tuple[float, ...]) -> list[float]:
    """Return percentiles of (n,) values, n ≥ 1, interpolated linearly between neighbours like np.percentile's.

    NumPy sorts float32 by vector instructions, while np.percentile partitions them without.
    """
    ordered = np.sort(values)
    return [of_sorted(ordered, percent) for percent in percents]


def of_sorted(ordered: np.ndarray, percent: float) -> float:
    """Return a percentile, as `percentiles` does, of (n,) values in ascending order."""
    last = len(ordered) - 1
    position = percent / 100 * last
    below = int(position)
    low = ordered.item(below)
    return low + (ordered.item(min(below + 1, last)) - low) * (position - below)


def sample(values: np.ndarray, chosen: np.ndarray, most: int) -> np.ndarray:
    """Return (n,) of the `values` (h, w) where `chosen` (h, w) is true, all or every k-th, up to `most`.

    The pixels of one surface differ little from their neighbours, so that its percentiles stay the same.
    """
    return values.ravel().take(sample_index(chosen, most))


def sample_index(chosen: np.ndarray, most: int) -> np.ndarray:
    """Return (n,) flat indices of the pixels that `sample` takes."""
    index = chosen.ravel().nonzero()[0]
    return index[:: max(1, -(-len(index) // most))]
