"""Time and peak memory of tools/prepare_annotations.py on generated annotations of COCO's size.

In:   nothing; an instances file is generated in a temporary folder (118,000 images with ten objects each and
      polygons of 24 corners: 0.65 GB, the objects of an image scattered over the file), and, with
      --panoptic-images, a panoptic file with its PNGs of 640x480, links to 200 different ones
Out:  one line a run: images, objects, size of the input, seconds by the clock and of CPU time, peak memory
Run:  python benchmarks/prepare_annotations.py --workers 2

The peak is that of the command and its workers together: their proportional set sizes, read twice a second. Pages
of the input that are mapped count too, although the system may take them back. CPU time (user + system, workers
included) is what to judge by on a machine that does other work too.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import orjson

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 640, 480
CORNERS = 24
LABELS = 80
MAPS = 200  # different panoptic PNGs; more images share them by links, which cost no less to read


def write_instances(path: Path, images: int, objects: int, rng: np.random.Generator) -> None:
    """Write a COCO instances file; only one object of each image is in memory at a time."""
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    with path.open("wb") as stream:
        listed = [
            {"id": i, "file_name": f"{i:012d}.jpg", "width": WIDTH, "height": HEIGHT, "license": 1}
            for i in range(images)
        ]
        stream.write(b'{"info": {}, "images": ' + orjson.dumps(listed) + b', "annotations": [')
        for number in range(objects):
            centres = rng.uniform([60, 60], [WIDTH - 60, HEIGHT - 60], (images, 2))
            radii = rng.uniform(5, 55, (images, 1)) * rng.uniform(0.7, 1.0, (images, CORNERS))
            corners = centres[:, None] + radii[..., None] * np.stack((np.cos(angles), np.sin(angles)), axis=-1)
            corners = corners.round(2)
            low, high = corners.min(axis=1), corners.max(axis=1)
            for image in range(images):
                box = [*low[image].tolist(), *(high[image] - low[image]).round(2).tolist()]
                annotation = {
                    "id": image + images * number,
                    "image_id": image,
                    "category_id": (image + number) % LABELS,
                    "iscrowd": 0,
                    "area": round(box[2] * box[3] * 0.7, 2),
                    "bbox": box,
                    "segmentation": [corners[image].ravel().tolist()],
                }
                separator = b"" if number == image == 0 else b",\n"
                stream.write(separator + orjson.dumps(annotation))
        categories = [{"id": i, "name": f"label {i}"} for i in range(LABELS)]
        stream.write(b'], "categories": ' + orjson.dumps(categories) + b"}")


def write_map(path: Path, objects: int, rng: np.random.Generator) -> list[dict]:
    """Write one panoptic PNG, cells around random points; return its segments as the format lists them."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    points = rng.uniform(0, [HEIGHT, WIDTH], (objects, 2)).astype(np.float32)
    nearest = np.zeros((HEIGHT, WIDTH), np.int32)
    least = np.full((HEIGHT, WIDTH), np.inf, np.float32)
    for number, (y, x) in enumerate(points, start=1):
        distance = (rows - y) ** 2 + (columns - x) ** 2
        nearest[distance < least] = number
        least = np.minimum(least, distance)
    ids = nearest * 70001
    png = np.stack((ids // 65536, ids // 256 % 256, ids % 256), axis=-1).astype(np.uint8)
    cv2.imwrite(str(path), png)
    segments = []
    for number in range(1, objects + 1):
        mask = nearest == number
        segment = {"id": 70001 * number, "category_id": number % LABELS, "iscrowd": 0, "area": int(mask.sum())}
        segments.append({**segment, "bbox": list(cv2.boundingRect(mask.astype(np.uint8)))})
    return segments


def write_panoptic(folder: Path, images: int, objects: int, rng: np.random.Generator) -> Path:
    """Write a panoptic file whose PNGs are links to MAPS different ones; one image is in memory at a time."""
    segments = [write_map(folder / f"map{number}.png", objects, rng) for number in range(min(MAPS, images))]
    path = folder / "panoptic.json"
    with path.open("wb") as stream:
        stream.write(b'{"info": {}, "images": [')
        for image in range(images):
            listed = {"id": image, "file_name": f"{image:012d}.jpg", "width": WIDTH, "height": HEIGHT}
            stream.write((b", " if image else b"") + orjson.dumps(listed))
        stream.write(b'], "annotations": [')
        for image in range(images):
            name = f"{image:012d}.png"
            (folder / name).hardlink_to(folder / f"map{image % MAPS}.png")
            annotation = {"image_id": image, "file_name": name, "segments_info": segments[image % MAPS]}
            stream.write((b", " if image else b"") + orjson.dumps(annotation))
        categories = [{"id": i, "name": f"label {i}", "isthing": 1} for i in range(LABELS)]
        stream.write(b'], "categories": ' + orjson.dumps(categories) + b"}")
    return path


def look(session: int, cpu_s: dict[str, float]) -> float:
    """Return the proportional set size of all processes of a session in MB; note the CPU seconds of each (Linux).

    Worker processes are not children of ours, so the system does not add their time to what it tells of the tool.
    """
    total_kb = 0
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.getsid(int(process.name)) == session:
                lines = (process / "smaps_rollup").read_text().splitlines()
                total_kb += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
                user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                cpu_s[process.name] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        except (OSError, StopIteration):
            continue  # it ended while we looked
    return total_kb / 1024


def measure(arguments: list[str]) -> tuple[float, float, float]:
    """Run the tool; return seconds, CPU seconds (as last seen) and peak memory in MB."""
    command = [sys.executable, str(ROOT / "tools" / "prepare_annotations.py"), *arguments]
    began, peak_mb, cpu_s = time.perf_counter(), 0.0, {}
    running = subprocess.Popen(command, start_new_session=True)
    while running.poll() is None:
        peak_mb = max(peak_mb, look(running.pid, cpu_s))
        time.sleep(0.5)
    if running.returncode != 0:
        raise SystemExit(f"the tool ended with status {running.returncode}")
    return time.perf_counter() - began, sum(cpu_s.values()), peak_mb


def main() -> None:
    """Generate, convert, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--images", type=int, default=118_000, help="Images of the instances file; 0 leaves it out.")
    add("--panoptic-images", type=int, default=0, help="Images of the panoptic file; 0 leaves it out.")
    add("--objects", type=int, default=10, help="Objects of each image.")
    add("--workers", type=int, default=2, help="--workers of the tool.")
    add("--folder", type=Path, help="Where the temporary folder goes; it needs twice the input's size.")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        output = ["--output-file", str(folder / "out.jsonl"), "--workers", str(args.workers)]
        runs = []
        if args.images:
            path = folder / "instances.json"
            write_instances(path, args.images, args.objects, rng)
            runs.append(("coco-instances", args.images, path, []))
        if args.panoptic_images:
            path = write_panoptic(folder, args.panoptic_images, args.objects, rng)
            runs.append(("coco-panoptic", args.panoptic_images, path, ["--panoptic-dir", str(folder)]))
        for kind, images, path, flags in runs:
            seconds, used_s, peak_mb = measure(["--format", kind, "--input-file", str(path), *flags, *output])
            print(
                f"{kind}: {images} images, {images * args.objects} objects, "
                f"input {path.stat().st_size / 1e6:.0f} MB, "
                f"{args.workers} workers: {seconds:.1f} s ({used_s:.1f} s of CPU time), "
                f"{images / seconds:.0f} images/s, peak {peak_mb:.0f} MB"
            )


if __name__ == "__main__":
    main()
