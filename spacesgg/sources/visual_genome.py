"""Visual Genome, as the data readme of its site (visualgenome.org/api/v0/api_readme) defines it.

objects.json: [{"image_id", "objects": [{"object_id", "x", "y", "w", "h", "names": […], "merged_object_ids"}]}];
relationships.json: [{"image_id", "relationships": [{"predicate", "subject": {object}, "object": {object}}]}],
where an object has "name" or "names"; image_data.json: [{"image_id", "url", "width", "height"}].
There are no masks. Annotators listed many objects several times: those of one label whose boxes nearly
coincide become one object.
"""

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from spacesgg.errors import InputError
from spacesgg.sources import Record, Relation, Source, SourceObject, image_files, values
from spacesgg.sources.big_json import BigJson, ByImage

SAME_OBJECT_IOU = 0.9  # boxes drawn twice around one thing agree to about a tenth; parts and neighbours do not


def _index(path: Path, wanted: str) -> ByImage:
    """Group a file that is an array of per-image objects with the field `wanted`."""
    file = BigJson(path)
    index = ByImage(file)
    for _, start, end in file.parts():
        entry = values.members(file.load(start, end))
        number = values.identity(entry.get("image_id", entry.get("id")))
        if wanted not in entry or number is None:
            raise InputError(
                f'{path}, byte {start}: expected an array of objects with "image_id", a number, and "{wanted}"'
            )
        index.add(number, start, end)
    return index


def source(
    inputs: list[Path], relationships: Path | None, image_data: Path | None, image_dir: Path | None
) -> Source:
    """Index objects.json and, where given, relationships.json and image_data.json."""
    objects = [_index(path, "objects") for path in inputs]
    related = _index(relationships, "relationships") if relationships else None
    about = _index(image_data, "width") if image_data else None
    indices = [*objects, *([related] if related else [])]
    identities = list(dict.fromkeys(identity for index in indices for identity in index.images()))

    def items():
        for identity in identities:
            data = orjson.loads(about.raw(identity)[0]) if about and about.raw(identity) else {}
            raw = [part for index in objects for part in index.raw(identity)]
            url = values.text(data.get("url"))
            name = "/".join(url.split("/")[-2:]) if url else f"{identity}.jpg"
            yield name, data.get("width"), data.get("height"), raw, related.raw(identity) if related else []

    return Source(items(), len(identities), functools.partial(record, image_dir=image_dir), Counter())


def record(item: tuple, image_dir: Path | None) -> Record:
    """Return one image with its objects and relations. Raises InputError when its size is not known."""
    name, width, height, raw_objects, raw_relationships = item
    width, height = image_files.size_of(image_dir, name, width, height)
    found, counts = _Objects(), Counter()
    for entry in map(orjson.loads, raw_objects):
        counts["entries without a list of objects"] += not isinstance(entry["objects"], list)
        for thing in values.items(entry["objects"]):
            found.add(values.members(thing))
    relations = []
    for entry in map(orjson.loads, raw_relationships):
        counts["entries without a list of relationships"] += not isinstance(entry["relationships"], list)
        for stated in map(values.members, values.items(entry["relationships"])):
            ends = [found.position(values.members(stated.get(end))) for end in ("subject", "object")]
            predicate = (values.text(stated.get("predicate")) or "").strip().lower()
            if None in ends or not predicate:
                counts["relations dropped"] += 1
                continue
            relations.append(Relation(ends[0], predicate, ends[1]))
    counts["duplicate objects merged"] = found.merged
    counts["objects without name or box"] = found.unusable
    return Record(name, width, height, [], found.objects, relations, counts)


class _Objects:
    """The objects of one image, each once, found by their ids."""

    def __init__(self):
        self.objects: list[SourceObject] = []
        self.merged = self.unusable = 0
        self._positions: dict[Any, int] = {}
        self._by_label: dict[str, list[int]] = {}

    def add(self, thing: dict[str, Any]) -> int | None:
        """Add an object, or note its ids for the one that it repeats; None when it is unusable."""
        names = thing.get("names") or thing.get("name")
        label = " ".join((values.text(names[0] if isinstance(names, list) else names) or "").lower().split())
        sides = [values.number(thing.get(side)) for side in ("x", "y", "w", "h")]
        if not label or None in sides:
            self.unusable += 1
            return None
        x, y, w, h = sides
        box = (x, y, x + w, y + h)
        same = self._by_label.setdefault(label, [])
        position = next((i for i in same if _iou(self.objects[i].box, box) >= SAME_OBJECT_IOU), None)
        if position is None:
            position = len(self.objects)
            self.objects.append(SourceObject(label, box))
            same.append(position)
        else:
            self.merged += 1
        for identity in map(
            values.identity, (thing.get("object_id"), *values.items(thing.get("merged_object_ids")))
        ):
            if identity is not None:
                self._positions.setdefault(identity, position)
        return position

    def position(self, thing: dict[str, Any]) -> int | None:
        """Return where the object of a relationship stands; one that is not listed is added."""
        known = self._positions.get(values.identity(thing.get("object_id")))
        return self.add(thing) if known is None else known


def _iou(a: tuple, b: tuple) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)
