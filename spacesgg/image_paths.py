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
    """Yield the entries; `tell` once, at the end, of the paths that do not start with a base that is given."""
    total = missed = 0
    example, is_image = "", False
    for image, entry in entries:
        total += 1
        if dataset_base and not starts_with(image, dataset_base):
            missed += 1
            example = example or image
            is_image = is_image or image == dataset_base.rstrip("/")
        yield image, entry
    if missed:
        some = missed < total
        found = f"{missed} of {total} image paths are" if some else "none of the image paths is"
        itself = "; it is an image path itself" if is_image else ""
        way_out = ", and do the other images in a run of their own" if some else ""
        tell(
            f"--dataset-base {dataset_base}: {found} {'not ' if some else ''}in a folder of that name{itself}; "
            f"nothing is taken off {'those' if some else 'any of them'}, such as {example}; "
            f"give the folder that the paths start with{way_out}"
        )
