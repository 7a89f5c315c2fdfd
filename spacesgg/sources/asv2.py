"""AS-V2, the relation conversations of All-Seeing v2, as its dataset card and repository define them.

Definition: the cards of OpenGVLab/AS-V2 and all-seeing-v2/README.md, with scripts_asmv2/visualize_rec.py and the
samples under playground/data/promtps_asmv2 for the text. A file (rec_detailed_description….json,
rec_region_captioning….json, rec_conversation….json) is a list in LLaVA's form, [{"id", "image",
"conversations": [{"from", "value"}, …]}]; the objects, boxes and relations stand in the texts. The boxes are
0–999 of the square-padded image, except in the files whose names end in _wo_square_pad, where they are 0–999
of the image itself.

An image's records of all three kinds become one entry: its objects are the boxes that any of the texts names,
its caption is what the answers say.
"""

import functools
from collections import Counter
from pathlib import Path

import orjson

from spacesgg import grounded_text, padded_boxes
from spacesgg.errors import InputError
from spacesgg.sources import Named, Record, Related, Source, SourceObject, image_files, pairs, values
from spacesgg.sources.big_json import BigJson, ByImage

# Words that point at an object without saying what it is; a box keeps such a label only when it has no other.
POINTERS = frozenset(
    ("it", "he", "she", "they", "him", "her", "them", "this", "that", "these", "those", "one", "ones", "another")
    + ("other", "others", "both", "someone", "something", "object", "objects", "region", "regions", "box")
)
_ANSWER = "gpt"


def source(inputs: list[Path], padded: bool, image_dir: Path | None) -> Source:
    """Index AS-V2 files, .json or .jsonl; the records of one image are brought together."""
    indices, counts = [], Counter()
    for path in inputs:
        file = BigJson(path)
        index = ByImage(file)
        for key, start, end in file.parts():
            entry = file.load(start, end)
            if key or not isinstance(entry, dict) or not isinstance(entry.get("conversations"), list):
                raise InputError(
                    f'{path}, byte {start}: expected a list of records with "image" and "conversations"'
                )
            if values.text(entry.get("image")):
                index.add(entry["image"], start, end)
            else:
                counts["records without an image"] += 1
        indices.append(index)
    names = list(dict.fromkeys(name for index in indices for name in index.images()))

    def items():
        for name in names:
            yield name, [part for index in indices for part in index.raw(name)]

    return Source(items(), len(names), functools.partial(record, padded=padded, image_dir=image_dir), counts)


def record(item: tuple, padded: bool, image_dir: Path | None) -> Record:
    """Return one image with what its records name. Raises InputError when its size is not known."""
    name, raw = item
    records = [orjson.loads(part) for part in raw]
    sizes = [(entry.get("width"), entry.get("height")) for entry in records]
    width, height = image_files.size_of(
        image_dir, name, *next((size for size in sizes if all(size)), (None, None))
    )
    decode = padded_boxes.from_padded if padded else padded_boxes.from_plain
    turns = [
        turn
        for entry in records
        for turn in entry["conversations"]
        if isinstance(turn, dict) and isinstance(turn.get("value"), str)
    ]
    questions = [_parse(turn["value"]) for turn in turns if turn.get("from") != _ANSWER]
    # A text that several records repeat is said once.
    answers = [_parse(text) for text in dict.fromkeys(t["value"] for t in turns if t.get("from") == _ANSWER)]
    labels = _labels(answers, questions)
    positions = {box: position for position, box in enumerate(labels)}
    objects = [SourceObject(label, decode(box, width, height)) for box, label in labels.items()]
    counts = Counter({"faults in grounded texts": sum(len(parsed.faults) for _, parsed in answers)})
    counts["turns without a text"] = sum(len(entry["conversations"]) for entry in records) - len(turns)
    caption: list = []
    for text, parsed in answers:
        caption += [" "] if caption else []
        caption += _parts(text, parsed, positions, counts)
    return Record(name, width, height, caption, objects, [], counts)


def _parse(text: str) -> tuple[str, grounded_text.Parsed]:
    text = text.replace("<image>", "").strip()
    return text, grounded_text.parse(text)


def _labels(answers: list, questions: list) -> dict[grounded_text.Box, str]:
    """Return box → label, in the order in which boxes are named, answers first.

    A box that several texts name has the label that says most: one given to it alone rather than to a group
    ("car", not "cars"), in an answer rather than a question, and no pronoun.
    """
    best: dict[grounded_text.Box, tuple[tuple, str]] = {}
    for in_question, texts in enumerate((answers, questions)):
        for _, parsed in texts:
            for ref in parsed.refs:
                rank = ref.label.lower().split()[-1] in POINTERS, len(ref.boxes) > 1, in_question
                for box in ref.boxes:
                    if box not in best or rank < best[box][0]:
                        best[box] = rank, ref.label
    return {box: label for box, (_, label) in best.items()}


def _parts(text: str, parsed: grounded_text.Parsed, positions: dict, counts: Counter) -> list:
    """Return the text as caption parts; words around the tags stay as they are."""
    parts, end = [], 0
    for found in sorted((*parsed.refs, *parsed.preds), key=lambda tag: tag.start):
        parts.append(grounded_text.plain(text[end : found.start]))
        end = found.end
        if isinstance(found, grounded_text.Ref):
            parts.append(Named(found.label, tuple(positions[box] for box in found.boxes)))
            continue
        subjects, others = (
            tuple(positions.get(box, -1) for box in boxes) for boxes in (found.subjects, found.objects)
        )
        if -1 in subjects + others or not pairs(subjects, others):
            counts["relations dropped"] += 1
            parts.append(found.predicate)
        else:
            parts.append(Related(found.predicate, subjects, others))
    parts.append(grounded_text.plain(text[end:]))
    return [part for part in parts if part]
