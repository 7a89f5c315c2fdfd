"""The layered description, written from the geometry: layer by layer, from near to far."""

import random
import re
from collections import Counter

from spacesgg import offline_room
from spacesgg.errors import InputError
from spacesgg.offline_phrases import count_word, join, sentence, shuffled
from spacesgg.offline_wording import Teller
from spacesgg.scene import Fact, Scene

MAX_TOKENS_OF_RELATIONS = 500
TOKENS_OF_A_RELATION = 120


def describe(scene: Scene, rng: random.Random) -> str:
    """Return the description.

    Raises InputError where it could not be true or would tell nothing: an object whose depth is unknown, so that
    it is in no layer, may be the nearest of all (but the sky, which needs no depth to be behind everything); and
    a single object is neither up front nor at the back.
    """
    unplaced = scene.unplaced()
    if lost := [key for key in unplaced if key in scene.placed]:
        named = join([f"{scene.things[key].label} {key}" for key in lost])
        raise InputError(f"no layered description: in no layer, for its depth is unknown, is {named}")
    if len(scene.things) - len(unplaced) < 2:
        raise InputError("no layered description: there is but one object, nothing in front of it or behind")
    layers = offline_room.fit(scene)
    whole = layers == scene.layers()
    teller = Teller(scene, rng)
    told: list[Fact] = []
    parts = []
    if offline_room.untold(scene, layers):
        parts.append(sentence(teller.pick(*CROWDED)))
    elif len(layers) > 1 and whole and rng.random() < 0.4:
        parts.append(_overview(teller, len(layers)))
    spare = offline_room.spare(scene, layers, MAX_TOKENS_OF_RELATIONS)
    room = spare // TOKENS_OF_A_RELATION - (len(teller.scene.things) > 9)
    budget = rng.randint(min(room, 1), room) if room > 0 else 0
    for number, layer in enumerate(layers):
        new = [key for key in layer if key not in teller.named]
        known = [key for key in layer if key in teller.named]
        parts.append(sentence(_layer(teller, layers, number, shuffled(rng, new), known, whole)))
        last = number == len(layers) - 1
        share = budget if last else rng.randint(0, min(budget, 2))
        facts = _facts(teller, set(new), told)[:share]
        budget -= len(facts)
        told += facts
        parts += _relations(teller, facts)
    if budget and rng.random() < 0.5 and (row := _row(teller)):
        parts.append(row)
    if unplaced and spare >= TOKENS_OF_A_RELATION:
        parts.append(sentence(teller.pick(*SKY, listed=teller.introduce(unplaced), be=teller.be(*unplaced))))
    return " ".join(parts)


def _overview(teller: Teller, count: int) -> str:
    number = count_word(count)
    return sentence(
        teller.pick(
            f"the scene falls into {number} layers",
            f"from front to back, there are {number} layers to this scene",
            f"going by depth, the view splits into {number} parts",
            f"there are {number} layers here, taken from near to far",
            f"depth divides this scene into {number} layers",
        )
    )


def _precede(scene: Scene, before: list[str], after: list[str]) -> bool:
    return bool(before and after) and all(scene.before("front", "front", a, b) for a in before for b in after)


# What opens a text that does not tell everything. Within a layer there is no order.
CROWDED = (
    "there is a lot to see here; these are the larger things, layer by layer from near to far",
    "this is a crowded scene, of which only the larger things are told here, layer by layer from front to back",
    "many things are in view; the larger ones, from the nearest layer to the farthest, are these",
)
# Sentences that put a layer in its place. {listed} is what is new in it; the verbs agree with that.
ONLY_LAYER = (
    "there is only one layer of depth here, and it holds {listed}",
    "depth does not divide this scene: {listed} share one layer",
    "taken by depth, this scene is a single layer, made up of {listed}",
    "everything here falls into one layer of depth: {listed}",
    "{listed} share a single layer of depth, and there is no second one",
)
FIRST = (
    "the foreground holds {listed}",
    "{listed} {make} up the foreground",
    "in the foreground {be} {listed}",
    "in the foreground you can see {listed}",
    "the scene opens with {listed} in the foreground",
    "the front layer consists of {listed}",
    "starting at the front, you find {listed}",
    "up front {be} {listed}",
)
BEGINNING = ("{listed} {come} first", "to begin with, there {be} {listed}")
NEAREST = (
    "closest to the camera {be} {listed}",
    "nearest to the camera {be} {listed}",
    "{listed} {be} the closest to the camera",
    "right at the front, nearest to the camera, {be} {listed}",
)
MIDDLE = (
    "the next layer holds {listed}",
    "then {come} {listed}",
    "one layer deeper {be} {listed}",
    "moving further into the scene, you find {listed}",
    "after that {come} {listed}",
    "the following layer is made up of {listed}",
    "next in depth {come} {listed}",
    "going on from there, you find {listed}",
)
BEHIND_ONE = ("beyond that {be} {listed}", "farther back {be} {listed}")
BEHIND_SEVERAL = ("behind them {be} {listed}", "farther back {be} {listed}", "behind them {come} {listed}")
LAST = (
    "the background holds {listed}",
    "{listed} {make} up the background",
    "in the background {be} {listed}",
    "the last layer consists of {listed}",
    "finally {come} {listed}",
    "the scene closes with {listed} in the background",
    "that leaves {listed} in the background",
)
FARTHEST = (
    "farthest away {be} {listed}",
    "farthest from the camera {be} {listed}",
    "at the very back {be} {listed}",
)
# What says that no more is there, in the layer or before it.
WHOLE = re.compile(r"\{make\}|made up|consists|leaves|everything|next layer|layer deeper")
SKY = ("{listed} can be seen as well", "{listed} {be} in view, too", "to be seen as well {be} {listed}")
MOVING = re.compile("starting at|moving further|going on")  # who goes finds one thing after another
OF_SEVERAL = re.compile(r"\{make\} up|made up|consists")  # a single thing makes nothing up
SKYLESS = re.compile(r"everything|leaves|up the background")  # what would deny it
REACHING = (
    ", and {reaching} {reach} back into this layer as well",
    ", with {reaching} stretching back this far too",
    "; {reaching} {extend} into this layer too",
)
ONLY_REACHING = (
    "{reaching} {reach} into the next layer as well",
    "the layer after that is taken up by {reaching} again",
    "{reaching} {extend} through one more layer",
)


def _layer(
    teller: Teller, layers: list[list[str]], number: int, new: list[str], known: list[str], whole: bool
) -> str:
    """Return one layer's sentence. "Nearest" and "behind" are used only where every pair is known to be so.

    `whole`: the text tells everything that is in the layers, and of all layers.
    """
    scene, last = teller.scene, len(layers) - 1
    words = {"reach": "reaches", "extend": "extends"}
    if new:  # what no name singles out is not worth a second mention
        known = [key for key in known if scene.nameable(key)]
    if known:
        words = {"reach": "reach", "extend": "extend"} if teller.plural(*known) else words
        words["reaching"] = teller.together(known)
    if not new:
        return teller.pick(*ONLY_REACHING, **words)
    # Objects that no text names have a place too: what is "nearest" must be nearer than those as well.
    others = [key for key in scene.things if key not in layers[number]]
    earlier = [key for layer in layers[:number] for key in layer]
    several = number > 0 and teller.plural(*layers[number - 1])  # "them" is what the sentence before spoke of
    come, make = ("come", "make") if teller.plural(*new) else ("comes", "makes")
    words |= {
        "be": teller.be(*new),
        "come": come,
        "make": make,
        "listed": teller.introduce(new, offline_room.untold(scene, layers)),
    }
    measured = scene.layers()  # of which the first and the last may be too small to tell
    if len(measured) == 1:
        options = ONLY_LAYER
    elif number == 0:
        beaten = [key for key in others if key in scene.placed]
        options = FIRST if set(new) <= set(measured[0]) else BEGINNING
        options += NEAREST if _precede(scene, layers[0], beaten) else ()
    else:
        options = MIDDLE
        if number == last:
            options = LAST if set(new) <= set(measured[-1]) else MIDDLE  # beyond which there is more
            options += FARTHEST if _precede(scene, others, layers[number]) else ()
        if not known and _precede(scene, earlier, new):
            options += BEHIND_SEVERAL if several else BEHIND_ONE
    if not whole:  # what is told is there, but is not all of it
        options = tuple(option for option in options if not WHOLE.search(option))
    if not teller.plural(*new):
        options = tuple(option for option in options if not OF_SEVERAL.search(option))
    if not scene.in_order("front", "front", new):
        options = tuple(option for option in options if not MOVING.search(option))
    if scene.unplaced():
        options = tuple(option for option in options if not SKYLESS.search(option))
    told = teller.pick(*options, **words)
    return told + teller.pick(*REACHING, **words) if known else told


def _facts(teller: Teller, new: set[str], told: list[Fact]) -> list[Fact]:
    """Return facts about what was just introduced, those within the layer and to the sides first."""
    pairs = {frozenset((fact.first, fact.second)) for fact in told}
    facts = [
        fact
        for fact in teller.scene.tellable_facts()
        if {fact.first, fact.second} <= teller.named
        and (fact.first in new or fact.second in new)
        and frozenset((fact.first, fact.second)) not in pairs
        and teller.scene.nameable(fact.first, fact.second)
        and not teller.awkward(fact.axis, fact.first, fact.second)
        and teller.named.issuperset(teller.scene.twins(fact.first) + teller.scene.twins(fact.second))
        and not teller.says_nothing(fact)
    ]
    weight = {"left": 0.0, "up": 0.25, "front": 0.4}
    ranked = sorted((teller.rng.random() + weight[fact.axis], i) for i, fact in enumerate(facts))
    chosen: list[Fact] = []
    spoken: Counter[str] = Counter()  # of each object two statements are enough, they make one sentence
    for _, i in ranked:
        pair = frozenset((facts[i].first, facts[i].second))
        if pair not in pairs and all(spoken[key] < 2 for key in pair):
            pairs.add(pair)
            spoken.update(pair)
            chosen.append(facts[i])
    return chosen


def _relations(teller: Teller, facts: list[Fact]) -> list[str]:
    """Return sentences for the facts; two about one object are joined on it, others now and then."""
    sentences = []
    waiting = list(facts)
    while waiting:
        fact = waiting.pop(0)
        common = [other for other in waiting if {fact.first, fact.second} & {other.first, other.second}]
        if waiting and (common or teller.chance(0.5)):
            other = (common or waiting)[0]
            waiting.remove(other)
            text = _joined(teller, fact, other)
        else:
            text = _statement(teller, fact)
        # not "from the camera, the lamp is closer to the camera"
        openings = ("in this view, ", "as seen here, ", "from where the camera stands, ", "from the camera, ")
        opening = teller.pick(*openings[: 2 if "camera" in text else 4])
        sentences.append(sentence((opening if teller.chance(0.25) else "") + text))
    return sentences


def _joined(teller: Teller, one: Fact, other: Fact) -> str:
    common = {one.first, one.second} & {other.first, other.second}
    manner = teller.manner(one.axis) if one.axis == other.axis else None
    if not common:
        link = teller.pick(", while ", ", and ", "; ")
        return _statement(teller, one, manner) + link + _statement(teller, other, manner)
    subject = min(common)
    told = [f"{teller.the(subject, teller.chance(0.4))} {teller.be(subject)}"]
    alike = one.axis == other.axis and (one.first == subject) == (other.first == subject)
    objects = [fact.second if fact.first == subject else fact.first for fact in (one, other)]
    if alike and len(both := teller.all_of(objects)) == 1:  # "left of both cups": a tag relates two objects
        told.append(teller.predicate(one, -1 if one.first == subject else 1, manner, tag=False))
        return " ".join([*told, *both])
    for fact, link in ((one, ""), (other, "and")):
        object_ = fact.second if fact.first == subject else fact.first
        predicate = teller.predicate(fact, -1 if fact.first == subject else 1, manner)
        said = (link,) if link and alike else (link, predicate)  # "behind the lamp and the desk"
        told += [*filter(None, said), teller.the(object_, teller.chance(0.4))]
    return " ".join(told)


def _statement(teller: Teller, fact: Fact, manner: int | None = None) -> str:
    """Return one statement; where the same pair differs in another direction too, sometimes both."""
    tag = teller.chance(0.4)
    turned = teller.chance(0.5)
    a, b = (fact.second, fact.first) if turned else (fact.first, fact.second)
    others = [
        f
        for f in teller.scene.pair_facts("front", a, b)
        if f.axis != fact.axis and not teller.says_nothing(f) and not teller.awkward(f.axis, a, b)
    ]
    if not others or manner is not None or teller.chance(0.75):
        return teller.relate(fact, turned, tag, manner)
    subject = teller.the(a, tag)
    predicates = teller.predicates([fact, teller.rng.choice(others)], a)
    return f"{subject} {teller.be(a)} {predicates} {teller.the(b, tag)}"


def _row(teller: Teller) -> str | None:
    """Return a sentence on three of the named objects from left to right, where their order is known."""
    scene, named = teller.scene, teller.named
    rows = [
        (fact.first, middle, fact.second)
        for fact in scene.facts("front", ["left"])
        for middle in scene.between("front", "left", fact.first, fact.second)
        if {fact.first, middle, fact.second} <= named and scene.nameable(fact.first, middle, fact.second)
    ]
    if not rows:
        return None
    row = list(teller.rng.choice(rows))
    order = teller.pick("from left to right", "going from left to right", "from right to left")
    if order == "from right to left":
        row.reverse()
    a, b, c = (teller.the(key, tag=False) for key in row)
    told = teller.pick(
        "{order}, there {be} {a}, {b} and {c}", "{order}, {a} {come} first, then {b} and then {c}",
        "{a}, {b} and {c} follow each other {order}",
        order=order.removeprefix("going "), a=a, b=b, c=c, be=teller.be(row[0]),
        come="come" if teller.plural(row[0]) else "comes",
    )  # fmt: skip
    return sentence(told)
