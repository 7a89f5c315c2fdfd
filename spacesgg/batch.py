"""Run one function over many images: workers, a progress bar, failures recorded, a summary line."""

import collections
import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from spacesgg import heap, interrupts
from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError

QUEUED_PER_WORKER = 4  # images handed out ahead: enough that no worker waits, few enough for any memory
FAILURES_IN_MEMORY = 1 << 20  # bytes; a run over millions of images may fail on each


def attempt(function: Callable[[Any], Any], item: Any) -> tuple[Any, Any, str | None]:
    """Return (item, result, None) or (item, None, reason); one bad image must not end the run."""
    try:
        return item, function(item), None
    except InputError as error:
        return item, None, str(error)
    except Exception as error:  # the run goes on, and the reason is written to the errors file
        return item, None, f"unexpected {type(error).__name__}: {error}"


def _attempt_here(function: Callable[[Any], Any], item: Any) -> tuple[Any, Any, str | None]:
    with interrupts.deferred():
        return attempt(function, item)


def _attempt_remotely(function: Callable[[Any], Any], item: Any) -> tuple[Any, str | None]:
    return attempt(function, item)[1:]  # the item need not travel back


def _start_worker() -> None:
    """Keep a worker to one core: the images are what is shared out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent alone answers it
    _settle()


def _settle() -> None:
    """Prepare a process for one image after the other.

    OpenCV's threads wait for each other longer than one image's small arrays take.
    """
    import cv2

    cv2.setNumThreads(1)
    heap.keep()


def _start_forkserver() -> None:
    """Start the process that the workers are copies of, deaf to Ctrl-C even while it still imports."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's to set
        return
    from multiprocessing import forkserver  # not on Windows

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the new process inherits
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def _in_processes(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int
) -> Iterator[tuple[Any, Any, str | None]]:
    # Started afresh, not forked: OpenMP, inside OpenCV, Open3D and scikit-learn, may hang in a forked process.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        # Loaded once, by the process that the workers then are copies of.
        context.set_forkserver_preload(["cv2", "numpy", "orjson", "tqdm", "spacesgg.batch"])
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if "forkserver" in methods:
        _start_forkserver()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    waiting: collections.deque = collections.deque()
    try:
        items = iter(items)
        while True:
            # Never more than these are under way, however slowly the results are taken.
            for item in itertools.islice(items, QUEUED_PER_WORKER * workers - len(waiting)):
                with interrupts.deferred():  # a worker that is starting needs its pool whole
                    waiting.append((item, pool.submit(_attempt_remotely, function, item)))
            if not waiting:
                return
            item, future = waiting.popleft()
            yield item, *future.result()
    except BrokenProcessPool as error:
        raise InputError(
            f"a worker process was killed, most often because memory ran out; use fewer than {workers} --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def run(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int, total: int | None, what: str
) -> Iterator[tuple[Any, Any, str | None]]:
    """Yield (item, result, reason) in the order of `items`, whatever the number of workers.

    `function` must be picklable when workers > 1. `reason` is None where the item succeeded. Raises InputError
    when a worker process was killed.
    """
    if workers == 1:
        _settle()
        results = (_attempt_here(function, item) for item in items)
    else:
        results = _in_processes(function, items, workers)
    yield from tqdm(results, total=total, desc=what, unit="image", disable=None)


class Failures:
    """A list of failures that only grows, on disk when it gets long."""

    def __init__(self) -> None:
        self._lines = tempfile.SpooledTemporaryFile(FAILURES_IN_MEMORY)  # noqa: SIM115 (lives as long as this)
        self._count = 0

    def append(self, failure: dict[str, str]) -> None:
        """Add {"image": …, "reason": …}, with "object" where only one object failed."""
        self._lines.write(orjson.dumps(failure) + b"\n")
        self._count += 1

    def extend(self, failures: Iterable[dict[str, str]]) -> None:
        """Add several."""
        for failure in failures:
            self.append(failure)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, str]]:
        self._lines.seek(0)
        yield from map(orjson.loads, self._lines)


def errors_path(output: Path) -> Path:
    """Return where the failures of the command that writes `output` are listed."""
    output = Path(output)
    return output.with_name(output.name + ".errors.jsonl")


def finish(what: str, succeeded: int, failures: Failures | list[dict[str, str]], output: Path) -> int:
    """Write or remove the errors file, print the summary line and return the exit status, 0 or 1.

    A failure is {"image": …, "reason": …}, with "object" where only one object failed.
    """
    path = errors_path(output)
    if not failures:
        path.unlink(missing_ok=True)  # a stale list from an earlier run would mislead
        print(f"{what}: {succeeded} succeeded, 0 failed; written to {output}")
        return 0
    with atomic_open(path) as stream:
        stream.writelines(orjson.dumps(failure) + b"\n" for failure in failures)
    print(f"{what}: {succeeded} succeeded, {len(failures)} failed, see {path}", file=sys.stderr)
    return 1
