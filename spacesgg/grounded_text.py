"""Grounded text: sentences that name objects and relations with their boxes, written and read.

`<ref>label</ref><box>[[x1, y1, x2, y2]]</box>` names an object, a box list of several boxes names several;
`<pred>predicate</pred><box>[[subject]]</box><box>[[object]]</box>` relates two objects that were named.
Boxes are integers 0–999. The parsers that read this text pair tags by one regular expression, so what
does not match it to the letter spoils the rest of the text: `parse` therefore reports it as a fault.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

Box = tuple[int, int, int, int]

_BOX = r"\[\d+, ?\d+, ?\d+, ?\d+\]"
_BOXES = rf"\[{_BOX}(?:, ?{_BOX})*\]"
_WORDS = r"[^<>\r\n]*[^<>\s][^<>\r\n]*"
_REF = re.compile(rf"<ref>({_WORDS})</ref><box>({_BOXES})</box>")
_PRED = re.compile(rf"<pred>({_WORDS})</pred><box>({_BOXES})</box><box>({_BOXES})</box>")
# A pair that was begun, with whatever stands in it and in the box tags that follow: what went wrong there?
_BEGUN = re.compile(r"<(ref|pred)>.*?</\1>(?:\s*<box>.*?</box>){0,2}", re.DOTALL)
_TAG = re.compile(r"</?(?:ref|pred|box)>")
_LARGEST = 999


class Ref(NamedTuple):
    """An object named in a text; `start` and `end` are the offsets of the whole tag text."""

    label: str
    boxes: tuple[Box, ...]
    start: int
    end: int


class Pred(NamedTuple):
    """A relation stated in a text between the objects of two box lists."""

    predicate: str
    subjects: tuple[Box, ...]
    objects: tuple[Box, ...]
    start: int
    end: int


class Parsed(NamedTuple):
    """What a text names and states, in its order, and what is wrong with its tags, as sentences."""

    refs: list[Ref]
    preds: list[Pred]
    faults: list[str]


def clean(words: str) -> str:
    """Return `words` fit to stand inside a tag: no angle brackets, no line breaks, single spaces."""
    return " ".join(re.sub(r"[<>]", " ", words).split())


def box_list(*keys: str) -> str:
    """Return one box list from the boxes in `keys`, each a box text "[[x1, y1, x2, y2]]"."""
    return "[" + ", ".join(key.strip()[1:-1] for key in keys) + "]"


def ref(label: str, *keys: str) -> str:
    """Return the tag text that names the object (or, with several keys, the objects) as `label`."""
    return f"<ref>{clean(label)}</ref><box>{box_list(*keys)}</box>"


def pred(predicate: str, subject_key: str, object_key: str) -> str:
    """Return the tag text that relates the two objects, both named by a `ref` before."""
    return f"<pred>{clean(predicate)}</pred><box>{box_list(subject_key)}</box><box>{box_list(object_key)}</box>"


def boxes(text: str) -> tuple[Box, ...]:
    """Return the boxes of a box list or of an object's key."""
    return tuple(tuple(int(number) for number in re.findall(r"\d+", box)) for box in re.findall(_BOX, text))


def plain(text: str) -> str:
    """Return `text` as a reader without boxes would see it: no tags, and no box lists."""
    return _TAG.sub("", re.sub(r"\s*<box>.*?</box>", "", text, flags=re.DOTALL))


def parse(text: str) -> Parsed:
    """Read a grounded text; a text without faults is one that every reader of the format reads alike."""
    refs = [Ref(m[1].strip(), boxes(m[2]), *m.span()) for m in _REF.finditer(text)]
    preds = [Pred(m[1].strip(), boxes(m[2]), boxes(m[3]), *m.span()) for m in _PRED.finditer(text)]
    faults = list(_tag_faults(text, [(found.start, found.end) for found in (*refs, *preds)]))
    named = {box for found in refs for box in found.boxes}
    for found in preds:
        for box in (*found.subjects, *found.objects):
            if box not in named:
                faults.append(f'"{found.predicate}" relates the box {list(box)}, which no <ref> names')
    for box in {box for found in preds for box in (*found.subjects, *found.objects)} | named:
        if max(box) > _LARGEST:
            faults.append(f"the box {list(box)} reaches outside 0–{_LARGEST}")
    return Parsed(refs, preds, faults)


def _tag_faults(text: str, sound: list[tuple[int, int]]) -> Iterator[str]:
    """Yield what is wrong outside the spans of `sound` tags."""
    characters = list(text)
    for start, end in sound:
        characters[start:end] = "\0" * (end - start)
    rest = "".join(characters)
    for begun in _BEGUN.finditer(rest):
        yield _diagnosis(begun[0])
    for stray in re.finditer(r"</?(?:ref|pred|box)>|<", _BEGUN.sub(lambda m: "\0" * len(m[0]), rest)):
        near = text[max(stray.start() - 20, 0) : stray.end() + 20]
        tag = f"the tag {stray[0]} has no partner" if len(stray[0]) > 1 else 'a stray "<" stands'
        yield f"{tag} in {near!r}"


def _diagnosis(begun: str) -> str:
    """Return what is wrong with a tag pair that was begun."""
    shown = f"{begun:.120}"
    kind = begun[1 : begun.index(">")]
    box_texts = re.findall(r"<box>(.*?)</box>", begun, re.DOTALL)
    inside = begun[len(kind) + 2 : begun.index(f"</{kind}>")]
    wanted = 1 if kind == "ref" else 2
    if re.search(r"[\r\n]", begun):
        return f"a line break stands inside the tags {shown!r}"
    if "<" in inside or ">" in inside:
        return f"an angle bracket or a tag stands inside <{kind}>…</{kind}> in {shown!r}"
    if not inside.strip():
        return f"<{kind}></{kind}> is empty in {shown!r}"
    if len(box_texts) < wanted:
        return f"<{kind}> needs {wanted} <box> right after it, {len(box_texts)} found in {shown!r}"
    for content in box_texts[:wanted]:
        if not re.fullmatch(_BOXES, content):
            if re.fullmatch(_BOX, content.strip()):
                return f"the box {content!r} has single brackets, [[x1, y1, x2, y2]] is expected, in {shown!r}"
            return f"the box {content!r} is not a list of boxes [[x1, y1, x2, y2]] of whole numbers in {shown!r}"
    return f"the tags are not joined without spaces in {shown!r}"
