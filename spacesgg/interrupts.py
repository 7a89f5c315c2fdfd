"""Commands that Ctrl-C, SIGTERM, a closed pipe or a missing package ends: one line, no traceback."""

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from spacesgg.atomic import DISK_ERRORS

SIGNALS = (signal.SIGINT, signal.SIGTERM)  # the second is how a cluster ends a job
CLOSED_PIPE = 141  # the shell's status of a command whose reader has ended
INSTALL = "in the project's folder, run: bash scripts/setup.sh && source .venv/bin/activate"
_deferring = False
_pending: int | None = None


def run_main(name: str, main: Callable[[], int]) -> int:
    """Return main's exit status, or the shell's for a command that a signal ended: 130 after Ctrl-C.

    The images under way are finished or leave nothing; a second signal does not cut that short. Output that
    nobody reads to its end (`| head`), or that its disk has no room for, ends the command by one line too.
    """
    sys.excepthook = sys.__excepthook__
    if threading.current_thread() is threading.main_thread():  # signals are the main thread's to set
        for number in SIGNALS:
            signal.signal(number, _interrupt)
    try:
        status = main()
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
    except OSError as error:
        if error.errno != errno.EPIPE and error.errno not in DISK_ERRORS:
            raise
        return _unprinted(name, error)
    # Only here, when the frames that the exception held are gone and with them progress bar and workers.
    print(f"{name}: interrupted; files already written are whole, an --output-file is as before", file=sys.stderr)
    return 128 + number


def _unprinted(name: str, error: OSError) -> int:
    """Say that what the command prints cannot be written; return the exit status."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (not a file of ours)
        os.dup2(nowhere.fileno(), sys.stdout.fileno())  # what is left to be flushed at the end
    with contextlib.suppress(OSError):
        print(f"{name}: ended, for what it says cannot be written ({error.strerror})", file=sys.stderr)
    return CLOSED_PIPE if error.errno == errno.EPIPE else 2


def during_imports(name: str) -> None:
    """Let Ctrl-C be one line in the seconds that a script's imports take too, before `run_main` is there.

    It ends the process on the spot: an exception would crash libraries that are being loaded. A package that is
    missing, mostly for want of an active .venv, ends the script by one line as well.
    """

    def end(number: int, _: FrameType | None) -> None:
        print(f"{name}: interrupted before it had begun", file=sys.stderr, flush=True)
        os._exit(128 + number)

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, ImportError) or (error.name or "").startswith("spacesgg"):
            sys.__excepthook__(kind, error, trace)
            return
        print(f"{name}: {error} ({sys.executable}); {INSTALL}", file=sys.stderr, flush=True)
        os._exit(2)

    signal.signal(signal.SIGINT, end)
    sys.excepthook = tell


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the work on one image end before a signal that came meanwhile ends the command.

    An exception out of nowhere, between making a temporary file and the `try` that removes it, would leave it.
    """
    global _deferring, _pending  # noqa: PLW0603 (a process has one set of signal handlers)
    _deferring = True
    try:
        yield
    finally:
        _deferring = False
        number, _pending = _pending, None
        if number is not None:
            raise KeyboardInterrupt(number)


def _interrupt(number: int, _: FrameType | None) -> None:
    global _pending  # noqa: PLW0603
    for ignored in SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    if not _deferring:
        raise KeyboardInterrupt(number)
    _pending = number
