"""The rotated-viewpoint conversation, written from the geometry: someone walks to a side and looks from there."""

import random

from spacesgg.errors import InputError
from spacesgg.offline_asker import Asker
from spacesgg.offline_phrases import FROM_THERE, PLAINEST, STANDING, join, sentence, shuffled
from spacesgg.offline_question_kinds import PAIR_KINDS, SET_KINDS
from spacesgg.offline_questions import lines, nothing_to_ask, one
from spacesgg.scene import Fact, Scene

STAYING = 1 / 3  # the share of such pairs, where there are some: the turned ones have two more ways of asking
# axis → whether a pair is as the camera sees it, and whether it is the other way round
SAME = {
    "left": "are {both} in the same order from left to right as in the camera's view",
    "front": "are {both} in the same order from near to far as in the camera's view",
}
SWAPPED = {
    "left": "is the order of {both} from left to right reversed, compared with the camera's view",
    "front": "is the order of {both} from near to far reversed, compared with the camera's view",
}
# Whoever is asked what would change has not moved: the questions after it are still asked from the side.
DIFFERENCE = (
    "what would change between {both} if you moved back to the camera",
    "how does what you see of {both} differ from the camera's view",
)


def converse(scene: Scene, view: str, rng: random.Random, pairs: int) -> str:
    """Return up to `pairs` turns, in "Q: …" / "A: …" lines, told from `view`, which the first turn moves to.

    Raises InputError when nothing is known from there.
    """
    asker = Asker(scene, rng)
    found = []
    opening = _arrive(asker, view)
    while opening is None:
        opening = one(asker, [view], [*shuffled(rng, PAIR_KINDS)])
        if opening is None and not asker.more():
            raise InputError(nothing_to_ask(scene))
    found.append(opening)
    asker.standing = view
    contrast_at = rng.randint(1, max(pairs - 1, 1))
    while len(found) < pairs:
        pair = _contrast(asker, view) if len(found) == contrast_at else None
        pair = pair or one(asker, [view], shuffled(rng, [*PAIR_KINDS, *SET_KINDS]))
        if pair is None and not asker.more():
            break
        found += [pair] if pair else []
    return lines(found)


def _arrive(asker: Asker, view: str) -> tuple[str, str] | None:
    """Walk to the side and ask for the order of things in depth, where it is known."""
    scene, teller = asker.scene, asker.teller(view)
    blocks = scene.blocks(view, "front", scene.placed)
    if len(blocks) < 2 or len(blocks[0]) > 3:
        return None
    asker.ranked.add((view, "front"))
    standing = teller.pick(*STANDING[view])
    lead = sentence(teller.pick("imagine ", "suppose ", "picture this: ", "say ", "let us say ") + standing)
    # a longer list would be taken for an order itself: "… and last a bed, two chairs and a lamp"
    if len(blocks) <= 4 and max(map(len, blocks)) <= 2 and teller.chance(0.6):
        question = teller.pick(
            "In what order do things come, from near to far?",
            "What is in front of you, from the nearest to the farthest?",
            "What would you see, going from near to far?",
        )
        parts = [teller.introduce(block) for block in blocks]
        come = "come" if teller.plural(*blocks[0]) else "comes"
        then = "".join(f", then {part}" for part in parts[1:-1])
        last = teller.pick("finally", "last") if then else "then"
        told = f"first {come} {parts[0]}{then}, and {last} {parts[-1]}"
        about = [key for block in blocks for key in block]
    else:
        far = teller.chance(0.35) and len(blocks[-1]) <= 3
        about = blocks[-1] if far else blocks[0]
        word = (
            teller.pick("farthest from you", "farthest away")
            if far
            else teller.pick("closest to you", "nearest to you")
        )
        asked = ("what is {word}", "what would be {word}", "which of the things here would be {word}")
        question = sentence(teller.pick(*asked, word=word), "?")
        listed = teller.introduce(about)
        told = teller.pick(
            "{listed} {be} {word}", "{word} {be} {listed}", listed=listed, be=teller.be(*about), word=word
        )
    answer = sentence(f"{teller.pick(*FROM_THERE)}, {told}")
    return asker.add((f"{lead} {question}", answer), about[:3])


def _contrast(asker: Asker, view: str) -> tuple[str, str] | None:
    """Ask how a pair looks from the camera and from here: turned round, or now and then just as before.

    Whether it turns is asked of one axis: seen from a side, a pair that turns on one stays as it was on the other.
    """
    scene, teller = asker.scene, asker.teller(view)
    facts = [
        fact
        for fact in scene.facts(view, ("left", "front"))
        if not scene.twins(fact.first) and not scene.twins(fact.second)
    ]
    turning = [fact for fact in facts if scene.before("front", fact.axis, fact.second, fact.first)]
    staying = [fact for fact in facts if scene.before("front", fact.axis, fact.first, fact.second)]
    if not turning and not staying:
        return None
    stays = bool(staying) and (not turning or asker.rng.random() < STAYING)
    fact = asker.rng.choice(staying if stays else turning)
    asker.take(fact)
    tag = asker.tagging()
    both = join(shuffled(asker.rng, [teller.the(fact.first, tag), teller.the(fact.second, tag)]))
    same, swapped = SAME[fact.axis], SWAPPED[fact.axis]
    asked = [(same, "yes: " if stays else "no: "), (swapped, "no: " if stays else "yes: ")]
    if not stays:
        asked += [(clause, "") for clause in DIFFERENCE]
    question, lead = asker.rng.choice(asked)
    # Either of the two may be spoken of first.
    told_of_second = asker.rng.random() < 0.5
    opening = teller.pick("from the camera", "seen from the camera", "for the camera")
    there = teller.pick("from where you stand", "from your side", "from where you are now")
    pair = (fact.first, fact.second) if stays else (fact.second, fact.first)
    told = asker.teller("front").relate(Fact("front", fact.axis, *pair), told_of_second == stays, manner=PLAINEST)
    manner = PLAINEST if fact.axis == "left" else None
    link = "; " if stays else teller.pick("; ", ", but ", ", whereas ")
    now = teller.relate(fact, told_of_second, manner=manner)
    answer = f"{lead}{opening}, {told}{link}{there}, {now}{', too' if stays else ''}"
    return asker.add((sentence(question.format(both=both), "?"), sentence(answer)), [fact.first, fact.second])
