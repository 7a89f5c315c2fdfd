"""Whether all sides of a rectangular top that lead out of sight are seen somewhere: then it is no larger.

Of a table whose corner is behind a chair both sides that meet there are seen to go by it, and the one tells where
the other ends. A side is seen where the silhouette ends in front of what is farther away.
"""

import numpy as np

AROUND = (0, 1, 3, 2)  # corners, of which the first and the last face each other
ASIDE = 0.2  # of the length of a side's normal: others do not move when a thing is longer to that side
OFF_M, OFF = 0.03, 0.008  # metres, and of the distance, that what is seen of a side may be off it
MIN_SEEN = 3  # pixels of the outline: fewer may be strays
MIN_SHARE = 0.2  # of the side, that they span
MIN_SIDE_M = 0.3  # of smaller rectangles noise and masks tell the heading


def ends(corners: np.ndarray, free: np.ndarray, side: int) -> bool:
    """Return whether the rectangle with these `corners` (4, 2), x and z in metres, ends to the left (−1) or right.

    `free` (2, m) are x and z of the outline's pixels beside which farther things are seen.
    """
    if not np.isfinite(corners).all():
        return False
    around = corners[list(AROUND)]
    steps = np.roll(around, -1, axis=0) - around
    lengths = np.hypot(*steps.T)
    if lengths.min() < MIN_SIDE_M:
        return False
    normals = np.column_stack([steps[:, 1], -steps[:, 0]]) / lengths[:, None]
    normals *= np.sign(((around - corners.mean(axis=0)) * normals).sum(axis=1))[:, None]
    for corner, step, length, normal in zip(around, steps, lengths, normals, strict=True):
        if normal[0] * side < ASIDE:
            continue
        local = free - corner[:, None]
        along, off = step @ local / length, np.abs(normal @ local)
        near = OFF_M + OFF * free[1]
        # Next to a corner what is seen may be of the other side.
        on = along[(off < near) & (along > 2 * near) & (along < length - 2 * near)]
        if len(on) < MIN_SEEN or np.ptp(on) < MIN_SHARE * length:
            return False
    return True
