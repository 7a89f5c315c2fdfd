"""Questions and answers about who is where, written from the geometry.

What is asked is decided by the geometry: no answer is "that cannot be told".
"""

import random
from collections.abc import Sequence

from spacesgg.errors import InputError
from spacesgg.offline_asker import Asker
from spacesgg.offline_phrases import shuffled
from spacesgg.offline_question_kinds import PAIR_KINDS, SET_KINDS, Kind, between
from spacesgg.scene import AXES, VIEWS, Scene

SHORT_TOKENS = 850  # after so many, a question on three or more objects could overrun what LLaVA reads


def one(asker: Asker, views: Sequence[str], kinds: Sequence[Kind]) -> tuple[str, str] | None:
    """Return a question and its answer, of the first kind, in random order of views and axes, that is known."""
    places = shuffled(asker.rng, [(view, axis) for view in dict.fromkeys(views) for axis in AXES])
    for kind in kinds:
        for view, axis in places:
            if view != "front" and axis == "up":
                continue  # above and below are the same from every side
            pair = kind(asker, view, axis)
            if pair:
                return pair
    return None


def questions(scene: Scene, views: Sequence[str], rng: random.Random, pairs: int) -> str:
    """Return `pairs` questions with their answers, in "Q: …" / "A: …" lines, told from `views`.

    Raises InputError when nothing is known to ask about.
    """
    asker = Asker(scene, rng)
    found: list[tuple[str, str]] = []
    between_at = rng.randrange(pairs)
    rotated = [view for view in views if view != "front"]
    while len(found) < pairs:
        kinds = shuffled(rng, PAIR_KINDS) + shuffled(rng, SET_KINDS)
        if rng.random() < 0.5:
            kinds = kinds[4:] + kinds[:4]
        if asker.tokens > SHORT_TOKENS:  # names with their boxes are long: about pairs only from here on
            kinds = list(PAIR_KINDS)
        place = rotated if rotated and len(found) % 2 == 0 else ["front"]
        wide = len(found) == between_at and asker.tokens < SHORT_TOKENS
        pair = one(asker, shuffled(rng, views), [between]) if wide else None
        pair = pair or one(asker, place, kinds) or one(asker, views, kinds)
        if pair is None and not asker.more():
            break
        found += [pair] if pair else []
    if not found:
        raise InputError(nothing_to_ask(scene))
    return lines(found)


def nothing_to_ask(scene: Scene) -> str:
    """Return why nothing can be asked about a scene."""
    if any(scene.facts(view) for view in VIEWS):
        return (
            "relations are known only between objects that no name tells apart, so there is nothing to ask about"
        )
    return "no relation between its objects is known, so there is nothing to ask about"


def lines(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the pairs in the reply's form."""
    return "\n".join(f"Q: {question}\nA: {answer}" for question, answer in pairs)
