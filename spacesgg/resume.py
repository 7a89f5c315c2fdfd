"""Annotation files that are written image by image by slow runs, so that an interrupted run goes on.

While a run lasts, its entries are appended to OUTPUT.partial.jsonl; when all are done OUTPUT is written and the
partial file removed. The next run takes from either what is done already.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from spacesgg import annotations
from spacesgg.errors import InputError


def partial_path(output: Path) -> Path:
    """Return where the entries of an unfinished run that writes `output` are kept."""
    return output.with_name(output.name + ".partial.jsonl")


class EarlierEntries:
    """What earlier runs wrote to this output, by image; only offsets are held of a partial file."""

    def __init__(self, output: Path, settings: dict[str, Any], overwrite: bool):
        self._path = partial_path(output)
        self._settings = settings
        self._offsets: dict[str, int] = {}
        self._whole: dict[str, dict[str, Any]] = {}
        self._stream: BinaryIO
        if overwrite:
            self._path.unlink(missing_ok=True)
            return
        if output.is_file():
            self._whole = dict(annotations.read(output))
        if self._path.is_file():
            self._index()

    def _index(self) -> None:
        end = 0
        with self._path.open("rb") as stream:
            try:
                first = orjson.loads(stream.readline())
            except orjson.JSONDecodeError:
                first = {}
            if first.get("settings") != self._settings:
                raise InputError(
                    f"{self._path}: left by an unfinished run with {first.get('settings')}, this one has "
                    f"{self._settings}; give the same options to go on with it, or --overwrite to start anew"
                )
            end = stream.tell()
            for line in stream:
                if not line.endswith(b"\n"):  # the run was stopped while it wrote this line
                    break
                self._offsets[orjson.loads(line)["image"]] = end
                end += len(line)
        with self._path.open("r+b") as stream:
            stream.truncate(end)

    def get(self, image: str) -> dict[str, Any] | None:
        """Return the entry that an earlier run wrote for `image`, None when there is none."""
        offset = self._offsets.get(image)
        if offset is None:
            return self._whole.get(image)
        with self._path.open("rb") as stream:
            stream.seek(offset)
            entry = orjson.loads(stream.readline())
        del entry["image"]
        return entry

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Let `keep` write; the partial file goes when the block ends well."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as self._stream:
            if self._stream.tell() == 0:
                self._stream.write(orjson.dumps({"settings": self._settings}) + b"\n")
            yield
        self._path.unlink()

    def keep(self, image: str, entry: dict[str, Any]) -> None:
        """Append a finished entry; it is on disk when this returns."""
        self._offsets[image] = self._stream.tell()
        self._stream.write(orjson.dumps({"image": image, **entry}) + b"\n")
        self._stream.flush()
