"""Faults planted in true texts, for the benchmark of the check of replies.

Each takes a true text and returns a false one: a relation is turned round, an object is told in a layer that it is
not in, someone else's box is put beside a name. None where the text has no place for the fault.
"""

import itertools
import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from spacesgg import grounded_text, nouns, offline_description
from spacesgg.offline_description import describe
from spacesgg.offline_phrases import COMPARATIVES, ORDERS, PREDICATES, SEEN_FROM, STANDING, SUPERLATIVES
from spacesgg.prompt import Prompt
from spacesgg.scene import TELLING_WORDS, Scene

# Labels that no scene has; seven of the twelve are in no list of the check.
STRANGERS = (
    "bicycle",
    "giraffe",
    "piano",
    "samovar",
    "theodolite",
    "astrolabe",
    "toaster",
    "gramophone",
    "abacus",
    "snowboard",
    "weathervane",
    "harpsichord",
)


class Text(NamedTuple):
    """A text about a scene, in the form that its prompt asks for."""

    scene: Scene
    entry: dict[str, Any]
    prompt: Prompt
    text: str


def swap_boxes(told: Text, rng: random.Random) -> str | None:
    """Put the box of one object beside the name of another, or shift a box to where nothing is."""
    parsed = grounded_text.parse(told.text)
    single = [ref for ref in parsed.refs if len(ref.boxes) == 1]
    if not single:
        return None
    ref = rng.choice(single)
    (box,) = ref.boxes
    key = str([list(box)])
    others = [k for k, thing in told.scene.things.items() if not nouns.names(ref.label, thing.label) and k != key]
    if others and rng.random() < 0.7:
        wrong = rng.choice(others)
    else:
        moved = [min(max(v + rng.choice((-1, 1)) * rng.randint(30, 200), 0), 999) for v in box]
        wrong = str([moved])
        known = [grounded_text.boxes(k)[0] for k in told.scene.things]
        if any(max(abs(a - b) for a, b in zip(moved, other, strict=True)) < 25 for other in known):
            return None
    return told.text[: ref.start] + grounded_text.ref(ref.label, wrong) + told.text[ref.end :]


def _pairs() -> dict[str, str]:
    """Return each phrase of place with one that means the opposite."""
    found = {}
    for table in (PREDICATES, SUPERLATIVES, COMPARATIVES, ORDERS):
        for (axis, sign), phrases in table.items():
            opposite = table[axis, -sign]
            for number, phrase in enumerate(phrases):
                other = opposite[min(number, len(opposite) - 1)]
                for viewer in ("the camera", "you"):
                    found[phrase.format(viewer=viewer)] = other.format(viewer=viewer)
    for before_two, before_many, after_two, after_many, *_ in TELLING_WORDS.values():
        found |= {before_two: after_two, after_two: before_two, before_many: after_many, after_many: before_many}
    return found


OPPOSITES = _pairs()
PHRASE = re.compile(r"\b(" + "|".join(sorted(OPPOSITES, key=len, reverse=True)) + r")\b", re.IGNORECASE)
ORDER_WORDS = {phrase for phrases in ORDERS.values() for phrase in phrases}


def _answers(told: Text) -> list[tuple[int, int]]:
    """Return where the answers stand in a reply."""
    if told.prompt.form == "description":
        return [(0, len(told.text))]
    return [match.span() for match in re.finditer(r"^A: .*$", told.text, re.MULTILINE)]


def flip_words(told: Text, rng: random.Random) -> str | None:
    """Turn a relation in plain words round."""
    hidden = re.sub(r"<pred>.*?</pred>|<ref>.*?</ref>|<box>.*?</box>", lambda m: "\0" * len(m[0]), told.text)
    places = []
    for start, end in _answers(told):
        for match in PHRASE.finditer(hidden, start, end):
            # "between, from left to right" says the same the other way round
            sentence = hidden[hidden.rfind(". ", 0, match.start()) + 1 : match.end() + 200].split(". ")[0]
            if not (match[1].lower() in ORDER_WORDS and "between" in sentence.lower()):
                places.append(match)
    if not places:
        return None
    match = rng.choice(places)
    words = OPPOSITES[match[1].lower()]
    words = words[0].upper() + words[1:] if match[1][0].isupper() else words
    return told.text[: match.start()] + words + told.text[match.end() :]


def flip_tags(told: Text, rng: random.Random) -> str | None:
    """Turn a tagged relation round: its predicate, or its two boxes."""
    preds = grounded_text.parse(told.text).preds
    if not preds:
        return None
    found = rng.choice(preds)
    first, second = (str([list(boxes[0])]) for boxes in (found.subjects, found.objects))
    if rng.random() < 0.5:
        tag = grounded_text.pred(found.predicate, second, first)
    else:
        tag = grounded_text.pred(OPPOSITES[found.predicate], first, second)
    return told.text[: found.start] + tag + told.text[found.end :]


PROVEN = offline_description.NEAREST + offline_description.FARTHEST + offline_description.BEHIND_ONE
PROVEN = tuple(
    re.sub(r"\{\w+\}", "", option).strip().lower() for option in PROVEN + offline_description.BEHIND_SEVERAL
)


def move_layers(told: Text, rng: random.Random) -> str | None:
    """Tell an object in a layer of others that it shares no layer with."""
    levels = told.entry["levels"]
    homes = {key: {n for n, layer in enumerate(levels) if key in layer} for key in told.scene.things}
    moves = [
        (key, n)
        for key, n in itertools.product(homes, range(len(levels)))
        if homes[key] and n not in homes[key] and any(not homes[key] & homes[other] for other in levels[n])
    ]
    if not moves:
        return None
    key, n = rng.choice(moves)
    moved = [[k for k in layer if k != key] + ([key] if m == n else []) for m, layer in enumerate(levels)]
    text = describe(
        Scene.from_entry("image.jpg", told.entry | {"levels": [layer for layer in moved if layer]}), rng
    )
    box = list(grounded_text.boxes(key)[0])
    place = text.find(str(box))
    start = text.rfind(". ", 0, place) + 1
    sentence = grounded_text.plain(text[start : text.find(". ", place)]).lower()
    # "Behind them is the lamp" may be true wherever it is told
    if place < 0 or any(phrase.split("  ")[0] in sentence for phrase in PROVEN) or "closest to" in sentence:
        return None
    return text


def invent(told: Text, rng: random.Random) -> str | None:
    """Tell of an object that is not there: tagged with a box of its own or of another, or in plain words."""
    name = rng.choice(STRANGERS)
    article = "an" if name[0] in "aeiou" else "a"
    refs = [ref for ref in grounded_text.parse(told.text).refs if len(ref.boxes) == 1]
    answers = _answers(told)
    end = rng.choice(answers)[1]
    inside = [ref for ref in refs if any(start <= ref.start < stop for start, stop in answers)]
    if not inside:
        return None
    ref = rng.choice(inside)
    key, label = str([list(ref.boxes[0])]), ref.label
    kind = rng.randrange(4)
    if kind == 0:
        x, y = rng.randint(0, 400), rng.randint(0, 400)
        added = f" There is also {article} {grounded_text.ref(name, f'[[{x}, {y}, {x + 571}, {y + 589}]]')}."
    elif kind == 1:
        return told.text[: ref.start] + grounded_text.ref(name, key) + told.text[ref.end :]
    elif kind == 2:
        relation = rng.choice(("to the left of", "behind", "above", "in front of", "closer to the camera than"))
        tagged = grounded_text.ref(label, key)
        a, b = rng.sample([f"{article} {name}", f"the {tagged}"], 2)
        added = f" {a[0].upper()}{a[1:]} is {relation} {b}."
    else:
        return told.text[: ref.end] + f" and {article} {name}" + told.text[ref.end :]
    return told.text[:end] + added + told.text[end:]


OTHER_SIDE = {"left": "right", "right": "left"}


def swap_viewpoint(told: Text, rng: random.Random) -> str | None:
    """Have everything that is told from one side told from the opposite one."""
    view = told.prompt.view
    if view == "front":
        return None
    changed = told.text
    for table in (SEEN_FROM, STANDING):
        for number, phrase in enumerate(table[view]):
            if view in OTHER_SIDE:
                new = table[OTHER_SIDE[view]][number]
            elif table is SEEN_FROM:
                new = ("from the camera", "seen from the camera", "from the camera's position")[number % 3]
            else:
                new = "you are standing where the camera stands"
            for old, other in ((phrase, new), (phrase[0].upper() + phrase[1:], new[0].upper() + new[1:])):
                changed = changed.replace(old, other)
    # What lies between two things from one side lies between them from the other, too.
    lines = list(zip(told.text.splitlines(), changed.splitlines(), strict=True))
    moved = [
        answer
        for (question, new), (answer, _) in zip(lines[::2], lines[1::2], strict=True)
        if (question != new or told.prompt.form == "conversation") and "between" not in answer
    ]
    return changed if moved else None


# kind → how it is planted, and in texts of which prompt functions
PLANTED: dict[str, tuple[Callable[[Text, random.Random], str | None], tuple[int, ...]]] = {
    "boxes swapped": (swap_boxes, (0, 1, 2)),
    "relation in words turned round": (flip_words, (0, 1, 2)),
    "relation in tags turned round": (flip_tags, (0, 1, 2)),
    "object in another layer": (move_layers, (0,)),
    "object invented": (invent, (0, 1, 2)),
    "viewpoint swapped": (swap_viewpoint, (1, 2)),
}
