"""Objects clustered by depth into layers: stage 2 of the pipeline.

In:   an annotation file (asv2_level.json or .jsonl), depth maps, instance masks
Out:  the same file with each object's depth range [near, far] and the image's "levels", nearest first
Run:  python layers_aggregation.py --input-file asv2_level.json --depth-dir depth_maps --mask-dir masks \\
          --output-file processed_annotations.json

Every object of the input is in the output. One without usable depth is in no layer and is named in
OUTPUT.errors.jsonl. Masks may be images in --mask-dir, COCO run lengths or COCO polygons. An object that has
only a box gets the depth of the nearest surface that fills a fair share of the box's middle half. An entry that
fails is written as it came, less the layers and depth ranges of an earlier run, which would pass for fresh.

Inverse depth (--inverse-depth) is taken as proportional to 1 / depth, 0 meaning none. The maps of relative
estimators also have an unknown shift: the order of the layers does not depend on it, only how wide a gap parts
two of them. The stored numbers of integer maps stand for half a step on either side: objects that only the
rounding tells apart share a layer.
"""

import argparse
import functools
import math
import sys
from pathlib import Path
from typing import Any

from spacesgg import interrupts, workers

if __name__ == "__main__":
    interrupts.during_imports("layers_aggregation.py")
    workers.start_early(__file__)  # to load the following while this process does

import numpy as np

from spacesgg import (
    annotations,
    boxes,
    depth,
    depth_edges,
    depth_ranges,
    instances,
    layers,
    options,
    sparse_returns,
    stage,
    stems,
    surfaces,
    unused_flags,
)
from spacesgg.errors import InputError

IF_MISSING = (
    'expected the depth map that the entry names as "depth", or of the image\'s name where it names none; check '
    "--depth-dir, or mend the entry"
)
CHECK_MASK = "; check whether it is on the object, or leave it so where the sensor sees nothing of that"
METHODS = ("clustering", "containment")
STAGE = stage.Stage("layers_aggregation", "layers", annotations.clear_layers, "layers and depth ranges")


def aggregate(item: tuple[str, dict[str, Any]], args: argparse.Namespace) -> tuple[dict[str, Any], list[dict]]:
    """Return the entry with depth ranges and levels, and the objects without usable depth with reasons."""
    image, entry = item
    objects, failures = annotations.sound_objects(image, entry)
    if not objects:
        entry["levels"] = []  # no depth map is needed to say so
        return entry, failures
    name = entry.get("depth") or f"{Path(image).stem}.png"
    if not isinstance(name, str):
        raise InputError(f'"depth" is {name!r:.60}, expected the name of a file in {args.depth_dir}')
    raw = depth.read_raw(args.depth_dir / name, IF_MISSING)
    boxes.check_image_size(entry, raw.shape, f"depth map {name}")
    divisor = args.scale_factor or 1.0
    values = depth.to_metres(raw, divisor)
    if args.inverse_depth:
        # Ranges are found where larger is farther, then turned back into the map's own units.
        values = depth.invert(values)
    soft = depth_edges.edges_are_soft(values)
    lidar = sparse_returns.is_sparse(values)
    decoded, faults = instances.find_masks(objects, entry, values.shape, lidar, args.mask_dir, "depth map")
    labels = {thing.key: thing.label for thing in objects}
    road = sparse_returns.find_road(values) if lidar else None
    shown = instances.find_surfaces(values, decoded, soft, lidar, labels, road)
    found = {}
    for thing in objects:
        try:
            if thing.key in faults:
                raise faults[thing.key]
            span = measure(thing, values, decoded, shown, entry, lidar)
            span = [1 / end for end in span] if args.inverse_depth else span
            if not all(math.isfinite(end) and end > 0 for end in span):
                raise InputError(f"its depths {span} are beyond what numbers can hold")
        except InputError as error:
            failures.append({"image": image, "object": thing.key, "reason": f"{thing.label}: {error}"})
        else:
            found[thing.key] = span
    # Only now, when nothing can fail any more: the entry is changed as a whole or not at all.
    for thing in objects:
        annotations.set_depth_range(entry[thing.key], found.get(thing.key))
    rounding = 0.5 / divisor if raw.dtype.kind in "ui" else 0.0
    entry["levels"] = make_layers(found, rounding, args)
    return entry, failures


def measure(
    thing: annotations.Object,
    values: np.ndarray,
    decoded: dict[str, np.ndarray],
    shown: dict[str, surfaces.Surface | None],
    entry: dict[str, Any],
    lidar: bool,
) -> list[float]:
    """Return the [near, far] of one object in the units of `values` (H, W). Raises InputError with the reason.

    `decoded` are the (H, W) bool masks of the objects that have one, and `shown` their surfaces;
    `lidar` says that depth is sparse.
    """
    if thing.key in shown:
        surface = shown[thing.key]
        if surface is None:
            seen = instances.shortage(values, decoded[thing.key], lidar)
            raise InputError(f"too few pixels with depth under the mask ({seen}){empty_map(values) or CHECK_MASK}")
        return depth_ranges.surface_range(values, surface)
    boxes.check_size(entry, thing.box, values.shape, "depth map")
    span = boxes.box_range(values, thing.box)
    if span is None:
        raise InputError(
            f"no mask, and too few pixels with depth in the middle of its box {thing.box}{empty_map(values)}"
        )
    return span


def empty_map(values: np.ndarray) -> str:
    """Return what else there is to say where no pixel of the (H, W) depth map has any."""
    return "" if values.any() else "; the whole map has none: is it empty or negative, or --scale-factor wrong?"


def make_layers(found: dict[str, list[float]], rounding: float, args: argparse.Namespace) -> list[list[str]]:
    """Return the layers of key → [near, far]; the true ends lie within `rounding` of those."""
    sign = -1 if args.inverse_depth else 1
    widened = {key: [near - sign * rounding, far + sign * rounding] for key, (near, far) in found.items()}
    if args.method == "containment":
        return layers.containment_layers(widened, args.inverse_depth)
    return layers.cluster_layers(widened, args.min_gap, args.inverse_depth)


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    stage.add_files(parser)
    add("--depth-dir", type=options.folder, required=True, help='Folder of the depth maps that "depth" names.')
    stage.add_common(parser)
    add(
        "--scale-factor",
        type=options.positive,
        help="Depth units per metre; ranges are then written in metres, which those of inverse depth are not.",
    )
    add("--inverse-depth", action="store_true", help="The maps hold inverse depth: larger values are nearer.")
    add(
        "--method",
        choices=METHODS,
        default="clustering",
        help="clustering: objects parted by a gap never share a layer. containment: the rule of the first "
        "LLaVA-SpaceSGG pipeline, in which an object whose depth range contains no other makes a layer, and "
        "those whose range contains it join; it ignores --min-gap, and its layers may overlap in depth "
        "(default: %(default)s).",
    )
    stage.add_work(parser, "depth")
    args = stage.parse(parser, arguments, "depth_dir", "mask_dir")
    tell_unused(args, unused_flags.changed(parser, args))
    return args


def tell_unused(args: argparse.Namespace, changed: set[str]) -> None:
    """Print which of the options given, `changed` by name, have no use beside another, or not what one expects."""
    if args.method == "containment" and "min_gap" in changed:
        print("layers_aggregation.py: --method containment has no use for --min-gap", file=sys.stderr)
    if args.inverse_depth and "scale_factor" in changed:
        print(
            "layers_aggregation.py: with --inverse-depth, --scale-factor only divides the ranges; they are no "
            "metres, and the layers stay the same",
            file=sys.stderr,
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the stage; return 0 when every object has a depth range, 1 when some failed, 2 for wrong input."""
    args = parse_args(arguments)
    read = functools.partial(
        stems.read,
        uses_stem=lambda entry: not entry.get("depth") and annotations.has_objects(entry),
        what="neither entry names its depth map",
    )
    return stage.run(STAGE, functools.partial(aggregate, args=args), args, read)


if __name__ == "__main__":
    sys.exit(interrupts.run_main("layers_aggregation.py", main))
