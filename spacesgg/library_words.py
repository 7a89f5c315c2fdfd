"""What libpng and libjpeg print of a file, past Python and without its name: caught, to be told with it."""

import functools
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import IO, Any


@functools.cache
def _caught() -> IO[bytes]:
    """Return a file of this process's own, made at the first need: workers are forked before."""
    return tempfile.TemporaryFile(buffering=0)


def listen(function: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """Return what the function returns, and in one line what was printed to the standard error stream meanwhile.

    It costs some microseconds. That stream is the whole process's: only the main thread listens, and what another
    thread prints, a progress bar that goes back to its line's beginning, is passed on.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments), ""
    try:
        caught, stderr = _caught(), os.dup(2)
    except OSError:  # there is no such stream, or no room for files
        return function(*arguments), ""
    try:
        os.dup2(caught.fileno(), 2)
        result = function(*arguments)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        text = _take(caught) if caught.tell() else ""
    if "\r" in text:
        sys.stderr.write(text)
        text = ""
    return result, "; ".join(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))


def _take(file: IO[bytes]) -> str:
    """Return the text in a file and empty it."""
    file.seek(0)
    text = file.read().decode(errors="replace")
    file.seek(0)
    file.truncate()
    return text
