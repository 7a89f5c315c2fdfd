"""Whether what a command is to write can be written, found before the work; and what earlier runs left there."""

import sys
import tempfile
from pathlib import Path

from spacesgg import atomic, batch, options
from spacesgg.errors import InputError

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def check_file(output: Path) -> None:
    """Raise InputError where `output`, or the list of failures beside it, cannot become a file of JSON.

    An ending that is not one of those files is told of, for it decides the form.
    """
    if output.suffix.lower() in COMPRESSED:
        raise InputError(
            f"{output}: nothing is compressed here; name a .json or .jsonl file, and compress it later"
        )
    try:
        atomic.refuse_as_output(output)
        atomic.refuse_as_output(batch.errors_path(output))
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror})") from error
    if output.suffix.lower() not in options.JSON_ENDINGS:
        print(f"{output}: written as .json, for its ending is neither that nor .jsonl", file=sys.stderr)


def make_folder(folder: Path, lists_failures: bool = True) -> None:
    """Make a folder for many outputs. Raises InputError where it cannot be made or written to.

    With `lists_failures` so it does where the list of failures beside it cannot be.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file, but the output needs a folder of that name; move it away")
        if lists_failures:
            atomic.refuse_as_output(batch.errors_path(folder))
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{folder}: no files can be written there ({error.strerror})") from error


def remove(*paths: Path) -> None:
    """Remove the files among `paths`; folders of these names stay. Raises InputError when it cannot be done."""
    for path in paths:
        try:
            if path.is_symlink() or path.is_file():
                path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{path}: of an earlier run, cannot be removed ({error.strerror})") from error
