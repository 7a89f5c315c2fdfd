"""How deep things of a kind are as a rule, for bodies of which only one face is seen.

A car from behind shows 1.8 m of width and nothing of its 4 m of length; a relation that treats it as a board
would be wrong. The sizes are those of common specimens: a larger one reaches a little farther than it is taken to,
and for a smaller one some relations are not stated.
"""

from math import inf
from typing import NamedTuple

from spacesgg.label_kinds import ROUND, has_back, is_flat, stands_on_ground, words_of


class Footprint(NamedTuple):
    """Metres: the longer and the shorter side of a common specimen, seen from above."""

    length: float
    width: float


FLAT_M = 0.05
# What is thin in one direction, whichever: it shows its cover where it is both wide and high.
SLABS = frozenset(("book", "magazine", "notebook", "tablet", "tray"))
SLAB_SIDE_M, SLAB_M = 0.15, 0.08
WIDEST = dict.fromkeys(("television", "tv"), 1.3)  # of which less is seen as a rule, for theirs is a wide range
SOFAS = frozenset(("sofa", "couch", "loveseat"))
CUPBOARDS = frozenset(
    (
        "wardrobe",
        "closet",
        "cabinet",
        "dresser",
        "drawer",
        "drawers",
        "sideboard",
        "cupboard",
        "bookshelf",
        "bookcase",
    )
)
FRONTED = SOFAS | CUPBOARDS  # whose fronts are longer than they are deep
FOOTPRINTS = {
    **dict.fromkeys(("car", "taxi", "suv", "sedan"), Footprint(4.2, 1.7)),
    **dict.fromkeys(("van", "minivan", "jeep"), Footprint(4.4, 1.7)),
    **dict.fromkeys(("truck", "lorry", "ambulance"), Footprint(5.5, 2.0)),
    **dict.fromkeys(("bus", "coach", "tram"), Footprint(9.0, 2.4)),
    "train": Footprint(15.0, 2.6),
    **dict.fromkeys(("bicycle", "bike"), Footprint(1.6, 0.4)),
    **dict.fromkeys(("motorcycle", "motorbike", "scooter"), Footprint(1.8, 0.6)),
    **dict.fromkeys(("person", "man", "woman", "pedestrian"), Footprint(0.55, 0.45)),
    **dict.fromkeys(("boy", "girl", "child"), Footprint(0.3, 0.2)),
    "boat": Footprint(3.0, 1.2),
    **dict.fromkeys(("cow", "horse", "elephant", "zebra", "giraffe"), Footprint(1.8, 0.5)),
    **dict.fromkeys(SOFAS, Footprint(1.7, 0.9)),
    "bed": Footprint(2.3, 0.95),
    "armchair": Footprint(0.85, 0.8),
    "chair": Footprint(0.55, 0.5),
    "bench": Footprint(1.2, 0.4),
    **dict.fromkeys(("table", "desk"), Footprint(1.1, 0.7)),
    **dict.fromkeys(("wardrobe", "closet"), Footprint(0.95, 0.6)),
    **dict.fromkeys(("cabinet", "dresser", "drawer", "drawers", "sideboard", "cupboard"), Footprint(0.7, 0.5)),
    **dict.fromkeys(("bookshelf", "bookcase"), Footprint(0.7, 0.35)),
    **dict.fromkeys(("refrigerator", "fridge", "oven", "stove", "dishwasher", "washer"), Footprint(0.65, 0.65)),
    **dict.fromkeys(("toilet", "sink"), Footprint(0.55, 0.4)),
    **dict.fromkeys(("monitor", "television", "tv", "screen"), Footprint(0.4, 0.15)),  # on a foot
    "laptop": Footprint(0.35, 0.3),
    "bathtub": Footprint(1.7, 0.8),
}
# Of any other thing, from the width it shows.
DEPTH_OF_WIDTH = 0.8
MAX_BODY_M = 0.6
LARGE = 1.3  # times the common length
# No specimen is longer in any direction, or, of seats, wider.
LARGEST_M = {
    **dict.fromkeys(("cup", "mug", "teacup", "apple", "orange", "lemon", "pear", "peach", "donut"), 0.2),
    **dict.fromkeys(("glass", "wineglass"), 0.35),
    **dict.fromkeys(("bottle", "bowl", "plate", "book"), 0.45),
    "laptop": 0.5,
}
WIDEST_SEATS_M = {**dict.fromkeys(SOFAS, 2.6), "armchair": 1.3, "chair": 0.85}
# Metres: how high common specimens of what stands on the ground are at most.
TALLEST_M = {
    **dict.fromkeys(("table", "desk", "stool"), 0.8),
    **dict.fromkeys(("chair", "armchair", "sofa", "couch", "loveseat"), 1.0),
    **dict.fromkeys(("bookshelf", "bookcase", "wardrobe", "closet", "refrigerator", "fridge"), 2.0),
    **dict.fromkeys(("person", "man", "woman", "pedestrian"), 1.8),
    **dict.fromkeys(("tripod", "easel"), 1.5),
    "rack": 1.8,
}
FLOOR_LAMP_M = 1.7
# Of large and long specimens, for things of which not even a front has depth.
MOST_OF_WIDTH = 2.5  # a book or a desk seen end-on
MOST_OF_ROUND = 1.5  # leaves and arms do not stand out alike on all sides
MOST_OF_KIND = 1.5  # a bus, a long desk
FRONT_SHARE = 0.95  # less than so much of the length is seen: then it is the short side


def least_depth(label: str, width: float, height: float = 0.0) -> float:
    """Return metres that a thing called `label` goes back from its front at least.

    It shows `width` metres, and `height` metres, 0 where that is not known.
    """
    words = words_of(label)
    if not SLABS.isdisjoint(words[-1:]) and min(width, height) > SLAB_SIDE_M:
        return SLAB_M
    if "round" in words:
        return width
    if is_flat(label):
        return FLAT_M
    for word in reversed(words):
        if word in ROUND:
            return width
        if word in FOOTPRINTS:
            length, short = FOOTPRINTS[word]
            return length if width < FRONT_SHARE * length else short
    return min(DEPTH_OF_WIDTH * width, MAX_BODY_M)


def depth_behind(label: str, side: float, height: float = 0.0, whole: bool = True) -> float:
    """Return metres that a thing called `label` goes back, at least, from an upright side of `side` metres.

    The side of a sofa or a cupboard that is longer than these are deep, and seen `whole`, is its front or back.
    """
    for word in words_of(label)[-1:]:
        if word in FRONTED and side > LARGE * FOOTPRINTS[word].width and (whole or word in SOFAS):
            return FOOTPRINTS[word].width
    return least_depth(label, side, height)


def most_depth(label: str, width: float) -> float:
    """Return metres that a thing called `label` which shows `width` metres goes back from its front at most."""
    least, long = least_depth(label, width), longest(label)
    if least == width:
        return MOST_OF_ROUND * width
    most = MOST_OF_WIDTH * width
    return max(MOST_OF_KIND * least, min(most, MOST_OF_KIND * long) if long else most)


def longest(label: str) -> float:
    """Return metres that a thing called `label` may be wide where it is hidden, 0 where nothing is known."""
    for word in reversed(words_of(label)):
        if word in WIDEST:
            return WIDEST[word]
        if word in FOOTPRINTS:
            return LARGE * FOOTPRINTS[word].length
    return 0.0


def tallest(label: str) -> float:
    """Return metres that a thing called `label` may be high where its top is hidden, 0 where nothing is known."""
    words = words_of(label)
    if words[-1:] == ("lamp",) and stands_on_ground(label):
        return FLOOR_LAMP_M
    return max((TALLEST_M.get(word, 0.0) for word in words[-1:]), default=0.0)


def most_wide(label: str) -> float:
    """Return metres that a thing called `label` may be wide at most, infinity where nothing is known."""
    return _most(label, LARGEST_M | WIDEST_SEATS_M)


def most_high(label: str) -> float:
    """Return metres that a thing called `label` may be high at most, infinity where nothing is known."""
    return _most(label, LARGEST_M)


def _most(label: str, sizes: dict[str, float]) -> float:
    return min((sizes[word] for word in words_of(label)[-1:] if word in sizes), default=inf)


def seat(label: str) -> float:
    """Return metres that the seat of a thing called `label` may go from its back, 0 where it has none."""
    return longest(label) if has_back(label) else 0.0
