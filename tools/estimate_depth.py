"""Images → depth maps and cameras, by a monocular depth estimation model.

In:   a folder of images (jpg, jpeg, png) and a model: Depth Anything, ZoeDepth, Depth Pro or DPT
Out:  D/depth_maps/STEM.png     16-bit, of the image's size; 0 = no depth
      D/depth_maps/scale.json   what the numbers mean: "scale_factor" to divide by for metres, or "inverse_depth"
      D/intrinsics/STEM.txt     3×3 camera matrix, where EXIF, the model or --fov tells the focal length
Run:  python tools/estimate_depth.py --image-dir D/images --output-dir D \\
          --model depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf --fov 60
Then: python d2p.py --dataset-path D --scale-factor (the scale that is printed at the end)

Metric models give metres. Relative models (DPT, Depth Anything without "Metric") give inverse depth: larger is
nearer, each map stretched to its own largest value; give --inverse-depth to layers_aggregation.py, and do not
use them with d2p.py. Run again, it does what is missing; images that failed are in D/depth_maps.errors.jsonl.
Pixels are taken as stored, here and in all other stages. Photographs that carry an EXIF orientation are counted at
the end: turn their pixels first (ImageMagick's mogrify -auto-orient), or left and up are the unturned one's.
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
    interrupts.during_imports("estimate_depth.py")  # the following ones take seconds

import cv2
import numpy as np
import torch
from tqdm import tqdm

from spacesgg import batch, camera, depth_folder, focal_length, images, options, outputs, vision_models
from spacesgg.atomic import atomic_open
from spacesgg.depth_folder import Folder
from spacesgg.depth_models import DepthEstimator, Prediction
from spacesgg.errors import InputError

LARGEST = 65535  # of 16 bits
FINE_SCALE, FAR_SCALE = 1000.0, 256.0  # units per metre: 1 mm steps to 65 m, or 4 mm steps to 256 m


class Frame(NamedTuple):
    """One image to estimate."""

    stem: str
    image: Path


class Picture(NamedTuple):
    """A decoded frame: size in pixels, focal length in pixels where EXIF tells it, and whether EXIF turns it."""

    frame: Frame
    height: int
    width: int
    exif_focal_px: float | None
    turned: bool


def read(frame: Frame, estimator: DepthEstimator) -> tuple[Picture, torch.Tensor]:
    """Decode one image and prepare it for the model."""
    rgb = images.decode(frame.image, images.AS_STORED_RGB)
    height, width = rgb.shape[:2]
    tags = focal_length.read_tags(frame.image)
    focal_px = focal_length.focal_length_px(tags, width, height)
    return Picture(frame, height, width, focal_px, focal_length.is_turned(tags)), estimator.prepare(rgb)


def to_sixteen_bits(values: np.ndarray, scale: float | None) -> np.ndarray:
    """Return (H, W) uint16: metres × scale, 0 where that overflows; inverse depth stretched to its maximum.

    Raises InputError where a value is no finite number.
    """
    largest = float(values.max())
    if not (np.isfinite(largest) and np.isfinite(values.min())):
        raise InputError("the model gave values that are not numbers; try --precision float32")
    if scale is None:
        scale = LARGEST / largest if largest > 0 else 0.0
    elif largest * scale >= LARGEST + 0.5:
        values = np.where(values * scale < LARGEST + 0.5, values, np.float32(0))
    # Scales and rounds to the nearest in one pass, in half the time of cv2.multiply.
    return cv2.addWeighted(values, scale, values, 0, 0, dtype=cv2.CV_16U)


def write_camera(path: Path, intrinsics: np.ndarray) -> None:
    """Write the 3×3 matrix as text."""
    with atomic_open(path) as stream:
        stream.write("".join("{:.9g} {:.9g} {:.9g}\n".format(*row) for row in intrinsics).encode())


def write_depth(path: Path, depth: np.ndarray) -> None:
    """Write the (H, W) uint16 depth map as PNG."""
    done, content = cv2.imencode(".png", depth)
    if not done:
        raise InputError(f"{path}: cannot be encoded as PNG")
    with atomic_open(path) as stream:
        stream.write(content)


def write(
    answer: tuple[Picture, Prediction], estimator: DepthEstimator, folder: Folder, fov_deg: float | None
) -> bool:
    """Write the depth map and the camera of one image; return whether its camera is known."""
    picture, prediction = answer
    height, width = picture.height, picture.width
    focal_px = picture.exif_focal_px or estimator.focal_px(prediction, width)
    matrix = None
    if focal_px is not None:
        matrix = focal_length.intrinsics(width, height, focal_px)
    elif fov_deg is not None:
        matrix = camera.intrinsics_from_fov(width, height, fov_deg)
    values = estimator.to_image(prediction, height, width, None if matrix is None else matrix[0, 0])
    depth = to_sixteen_bits(values, folder.scale)
    # The camera first: where a depth map stands, an interrupted run has nothing left to do.
    if matrix is not None:
        write_camera(folder.camera(picture.frame.stem), matrix)
    else:
        folder.camera(picture.frame.stem).unlink(missing_ok=True)  # one of an earlier run with other options
    write_depth(folder.depth(picture.frame.stem), depth)
    return matrix is not None


def estimate(
    frames: list[Frame],
    estimator: DepthEstimator,
    folder: Folder,
    args: argparse.Namespace,
    counts: collections.Counter,
) -> Iterator[tuple[Frame, bool | None, str | None]]:
    """Yield (frame, whether its camera is known, reason of failure) as images are done.

    `counts["turned"]` grows by the images that EXIF asks to turn.
    """
    pool = vision_models.thread_pool(args.workers)
    reader = functools.partial(read, estimator=estimator)
    writer = functools.partial(write, estimator=estimator, folder=folder, fov_deg=args.fov)
    failed: list[tuple[Frame, None, str]] = []
    writing: collections.deque[Any] = collections.deque()
    # Enough in flight that a batch is ready while the model works on one and another is written.
    ahead = args.batch_size + 2 * args.workers

    def readable() -> Iterator[tuple[Picture, torch.Tensor]]:
        for frame, result, reason in vision_models.read_ahead(pool, reader, frames, ahead):
            if reason is None:
                counts["turned"] += result[0].turned
                yield result
            else:
                failed.append((frame, None, reason))

    def written(room: int) -> Iterator[tuple[Frame, bool | None, str | None]]:
        while len(writing) > room:
            (picture, _), known, reason = writing.popleft().result()
            yield picture.frame, known, reason

    try:
        for pictures, tensors in vision_models.same_shape_batches(readable(), args.batch_size):
            predictions, reason = vision_models.forward(args.batch_size, estimator.predict, tensors)
            if reason is not None:
                failed.extend((picture.frame, None, reason) for picture in pictures)
                continue
            for answer in zip(pictures, predictions, strict=True):
                writing.append(pool.submit(batch.attempt, writer, answer))
            yield from written(ahead)
        yield from written(0)
        yield from failed
    finally:
        pool.shutdown(cancel_futures=True)


def complete_cameras(frames: list[Frame], folder: Folder, fov_deg: float | None) -> None:
    """Write the cameras that finished depth maps lack and that EXIF or --fov can tell now."""
    for frame in frames:
        tags = focal_length.read_tags(frame.image)
        if not tags and fov_deg is None:
            continue
        height, width = images.decode(folder.depth(frame.stem), cv2.IMREAD_UNCHANGED).shape[:2]
        focal_px = focal_length.focal_length_px(tags, width, height)
        with interrupts.deferred():
            if focal_px is not None:
                write_camera(folder.camera(frame.stem), focal_length.intrinsics(width, height, focal_px))
            elif fov_deg is not None:
                write_camera(folder.camera(frame.stem), camera.intrinsics_from_fov(width, height, fov_deg))


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--image-dir", type=options.folder, required=True, help="Folder of the images.")
    add(
        "--output-dir",
        type=options.folder,
        required=True,
        help="Dataset folder D, where depth_maps/ and intrinsics/ go.",
    )
    add(
        "--depth-scale",
        type=options.positive,
        help="Units per metre in the 16-bit maps. The default is 1000 (1 mm steps) where the model cannot "
        "exceed 65 m, else 256 (KITTI's, to 256 m). Farther depth is written as 0, no depth.",
    )
    add(
        "--fov",
        type=options.positive,
        help="Horizontal field of view in degrees for images whose EXIF data and whose model do not tell it; "
        "60 suits most photographs. A dataset folder has one such number: another one is refused.",
    )
    add("--overwrite", action="store_true", help="Remove the depth maps of these images and estimate them anew.")
    vision_models.add_model_arguments(parser, 8, "depth-anything/Depth-Anything-V2-Metric-Outdoor-Base-hf")
    args = parser.parse_args(arguments)
    vision_models.check_model_arguments(parser, args)
    if args.fov is not None and args.fov >= 180:
        parser.error("--fov must lie between 0 and 180 degrees")
    return args


def choose_scale(estimator: DepthEstimator, wanted: float | None) -> float | None:
    """Return the units per metre that hold the model's farthest depth; None for inverse depth.

    Raises InputError where a scale is `wanted` for a model without one.
    """
    if not estimator.metric:
        if wanted is not None:
            raise InputError("--depth-scale: this model gives inverse depth, which has no unit; leave it out")
        return None
    farthest = estimator.max_depth_m or float("inf")
    return wanted or (FINE_SCALE if farthest * FINE_SCALE <= LARGEST else FAR_SCALE)


def tell(done: int, without: int, scale: float | None) -> None:
    """Print what the user has to know to go on: maps kept, images without a camera, what the numbers mean."""
    if done:
        had = batch.counted(done, "image")
        print(f"estimate_depth: {had} had depth maps already; --overwrite estimates them again")
    if without:
        print(f"estimate_depth: images without intrinsics: {without}; run again with --fov, or give it to d2p.py")
    if scale is None:
        print("estimate_depth: the maps hold inverse depth; give --inverse-depth to layers_aggregation.py")
    else:
        print(f"estimate_depth: the maps hold metres; give --scale-factor {scale:g} to the next stages")


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; return 0 when every image succeeded, 1 when some failed, 2 for unusable input."""
    args = parse_args(arguments)
    failures = []
    try:
        pictures = images.in_folder(args.image_dir)
        images.tell_unread("estimate_depth.py", args.image_dir, images.SUFFIXES)
        device = vision_models.choose_device(args.device)
        estimator = DepthEstimator(args.model, device, vision_models.choose_precision(args.precision, device))
        scale = choose_scale(estimator, args.depth_scale)
        folder = Folder(args.output_dir / "depth_maps", args.output_dir / "intrinsics", scale)
        outputs.make_folder(folder.depth_maps)
        fov_deg = None if estimator.gives_focal else args.fov
        depth_folder.declare(folder, args.model, pictures.keys(), fov_deg, estimator.needs_focal, args.overwrite)
        frames = [Frame(stem, image) for stem, image in pictures.items()]
        done, left = [], []
        for frame in frames:
            there = not args.overwrite and folder.depth(frame.stem).is_file()
            (done if there else left).append(frame)
        complete_cameras([frame for frame in done if not folder.camera(frame.stem).is_file()], folder, args.fov)
        without = sum(not folder.camera(frame.stem).is_file() for frame in done)
        counts: collections.Counter = collections.Counter()
        results = estimate(left, estimator, folder, args, counts)
        for frame, known, reason in tqdm(results, total=len(left), desc="depth", unit="image", disable=None):
            without += known is False
            if reason is not None:
                failures.append({"image": frame.image.name, "reason": reason})
        images.tell_turned("estimate_depth", counts["turned"])
        tell(len(done), without, scale)
        succeeded = len(left) - len(failures)
        failures.sort(key=lambda failure: failure["image"])
        return batch.finish("estimate_depth", succeeded, failures, folder.depth_maps)
    except InputError as error:
        print(f"estimate_depth.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("estimate_depth.py", main))
