"""How the offline writer names objects and states relations.

Every relation goes through `Teller.relate` or a phrase of offline_phrases.py, from a `Fact` of the scene. A <pred>
tag is written only for what holds from the camera, or in any view (above, below), and only between objects
that the text has named before: a reader of the tags alone knows no other viewpoint.
"""

import itertools
import random
from collections.abc import Iterable, Sequence

from spacesgg import grounded_text, nouns
from spacesgg.offline_phrases import PLAINEST, PREDICATES, VIEWER, count_word, join
from spacesgg.scene import TELLING_WORDS, Fact, Scene

_STEM = 4  # letters that "farther" and "farthest", "nearer" and "nearest", "lower" and "lowest" have in common


class Teller:
    """Names objects so that no two can be confused, and remembers what the text has named.

    `view` is where the teller stands. Words that single out one of several alike are the camera's; elsewhere they
    would be taken for that viewer's own, so it is "the picture's leftmost chair", never "the leftmost chair in the
    picture": at the end of a sentence that would be heard as where the whole of it holds. Where no word does it is
    "one of the chairs", with its box.
    """

    def __init__(self, scene: Scene, rng: random.Random, view: str = "front"):
        self.scene = scene
        self.rng = rng
        self.view = view
        self.named: set[str] = set()
        self.tag_predicates = True
        self._used: set[str] = set()
        self._telling: dict[str, str] = {}

    def at(self, view: str) -> "Teller":
        """Return a teller of the same text who stands at `view`."""
        other = Teller(self.scene, self.rng, view)
        other.named, other._used, other._telling = self.named, self._used, self._telling
        return other

    def pick(self, *options: str, **words: str) -> str:
        """Return one of the options, a fresh one as long as there are any, with `words` put in."""
        fresh = [option for option in options if option not in self._used]
        if not fresh:
            self._used -= set(options)
            fresh = list(options)
        chosen = self.rng.choice(fresh)
        self._used.add(chosen)
        return chosen.format(**words) if words else chosen

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return self.rng.random() < probability

    def _tag(self, key: str) -> str:
        self.named.add(key)
        return self.scene.tag(key)

    def plural(self, *keys: str) -> bool:
        """Tell whether the objects together take "are"."""
        return len(keys) > 1 or self.scene.things[keys[0]].noun.plural

    def human(self, *keys: str) -> bool:
        """Tell whether there are people among the objects."""
        return any(self.scene.things[key].noun.human for key in keys)

    def be(self, *keys: str) -> str:
        """Return "is" or "are"."""
        return "are" if self.plural(*keys) else "is"

    def introduce(self, keys: Sequence[str], untold: Iterable[str] = ()) -> str:
        """Return the objects at their first mention: "a lamp, two chairs and another table".

        Of what has its like among `untold`, objects that the text leaves out, no number is given: "some horses".
        """
        parts, seen = [], set()
        uncounted = {self.scene.things[key].noun for key in untold}
        for key in keys:
            if key in seen:
                continue
            noun = self.scene.things[key].noun
            alike = [other for other in dict.fromkeys(keys) if self.scene.things[other].noun == noun]
            earlier = any(self.scene.things[other].noun == noun for other in self.named if other not in keys)
            if len(alike) > 1 and noun.article not in ("", "the") and not noun.mass:
                self.named.update(alike)
                parts.append(self._several(noun, alike, earlier, noun not in uncounted))
                seen.update(alike)
                continue
            another = earlier or any(self.scene.things[other].noun == noun for other in seen)
            article = noun.article
            if another:  # "another two women"
                article = "more" if noun.article in ("some", "the") else "another"
            parts.append(f"{article} {self._tag(key)}".strip())
            seen.add(key)
        return join(parts)

    def _several(self, noun: nouns.Noun, keys: Sequence[str], earlier: bool, counted: bool) -> str:
        """Return alike objects at their first mention: "two more chairs", "two pairs of scissors", "some skis"."""
        tagged = grounded_text.ref(noun.text if noun.plural else nouns.plural(noun.text), *keys)
        if noun.plural and not noun.paired:
            return f"{'more' if earlier else 'some'} {tagged}"
        number = count_word(len(keys)) if counted else "some"
        return f"{number} {'more ' if earlier else ''}{'pairs of ' if noun.paired else ''}{tagged}"

    def the(self, key: str, tag: bool = True) -> str:
        """Return the object as one that is known: "the lamp", "the leftmost chair", "one of the two chairs".

        With `tag` false the box is left out where the name alone leaves no doubt.
        """
        noun = self.scene.things[key].noun
        twins = self.scene.twins(key)
        if not twins:
            return f"the {self._tag(key) if tag else noun.text}"
        if word := self.telling_word(key):
            return f"the {self._whose(word)}{word} {self._tag(key)}"
        if noun.mass:
            return f"some of the {self._tag(key)}"
        if noun.plural:
            return f"some {self._tag(key)}"
        self.named.add(key)
        alike = all(self.scene.things[twin].noun == noun for twin in twins)
        count = f"{count_word(len(twins) + 1)} " if alike else ""
        return f"one of the {count}{grounded_text.ref(nouns.plural(noun.text), key)}"

    def _whose(self, word: str) -> str:
        """Return what says that a telling word is the camera's, where another viewer's could be meant."""
        if self.view == "front" or word in TELLING_WORDS["up"]:
            return ""
        labels = " ".join(thing.noun.text for thing in self.scene.things.values()).lower()
        return f"{'photo' if 'picture' in labels else 'picture'}'s "

    def telling_word(self, key: str) -> str:
        """Return what tells the object from its twins, the same throughout the text; "" where nothing does.

        Twins are told apart in one direction where they can be: not as "left-hand" and "nearer". Those that are
        nearer in the picture are so only while depth is not the topic, nor seen from elsewhere, so other words
        go before.
        """
        if key not in self._telling:
            words = self.scene.telling_words(key)
            words = [word for word in words if word not in TELLING_WORDS["front"]] or words
            said = {self._telling.get(twin) for twin in self.scene.twins(key)}
            fitting = [w for w in words if any(w in axis and said & {*axis} for axis in TELLING_WORDS.values())]
            self._telling[key] = self.rng.choice(fitting or words) if words else ""
        return self._telling[key]

    def says_nothing(self, fact: Fact) -> bool:
        """Tell whether the names say it already: "the left-hand chair is to the left of the right-hand chair".

        From elsewhere, "the picture's nearer chair is behind its farther chair" sounds like a slip.
        """
        if fact.view != "front" and fact.axis == "left":
            return False
        words = {self.telling_word(fact.first), self.telling_word(fact.second)}
        return fact.second in self.scene.twins(fact.first) and not words.isdisjoint(TELLING_WORDS[fact.axis])

    def give_away(self, axis: str, keys: Iterable[str]) -> bool:
        """Tell whether the names of some of the objects say how these lie along `axis`."""
        pairs = itertools.combinations(keys, 2)
        return any(self.says_nothing(Fact(self.view, axis, *pair)) for pair in pairs)

    def awkward(self, axis: str, *keys: str) -> bool:
        """Tell whether the names sound odd for what is told along `axis`.

        So does depth, or another viewer's sight, of "the picture's nearer chair"; and "seen from behind, the
        picture's left-hand chair is to the right of its right-hand chair". "The lowest ball is left of the
        nearest ball" leaves a reader to find out which is which.
        """
        words = {key: self.telling_word(key) for key in keys if self.scene.twins(key)}
        turned = axis == "left" and any(
            words[key] in TELLING_WORDS["left"] and not words.keys().isdisjoint(self.scene.twins(key))
            for key in words
        )
        mixed = any(
            self._direction(words[a]) != self._direction(words[b])
            for a, b in itertools.combinations(words, 2)
            if b in self.scene.twins(a)
        )
        deep = not set(words.values()).isdisjoint(TELLING_WORDS["front"])
        return mixed or (deep and (self.view != "front" or axis == "front")) or (turned and self.view != "front")

    @staticmethod
    def _direction(word: str) -> str:
        """Return the axis along which a telling word tells."""
        return next((axis for axis, words in TELLING_WORDS.items() if word in words), "")

    def names(self, keys: Sequence[str], tag: bool = True) -> list[str]:
        """Return the names of known objects for one list of them."""
        return [self.the(key, tag) for key in keys]

    def all_of(self, keys: Sequence[str]) -> list[str]:
        """Return the names of known objects for a list; all of a kind are "both cups" or "all three cups"."""
        named: dict[str, str] = {}  # by the first of them
        for key in keys:
            kind = [other for other in keys if other == key or other in self.scene.twins(key)]
            noun = self.scene.things[key].noun
            whole = {key, *self.scene.twins(key)} == set(kind) and not (noun.plural or noun.mass)
            if len(kind) > 1 and whole and all(self.scene.things[other].noun == noun for other in kind):
                self.named.update(kind)
                count = "both" if len(kind) == 2 else f"all {count_word(len(kind))}"
                named[kind[0]] = f"{count} {grounded_text.ref(nouns.plural(noun.text), *kind)}"
            else:
                named[key] = ""
        single = [key for key in named if not named[key]]
        named.update(zip(single, self.names(single), strict=True))
        return list(named.values())

    def together(self, keys: Sequence[str]) -> str:
        """Return the objects as known ones, those that no name singles out as "three of the horses"."""
        parts, grouped = [], set()
        for key in keys:
            noun = self.scene.things[key].noun
            nameless = [
                other
                for other in keys
                if self.scene.things[other].noun == noun
                and self.scene.twins(other)
                and not self.telling_word(other)
            ]
            if key not in nameless or len(nameless) == 1 or noun.plural or noun.mass:
                parts.append(self.the(key))
            elif key not in grouped:
                grouped.update(nameless)
                self.named.update(nameless)
                parts.append(
                    f"{count_word(len(nameless))} of the {grounded_text.ref(nouns.plural(noun.text), *nameless)}"
                )
        return join(parts)

    def relate(self, fact: Fact, turned: bool = False, tag: bool = True, manner: int | None = None) -> str:
        """Return "the lamp is above the desk" (or, `turned`, "the desk is below the lamp")."""
        a, b, sign = (fact.second, fact.first, 1) if turned else (fact.first, fact.second, -1)
        subject = self.the(a, tag)
        return f"{subject} {self.be(a)} {self.predicate(fact, sign, manner)} {self.the(b, tag)}"

    def manner(self, axis: str, sign: int = -1) -> int:
        """Return a place in PREDICATES: within a sentence, who says "left of" does not go on "farther right"."""
        options = PREDICATES[axis, sign]
        return PLAINEST if self.chance(0.35) else options.index(self.pick(*options))

    def predicate(self, fact: Fact, sign: int, manner: int | None = None, tag: bool = True) -> str:
        """Return the predicate of the fact's first (sign −1) or second (sign 1) object, tagged where it may be."""
        if manner is None:
            manner = self.manner(fact.axis, sign)
            manner = PLAINEST if self._echoes(PREDICATES[fact.axis, sign][manner], fact) else manner
        words = PREDICATES[fact.axis, sign][manner].format(viewer=VIEWER[fact.view])
        a, b = (fact.first, fact.second) if sign == -1 else (fact.second, fact.first)
        everywhere = fact.view == "front" or fact.axis == "up"
        if tag and self.tag_predicates and everywhere and {a, b} <= self.named:
            return grounded_text.pred(words, a, b)
        return words

    def _echoes(self, words: str, fact: Fact) -> bool:
        """Tell whether a name begins as the predicate does: "the farther chair is farther right than the cup"."""
        names = (self.telling_word(key) for key in (fact.first, fact.second) if self.scene.twins(key))
        return any(name[:_STEM] == words[:_STEM] for name in names if name)

    def predicates(self, facts: Sequence[Fact], subject: str) -> str:
        """Return the predicates of facts about one pair, told of `subject`: "above and to the left of"."""
        manner = PLAINEST if len(facts) > 1 else None
        return join([self.predicate(fact, -1 if fact.first == subject else 1, manner) for fact in facts])
