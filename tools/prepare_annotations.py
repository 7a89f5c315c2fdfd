"""Annotations as their datasets publish them → the annotation file of this pipeline.

In:   one of --format
        asv2            All-Seeing v2's rec_detailed_description…, rec_region_captioning…, rec_conversation….json
        coco-instances  instances_….json (and captions_….json)
        coco-panoptic   panoptic_….json and the folder of its PNGs: things and stuff
        psg             psg.json and the folder of its PNGs: segments with relations
        visual-genome   objects.json, relationships.json, image_data.json
        lvis            lvis_v1_….json
Out:  asv2_level.json (or .jsonl, streamed): image path → objects with label, pixel box and mask, a caption in
      which the source's relations stand as grounded text, the image's size, and the name of its depth map
Run:  python tools/prepare_annotations.py --format coco-panoptic --input-file panoptic_val2017.json \\
          --panoptic-dir panoptic_val2017 --captions captions_val2017.json --output-file asv2_level.jsonl
Then: layers_aggregation.py reads the result; tools/segment_objects.py adds masks where the source has boxes only.

An object's key is its box as 0–999 of the image's width and height. Where two objects of an image round to one
key, the later one's key has one coordinate moved by 1 (the first free of right, bottom, left, top), so that both
stay; the pixel boxes are not touched. Objects listed twice are one, boxes are cut at the image's edges, and the
last line printed says how often each of these happened. Images that fail, or are missing from --image-dir, are in
OUTPUT.errors.jsonl.

The output appears when it is whole. Until then every entry is kept in OUTPUT.partial.jsonl the moment it is made,
and with --resume and the same flags a later run takes it from there instead of converting the image again (from a
finished OUTPUT too, when images were added to the source; OUTPUT.settings.json tells the flags it was made with,
and other flags are refused). Failed and missing images are tried again. A resumed run writes the same file as an
uninterrupted one.
"""

import argparse
import functools
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spacesgg import interrupts

if __name__ == "__main__":
    interrupts.during_imports("prepare_annotations.py")

from spacesgg import annotations, atomic, batch, mask_files, masks, options, outputs
from spacesgg.errors import InputError
from spacesgg.resume import EarlierEntries
from spacesgg.sources import (
    Record,
    Source,
    asv2,
    coco_instances,
    coco_panoptic,
    entries,
    image_files,
    lvis,
    psg,
    visual_genome,
)

FORMATS = ("asv2", "coco-instances", "coco-panoptic", "psg", "visual-genome", "lvis")
KEPT, MISSING = "kept", "missing"
LABELS_NAMED = 10
# Which of the files beside --input-file a format reads.
BESIDE = {
    "captions": {"coco-instances", "coco-panoptic", "psg", "lvis"},
    "panoptic_dir": {"coco-panoptic", "psg"},
    "relationships": {"visual-genome"},
    "image_data": {"visual-genome"},
    "unpadded": {"asv2"},
}


def open_source(args: argparse.Namespace) -> Source:
    """Index the source's files; nothing of an image is read yet."""
    if args.format == "asv2":
        return asv2.source(args.input_file, not args.unpadded, args.image_dir)
    if args.format == "visual-genome":
        return visual_genome.source(args.input_file, args.relationships, args.image_data, args.image_dir)
    if args.format in ("coco-panoptic", "psg"):
        module = coco_panoptic if args.format == "coco-panoptic" else psg
        return module.source(args.input_file, args.panoptic_dir, args.captions)
    module = coco_instances if args.format == "coco-instances" else lvis
    return module.source(args.input_file, args.captions)


def convert(
    item: tuple, source_record: Callable[[tuple], Record], choice: entries.Choice, args: argparse.Namespace
) -> tuple[dict[str, Any], Counter] | str | mask_files.NoSpace:
    """Return (entry, counts) of one item of the source, or why there is none: KEPT, MISSING or a full disk."""
    if len(item) == 1:  # main has left only the name of what an earlier run has converted
        return KEPT
    image = image_files.locate(args.image_dir, item[0])
    if args.image_dir and image is None:
        return MISSING
    entry, counts = entries.entry_of(source_record(item), choice)
    if image:
        image_files.check_size(image, entry["width"], entry["height"])
    if args.mask_dir:
        try:
            write_masks(entry, item[0], args.mask_dir)
        except mask_files.NoSpace as error:  # raised here, it would be the failure of each image to come
            return error
    return entry, counts


def write_masks(entry: dict[str, Any], image: str, folder: Path) -> None:
    """Write the entry's run lengths as PNG files; their names take their place."""
    for thing in annotations.objects(entry):
        if isinstance(thing.mask, dict):
            mask = masks.decode(thing.mask, entry["height"], entry["width"], None)
            annotations.set_mask(entry[thing.key], mask_files.write(folder, image, thing.key, mask))


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return what an entry depends on, so that a resumed run does not mix two kinds.

    Files count by their bare names: they may move, and images may be added to them.
    """
    names = ("format", "unpadded", "padded_keys", "min_area", "drop_crowd", "max_objects", "image_prefix")
    found = {name: getattr(args, name) for name in names}
    files = ("panoptic_dir", "captions", "relationships", "image_data", "mask_dir")
    found |= {name: path and path.name for name in files for path in (getattr(args, name),)}
    labels = choice_of(args).labels
    found["labels"] = None if labels is None else sorted(labels)
    return {**found, "input_file": sorted(path.name for path in args.input_file)}


def choice_of(args: argparse.Namespace) -> entries.Choice:
    """Return which objects are kept."""
    labels = set(args.labels or ())
    if args.labels_file:
        try:
            lines = args.labels_file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{args.labels_file}: cannot be read as UTF-8 text ({error})") from error
        labels |= {line.strip() for line in lines if line.strip()}
    only = frozenset(labels) if args.labels or args.labels_file else None
    return entries.Choice(args.min_area, args.drop_crowd, args.max_objects, only, args.padded_keys)


def beside(args: argparse.Namespace) -> list[Path]:
    """Return the files that are read besides --input-file."""
    return [path for path in (args.captions, args.relationships, args.image_data, args.labels_file) if path]


def filters(args: argparse.Namespace) -> bool:
    """Return whether objects are left out on purpose."""
    return bool(args.min_area or args.drop_crowd or args.labels or args.labels_file)


def say_unmet(labels: list[str]) -> None:
    """Name labels that were asked for and that no object kept has: they may be misspelt."""
    if labels:
        rest = f" and {len(labels) - LABELS_NAMED} more" if len(labels) > LABELS_NAMED else ""
        named = ", ".join(labels[:LABELS_NAMED])
        told = f"no object kept has the label {named}{rest}; labels count letter for letter"
        print(f"prepare_annotations.py: {told}", file=sys.stderr)


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    files = parser.add_argument_group("files")
    add = files.add_argument
    add("--format", required=True, choices=FORMATS, help="What the input is; see above.")
    add(
        "--input-file",
        type=Path,
        nargs="+",
        required=True,
        help="The source's annotation file, or several: an image that several list has the objects of all.",
    )
    options.add_output_file(parser)
    add(
        "--image-dir",
        type=options.folder,
        help="Folder of the images. Images that are not there, or have another size than the source states, are "
        "left out and named among the errors; it is needed where a source does not state the images' sizes "
        "(AS-V2, Visual Genome without --image-data).",
    )
    add("--panoptic-dir", type=options.folder, help="Folder of the segment PNGs (coco-panoptic, psg).")
    add("--captions", type=Path, help="COCO captions file; an image's captions become sentences of its caption.")
    add("--relationships", type=Path, help="Visual Genome's relationships.json; without it objects only.")
    add(
        "--image-data",
        type=Path,
        help="Visual Genome's image_data.json, which states the images' sizes and folders.",
    )
    add(
        "--mask-dir",
        type=options.folder,
        help="Write each mask as a PNG into this folder; without it masks are COCO run lengths inside the output, "
        "which is smaller and faster for many images.",
    )
    add("--image-prefix", default="", help='Put before each image path in the output, for example "train2017/".')
    form = parser.add_argument_group("form of the boxes")
    form.add_argument(
        "--unpadded",
        action="store_true",
        help="The AS-V2 boxes are 0-999 of the image itself (the files named _wo_square_pad); without it they are "
        "read as 0-999 of the image padded to a square, as the other files have them.",
    )
    form.add_argument(
        "--padded-keys",
        action="store_true",
        help="Write keys and caption boxes as 0-999 of the square-padded image, the form All-Seeing v2 trains on; "
        "without the flag they are 0-999 of the image.",
    )
    add = parser.add_argument_group("filters").add_argument
    add(
        "--min-area",
        type=options.not_negative,
        default=0.0,
        help="Smallest area in pixels (of the mask as its source states it, else of the box) that an object may "
        "have; raising it leaves out what is too small to have a reliable depth. 0 keeps all.",
    )
    add("--drop-crowd", action="store_true", help="Leave out regions that stand for many objects (iscrowd).")
    add("--max-objects", type=options.at_least_one, help="Keep only so many objects of an image, the largest.")
    add("--labels", nargs="+", metavar="LABEL", help="Keep only objects with one of these labels.")
    add("--labels-file", type=Path, help="Keep only objects whose label is a line of this file.")
    add = parser.add_argument_group("running").add_argument
    add(
        "--workers",
        type=options.workers,
        default=1,
        help="Images worked on at once; results do not depend on it. It pays where PNGs are read or written "
        "(coco-panoptic, psg, --mask-dir); the other formats are about as fast with 1.",
    )
    add("--resume", action="store_true", help="Keep what an earlier run with the same flags has converted.")
    args = parser.parse_args(arguments)
    for name, formats in BESIDE.items():
        flag = "--" + name.replace("_", "-")
        if getattr(args, name) and args.format not in formats:
            parser.error(f"{flag} is not for --format {args.format}, but for {', '.join(sorted(formats))}")
    if args.format in BESIDE["panoptic_dir"] and not args.panoptic_dir:
        parser.error(f"--format {args.format} needs --panoptic-dir, the folder of its PNGs")
    for folder in filter(None, (args.image_dir, args.panoptic_dir)):
        if not folder.is_dir():
            parser.error(f"{folder}: no such folder")
    for path in (*args.input_file, *beside(args)):
        if not path.is_file():
            parser.error(f"{path}: no such file")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Convert; return 0 when every image was converted, 1 when some failed or are missing, 2 for wrong input."""
    args = parse_args(arguments)
    succeeded, with_objects, failures = 0, 0, batch.Failures()
    try:
        outputs.check_file(args.output_file)
        atomic.refuse_as_output(args.output_file, *args.input_file, *beside(args))
        source = open_source(args)
        if not source.total:
            raise InputError(f"{args.input_file[0]}: lists no image; is it a file of --format {args.format}?")
        counts = Counter(source.counts)
        choice = choice_of(args)
        unmet = set(choice.labels or ())
        work = functools.partial(convert, source_record=source.record, choice=choice, args=args)
        if args.mask_dir:
            outputs.make_folder(args.mask_dir, lists_failures=False)
        way_out = "leave out --resume to convert everything anew"
        earlier = EarlierEntries(args.output_file, settings_of(args), not args.resume, way_out)
        with earlier.keeping(), annotations.writer(args.output_file) as write:
            items = (item[:1] if args.image_prefix + item[0] in earlier else item for item in source.items)
            for item, result, reason in batch.run(work, items, args.workers, source.total, "annotations"):
                image = args.image_prefix + item[0]
                if isinstance(result, mask_files.NoSpace):
                    raise result
                if result == MISSING:
                    reason = f"the image is listed, but is not in {args.image_dir}"
                    counts["listed images missing"] += 1
                if reason is not None:
                    failures.append({"image": image, "reason": reason})
                    continue
                if result == KEPT:
                    entry = earlier.get(image)
                    counts["images kept from an earlier run"] += 1
                else:
                    entry, found = result
                    earlier.keep(image, entry)
                    counts += found
                write(image, entry)
                succeeded += 1
                with_objects += annotations.has_objects(entry)
                unmet -= {thing.label for thing in annotations.objects(entry)} if unmet else set()
            told = (
                ", ".join(f"{counts[name]} {name}" for name in sorted(counts) if counts[name])
                or "nothing to count"
            )
            if succeeded and not (with_objects or failures or filters(args)):
                raise InputError(
                    f"{args.input_file[0]}: none of its {succeeded} images has an object ({told}); is it a whole "
                    f"file of --format {args.format}?"
                )
        print(f"prepare_annotations: {told}")
        say_unmet(sorted(unmet))
        return batch.finish("prepare_annotations", succeeded, failures, args.output_file)
    except InputError as error:
        print(f"prepare_annotations.py: {error}", file=sys.stderr)
    except OSError as error:  # a full disk, while an entry was kept
        where = error.filename or args.output_file
        told = f"{where}: {error.strerror}; what was done before is kept, --resume goes on from there"
        print(f"prepare_annotations.py: {told}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("prepare_annotations.py", main))
