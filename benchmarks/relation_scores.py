"""Stated relations and layers against the true 3D extents: pure functions behind benchmarks/accuracy.py."""

import itertools
from typing import NamedTuple

LAYER_GAP = 0.5  # metres
TOLERANCE = 0.02  # metres of overlap that the lenient precision forgives
AXES = ("left", "up", "front")
# For left, up, front of each view: the level frame's axis and the direction in which a viewer there counts it as
# growing (to the right, downwards, away), written out from FORMATS.md §2 and on purpose not taken from the code
# under test.
VIEWS = {
    "front": ((0, 1), (1, 1), (2, 1)),
    "left": ((2, -1), (1, 1), (0, 1)),
    "right": ((2, 1), (1, 1), (0, -1)),
    "back": ((0, -1), (1, 1), (2, -1)),
}

Extents = dict[str, list[list[float]]]  # object key → [[min x, y, z], [max x, y, z]], metres, level frame


class Relation(NamedTuple):
    """One pair on one axis of one view: what is true and what was stated."""

    a: str
    b: str
    view: str
    axis: str
    gap: float  # metres between the two extents, negative where they overlap
    sign: int  # −1 or +1, the side on which A lies if they are apart
    stated: int  # −1, 0 or +1

    def holds(self, tolerance: float = 0.0) -> bool:
        """Return whether what was stated is true, forgiving an overlap of `tolerance` metres."""
        return self.stated == self.sign and self.gap >= -tolerance


class Split(NamedTuple):
    """One pair that is clear in depth: whether the layers part it rightly."""

    nearer: str
    farther: str
    gap: float
    right: bool


def interval(extent: list[list[float]], axis: int, direction: int) -> tuple[float, float]:
    """Return the extent's (low, high) along an axis of the level frame, counted in `direction`."""
    ends = sorted(direction * corner[axis] for corner in extent)
    return ends[0], ends[1]


def separation(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, int]:
    """Return (gap, sign) of two intervals: −1 where A comes first; a negative gap is an overlap."""
    before, after = b[0] - a[1], a[0] - b[1]
    return (before, -1) if before > after else (after, 1)


def relations(order_list: dict[str, list[int]], extents: Extents, view: str) -> list[Relation]:
    """Return every pair of the truth on every axis with what `order_list` says of it, 0 where nothing."""
    said: dict[tuple[str, str], list[int]] = {}
    for pair, signs in order_list.items():
        a, b = pair.split(">")
        if (a, b) in said:
            raise ValueError(f"order_list of the view {view} has the pair {pair} twice")
        said[a, b], said[b, a] = signs, [-sign for sign in signs]
    found = []
    for a, b in itertools.combinations(extents, 2):
        signs = said.get((a, b), (0, 0, 0))
        for name, (axis, direction), stated in zip(AXES, VIEWS[view], signs, strict=True):
            gap, sign = separation(interval(extents[a], axis, direction), interval(extents[b], axis, direction))
            found.append(Relation(a, b, view, name, gap, sign, stated))
    return found


def splits(levels: list[list[str]], depths: dict[str, tuple[float, float]]) -> list[Split]:
    """Return the pairs more than LAYER_GAP apart, from key → true (near, far), and whether `levels` part them."""
    layers_of: dict[str, list[int]] = {}
    for number, layer in enumerate(levels):
        for key in layer:
            layers_of.setdefault(key, []).append(number)
    found = []
    for a, b in itertools.combinations(depths, 2):
        gap, sign = separation(depths[a], depths[b])
        if gap > LAYER_GAP:
            nearer, farther = (a, b) if sign < 0 else (b, a)
            known = nearer in layers_of and farther in layers_of
            right = known and max(layers_of[nearer]) < min(layers_of[farther])
            found.append(Split(nearer, farther, gap, right))
    return found


class Counts(NamedTuple):
    """How many pairs of a list are what."""

    clear: int  # apart by more than the clear gap
    right: int  # clear and stated with the right sign
    stated: int
    true: int  # stated and true
    nearly: int  # stated and true when an overlap of TOLERANCE is forgiven


def count(found: list[Relation], clear_gap: float) -> Counts:
    """Return the counts behind recall (right / clear) and precision (true / stated)."""
    clear = [r for r in found if r.gap > clear_gap]
    stated = [r for r in found if r.stated]
    return Counts(
        len(clear),
        sum(r.stated == r.sign for r in clear),
        len(stated),
        sum(r.holds() for r in stated),
        sum(r.holds(TOLERANCE) for r in stated),
    )
