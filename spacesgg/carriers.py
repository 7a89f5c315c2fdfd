"""What the objects around one without depth tell of it: what is seen below it carries it, or hides its foot.

What neither hangs nor flies is not seen in front of a thing that it does not touch: below its lower edge whatever
carries it would show instead. So it is not before the nearest of what does show there, but for what it juts out.
Nothing else may hold it: a hand that is nearer does, a table's leg does not.
"""

from typing import NamedTuple

import numpy as np

from spacesgg import footing, label_kinds, size_priors
from spacesgg.extents import Extent
from spacesgg.footing import Footing, View
from spacesgg.frame import Frame
from spacesgg.quantiles import percentiles

BELOW_PX = 3  # the lower edge: so far masks may be apart
CARRIED = 0.8  # of the lower edge
SOME = 0.05  # of it: what is below less of it need not hide it
BESIDE = 0.2  # of it at most is what only stands beside the object
LIFT_PX = 3  # what is not so far above the lowest pixel is below the object


class Thing(NamedTuple):
    """An object of the frame."""

    mask: np.ndarray  # (H, W) bool
    label: str
    extent: Extent | None = None  # None where it has no depth


def find_support(frame: Frame, view: View, others: list[Thing], harmless: np.ndarray) -> Footing | None:
    """Return where the foot is of an object that must rest on something, None where nothing tells.

    It is on the `others`, or behind them. What is nearer and next to it may hold it, but for the `harmless` (h, w)
    bool pixels. Where the vertical is not known, nothing is known to be below.
    """
    if frame.ground_height is None or footing.is_cut(frame, view):
        return None
    ring = view.ring()
    touching = [thing for thing in others if (thing.mask[view.window] & ring).any()]
    under = _under(view)
    shown = np.array([thing.mask[view.window][under] for thing in touching])
    if not touching or any(thing.extent is None for thing in touching) or shown.any(axis=0).mean() < CARRIED:
        return None
    away = view.away[under]
    near = percentiles(away[away > 0], (footing.NEAR_PERCENT,))[0] if (away > 0).any() else np.inf
    for thing, part in zip(touching, shown.mean(axis=1), strict=True):
        near = min(near, float(thing.extent.box[0, 2]) if part > SOME else np.inf)
    below = np.zeros_like(ring)
    below[max(int(view.outline.rows.max()) - LIFT_PX, 0) :] = True
    if near <= 0 or footing.is_beside_nearer(view, near, below | harmless):
        return None
    return Footing(near, np.inf, np.inf, footing.is_beside_nearer(view, near, below))


def holding_nothing(view: View, label: str, others: list[Thing]) -> np.ndarray:
    """Return the (h, w) bool pixels where what is seen next to an object called `label` does not hold it."""
    found = np.zeros_like(view.inside)
    if label_kinds.is_furniture(label) and not size_priors.longest(label):
        return found  # how much of it may be hidden there?
    if label_kinds.is_heavy(label):
        return ~found
    if label_kinds.rests(label):
        under = _under(view)
        for thing in others:
            own = thing.mask[view.window]
            if label_kinds.holds_nothing(thing.label) and own[under].mean() <= BESIDE:
                found |= own
    return found


def _under(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns (n,) of the view's pixels just below the object's lower edge."""
    lower = view.outline.sides[3]
    rows, columns = view.outline.rows[lower], view.outline.columns[lower]
    return np.minimum(rows + BELOW_PX, view.inside.shape[0] - 1), columns
