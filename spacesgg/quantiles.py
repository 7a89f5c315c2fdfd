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
