"""The kinds of questions that can be asked about who is where, each with its answer.

A kind is a function (asker, view, axis) → (question, answer), or None where nothing known fits it.
"""

from collections.abc import Callable

from spacesgg.offline_asker import Asker
from spacesgg.offline_phrases import (
    BETWEEN,
    COMPARATIVES,
    EITHER,
    FROM_THERE,
    GOING,
    IN_ORDER,
    NAMING,
    ORDERS,
    PREDICATES,
    SIDES,
    SUPERLATIVES,
    UNORDERED,
    WAYS,
    join,
    sentence,
    shuffled,
)
from spacesgg.offline_wording import Teller
from spacesgg.scene import Fact


def _fact(asker: Asker, view: str, axis: str, kind: str) -> tuple[Fact, bool] | None:
    """Return a fresh fact for a `kind` of question, and whether to tell it from its second object."""
    facts = [fact for fact in asker.fresh(view, axis) if (kind, fact) not in asker.put]
    if not facts:
        return None
    asker.take(facts[0])
    asker.put.add((kind, facts[0]))
    return facts[0], asker.rng.random() < 0.5


def _which(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Which of two is nearer?"""
    found = _fact(asker, view, axis, "which")
    if not found:
        return None
    fact, turned = found
    teller, tag = asker.teller(view), asker.tagging()
    winner = fact.second if turned else fact.first
    one, other = teller.names(shuffled(asker.rng, [fact.first, fact.second]), tag)
    comparative = teller.pick(*COMPARATIVES[axis, 1 if turned else -1])
    plain = "are" if teller.plural(fact.first) and teller.plural(fact.second) else "is"
    clause = teller.pick(
        "which {plain} {comparative}, {one} or {other}",
        "which of the two {plain} {comparative}: {one} or {other}",
        "of {one} and {other}, which {plain} {comparative}",
        "{what} {plain} {comparative}, {one} or {other}",
        one=one, other=other, plain=plain, comparative=comparative,
        what="which" if teller.human(fact.first, fact.second) else "what",
    )  # fmt: skip
    question = asker.ask(view, clause)
    if teller.chance(0.35):
        text = f"{teller.the(winner)} {teller.be(winner)} {comparative}"
    elif teller.chance(0.1):
        text = f"it is {teller.the(winner)} that {teller.be(winner)} {comparative}"
    else:
        text = teller.relate(fact, turned)
    return asker.add((question, asker.answer(view, axis, text)), [fact.first, fact.second])


def _either(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Is it left or right of the other?"""
    found = _fact(asker, view, axis, "either")
    if not found:
        return None
    fact, turned = found
    teller, tag = asker.teller(view), asker.tagging()
    a, b = (fact.second, fact.first) if turned else (fact.first, fact.second)
    one, other = teller.names([a, b], tag)
    question = asker.ask(view, f"{teller.be(a)} {one} {teller.pick(*EITHER[axis])} {other}")
    return asker.add((question, asker.answer(view, axis, teller.relate(fact, turned))), [a, b])


def _where(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Where is one in relation to the other? The answer tells every direction that is known."""
    found = _fact(asker, view, axis, "where")
    if not found:
        return None
    fact, turned = found
    teller, tag = asker.teller(view), asker.tagging()
    a, b = (fact.second, fact.first) if turned else (fact.first, fact.second)
    one, other = teller.names([a, b], tag)
    be = teller.be(a)
    clause = teller.pick(
        "where {be} {one} in relation to {other}",
        "where {be} {one}, compared with {other}",
        "how {be} {one} placed relative to {other}",
        "where {do} {one} lie relative to {other}",
        "relative to {other}, where {be} {one}",
        one=one, other=other, be=be, do="do" if be == "are" else "does",
    )  # fmt: skip
    question = asker.ask(view, clause)
    known = [also for also in asker.scene.pair_facts(view, a, b) if not teller.says_nothing(also)]
    subject = teller.the(a)
    predicates = teller.predicates(known, a)
    for also in known:
        asker.take(also)
        asker.put.add(("where", also))
    text = f"{subject} {be} {predicates} {teller.the(b)}"
    return asker.add((question, asker.answer(view, known[0].axis if len(known) == 1 else "any", text)), [a, b])


def _yes_no(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Is it behind the other? Half of the answers are no, with what is true instead."""
    found = _fact(asker, view, axis, "yes_no")
    if not found:
        return None
    fact, turned = found
    teller, tag = asker.teller(view), asker.tagging()
    a, b = (fact.second, fact.first) if turned else (fact.first, fact.second)
    sign = 1 if turned else -1
    yes = teller.chance(0.5)
    asked = PREDICATES[axis, sign if yes else -sign][0]
    one, other = teller.names([a, b], tag)
    question = asker.ask(view, f"{teller.be(a)} {one} {asked} {other}")
    text = teller.relate(fact, turned)
    if view != "front" and axis != "up":
        text = f"{teller.pick(*FROM_THERE)}, {text}"
    lead = "yes, " if yes else teller.pick("no, ", "no, it is the other way round: ", "no; ")
    return asker.add((question, sentence(lead + text)), [a, b])


def between(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """What lies between two objects?"""
    scene, teller = asker.scene, asker.teller(view)
    for fact in asker.plain_first(view, scene.facts(view, [axis])):
        inside = scene.between(view, axis, fact.first, fact.second)
        # The same from another side, or the same objects between two others, would be the same question again.
        asked = {("between", frozenset((fact.first, fact.second))), ("inside", view, axis, frozenset(inside))}
        if not 1 <= len(inside) <= 3 or asked & asker.put:
            continue
        if not asker.speakable(view, axis, fact.first, *inside, fact.second):
            continue
        asker.put |= asked
        one, other = teller.names([fact.first, fact.second], asker.tagging())
        inside = scene.ordered(view, axis, inside)
        listed = teller.all_of(inside)
        in_order = len(listed) == len(inside) and scene.in_order(view, axis, inside)
        # not "between the left-hand cup on the right and …"
        telling = bool(scene.twins(fact.first) or scene.twins(fact.second))
        fitting = BETWEEN[axis][:2] if telling else BETWEEN[axis]
        fitting = [clause for clause in fitting if in_order or not clause.startswith("going")]
        question = asker.ask(view, teller.pick(*fitting, one=one, other=other))
        text = _told_between(teller, fact, inside, join(listed), in_order, telling)
        return asker.add((question, asker.answer(view, axis, text)), inside)
    return None


def _told_between(
    teller: Teller, fact: Fact, inside: list[str], listed: str, in_order: bool, telling: bool
) -> str:
    """Return the clause that tells what lies between the two of a fact.

    listed    the names of what is inside
    in_order  whether these come in a known order: where they do not, nothing may sound as if they did
    telling   whether a name of the two tells a place
    """
    view, axis = fact.view, fact.axis
    sideways = axis == "left" and not in_order  # "from left to right" orders, as "in depth" does not
    if sideways or (len(inside) == 1 and teller.chance(0.5)):
        manner, tag = teller.manner(axis), len(inside) == 1  # a tag relates two objects
        after = teller.predicate(Fact(view, axis, fact.first, inside[0]), 1, manner, tag)
        first = teller.the(fact.first)
        before = teller.predicate(Fact(view, axis, inside[0], fact.second), -1, manner, tag)
        return f"{listed} {teller.be(*inside)} {after} {first} and {before} {teller.the(fact.second)}"
    both = join(teller.names([fact.first, fact.second]))
    options = (IN_ORDER[:1] if telling else IN_ORDER) if in_order else UNORDERED
    options = [option for option in options if axis != "left" or not option.startswith("between")]
    come = "come" if teller.plural(*inside) else "comes"
    return teller.pick(*options, going=GOING[axis], listed=listed, come=come, both=both, way=WAYS[axis])


def _most(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Which of three is the nearest?"""
    scene, teller = asker.scene, asker.teller(view)
    if (view, axis) in asker.ranked:
        return None
    keys = list(scene.things)
    for key in shuffled(asker.rng, keys):
        for sign in shuffled(asker.rng, (-1, 1)):
            beaten = [other for other in keys if scene.sign(view, axis, key, other) == sign]
            if len(beaten) < 2 or scene.twins(key):
                continue
            plain = [other for other in beaten if not asker.long_named(view, other)]
            rivals = asker.rng.sample(plain if len(plain) > 1 else beaten, 2)
            if not asker.speakable(view, axis, key, *rivals):
                continue
            asker.ranked.add((view, axis))
            three = shuffled(asker.rng, [key, *rivals])
            tag = asker.tagging()
            superlative = teller.pick(*SUPERLATIVES[axis, sign])
            listed = teller.names(three, tag)
            clause = teller.pick(
                "which of these is {superlative}: {any_}",
                "of {all_}, which is {superlative}",
                "which is {superlative}, {any_}",
                superlative=superlative, any_=join(listed, "or"), all_=join(listed),
            )  # fmt: skip
            question = asker.ask(view, clause)
            start = "of the three, " if view == "front" or axis == "up" else ""  # "from there, of the three, …"
            told = f"{teller.the(key)} {teller.be(key)} {superlative}"
            end = "" if axis == "left" else " of the three"
            text = teller.pick("{start}{told}", "{told}{end}", "{told}", start=start, told=told, end=end)
            return asker.add((question, asker.answer(view, axis, text)), [key])
    return None


def _order(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Put three in order."""
    scene, teller = asker.scene, asker.teller(view)
    if (view, axis) in asker.ranked:
        return None
    for fact in asker.plain_first(view, scene.facts(view, [axis])):
        inside = scene.between(view, axis, fact.first, fact.second)
        if not inside:
            continue
        row = [fact.first, asker.rng.choice(inside), fact.second]
        if not asker.speakable(view, axis, *row):
            continue
        asker.ranked.add((view, axis))
        sign = asker.rng.choice((-1, 1))
        if sign == 1:
            row.reverse()
        order = teller.pick(*ORDERS[axis, sign])
        tag = asker.tagging()
        listed = join(teller.names(shuffled(asker.rng, row), tag))
        bidding = teller.chance(0.5)
        comma = "," if order.startswith("starting") else ""
        if bidding:
            clauses = ("put {listed} in order, {order}", "arrange {listed}{comma} {order}")
        else:
            clauses = ("in what order do {listed} come, {order}", "how are {listed} ordered, {order}")
        clause = teller.pick(*clauses, listed=listed, order=order, comma=comma)
        question = asker.ask(view, clause, bidding)
        a, b, c = (teller.the(key) for key in row)
        text = teller.pick(
            "{order}: {a}, {b}, {c}",
            "first {a}, then {b}, and finally {c}",
            "the order{comma} {order}{comma} is {a}, {b} and then {c}",
            order=order, comma=comma, a=a, b=b, c=c,
        )  # fmt: skip
        return asker.add((question, asker.answer(view, axis, text)), row)
    return None


def _name_one(asker: Asker, view: str, axis: str) -> tuple[str, str] | None:
    """Name what is behind an object. All that is known to be there is named, up to three."""
    scene, teller = asker.scene, asker.teller(view)
    keys = list(scene.things)
    candidates = [key for key in asker.recent if key in keys] if asker.standing else []
    for key in [*candidates, *shuffled(asker.rng, keys)]:
        for sign in shuffled(asker.rng, (-1, 1)):
            there = [other for other in keys if scene.sign(view, axis, other, key) == sign]
            asked = ("name", view, axis, sign, key)
            if not 1 <= len(there) <= 3 or asked in asker.put or not asker.speakable(view, axis, key, *there):
                continue
            facts = [Fact(view, axis, *((other, key) if sign == -1 else (key, other))) for other in there]
            if asker.asked.issuperset(facts):
                continue
            asker.put.add(asked)
            for fact in facts:
                asker.take(fact)
            words = SIDES[axis, sign]
            named = teller.the(key, asker.tagging())
            clauses = NAMING[: 2 if teller.human(*there) else 4]
            clause = teller.pick(*clauses, words=words, named=named)
            question = asker.ask(view, clause, bidding=clause.startswith("name"))
            if len(there) == 1:
                text = teller.relate(facts[0], turned=sign == 1)
            else:
                named = teller.all_of(there)
                both = "both " if len(named) == len(there) == 2 else ""
                text = f"{both}{join(named)} are {words} {teller.the(key)}"
            return asker.add((question, asker.answer(view, axis, text)), there)
    return None


Kind = Callable[[Asker, str, str], tuple[str, str] | None]
PAIR_KINDS: tuple[Kind, ...] = (_which, _either, _where, _yes_no)
SET_KINDS: tuple[Kind, ...] = (between, _most, _order, _name_one)
