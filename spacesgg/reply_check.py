"""What is wrong with a text about a scene: its tags and boxes, and every claim that the geometry contradicts.

A fault is one sentence, "kind: detail", that can be shown to a model. A statement is a fault where the signs say
the opposite, and where they say nothing: what is not proven may not be stated. A box within 1 % of one of the
image's is that box, and `Checked.text` has it so.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from spacesgg import (
    chatter,
    grounded_text,
    layer_claims,
    nouns,
    offline_room,
    strangers,
    training_record,
    viewpoints,
)
from spacesgg.claims import read, read_question
from spacesgg.errors import InputError
from spacesgg.mentions import Names
from spacesgg.prompt import Prompt
from spacesgg.relation_words import tokens
from spacesgg.rewording import plainer
from spacesgg.scene import AXES, Scene
from spacesgg.statements import Asked, Atom, Claim

SNAP = 10  # of 999: a model that copies a box with an error of 1 % means that box
_NUMBERS = re.compile(r"\[(\d+), ?(\d+), ?(\d+), ?(\d+)\]")
_SHARED = r"(?:the|these|this|given|provided|listed|above|supplied) (?:\w+ )?"
_DATA = re.compile(
    r"\b(?:captions?|annotations?|annotated|bounding[ -]box\w*|coordinates?|grounding|metadata|dataset|data set"
    r"|json|ground truth|order[_ ]list|detections?|prompt|language model|as an AI)\b"
    rf"|\baccording to {_SHARED}(?:layers?|levels?|facts?|lists?|data|information|relations?|description)\b"
    rf"|\b(?:based on|given|from) {_SHARED}(?:facts?|lists?|data|information|relations|layers data|boxes)\b"
    r"|\bthe (?:facts|data|list|relations) (?:say|show|tell|state|indicate|give|prove)\w*\b|\blayer data\b"
    r"|\b(?:box|boxes) (?:at|of|with|show|overlap|indicate)\w*\b|\bits box\b|\btheir boxes\b",
    re.IGNORECASE,
)
_BACKWARD = re.compile(r"\b(?:of|do|are) (?:these|those|them|the two)\b(?: two)?(?! \w+ <)", re.IGNORECASE)
_SEEN_FROM = {
    "front": "from the camera",
    "left": "from the left side",
    "right": "from the right side",
    "back": "from behind",
}
_SIGN_WORDS = {
    ("left", -1): "to the left of",
    ("left", 1): "to the right of",
    ("up", -1): "above",
    ("up", 1): "below",
    ("front", -1): "in front of",
    ("front", 1): "behind",
}


class Fault(NamedTuple):
    """What is wrong, as "kind: detail"; the kind is shared by all faults of its sort."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Checked(NamedTuple):
    """The faults of a text, and the text with boxes that were nearly right put right."""

    faults: list[Fault]
    text: str


def check_reply(scene: Scene, prompt: Prompt, text: str, finish_reason: str = "stop") -> Checked:
    """Return what is wrong with a model's reply to `prompt`, and the reply as it may be used."""
    text = snap(scene, text)
    faults = []
    if finish_reason == "length":
        faults.append(Fault("cut off by the token limit", "the answer ends in mid-text; write less"))
    try:
        pairs = [("", " ".join(text.split()))] if prompt.form == "description" else training_record.turns(text)
    except InputError as error:
        return Checked([*faults, Fault("not in the form asked for", str(error))], text)
    if prompt.form != "description" and len(pairs) < prompt.pairs:
        faults.append(Fault("fewer question-answer pairs than asked for", f"{len(pairs)} of {prompt.pairs}"))
    faults += loader_faults(pairs)
    if prompt.form == "description" and (missing := _missing(scene, text)):
        faults.append(Fault("objects missing", f"name {missing} as well; every object belongs in the description"))
    faults += check_pairs(scene, pairs, prompt.form)
    return Checked(list(dict.fromkeys(faults)), text)


def _missing(scene: Scene, text: str) -> str:
    """Return the objects of the scene's layers that a description does not name, as a list in words.

    Of a scene that no text has room for, none has to be named.
    """
    if not (layers := _layers(scene)) or offline_room.untold(scene, offline_room.fit(scene)):
        return ""
    _, mentions = Names(scene).encode(text)
    named = {key for mention in mentions for keys in mention.options for key in keys}
    wanted = dict.fromkeys(key for layer in layers for key in layer if key not in named)
    return ", ".join(f"the {scene.things[key].noun.text} {key}" for key in wanted)


def loader_faults(pairs: list[tuple[str, str]]) -> list[Fault]:
    """Return what LLaVA's loader would stumble over in question-answer pairs."""
    conversations = []
    for number, (question, answer) in enumerate(pairs):
        question = question or "Describe the scene."
        lead = f"{training_record.IMAGE}\n" if number == 0 else ""
        conversations += [{"from": "human", "value": lead + question}, {"from": "gpt", "value": answer}]
    found = training_record.faults({"id": "0", "image": "0.jpg", "conversations": conversations})
    return [Fault("nothing that LLaVA's loader can read", problem) for problem in found]


def check_pairs(scene: Scene, pairs: list[tuple[str, str]], form: str) -> list[Fault]:
    """Return what is wrong with question-answer pairs (a description is the answer to an empty question)."""
    names = Names(scene)
    whole = "\n".join(part for pair in pairs for part in pair)
    faults = [*_tag_faults(whole, names)]
    standing = there = ("front",)
    before: Asked | None = None
    layers = _layers(scene)
    for question, answer in pairs:
        views = ("front",)
        if form != "description":
            views, there, standing = _viewpoint(question, names, form, standing)
        asked = None
        if question and form != "description":
            goes_on = form == "conversation" or _BACKWARD.search(question)
            asked = read_question(question, names, views, before if goes_on else None)
            before = asked
        claims = read(answer, names, views, asked, there)
        if asked and not claims:
            if views == ("front",) and layers and layer_claims.speaks(answer, names):
                faults += [Fault(*found) for found in layer_claims.faults(answer, names, layers)]
            else:
                faults.append(_unreadable(answer))
        faults += [fault for claim in claims if (fault := judge(scene, claim))]
        faults += [Fault(*found) for found in chatter.find(answer, form)]
        for text in (question, answer):
            faults += _data_faults(text, scene)
            faults += [Fault("an object that is not in the image", told) for told in strangers.find(text, names)]
    if form == "description" and layers:
        faults += [Fault(*found) for _, answer in pairs for found in layer_claims.faults(answer, names, layers)]
    return list(dict.fromkeys(faults))


def _unreadable(answer: str) -> Fault:
    """Return the fault of an answer that claims nothing which the signs could prove or disprove."""
    plain = " ".join(grounded_text.plain(answer).split())
    plain = plain if len(plain) <= 80 else plain[:77] + "…"
    return Fault(
        "cannot be checked",
        f'"{plain}": name the objects and say in a whole sentence which is where, as the facts have it',
    )


def _layers(scene: Scene) -> list[list[str]]:
    try:
        return scene.layers()
    except InputError:  # the annotation file has none, so nothing said about layers can be judged
        return []


def _viewpoint(
    question: str, names: Names, form: str, standing: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the views that a question's answer is told from, those that "there" means, and those that go on."""
    encoded = plainer(names.encode(question)[0])
    place = viewpoints.place(viewpoints.cues(encoded))
    if form == "questions":
        standing = ("front",)
    if place in ("left", "right", "back"):
        return (place,), (place,), (place,)
    if place == "front" and form == "conversation":
        both = tuple(dict.fromkeys(("front", *standing)))
        compares = re.search(r"differ|chang|compar|same|switch|swap|still|revers|opposite|flip", encoded)
        if not compares and viewpoints.RETURNING.search(encoded):
            return both, both, both
        return both if compares else ("front",), standing, standing
    return standing, standing, standing


def snap(scene: Scene, text: str) -> str:
    """Return the text with every box that is within 1 % of one of the image's replaced by that one."""
    known = [grounded_text.boxes(key)[0] for key in scene.things]

    def nearest(match: re.Match) -> str:
        box = tuple(int(number) for number in match.groups())
        if box in known:
            return match[0]
        distance, best = min((max(abs(a - b) for a, b in zip(box, other, strict=True)), other) for other in known)
        return str(list(best)) if distance <= SNAP else match[0]

    def within(match: re.Match) -> str:
        return _NUMBERS.sub(nearest, match[0])

    return re.sub(r"<box>[^<>]*</box>", within, text)


def _tag_faults(text: str, names: Names) -> Iterator[Fault]:
    """Yield what is wrong with the tags of a text, and with what they name and state."""
    parsed = grounded_text.parse(text)
    for problem in parsed.faults:
        unnamed = "which no <ref> names" in problem
        yield Fault("a relation between objects never named" if unnamed else "broken tags", problem)
    for found in parsed.refs:
        for box in found.boxes:
            if box not in names.key_of:
                yield Fault("a box that is not one of the image's", f'"{found.label}" has the box {list(box)}')
            elif not nouns.names(found.label, (thing := names.scene.things[names.key_of[box]]).label):
                yield Fault(
                    "a label that is not its box's", f'{list(box)} is the {thing.noun.text}, not "{found.label}"'
                )
    for found in parsed.preds:
        yield from _pred_faults(found, names)


def _pred_faults(found: grounded_text.Pred, names: Names) -> Iterator[Fault]:
    words = [token for token in tokens(found.predicate) if token.kind in "RCSL"]
    for box in (*found.subjects, *found.objects):
        if box not in names.key_of:
            yield Fault("a box that is not one of the image's", f'"{found.predicate}" relates the box {list(box)}')
    pairs = [(names.key_of.get(a), names.key_of.get(b)) for a in found.subjects for b in found.objects]
    for subject, other in pairs:
        if subject is None or other is None:
            continue
        if subject == other:
            yield Fault(
                "a tagged relation that the geometry contradicts",
                f'"{found.predicate}" relates {subject} to itself',
            )
        for token in words:
            atom = Atom("front", *token.value, subject, other)
            if subject != other and not true(names.scene, atom):
                yield Fault(
                    "a tagged relation that the geometry contradicts",
                    f"<pred>{found.predicate}</pred>: {_in_fact(names.scene, atom)}",
                )


def _data_faults(text: str, scene: Scene) -> Iterator[Fault]:
    plain = grounded_text.plain(text)
    for match in _DATA.finditer(plain):
        if not any(match[0].lower() in thing.noun.text.lower() for thing in scene.things.values()):
            yield Fault("talk about the data instead of the picture", f'"{match[0]}"')


# Claims held against the signs


def sign(scene: Scene, view: str, axis: str, a: str, b: str) -> int:
    """Return the sign of A against B; from a side that was not measured, as it follows from the camera's."""
    if axis == "up":
        view = "front"
    if view == "front" or view in scene.rotated_views:
        return scene.relation(view, a, b)[AXES.index(axis)]
    left, _, front = scene.relation("front", a, b)
    turned = {"left": (-front, left), "right": (front, -left), "back": (-left, -front)}[view]
    return turned[0 if axis == "left" else 1]


def true(scene: Scene, atom: Atom) -> bool:
    """Tell whether the signs prove an atom; a place within the scene only has to be possible."""
    if atom.second:
        return sign(scene, atom.view, atom.axis, atom.first, atom.second) == atom.sign
    layers = _layers(scene) if (atom.view, atom.axis) == ("front", "front") else []
    if layers and atom.first in layers[0 if atom.sign == -1 else -1]:
        return True
    found = {sign(scene, atom.view, atom.axis, atom.first, other) for other in scene.things if other != atom.first}
    return atom.sign in found or -atom.sign not in found


def judge(scene: Scene, claim: Claim) -> Fault | None:
    """Return the fault of a claim that is false in each of its readings, None for one that may be true."""
    kind = "a statement that the geometry contradicts"
    if claim.negated:
        proven = [reading for reading in claim.readings if all(true(scene, atom) for atom in reading)]
        if len(proven) < len(claim.readings):
            return None
        return Fault(kind, f'"{claim.words}": {_in_fact(scene, proven[0][0], denied=True)}')
    for reading in claim.readings:
        if all(true(scene, atom) for atom in reading):
            return None
    wrong = next(atom for atom in claim.readings[0] if not true(scene, atom))
    return Fault(kind, f'"{claim.words}": {_in_fact(scene, wrong)}')


def _in_fact(scene: Scene, atom: Atom, denied: bool = False) -> str:
    """Return what the geometry says instead."""
    seen = _SEEN_FROM[atom.view]
    first = f"the {scene.things[atom.first].noun.text}"
    if not atom.second:
        side = {"left": ("left", "right"), "up": ("top", "bottom"), "front": ("front", "back")}[atom.axis]
        return f"seen {seen}, {first} is at the {side[atom.sign == -1]} rather than the {side[atom.sign == 1]}"
    second = f"the {scene.things[atom.second].noun.text}"
    if second == first:
        first, second = f"{first} {atom.first}", f"{second} {atom.second}"
    known = sign(scene, atom.view, atom.axis, atom.first, atom.second)
    if known and (denied or known != atom.sign):
        return f"seen {seen}, {first} is {_SIGN_WORDS[atom.axis, known]} {second}"
    return f"seen {seen}, nothing proves that {first} is {_SIGN_WORDS[atom.axis, atom.sign]} {second}"
