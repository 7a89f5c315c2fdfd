"""COCO instances, as cocodataset.org/#format-data ("Object Detection") defines them.

{"images": [{"id", "file_name", "width", "height"}], "categories": [{"id", "name"}],
 "annotations": [{"image_id", "category_id", "bbox": [x, y, w, h], "segmentation", "area", "iscrowd"}]};
the segmentation is a list of polygons, or run lengths for a crowd.
"""

import functools
from collections import Counter
from pathlib import Path

import orjson

from spacesgg.sources import Record, Source, SourceObject, captions, coco_files, values


def source(inputs: list[Path], captions_file: Path | None = None) -> Source:
    """Index COCO instance files."""
    return of_files(coco_files.index(inputs, captions_file, "a COCO instances file", "bbox"))


def of_files(files: coco_files.CocoFiles) -> Source:
    """Return the source of indexed files whose annotations are instances."""
    return Source(files.items, files.total, functools.partial(record, labels=files.labels), files.counts)


def record(item: tuple, labels: dict[int | str, str]) -> Record:
    """Return one image with its instances."""
    name, width, height, raw, texts = item
    objects, counts = [], Counter()
    for annotation in map(orjson.loads, raw):
        try:
            label = labels[values.identity(annotation["category_id"])]
            x, y, w, h = map(float, values.items(annotation["bbox"]))
        except (KeyError, TypeError, ValueError):
            counts["annotations without category or box"] += 1
            continue
        area = annotation.get("area")
        if area is not None and values.number(area) is None:
            counts["areas that are no number"] += 1
            area = None
        mask = annotation.get("segmentation") or None
        objects.append(SourceObject(label, (x, y, x + w, y + h), mask, area, bool(annotation.get("iscrowd"))))
    text = captions.joined(texts)
    return Record(name, width, height, [text] if text else [], objects, [], counts)
