"""JSON files too big to hold as Python objects: indexed by byte range, parsed one element at a time.

The instances of COCO take six times their file size once parsed. Here the file is mapped into memory, the
elements of its top-level arrays are found by their braces, and only the ones asked for are parsed.
"""

import codecs
import mmap
import os
import re
from array import array
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from spacesgg.errors import InputError
from spacesgg.faulty_json import wrong_encoding

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_KEY = re.compile(rb"\s*(" + _STRING + rb")\s*:\s*", re.DOTALL)
_FLAT_OBJECT = re.compile(rb'\{[^{}"]*(?:' + _STRING + rb'[^{}"]*)*\}', re.DOTALL)
_BRACES = re.compile(_STRING + rb"|[{}]", re.DOTALL)
_BRACKETS = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_SCALAR = re.compile(_STRING + rb"|[^\s,\]}]+", re.DOTALL)
_SPACE = re.compile(rb"[\s\xef\xbb\xbf]*")  # a byte order mark before the first bracket is skipped as well
_NEXT = re.compile(rb"\s*([,\]}])\s*")
_RELEASE_BYTES = 1 << 26
_SHOWN_BYTES = 30  # of what was found in the place of something else


class BigJson:
    """A JSON file of which single elements are parsed on demand."""

    def __init__(self, path: Path):
        self.path = path
        self.keys: set[str] = set()  # the top-level keys that `parts` has met
        self.is_array = path.suffix.lower() == ".jsonl"  # or, known when `parts` has begun, a JSON array
        try:
            with path.open("rb") as stream:
                if not os.fstat(stream.fileno()).st_size:
                    raise InputError(f"{path}: the file is empty")
                self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error

    def raw(self, start: int, end: int) -> bytes:
        """Return the text of one part."""
        return self._bytes[start:end]

    def load(self, start: int, end: int) -> Any:
        """Return one part parsed. Raises InputError that says where the file is broken."""
        try:
            return orjson.loads(self._bytes[start:end])
        except orjson.JSONDecodeError as error:
            raise InputError(f"{self.path}, byte {start}: not valid JSON ({error})") from error

    def parts(self) -> Iterator[tuple[str, int, int]]:
        """Yield (top-level key, start, end): each element of an array of objects, any other value whole.

        A file that is itself an array, or .jsonl, has the key "" for all its elements. Empty arrays yield
        nothing, but their key is in `keys`.
        """
        if self.path.suffix.lower() == ".jsonl":
            yield from self._lines()
            return
        position = _SPACE.match(self._bytes).end()
        first = self._bytes[position : position + 1]
        if first == b"[":
            self.is_array = True
            yield from self._array("", position)
            return
        if first != b"{":
            raise self._broken(position, "a JSON object or array was expected")
        position += 1
        if _NEXT.match(self._bytes, position):
            return
        released = 0
        while True:
            key = _KEY.match(self._bytes, position)
            if key is None:
                raise self._broken(position, "a key was expected")
            name, position = self.load(*key.span(1)), key.end()
            self.keys.add(name)
            if self._bytes[position : position + 1] == b"[":
                position = yield from self._array(name, position)
            else:
                end = self._end(position)
                yield name, position, end
                position = end
            follow = _NEXT.match(self._bytes, position)
            if follow is None or follow[1] == b"]":
                raise self._broken(position, "a comma or the closing brace was expected")
            if follow[1] == b"}":
                return
            position = follow.end()
            if position - released > _RELEASE_BYTES:
                released = self._release(released, position)

    def _lines(self) -> Iterator[tuple[str, int, int]]:
        start = len(codecs.BOM_UTF8) if self._bytes[:3] == codecs.BOM_UTF8 else 0
        released, size = 0, len(self._bytes)
        while start < size:
            end = self._bytes.find(b"\n", start)
            end = size if end < 0 else end
            if self._bytes[start:end].strip():
                yield "", start, end
            start = end + 1
            if start - released > _RELEASE_BYTES:
                released = self._release(released, start)

    def _array(self, name: str, position: int):
        """Yield the parts of the array at `position` and return where it ends."""
        inside = _SPACE.match(self._bytes, position + 1).end()
        if self._bytes[inside : inside + 1] == b"]":
            return inside + 1
        if self._bytes[inside : inside + 1] != b"{":
            end = self._end(position)
            yield name, position, end
            return end
        released = position
        while True:
            end = self._end(inside)
            yield name, inside, end
            follow = _NEXT.match(self._bytes, end)
            if follow is None or follow[1] == b"}":
                raise self._broken(end, "a comma or the closing bracket was expected")
            if follow[1] == b"]":
                return follow.start(1) + 1
            inside = follow.end()
            if inside - released > _RELEASE_BYTES:
                released = self._release(released, inside)

    def _end(self, position: int) -> int:
        """Return where the value that begins at `position` ends."""
        first = self._bytes[position : position + 1]
        if first == b"{" and (flat := _FLAT_OBJECT.match(self._bytes, position)):
            return flat.end()
        if first in (b"{", b"["):
            # Inside an object only braces decide where it ends, and polygons are mostly square brackets.
            opening, depth = (b"{", b"["), 0
            for token in (_BRACES if first == b"{" else _BRACKETS).finditer(self._bytes, position):
                sign = token[0]
                if sign in opening:
                    depth += 1
                elif sign in (b"}", b"]"):
                    depth -= 1
                    if depth == 0:
                        return token.end()
            raise InputError(
                f"{self.path}, byte {position}: what begins here never ends; the file is truncated, or a bracket "
                "or quote is missing"
            )
        scalar = _SCALAR.match(self._bytes, position)
        if scalar is None:
            raise self._broken(position, "a value was expected")
        return scalar.end()

    def _release(self, start: int, end: int) -> int:
        """Let go of the file's pages that were scanned; they can be read again at any time."""
        start -= start % mmap.PAGESIZE
        end -= end % mmap.PAGESIZE
        if hasattr(self._bytes, "madvise"):
            self._bytes.madvise(mmap.MADV_DONTNEED, start, end - start)
        return end

    def _broken(self, position: int, what: str) -> InputError:
        found = self._bytes[position : position + _SHOWN_BYTES]
        if fault := wrong_encoding(None, self._bytes[:4]):
            return InputError(f"{self.path}: {fault}")
        shown = repr(found.decode("utf-8", "replace")) if found.strip() else "nothing"
        cut = "; the file ends there, it may be truncated" if position and len(found) < _SHOWN_BYTES else ""
        return InputError(f"{self.path}, byte {position}: {what}, found {shown}{cut}")


class ByImage:
    """The parts of one file grouped by image, 20 bytes each: ids, byte ranges, nothing parsed."""

    def __init__(self, file: BigJson):
        self.file = file
        self._numbers: dict[Hashable, int] = {}
        self._images, self._starts, self._lengths = array("I"), array("Q"), array("Q")
        self._order: np.ndarray | None = None
        self._bounds: np.ndarray | None = None

    def add(self, image: Hashable, start: int, end: int) -> None:
        """Note that the part from `start` to `end` is about `image`."""
        self._images.append(self._numbers.setdefault(image, len(self._numbers)))
        self._starts.append(start)
        self._lengths.append(end - start)

    def __len__(self) -> int:
        return len(self._images)

    def images(self) -> list[Hashable]:
        """Return the images in the order of their first part."""
        return list(self._numbers)

    def raw(self, image: Hashable) -> list[bytes]:
        """Return the texts of the image's parts in the file's order. Call after the last `add`."""
        if self._order is None:
            images = np.frombuffer(self._images, np.uint32) if self._images else np.zeros(0, np.uint32)
            self._order = np.argsort(images, kind="stable")
            self._bounds = np.searchsorted(images[self._order], np.arange(len(self._numbers) + 1))
        number = self._numbers.get(image)
        if number is None:
            return []
        found = self._order[self._bounds[number] : self._bounds[number + 1]]
        return [self.file.raw(self._starts[i], self._starts[i] + self._lengths[i]) for i in found.tolist()]

    def count_without(self, known: set) -> int:
        """Return how many parts are about images that are not in `known`."""
        unknown = [number for image, number in self._numbers.items() if image not in known]
        return int(np.isin(np.frombuffer(self._images, np.uint32), unknown).sum()) if unknown else 0


def require(file: BigJson, wanted: tuple[str, ...], what: str) -> None:
    """Raise InputError when a scanned file lacks one of the top-level keys of its format."""
    missing = [key for key in wanted if key not in file.keys]
    if missing:
        found = ", ".join(sorted(file.keys)) or ("an array" if file.is_array else "an empty object")
        raise InputError(f'{file.path}: no "{missing[0]}"; expected {what}, found {found}')


def require_field(file: BigJson, annotations: int, usable: int, field: str, what: str) -> None:
    """Raise InputError when a file has annotations, and in none of them what its format is about is usable."""
    if annotations and not usable:
        raise InputError(
            f'{file.path}: none of its {annotations} annotations has a usable "{field}"; expected {what}, this is '
            "another kind of file"
        )
