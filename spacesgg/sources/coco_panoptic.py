"""COCO panoptic, as cocodataset.org/#format-data ("Panoptic Segmentation") defines it.

{"images": […], "categories": [{"id", "name", "isthing"}], "annotations": [{"image_id", "file_name" of the PNG,
"segments_info": [{"id", "category_id", "bbox": [x, y, w, h], "area", "iscrowd"}]}]}; a pixel of the PNG belongs
to the segment R + 256 · G + 256² · B. Things and stuff become objects alike.
"""

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson

from spacesgg import images
from spacesgg.errors import InputError
from spacesgg.sources import (
    Record,
    Relation,
    Source,
    SourceObject,
    captions,
    coco_files,
    image_files,
    run_lengths,
    values,
)

_IDS = range(1 << 24)  # what three bytes of a pixel can name


def source(inputs: list[Path], panoptic_dir: Path, captions_file: Path | None = None) -> Source:
    """Index panoptic files; the PNGs are read by `record`, so that workers share the decoding."""
    files = coco_files.index(inputs, captions_file, "a COCO panoptic file", "segments_info")
    work = functools.partial(record, labels=files.labels, folder=panoptic_dir)
    return Source(files.items, files.total, work, files.counts)


def record(item: tuple, labels: dict[int | str, str], folder: Path) -> Record:
    """Return one image with its segments. Raises InputError when its PNG cannot be used."""
    name, width, height, raw, texts = item
    width, height = values.size(width, height)
    objects, counts = [], Counter({"images without a panoptic annotation": not raw})
    for annotation in map(orjson.loads, raw):
        ids = read_ids(folder, annotation.get("file_name"), width, height)
        objects += segments(ids, annotation.get("segments_info"), labels, counts)[0]
    text = captions.joined(texts)
    return Record(name, width, height, [text] if text else [], objects, [], counts)


def read_ids(folder: Path, name: Any, width: int, height: int) -> np.ndarray:
    """Return the (height, width) int32 map of segment ids from a panoptic PNG, `name` as the source has it."""
    if values.text(name) is None:
        raise InputError(f"the source names no PNG of its segments, but {name!r:.40}")
    path = image_files.locate(folder, name) or folder / name
    image = images.decode(path, cv2.IMREAD_COLOR)
    if image.shape[:2] != (height, width):
        raise InputError(f"{path}: is {image.shape[1]}×{image.shape[0]}, the image {width}×{height}")
    # Red, green, blue are the lower bytes of a little-endian number, R + 256 · G + 256² · B; alpha is its highest.
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGBA).view("<i4")[..., 0] & 0xFFFFFF


def segments(
    ids: np.ndarray, listed: Any, labels: dict[int | str, str], counts: Counter
) -> tuple[list[SourceObject], list[int | None]]:
    """Return the objects of the listed segments, and for each listed segment its object's position or None.

    Raises InputError when `listed`, the "segments_info" of the source, is no list.
    """
    if not isinstance(listed, list):
        raise InputError(f'its "segments_info" is no list, but {listed!r:.40}')
    stated = [values.members(segment) for segment in listed]
    numbers = [values.identity(segment.get("id")) for segment in stated]
    found = run_lengths.of_segments(
        ids, [number for number in numbers if isinstance(number, int) and number in _IDS]
    )
    objects, positions = [], []
    for segment, number in zip(stated, numbers, strict=True):
        label = labels.get(values.identity(segment.get("category_id")))
        if label is None or number not in found:
            counts["segments without category" if label is None else "segments without pixels"] += 1
            positions.append(None)
            continue
        mask, area, box = found[number]
        positions.append(len(objects))
        objects.append(SourceObject(label, box, mask, area, bool(segment.get("iscrowd"))))
    return objects, positions


def relations(
    stated: list[Any], positions: list[int | None], predicates: list[str], counts: Counter
) -> list[Relation]:
    """Return relations [subject, object, predicate], numbers of segments and predicates, between kept objects."""
    kept = []
    ranges = len(positions), len(positions), len(predicates)
    for triplet in stated:
        whole = isinstance(triplet, list) and [type(number) for number in triplet] == [int, int, int]
        if not whole or not all(0 <= number < end for number, end in zip(triplet, ranges, strict=True)):
            counts["relations dropped"] += 1
            continue
        subject, other, predicate = triplet
        if positions[subject] is None or positions[other] is None:
            counts["relations dropped"] += 1
            continue
        kept.append(Relation(positions[subject], predicates[predicate], positions[other]))
    return kept
