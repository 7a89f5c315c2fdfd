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
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# In these no file is made: what looks like one is the system's, as /dev/stdout, or one that a shell has open.
_DEVICES = Path("/dev")  # but not the folders in it: /dev/shm holds files
_OF_THE_SYSTEM = (Path("/proc"), Path("/sys"))
_MOST_LINKS = 40  # from one to the next, as the system counts them


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
    output = _followed(output)
    parent = next((folder for folder in output.parents if folder.exists()), None)
    if parent is not None and not parent.is_dir():
        return f"cannot be written, for {parent} is a file, not a folder"
    return None


def _followed(output: Path) -> Path:
    """Return where `output` leads when it is a link: what is written replaces the file there, and the link stays.

    Raises InputError where it is, or leads by way of, a device or an entry of /proc.
    """
    path = output
    for _ in range(_MOST_LINKS):
        folder = Path(os.path.realpath(path.parent))
        if folder == _DEVICES or any(folder.is_relative_to(place) for place in _OF_THE_SYSTEM):
            led = "" if path is output else f"leads to {path}, which "
            raise InputError(f"{output}: {led}is no regular file, as nothing in {folder} is; name a file to write")
        if not path.is_symlink():
            return path
        path = folder / path.readlink()
    raise InputError(f"{output}: is a link that leads back to itself; name a file to write, or remove it")


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, with its suffix, and rename it onto `path` on success.

    Where `path` is a link, that is done where it leads. On any exception the temporary file is removed and what
    stood at `path` before stays. Raises InputError where the file cannot be made or the disk is full.
    """
    path = Path(path)
    refuse_as_output(path)
    try:
        target = _followed(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.stem}.", suffix=path.suffix, dir=target.parent)
    except OSError as error:
        raise _unwritten(path, error) from error
    os.close(descriptor)
    # mkstemp makes files private to their owner; outputs follow the user's umask like any other file.
    umask = os.umask(0)
    os.umask(umask)
    temporary = Path(name)
    try:
        temporary.chmod(0o666 & ~umask)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise _unwritten(path, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _unwritten(path: Path, error: OSError) -> InputError:
    remedy = "; free space there and run again" if error.errno in _NO_ROOM else ""
    return InputError(f"{path}: cannot be written ({error.strerror}){remedy}")


@contextlib.contextmanager
def atomic_open(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for writing bytes; it appears under its name only when the block ends well."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        yield stream
