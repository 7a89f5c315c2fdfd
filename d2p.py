"""RGB + depth → point clouds: stage 1 of the pipeline.

In:   D/images/STEM.{jpg,jpeg,png}, D/depth_maps/STEM.{png,tiff,exr,npy}, D/K.txt or D/intrinsics/STEM.txt
Out:  D/point_clouds/STEM.ply   coloured cloud of the valid points
      D/point_clouds/STEM.npy   organized point map (H, W, 3), camera frame; with --compact a small STEM.npz
Run:  python d2p.py --dataset-path D --scale-factor 1000

Camera frame: x right, y down, z forward, metres. With --world-coordinates the clouds (never the point
maps, which pixel masks index) are moved to the world by D/poses.txt. No cloud or point map of an earlier run is
left of an image that fails, or that is gone while its depth map is there.
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import NamedTuple

from spacesgg import interrupts, workers

if __name__ == "__main__":
    interrupts.during_imports("d2p.py")
    workers.start_early(__file__)  # to load the following while this process does

import cv2
import numpy as np

from spacesgg import batch, camera, depth, images, options, outputs, ply, pointmaps
from spacesgg.errors import InputError

OUTPUT_SUFFIXES = (".ply", ".npy", ".npz")
SMALLEST_VOXEL_M = 1e-6  # the points' own numbers are no finer at 10 m
INTRINSICS_WANTED = (
    "add K.txt or intrinsics/STEM.txt, or give the horizontal field of view with --fov (60 suits most photographs)"
)
USUAL_DEPTH_M = (0.1, 300.0)  # what most photographs are of, by half of their pixels; else the scale is doubtful


class Frame(NamedTuple):
    """One image with what belongs to it; None where it has none."""

    stem: str
    image: Path
    depth: Path | None
    intrinsics: Path | None
    pose: np.ndarray | None


read_intrinsics = functools.lru_cache(maxsize=1)(camera.read_intrinsics)  # most datasets have one for all


def convert(frame: Frame, args: argparse.Namespace) -> float | None:
    """Write the cloud and the point map of one frame; return about its median depth (m), None if it is sparse."""
    if frame.depth is None:
        raise InputError(
            f"{frame.image}: no depth map {frame.stem} in {args.dataset_path / 'depth_maps'}, expected one of the "
            f"image's name that ends in {', '.join(depth.SUFFIXES)}; add it, or take the image out"
        )
    if frame.intrinsics is None and args.fov is None:
        raise InputError(f"{frame.image}: no intrinsics, as other images have; {INTRINSICS_WANTED}")
    colour = images.decode(frame.image, images.AS_STORED_RGB)
    height, width = colour.shape[:2]
    raw = depth.read_raw(frame.depth)
    depth_m = depth.to_metres(raw, args.scale_factor)
    if depth_m.shape != (height, width):
        found = (
            f"{frame.depth}: the depth map is {depth_m.shape[1]}×{depth_m.shape[0]}, its image {width}×{height}"
        )
        if (width - height) * (depth_m.shape[1] - depth_m.shape[0]) < 0:
            raise InputError(
                f"{found}, so one of them lies on its side; turn its pixels (where a photograph has an EXIF "
                "orientation, ImageMagick's mogrify -auto-orient does)"
            )
        if not args.resize_depth:
            raise InputError(f"{found}; --resize-depth resamples the depth by nearest neighbour")
        # Nearest neighbour: any mixing of depths across an edge would invent points in mid-air.
        depth_m = cv2.resize(depth_m, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    if args.min_depth > 0:
        depth_m[depth_m < args.min_depth] = 0
    if args.max_depth is not None:
        depth_m[depth_m > args.max_depth] = 0
    if not depth_m.any():
        raise InputError(
            f"{frame.depth}: no pixel has usable depth; the stored values run from {raw.min()} to {raw.max()}; "
            "check the map, --scale-factor, --min-depth and --max-depth"
        )

    if frame.intrinsics is not None:
        intrinsics = read_intrinsics(frame.intrinsics)
        camera.check_principal_point(frame.intrinsics, intrinsics, width, height)
    else:
        intrinsics = camera.intrinsics_from_fov(width, height, args.fov)
    points = pointmaps.unproject(depth_m, intrinsics)

    folder = args.dataset_path / "point_clouds"
    # The other form, of an earlier run with other depth, would be read in place of this one.
    if args.compact:
        pointmaps.write_compact(folder / f"{frame.stem}.npz", depth_m, intrinsics)
        outputs.remove(folder / f"{frame.stem}.npy")
    else:
        pointmaps.write_pointmap(folder / f"{frame.stem}.npy", points)
        outputs.remove(folder / f"{frame.stem}.npz")
    if args.no_ply:
        outputs.remove(folder / f"{frame.stem}.ply")  # it would be of other depth than the new point map
    else:
        # Taking by index is several times as fast as by a mask, and so is finding what is true in a mask.
        valid = np.flatnonzero(depth_m > 0)
        cloud = points.reshape(-1, 3).take(valid, axis=0)
        colours = colour.reshape(-1, 3).take(valid, axis=0)
        if frame.pose is not None:
            cloud = cloud @ frame.pose[:3, :3].T + frame.pose[:3, 3]
        cloud, colours = ply.clean(cloud, colours, args.voxel_size, args.outlier_neighbours, args.outlier_std)
        ply.write_ply(folder / f"{frame.stem}.ply", cloud, colours)
    sample = depth_m[::8, ::8]
    return float(np.median(sample[sample > 0])) if sample.any() else None


def find_frames(args: argparse.Namespace) -> tuple[list[Frame], list[Path]]:
    """Pair images, depth maps, intrinsics and poses by stem; return the frames, and the depth maps left over.

    Raises InputError for what spoils the whole dataset.
    """
    root = args.dataset_path
    pictures = images.in_folder(root / "images")
    depths = images.files_by_stem(root / "depth_maps", depth.SUFFIXES)
    images.tell_unread("d2p.py", root / "images", images.SUFFIXES)
    images.tell_unread("d2p.py", root / "depth_maps", depth.SUFFIXES, known=("scale.json",))
    if not pictures.keys() & depths.keys():
        first, maps = next(iter(pictures.values())).name, root / "depth_maps"
        named = f"the first is {next(iter(depths.values())).name}" if depths else "none is there"
        raise InputError(f"{maps}: no depth map has the stem of an image, like {first}; {named}")
    folder = root / "intrinsics"
    own = images.files_by_stem(folder, (".txt",)) if folder.is_dir() else {}
    shared = root / "K.txt" if (root / "K.txt").exists() else None
    if shared is not None:
        camera.read_intrinsics(shared)
    if shared is None and args.fov is None and not own.keys() & pictures.keys():
        raise InputError(f"{root}: no intrinsics for any image; {INTRINSICS_WANTED}")
    poses = camera.read_poses(root / "poses.txt", len(pictures)) if args.world_coordinates else None
    frames = [
        Frame(stem, image, depths.get(stem), own.get(stem, shared), None if poses is None else poses[i])
        for i, (stem, image) in enumerate(pictures.items())
    ]
    return frames, [path for stem, path in depths.items() if stem not in pictures]


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add(
        "--dataset-path",
        type=options.folder,
        required=True,
        help="Dataset folder D with images/ and depth_maps/. What is hidden there (.NAME), of other suffixes, or "
        "in folders inside them is not read.",
    )
    add(
        "--workers",
        type=options.workers,
        default=1,
        help="Images worked on at once; the results stay the same (default: %(default)s).",
    )
    group = parser.add_argument_group("depth and camera")
    add = group.add_argument
    add(
        "--scale-factor",
        type=options.positive,
        help="Depth units per metre: 5000 for TUM RGB-D (the default for integer maps), 1000 for most "
        "sensors, 256 for KITTI. Float maps are metres and are divided only when this is given.",
    )
    add("--min-depth", type=options.not_negative, default=0.0, help="Depth nearer than this (m) is dropped.")
    add("--max-depth", type=options.positive, help="Depth beyond this (m) is dropped.")
    add("--resize-depth", action="store_true", help="Resample depth maps of another size than their image.")
    add("--fov", type=options.positive, help="Horizontal field of view in degrees, for images without intrinsics.")
    add("--world-coordinates", action="store_true", help="Write the clouds in the frame of D/poses.txt.")
    group = parser.add_argument_group("what is written")
    add = group.add_argument
    add("--compact", action="store_true", help="Write point maps as .npz, lossless and many times smaller.")
    add("--no-ply", action="store_true", help="Write no clouds; the later stages read only the point maps.")
    add(
        "--voxel-size",
        type=options.not_negative,
        default=0.0,
        help="Thin the clouds to one point a voxel of this edge (m).",
    )
    add(
        "--outlier-neighbours",
        type=options.count,
        default=0,
        help="Drop points of the clouds far from this many nearest points, of which each is the first of its own; "
        "20 is usual, 0 is off.",
    )
    add(
        "--outlier-std",
        type=options.positive,
        default=2.0,
        help="Standard deviations above the mean neighbour distance at which a point is an outlier; "
        "lower drops more (default: %(default)s).",
    )
    args = parser.parse_args(arguments)
    if args.fov is not None and args.fov >= 180:
        parser.error("--fov must lie between 0 and 180 degrees")
    if args.max_depth is not None and args.min_depth >= args.max_depth:
        parser.error("--min-depth must be below --max-depth")
    if 0 < args.voxel_size < SMALLEST_VOXEL_M:
        parser.error(
            f"--voxel-size: expected 0 for none, or at least {SMALLEST_VOXEL_M:g} (m), found {args.voxel_size:g}"
        )
    if args.no_ply:
        for name in ("voxel_size", "outlier_neighbours", "outlier_std"):
            if getattr(args, name) != parser.get_default(name):
                parser.error(f"--{name.replace('_', '-')} changes the clouds only, and --no-ply writes none")
    if args.outlier_neighbours == 1:
        parser.error("--outlier-neighbours: 1 would be the point itself; expected 0 for off, or 2 and more")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run the stage; return 0 when every image succeeded, 1 when some failed, 2 for an unusable dataset."""
    args = parse_args(arguments)
    folder = args.dataset_path / "point_clouds"
    failures, succeeded, doubtful = batch.Failures(), 0, 0
    try:
        frames, unpaired = find_frames(args)
        if args.fov is not None and all(frame.intrinsics for frame in frames):
            print("d2p.py: --fov is of no use: all images have intrinsics, which count before it", file=sys.stderr)
        outputs.make_folder(folder)
        work = functools.partial(convert, args=args)
        for frame, median_m, reason in batch.run(work, frames, args.workers, len(frames), "d2p"):
            if reason is None:
                succeeded += 1
                if median_m and not USUAL_DEPTH_M[0] <= median_m <= USUAL_DEPTH_M[1]:
                    doubtful, example = doubtful + 1, f"{median_m:.3g} m in {frame.stem}"
                continue
            outputs.remove(*(folder / f"{frame.stem}{suffix}" for suffix in OUTPUT_SUFFIXES))
            failures.append({"image": frame.image.name, "reason": reason})
        for path in unpaired:
            outputs.remove(*(folder / f"{path.stem}{suffix}" for suffix in OUTPUT_SUFFIXES))
            failures.append({"image": path.name, "reason": f"{path}: a depth map without an image {path.stem}"})
        if doubtful > succeeded / 2:
            print(f"d2p.py: half of the depth is within {example}; is --scale-factor right?", file=sys.stderr)
        return batch.finish("d2p", succeeded, failures, folder)
    except InputError as error:
        print(f"d2p.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("d2p.py", main))
