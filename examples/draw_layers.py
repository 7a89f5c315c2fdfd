"""Pictures of scenes with their layers drawn in: each layer one colour, each object its outline, box and label.

In:   an annotation file with "levels", its images, its instance masks
Out:  DIR/STEM.jpg: the picture, its objects in their layers' colours, and a legend of the layers, nearest first
Run:  python examples/draw_layers.py --anno-file annotations.json --mask-dir masks --data-prefix D/ \\
          --output-dir DIR

An object that stands in several layers has the colour of the nearest and all their numbers. Nothing is shown on
a display. --dataset-base is the start of the annotation's image paths that --data-prefix stands for here.
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from spacesgg import annotations, atomic, batch, image_paths, images, interrupts, masks, options, outputs, stems
from spacesgg.errors import InputError

# BGR, warm to cold as the layers go back; told apart by the colour-blind too.
COLOURS = (
    (60, 80, 235),
    (30, 150, 250),
    (60, 205, 240),
    (120, 190, 60),
    (210, 170, 40),
    (200, 100, 60),
    (170, 70, 150),
)
INK, PAPER = (40, 40, 40), (252, 250, 248)
FONT = cv2.FONT_HERSHEY_DUPLEX
TINT = 0.5  # of the layer's colour over an object
WIDTH_PX = 1280  # narrower pictures are enlarged to this, so that labels are sharp


def draw(item: tuple[str, dict[str, Any]], args: argparse.Namespace) -> None:
    """Write the picture of one entry."""
    image, entry = item
    levels = entry.get("levels")
    if levels is None:
        raise InputError(f'{image}: no "levels"; run layers_aggregation.py first')
    objects = annotations.objects(entry)
    if not annotations.are_levels(levels):
        raise InputError(f'"levels" is {levels!r:.80}, expected a list of lists of keys')
    path = Path(image_paths.relocate(image, args.dataset_base, args.data_prefix))
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = images.decode(path, flags, if_missing="check --dataset-base and --data-prefix")
    height, width = picture.shape[:2]
    layers_of = {thing.key: [i for i, layer in enumerate(levels, 1) if thing.key in layer] for thing in objects}
    zoom = max(1.0, WIDTH_PX / width)
    canvas = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    # The farthest first, so that nothing near is painted over.
    back_to_front = sorted(objects, key=lambda thing: layers_of[thing.key][:1] or [len(levels) + 1], reverse=True)
    for thing in back_to_front:
        if thing.mask is not None and layers_of[thing.key]:
            mask = masks.decode(thing.mask, height, width, args.mask_dir)
            paint(canvas, mask, colour_of(layers_of[thing.key][0], len(levels)))
    plates = []
    for thing in back_to_front:
        numbers = layers_of[thing.key]
        colour = colour_of(numbers[0], len(levels)) if numbers else (150, 150, 150)
        inside = np.clip(thing.box, 0, (width, height, width, height))  # of a wild box, what can be drawn
        x0, y0, x1, y1 = (round(float(value) * zoom) for value in inside)
        cv2.rectangle(canvas, (x0, y0), (x1, y1), PAPER, 3, cv2.LINE_AA)
        cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, 2, cv2.LINE_AA)
        text = f"{'+'.join(map(str, numbers)) or 'no depth'}  {thing.label}"
        plates.append((text, (x0, y0, x1, y1), colour))
    taken: list[tuple[int, int, int, int]] = []
    for text, box, colour in reversed(plates):  # after all boxes, whose lines would run through them
        write_label(canvas, text, box, colour, taken)
    canvas = cv2.vconcat([canvas, legend(canvas.shape[1], levels, {thing.key: thing.label for thing in objects})])
    with atomic.atomic_open(args.output_dir / f"{Path(image).stem}.jpg") as stream:
        stream.write(cv2.imencode(".jpg", canvas, (cv2.IMWRITE_JPEG_QUALITY, 92))[1].tobytes())


def colour_of(layer: int, count: int) -> tuple[int, int, int]:
    """Return the colour of a layer, 1 the nearest of `count`; a few layers are spread over all the colours."""
    spread = (len(COLOURS) - 1) / max(1, count - 1)
    return COLOURS[round((layer - 1) * spread) if spread > 1 else (layer - 1) % len(COLOURS)]


def paint(canvas: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Tint what the (h, w) bool mask covers of the enlarged canvas (H, W, 3), and outline it, in place."""
    large = cv2.resize(mask.astype(np.float32), canvas.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    inside = cv2.GaussianBlur(large, (0, 0), 1.5) > 0.5  # smooths the stairs of the enlarged mask
    canvas[inside] = ((1 - TINT) * canvas[inside] + TINT * np.array(colour)).astype(np.uint8)
    outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, colour, 2, cv2.LINE_AA)


def write_label(
    canvas: np.ndarray,
    text: str,
    box: tuple[int, int, int, int],
    colour: tuple[int, int, int],
    taken: list[tuple[int, int, int, int]],
) -> None:
    """Write a label on a plate at the box, where none of the `taken` plates is, and add its own to them."""
    (width, height), _ = cv2.getTextSize(text, FONT, 0.6, 1)
    width, height = width + 14, height + 14
    x0, y0, x1, y1 = box
    # Above the box, inside its top, inside its bottom, below; then ever lower.
    tops = [y0 - height, y0, y1 - height, y1, *range(y0, canvas.shape[0] - height, height // 2)]
    tops = [min(max(top, 0), canvas.shape[0] - height) for top in tops]
    lefts = [min(max(left, 0), canvas.shape[1] - width) for left in (x0 - 1, x1 - width)]
    places = [(left, top) for top in tops for left in lefts]

    def free(place: tuple[int, int]) -> bool:
        return not any(
            place[0] < right and left < place[0] + width and place[1] < bottom and top < place[1] + height
            for left, top, right, bottom in taken
        )

    left, top = next(filter(free, places), places[0])
    taken.append((left, top, left + width, top + height))
    cv2.rectangle(canvas, (left, top), (left + width, top + height), colour, cv2.FILLED)
    ink = INK if np.dot(colour, (0.11, 0.59, 0.3)) > 130 else PAPER
    cv2.putText(canvas, text, (left + 7, top + height - 8), FONT, 0.6, ink, 1, cv2.LINE_AA)


def legend(width: int, levels: list[list[str]], labels: dict[str, str]) -> np.ndarray:
    """Return the strip (h, width, 3) that lists the layers, nearest first."""
    row = 34
    strip = np.full((row * max(1, len(levels)) + 20, width, 3), PAPER, np.uint8)
    for i, layer in enumerate(levels, start=1):
        y = 10 + row * (i - 1)
        cv2.rectangle(strip, (16, y + 5), (46, y + row - 5), colour_of(i, len(levels)), cv2.FILLED)
        where = " (nearest)" if i == 1 else " (farthest)" if i == len(levels) else ""
        text = f"layer {i}{where}: " + ", ".join(labels[key] for key in layer if key in labels)
        while cv2.getTextSize(text, FONT, 0.6, 1)[0][0] > width - 80:
            text = text.rstrip(".")[:-4] + "..."
        cv2.putText(strip, text, (60, y + row - 11), FONT, 0.6, INK, 1, cv2.LINE_AA)
    if not levels:
        cv2.putText(strip, "no layers: no object has depth", (16, 34), FONT, 0.6, INK, 1, cv2.LINE_AA)
    return strip


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--anno-file", type=Path, required=True, help='Annotation file with "levels", .json or .jsonl.')
    add("--output-dir", type=options.folder, required=True, help="Folder of the pictures; made when missing.")
    add(
        "--mask-dir",
        type=options.folder,
        help="Folder of the mask images; not needed for run lengths and polygons.",
    )
    add(
        "--dataset-base",
        default="",
        help="Start of the annotation's image paths that is taken off. A path that does not start with it stays "
        "whole, which is told in a line; where no image is there then, that picture fails.",
    )
    add("--data-prefix", default="", help="What is put in front of the image paths instead.")
    add("--workers", type=options.workers, default=1, help="Pictures drawn at once; results do not depend on it.")
    args = parser.parse_args(arguments)
    if args.output_dir.name in ("", ".."):  # the list of failures is named after the folder
        args.output_dir = args.output_dir.resolve()
    return args


def main(arguments: list[str] | None = None) -> int:
    """Draw; return 0 when every picture succeeded, 1 when some failed, 2 for wrong input."""
    args = parse_args(arguments)
    failures, succeeded = batch.Failures(), 0
    work = functools.partial(draw, args=args)
    try:
        outputs.make_folder(args.output_dir)
        entries = stems.read(args.anno_file, lambda entry: True, "their pictures would have one name")
        entries = image_paths.watch_base(
            entries, args.dataset_base, lambda told: print(f"draw_layers.py: {told}", file=sys.stderr)
        )
        for (image, _), _, reason in batch.run(work, entries, args.workers, None, "draw"):
            if reason is None:
                succeeded += 1
            else:
                failures.append({"image": image, "reason": reason})
        return batch.finish("draw_layers", succeeded, failures, args.output_dir)
    except InputError as error:
        print(f"draw_layers.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("draw_layers.py", main))
