"""Image paths of annotation files, and where they lead from another folder: --dataset-base and --data-prefix."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def starts_with(image: str, dataset_base: str) -> bool:
    """Return whether the image's path starts with the base, which ends where a folder's name does."""
    if not (dataset_base and image.startswith(dataset_base)):
        return False
    return dataset_base.endswith("/") or image[len(dataset_base) :].startswith("/")


def relocate(image: str, dataset_base: str, data_prefix: str) -> str:
    """Return the image's path without the base it starts with, behind the prefix."""
    if starts_with(image, dataset_base):
        image = image[len(dataset_base) :].lstrip("/")
    return f"{data_prefix.rstrip('/')}/{image}" if data_prefix else image


def watch_base(
    entries: Iterable[tuple[str, dict[str, Any]]], dataset_base: str, tell: Callable[[str], None]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries; `tell` at the end where the path of none starts with a base that is given."""
    first, missed = None, bool(dataset_base)
    for image, entry in entries:
        first = first or image
        missed = missed and not starts_with(image, dataset_base)
        yield image, entry
    if missed and first:
        tell(f"--dataset-base {dataset_base}: no image path starts with it, such as {first}; nothing is taken off")
