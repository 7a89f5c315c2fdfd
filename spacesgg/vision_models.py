"""Vision models of transformers: loading by name or folder, device and precision, readers that run ahead."""

import collections
import concurrent.futures
import contextlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import torch
import transformers
from transformers.image_processing_base import ImageProcessingMixin

from spacesgg import batch, options
from spacesgg.errors import InputError

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# What published checkpoints may lack because no forward pass here uses it: the first fusion layer of DPT's neck
# has no residual input, nothing is masked, and no pooled token is read.
UNUSED = re.compile(r"neck\.fusion_stage\.layers\.0\.residual_layer1\.|(?:^|\.)(?:mask_token$|pooler\.)")


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


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def load_config(source: str) -> Any:
    """Return the configuration of the model called `source`, a name or a folder. Raises InputError."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        return transformers.AutoConfig.from_pretrained(source)
    except Exception as error:  # each configuration checks its own fields, in its own way
        folder = Path(source)
        if (folder / "config.json").is_file():
            found = f"its config.json cannot be used ({_first_line(error)})"
        elif folder.is_dir():
            found = "the folder has no config.json"
        elif folder.parent.name and folder.parent.is_dir():
            found = f"the folder {folder.parent} has no {folder.name}, and no such model can be reached"
        else:
            found = f"no such folder, and no model that can be reached ({_first_line(error)})"
        raise InputError(f"--model {source}: {found}") from error


def load_model(auto_class: Any, source: str, device: torch.device) -> torch.nn.Module:
    """Return the model in evaluation mode on `device`. Raises InputError when its weights are not there."""
    try:
        model, info = auto_class.from_pretrained(source, output_loading_info=True, dtype=torch.float32)
    except Exception as error:  # safetensors, the hub and each architecture raise their own kinds
        raise InputError(f"--model {source}: the weights cannot be loaded ({_first_line(error)})") from error
    missing = sorted(key for key in info["missing_keys"] if not UNUSED.search(key))
    if missing:
        parts = sorted({key.rpartition(".")[0] for key in missing})
        raise InputError(
            f"--model {source}: {len(missing)} of {len(model.state_dict())} weights are missing and would be "
            f"random, those of {', '.join(parts[:3])}{' and others' if len(parts) > 3 else ''}; the weights are "
            "not those of the model that config.json names"
        )
    return model.eval().to(device)


def load_preparation(source: str) -> dict[str, Any]:
    """Return the image processor's configuration of `source`. Raises InputError when it has none."""
    try:
        found = ImageProcessingMixin.get_image_processor_dict(source)[0]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        if (Path(source) / "preprocessor_config.json").is_file():
            raise InputError(
                f"--model {source}: preprocessor_config.json cannot be used ({_first_line(error)}); copy the file "
                "from where the weights came from"
            ) from error
        raise InputError(
            f"--model {source}: no preprocessor_config.json, so how its images must be prepared is unknown; "
            "copy the file from where the weights came from"
        ) from error
    if not isinstance(found, dict):
        raise InputError(f"--model {source}: preprocessor_config.json is no JSON object")
    return found


def load_tokenizer(source: str) -> Any:
    """Return the tokenizer of `source`. Raises InputError when it has none."""
    try:
        return transformers.AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"--model {source}: the tokenizer cannot be loaded ({_first_line(error)})") from error


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
        return None, f"the model failed: {type(error).__name__}: {_first_line(error)}"


def add_model_arguments(parser: Any, batch_size: int, example: str) -> None:
    """Add the options that every script with a vision model has."""
    group = parser.add_argument_group("model and speed")
    add = group.add_argument
    add("--model", required=True, help=f"Name on the model hub or folder with the weights, such as {example}.")
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
    looks_like_path = args.model.startswith((".", "/", "~")) or args.model.count("/") > 1
    if looks_like_path and not Path(args.model).is_dir():
        parser.error(f"--model {args.model}: no such folder")
