"""The layered description, written from the geometry: layer by layer, from near to far."""

import random

from spacesgg.offline_wording import COUNTS, Teller, join, sentence, shuffled
from spacesgg.scene import Fact, Scene

# An object costs some 45 tokens and a relation some 120; LLaVA's loader cuts a record at 2,048.
MAX_THINGS = 14
MAX_TOKENS_OF_RELATIONS = 500
TOKENS_OF_A_RELATION = 120


def describe(scene: Scene, rng: random.Random) -> str:
    """Return the description. Raises InputError when the scene has no layers."""
    layers = _fit(scene, scene.layers())
    if not layers:
        return _without_layers(scene, rng)
    teller = Teller(scene, rng)
    told: list[Fact] = []
    parts = []
    if len(layers) > 1 and rng.random() < 0.4:
        parts.append(_overview(teller, len(layers)))
    room = MAX_TOKENS_OF_RELATIONS // TOKENS_OF_A_RELATION - (len(teller.scene.things) > 9)
    budget = rng.randint(1, max(room, 1))
    for number, layer in enumerate(layers):
        new = [key for key in layer if key not in teller.named]
        known = [key for key in layer if key in teller.named]
        parts.append(sentence(_layer(teller, layers, number, shuffled(rng, new), known)))
        last = number == len(layers) - 1
        share = budget if last else rng.randint(0, min(budget, 2))
        facts = _facts(teller, set(new), told)[:share]
        budget -= len(facts)
        told += facts
        parts += _relations(teller, facts)
    return " ".join(parts)


def _fit(scene: Scene, layers: list[list[str]]) -> list[list[str]]:
    """Return the layers without the smallest objects where there are too many for one text."""
    placed = [key for key in scene.things if any(key in layer for layer in layers)]

    def area(key: str) -> float:
        x0, y0, x1, y1 = scene.things[key].box
        return abs((x1 - x0) * (y1 - y0))

    kept = set(sorted(placed, key=area, reverse=True)[:MAX_THINGS])
    return [left for layer in layers if (left := [key for key in layer if key in kept])]


def _without_layers(scene: Scene, rng: random.Random) -> str:
    """Return what can be said when no object has depth: that they are there."""
    teller = Teller(scene, rng)
    keys = list(scene.things)[:MAX_THINGS]
    there = teller.introduce(keys)
    return sentence(teller.pick(f"the picture shows {there}", f"{there} can be seen here", f"you can see {there}"))


def _overview(teller: Teller, count: int) -> str:
    number = COUNTS[count] if count < len(COUNTS) else str(count)
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


def _layer(teller: Teller, layers: list[list[str]], number: int, new: list[str], known: list[str]) -> str:
    """Return one layer's sentence. "Nearest" and "behind" are used only where every pair is known to be so."""
    scene, count = teller.scene, len(layers)
    others = [key for key in scene.things if key not in layers[number]]
    earlier = sorted(teller.named - set(known))
    if not new:
        reaching = teller.all(known)
        return (
            teller.pick(
                f"{reaching} {teller.verb('reaches', *known)[:None]} into the next layer as well",
                f"the layer after that is taken up by {reaching} again",
            )
            if not teller.plural(*known)
            else teller.pick(
                f"{reaching} reach into the next layer as well",
                f"the layer after that is taken up by {reaching} again",
            )
        )
    listed = teller.introduce(new)
    be = teller.be(*new)
    come = "come" if teller.plural(*new) else "comes"
    make = "make" if teller.plural(*new) else "makes"
    if count == 1:
        if len(new) == 1:
            options = [
                f"the picture shows {listed}",
                f"what stands out here {be} {listed}",
                f"you can see {listed}",
            ]
        else:
            options = [
                f"{listed} share a single layer of depth",
                f"there is only one layer to speak of, made up of {listed}",
                f"everything here falls into one layer: {listed}",
                f"{listed} all belong to the same layer" if len(new) > 2 else f"{listed} belong to the same layer",
            ]
    elif number == 0:
        options = [
            f"the foreground holds {listed}",
            f"{listed} {make} up the foreground",
            f"in the foreground {be} {listed}",
            f"in the foreground you can see {listed}",
            f"the scene opens with {listed} in the foreground",
            f"the front layer {_consists(teller)} {listed}",
            f"starting at the front, you find {listed}",
        ]
        if _precede(scene, layers[0], others):
            options += [
                f"closest to the camera {be} {listed}",
                f"nearest to the camera {be} {listed}",
                f"{listed} {be} the closest to the camera",
                f"right at the front, nearest to us, {be} {listed}",
            ]
    elif number == count - 1:
        options = [
            f"the background holds {listed}",
            f"{listed} {make} up the background",
            f"in the background {be} {listed}",
            f"the last layer {_consists(teller)} {listed}",
            f"finally, in the background, there {be} {listed}" if be == "is" else f"finally there are {listed}",
            f"the scene closes with {listed} in the background",
        ]
        if _precede(scene, others, layers[number]):
            options += [
                f"farthest away {be} {listed}",
                f"farthest from the camera {be} {listed}",
                f"at the very back {be} {listed}",
            ]
    else:
        options = [
            f"the next layer holds {listed}",
            f"then {come} {listed}",
            f"one layer deeper {be} {listed}",
            f"moving further into the scene, you find {listed}",
            f"after that {come} {listed}",
            f"the following layer {_consists(teller)} {listed}",
            f"in the next layer {be} {listed}",
        ]
    if number and not known and _precede(scene, earlier, new):
        them = "them" if len(earlier) > 1 or teller.plural(*earlier) else "that"
        options += [
            f"behind {them} {be} {listed}",
            f"farther back {be} {listed}",
            f"behind {them} {come} {listed}",
        ]
    told = teller.pick(*options)
    if known:
        reaching = teller.all(known)
        reach = "reach" if teller.plural(*known) else "reaches"
        extend = "extend" if teller.plural(*known) else "extends"
        told += teller.pick(
            f", and {reaching} {reach} back into this layer as well",
            f", with {reaching} stretching back this far too",
            f"; {reaching} {extend} into this layer too",
        )
    return told


def _consists(teller: Teller) -> str:
    return teller.pick("is made up of", "consists of", "contains")


def _facts(teller: Teller, new: set[str], told: list[Fact]) -> list[Fact]:
    """Return facts about what was just introduced, those within the layer and to the sides first."""
    pairs = {frozenset((fact.first, fact.second)) for fact in told}
    facts = [
        fact
        for fact in teller.scene.facts()
        if {fact.first, fact.second} <= teller.named
        and (fact.first in new or fact.second in new)
        and frozenset((fact.first, fact.second)) not in pairs
    ]
    weight = {"left": 0.0, "up": 0.25, "front": 0.4}
    ranked = sorted((teller.rng.random() + weight[fact.axis], i) for i, fact in enumerate(facts))
    chosen: list[Fact] = []
    for _, i in ranked:
        pair = frozenset((facts[i].first, facts[i].second))
        if pair not in pairs:
            pairs.add(pair)
            chosen.append(facts[i])
    return chosen


def _relations(teller: Teller, facts: list[Fact]) -> list[str]:
    """Return sentences for the facts; now and then two are joined, or one pair's two directions."""
    sentences = []
    waiting = list(facts)
    while waiting:
        fact = waiting.pop(0)
        text = _statement(teller, fact)
        if waiting and teller.chance(0.45):
            other = _statement(teller, waiting.pop(0))
            text += teller.pick(", while ", ", and ", "; ") + other
        opening = teller.pick("", "", "here, ", "in this view, ", "as the picture shows, ", "from the camera, ")
        sentences.append(sentence((opening if teller.chance(0.4) else "") + text))
    return sentences


def _statement(teller: Teller, fact: Fact) -> str:
    """Return one statement; where the same pair differs in another direction too, sometimes both."""
    tag = teller.chance(0.4)
    turned = teller.chance(0.5)
    sign = 1 if turned else -1
    a, b = (fact.second, fact.first) if turned else (fact.first, fact.second)
    others = [f for f in teller.scene.facts() if {f.first, f.second} == {a, b} and f.axis != fact.axis]
    if others and teller.chance(0.25):
        more = teller.rng.choice(others)
        first, second = fact, more
        subject = teller.the(a, tag)
        predicates = [
            teller.predicate(first, sign),
            teller.predicate(second, -1 if second.first == a else 1),
        ]
        return f"{subject} {teller.be(a)} {join(predicates)} {teller.the(b, tag)}"
    return teller.relate(fact, turned, tag)
