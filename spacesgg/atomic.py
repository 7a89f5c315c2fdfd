"""Files that are written whole or not at all."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from spacesgg.errors import InputError

# What a full or broken disk answers to a write, whatever else the writer's block was doing.
DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS))


def refuse_as_output(output: Path, *inputs: Path | None) -> None:
    """Raise InputError where `output` cannot become a file, or is one of the inputs (None where not given)."""
    output = Path(output)
    try:
        problem = _problem(output, [path for path in inputs if path is not None])
    except OSError as error:  # a name that is too long, a folder that may not be entered
        problem = f"cannot be written ({error.strerror})"
    if problem:
        raise InputError(f"{str(output):.200}: {problem}")


def _problem(output: Path, inputs: list[Path]) -> str | None:
    if output.exists():
        if any(path.exists() and output.samefile(path) for path in inputs):
            return "is also an input, which the output would replace; name another file"
        if not output.is_file():
            return f"is {'a folder' if output.is_dir() else 'no regular file'}; name a file to write"
    parent = next((folder for folder in output.parents if folder.exists()), None)
    if parent is not None and not parent.is_dir():
        return f"cannot be written, for {parent} is a file, not a folder"
    return None


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, with its suffix, and rename it onto `path` on success.

    On any exception the temporary file is removed and what stood at `path` before stays. Raises InputError where
    the file cannot be made or the disk is full.
    """
    path = Path(path)
    refuse_as_output(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    os.close(descriptor)
    # mkstemp makes files private to their owner; outputs follow the user's umask like any other file.
    umask = os.umask(0)
    os.umask(umask)
    temporary = Path(name)
    try:
        temporary.chmod(0o666 & ~umask)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_open(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for writing bytes; it appears under its name only when the block ends well."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        yield stream
