"""Annotation sources of the field, each read into the same neutral records, one module per format.

A module's `source(...)` indexes its files in the calling process and returns a `Source`; `Source.record`
turns one of its items into a `Record` and may run in a worker process.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class SourceObject(NamedTuple):
    """One object as its source states it, before any filter."""

    label: str
    box: tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels
    mask: Any = None  # COCO run lengths, COCO polygons, or None where the source has boxes only
    area: float | None = None  # pixels²; None: the box's area stands for it
    crowd: bool = False  # a region of many objects of the label, not one object


class Named(NamedTuple):
    """A part of a caption that names objects: positions in `Record.objects`."""

    label: str
    objects: tuple[int, ...]


class Related(NamedTuple):
    """A part of a caption that relates objects: lists of equal length, or one of them of length one."""

    predicate: str
    subjects: tuple[int, ...]
    objects: tuple[int, ...]


class Relation(NamedTuple):
    """A relation that the source states outside its text: positions in `Record.objects`."""

    subject: int
    predicate: str
    object: int


class Record(NamedTuple):
    """One image of a source."""

    image: str  # path as the source names it
    width: int
    height: int
    caption: list[str | Named | Related]
    objects: list[SourceObject]
    relations: list[Relation]
    counts: Counter  # what was odd about the source's own data, by name


class Source(NamedTuple):
    """An indexed source: `items` are small and picklable, and begin with the image's name."""

    items: Iterable[tuple]
    total: int
    record: Callable[[tuple], Record]
    counts: Counter  # what indexing found odd, by name


def pairs(subjects: tuple[int, ...], objects: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the (subject, object) pairs of two box lists, as All-Seeing v2 reads them; [] where none fit."""
    if len(subjects) == 1:
        subjects = subjects * len(objects)
    if len(objects) == 1:
        objects = objects * len(subjects)
    return list(zip(subjects, objects, strict=True)) if len(subjects) == len(objects) else []
