"""What is known about one image: its objects, its layers, and who is where, seen from four sides.

Nothing here is guessed. A relation is known only where the annotation's sign is −1 or +1. `relation` gives that
sign as it was measured, and whoever checks a text holds it against that. All else here is for those who write. Of
left and right in the camera's own view it leaves out what the picture seems to deny: a far thing may be left of a
near one in metres and yet be seen before its middle, or past its other side; nobody who looks there would say so.
"""

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from spacesgg import annotations, grounded_text, label_kinds, nouns
from spacesgg.errors import InputError

VIEWS = ("front", "left", "right", "back")
AXES = ("left", "up", "front")  # the order of the signs in an order_list

# axis → adjectives that single out, from the camera, one of several alike: the first of two, the first of more,
# the last of two, the last of more, the one amid three.
TELLING_WORDS = {
    "left": ("left-hand", "leftmost", "right-hand", "rightmost", "middle"),
    "front": ("nearer", "nearest", "farther", "farthest"),
    "up": ("upper", "topmost", "lower", "lowest"),
}


# Two boxes of which one is left of the other part by this share of the smaller one's width, from centre to centre:
# less, and who looks at the picture sees the one in front of the other.
PARTED = 0.5


class Thing(NamedTuple):
    """One object: `key` is its grounding box as text, `box` its [x0, y0, x1, y1] in pixels."""

    key: str
    label: str
    box: list[float]
    noun: nouns.Noun


class Fact(NamedTuple):
    """`first` is left of, above or in front of `second`, by `axis`, for a viewer at `view`."""

    view: str
    axis: str
    first: str
    second: str


class Scene:
    """One image's annotation entry, read for the prompts.

    image        path, as in the annotation file
    caption      str, "" when there is none
    description  layered description, "" when there is none
    things       key → Thing, in the entry's order
    placed       the keys of those that are somewhere, as the sky is not: "nearest of all" is said of these
    metric       facts in metres, for metric depth only; None where there are none
    """

    def __init__(self, image: str, things: Iterable[Thing]):
        self.image = image
        self.caption = ""
        self.description = ""
        self.things = {thing.key: thing for thing in things}
        self._place = {key: number for number, key in enumerate(self.things)}
        self.placed = [thing.key for thing in self.things.values() if label_kinds.has_place(thing.label)]
        self.metric: dict[str, Any] | None = None
        self._malformed: set[str] = set()  # keys that are in the entry, and of no thing
        self._layers: dict[str, list[list[str]]] = {}
        self._signs: dict[str, dict[tuple[str, str], tuple[int, int, int]]] = {}
        # (view, axis) → key → the keys known to come after it; the same for those before it.
        self._after: dict[tuple[str, str], dict[str, set[str]]] = {}
        self._before: dict[tuple[str, str], dict[str, set[str]]] = {}
        self._facts: dict[tuple[str, str], list[Fact]] = {}
        self._twins = self._find_twins()
        self._telling: dict[str, list[str]] = {}

    @classmethod
    def from_entry(cls, image: str, entry: dict[str, Any]) -> "Scene":
        """Read an annotation entry. Raises InputError when it is malformed or has no object.

        What would be an object and is malformed is in no scene, nor are the places and pairs that it has.
        """
        objects, failures = annotations.sound_objects(image, entry, "no other object is there")
        things = [Thing(o.key, o.label, o.box, nouns.noun(o.label)) for o in objects]
        if not things:
            nothing = "the entry has no object, so there is nothing to write about"
            raise InputError(failures[0]["reason"] if failures else nothing)
        scene = cls(image, things)
        scene._malformed = {failure["object"] for failure in failures}
        scene.caption = grounded_text.plain(str(entry.get("caption_annotation") or "")).strip()
        scene.description = str(entry.get("description") or "").strip()
        views = entry.get("views") or {}
        if not isinstance(views, dict) or not all(isinstance(seen, dict) for seen in views.values()):
            raise InputError('"views": expected "left", "right" and "back", each an object')
        for view, seen in {"front": entry, **{name: views[name] for name in VIEWS[1:] if name in views}}.items():
            if seen.get("levels") is not None:
                scene._layers[view] = scene._read_layers(view, seen["levels"])
            if seen.get("order_list") is not None:
                scene._signs[view] = scene._read_signs(view, seen["order_list"])
            scene._index(view)
        return scene

    def _index(self, view: str) -> None:
        """Order the signs of a view by axis: scenes of forty objects have a thousand pairs."""
        for position, axis in enumerate(AXES):
            after = {key: set() for key in self.things}
            before = {key: set() for key in self.things}
            for (a, b), signs in self._signs.get(view, {}).items():
                denied = (view, axis) == ("front", "left") and not self._seen_to_part(a, b)
                if signs[position] == -1 and not denied:
                    after[a].add(b)
                    before[b].add(a)
            self._after[view, axis], self._before[view, axis] = after, before
            self._facts[view, axis] = [
                Fact(view, axis, a, b) for a in self.things for b in self.things if b in after[a]
            ]

    def _seen_to_part(self, left: str, right: str) -> bool:
        """Tell whether the boxes, too, show one left of the other: both edges in that order, the centres apart."""
        spans = [self.things[key].box[::2] for key in (left, right)]
        if any(start == end for start, end in spans):  # without width it tells nothing; the keys are boxes, too
            spans = [sorted(grounded_text.boxes(key)[0][::2]) for key in (left, right)]
        (a0, a1), (b0, b1) = spans
        return a0 < b0 and a1 < b1 and (b0 + b1 - a0 - a1) / 2 >= PARTED * min(a1 - a0, b1 - b0)

    def _find_twins(self) -> dict[str, list[str]]:
        names = {key: thing.noun.text for key, thing in self.things.items()}
        different = set(names.values())
        means = {a: {b for b in different if nouns.could_mean(a, b)} for a in different}
        return {a: [b for b in names if b != a and names[b] in means[names[a]]] for a in names}

    def _read_layers(self, view: str, levels: Any) -> list[list[str]]:
        if not annotations.are_levels(levels):
            raise InputError(f'"levels" ({view}): expected a list of lists of object keys')
        keys = [key for level in levels for key in level]
        if unknown := [key for key in keys if key not in self.things and key not in self._malformed]:
            raise InputError(f'"levels" ({view}) names {unknown[0]}, which is no object of the entry')
        known = ([key for key in level if key in self.things] for level in levels)
        return [level for level in known if level]

    def _read_signs(self, view: str, order_list: Any) -> dict[tuple[str, str], tuple[int, int, int]]:
        if not isinstance(order_list, dict):
            raise InputError(f'"order_list" ({view}): expected "KEY_A>KEY_B" → [left, up, front]')
        found = {}
        for pair, signs in order_list.items():
            a, _, b = pair.partition(">")
            if lost := {a, b} - self.things.keys():
                if lost <= self._malformed:
                    continue
                raise InputError(
                    f'"order_list" ({view}) has the pair {pair}, which is not of two objects of the entry'
                )
            if not isinstance(signs, list) or len(signs) != 3 or any(sign not in (-1, 0, 1) for sign in signs):
                raise InputError(
                    f'"order_list" ({view}), {pair}: expected three signs −1, 0 or 1, found {signs!r}'
                )
            found[a, b] = tuple(signs)
            found[b, a] = tuple(-sign for sign in signs)
        return found

    def layers(self, view: str = "front") -> list[list[str]]:
        """Return the layers of keys, nearest first. Raises InputError naming the stage that writes them."""
        if view not in self._layers:
            stage = "layers_aggregation.py or multiview_layers.py" if view == "front" else "multiview_layers.py"
            raise InputError(self._missing(view, "levels", stage))
        return self._layers[view]

    def need_relations(self, view: str = "front") -> None:
        """Raise InputError naming the stage to run when nothing was measured for `view`."""
        if view not in self._signs:
            raise InputError(self._missing(view, "order_list", "multiview_layers.py"))

    @staticmethod
    def _missing(view: str, key: str, stage: str) -> str:
        where = f'"{key}"' if view == "front" else f'"views" → "{view}" → "{key}"'
        first = f"run {stage} on the annotation file first"
        return f"{where} is missing; {first}; where that failed, its OUTPUT.errors.jsonl says why"

    @property
    def rotated_views(self) -> list[str]:
        """The sides from which something was measured, besides the camera's."""
        return [view for view in VIEWS[1:] if view in self._signs]

    def relation(self, view: str, a: str, b: str) -> tuple[int, int, int]:
        """Return (left, up, front) of A against B as measured; all 0 where nothing was."""
        return self._signs.get(view, {}).get((a, b), (0, 0, 0))

    def before(self, view: str, axis: str, a: str, b: str) -> bool:
        """Tell whether A is known to be left of, above or in front of B, by `axis`."""
        return (view, axis) in self._after and b in self._after[view, axis][a]

    def sign(self, view: str, axis: str, a: str, b: str) -> int:
        """Return −1 where A is known to be left of, above or in front of B, 1 where B is so of A, else 0."""
        return self.before(view, axis, b, a) - self.before(view, axis, a, b)

    def facts(self, view: str = "front", axes: Iterable[str] = AXES) -> list[Fact]:
        """Return everything that is known about pairs from `view`, in the entry's order."""
        return [fact for axis in axes for fact in self._facts.get((view, axis), [])]

    def pair_facts(self, view: str, a: str, b: str) -> list[Fact]:
        """Return everything that is known about A and B from `view`."""
        signs = [(axis, self.sign(view, axis, a, b)) for axis in AXES]
        return [Fact(view, axis, *((a, b) if sign == -1 else (b, a))) for axis, sign in signs if sign]

    def tellable_facts(self, view: str = "front", axes: Iterable[str] = AXES) -> list[Fact]:
        """Return the facts whose two objects nobody mixes up with one another, by their names or with a box."""
        return [
            fact
            for fact in self.facts(view, axes)
            if fact.second not in self.twins(fact.first) or self.nameable(fact.first, fact.second)
        ]

    def clear_facts(self, view: str = "front", axes: Iterable[str] = AXES) -> list[Fact]:
        """Return the facts whose two objects have names that single them out, without a box."""
        return [fact for fact in self.facts(view, axes) if self.nameable(fact.first, fact.second)]

    def between(self, view: str, axis: str, a: str, b: str) -> list[str]:
        """Return the objects known to come after A and before B along `axis`."""
        if (view, axis) not in self._after:
            return []
        inside = self._after[view, axis][a] & self._before[view, axis][b]
        return sorted(inside, key=self._place.__getitem__)

    def follows(self, fact: Fact) -> bool:
        """Tell whether a fact follows from two others, by something that is known to lie between."""
        after, before = self._after[fact.view, fact.axis], self._before[fact.view, fact.axis]
        return not after[fact.first].isdisjoint(before[fact.second])

    def in_order(self, view: str, axis: str, keys: Iterable[str]) -> bool:
        """Tell whether each of the keys is known to come before the next."""
        return all(self.before(view, axis, *pair) for pair in itertools.pairwise(keys))

    def ordered(self, view: str, axis: str, keys: Iterable[str]) -> list[str]:
        """Return the keys so that none comes after one that it is known to precede."""
        left, found = list(keys), []
        while left:
            free = (key for key in left if not any(self.before(view, axis, other, key) for other in left))
            found.append(next(free, left[0]))  # signs that some other program wrote may go round in a circle
            left.remove(found[-1])
        return found

    def blocks(self, view: str, axis: str, keys: Iterable[str] | None = None) -> list[list[str]]:
        """Split `keys` (default: all) into the most blocks of which each is wholly known to precede the next."""
        left = list(self.things if keys is None else keys)
        found: list[list[str]] = []
        while left:
            # Whoever does not precede all the rest drags those it does not precede into the first block.
            block = {max(left, key=lambda k: sum(self.before(view, axis, k, o) for o in left))}
            while True:
                more = {o for o in left for k in block if o not in block and not self.before(view, axis, k, o)}
                if not more:
                    break
                block |= more
            found.append([key for key in left if key in block])
            left = [key for key in left if key not in block]
        return found

    def twins(self, key: str) -> list[str]:
        """Return the other objects that "the LABEL" could mean just as well."""
        return self._twins[key]

    def nameable(self, *keys: str) -> bool:
        """Tell whether each of the objects has a name that fits no other object of the scene."""
        return all(not self.twins(key) or self.telling_words(key) for key in keys)

    def unplaced(self) -> list[str]:
        """Return the objects that are in no layer of the camera's view, their depth being unknown."""
        placed = {key for layer in self.layers() for key in layer}
        return [key for key in self.things if key not in placed]

    def telling_words(self, key: str) -> list[str]:
        """Return adjectives that are known to single the object out among its twins, from the camera."""
        if key not in self._telling:
            self._telling[key] = self._find_telling_words(key, self.twins(key))
        return self._telling[key]

    def _find_telling_words(self, key: str, twins: list[str]) -> list[str]:
        words: list[str] = []
        two = len(twins) == 1
        for axis, (before_two, before_many, after_two, after_many, *_) in TELLING_WORDS.items():
            signs = {self.sign("front", axis, key, twin) for twin in twins}
            if signs == {-1}:
                words.append(before_two if two else before_many)
            elif signs == {1}:
                words.append(after_two if two else after_many)
        if len(twins) == 2 and sorted(self.sign("front", "left", key, twin) for twin in twins) == [-1, 1]:
            words.append("middle")
        return words

    # What follows lists the facts for a model to read, one a line, with the tags it shall copy.

    def tag(self, key: str) -> str:
        """Return the tag text that names the object."""
        return grounded_text.ref(self.things[key].noun.text, key)

    def object_lines(self) -> str:
        """Return the objects, one a line."""
        return "\n".join(f"- {self.tag(key)}" for key in self.things)

    def layer_lines(self, view: str = "front") -> str:
        """Return the layers, one a line, nearest first, and what is in none of them."""
        layers = self.layers(view)
        lines = [
            f"{number}. {'; '.join(self.tag(key) for key in layer)}"
            for number, layer in enumerate(layers, start=1)
        ]
        placed = {key for layer in layers for key in layer}
        if rest := [self.tag(key) for key in self.things if key not in placed]:
            lines.append(f"- in no layer, their depth being unknown: {'; '.join(rest)}")
        return "\n".join(lines)

    def relation_lines(self, view: str = "front", most: int = 40) -> str:
        """Return what is known from `view`, one a line; what follows from two other lines is left out.

        Where there is more than `most`, each axis has its share, and each object.
        """
        words = {"left": "is left of", "up": "is above", "front": "is in front of"}
        facts = [fact for fact in self.facts(view) if not self.follows(fact)]
        seen: Counter[str | tuple[str, str]] = Counter()
        turns = {}  # the how-manieth it is of its axis, when those of an axis go round its objects
        for fact in facts:
            turns[fact] = seen[fact.axis, fact.first]
            seen[fact.axis, fact.first] += 1
        for fact in sorted(facts, key=turns.__getitem__):
            turns[fact] = seen[fact.axis]
            seen[fact.axis] += 1
        told = set(sorted(facts, key=turns.__getitem__)[:most])
        lines = [f"- {self.tag(f.first)} {words[f.axis]} {self.tag(f.second)}" for f in facts if f in told]
        return "\n".join(lines) or "- nothing that can be told for certain"
