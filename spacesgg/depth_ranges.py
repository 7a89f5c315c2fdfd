"""The depth range of one object, from the depth under its mask."""

import numpy as np

from spacesgg.quantiles import percentiles, sample
from spacesgg.surfaces import Surface, find_surface

TAIL_PERCENT = 2.0  # flying pixels and noise
VALUES = 1000  # tell the ends of an object to far below what the noise moves them by


def surface_range(depth: np.ndarray, surface: Surface) -> list[float]:
    """Return [near, far] of the depth (H, W) under an object's surface, in the units of the depth."""
    values = sample(np.ascontiguousarray(depth[surface.window]), surface.pixels, VALUES)
    return percentiles(values, (TAIL_PERCENT, 100 - TAIL_PERCENT))


def depth_range(
    depth: np.ndarray, mask: np.ndarray, soft: bool = False, claims: np.ndarray | None = None
) -> list[float] | None:
    """Return [near, far] in the units of `depth` (H, W), larger = farther, 0 = none, under `mask` (H, W) bool.

    `soft` says that the depth crosses edges in ramps (depth_edges.py), `claims` (H, W) uint8 how many masks claim
    each pixel (overlaps.py). None when too few pixels under the mask have depth. Spill, bleeding rims and strays
    are left out.
    """
    surface = find_surface(depth, mask, soft, claims)
    return None if surface is None else surface_range(depth, surface)
