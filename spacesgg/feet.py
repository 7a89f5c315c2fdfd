"""Where the feet of a thing on legs stand: the lower edge of its silhouette tells, for thin legs lose their depth.

The ray of a foot's lowest pixel comes down to the ground where it stands. A foot that points to the camera is the
lowest of all; one that points away is seen between the others, but where these hide it.
"""

import numpy as np

from spacesgg import edge_rays
from spacesgg.frame import ENDLESS_M, Frame
from spacesgg.outlines import Outline
from spacesgg.surfaces import Surface

BELOW_PX = 5  # below the lower edge, as masks are drawn or grown, the ground is looked for
STRAY_COLUMNS = 2
BORDER_PX = 2  # so near to the picture's border a mask may be cut by it
LOWER_PX = 1  # by so much the lowest pixel of a foot may be below the mask,
HIGHER_PX = 3  # by so much above its lower edge, for masks are grown
NOTCH_PX = 6  # between two feet the lower edge rises by more
TIP_PX = 2  # a foot's end is round, and slanted


def reach(frame: Frame, surface: Surface, outline: Outline, seen: np.ndarray, three: bool) -> tuple[float, float]:
    """Return how near and how far, in levelled metres, feet on the ground can be.

    −infinity and infinity where the lower edge does not tell. From `seen[0]` to `seen[1]` metres away the thing is
    seen, and `three` says whether it has three feet: where all are seen none is hidden, and the far one is told.
    """
    rows, columns = (part[outline.sides[3]] * surface.step for part in outline[:2])
    rows, columns = rows + surface.window[0].start, columns + surface.window[1].start
    last = frame.depth.shape[0] - 1
    if frame.ground_height is None or rows.max() > last - BORDER_PX:
        return -np.inf, np.inf
    reached, _ = frame.sight_at(np.minimum(rows + BELOW_PX, last), columns)
    ends = _ends(rows)
    all_seen = three and len(ends) == 3
    hides = np.count_nonzero((reached > 0) & (reached < seen[1]))
    if (hides > STRAY_COLUMNS and not all_seen) or not all(_on_ground(reached[end]) for end in ends):
        return -np.inf, np.inf
    shifted = np.stack([rows + LOWER_PX, rows - HIGHER_PX])
    lowest, highest = edge_rays.away(frame, shifted, np.stack([columns] * 2), np.full(2, frame.ground_height))
    far = max(float(highest[end].min()) for end in ends) if all_seen else np.inf
    return min(float(lowest[end].min()) for end in ends), far


def _ends(rows: np.ndarray) -> list[np.ndarray]:
    """Return the numbers of the columns that show the ends of feet; `rows` (n,) are those of the lower edge."""
    edge, tip, notch, falls, tips = rows.tolist(), 0, 0, True, []
    for i, row in enumerate(edge):
        if falls and row >= edge[tip]:
            tip = i
        elif falls and row < edge[tip] - NOTCH_PX:
            tips.append(tip)
            notch, falls = i, False
        elif not falls and row <= edge[notch]:
            notch = i
        elif not falls and row > edge[notch] + NOTCH_PX:
            tip, falls = i, True
    if falls:
        tips.append(tip)
    count = np.arange(len(rows))
    return [np.flatnonzero((np.abs(count - tip) <= TIP_PX) & (rows >= edge[tip] - TIP_PX)) for tip in tips]


def _on_ground(reached: np.ndarray) -> bool:
    return np.count_nonzero(reached >= ENDLESS_M) * 2 > len(reached)
