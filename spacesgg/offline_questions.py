"""Questions and answers about who is where, written from the geometry.

Each kind of question is a function (asker, view, axis) → (question, answer), or None where nothing known fits
it. What is asked is always decided by the geometry: no answer is "that cannot be told".
"""

import random
from collections.abc import Callable, Sequence

from spacesgg.errors import InputError
from spacesgg.offline_wording import FROM_THERE, SEEN_FROM, STANDING, Teller, join, sentence, shuffled
from spacesgg.scene import AXES, Fact, Scene
from spacesgg.training_record import estimate_tokens

TAGGED_TOKENS = 650  # the tags of predicates are long: after so many tokens, predicates are plain words

SUPERLATIVES = {
    ("left", -1): ("farthest to the left", "leftmost"),
    ("left", 1): ("farthest to the right", "rightmost"),
    ("up", -1): ("highest up", "highest"),
    ("up", 1): ("lowest down", "lowest"),
    ("front", -1): ("nearest", "closest"),
    ("front", 1): ("farthest away", "farthest back"),
}
COMPARATIVES = {
    ("left", -1): ("farther to the left", "more to the left"),
    ("left", 1): ("farther to the right", "more to the right"),
    ("up", -1): ("higher up", "at the greater height"),
    ("up", 1): ("lower down", "lower"),
    ("front", -1): ("nearer", "closer"),
    ("front", 1): ("farther away", "farther back"),
}
EITHER = {
    "left": ("to the left or to the right of", "left or right of", "on the left or on the right of"),
    "up": ("above or below", "higher up or lower down than"),
    "front": ("in front of or behind", "nearer or farther away than", "closer or farther back than"),
}
ORDERS = {
    ("left", -1): ("from left to right", "starting on the left"),
    ("left", 1): ("from right to left", "starting on the right"),
    ("up", -1): ("from top to bottom", "from the highest to the lowest"),
    ("up", 1): ("from bottom to top", "from the lowest to the highest"),
    ("front", -1): ("from near to far", "starting with the nearest"),
    ("front", 1): ("from far to near", "starting with the farthest"),
}


class Asker:
    """Asks and answers about one scene; `standing` is a view the conversation has already moved to, or None."""

    def __init__(self, scene: Scene, rng: random.Random, standing: str | None = None):
        self.scene = scene
        self.rng = rng
        self.standing = standing
        self.tellers = {"front": Teller(scene, rng, "front")}
        self.asked: set[tuple] = set()
        self.tokens = 0
        self.recent: list[str] = []  # what the last answer was about: people go on from there

    def teller(self, view: str) -> Teller:
        """Return the teller at `view`; all share what has been named and which words were used."""
        front = self.tellers["front"]
        if view not in self.tellers:
            self.tellers[view] = Teller(self.scene, self.rng, view)
            self.tellers[view].named = front.named
            self.tellers[view]._used = front._used
        return self.tellers[view]

    def ask(self, view: str, clause: str, bidding: bool = False) -> str:
        """Return the question from its clause, led in by the viewpoint; `bidding`: it is not a question."""
        teller = self.teller(view)
        end = "." if bidding else "?"
        if view == "front":
            lead = "" if bidding else teller.pick("", "", "", "from the camera, ", "in this picture, ", "here, ")
            return sentence(lead + clause, end)
        if view == self.standing:
            lead = teller.pick("from there, ", "still from there, ", "standing there, ", "and from that spot, ")
            return sentence(clause, end) if bidding else sentence(lead + clause, end)
        if bidding or teller.chance(0.4):
            standing = teller.pick(*STANDING[view])
            lead = sentence(teller.pick("imagine ", "suppose ", "say ", "picture this: ") + standing)
            return f"{lead} {sentence(clause, end)}"
        return sentence(f"{teller.pick(*SEEN_FROM[view])}, {clause}", end)

    def answer(self, view: str, axis: str, text: str) -> str:
        """Return the answer as a sentence that is true on its own: one from elsewhere says so."""
        if view == "front" or axis == "up":
            return sentence(text)
        return sentence(f"{self.teller(view).pick(*FROM_THERE)}, {text}")

    def add(self, pair: tuple[str, str], about: Sequence[str]) -> tuple[str, str]:
        """Keep count of the tokens and of what was spoken about."""
        self.tokens += estimate_tokens(" ".join(pair))
        if self.tokens > TAGGED_TOKENS:
            for teller in self.tellers.values():
                teller.tag_predicates = False
        self.recent = list(about)
        return pair

    def fresh(self, kind: str, view: str, axis: str) -> list[Fact]:
        """Return the facts not yet asked about by this kind, those about recent objects first."""
        facts = shuffled(self.rng, self.scene.facts(view, [axis]))
        facts = [fact for fact in facts if (view, axis, fact.first, fact.second) not in self.asked]
        if self.standing:
            facts.sort(key=lambda fact: not {fact.first, fact.second} & set(self.recent))
        return facts

    def take(self, fact: Fact) -> None:
        """Mark the fact as asked about."""
        self.asked.add((fact.view, fact.axis, fact.first, fact.second))

    def tagging(self) -> bool:
        """Tell whether a question names its objects with their boxes even where it need not."""
        return self.tokens < TAGGED_TOKENS and self.rng.random() < 0.35


def _fact(asker: Asker, view: str, axis: str) -> tuple[Fact, bool] | None:
    """Return a fresh fact and whether to tell it from its second object."""
    facts = asker.fresh("pair", view, axis)
    if not facts:
        return None
    asker.take(facts[0])
    return facts[0], asker.rng.random() < 0.5


def _which(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Which of two is nearer?"""
    found = _fact(asker, view, axis)
    if not found:
        return None
    fact, turned = found
    teller, tag = asker.teller(view), asker.tagging()
    winner = fact.second if turned else fact.first
    one, other = shuffled(asker.rng, [teller.the(fact.first, tag), teller.the(fact.second, tag)])
    comparative = teller.pick(*COMPARATIVES[axis, 1 if turned else -1])
    plain = "are" if teller.plural(fact.first) and teller.plural(fact.second) else "is"
    clause = teller.pick(
        f"which {plain} {comparative}, {one} or {other}",
        f"which of the two {plain} {comparative}: {one} or {other}",
        f"of {one} and {other}, which {plain} {comparative}",
        f"what {plain} {comparative}, {one} or {other}",
    )
    question = asker.ask(view, clause)
    if teller.chance(0.3):
        text = f"{teller.the(winner)} {teller.be(winner)} {comparative}"
    elif teller.chance(0.3):
        text = f"it is {teller.the(winner)} that {teller.be(winner)} {comparative}"
    else:
        text = teller.relate(fact, turned)
    return asker.add((question, asker.answer(view, axis, text)), [fact.first, fact.second])


def _either(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Is it left or right of the other?"""
    found = _fact(asker, view, axis)
    if not found:
        return None
    fact, turned = found
    teller, tag = asker.teller(view), asker.tagging()
    a, b = (fact.second, fact.first) if turned else (fact.first, fact.second)
    one, other = teller.the(a, tag), teller.the(b, tag)
    question = asker.ask(view, f"{teller.be(a)} {one} {teller.pick(*EITHER[axis])} {other}")
    return asker.add((question, asker.answer(view, axis, teller.relate(fact, turned))), [a, b])


def _where(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Where is one in relation to the other? The answer tells every direction that is known."""
    found = _fact(asker, view, axis)
    if not found:
        return None
    fact, turned = found
    teller, tag = asker.teller(view), asker.tagging()
    a, b = (fact.second, fact.first) if turned else (fact.first, fact.second)
    one, other = teller.the(a, tag), teller.the(b, tag)
    be = teller.be(a)
    clause = teller.pick(
        f"where {be} {one} in relation to {other}",
        f"where {be} {one}, compared with {other}",
        f"how {be} {one} placed relative to {other}",
        f"in which direction from {other} {be} {one}",
    )
    question = asker.ask(view, clause)
    known = [f for f in asker.scene.facts(view) if {f.first, f.second} == {a, b}]
    subject = teller.the(a)
    predicates = [teller.predicate(f, -1 if f.first == a else 1) for f in known]
    for also in known:
        asker.take(also)
    text = f"{subject} {be} {join(predicates)} {teller.the(b)}"
    return asker.add((question, asker.answer(view, known[0].axis if len(known) == 1 else "any", text)), [a, b])


def _yes_no(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Is it behind the other? Half of the answers are no, with what is true instead."""
    found = _fact(asker, view, axis)
    if not found:
        return None
    fact, turned = found
    teller, tag = asker.teller(view), asker.tagging()
    a, b = (fact.second, fact.first) if turned else (fact.first, fact.second)
    sign = 1 if turned else -1
    yes = teller.chance(0.5)
    asked = {("left", -1): "to the left of", ("left", 1): "to the right of", ("up", -1): "above"}
    asked |= {("up", 1): "below", ("front", -1): "in front of", ("front", 1): "behind"}
    question = asker.ask(
        view, f"{teller.be(a)} {teller.the(a, tag)} {asked[axis, sign if yes else -sign]} {teller.the(b, tag)}"
    )
    text = teller.relate(fact, turned)
    if view != "front" and axis != "up":
        text = f"{teller.pick(*FROM_THERE)}, {text}"
    lead = "yes, " if yes else teller.pick("no, ", "no, it is the other way round: ", "no; ")
    return asker.add((question, sentence(lead + text)), [a, b])


def _between(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """What lies between two objects?"""
    scene, teller = asker.scene, asker.teller(view)
    for fact in shuffled(asker.rng, scene.facts(view, [axis])):
        inside = scene.between(view, axis, fact.first, fact.second)
        asked = ("between", view, axis, fact.first, fact.second)
        if not 1 <= len(inside) <= 3 or asked in asker.asked:
            continue
        asker.asked.add(asked)
        tag = asker.tagging()
        one, other = teller.the(fact.first, tag), teller.the(fact.second, tag)
        options = {
            "front": (
                f"what lies between {one} and {other} in depth",
                f"going from near to far, what comes between {one} and {other}",
                f"what is farther away than {one} but nearer than {other}",
                f"looking into the scene, what would you meet after {one} and before {other}",
            ),
            "left": (
                f"going from left to right, what comes between {one} and {other}",
                f"what is right of {one} and left of {other}",
                f"what lies between {one} on the left and {other} on the right",
            ),
            "up": (
                f"what is below {one} but above {other}",
                f"in height, what comes between {one} and {other}",
                f"going down from {one} to {other}, what lies between them in height",
            ),
        }
        question = asker.ask(view, teller.pick(*options[axis]))
        listed, be = teller.all(inside), teller.be(*inside)
        first, second = teller.the(fact.first), teller.the(fact.second)
        if len(inside) == 1 and teller.chance(0.5):
            key = inside[0]
            after = teller.predicate(Fact(view, axis, fact.first, key), 1)
            before = teller.predicate(Fact(view, axis, key, fact.second), -1)
            text = f"{listed} {be} {after} {first} and {before} {second}"
        else:
            way = {"front": "in depth", "left": "from left to right", "up": "in height"}[axis]
            come = "come" if teller.plural(*inside) else "comes"
            text = teller.pick(
                f"{listed} {come} between {first} and {second} {way}",
                f"between {first} and {second} {come} {listed}",
                f"that would be {listed}, which {come} between {first} and {second}",
            )
        return asker.add((question, asker.answer(view, axis, text)), inside)
    return None


def _most(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Which of three is the nearest?"""
    scene, teller = asker.scene, asker.teller(view)
    keys = list(scene.things)
    for key in shuffled(asker.rng, keys):
        for sign in shuffled(asker.rng, (-1, 1)):
            beaten = [other for other in keys if scene.relation(view, key, other)[AXES.index(axis)] == sign]
            if len(beaten) < 2 or ("most", view, axis, sign, key) in asker.asked:
                continue
            asker.asked.add(("most", view, axis, sign, key))
            three = shuffled(asker.rng, [key, *asker.rng.sample(beaten, 2)])
            tag = asker.tagging()
            superlative = teller.pick(*SUPERLATIVES[axis, sign])
            listed = [teller.the(k, tag) for k in three]
            clause = teller.pick(
                f"which of these is {superlative}: {join(listed, 'or')}",
                f"of {join(listed)}, which is {superlative}",
                f"which is {superlative}, {join(listed, 'or')}",
            )
            question = asker.ask(view, clause)
            text = teller.pick(
                f"of the three, {teller.the(key)} {teller.be(key)} {superlative}",
                f"{teller.the(key)} {teller.be(key)} {superlative} of the three",
                f"among those, it is {teller.the(key)} that {teller.be(key)} {superlative}",
            )
            return asker.add((question, asker.answer(view, axis, text)), [key])
    return None


def _order(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Put three in order."""
    scene, teller = asker.scene, asker.teller(view)
    for fact in shuffled(asker.rng, scene.facts(view, [axis])):
        inside = scene.between(view, axis, fact.first, fact.second)
        if not inside:
            continue
        row = [fact.first, asker.rng.choice(inside), fact.second]
        asked = ("order", view, axis, *row)
        if asked in asker.asked:
            continue
        asker.asked.add(asked)
        sign = asker.rng.choice((-1, 1))
        if sign == 1:
            row.reverse()
        order = teller.pick(*ORDERS[axis, sign])
        tag = asker.tagging()
        listed = join([teller.the(key, tag) for key in shuffled(asker.rng, row)])
        bidding = teller.chance(0.5)
        if bidding:
            clause = teller.pick(f"put {listed} in order, {order}", f"arrange {listed} {order}")
        else:
            clause = teller.pick(f"in what order do {listed} come, {order}", f"how are {listed} ordered, {order}")
        question = asker.ask(view, clause, bidding)
        a, b, c = (teller.the(key) for key in row)
        text = teller.pick(
            f"{order}: {a}, {b}, {c}",
            f"first {a}, then {b}, and finally {c}",
            f"{order}, it goes {a}, {b} and then {c}",
        )
        return asker.add((question, asker.answer(view, axis, text)), row)
    return None


def _name_one(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Name what is behind an object. All that is known to be there is named, up to three."""
    scene, teller = asker.scene, asker.teller(view)
    keys = list(scene.things)
    candidates = [key for key in asker.recent if key in keys] if asker.standing else []
    for key in [*candidates, *shuffled(asker.rng, keys)]:
        for sign in shuffled(asker.rng, (-1, 1)):
            there = [other for other in keys if scene.relation(view, other, key)[AXES.index(axis)] == sign]
            asked = ("name", view, axis, sign, key)
            if not 1 <= len(there) <= 3 or asked in asker.asked:
                continue
            asker.asked.add(asked)
            words = {("left", -1): "to the left of", ("left", 1): "to the right of", ("up", -1): "higher up than"}
            words |= {
                ("up", 1): "lower down than",
                ("front", -1): "nearer than",
                ("front", 1): "farther away than",
            }
            named = teller.the(key, asker.tagging())
            clause, bidding = asker.rng.choice(
                (
                    (f"name something {words[axis, sign]} {named}", True),
                    (f"can you point out something {words[axis, sign]} {named}", False),
                    (f"what could be named that is {words[axis, sign]} {named}", False),
                )
            )
            question = asker.ask(view, clause, bidding)
            if len(there) == 1:
                a = there[0]
                fact = Fact(view, axis, a, key) if sign == -1 else Fact(view, axis, key, a)
                text = teller.relate(fact, turned=sign == 1)
            else:
                both = "both " if len(there) == 2 else ""
                text = f"{both}{teller.all(there)} are {words[axis, sign]} {teller.the(key)}"
            return asker.add((question, asker.answer(view, axis, text)), there)
    return None


Kind = Callable[[Asker, str, str], tuple[str, str] | None]
PAIR_KINDS: tuple[Kind, ...] = (_which, _either, _where, _yes_no)
SET_KINDS: tuple[Kind, ...] = (_between, _most, _order, _name_one)


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
    found = [one(asker, shuffled(rng, views), [_between])]
    rotated = [view for view in views if view != "front"]
    while len(found) < pairs + 1:
        kinds = shuffled(rng, PAIR_KINDS) + shuffled(rng, SET_KINDS)
        if rng.random() < 0.5:
            kinds = kinds[4:] + kinds[:4]
        place = rotated if rotated and len(found) % 2 == 0 else ["front"]
        pair = one(asker, place, kinds) or one(asker, views, kinds)
        if pair is None:
            break
        found.append(pair)
    kept = [pair for pair in found if pair][:pairs]
    if not kept:
        raise InputError(NOTHING_KNOWN)
    return lines(shuffled(rng, kept))


NOTHING_KNOWN = "no relation between its objects is known, so there is nothing to ask about"


def lines(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the pairs in the reply's form."""
    return "\n".join(f"Q: {question}\nA: {answer}" for question, answer in pairs)
