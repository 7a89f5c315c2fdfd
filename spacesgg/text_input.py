"""What llm_based_query.py reads: the annotation entries with their descriptions, and what is told of them once."""

import argparse
import functools
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from spacesgg import annotations, image_paths, nouns, shuffled, training_record
from spacesgg.batch import counted


def read(args: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the annotation entries, with the descriptions written before where a file of them is given."""
    descriptions = read_descriptions(args.description_file) if args.description_file else {}
    matched = not args.description_file
    entries = shuffled.read(args.anno_file, args.seed) if args.shuffle else annotations.read(args.anno_file)
    entries = image_paths.watch_base(itertools.islice(entries, args.limit), args.dataset_base, warn_once)
    entries = watch_labels(entries, warn_once)
    for image, entry in entries:
        described = descriptions.get(image_paths.relocate(image, args.dataset_base, args.data_prefix))
        if described:
            entry["description"] = described
            matched = True
        yield image, entry
    if not matched:
        warn_once(
            f"{args.description_file}: describes none of the images; give the --dataset-base and --data-prefix "
            "that it was written with"
        )


def watch_labels(
    entries: Iterable[tuple[str, dict[str, Any]]], tell: Callable[[str], None]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries; `tell` once, at the end, of the objects whose label nobody can read."""
    number, example = 0, ""
    for image, entry in entries:
        for key, value in entry.items():
            label = value[0] if annotations.is_key(key) and isinstance(value, list) and value else None
            if isinstance(label, str) and not nouns.readable(label):
                number += 1
                example = example or f"{label!r} of {key} in {image}"
        yield image, entry
    if number:
        tell(
            f"{counted(number, 'object')} without a label that can be read, such as {example}; in the texts "
            'each is "an object"; give it a label in the annotation file, or take it out'
        )


def left_out(image: str, entry: dict[str, Any], function: str) -> list[dict[str, Any]]:
    """Return the lines of the errors file that name what the text about an entry leaves out, and why.

    That is each object that is malformed. A line is an entry of the object alone: asked again it fails by the same
    reason, and the image's other objects, which have their text, are not asked twice.
    """
    _, failures = annotations.sound_objects(image, entry, "it is in no text")
    return [
        {
            "image": image,
            failure["object"]: entry[failure["object"]],
            "prompt_function": function,
            "object": failure["object"],
            "reason": failure["reason"],
        }
        for failure in failures
    ]


def read_descriptions(path: Path) -> dict[str, str]:
    """Return image → description of a training file's records; those that are none are left out."""
    descriptions = {}
    for record in training_record.read(path):
        turns = record.get("conversations")
        last = turns[-1] if isinstance(turns, list) and turns else None
        text = last.get("value") if isinstance(last, dict) else None
        if isinstance(record.get("image"), str) and isinstance(text, str):
            descriptions[record["image"]] = text
    return descriptions


@functools.cache
def warn_once(message: str) -> None:
    """Print a warning, once however often the input is walked over."""
    print(f"llm_based_query.py: {message}", file=sys.stderr)


def count(args: argparse.Namespace) -> int:
    """Return how many entries will be read. Raises InputError when there is none."""
    if args.anno_file.suffix.lower() == ".jsonl":  # counted without reading them: a million must start at once
        with args.anno_file.open("rb") as stream:
            found = sum(1 for line in stream if line.strip())
        if not found:
            raise annotations.no_image(args.anno_file)
    else:
        found = sum(1 for _ in annotations.read(args.anno_file))
    return min(found, args.limit or found)
