"""Annotation files: image path → entry, as one JSON object or as .jsonl, and the objects of an entry."""

import codecs
import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError
from spacesgg.faulty_json import Faulty, may_repeat, not_finite, with_repeats, without_not_finite, wrong_encoding

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

_NO_KEY = "its key must be its box as text, [[x1, y1, x2, y2]], whole numbers 0–999, the smaller ones first"
# With no other spaces than these, as those who read a grounded text want it.
_KEY = re.compile(r"\[\[" + ", ?".join([r"(\d{1,3})"] * 4) + r"\]\]", re.ASCII)
_BLANKS = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
LONGEST_LABEL = 200  # characters: a phrase that tells one thing from all others has some hundred, a caption more


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


def is_key(key: str) -> bool:
    """Return whether an entry's key is an object's: its box as text."""
    box = _KEY.fullmatch(key)
    return box is not None and int(box[1]) <= int(box[3]) and int(box[2]) <= int(box[4])


def objects(entry: dict[str, Any]) -> list[Object]:
    """Return the objects of an entry in its order. Raises InputError naming the object that is malformed."""
    if isinstance(entry, Faulty):
        raise InputError(entry.fault)
    for key in entry:
        if key.startswith("[[") and not is_key(key):
            raise InputError(f"object {key}: {_no_key(key)}")
    return [_object(key, value) for key, value in entry.items() if is_key(key)]


def sound_objects(
    image: str, entry: dict[str, Any], lost: str = "it is in no layer"
) -> tuple[list[Object], list[dict[str, str]]]:
    """Return the objects of an entry that are well formed, and a failure for each other thing that would be one.

    That is a malformed value under a box, and an object's value under a key that is none; `lost` says what comes
    of it. Raises InputError where the entry as a whole is faulty.
    """
    if isinstance(entry, Faulty):
        raise InputError(entry.fault)
    found, failures = [], []
    for key, value in entry.items():
        if is_key(key):
            try:
                found.append(_object(key, value))
            except InputError as error:
                failures.append({"image": image, "object": key, "reason": f"{error}; {lost}"})
        elif reason := _misnamed(key, value):
            failures.append({"image": image, "object": key, "reason": f"{reason}; {lost}"})
    return found, failures


def _misnamed(key: str, value: Any) -> str:
    """Return what is wrong with a key that is no box but begins as one or has an object's value, "" for others."""
    if key in RESERVED:
        return ""
    if isinstance(value, list) and _box_position(value) and isinstance(value[0], str):
        return f"{value[0]:.{LONGEST_LABEL}}: {_no_key(key)}"
    return f"object {key}: {_no_key(key)}" if key.startswith("[[") or is_key(_closed_up(key)) else ""


def _closed_up(key: str) -> str:
    """Return the key with one blank after each comma and no others, but for those that part two numbers."""
    return _BLANKS.sub("", key).replace(",", ", ")


def _no_key(key: str) -> str:
    """Return what is wrong with a key that is no box, and what it should be where only blanks keep it from it."""
    meant = _closed_up(key)
    return f"{_NO_KEY}; this one has blanks where none may be, write {meant}" if is_key(meant) else _NO_KEY


def _object(key: str, value: Any) -> Object:
    position = _box_position(value) if isinstance(value, list) else None
    if position is None or not isinstance(value[0], str):
        raise InputError(f"object {key}: expected [label, …, [x0, y0, x1, y1], mask], found {value!r:.120}")
    if len(value[0]) > LONGEST_LABEL:
        raise InputError(
            f"object {key}: found a label of {len(value[0])} characters, expected at most {LONGEST_LABEL}, for "
            f"texts repeat it; give it a short name in place of {value[0]:.40}…"
        )
    box = value[position]
    if box[2] < box[0] or box[3] < box[1]:
        raise InputError(
            f"object {key}: its box {box} ends before it begins; expected two corners in pixels, "
            "[x0, y0, x1, y1], not a corner and a size"
        )
    rest = value[position + 1 :]
    mask = rest[0] if rest and not _is_numbers(rest[0], 2) else None
    depth_range = rest[-1] if rest and _is_numbers(rest[-1], 2) else None
    return Object(key, value[0], box, mask, depth_range)


def has_objects(entry: dict[str, Any]) -> bool:
    """Return whether any key of the entry is a box."""
    return any(map(is_key, entry))


def are_levels(levels: Any) -> bool:
    """Return whether this is a list of lists of text."""
    return isinstance(levels, list) and all(
        isinstance(layer, list) and all(isinstance(key, str) for key in layer) for layer in levels
    )


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
        if is_key(key) and isinstance(value, list) and _box_position(value):
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

    An entry in which a key comes twice is `Faulty`, and so is one of a line with NaN. Raises InputError when the
    file is not the annotation format, or has no image.
    """
    content = b""
    try:
        if path.suffix.lower() == ".jsonl":
            empty = True
            with path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    if line.strip():
                        empty = False
                        yield parse_line(line, f"{path}, line {number}")
            if empty:
                raise no_image(path)
            return
        content = path.read_bytes().removeprefix(codecs.BOM_UTF8)  # which editors on Windows put there
        whole = orjson.loads(content)
    except (OSError, orjson.JSONDecodeError) as error:
        if number := not_finite(error):
            raise InputError(
                f"{path}, line {error.lineno}, column {error.colno}: {number}; or write a .jsonl file, in which "
                "only the entry that has it fails"
            ) from error
        raise InputError(f"{path}: cannot be read as an annotation file ({_why(error, content)})") from error
    if not isinstance(whole, dict):
        raise InputError(f"{path}: found a JSON {_kind(whole)}, expected one JSON object, image path → entry")
    if not whole:
        raise no_image(path)
    for image, entry in whole.items():
        if not isinstance(entry, dict):
            raise InputError(f"{path}: the entry of {image} is a {_kind(entry)}, expected a JSON object")
    if may_repeat(content, whole):
        whole = with_repeats(content)
        if isinstance(whole, Faulty):
            raise InputError(f"{path}: {whole.fault}, or write a .jsonl file, which may have both")
    del content
    yield from whole.items()


def no_image(path: Path) -> InputError:
    """Return the error of an annotation file without an entry: what made it has failed, or wrote elsewhere."""
    return InputError(f"{path}: no image in it")


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "list"
    return "object" if isinstance(value, dict) else f"value ({orjson.dumps(value).decode():.40})"


def _why(error: Exception, content: bytes) -> str:
    """Return what kept a file from being read as JSON."""
    if fault := wrong_encoding(error, content):
        return fault
    if not isinstance(error, orjson.JSONDecodeError):
        return str(getattr(error, "strerror", None) or error)
    if "after document" in error.msg:
        return f"line {error.lineno} goes on after the end; entries on lines of their own make a .jsonl file"
    return str(error)


def parse_line(line: bytes, where: str) -> tuple[str, dict[str, Any]]:
    """Return (image path, entry) of one line of a `.jsonl` file. Raises InputError that names it by `where`."""
    line, fault = line.removeprefix(codecs.BOM_UTF8), None
    try:
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            fault = not_finite(error)
            line = without_not_finite(line)
            entry = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if fault := wrong_encoding(error, line):
            raise InputError(f"{where}: cannot be read as JSON ({fault})") from error
        hint = "; a .jsonl file has one entry on each line" if line.strip() in (b"{", b"[") else ""
        raise InputError(f"{where}, column {error.colno}: cannot be read as JSON ({error.msg}){hint}") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        raise InputError(f'{where}: expected a JSON object with its image path under "image"')
    if may_repeat(line, entry):
        entry = with_repeats(line)
        if isinstance(entry, Faulty):
            paths = [value for key, value in entry.members if key == "image"]
            if len(paths) > 1:
                raise InputError(f'{where}: "image" comes twice; one line has one image path')
            entry.members = [(key, value) for key, value in entry.members if key != "image"]
    image = entry.pop("image")
    return image, Faulty(list(entry.items()), fault) if fault and not isinstance(entry, Faulty) else entry


def _dump(entry: dict[str, Any], image: str | None = None) -> bytes:
    """Return the entry as JSON, its image path first where that is given."""
    first = {} if image is None else {"image": image}
    if not isinstance(entry, Faulty):
        return orjson.dumps({**first, **entry})
    # What a stage took out of the entry is not written; of a key that comes twice both are.
    kept = [(key, value) for key, value in entry.members if key in entry and key not in first]
    return b"{" + b",".join(orjson.dumps(k) + b":" + orjson.dumps(v) for k, v in [*first.items(), *kept]) + b"}"


@contextlib.contextmanager
def writer(path: Path) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """Give a function that appends (image, entry) to the file at `path`, which appears when all is written.

    The function raises InputError for an image path that a `.json` file, which is one object, already has, and
    for an entry whose own "image" has no place in a `.jsonl` file.
    """
    lines = path.suffix.lower() == ".jsonl"
    with atomic_open(path) as stream:
        separator = b"" if lines else b"{\n"
        written: set[str] = set()

        def write(image: str, entry: dict[str, Any]) -> None:
            nonlocal separator
            if lines:
                if entry.get("image", image) != image:
                    raise InputError(
                        f'{path}: the entry of {image} has its own "image", {entry["image"]!r:.60}; in a .jsonl '
                        "file that is the image path, so write a .json file or rename that key"
                    )
                stream.write(_dump(entry, image) + b"\n")
                return
            if image in written:
                raise InputError(
                    f"{path}: {image} comes twice in the input; a .json file holds one entry per image, .jsonl any"
                )
            written.add(image)
            stream.write(separator + orjson.dumps(image) + b": " + _dump(entry))
            separator = b",\n"

        yield write
        if not lines:
            stream.write(b"\n}\n" if separator == b",\n" else b"{}\n")
