"""Boxes → instance masks, by SAM 2 or SAM.

In:   an annotation file whose objects have boxes, the images, and a model
Out:  the same file with a mask for each object: COCO run lengths, or PNG files in --mask-dir
Run:  python tools/segment_objects.py --input-file boxes.json --image-dir images \\
          --model facebook/sam2.1-hiera-large --output-file asv2_level.json

Each image is encoded once for all its boxes. Objects that have a mask keep it, in the input or from an earlier
run with the same model (OUTPUT.settings.json tells which), so a run that was interrupted goes on where it stopped.
Objects that get no mask are named in OUTPUT.errors.jsonl and stand in the output as they came.
"""

import argparse
import functools
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spacesgg import interrupts

if __name__ == "__main__":
    interrupts.during_imports("segment_objects.py")  # the following ones take seconds

import numpy as np
import torch
from tqdm import tqdm

from spacesgg import annotations, atomic, batch, images, mask_files, masks, options, outputs, vision_models
from spacesgg.boxes import check_image_size
from spacesgg.errors import InputError
from spacesgg.resume import EarlierEntries
from spacesgg.segmentation_models import BoxSegmenter
from spacesgg.sources import image_files


class Work(NamedTuple):
    """One image whose `objects` want masks; `tensor` is None when there are none. `failures` so far."""

    image: str
    entry: dict[str, Any]
    objects: list[annotations.Object]
    boxes: np.ndarray  # (n, 4) pixels
    size: tuple[int, int]  # height, width
    tensor: torch.Tensor | None
    failures: list[dict[str, str]]


def take_over(
    entry: dict[str, Any],
    objects: list[annotations.Object],
    earlier: dict[str, Any] | None,
    replace: bool,
    mask_dir: Path | None,
) -> list[annotations.Object]:
    """Give the objects the masks that an earlier run found for the same boxes; return those that want one.

    Objects that have a mask keep it, unless `replace`. A mask whose PNG is no longer in `mask_dir` is made anew.
    """
    found = {thing.key: thing for thing in annotations.sound_objects("", earlier)[0]} if earlier else {}
    wanted = []
    for thing in objects:
        if thing.mask is not None and not replace:
            continue
        known = found.get(thing.key)
        mask = None if known is None or known.box != thing.box else known.mask
        gone = isinstance(mask, str) and not (mask_dir and (mask_dir / mask).is_file())
        if mask is None or mask == thing.mask or gone:
            wanted.append(thing)
        else:
            annotations.set_mask(entry[thing.key], mask)
    return wanted


def read(
    item: tuple[str, dict[str, Any]], segmenter: BoxSegmenter, earlier: EarlierEntries, args: argparse.Namespace
) -> Work:
    """Find the objects of one entry that want masks and prepare their image; no image is opened for none."""
    image, entry = item
    objects, failures = annotations.sound_objects(image, entry, "it gets no mask")
    wanted = take_over(entry, objects, earlier.get(image), earlier.anew, args.mask_dir)
    if not wanted:
        return Work(image, entry, [], np.empty((0, 4)), (0, 0), None, failures)
    path = image_files.locate(args.image_dir, image)
    if path is None:
        raise InputError(f"{image}: not found in {args.image_dir}")
    rgb = images.decode(path, images.AS_STORED_RGB)
    height, width = rgb.shape[:2]
    check_image_size(entry, (height, width), f"image {path}")
    limits = np.array([width, height, width, height], float)
    kept, boxes = [], []
    for thing in wanted:
        box = np.clip(np.array(thing.box, float), 0, limits)
        if box[0] < box[2] and box[1] < box[3]:
            kept.append(thing)
            boxes.append(box)
        else:
            reason = f"{thing.label}: the box {thing.box} has no area inside the image ({width}×{height})"
            failures.append({"image": image, "object": thing.key, "reason": reason})
    tensor = segmenter.prepare(rgb) if kept else None
    return Work(image, entry, kept, np.array(boxes).reshape(-1, 4), (height, width), tensor, failures)


def finish(answer: tuple[Work, np.ndarray], segmenter: BoxSegmenter, mask_dir: Path | None) -> Work:
    """Bring the (n, h, w) logits to the image's size and put the masks into the entry."""
    work, logits = answer
    for thing, map_ in zip(work.objects, logits, strict=True):
        mask = segmenter.to_image(map_, *work.size)
        if not mask.any():
            reason = f"{thing.label}: the model sees no object in the box {thing.box}"
            work.failures.append({"image": work.image, "object": thing.key, "reason": reason})
        elif mask_dir is None:
            annotations.set_mask(work.entry[thing.key], masks.encode(mask))
        else:
            annotations.set_mask(work.entry[thing.key], mask_files.write(mask_dir, work.image, thing.key, mask))
    return work


def segment(
    entries: Iterator[tuple[str, dict[str, Any]]],
    segmenter: BoxSegmenter,
    earlier: EarlierEntries,
    args: argparse.Namespace,
) -> Iterator[tuple[str, dict[str, Any], list[dict[str, str]]]]:
    """Yield (image, entry, failures) in the order of the input."""
    pool = vision_models.thread_pool(args.workers)
    reader = functools.partial(read, segmenter=segmenter, earlier=earlier, args=args)
    finisher = functools.partial(finish, segmenter=segmenter, mask_dir=args.mask_dir)
    try:
        results = vision_models.read_ahead(pool, reader, entries, args.batch_size + 2 * args.workers)
        while some := list(itertools.islice(results, args.batch_size)):
            todo = [work for _, work, reason in some if reason is None and work.tensor is not None]
            reasons: dict[str, str] = {}
            if todo:
                tensors = torch.stack([work.tensor for work in todo])
                boxes, sizes = [work.boxes for work in todo], [work.size for work in todo]
                logits, reason = vision_models.forward(args.batch_size, segmenter.predict, tensors, boxes, sizes)
                if reason is not None:
                    reasons = {work.image: reason for work in todo}
                else:
                    answers = zip(todo, logits, strict=True)
                    done = pool.map(functools.partial(batch.attempt, finisher), answers)
                    reasons = {work.image: reason for (work, _), _, reason in done if reason is not None}
            for (image, entry), work, reason in some:
                reason = reason or reasons.get(image)
                yield image, entry, [{"image": image, "reason": reason}] if reason else work.failures
    finally:
        pool.shutdown(cancel_futures=True)


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add(
        "--input-file", type=options.input_file, required=True, help="Annotation file, .json or (streamed) .jsonl."
    )
    options.add_output_file(parser)
    add(
        "--image-dir",
        type=options.folder,
        required=True,
        help="Folder in which the annotation's image paths are found.",
    )
    add(
        "--mask-dir",
        type=options.folder,
        help="Write masks as PNG files there, instead of run lengths into the file.",
    )
    add("--overwrite", action="store_true", help="Replace the masks that objects have, and forget earlier runs.")
    vision_models.add_model_arguments(parser, 4, "facebook/sam2.1-hiera-large or facebook/sam-vit-huge")
    args = parser.parse_args(arguments)
    vision_models.check_model_arguments(parser, args)
    if not args.image_dir.is_dir():
        parser.error(f"--image-dir {args.image_dir}: no such folder")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; return 0 when every object has a mask, 1 when some failed, 2 for unusable input."""
    args = parse_args(arguments)
    failures: list[dict[str, str]] = []
    succeeded = 0
    settings = {"tool": "segment_objects", "model": args.model, "masks": "png" if args.mask_dir else "rle"}
    try:
        outputs.check_file(args.output_file)
        atomic.refuse_as_output(args.output_file, args.input_file)
        if args.mask_dir:
            outputs.make_folder(args.mask_dir, lists_failures=False)
        entries = annotations.read(args.input_file)
        first = next(entries, None)  # an unreadable file is told before a model is loaded
        entries = itertools.chain([] if first is None else [first], entries)
        device = vision_models.choose_device(args.device)
        segmenter = BoxSegmenter(args.model, device, vision_models.choose_precision(args.precision, device))
        earlier = EarlierEntries(args.output_file, settings, args.overwrite)
        with earlier.keeping(), annotations.writer(args.output_file) as write:
            results = segment(entries, segmenter, earlier, args)
            for image, entry, failed in tqdm(results, desc="masks", unit="image", disable=None):
                failures += failed
                succeeded += not failed
                earlier.keep(image, entry)
                write(image, entry)
        return batch.finish("segment_objects", succeeded, failures, args.output_file)
    except InputError as error:
        print(f"segment_objects.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("segment_objects.py", main))
