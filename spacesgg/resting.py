"""Whether an object rests on a level surface that is seen at a grazing angle.

Of a table's top that is a little lower than the camera sensors return single pixels, and the first depth below a
cup may be that of the table's front edge, which looks like something that hides the cup's foot. But beside the
foot the top goes on: what is seen there lies in the foot's own level plane.
"""

import numpy as np

from spacesgg.frame import Frame
from spacesgg.outlines import Edges
from spacesgg.quantiles import percentiles

GROWTH_PX = 2  # the foot is so far above a grown mask's lower edge
GAP_PX = 6  # beside the mask: neither it nor the depth is reliable at its edge
BESIDE_PX = 16
ABOVE_PX, BELOW_PX = 3, 4  # rows: of what is upright the depth is the same in all of them
FOOT_SHARE = 0.1  # of the mask's height: its lowest part is the foot
MIN_FALL = 0.02  # metres down per metre of depth
MIN_SEEN = 12  # pixels
MAX_OFF = 0.03  # of the distance: how far that plane may be from the foot
MAX_SPREAD = 0.025  # of the distance, half of what the middle two thirds of the pixels span
SPREAD_PERCENTS = (16.0, 50.0, 84.0)


def rests_on_level(frame: Frame, edges: Edges) -> bool:
    """Return whether the object of these (1, 4, m) edges rests on a level surface that is seen beside its foot."""
    rows, columns, depth = (part[0] for part in edges)
    lowest = int(rows.max())
    low = rows >= lowest - max(2, FOOT_SHARE * (lowest - int(rows.min())))
    left, right, foot = int(columns[low].min()), int(columns[low].max()), lowest - GROWTH_PX
    height, width = frame.depth.shape
    aside = np.arange(GAP_PX, GAP_PX + BESIDE_PX)
    aside = np.concatenate([left - aside, right + aside])
    aside = aside[(aside >= 0) & (aside < width)]
    around = np.arange(max(foot - ABOVE_PX, 0), min(foot + BELOW_PX + 1, height))[:, None]
    away = percentiles(depth[low], (50,))[0]
    down = away * (frame.along[1, foot] + frame.across[1, (left + right) // 2])
    seen, fall = frame.depth[around, aside], frame.along[1, around] + frame.across[1, aside]
    seen, fall = seen[seen > 0], fall[seen > 0]
    if len(seen) < MIN_SEEN or down < MIN_FALL * away:
        return False
    low_end, middle, high_end = percentiles(seen * fall / down, SPREAD_PERCENTS)
    return abs(middle - 1) < MAX_OFF and high_end - low_end < 2 * MAX_SPREAD
