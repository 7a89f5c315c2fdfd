"""The objects' order seen from the front, left, right and back: stage 3 of the pipeline.

In:   an annotation file (with or without depth ranges), the point maps of d2p.py, instance masks
Out:  the same file with "order_list" (left, up, front of every pair), "views" (layers and order seen from the
      left, the right and the back), and "levels" where they were missing, or no lists of its objects' keys
Run:  python multiview_layers.py --input-file processed_annotations.json --point-cloud-dir point_clouds \\
          --mask-dir masks --output-file annotations.json

A relation is stated only where the objects' full 3D extents leave a gap that noise cannot explain; else it is
0. Where the ground, or else a wall, can be found in the points the frame is levelled first, so that up is up for
people even when the camera looks down (--no-level turns this off).

Every object of the input is in the output. One without usable points is in no layer and is named in
OUTPUT.errors.jsonl; where its mask and what is seen around it tell its place it is in relations all the same. An
object that has only a box may be anywhere within it, at the depth of its middle. An entry that fails is written as
it came, less the order_list and views of an earlier run, which would pass for fresh.
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from spacesgg import interrupts, workers

if __name__ == "__main__":
    interrupts.during_imports("multiview_layers.py")
    workers.start_early(__file__)  # to load the following while this process does

from spacesgg import (
    annotations,
    boxes,
    dark_things,
    depth_ranges,
    extents,
    frame,
    instances,
    label_kinds,
    layers,
    lost_depth,
    options,
    out_of_range,
    pointmaps,
    stage,
    stems,
    surfaces,
    views,
)
from spacesgg.errors import InputError


def order(item: tuple[str, dict[str, Any]], args: argparse.Namespace) -> tuple[dict[str, Any], list[dict]]:
    """Return the entry with levels, order_list and views, and the objects without usable depth with reasons."""
    image, entry = item
    objects, failures = annotations.sound_objects(image, entry)
    levels = entry.get("levels")
    keep = annotations.are_levels(levels) and set().union(*levels) <= {thing.key for thing in objects}
    # Levels without any object were made when the entry had none.
    keep = keep and (any(levels) or not objects)
    if not objects:
        if not keep:
            entry["levels"] = []
        entry["order_list"] = {}
        entry["views"] = {view: {"levels": [], "order_list": {}} for view in views.VIEWS[1:]}
        return entry, failures
    path = pointmaps.find_pointmap(args.point_cloud_dir, Path(image).stem)
    points = pointmaps.read_pointmap(path)
    boxes.check_image_size(entry, points.shape[:2], f"point map {path.name}")
    scene = frame.make_frame(points, level=not args.no_level)
    shape = scene.depth.shape
    decoded, faults = instances.find_masks(objects, entry, shape, scene.lidar, args.mask_dir, "point map")
    labels = {thing.key: thing.label for thing in objects}
    road = scene.road() if scene.lidar else None
    shown = instances.find_surfaces(scene.depth, decoded, scene.soft, scene.lidar, labels, road)
    masked, seen, lost, glimpsed = [], [], [], {}
    for thing in objects:
        try:
            if thing.key in faults:
                raise faults[thing.key]
            if thing.key in shown:
                surface = shown[thing.key]
                if surface is not None and out_of_range.shows_another(
                    scene, decoded, thing.key, thing.label, surface
                ):
                    surface = None
                if surface is not None and surface.few:
                    glimpsed[thing.key], surface = surface, None
                if not label_kinds.is_backdrop(thing.label):
                    masked.append((decoded[thing.key], surface))
            else:
                surface = find_in_box(thing, scene, entry)
            if surface is None:
                lost.append(thing)
            else:
                seen.append((thing, surface))
        except InputError as error:
            failures.append({"image": image, "object": thing.key, "reason": f"{thing.label}: {error}"})
    scene = dark_things.hide_behind(scene, masked)
    solids = extents.find_extents(scene, [surface for _, surface in seen], [thing.label for thing, _ in seen])
    found = {
        thing.key: out_of_range.open_end(scene, surface, extent, thing.label)
        for (thing, surface), extent in zip(seen, solids, strict=True)
    }
    measured = {thing.key: found[thing.key] for thing, _ in seen if label_kinds.has_place(thing.label)}
    things = {
        key: lost_depth.Thing(mask, labels[key], measured.get(key))
        for key, mask in decoded.items()
        if not label_kinds.is_backdrop(labels[key])
    }
    for thing in lost:
        glimpse = glimpsed.get(thing.key)
        extent = lost_depth.find_extent(scene, things, thing.key, glimpse) if thing.key in things else None
        shortage = instances.shortage(scene.depth, decoded[thing.key], scene.lidar)
        why = why_lost(shortage, located=extent is not None, glimpsed=glimpse is not None)
        reason = f"{thing.label}: {why}"
        failures.append({"image": image, "object": thing.key, "reason": reason})
        found |= {} if extent is None else {thing.key: extent}
    ranges = {thing.key: depth_ranges.surface_range(scene.depth, surface) for thing, surface in seen}
    ranges |= {key: depth_ranges.surface_range(scene.depth, surface) for key, surface in glimpsed.items()}
    # Only now, when nothing can fail any more: the entry is changed as a whole or not at all.
    if not keep:
        entry["levels"] = layers.cluster_layers(ranges, args.min_gap)
    orders = views.order_lists({o.key: found[o.key] for o in objects if o.key in found}, scene.tilt_sigma)
    orders = views.with_every_pair(orders, [thing.key for thing in objects])
    entry["order_list"] = orders["front"]
    entry["views"] = {
        view: {"levels": views.levels(measured, view, args.min_gap), "order_list": orders[view]}
        for view in views.VIEWS[1:]
    }
    return entry, failures


def find_in_box(thing: annotations.Object, scene: frame.Frame, entry: dict[str, Any]) -> surfaces.Surface:
    """Return the pixels that show an object without a mask. Raises InputError with the reason where none do."""
    boxes.check_size(entry, thing.box, scene.depth.shape, "point map")
    surface = surfaces.box_surface(scene.depth, thing.box)
    if surface is None:
        raise InputError(f"no mask, and too few points in the middle of its box {thing.box}")
    return surface


def why_lost(shortage: str, located: bool, glimpsed: bool) -> str:
    """Return what is told of an object without a surface: what keeps it from one, and what it has all the same.

    shortage  how many points it has (instances.shortage)
    located   it has relations
    glimpsed  a few points are its own (glimpses.py), by which they are and it has a layer
    """
    if not glimpsed:
        told = "relations only by what is seen around it" if located else "no relation"
        return f"too few points under the mask ({shortage}); it has {told}, and no layer by its points"
    told = "relations by these and by what is seen around it" if located else "no relation"
    return f"only a few points under the mask are its own; it has {told}, and a layer in the front view only"


def clear(entry: dict[str, Any]) -> bool:
    """Take "order_list" and "views" out of an entry in place; return whether there were any."""
    stale = [entry.pop(key, None) for key in ("order_list", "views")]
    return any(value is not None for value in stale)


STAGE = stage.Stage("multiview_layers", "views", clear, "order_list and views")


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    stage.add_files(parser)
    add(
        "--point-cloud-dir", type=options.folder, required=True, help="Folder of the point maps that d2p.py wrote."
    )
    stage.add_common(parser)
    add("--no-level", action="store_true", help="Keep the camera's own axes: up is the picture's up.")
    stage.add_work(parser, "distance")
    return stage.parse(parser, arguments, "point_cloud_dir", "mask_dir")


def main(arguments: list[str] | None = None) -> int:
    """Run the stage; return 0 when every object has usable points, 1 when some failed, 2 for wrong input."""
    args = parse_args(arguments)
    read = functools.partial(
        stems.read,
        uses_stem=annotations.has_objects,
        what=f"{args.point_cloud_dir} has one point map of that name",
    )
    return stage.run(STAGE, functools.partial(order, args=args), args, read)


if __name__ == "__main__":
    sys.exit(interrupts.run_main("multiview_layers.py", main))
