"""The journal of an LLM run: every reply on disk the moment it arrives, found again by its key.

`OUTPUT.journal.jsonl` stands beside the output, one JSON object a line, in order of arrival:

    {"key": 32 hex digits, "run": hash of model and parameters, "id", "image", "function", "attempt",
     "prompt": hash of the messages, "model", "parameters", "reply", "finish_reason", "usage": {"in", "out"},
     "verdict": {"accepted", "faults"}}
    {"key", "failed": reason}                   a prompt that got no reply at all; asked again by the next run

The key is a hash of the image, the prompt function, the messages, the model, its parameters and the attempt, so a
reply is found again exactly when the same thing would be asked again. Of two lines with one key the last counts.
"""

import array
import collections
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from spacesgg import locks
from spacesgg.errors import InputError

KEY_BYTES = 16
KEY = slice(8, 8 + 2 * KEY_BYTES)  # where a line, as this module writes it, holds the key
RUN = slice(KEY.stop + 9, KEY.stop + 9 + 2 * KEY_BYTES)  # and the "run" behind it
# Entries kept in a dict before they are merged into the sorted arrays: about 200 bytes each there, 24 afterwards.
RECENT_ENTRIES = 65_536


def journal_path(output: Path) -> Path:
    """Return where the journal of the run that writes `output` stands."""
    output = Path(output)
    return output.with_name(output.name + ".journal.jsonl")


def digest(*parts: Any) -> bytes:
    """Return the 16-byte hash of the parts (anything JSON can hold)."""
    return hashlib.blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=KEY_BYTES).digest()


class DigestIndex:
    """16-byte digest → integer (≥ 0), in 24 bytes an entry: a million replies are found through 24 MB."""

    def __init__(self) -> None:
        self._keys = np.empty(0, f"S{KEY_BYTES}")  # sorted
        self._values = np.empty(0, np.int64)
        self._recent: dict[bytes, int] = {}

    def _position(self, key: bytes) -> int:
        """Return where `key` stands in the sorted arrays, or -1."""
        position = int(np.searchsorted(self._keys, np.array(key, self._keys.dtype)))
        found = position < len(self._keys) and self._keys[position] == np.array(key, self._keys.dtype)
        return position if found else -1

    def get(self, key: bytes) -> int:
        """Return the value of `key`, -1 when there is none."""
        value = self._recent.get(key)
        if value is not None:
            return value
        position = self._position(key)
        return -1 if position < 0 else int(self._values[position])

    def put(self, key: bytes, value: int) -> None:
        """Set the value of `key`."""
        position = -1 if key in self._recent else self._position(key)
        if position >= 0:
            self._values[position] = value
            return
        self._recent[key] = value
        if len(self._recent) >= max(RECENT_ENTRIES, len(self._keys) // 8):
            self._merge()

    def fill(self, keys: bytes, values: Any) -> None:
        """Set an empty index to the digests in `keys`, one after another; of equal ones the last counts."""
        found = np.frombuffer(bytes(keys), self._keys.dtype)
        order = np.argsort(found, kind="stable")
        found = found[order]
        last = np.append(found[1:] != found[:-1], True)[: len(found)]
        self._keys, self._values = found[last], np.array(values, np.int64)[order][last]

    def _merge(self) -> None:
        keys = np.concatenate([self._keys, np.array(list(self._recent), self._keys.dtype)])
        values = np.concatenate([self._values, np.fromiter(self._recent.values(), np.int64, len(self._recent))])
        order = np.argsort(keys, kind="stable")
        self._keys, self._values = keys[order], values[order]
        self._recent.clear()

    def __len__(self) -> int:
        return len(self._keys) + len(self._recent)


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a line, None when there is none."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _head(line: bytes) -> tuple[str, bytes, bytes]:
    """Return what a line is ("reply", "failure", "blank" or "foreign"), its key and its run."""
    # As this module writes it, key and run stand at fixed places: a million lines need not be parsed to start.
    if line.startswith(b'{"key":"') and line.endswith(b"}\n") and line.startswith(b'","run":"', KEY.stop):
        key, run, kind = line[KEY], line[RUN], "reply"
    elif not line.strip():
        return "blank", b"", b""
    else:  # a failure, or what an editor or another program has written anew
        fields = _parse(line) or {}
        key, run = (str(fields.get(name) or "").encode(errors="replace") for name in ("key", "run"))
        kind = "failure" if "failed" in fields else "reply" if "reply" in fields else "foreign"
    try:
        key = bytes.fromhex(key.decode())
    except ValueError:
        return "foreign", b"", b""
    return (kind if len(key) == KEY_BYTES else "foreign"), key, run


def _whole(line: dict[str, Any]) -> dict[str, Any] | None:
    """Return a reply's line with every field that is read from it, None where it holds no reply."""
    if not isinstance(line.get("reply"), str):
        return None
    usage = line.get("usage") if isinstance(line.get("usage"), dict) else {}
    counts = {name: usage.get(name) if isinstance(usage.get(name), int) else 0 for name in ("in", "out")}
    verdict = line.get("verdict") if isinstance(line.get("verdict"), dict) else {}
    finish = line.get("finish_reason") if isinstance(line.get("finish_reason"), str) else "stop"
    return {
        **line,
        "usage": counts,
        "finish_reason": finish,
        "verdict": {"accepted": verdict.get("accepted") is True, "faults": verdict.get("faults") or []},
    }


class Journal:
    """The replies of one output, appended as they arrive and read back by key. One process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise InputError(f"{self.path}: the journal cannot be opened ({error.strerror})") from error
        if not locks.take(self._file):
            os.close(self._file)
            raise InputError(
                f"{self.path}: another run is writing this output; wait for it, or name another --output-file"
            )
        self._reader = self.path.open("rb")
        self._replies = DigestIndex()  # byte offset × 2, + 1 when this process's check accepted the reply
        self._failures = DigestIndex()  # byte offset
        self._runs: collections.Counter[bytes] = collections.Counter()  # replies by "run"
        self._end = 0
        self._index()

    def _index(self) -> None:
        """Find every line's key and offset; drop a torn last line, skip lines that are not the journal's."""
        foreign = 0
        keys, places = bytearray(), array.array("q")
        for line in self._reader:
            if not line.endswith(b"\n"):
                if _parse(line) is None:  # the process was killed while it wrote this line
                    os.ftruncate(self._file, self._end)
                    break
                os.write(self._file, b"\n")  # whole, but for the end that an editor or a copy took off
                line += b"\n"
            kind, key, run = _head(line)
            if kind == "reply":
                keys += key
                places.append(self._end * 2)
                self._runs[run] += 1
            foreign += kind == "foreign"
            self._end += len(line)
        self._replies.fill(keys, places)
        if foreign:
            print(f"{self.path}: skipped {foreign} lines that are no journal lines", file=sys.stderr)

    def __len__(self) -> int:
        """Return the number of replies."""
        return len(self._replies)

    def count(self, run: str) -> int:
        """Return the number of replies of the model and parameters whose hash is `run`."""
        return self._runs[run.encode()]

    def _append(self, key: bytes, fields: dict[str, Any]) -> int:
        """Append one line with one write, so that a kill can tear only the last; return its offset."""
        line = orjson.dumps({"key": key.hex(), **fields}) + b"\n"
        offset = self._end
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            os.ftruncate(self._file, offset)
            raise InputError(f"{self.path}: the journal cannot be written ({error.strerror})") from error
        self._end += len(line)
        return offset

    def _read(self, offset: int) -> dict[str, Any]:
        self._reader.seek(offset)
        try:
            return orjson.loads(self._reader.readline())
        except orjson.JSONDecodeError as error:
            raise InputError(
                f"{self.path}: the line at byte {offset} is damaged ({error}); delete that line and start again"
            ) from error

    def reply(self, key: bytes) -> dict[str, Any] | None:
        """Return the journal line of the reply with this key, None when there is none."""
        value = self._replies.get(key)
        return None if value < 0 else _whole(self._read(value >> 1))

    def add_reply(self, key: bytes, run: str, fields: dict[str, Any]) -> None:
        """Append a reply."""
        self._replies.put(key, self._append(key, {"run": run, **fields}) * 2)
        self._runs[run.encode()] += 1

    def failure(self, key: bytes) -> str | None:
        """Return why this run got no reply for the key, None when it did not fail."""
        offset = self._failures.get(key)
        return None if offset < 0 else self._read(offset)["failed"]

    def count_failures(self) -> int:
        """Return for how many keys this run got no reply."""
        return len(self._failures)

    def add_failure(self, key: bytes, reason: str) -> None:
        """Append the reason why no reply was got; a later run asks again."""
        self._failures.put(key, self._append(key, {"failed": reason}))

    def accept(self, key: bytes) -> None:
        """Remember, while this process lives, that the check accepted this reply."""
        self._replies.put(key, self._replies.get(key) | 1)

    def is_accepted(self, key: bytes) -> bool:
        """Say whether this process's check accepted the reply already."""
        value = self._replies.get(key)
        return value >= 0 and bool(value & 1)

    def close(self) -> None:
        """Close the file and let another run have it."""
        self._reader.close()
        os.close(self._file)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
