"""How large things in streets are, from the smallest specimens to the largest.

Projected LiDAR shows some tens of points of a car. Where the rest of it may be is told by the sizes of cars.
"""

from typing import NamedTuple

from spacesgg.label_kinds import words_of


class SizeRange(NamedTuple):
    """Metres seen from above, as people label things in driving data."""

    shortest: float
    longest: float
    narrowest: float
    widest: float


SIZE_RANGES = {
    **dict.fromkeys(("car", "taxi", "suv", "sedan"), SizeRange(3.0, 5.0, 1.45, 2.0)),
    **dict.fromkeys(("van", "minivan", "jeep"), SizeRange(4.0, 6.3, 1.65, 2.25)),
    **dict.fromkeys(("truck", "lorry", "ambulance"), SizeRange(4.8, 13.0, 1.8, 2.9)),
    **dict.fromkeys(("bus", "coach"), SizeRange(7.0, 19.0, 2.2, 2.9)),
    "trailer": SizeRange(2.0, 13.0, 1.2, 2.7),
    **dict.fromkeys(("bicycle", "bike", "cyclist", "bicyclist"), SizeRange(1.5, 2.1, 0.4, 0.95)),
    **dict.fromkeys(("motorcycle", "motorbike", "scooter", "motorcyclist"), SizeRange(1.6, 2.5, 0.6, 1.1)),
    # People in stride are labelled with their feet and arms.
    **dict.fromkeys(
        ("person", "man", "woman", "pedestrian", "boy", "girl", "child"), SizeRange(0.3, 1.25, 0.2, 0.85)
    ),
    "barrier": SizeRange(0.8, 4.0, 0.3, 1.0),
    "bench": SizeRange(1.0, 2.2, 0.35, 0.75),
}
OVERHANG_M = {"lamp": 2.0, "light": 2.0}  # the arm of a street lamp, which returns nothing and may point anywhere


def size_range(label: str) -> SizeRange | None:
    """Return the sizes of things called `label`, None of kinds whose sizes are not known."""
    return next((SIZE_RANGES[word] for word in reversed(words_of(label)) if word in SIZE_RANGES), None)


def is_person(label: str) -> bool:
    """Return whether a thing called `label` is a person."""
    return size_range(label) == SIZE_RANGES["person"]


def overhang(label: str) -> float:
    """Return metres that a thing called `label` may reach out from its pole, 0 of kinds that have none."""
    return max((OVERHANG_M.get(word, 0.0) for word in words_of(label)[-1:]), default=0.0)
