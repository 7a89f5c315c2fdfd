"""Run one function over many images: workers, a progress bar, failures recorded, a summary line."""

import collections
import functools
import itertools
import multiprocessing
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

from spacesgg import heap, interrupts, workers
from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError

QUEUED_PER_WORKER = 16  # images handed out ahead: enough that no worker waits, few enough for any memory
BUNDLES_PER_WORKER = 4  # in which they go: one at work, one to go on with, two for where images differ
# Handing over a bundle costs half a millisecond of a core that a worker could use, little against this time. And
# the last worker is at work alone no longer than this.
BUNDLE_S = 0.05
FAILURES_IN_MEMORY = 1 << 20  # bytes; a run over millions of images may fail on each


def attempt(function: Callable[[Any], Any], item: Any) -> tuple[Any, Any, str | None]:
    """Return (item, result, None) or (item, None, reason); one bad image must not end the run."""
    try:
        return item, function(item), None
    except InputError as error:
        reason = str(error)
    except Exception as error:  # the run goes on, and the reason is written to the errors file
        reason = f"unexpected {type(error).__name__}: {error}"
    return item, None, reason.encode(errors="backslashreplace").decode()  # half a character is in no file


def _attempt_here(function: Callable[[Any], Any], item: Any) -> tuple[Any, Any, str | None]:
    with interrupts.deferred():
        return attempt(function, item)


def _attempt_remotely(
    function: Callable[[Any], Any], bundle: list[Any]
) -> tuple[list[tuple[Any, str | None]], float]:
    start = time.perf_counter()
    results = []
    for item in bundle:
        with workers.at_work:
            results.append(attempt(function, item)[1:])  # the items need not travel back
    return results, time.perf_counter() - start


def _start_worker() -> None:
    """Keep a worker to one core: the images are what is shared out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent alone answers it
    workers.end_with_parent()
    _settle()


def _settle() -> None:
    """Prepare a process for one image after the other.

    OpenCV's threads wait for each other longer than one image's small arrays take.
    """
    import cv2

    cv2.setNumThreads(1)
    heap.keep()


def _modules_of(function: Callable[[Any], Any]) -> list[str]:
    """Return the names of the modules that the module of a function, or of a partial of one, has imported."""
    while isinstance(function, functools.partial):
        function = function.func
    home = sys.modules.get(getattr(function, "__module__", None) or "")
    return sorted(
        {value.__name__ for value in getattr(home, "__dict__", {}).values() if type(value) is ModuleType}
    )


def _in_processes(
    function: Callable[[Any], Any], items: Iterable[Any], count: int
) -> Iterator[tuple[Any, Any, str | None]]:
    workers.start(["cv2", __name__, *_modules_of(function)])
    context = multiprocessing.get_context(workers.METHOD)
    pool = ProcessPoolExecutor(count, context, initializer=_start_worker)
    waiting: collections.deque = collections.deque()
    size = 1  # of a bundle, until it is known how long an image takes
    try:
        items = iter(items)
        while True:
            # Never more than these are under way, however slowly the results are taken.
            while len(waiting) < BUNDLES_PER_WORKER * count and (bundle := list(itertools.islice(items, size))):
                with interrupts.deferred():  # a worker that is starting needs its pool whole
                    waiting.append((bundle, pool.submit(_attempt_remotely, function, bundle)))
            if not waiting:
                return
            bundle, future = waiting.popleft()
            results, taken_s = future.result()
            size = int(BUNDLE_S * len(bundle) / max(taken_s, 1e-9))
            size = min(max(size, 1), QUEUED_PER_WORKER // BUNDLES_PER_WORKER)
            for item, (result, reason) in zip(bundle, results, strict=True):
                yield item, result, reason
    except BrokenProcessPool as error:
        raise InputError(
            f"a worker process was killed, most often because memory ran out; use fewer than {count} --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def run(
    function: Callable[[Any], Any], items: Iterable[Any], count: int, total: int | None, what: str
) -> Iterator[tuple[Any, Any, str | None]]:
    """Yield (item, result, reason) in the order of `items`, whatever the number of workers, `count`.

    `function` must be picklable when there are several. `reason` is None where the item succeeded. Raises
    InputError when a worker process was killed.
    """
    if count == 1:
        _settle()
        results = (_attempt_here(function, item) for item in items)
    else:
        results = _in_processes(function, items, count)
    if sys.stderr.isatty():
        from tqdm import tqdm  # loading it takes as long as an image or two

        results = tqdm(results, total=total, desc=what, unit="image")
    yield from results


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
    """Return where the failures of the command that writes `output` are listed.

    Raises InputError where that has no name to call the list by, as / and the folder one is in.
    """
    output = Path(output)
    if not output.name:
        raise InputError(f"{output}: the list of failures is named after it, and it has no name; name another one")
    return output.with_name(output.name + ".errors.jsonl")


def counted(number: int, noun: str) -> str:
    """Return so many of something, in the plural where they are not one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def finish(
    what: str, succeeded: int, failures: Failures | list[dict[str, str]], output: Path, kept: bool = False
) -> int:
    """Write or remove the errors file, print the summary line and return the exit status, 0 or 1.

    `kept` says that the output of an earlier run stands there yet, for want of a new one.

    A failure is {"image": …, "reason": …}, with "object" where only one object failed; those of an image stand
    together. The line counts images: all well, failed, and done in part, where objects failed.
    """
    path = errors_path(output)
    well = f"{what}: {counted(succeeded, 'image')} succeeded"
    written = "" if kept else f"; written to {output}"
    if not failures:
        path.unlink(missing_ok=True)  # a stale list from an earlier run would mislead
        print(f"{well}, 0 failed{written}")
        return 0
    objects = failed = in_part = 0
    with atomic_open(path) as stream:
        for _, group in itertools.groupby(failures, key=lambda failure: failure["image"]):
            whole = 0
            for failure in group:
                stream.write(orjson.dumps(failure) + b"\n")
                whole += "object" not in failure
                objects += "object" in failure
            failed += whole
            in_part += not whole
    told = f", {in_part} done in part (objects that failed: {objects})" if objects else ""
    print(f"{well}, {failed} failed{told}, see {path}{written}", file=sys.stderr)
    return 1
