"""How much tools/estimate_depth.py costs beside the model: its speed with a model whose forward pass is free.

The floor decodes each image and writes one depth map and one camera for it, with as many threads and by the same
functions as the tool (so with the same PNG compression, of a map that the tool makes too), and does nothing else:
no EXIF, no preparation for a model, no resizing back, no batching. The tool is the whole command with a Depth
Anything V2 model's own input size, of which only the forward pass is replaced by maps made beforehand. Target: at
least 80 % of the floor's images a second.

Run:  python benchmarks/estimate_depth.py [--images N] [--size 640x480] [--image-dir DIR]
"""

import argparse
import functools
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spacesgg import camera, depth_models, images, model_files, vision_models
from tools import estimate_depth

# As published for depth-anything/Depth-Anything-V2-Metric-*-hf.
PREPARATION = {
    "size": {"height": 518, "width": 518},
    "keep_aspect_ratio": True,
    "ensure_multiple_of": 14,
    "resample": 3,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
FOV_DEG = 60.0
TARGET = 0.8


def scene(height: int, width: int) -> np.ndarray:
    """Return (height, width) float32 metres: smooth surfaces, some edges, a network's fine grain."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(1, 6, (6, 8)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        x, y = rng.integers(0, width), rng.integers(0, height)
        smooth[y : y + height // 4, x : x + width // 5] *= rng.uniform(0.5, 0.9)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 2)
    return smooth + 0.02 * grain


class FreeModel(torch.nn.Module):
    """A depth model that answers at once, with a map made beforehand for each input size."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[tuple[int, ...], torch.Tensor] = {}

    def forward(self, pixel_values: torch.Tensor) -> SimpleNamespace:
        """Return the same map for every image of the batch, without copying it."""
        count, _, height, width = pixel_values.shape
        if (height, width) not in self._made:
            self._made[height, width] = torch.from_numpy(scene(height, width))
        return SimpleNamespace(predicted_depth=self._made[height, width].expand(count, -1, -1))


def write_images(folder: Path, count: int, size: tuple[int, int], source: Path | None) -> None:
    """Fill the folder with `count` JPEG images: those of `source` in turn, or textured ones of `size`."""
    width, height = size
    folder.mkdir()
    if source is not None:
        contents = [path.read_bytes() for path in sorted(source.glob("*.jp*g"))]
    else:
        rng = np.random.default_rng(0)
        contents = []
        for _ in range(8):
            coarse = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
            picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
            grain = cv2.GaussianBlur(rng.normal(0, 30, (height, width, 3)).astype(np.float32), (0, 0), 1)
            picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
            contents.append(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    for i in range(count):
        (folder / f"{i:06d}.jpg").write_bytes(contents[i % len(contents)])


def clocks() -> np.ndarray:
    """Return wall and processor time in seconds; the second tells the cost where other programs are running."""
    return np.array([time.perf_counter(), time.process_time()])


def floor_one(path: Path, output: Path, depth: dict[tuple[int, int], np.ndarray]) -> None:
    """Decode one image, write one depth map and one camera."""
    height, width = images.decode(path, images.AS_STORED_RGB).shape[:2]
    estimate_depth.write_camera(
        output / "intrinsics" / f"{path.stem}.txt", camera.intrinsics_from_fov(width, height, FOV_DEG)
    )
    estimate_depth.write_depth(output / "depth_maps" / f"{path.stem}.png", depth[height, width])


def main() -> int:
    """Measure, print, and return 0 where the target is reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--images", type=int, default=300, help="Images of a run.")
    parser.add_argument("--size", default="640x480", help="Width and height of the made images.")
    parser.add_argument("--image-dir", type=Path, help="Real JPEG images to use in turn instead of made ones.")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="Threads of the floor and of the tool."
    )
    parser.add_argument("--batch-size", type=int, default=8, help="Images in one forward pass of the tool.")
    parser.add_argument("--rounds", type=int, default=5, help="Rounds; floor and tool take turns in each.")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as root:
        return measure(Path(root), args, (width, height))


def measure(root: Path, args: argparse.Namespace, size: tuple[int, int]) -> int:
    """Time floor and tool in turn on the same images; return the exit status."""
    write_images(root / "images", args.images, size, args.image_dir)
    (root / "model").mkdir()
    (root / "model" / "config.json").write_text(
        json.dumps({"model_type": "depth_anything", "depth_estimation_type": "metric", "max_depth": 20})
    )
    (root / "model" / "preprocessor_config.json").write_text(json.dumps(PREPARATION))
    paths = sorted((root / "images").iterdir())
    model = FreeModel()
    with mock.patch.object(model_files, "load_model", lambda *_: model):
        estimator = depth_models.DepthEstimator(str(root / "model"), torch.device("cpu"), torch.float32)
        # What the floor writes is what the tool writes, so that encoding costs both the same.
        depth = {}
        for path in paths[:16]:
            picture, tensor = estimate_depth.read(estimate_depth.Frame(path.stem, path), estimator)
            values = estimator.to_image(estimator.predict([tensor])[0], picture.height, picture.width, None)
            stored = estimate_depth.to_sixteen_bits(values, estimate_depth.FINE_SCALE)
            depth[picture.height, picture.width] = stored
        command = ["--image-dir", root / "images", "--model", root / "model", "--fov", FOV_DEG]
        command += ["--workers", args.workers, "--batch-size", args.batch_size, "--device", "cpu"]
        floors, tools = [], []
        for number in range(args.rounds + 1):  # the first round warms up
            start = clocks()
            with vision_models.thread_pool(args.workers) as pool:
                work = functools.partial(floor_one, output=root / f"floor{number}", depth=depth)
                list(pool.map(work, paths))
            middle = clocks()
            output = ["--output-dir", root / f"tool{number}"]
            status = estimate_depth.main([str(word) for word in command + output])
            end = clocks()
            if status != 0:
                return status
            if number > 0:
                floors.append((middle - start) / len(paths))
                tools.append((end - middle) / len(paths))
    floor, tool = np.median(floors, axis=0), np.median(tools, axis=0)
    ratios = np.array(floors) / np.array(tools)
    ratio = np.median(ratios, axis=0)
    print(f"{len(paths)} images, {args.workers} threads, medians of {args.rounds} rounds (range of the rounds)")
    for i, what in enumerate(("wall time", "processor time")):
        print(
            f"{what}: floor {floor[i] * 1e3:.1f} ms an image, tool {tool[i] * 1e3:.1f} ms: {ratio[i]:.0%} of the "
            f"floor's images a second ({ratios[:, i].min():.0%}–{ratios[:, i].max():.0%}; target {TARGET:.0%})"
        )
    return 0 if ratio[0] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
