"""Parts of what an instance mask shows: how far their depths reach, and which of them is the object."""

import cv2
import numpy as np

from spacesgg.quantiles import percentiles, sample

# Neighbours (3×3) of one surface differ by less: 1 % on a floor at 4 m, 3 sigma of a Kinect at 5 m.
STEP = 0.045
GAP = 0.08  # parts of one object follow each other in depth more closely than this share of it
RIVAL_SHARE = 0.4  # of the largest surface: then the nearer of the two is the object
SPAN_PERCENTS = (5.0, 95.0)
SPAN_VALUES = 500  # tell the span of a part to far below STEP
KERNEL = np.ones((3, 3), np.uint8)


def without_steps(z: np.ndarray, step: float) -> np.ndarray:
    """Return (h, w) bool: where depth z (h, w), 0 = none, differs by less than a share `step` over 3×3 pixels."""
    farthest, nearest = extremes(z)
    return (z > 0) & (farthest <= nearest * np.float32(1 + step))


def extremes(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the farthest and the nearest depth around each pixel of z (h, w), 0 = none, itself included."""
    # A hole must not be the nearest; adding takes a third of the time of np.where.
    return cv2.dilate(z, KERNEL), cv2.erode(z + ~(z > 0) * np.float32(1e30), KERNEL)


def span_of(z: np.ndarray, part: np.ndarray) -> list[float]:
    """Return the [near, far] that most depths of a part, (h, w) bool, lie within."""
    return percentiles(sample(z, part, SPAN_VALUES), SPAN_PERCENTS)


def main_part(spans: dict[int, list[float]], weights: np.ndarray, share: float) -> int:
    """Return the largest part of the nearest group, in depth, that holds `share` of the largest group's weight.

    What is seen through a chair may be larger than the chair, but the chair is nearer.
    """
    groups: list[list[int]] = []
    end = 0.0
    for part in sorted(spans, key=lambda part: spans[part][0]):
        if not groups or spans[part][0] > end * (1 + GAP):
            groups.append([])
        groups[-1].append(part)
        end = max(end, spans[part][1])
    totals = [weights[group].sum() for group in groups]
    chosen = next(group for group, total in zip(groups, totals, strict=True) if total >= share * max(totals))
    return max(chosen, key=lambda part: float(weights[part]))


def main_cluster(z: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the pixels of the largest run of depths without a gap; of two alike, the nearer."""
    values = np.sort(z[seen])
    starts = np.flatnonzero(values[1:] > values[:-1] * (1 + GAP)) + 1
    runs = np.split(values, starts)
    # Spill is behind its object, so a nearer run half as large as the largest is the object.
    largest = max(len(run) for run in runs)
    run = next(run for run in runs if len(run) >= RIVAL_SHARE * largest)
    return seen & (z >= run[0]) & (z <= run[-1])
