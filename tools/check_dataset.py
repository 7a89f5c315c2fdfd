"""A training file held against the annotation file it was made from: every tag, box, layer and spatial claim.

In:   a LLaVA training file (JSON list or .jsonl) by whatever writer, and the annotation file (.json or .jsonl)
      with "levels", "order_list" and "views" of its images
Out:  a summary of the faults by kind, and with --output-file one JSON line for each record that has faults, or
      was not checked: {"id", "image", "faults": ["kind: detail", …]}
Run:  python tools/check_dataset.py --data-path training.json --anno-file annotations.json \\
          --output-file faults.jsonl

Records and entries are paired by image path, or where that fails by file name. A record whose image has no entry
is listed as not checked. Exit status: 0 when nothing is wrong, 1 when records have faults or were not checked, 2
for unusable input.
"""

import argparse
import collections
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from spacesgg import interrupts

if __name__ == "__main__":
    interrupts.during_imports("check_dataset.py")

import orjson

from spacesgg import annotations, batch, options, training_record
from spacesgg.atomic import atomic_open, refuse_as_output
from spacesgg.errors import InputError
from spacesgg.mentions import Names
from spacesgg.reply_check import Fault, check_pairs
from spacesgg.scene import Scene

NOT_CHECKED = "not checked"
SENTENCES_OF_A_DESCRIPTION = 2


def check_record(item: tuple[dict[str, Any], dict[str, Any] | None]) -> list[str]:
    """Return what is wrong with one record, given its image's annotation entry (None where there is none)."""
    record, entry = item
    problems = [Fault("nothing that LLaVA's loader can read", told) for told in training_record.faults(record)]
    if entry is None:
        told = f"{NOT_CHECKED}: the annotation file has no entry for its image"
        return [*map(str, problems), f"{told}: {record.get('image')}"]
    try:
        scene = Scene.from_entry(str(record.get("image")), entry)
    except InputError as error:
        return [*map(str, problems), f"{NOT_CHECKED}: {error}"]
    turns = record.get("conversations")
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) and isinstance(turn.get("value"), str) for turn in turns
    ):
        return [str(fault) for fault in problems]
    values = [turn["value"] for turn in turns]
    values[:1] = [value.removeprefix(training_record.IMAGE).strip() for value in values[:1]]
    pairs = list(zip(values[::2], values[1::2], strict=False))
    forms = _forms(scene, pairs)
    try:  # what was never measured contradicts nothing
        _ = scene.layers() if forms[0][0] == "description" else scene.need_relations()
    except InputError as error:
        return [*map(str, problems), f"{NOT_CHECKED}: {error}"]
    # Whether later questions stand where the first one did is not written in a record: the kinder reading counts.
    found = [check_pairs(scene, read_as, form) for form, read_as in forms]
    return [str(fault) for fault in (*problems, *min(found, key=len, default=[]))]


def _forms(scene: Scene, pairs: list[tuple[str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return how a record may have to be read: (form, pairs)."""
    if len(pairs) == 1:
        question, answer = pairs[0]
        named = Names(scene).encode(question)[1]
        if question in training_record.DESCRIPTION_REQUESTS:
            return [("description", [("", answer)])]
        if not named and len(re.findall(r"[.!](?=\s|$)", answer)) >= SENTENCES_OF_A_DESCRIPTION:
            return [("description", [("", answer)])]
        return [("questions", pairs)]
    return [("questions", pairs), ("conversation", pairs)]


def with_entries(data_path: Path, anno_file: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Yield each record with its image's entry; only the entries that the records need are kept in memory."""
    wanted = {Path(str(record.get("image"))).name for record in training_record.read(data_path)}
    by_path, by_name = {}, collections.defaultdict(list)
    for image, entry in annotations.read(anno_file):
        if Path(image).name in wanted:
            by_path[image] = entry
            by_name[Path(image).name].append((image, entry))
    for record in training_record.read(data_path):
        image = str(record.get("image"))
        alike = by_name.get(Path(image).name, [])
        # Of several files of one name in different folders, the one whose path ends alike.
        ending = [entry for path, entry in alike if path.endswith(image) or image.endswith(path)]
        only = [entry for _, entry in alike] if len(alike) == 1 else []
        yield record, by_path.get(image) or next(iter(ending + only), None)


def _kind(fault: str) -> str:
    """Return what the summary counts a fault under; of one that was not checked, with the reason."""
    reason = fault.removeprefix(f"{NOT_CHECKED}: ")
    if reason == fault:
        return training_record.kind(fault)
    return f"{NOT_CHECKED}: {training_record.kind(reason.partition(';')[0])}"


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--data-path", type=Path, required=True, help="Training file to check, a JSON list or .jsonl.")
    add(
        "--anno-file",
        type=options.input_file,
        required=True,
        help="Annotation file the training file was made from.",
    )
    add(
        "--output-file",
        type=options.output_file,
        help="Where the records with faults and those not checked are listed, one a line.",
    )
    add(
        "--workers",
        type=options.at_least_one,
        default=1,
        help="Records checked at once; results are the same.",
    )
    args = parser.parse_args(arguments)
    for path in (args.data_path, args.anno_file):
        if not path.is_file():
            parser.error(f"{path}: no such file")
    return args


def check(args: argparse.Namespace) -> int:
    """Check every record, write the report and print the summary; return how many records are listed."""
    kinds: collections.Counter = collections.Counter()
    lines, total, faulty, unchecked = batch.Failures(), 0, 0, 0
    items = with_entries(args.data_path, args.anno_file)
    for (record, _), faults, reason in batch.run(check_record, items, args.workers, None, "records"):
        total += 1
        faults = faults if reason is None else [f"{NOT_CHECKED}: {reason}"]
        unread = sum(fault.startswith(NOT_CHECKED) for fault in faults)
        unchecked += unread > 0
        faulty += len(faults) > unread  # one that is not checked may still be none that LLaVA's loader can read
        if faults:
            lines.append({"id": record.get("id"), "image": record.get("image"), "faults": faults})
            kinds.update(set(map(_kind, faults)))
    if args.output_file:
        with atomic_open(args.output_file) as stream:
            stream.writelines(orjson.dumps(line) + b"\n" for line in lines)
    listed = f"; listed in {args.output_file}" if args.output_file else ""
    told = f"{faulty} with faults, {unchecked} not checked{listed}"
    print(f"check_dataset: {batch.counted(total, 'record')}, {told}")
    for kind, number in kinds.most_common():
        print(f"  {number} × {kind}")
    return len(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the check; return 0 when nothing is wrong, 1 when a record is listed, 2 for unusable input."""
    args = parse_args(arguments)
    try:
        if args.output_file:
            refuse_as_output(args.output_file, args.data_path, args.anno_file)
        return 1 if check(args) else 0
    except InputError as error:
        print(f"check_dataset.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("check_dataset.py", main))
