"""Annotation files in .jsonl form that a later run can finish where an earlier one was stopped."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from spacesgg.errors import InputError


def partial_path(output: Path) -> Path:
    """Return where the entries stand until the file at `output` is complete."""
    return output.with_name(output.name + ".partial")


@contextlib.contextmanager
def writer(output: Path, resume: bool) -> Iterator[tuple[Callable[[str, dict[str, Any]], None], set[str]]]:
    """Give a function that appends (image, entry), and the images that stand there already.

    Entries go to OUTPUT.partial, which becomes OUTPUT when the block ends well and stays when it does not. With
    `resume` the entries of OUTPUT.partial, or else of OUTPUT, are kept; without it they are begun anew.
    """
    partial = partial_path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    if resume and not partial.exists() and output.exists():
        shutil.copyfile(output, partial)
    done = _repair(partial) if resume and partial.exists() else set()
    with partial.open("ab" if done else "wb") as stream:

        def write(image: str, entry: dict[str, Any]) -> None:
            stream.write(orjson.dumps({"image": image, **entry}) + b"\n")

        yield write, done
    partial.replace(output)


def _repair(partial: Path) -> set[str]:
    """Cut off a last line that was not written whole; return the images of the others."""
    done, end = set(), 0
    with partial.open("r+b") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break
            try:
                done.add(orjson.loads(line)["image"])
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                raise InputError(
                    f"{partial}, byte {end}: not an entry with its image ({error}); delete the file and start anew"
                ) from error
            end += len(line)
        stream.truncate(end)
    return done
