"""From the neutral record of a source to an entry of the annotation file (FORMATS.md §2)."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from spacesgg import annotations, grounded_text, padded_boxes
from spacesgg.errors import InputError
from spacesgg.sources import Named, Record, Related, SourceObject, pairs, run_lengths, values

CLIP_TOLERANCE_PX = 1.0  # sources round their boxes; only more than that outside the image is worth counting


class Choice(NamedTuple):
    """Which objects are kept, and how they are named."""

    min_area: float = 0.0  # pixels²
    drop_crowd: bool = False
    max_objects: int | None = None  # the largest are kept
    labels: frozenset[str] | None = None
    padded_keys: bool = False


def entry_of(record: Record, choice: Choice) -> tuple[dict[str, Any], Counter]:
    """Return the record's entry, masks as compressed run lengths, and what was counted on the way."""
    width, height = values.size(record.width, record.height)
    record = record._replace(width=width, height=height)
    counts = Counter(record.counts)
    kept, same_as = _choose(record, choice, counts)
    keys = _keys(record, kept, choice, counts)
    parts = [*record.caption, *_relation_parts(record, keys, same_as, counts)]
    entry: dict[str, Any] = {
        "depth": f"{Path(record.image).stem}.png",
        "caption_annotation": _render(parts, record, keys, same_as, counts),
        "width": record.width,
        "height": record.height,
    }
    for position, thing in kept.items():
        value: list[Any] = [thing.label, list(thing.box)]
        if thing.mask is not None:
            try:
                value.append(run_lengths.compress(thing.mask, record.height, record.width))
            except InputError:
                counts["unusable masks left out"] += 1
        entry[keys[position]] = value
    counts["objects"] += len(kept)
    return entry, counts


def _choose(record: Record, choice: Choice, counts: Counter) -> tuple[dict[int, SourceObject], dict[int, int]]:
    """Return position → object (label cleaned, box inside the image), and position → position it repeats."""
    usable: dict[int, SourceObject] = {}
    same_as: dict[int, int] = {}
    seen: dict[tuple, list[int]] = {}
    for position, thing in enumerate(record.objects):
        label, box = grounded_text.clean(thing.label), _inside(thing.box, record.width, record.height)
        if not label or box is None:
            counts["objects without label" if box else "objects outside the image or without extent"] += 1
            continue
        if len(label) > annotations.LONGEST_LABEL:
            counts[f"objects whose label has more than {annotations.LONGEST_LABEL} characters"] += 1
            continue
        alike = seen.setdefault((label, box), [])
        first = next((i for i in alike if record.objects[i].mask == thing.mask), None)
        if first is not None:
            same_as[position] = first
            counts["duplicate objects merged"] += 1
            continue
        alike.append(position)
        if max(abs(a - b) for a, b in zip(box, thing.box, strict=True)) > CLIP_TOLERANCE_PX:
            counts["boxes clipped to the image"] += 1
        usable[position] = thing._replace(label=label, box=box)
    for position, thing in list(usable.items()):
        if choice.drop_crowd and thing.crowd:
            reason = "crowds"
        elif choice.labels is not None and thing.label not in choice.labels:
            reason = "other labels"
        elif _area(thing) < choice.min_area:
            reason = "small objects"
        else:
            continue
        counts[f"{reason} filtered"] += 1
        del usable[position]
    if choice.max_objects is not None and len(usable) > choice.max_objects:
        largest = sorted(usable, key=lambda position: -_area(usable[position]))[: choice.max_objects]
        counts["objects over the maximum filtered"] += len(usable) - len(largest)
        usable = {position: usable[position] for position in sorted(largest)}
    return usable, same_as


def _inside(box: tuple, width: int, height: int) -> tuple[float, float, float, float] | None:
    """Return the box cut at the image's edges; None when nothing of it is left."""
    try:
        x0, y0, x1, y1 = map(float, box)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(x0 + y0 + x1 + y1):
        return None
    x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _area(thing: SourceObject) -> float:
    x0, y0, x1, y1 = thing.box
    return (x1 - x0) * (y1 - y0) if thing.area is None else thing.area


def _keys(record: Record, kept: dict[int, SourceObject], choice: Choice, counts: Counter) -> dict[int, str]:
    """Return position → key, all different."""
    to_key = padded_boxes.to_padded if choice.padded_keys else padded_boxes.to_plain
    taken: set[tuple] = set()
    keys = {}
    for position, thing in kept.items():
        rounded = to_key(thing.box, record.width, record.height)
        box = next(box for box in near(rounded) if box not in taken)
        counts["keys nudged"] += _has_area(rounded) and box != rounded
        taken.add(box)
        keys[position] = padded_boxes.key(box)
    return keys


def near(box: padded_boxes.Box) -> Iterator[padded_boxes.Box]:
    """Yield the box, then boxes with one coordinate moved by 1, 2, …: right, bottom, left, top; out, then in.

    Two objects may round to the same box, and a key names one object: the later one takes the first free box.
    A box that rounding left without width or height is not yielded, so it grows by one.
    """
    if _has_area(box):
        yield box
    for distance in range(1, padded_boxes.LARGEST + 1):
        for side, outwards in ((2, 1), (3, 1), (0, -1), (1, -1)):
            for step in (outwards * distance, -outwards * distance):
                moved = (*box[:side], box[side] + step, *box[side + 1 :])
                if 0 <= moved[side] <= padded_boxes.LARGEST and _has_area(moved):
                    yield moved
    if box[0] >= box[2] and box[1] >= box[3]:  # a point: both sides have to grow
        grown = (min(box[0], 998), min(box[1], 998), min(box[0], 998) + 1, min(box[1], 998) + 1)
        yield from near(grown)


def _has_area(box: padded_boxes.Box) -> bool:
    return box[0] < box[2] and box[1] < box[3]


def _relation_parts(record: Record, keys: dict[int, str], same_as: dict[int, int], counts: Counter) -> list:
    """Return the source's relations as one sentence of noun phrases, which suits every kind of predicate.

    "In the image: the man on the bench; the man has the hat." needs neither number nor verb form of its words.
    """
    parts: list = []
    stated = dict.fromkeys(
        (
            same_as.get(relation.subject, relation.subject),
            relation.predicate,
            same_as.get(relation.object, relation.object),
        )
        for relation in record.relations
    )
    for subject, predicate, other in stated:
        if subject not in keys or other not in keys or subject == other or not grounded_text.clean(predicate):
            counts["relations dropped"] += 1
            continue
        parts += [
            "; the " if parts else "In the image: the ",
            Named(record.objects[subject].label, (subject,)),
            " ",
            Related(predicate, (subject,), (other,)),
            " the ",
            Named(record.objects[other].label, (other,)),
        ]
    if parts:
        parts.append(".")
        parts.insert(0, " " if record.caption else "")
    return parts


def _render(parts: list, record: Record, keys: dict[int, str], same_as: dict[int, int], counts: Counter) -> str:
    """Return caption parts as grounded text; what names or relates objects that were not kept stays as words."""
    text, named, related = [], set(), {}

    def kept(positions: tuple[int, ...]) -> list[int]:
        return [same_as.get(position, position) for position in positions]

    for part in parts:
        if isinstance(part, Named):
            found = [position for position in kept(part.objects) if position in keys]
            named.update(found)
            text.append(grounded_text.ref(part.label, *(keys[i] for i in found)) if found else part.label)
        elif isinstance(part, Related):
            subjects, others = kept(part.subjects), kept(part.objects)
            if not keys.keys() >= {*subjects, *others}:
                both = [(s, o) for s, o in pairs(tuple(subjects), tuple(others)) if s in keys and o in keys]
                subjects, others = [s for s, _ in both], [o for _, o in both]
            if not subjects:
                counts["relations dropped"] += 1
                text.append(part.predicate)
                continue
            counts["relations"] += 1
            related.update(dict.fromkeys((*subjects, *others)))
            lists = (grounded_text.box_list(*(keys[i] for i in ends)) for ends in (subjects, others))
            predicate = grounded_text.clean(part.predicate)
            text.append(f"<pred>{predicate}</pred>" + "".join(f"<box>{boxes}</box>" for boxes in lists))
        else:
            text.append(part.replace("<", " ").replace(">", " "))
    # A conversation may name an object only in its question; readers look a relation's boxes up among the named.
    missing = [position for position in related if position not in named]
    if missing:
        refs = (grounded_text.ref(record.objects[i].label, keys[i]) for i in missing)
        text.append(" There is also the " + " and the ".join(refs) + ".")
    return "".join(text).strip()
