"""Panoptic scene graphs, psg.json, as its readers in the OpenPSG repository (openpsg/datasets/psg.py) define it.

{"thing_classes": […], "stuff_classes": […], "predicate_classes": […], "data": [{"image_id", "file_name",
"pan_seg_file_name", "width", "height", "segments_info": [{"id", "category_id", "isthing", "iscrowd", "area"}],
"relations": [[subject, object, predicate], …]}]}; a category number counts things, then stuff, from 0, and a
relation's numbers are positions in segments_info and predicate_classes.
"""

import functools
from collections import Counter
from pathlib import Path

import orjson

from spacesgg.errors import InputError
from spacesgg.sources import Record, Source, captions, coco_panoptic, values
from spacesgg.sources.big_json import BigJson, ByImage, require

NEEDED = ("file_name", "pan_seg_file_name", "width", "height", "segments_info")


def source(inputs: list[Path], panoptic_dir: Path, captions_file: Path | None = None) -> Source:
    """Index PSG files; `panoptic_dir` holds the PNGs that pan_seg_file_name names."""
    classes: dict[str, list[str]] = {}
    listed, indices = {}, []
    for path in inputs:
        file = BigJson(path)
        index = ByImage(file)
        for key, start, end in file.parts():
            if key == "data":
                image = values.members(file.load(start, end))
                missing = [name for name in NEEDED if name not in image]
                if missing:
                    raise InputError(f'{path}, byte {start}: an entry of "data" lacks "{missing[0]}"')
                if values.text(image["file_name"]) is None:
                    raise InputError(f"{path}, byte {start}: an image has the name {image['file_name']!r:.40}")
                number = values.identity(image.get("coco_image_id", image.get("image_id")))
                listed.setdefault(image["file_name"], number)
                index.add(image["file_name"], start, end)
            elif key.endswith("_classes"):
                names = file.load(start, end)
                if not (isinstance(names, list) and all(map(values.text, names))):
                    raise InputError(f'{path}: its "{key}" is {names!r:.60}; expected a list of names')
                if classes.setdefault(key, names) != names:
                    raise InputError(f'{path}: its "{key}" differ from those of {inputs[0]}')
        require(file, ("data", "thing_classes", "stuff_classes", "predicate_classes"), "a PSG file")
        indices.append(index)
    texts = captions.by_image(captions_file) if captions_file else None
    if texts and listed:
        captions.check(texts, listed.values())
    things, stuff, predicates = (classes.get(f"{kind}_classes", []) for kind in ("thing", "stuff", "predicate"))
    labels = dict(enumerate(things + stuff))
    work = functools.partial(record, labels=labels, predicates=predicates, folder=panoptic_dir)

    def items():
        for name, identity in listed.items():
            raw = next(parts for index in indices if (parts := index.raw(name)))
            yield name, raw[0], texts.raw(identity) if texts else []

    repeated = sum(len(index.raw(name)) for index in indices for name in index.images()) - len(listed)
    return Source(items(), len(listed), work, Counter({"images listed twice": repeated}))


def record(item: tuple, labels: dict[int, str], predicates: list[str], folder: Path) -> Record:
    """Return one image with its segments and relations. Raises InputError when its PNG cannot be used."""
    name, raw, texts = item
    image, counts = orjson.loads(raw), Counter()
    width, height = values.size(image["width"], image["height"])
    ids = coco_panoptic.read_ids(folder, image["pan_seg_file_name"], width, height)
    objects, positions = coco_panoptic.segments(ids, image["segments_info"], labels, counts)
    counts["images without a list of relations"] += not isinstance(image.get("relations"), list)
    relations = coco_panoptic.relations(values.items(image.get("relations")), positions, predicates, counts)
    text = captions.joined(texts)
    return Record(name, width, height, [text] if text else [], objects, relations, counts)
