"""The words of the offline writer: how it names objects, states relations and says where one stands.

Every relation goes through `Teller.relate` or a phrase of this module, from a `Fact` of the scene. A <pred>
tag is written only for what holds from the camera, or in any view (above, below), and only between objects
that the text has named before: a reader of the tags alone knows no other viewpoint.
"""

import random
from collections.abc import Iterable, Sequence

from spacesgg import grounded_text, nouns
from spacesgg.scene import Fact, Scene

# (axis, sign) → what may be said of a subject whose sign against the object it is. "{viewer}" is who looks.
PREDICATES = {
    ("left", -1): ("to the left of", "left of", "farther left than", "more to the left than"),
    ("left", 1): ("to the right of", "right of", "farther right than", "more to the right than"),
    ("up", -1): ("above", "higher up than", "at a greater height than"),
    ("up", 1): ("below", "lower down than", "lower than"),
    ("front", -1): ("in front of", "nearer than", "closer to {viewer} than", "nearer to {viewer} than"),
    ("front", 1): ("behind", "farther back than", "farther from {viewer} than", "farther away than"),
}
VIEWER = {"front": "the camera", "left": "you", "right": "you", "back": "you"}
# Phrases that open a clause.
SEEN_FROM = {
    "left": (
        "seen from the left side of the scene",
        "viewed from the left-hand side",
        "from the left end of the scene, looking to the right",
        "looking across from the left",
    ),
    "right": (
        "seen from the right side of the scene",
        "viewed from the right-hand side",
        "from the right end of the scene, looking to the left",
        "looking across from the right",
    ),
    "back": (
        "seen from behind the scene",
        "viewed from the far side",
        "from the back of the scene, looking toward the camera",
        "looking back from the far end",
    ),
}
# Phrases that follow "imagine", "suppose" and "if".
STANDING = {
    "left": (
        "you are standing at the left side of the scene, looking to the right",
        "you are at the left edge of this place and face right",
        "you have walked over to the left-hand side and look across to the right",
    ),
    "right": (
        "you are standing at the right side of the scene, looking to the left",
        "you are at the right edge of this place and face left",
        "you have walked over to the right-hand side and look across to the left",
    ),
    "back": (
        "you are standing behind the scene, looking back at the camera",
        "you are at the far end of this place and face the camera",
        "you have walked around to the back and look toward the photographer",
    ),
}
FROM_THERE = ("from there", "from that side", "seen from there", "from that position", "from that spot")
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def sentence(text: str, end: str = ".") -> str:
    """Return `text` with a capital and a full stop (or `end`), unless it ends in one already."""
    text = text.strip()
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else end)


def join(parts: Sequence[str], last: str = "and") -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


class Teller:
    """Names objects so that no two can be confused, and remembers what the text has named.

    `view` is where the teller stands. From elsewhere than the camera, words that single out one of several
    alike ("the leftmost chair") would be taken for that viewer's own, so only the box tells them apart.
    """

    def __init__(self, scene: Scene, rng: random.Random, view: str = "front"):
        self.scene = scene
        self.rng = rng
        self.view = view
        self.named: set[str] = set()
        self.tag_predicates = True
        self._used: set[str] = set()

    def pick(self, *options: str) -> str:
        """Return one of the options, a fresh one as long as there are any."""
        fresh = [option for option in options if option not in self._used]
        if not fresh:
            self._used -= set(options)
            fresh = list(options)
        chosen = self.rng.choice(fresh)
        self._used.add(chosen)
        return chosen

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return self.rng.random() < probability

    def _tag(self, key: str) -> str:
        self.named.add(key)
        return self.scene.tag(key)

    def plural(self, *keys: str) -> bool:
        """Tell whether the objects together take "are"."""
        return len(keys) > 1 or self.scene.things[keys[0]].noun.plural

    def be(self, *keys: str) -> str:
        """Return "is" or "are"."""
        return "are" if self.plural(*keys) else "is"

    def verb(self, singular: str, *keys: str) -> str:
        """Return the verb for the objects: "comes" or "come"; `singular` ends in the s that is dropped."""
        return singular[:-1] if self.plural(*keys) else singular

    def introduce(self, keys: Sequence[str]) -> str:
        """Return the objects at their first mention: "a lamp, two chairs and another table"."""
        parts, seen = [], set()
        for key in keys:
            if key in seen:
                continue
            noun = self.scene.things[key].noun
            alike = [other for other in keys if self.scene.things[other].noun == noun]
            earlier = any(self.scene.things[other].noun == noun for other in self.named if other not in keys)
            countable = not (noun.plural or noun.mass or noun.article in ("", "the"))
            if 1 < len(alike) < len(COUNTS) and countable and not earlier and self.chance(0.7):
                self.named.update(alike)
                tagged = grounded_text.ref(nouns.plural(noun.text), *alike)
                parts.append(f"{COUNTS[len(alike)]} {tagged}")
                seen.update(alike)
                continue
            another = earlier or any(self.scene.things[other].noun == noun for other in seen)
            article = noun.article
            if another:
                article = "more" if noun.plural or noun.mass else "another" if noun.article != "the" else "more"
            parts.append(f"{article} {self._tag(key)}".strip())
            seen.add(key)
        return join(parts)

    def the(self, key: str, tag: bool = True) -> str:
        """Return the object as one that is known: "the lamp", "the leftmost chair", with its box where needed.

        With `tag` false the box is left out where the name alone leaves no doubt.
        """
        noun = self.scene.things[key].noun
        twins = self.scene.twins(key)
        name = self._tag(key) if tag or twins else noun.text
        words = self.scene.telling_words(key) if self.view == "front" else []
        if words:
            return f"the {self.rng.choice(words)} {name}"
        return f"the {name}"

    def all(self, keys: Sequence[str]) -> str:
        """Return the objects as known ones, joined by "and"."""
        return join([self.the(key) for key in keys])

    def relate(self, fact: Fact, turned: bool = False, tag: bool = True) -> str:
        """Return "the lamp is above the desk" (or, `turned`, "the desk is below the lamp")."""
        a, b, sign = (fact.second, fact.first, 1) if turned else (fact.first, fact.second, -1)
        subject = self.the(a, tag)
        return f"{subject} {self.be(a)} {self.predicate(fact, sign)} {self.the(b, tag)}"

    def predicate(self, fact: Fact, sign: int) -> str:
        """Return the predicate of the fact's first (sign −1) or second (sign 1) object, tagged where it may be."""
        options = [words.format(viewer=VIEWER[fact.view]) for words in PREDICATES[fact.axis, sign]]
        words = options[0] if self.chance(0.35) else self.pick(*options)
        a, b = (fact.first, fact.second) if sign == -1 else (fact.second, fact.first)
        everywhere = fact.view == "front" or fact.axis == "up"
        if self.tag_predicates and everywhere and {a, b} <= self.named:
            return grounded_text.pred(words, a, b)
        return words


def shuffled(rng: random.Random, items: Iterable) -> list:
    """Return the items in random order."""
    items = list(items)
    rng.shuffle(items)
    return items
