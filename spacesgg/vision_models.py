"""Vision models of transformers: device and precision, readers that run ahead."""

import collections
import concurrent.futures
import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import torch

from spacesgg import batch, options
from spacesgg.errors import InputError
from spacesgg.model_files import first_line, looks_like_path

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the GPU where there is one. Raises InputError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--device {name}: cannot be used here ({reason}); give auto or cpu") from error
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of the forward pass; "auto" is half precision on a GPU, single elsewhere."""
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return PRECISIONS[name]


@contextlib.contextmanager
def inference(device: torch.device, precision: torch.dtype) -> Iterator[None]:
    """Run models without gradients and in `precision`.

    Weights stay in single precision and are cast as they are used, so that the steps that need single
    precision (norms, softmax, box coordinates) keep it, whatever the model.
    """
    half = precision != torch.float32
    with torch.inference_mode(), torch.autocast(device.type, precision if half else None, enabled=half):
        yield


def thread_pool(workers: int) -> concurrent.futures.ThreadPoolExecutor:
    """Return the threads that read, prepare and write; decoders and encoders run outside Python's lock."""
    cv2.setNumThreads(1)  # for the whole process; the readers themselves are what keeps the cores busy
    return concurrent.futures.ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))


def read_ahead(
    pool: concurrent.futures.Executor, function: Callable[[Any], Any], items: Iterable[Any], ahead: int
) -> Iterator[tuple[Any, Any, str | None]]:
    """Yield (item, result, reason) in the order of `items` while the next `ahead` are already being read."""
    items = iter(items)
    waiting = collections.deque(
        pool.submit(batch.attempt, function, item) for item in itertools.islice(items, ahead)
    )
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(pool.submit(batch.attempt, function, item) for item in itertools.islice(items, 1))
        yield result


def same_shape_batches(
    prepared: Iterable[tuple[Any, torch.Tensor]], batch_size: int
) -> Iterator[tuple[list[Any], list[torch.Tensor]]]:
    """Yield (items, tensors of one shape), at most `batch_size` of them, so that no image needs padding.

    Images of rarer shapes wait until a batch is full; never more than eight batches wait.
    """
    groups: dict[tuple[int, ...], list[tuple[Any, torch.Tensor]]] = {}

    def take(shape: tuple[int, ...]) -> tuple[list[Any], list[torch.Tensor]]:
        items, tensors = zip(*groups.pop(shape), strict=True)
        return list(items), list(tensors)

    for item, tensor in prepared:
        group = groups.setdefault(tuple(tensor.shape), [])
        group.append((item, tensor))
        if len(group) == batch_size:
            yield take(tuple(tensor.shape))
        elif sum(map(len, groups.values())) >= 8 * batch_size:
            yield take(max(groups, key=lambda shape: len(groups[shape])))
    for shape in list(groups):
        yield take(shape)


def forward(batch_size: int, function: Callable[..., Any], *inputs: Any) -> tuple[Any, str | None]:
    """Return (what the model answers, None), or (None, reason) when it cannot work on these images.

    Raises InputError when the device's memory is too small: all other images would fail too.
    """
    try:
        return function(*inputs), None
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"the device's memory does not hold --batch-size {batch_size}; give a smaller one"
        ) from error
    except InputError as error:
        return None, str(error)
    except Exception as error:  # whatever an architecture raises; it is written to the errors file
        return None, f"the model failed: {type(error).__name__}: {first_line(error)}"


def add_model_arguments(parser: Any, batch_size: int, example: str) -> None:
    """Add the options that every script with a vision model has."""
    group = parser.add_argument_group("model and speed")
    add = group.add_argument
    add(
        "--model",
        type=options.text,
        required=True,
        help=f"Name on the model hub or folder with the weights, such as {example}.",
    )
    add(
        "--device",
        default="auto",
        help="Where the model runs: cpu, cuda, cuda:1, mps; auto takes a GPU where there is one.",
    )
    add(
        "--precision",
        choices=["auto", *PRECISIONS],
        default="auto",
        help="Number format of the forward pass; auto is half precision on a GPU and single elsewhere.",
    )
    add(
        "--batch-size",
        type=options.at_least_one,
        default=batch_size,
        help="Images in one forward pass; raise it until the device's memory is full.",
    )
    add(
        "--workers",
        type=options.workers,
        default=4,
        help="Threads that decode images ahead of the model and write behind it; raise it while the "
        "device waits. Results do not depend on it.",
    )


def check_model_arguments(parser: Any, args: Any) -> None:
    """Exit with status 2 where an option of `add_model_arguments` makes no sense."""
    if looks_like_path(args.model) and not Path(args.model).is_dir():
        parser.error(f"--model {args.model}: no such folder")
