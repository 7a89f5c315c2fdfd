"""The rotated-viewpoint conversation, written from the geometry: someone walks to a side and looks from there."""

import random

from spacesgg.errors import InputError
from spacesgg.offline_questions import NOTHING_KNOWN, PAIR_KINDS, SET_KINDS, Asker, lines, one
from spacesgg.offline_wording import FROM_THERE, STANDING, join, sentence, shuffled
from spacesgg.scene import Scene


def converse(scene: Scene, view: str, rng: random.Random, pairs: int) -> str:
    """Return up to `pairs` turns, in "Q: …" / "A: …" lines, told from `view`, which the first turn moves to.

    Raises InputError when nothing is known from there.
    """
    asker = Asker(scene, rng)
    found = []
    opening = _arrive(asker, view) or one(asker, [view], [*shuffled(rng, PAIR_KINDS)])
    if opening is None:
        raise InputError(NOTHING_KNOWN)
    found.append(opening)
    asker.standing = view
    contrast_at = rng.randint(1, max(pairs - 1, 1))
    while len(found) < pairs:
        pair = _contrast(asker, view) if len(found) == contrast_at else None
        if pair is None:
            kinds = shuffled(rng, [*PAIR_KINDS, *SET_KINDS])
            pair = one(asker, [view], kinds) or one(asker, ["front"], [*shuffled(rng, PAIR_KINDS)])
        if pair is None:
            break
        found.append(pair)
    return lines(found)


def _arrive(asker: Asker, view: str) -> tuple[str, str] | None:
    """Walk to the side and ask for the order of things in depth, where it is known."""
    scene, teller = asker.scene, asker.teller(view)
    blocks = scene.blocks(view, "front")
    if len(blocks) < 2 or len(blocks[0]) > 3:
        return None
    standing = teller.pick(*STANDING[view])
    lead = sentence(teller.pick("imagine ", "suppose ", "picture this: ", "now say ", "let us say ") + standing)
    if len(blocks) <= 4 and len(scene.things) <= 7 and teller.chance(0.5):
        question = teller.pick(
            "In what order do things come, from near to far?",
            "What is in front of you, from the nearest to the farthest?",
            "What would you see, going from near to far?",
        )
        parts = [teller.introduce(block) for block in blocks]
        links = ["first", *["then"] * (len(parts) - 2), "and last" if len(parts) == 2 else "and finally"]
        come = "come" if teller.plural(*blocks[0]) else "comes"
        told = f"first {come} {parts[0]}, " + ", ".join(
            f"{link} {part}" for link, part in zip(links[1:], parts[1:], strict=True)
        )
        about = [key for block in blocks for key in block]
    else:
        far = teller.chance(0.35) and len(blocks[-1]) <= 3
        about = blocks[-1] if far else blocks[0]
        word = (
            teller.pick("farthest from you", "farthest away") if far else teller.pick("closest to you", "nearest")
        )
        question = sentence(teller.pick(f"what is {word}", f"which of the things here would be {word}"), "?")
        listed = teller.introduce(about)
        told = teller.pick(f"{listed} {teller.be(*about)} {word}", f"{word} {teller.be(*about)} {listed}")
    answer = sentence(f"{teller.pick(*FROM_THERE)}, {told}")
    return asker.add((f"{lead} {question}", answer), about[:3])


def _contrast(asker: Asker, view: str) -> tuple[str, str] | None:
    """Ask how a pair looks from the camera and from here, where the two are opposed."""
    scene, teller = asker.scene, asker.teller(view)
    camera = asker.tellers["front"]
    flips = [
        fact
        for axis in ("left", "front")
        for fact in scene.facts(view, [axis])
        if scene.before("front", axis, fact.second, fact.first) and fact not in asker.asked
    ]
    if not flips:
        return None
    fact = asker.rng.choice(flips)
    seen = next(f for f in scene.facts("front", [fact.axis]) if (f.first, f.second) == (fact.second, fact.first))
    asker.take(fact)
    tag = asker.tagging()
    one_name, other = teller.the(fact.first, tag), teller.the(fact.second, tag)
    asked = teller.pick(
        f"how does that compare with the camera's view, for {join([one_name, other])}",
        f"does the camera see {join([one_name, other])} the same way round",
        f"what changes between {join([one_name, other])} when you move back to the camera",
    )
    opening = teller.pick("from the camera", "seen from the camera", "in the picture")
    there = teller.pick("from where you stand", "from your side", "from where you are now")
    answer = f"{opening}, {camera.relate(seen, True)}; {there}, {teller.relate(fact)}"
    return asker.add((sentence(asked, "?"), sentence(answer)), [fact.first, fact.second])
