"""Annotation files in which each image has a file of its own: the files beside an image are found by its stem."""

import collections
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from spacesgg import annotations
from spacesgg.errors import InputError

Entries = Iterable[tuple[str, dict[str, Any]]]


def read(path: Path, uses_stem: Callable[[dict[str, Any]], bool], what: str) -> Entries:
    """Return the (image path, entry) of an annotation file, as `annotations.read` does.

    Raises InputError, which says `what`, where two images have one stem and the entries of both use it: that
    file belongs to one of the two, and nobody knows to which. So it does before any entry is handed out, but for
    lines from a pipe, which can be read only once: there it stops at the second of the two.
    """
    if path.suffix.lower() != ".jsonl":
        entries = list(annotations.read(path))  # which has read the whole file in any case
        _exhaust(_distinct(entries, path, uses_stem, what))
        return entries
    if path.is_file():
        _exhaust(_distinct(annotations.read(path), path, uses_stem, what))
        return annotations.read(path)
    return _distinct(annotations.read(path), path, uses_stem, what)


def _exhaust(entries: Entries) -> None:
    collections.deque(entries, maxlen=0)


def _distinct(
    entries: Entries, path: Path, uses_stem: Callable[[dict[str, Any]], bool], what: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    first: dict[str, str] = {}
    for image, entry in entries:
        if uses_stem(entry) and (other := first.setdefault(Path(image).stem, image)) != image:
            raise InputError(
                f"{path}: {other} and {image} have the same stem, and {what}; rename one image, or run the two "
                "folders apart"
            )
        yield image, entry
