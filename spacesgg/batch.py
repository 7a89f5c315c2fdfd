"""Run one function over many images: workers, a progress bar, failures recorded, a summary line."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import joblib
import orjson
from tqdm import tqdm

from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError


def attempt(function: Callable[[Any], Any], item: Any) -> tuple[Any, Any, str | None]:
    """Return (item, result, None) or (item, None, reason); one bad image must not end the run."""
    try:
        return item, function(item), None
    except InputError as error:
        return item, None, str(error)
    except Exception as error:  # the run goes on, and the reason is written to the errors file
        return item, None, f"unexpected {type(error).__name__}: {error}"


def run(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int, total: int | None, what: str
) -> Iterator[tuple[Any, Any, str | None]]:
    """Yield (item, result, reason) in the order of `items`, whatever the number of workers.

    `function` must be picklable when workers > 1. `reason` is None where the item succeeded.
    """
    if workers == 1:
        results = (attempt(function, item) for item in items)
    else:
        parallel = joblib.Parallel(n_jobs=workers, return_as="generator", pre_dispatch="4*n_jobs")
        results = parallel(joblib.delayed(attempt)(function, item) for item in items)
    yield from tqdm(results, total=total, desc=what, unit="image", disable=None)


def errors_path(output: Path) -> Path:
    """Return where the failures of the command that writes `output` are listed."""
    output = Path(output)
    return output.with_name(output.name + ".errors.jsonl")


def finish(what: str, succeeded: int, failures: list[dict[str, str]], output: Path) -> int:
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
