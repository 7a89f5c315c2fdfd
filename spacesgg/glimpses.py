"""Things that returned hardly any depth, but some: a ball whose middle is lost, a bin between two chairs.

The few pixels left lie at the rim of a hole, where depth flies and masks spill. What flies is at all depths
between two surfaces, what spills goes on beside the mask; so pixels of one depth, which nothing beside the mask
has, are the object's. They tell how far away a part of it is, not how far it reaches.
"""

import numpy as np

from spacesgg.spill import beside

MIN_PIXELS = 8  # of one depth: fewer may fly there by chance
SPREAD = 0.05  # of the depth, from the nearest to the farthest of them: 3 sigma of a Kinect at 5 m to each side
MOST = 0.5  # of the pixels that may be the object's


def find(z: np.ndarray, inside: np.ndarray, spill: np.ndarray) -> np.ndarray:
    """Return the (h, w) bool pixels of the mask that are of one depth and not its surroundings'; perhaps none.

    `z` (h, w) is the depth, 0 = none, in any unit, `inside` (h, w) bool the mask, `spill` (h, w) bool what a
    surface outside it reaches (spill.py).
    """
    found = np.zeros_like(inside)
    index = (inside & (z > 0) & ~spill).ravel().nonzero()[0]
    index = index[~beside(z, inside, index)] if len(index) else index
    if len(index) < MIN_PIXELS:
        return found
    own = z.ravel().take(index)
    values = np.sort(own)
    ends = np.searchsorted(values, values * np.float32(1 + SPREAD), "right")
    lengths = ends - np.arange(len(values))
    first = int(lengths.argmax())
    if lengths[first] >= max(MIN_PIXELS, MOST * len(values)):
        found.ravel()[index] = (own >= values[first]) & (own <= values[ends[first] - 1])
    return found
