"""What can be claimed about who is where, and what a question asks: the values that claims.py reads texts into."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from spacesgg.mentions import Mention
from spacesgg.relation_words import Meaning

Keys = tuple[str, ...]  # objects meant together
Readings = list[Keys]  # what a word may mean
# The axis that a text speaks of when it says "between".
AXIS_WORDS = {
    "left": re.compile(r"left to right|right to left|horizontal|side to side|on the left|sideways", re.IGNORECASE),
    "up": re.compile(r"in height|vertical|top to bottom|bottom to top|height|going (?:up|down)", re.IGNORECASE),
    "front": re.compile(r"\bdepth|near to far|far to near|front to back|into the scene|distance", re.IGNORECASE),
}


class Atom(NamedTuple):
    """`first` is left of, above or in front of (sign −1) or right of, below or behind (1) `second`, from `view`.

    With an empty `second` it is only said to be on that side of the scene.
    """

    view: str
    axis: str
    sign: int
    first: str
    second: str


class Claim(NamedTuple):
    """A statement: true when all atoms of one of its readings are (`negated`: when not all are).

    words  the sentence it stands in, as a person would read it
    """

    readings: tuple[tuple[Atom, ...], ...]
    negated: bool
    words: str


class Asked(NamedTuple):
    """What a question asks, as far as its answer leans on it.

    objects   what it names, in its order
    meaning   of the comparison or relation it asks about; None where there is none
    relations what is sought, by "what is behind the lamp": (meaning, readings of the lamp)
    between   what it names after "between", readings of (one, other); empty where it does not ask that
    order     of a list it asks for
    claims    what a yes would claim; empty for other questions
    axis      it speaks of
    pair      who it places against whom, in (one, other); None where it does not
    sides     whether it asks on which side one is of the other
    exists    whether it asks if there is anything so
    superlative  whether it asks for the nearest, leftmost … of all
    """

    objects: list[Readings]
    meaning: Meaning | None = None
    relations: tuple[tuple[Meaning, tuple[Keys, ...]], ...] = ()
    between: tuple[tuple[str, str], ...] = ()
    order: Meaning | None = None
    claims: tuple[Claim, ...] = ()
    axis: str | None = None
    pair: tuple[Readings, Readings] | None = None
    sides: bool = False
    exists: bool = False
    superlative: bool = False

    @property
    def topic(self) -> Readings:
        """What "it" may mean in the next question of a conversation."""
        return self.pair[0] if self.pair else self.objects[0] if self.objects else []

    @property
    def keys(self) -> Readings:
        """What it names, each once, where that is certain."""
        return list(dict.fromkeys(readings[0] for readings in self.objects if len(readings) == 1))


def readable(encoded: str, mentions: Sequence[Mention]) -> str:
    """Return an encoded text with its names again."""
    return re.sub(r"@(\d+)@", lambda match: mentions[int(match[1])].text, encoded).strip()
