"""Images → annotation file with objects, by an open-vocabulary detector.

In:   a folder of images, and Grounding DINO with --labels, or Florence-2
Out:  an annotation file: image → objects with label and box, and Florence-2's caption with its objects marked
Run:  python tools/detect_objects.py --image-dir images --output-file boxes.json \\
          --model IDEA-Research/grounding-dino-base --labels "person, chair, table, window"
      python tools/detect_objects.py --image-dir images --output-file boxes.json \\
          --model florence-community/Florence-2-large-ft
Then: python tools/segment_objects.py, for the masks

Run again with the same options (they are in OUTPUT.settings.json), it does the images that are missing in OUTPUT;
images that failed are named in OUTPUT.errors.jsonl. Pixels are taken as stored, here and in all other stages.
Photographs that carry an EXIF orientation are counted at the end: turn their pixels first (ImageMagick's mogrify
-auto-orient), or left and up are those of the unturned one.
"""

import argparse
import collections
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spacesgg import interrupts

if __name__ == "__main__":
    interrupts.during_imports("detect_objects.py")  # the following ones take seconds

import torch
from tqdm import tqdm

from spacesgg import annotations, batch, focal_length, images, model_files, options, outputs, vision_models
from spacesgg.detection_models import (
    CAPTION_PROMPTS,
    Detection,
    Florence2,
    Found,
    GroundingDino,
    suppress_duplicates,
)
from spacesgg.errors import InputError
from spacesgg.resume import EarlierEntries
from spacesgg.sources import Named, Record, SourceObject, entries

SMALLEST_PX = 1.0  # a box thinner than a pixel is no object


class Picture(NamedTuple):
    """One decoded image."""

    path: Path
    height: int
    width: int
    turned: bool = False  # by its EXIF orientation, in viewers


def read(path: Path, model: GroundingDino | Florence2) -> tuple[Picture, torch.Tensor]:
    """Decode one image and prepare it for the model; pixels as stored, as the later stages read them."""
    rgb = images.decode(path, images.AS_STORED_RGB)
    turned = focal_length.is_turned(focal_length.read_tags(path))
    return Picture(path, *rgb.shape[:2], turned), model.prepare(rgb)


def marked_caption(caption: str, labels: list[str], objects: dict[str, tuple[int, ...]]) -> list[str | Named]:
    """Return the caption in parts: each label, where its words stand, names its `objects` (positions).

    Labels are in the order of the caption, as they were grounded; one whose words are not found is left out.
    """
    parts: list[str | Named] = []
    lower, start = caption.lower(), 0
    for label in labels:
        at = lower.find(label.lower(), start)
        if at >= 0 and len(lower) == len(caption):
            end = at + len(label)
            parts += [caption[start:at], Named(caption[at:end], objects[label])]
            start = end
    return [part for part in [*parts, caption[start:]] if part]


def entry_of(picture: Picture, found: Found, nms: float, max_objects: int) -> dict[str, Any]:
    """Return the annotation entry: boxes inside the image, duplicates merged, the best `max_objects` kept."""
    inside = []
    for label, (x0, y0, x1, y1), score in found.detections:
        box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(picture.width)), min(y1, float(picture.height)))
        if box[2] - box[0] >= SMALLEST_PX and box[3] - box[1] >= SMALLEST_PX:
            inside.append(Detection(label, box, score))
    same_as = suppress_duplicates(inside, nms)
    best = sorted(set(same_as), key=lambda i: (-inside[i].score, i))[:max_objects]
    # Florence-2's own order follows its caption; Grounding DINO's is that of its queries and says nothing.
    position = {i: place for place, i in enumerate(sorted(best) if found.caption else best)}
    objects = [SourceObject(inside[i].label, inside[i].box) for i in position]
    named: dict[str, dict[int, None]] = {}
    for i, kept in enumerate(same_as):
        if kept in position:
            named.setdefault(inside[i].label, {})[position[kept]] = None
    caption = marked_caption(found.caption, list(named), {label: tuple(which) for label, which in named.items()})
    record = Record(picture.path.name, picture.width, picture.height, caption, objects, [], collections.Counter())
    entry, _ = entries.entry_of(record, entries.Choice())
    if not found.caption:
        del entry["caption_annotation"]
    return entry


def detect(
    paths: list[Path], model: GroundingDino | Florence2, args: argparse.Namespace, counts: collections.Counter
) -> Iterator[tuple[Path, dict[str, Any] | None, str | None]]:
    """Yield (image file, entry, reason of failure) as images are done; count those "turned" by EXIF."""
    pool = vision_models.thread_pool(args.workers)
    failed: list[tuple[Path, None, str]] = []

    def readable() -> Iterator[tuple[Picture, torch.Tensor]]:
        reader = functools.partial(read, model=model)
        for path, result, reason in vision_models.read_ahead(
            pool, reader, paths, args.batch_size + 2 * args.workers
        ):
            if reason is None:
                counts["turned"] += result[0].turned
                yield result
            else:
                failed.append((path, None, reason))

    try:
        for pictures, tensors in vision_models.same_shape_batches(readable(), args.batch_size):
            sizes = [(picture.height, picture.width) for picture in pictures]
            answers, reason = vision_models.forward(args.batch_size, model.find, torch.stack(tensors), sizes)
            if reason is not None:
                failed.extend((picture.path, None, reason) for picture in pictures)
                continue
            for picture, found in zip(pictures, answers, strict=True):
                yield picture.path, entry_of(picture, found, args.nms, args.max_objects), None
        yield from failed
    finally:
        pool.shutdown(cancel_futures=True)


def load(args: argparse.Namespace) -> GroundingDino | Florence2:
    """Return the model that --model names. Raises InputError when it is no detector that is known here."""
    device = vision_models.choose_device(args.device)
    precision = vision_models.choose_precision(args.precision, device)
    family = model_files.load_config(args.model).model_type
    if family in GroundingDino.families:
        if not args.labels:
            raise InputError(f'--model {args.model} needs to be told what to look for: --labels "person, chair"')
        return GroundingDino(args.model, device, precision, args.labels, args.threshold)
    if family in Florence2.families:
        return Florence2(args.model, device, precision, args.labels, args.caption, args.beams)
    expected = ", ".join(GroundingDino.families + Florence2.families)
    raise InputError(f"--model {args.model}: found a {family} model, expected one of {expected}")


def label_list(text: str) -> list[str]:
    """Return the labels of a comma-separated list, or of a file with one label a line, each once."""
    path = Path(text)
    lines = path.read_text(encoding="utf-8-sig").splitlines() if path.suffix == ".txt" else text.split(",")
    return list(dict.fromkeys(filter(None, (line.strip() for line in lines))))


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--image-dir", type=options.folder, required=True, help="Folder of the images (jpg, jpeg, png).")
    options.add_output_file(parser)
    add(
        "--labels",
        default="",
        help="What to look for: labels with commas between, or a .txt file with one a line. Grounding DINO "
        "needs them; Florence-2 without them grounds the phrases of its own caption.",
    )
    add("--overwrite", action="store_true", help="Forget what earlier runs wrote to the output.")
    group = parser.add_argument_group("what counts as an object")
    add = group.add_argument
    add(
        "--threshold",
        type=options.not_negative,
        default=0.3,
        help="Least score (0–1) of a Grounding DINO box; raising it gives fewer, surer objects. Florence-2 has "
        "no scores.",
    )
    add(
        "--nms",
        type=options.positive,
        default=0.7,
        help="Boxes that overlap by more than this IoU are one object, whatever their labels; lowering it "
        "merges more, 1 merges none.",
    )
    add(
        "--max-objects",
        type=options.at_least_one,
        default=50,
        help="Most objects of an image; those with the best scores stay.",
    )
    group = parser.add_argument_group("Florence-2")
    add = group.add_argument
    add("--caption", choices=CAPTION_PROMPTS, default="detailed", help="How much the caption tells.")
    add(
        "--beams",
        type=options.at_least_one,
        default=3,
        help="Beams of the search for the best text; 1 is fastest.",
    )
    vision_models.add_model_arguments(parser, 4, "IDEA-Research/grounding-dino-base")
    args = parser.parse_args(arguments)
    vision_models.check_model_arguments(parser, args)
    if max(args.threshold, args.nms) > 1:
        parser.error("--threshold and --nms must be at most 1")
    try:
        args.labels = label_list(args.labels)
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"--labels {args.labels}: cannot be read ({error})")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; return 0 when every image succeeded, 1 when some failed, 2 for unusable input."""
    args = parse_args(arguments)
    failures = []
    names = ("model", "labels", "threshold", "nms", "max_objects", "caption", "beams")
    settings = {"tool": "detect_objects", **{name: getattr(args, name) for name in names}}
    try:
        outputs.check_file(args.output_file)
        paths = list(images.in_folder(args.image_dir).values())
        images.tell_unread("detect_objects.py", args.image_dir, images.SUFFIXES)
        earlier = EarlierEntries(args.output_file, settings, args.overwrite)
        left = [path for path in paths if path.name not in earlier]
        if len(left) < len(paths):
            done = len(paths) - len(left)
            print(f"detect_objects: done already: {batch.counted(done, 'image')}; --overwrite does them again")
        counts: collections.Counter = collections.Counter()
        results = detect(left, load(args), args, counts) if left else iter(())
        with earlier.keeping():
            for path, entry, reason in tqdm(results, total=len(left), desc="objects", unit="image", disable=None):
                if entry is None:
                    failures.append({"image": path.name, "reason": reason})
                else:
                    earlier.keep(path.name, entry)
            with annotations.writer(args.output_file) as write:
                for path in paths:
                    entry = earlier.get(path.name)
                    if entry is not None:
                        write(path.name, entry)
        images.tell_turned("detect_objects", counts["turned"])
        failures.sort(key=lambda failure: failure["image"])
        return batch.finish("detect_objects", len(left) - len(failures), failures, args.output_file)
    except InputError as error:
        print(f"detect_objects.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("detect_objects.py", main))
