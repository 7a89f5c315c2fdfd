"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, with its suffix, and rename it onto `path` on success.

    On any exception the temporary file is removed and what stood at `path` before stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    # mkstemp makes files private to their owner; outputs follow the user's umask like any other file.
    umask = os.umask(0)
    os.umask(umask)
    temporary = Path(name)
    try:
        temporary.chmod(0o666 & ~umask)
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_open(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for writing bytes; it appears under its name only when the block ends well."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        yield stream
