"""Annotation files: image path → entry, as one JSON object or as .jsonl, and the objects of an entry."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError

RESERVED = frozenset(
    (
        "image",
        "depth",
        "caption_annotation",
        "width",
        "height",
        "levels",
        "order_list",
        "views",
        "description",
    )
)


class Object(NamedTuple):
    """One object of an entry; `mask` as stored (file name, RLE dict, polygons or None)."""

    key: str
    label: str
    box: list[float]  # [x0, y0, x1, y1] in pixels
    mask: Any
    depth_range: list[float] | None


def _is_numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in value)
    )


def _box_position(value: list) -> int | None:
    """Return where the box stands: sources may add fields between the label and it."""
    return next((i for i in range(1, len(value)) if _is_numbers(value[i], 4)), None)


def objects(entry: dict[str, Any]) -> list[Object]:
    """Return the objects of an entry in its order. Raises InputError naming the object that is malformed."""
    found = []
    for key, value in entry.items():
        if key in RESERVED or not key.startswith("[["):
            continue
        position = _box_position(value) if isinstance(value, list) else None
        if position is None or not isinstance(value[0], str):
            raise InputError(f"object {key}: expected [label, …, [x0, y0, x1, y1], mask], found {value!r:.120}")
        rest = value[position + 1 :]
        mask = rest[0] if rest and not _is_numbers(rest[0], 2) else None
        depth_range = rest[-1] if rest and _is_numbers(rest[-1], 2) else None
        found.append(Object(key, value[0], value[position], mask, depth_range))
    return found


def set_depth_range(value: list, depth_range: list[float] | None) -> None:
    """Put the depth range at the end of an object's list in place; one from an earlier run is replaced."""
    if len(value) > 1 and _is_numbers(value[-1], 2):
        value.pop()
    if depth_range is not None:
        value.append(depth_range)


def clear_layers(entry: dict[str, Any]) -> bool:
    """Take "levels" and depth ranges out of an entry in place; return whether there were any.

    What is malformed is left as it is.
    """
    found = entry.pop("levels", None) is not None
    for key, value in entry.items():
        if key not in RESERVED and key.startswith("[[") and isinstance(value, list) and _box_position(value):
            length = len(value)
            set_depth_range(value, None)
            found |= len(value) < length
    return found


def set_mask(value: list, mask: Any) -> None:
    """Put a mask, as FORMATS.md §2 stores it, after the box of an object's list, in place of any before."""
    after_box = _box_position(value) + 1
    if after_box < len(value) and not _is_numbers(value[after_box], 2):
        value[after_box] = mask
    else:
        value.insert(after_box, mask)


def read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (image path, entry); a `.jsonl` file is streamed in constant memory.

    Of equal keys in one JSON object the last counts. Raises InputError when the file is not the annotation format.
    """
    try:
        if path.suffix == ".jsonl":
            with path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    if line.strip():
                        yield _parse_line(line, f"{path}, line {number}")
            return
        whole = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as an annotation file ({error})") from error
    if not isinstance(whole, dict):
        raise InputError(f"{path}: found a JSON {_kind(whole)}, expected one JSON object, image path → entry")
    for image, entry in whole.items():
        if not isinstance(entry, dict):
            raise InputError(f"{path}: the entry of {image} is a {_kind(entry)}, expected a JSON object")
    yield from whole.items()


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "list"
    return "object" if isinstance(value, dict) else f"value ({value!r:.40})"


def _parse_line(line: bytes, where: str) -> tuple[str, dict[str, Any]]:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{where}: cannot be read as JSON ({error})") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        raise InputError(f'{where}: expected a JSON object with its image path under "image"')
    return entry.pop("image"), entry


@contextlib.contextmanager
def writer(path: Path) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """Give a function that appends (image, entry) to the file at `path`, which appears when all is written.

    The function raises InputError for an image path that a `.json` file, which is one object, already has.
    """
    lines = path.suffix == ".jsonl"
    with atomic_open(path) as stream:
        separator = b"" if lines else b"{\n"
        written: set[str] = set()

        def write(image: str, entry: dict[str, Any]) -> None:
            nonlocal separator
            if lines:
                stream.write(orjson.dumps({"image": image, **entry}) + b"\n")
                return
            if image in written:
                raise InputError(
                    f"{path}: {image} comes twice in the input; a .json file holds one entry per image, .jsonl any"
                )
            written.add(image)
            stream.write(separator + orjson.dumps(image) + b": " + orjson.dumps(entry))
            separator = b",\n"

        yield write
        if not lines:
            stream.write(b"\n}\n" if separator == b",\n" else b"{}\n")
