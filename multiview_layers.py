"""The objects' order seen from the front, left, right and back: stage 3 of the pipeline.

In:   an annotation file (with or without depth ranges), the point maps of d2p.py, instance masks
Out:  the same file with "order_list" (left, up, front of every pair), "views" (layers and order seen from the
      left, the right and the back), and "levels" where they were missing, or no lists of the entry's keys
Run:  python multiview_layers.py --input-file asv2_level.json --point-cloud-dir point_clouds --mask-dir masks \\
          --output-file processed_annotations.json

A relation is stated only where the objects' full 3D extents leave a gap that noise cannot explain; else it is
0. Where the ground can be found in the points the frame is levelled first, so that up is up for people even
when the camera looks down (--no-level turns this off).

Every object of the input is in the output. One without usable points is in no relation and is named in
OUTPUT.errors.jsonl. An object that has only a box may be anywhere within it, at the depth of its middle. An entry
that fails is written as it came, less the order_list and views of an earlier run, which would pass for fresh.
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from spacesgg import (
    annotations,
    batch,
    boxes,
    depth_ranges,
    extents,
    frame,
    interrupts,
    layers,
    masks,
    options,
    outputs,
    pointmaps,
    surfaces,
    views,
)
from spacesgg.errors import InputError


def order(item: tuple[str, dict[str, Any]], args: argparse.Namespace) -> tuple[dict[str, Any], list[dict]]:
    """Return the entry with levels, order_list and views, and the objects without usable depth with reasons."""
    image, entry = item
    objects = annotations.objects(entry)
    failures = annotations.misnamed(image, entry)
    keep = annotations.are_levels(entry.get("levels")) and set().union(*entry["levels"]) <= entry.keys()
    if not objects:
        if not keep:
            entry["levels"] = []
        entry["order_list"], entry["views"] = (
            {},
            {view: {"levels": [], "order_list": {}} for view in views.VIEWS[1:]},
        )
        return entry, failures
    points = pointmaps.read_pointmap(pointmaps.find_pointmap(args.point_cloud_dir, Path(image).stem))
    scene = frame.make_frame(points, level=not args.no_level)
    found, ranges = {}, {}
    for thing in objects:
        try:
            surface = find_surface(thing, scene, entry, args.mask_dir)
        except InputError as error:
            failures.append({"image": image, "object": thing.key, "reason": f"{thing.label}: {error}"})
            continue
        found[thing.key] = extents.find_extent(scene, surface, thing.label)
        ranges[thing.key] = depth_ranges.surface_range(scene.depth, surface)
    # Only now, when nothing can fail any more: the entry is changed as a whole or not at all.
    if not keep:
        entry["levels"] = layers.cluster_layers(ranges, args.min_gap)
    entry["order_list"] = views.order_list(found, "front", scene.tilt_sigma)
    entry["views"] = {
        view: {
            "levels": views.levels(found, view, args.min_gap),
            "order_list": views.order_list(found, view, scene.tilt_sigma),
        }
        for view in views.VIEWS[1:]
    }
    return entry, failures


def find_surface(
    thing: annotations.Object, scene: frame.Frame, entry: dict[str, Any], mask_dir: Path | None
) -> surfaces.Surface:
    """Return the pixels that show one object. Raises InputError with the reason where none can be told."""
    height, width = scene.points.shape[:2]
    depth = scene.depth
    if thing.mask is not None:
        surface = surfaces.find_surface(depth, masks.decode(thing.mask, height, width, mask_dir), scene.soft)
        if surface is None:
            raise InputError("too few points under the mask")
        return surface
    boxes.check_size(entry, thing.box, depth.shape, "point map")
    surface = surfaces.box_surface(depth, thing.box)
    if surface is None:
        raise InputError(f"no mask, and too few points in the middle of its box {thing.box}")
    return surface


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--input-file", type=Path, required=True, help="Annotation file, .json or (streamed) .jsonl.")
    add("--output-file", type=Path, required=True, help="Where the result goes; .jsonl writes one entry a line.")
    add("--point-cloud-dir", type=Path, required=True, help="Folder of the point maps that d2p.py wrote.")
    add("--mask-dir", type=Path, help="Folder of the mask images; not needed for run lengths and polygons.")
    add("--dataset-base", default="", help="Start of the annotation's image paths; no image is opened here.")
    add("--data-prefix", default="", help="What stands for it on this machine; no image is opened here.")
    add("--no-level", action="store_true", help="Keep the camera's own axes: up is the picture's up.")
    add(
        "--min-gap",
        type=options.positive,
        default=layers.MIN_GAP,
        help="Gap, as a fraction of the distance, above which two objects never share a layer; "
        "raising it gives fewer, thicker layers.",
    )
    add("--workers", type=options.workers, default=1, help="Images worked on at once; the results stay the same.")
    args = parser.parse_args(arguments)
    for folder in filter(None, (args.point_cloud_dir, args.mask_dir)):
        if not folder.is_dir():
            parser.error(f"{folder}: no such folder")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run the stage; return 0 when every object has an extent, 1 when some failed, 2 for wrong input."""
    args = parse_args(arguments)
    failures, succeeded = batch.Failures(), 0
    work = functools.partial(order, args=args)
    try:
        outputs.check_file(args.output_file)
        with annotations.writer(args.output_file) as write:
            entries = annotations.one_image_a_stem(
                annotations.read(args.input_file),
                annotations.has_objects,
                f"{args.point_cloud_dir} has one point map of that name",
            )
            for (image, entry), result, reason in batch.run(work, entries, args.workers, None, "views"):
                if reason is not None:
                    stale = [entry.pop(key, None) for key in ("order_list", "views")]
                    if any(value is not None for value in stale):
                        reason += "; its order_list and views of an earlier run are taken out"
                    failures.append({"image": image, "reason": reason})
                    write(image, entry)
                    continue
                done, without_points = result
                write(image, done)
                failures.extend(without_points)
                succeeded += not without_points
        return batch.finish("multiview_layers", succeeded, failures, args.output_file)
    except InputError as error:
        print(f"multiview_layers.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("multiview_layers.py", main))
