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
from spacesgg.sources.big_json import BigJson


def partial_path(output: Path) -> Path:
    """Return where the entries of an unfinished run that writes `output` are kept."""
    return output.with_name(output.name + ".partial.jsonl")


class EarlierEntries:
    """What earlier runs wrote to this output, by image; of their files only where each entry stands is held."""

    def __init__(self, output: Path, settings: dict[str, Any], overwrite: bool):
        self._path = partial_path(output)
        self._settings = settings
        self._places: dict[str, tuple[Path, int, int]] = {}  # image → file, where its entry begins and ends
        self._stream: BinaryIO
        if overwrite:
            self._path.unlink(missing_ok=True)
            return
        if output.is_file() and output.stat().st_size > 0:
            self._index_whole(output)
        if self._path.is_file():
            self._index_partial()

    def _index_whole(self, output: Path) -> None:
        """Index a finished output. Raises InputError when it is no annotation file."""
        file = BigJson(output)
        for key, start, end in file.parts():
            if output.suffix.lower() == ".jsonl":
                key = annotations.parse_line(file.raw(start, end), f"{output}, byte {start}")[0]
            elif not (key and file.raw(start, start + 1) == b"{"):
                raise InputError(
                    f"{output}, byte {start}: expected the entry of an image, a JSON object; name another "
                    "--output-file, or move this one away"
                )
            self._places[key] = output, start, end

    def _index_partial(self) -> None:
        end = 0
        with self._path.open("rb") as stream:
            try:
                first = orjson.loads(stream.readline())
            except orjson.JSONDecodeError:
                first = {}
            if first.get("settings") != self._settings:
                raise InputError(
                    f"{self._path}: left by an unfinished run with {first.get('settings')}, this one has "
                    f"{self._settings}; give the same options to go on with it, or remove it to start anew"
                )
            end = stream.tell()
            for line in stream:
                if not line.endswith(b"\n"):  # the run was stopped while it wrote this line
                    break
                self._places[orjson.loads(line)["image"]] = self._path, end, end + len(line)
                end += len(line)
        with self._path.open("r+b") as stream:
            stream.truncate(end)

    def __contains__(self, image: str) -> bool:
        """Return whether an earlier run wrote an entry for `image`."""
        return image in self._places

    def get(self, image: str) -> dict[str, Any] | None:
        """Return the entry that an earlier run wrote for `image`, None when there is none."""
        if image not in self._places:
            return None
        path, start, end = self._places[image]
        with path.open("rb") as stream:
            stream.seek(start)
            text = stream.read(end - start)
        try:
            entry = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InputError(f"{path}, byte {start}: the entry of {image} is not valid JSON ({error})") from error
        if path.suffix.lower() == ".jsonl":
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
        line = orjson.dumps({"image": image, **entry}) + b"\n"
        start = self._stream.tell()
        self._stream.write(line)
        self._stream.flush()
        self._places[image] = self._path, start, start + len(line)
