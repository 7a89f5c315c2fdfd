"""What the stages have in common that read an annotation file and write it with more in it."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from spacesgg import annotations, batch, layers, options, outputs, stems
from spacesgg.errors import InputError


class Stage(NamedTuple):
    """One stage: what it is called, and what of its results an entry that fails must not keep."""

    name: str  # of its script, without .py
    verb: str  # what the progress bar says
    clear: Callable[
        [dict[str, Any]], bool
    ]  # takes an earlier run's results out of an entry; whether there were any
    cleared: str  # what those are


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the annotation files."""
    add = parser.add_argument
    add(
        "--input-file", type=options.input_file, required=True, help="Annotation file, .json or (streamed) .jsonl."
    )
    options.add_output_file(
        parser,
        "It may be the input file: the result holds all that was there, and takes its place when all is done.",
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options for masks and image paths."""
    add = parser.add_argument
    add(
        "--mask-dir",
        type=options.folder,
        help="Folder of the mask images; not needed for run lengths and polygons. What is not 0 is the object; of "
        "an image with a palette the index counts, not the colour.",
    )
    unused = "taken as it comes, for no image is opened here and all paths stay as they are."
    add("--dataset-base", default="", help=f"Start of the annotation's image paths; {unused}")
    add("--data-prefix", default="", help=f"What stands for it on this machine; {unused}")


def add_work(parser: argparse.ArgumentParser, of_what: str) -> None:
    """Add the options for the layers, whose gap is a fraction `of_what`, and for the workers."""
    add = parser.add_argument
    add(
        "--min-gap",
        type=options.positive,
        default=layers.MIN_GAP,
        help=f"Gap, as a fraction of the {of_what}, above which two objects never share a layer; "
        "raising it gives fewer, thicker layers (default: %(default)s).",
    )
    add(
        "--workers",
        type=options.workers,
        default=1,
        help="Images worked on at once; the results stay the same (default: %(default)s).",
    )


def parse(parser: argparse.ArgumentParser, arguments: list[str] | None, *folders: str) -> argparse.Namespace:
    """Return the options; wrong usage, and a missing one of the named `folders`, exits with status 2."""
    args = parser.parse_args(arguments)
    for folder in filter(None, (getattr(args, name) for name in folders)):
        if not folder.is_dir():
            parser.error(f"{folder}: no such folder")
    return args


def run(
    stage: Stage,
    work: Callable[[tuple[str, dict[str, Any]]], tuple[dict[str, Any], list[dict[str, str]]]],
    args: argparse.Namespace,
    read: Callable[[Path], stems.Entries],
) -> int:
    """Do `work`, (image, entry) → (entry, failures), on every entry; return the exit status.

    `read` gives the entries of the input file (stems.py). An entry that fails is written as it came, less what an
    earlier run made, which would pass for fresh. 0 when nothing failed, 1 when something did, 2 for wrong input.
    """
    failures, succeeded = batch.Failures(), 0
    try:
        outputs.check_file(args.output_file)
        with annotations.writer(args.output_file) as write:
            entries = read(args.input_file)
            for (image, entry), result, reason in batch.run(work, entries, args.workers, None, stage.verb):
                if reason is not None:
                    if stage.clear(entry):
                        reason += f"; its {stage.cleared} of an earlier run are taken out"
                    result = entry, [{"image": image, "reason": reason}]
                done, failed = result
                write(image, done)
                failures.extend(failed)
                succeeded += not failed
        return batch.finish(stage.name, succeeded, failures, args.output_file)
    except InputError as error:
        print(f"{stage.name}.py: {error}", file=sys.stderr)
        return 2
