"""Annotation files that are written image by image by slow runs, so that an interrupted run goes on.

While a run lasts, its entries are appended to OUTPUT.partial.jsonl; when all are done OUTPUT is written, its
settings beside it, and the partial file removed. The next run takes from either what is done already, where it
was made with the same settings. What a run that began anew left unfinished replaces the finished output.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from spacesgg import annotations, locks, settings
from spacesgg.errors import InputError
from spacesgg.sources.big_json import BigJson


def partial_path(output: Path) -> Path:
    """Return where the entries of an unfinished run that writes `output` are kept."""
    return output.with_name(output.name + ".partial.jsonl")


class EarlierEntries:
    """What earlier runs wrote to this output, by image; of their files only where each entry stands is held."""

    def __init__(
        self,
        output: Path,
        made_with: dict[str, Any],
        overwrite: bool,
        way_out: str = "name another --output-file, or start anew (--overwrite, or without --resume)",
    ):
        self._path = partial_path(output)
        self._output = output
        self._settings = made_with
        self._places: dict[str, tuple[Path, int, int]] = {}  # image → file, where its entry begins and ends
        # Whether what the finished output holds is forgotten: now, or by the unfinished run that is gone on with.
        self.anew = overwrite
        self._stream = self._opened() if self._path.exists() else None
        try:
            self._index(overwrite, way_out)
        except BaseException:
            if self._stream:
                self._stream.close()
            raise

    def _opened(self) -> BinaryIO:
        """Open the partial file for this run alone. Raises InputError where another run is writing it."""
        try:
            stream = self._path.open("a+b")
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error.strerror})") from error
        if not locks.take(stream):
            stream.close()
            raise InputError(
                f"{self._output}: another run is writing this output; wait for it, or name another --output-file"
            )
        return stream

    def _index(self, overwrite: bool, way_out: str) -> None:
        if overwrite:
            if self._stream:
                self._stream.truncate(0)
            return
        begun = self._begun()
        self.anew = begun is not None and bool(begun.get("anew"))
        if not self.anew and self._output.is_file() and self._output.stat().st_size > 0:
            settings.check(self._output, self._settings, way_out)
            self._index_whole(self._output)
        if begun is not None:
            self._index_partial()

    def _begun(self) -> dict[str, Any] | None:
        """Return how the unfinished run began, None where there is none. Raises InputError for other settings."""
        if not self._stream:
            return None
        self._stream.seek(0)
        line = self._stream.readline()
        if not line.endswith(b"\n"):  # stopped before it had begun
            self._stream.truncate(0)
            return None
        try:
            begun = orjson.loads(line)
        except orjson.JSONDecodeError:
            begun = None
        begun = begun if isinstance(begun, dict) else {}
        if different := settings.differences(begun.get("settings"), self._settings):
            raise InputError(
                f"{self._path}: left by an unfinished run with other settings ({different}); give the same "
                "options to go on with it, or remove it to start anew"
            )
        return begun

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
        with self._path.open("rb") as stream:
            end = len(stream.readline())
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
        """Let `keep` write; when the block, which writes the output, ends well, the partial file goes."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._stream or self._opened()
            with self._stream:
                if self._stream.seek(0, os.SEEK_END) == 0:
                    self._stream.write(orjson.dumps({"settings": self._settings, "anew": self.anew}) + b"\n")
                    self._stream.flush()
                yield
        except OSError as error:  # also what closing the file raises, for the lines that found no room
            raise InputError(
                f"{self._path}: cannot be written ({error.strerror or error}); the entries in it are kept, a run "
                "that goes on with them does the rest"
            ) from error
        # The partial file last: as long as it is there, it tells the settings of what the output holds.
        settings.write(self._output, self._settings)
        self._path.unlink(missing_ok=True)

    def keep(self, image: str, entry: dict[str, Any]) -> None:
        """Append a finished entry; it is on disk when this returns."""
        line = orjson.dumps({"image": image, **entry}) + b"\n"
        start = self._stream.tell()
        self._stream.write(line)
        self._stream.flush()
        self._places[image] = self._path, start, start + len(line)
