"""How fast the stage-1 commands are, and how much memory they take, against the floor and against Open3D.

In:   nothing; the frames (640×480, five objects, noisy depth with holes, PNG masks) are made in a temporary folder
Out:  Markdown tables on standard output, and in --output
Run:  python benchmarks/speed.py --frames 200 --output speed.md

Every contender is a whole command, from starting Python to its end. The floor of a command is a Python process
that decodes the same inputs and writes as many bytes, and computes nothing in between. How much faster two of them
are, each with half of the frames, is what the machine has to give to two workers. The contenders take turns,
--repeats times, and the median counts. CPU time (user + system, of one process) is what to judge by on a machine
that does other work too; two workers can be judged only on a machine that does not.
"""

import argparse
import importlib.metadata
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.speed_references import HEIGHT, INTRINSICS, SCALE, WIDTH

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ("d2p", "layers_aggregation", "multiview_layers")
# Label, box in pixels (x0, y0, x1, y1), nearest and farthest depth in metres.
OBJECTS = (
    ("table", (120, 260, 520, 440), 1.6, 2.6),
    ("cup", (200, 220, 250, 280), 1.9, 1.98),
    ("chair", (20, 180, 140, 420), 1.4, 1.9),
    ("cabinet", (430, 60, 620, 300), 2.9, 3.2),
    ("lamp", (300, 40, 350, 230), 2.4, 2.5),
)
K = TypeVar("K")


class Measured(NamedTuple):
    """One run of a command: seconds of wall clock and of CPU time, peak memory of its largest process in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


# --- the frames ----------------------------------------------------------------------------------------------


def make_frame(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return colour (H, W, 3) uint8, depth (H, W) uint16 with noise and holes, and each object's (H, W) mask."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    depth_m = np.minimum(4.0, 1.3 * 525 / np.maximum(rows - 200, 1)).astype(np.float32)  # floor, then the wall
    shade = np.full((HEIGHT, WIDTH), 120.0) + 30 * np.sin(columns / 9) * np.sin(rows / 7)
    masks = []
    shift = rng.integers(-15, 16, 2)
    for number, (_, box, near, far) in enumerate(OBJECTS):
        x0, y0, x1, y1 = np.array(box) + np.tile(shift, 2)
        inside = np.zeros((HEIGHT, WIDTH), bool)
        ellipse = ((columns - (x0 + x1) / 2) / (x1 - x0)) ** 4 + ((rows - (y0 + y1) / 2) / (y1 - y0)) ** 4
        inside[ellipse < 1 / 16] = True
        surface = far + (near - far) * np.clip((rows - y0) / (y1 - y0), 0, 1)
        visible = inside & (surface < depth_m)
        depth_m[visible] = surface[visible]
        shade[visible] = 60 + 35 * number + 10 * np.sin(rows[visible] / 3)
        for mask in masks:
            mask[visible] = 0
        masks.append(visible.astype(np.uint8) * 255)
    depth_m += rng.normal(0, 1, depth_m.shape) * 0.0015 * depth_m**2  # the noise of a structured-light sensor
    holes = cv2.blur(rng.random((HEIGHT, WIDTH)).astype(np.float32), (9, 9)) > 0.53
    depth_m[holes | (cv2.Laplacian(depth_m, cv2.CV_32F) > 0.5)] = 0
    colour = np.clip(shade[..., None] + rng.normal(0, 6, (HEIGHT, WIDTH, 3)), 0, 255)
    return colour.astype(np.uint8), np.rint(depth_m * SCALE).astype(np.uint16), masks


def make_dataset(folder: Path, frames: int, distinct: int = 40) -> None:
    """Write `frames` frames in the layout of the pipeline; after `distinct` ones their files serve again."""
    for name in ("images", "depth_maps", "masks"):
        (folder / name).mkdir(parents=True)
    np.savetxt(folder / "K.txt", INTRINSICS)
    rng = np.random.default_rng(0)
    annotations = {}
    for i in range(frames):
        stem = f"{i:06d}"
        files = [f"images/{stem}.jpg", f"depth_maps/{stem}.png"]
        files += [f"masks/{stem}_{number}.png" for number in range(len(OBJECTS))]
        if i < distinct:
            colour, depth, masks = make_frame(rng)
            for name, image in zip(files, (colour, depth, *masks), strict=True):
                cv2.imwrite(str(folder / name), image)
        else:
            for name in files:
                shutil.copyfile(folder / name.replace(stem, f"{i % distinct:06d}"), folder / name)
        entry = {"depth": f"{stem}.png", "width": WIDTH, "height": HEIGHT}
        for number, (label, box, _, _) in enumerate(OBJECTS):
            x0, y0, x1, y1 = box
            key = [x0 * 999 // WIDTH, y0 * 999 // HEIGHT, x1 * 999 // WIDTH, y1 * 999 // HEIGHT]
            entry[f"[{key}]"] = [label, [float(v) for v in box], f"{stem}_{number}.png"]
        annotations[f"images/{stem}.jpg"] = entry
    (folder / "asv2_level.json").write_bytes(orjson.dumps(annotations))


# --- measuring ---------------------------------------------------------------------------------------------------


def command(name: str, folder: Path, workers: int = 1) -> list[str]:
    """Return the command line of a contender."""
    if name not in COMMANDS:
        return [sys.executable, str(ROOT / "benchmarks/speed_references.py"), name, str(folder), str(workers)]
    if name == "d2p":
        script = ["d2p.py", "--dataset-path", str(folder), "--scale-factor", str(SCALE)]
    else:
        script = [f"{name}.py", "--input-file", str(folder / "asv2_level.json")]
        script += ["--mask-dir", str(folder / "masks"), "--output-file", str(folder / f"{name}.json")]
        if name == "layers_aggregation":
            script += ["--depth-dir", str(folder / "depth_maps"), "--scale-factor", str(SCALE)]
        else:
            script += ["--point-cloud-dir", str(folder / "point_clouds")]
    return [sys.executable, str(ROOT / script[0]), *script[1:], "--workers", str(workers)]


def measure(arguments: list[str]) -> Measured:
    """Run the command to its end. Its output is shown, and the benchmark ends, when it fails."""
    with tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(arguments)} failed:\n{log.read().decode(errors='replace')}")
    return Measured(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def alternate(commands: dict[K, list[str]], folder: Path, writes: bool, repeats: int) -> dict[K, Measured]:
    """Return the medians of `repeats` runs of each command, in turns; `writes` clears point_clouds/ before."""
    runs: dict[K, list[Measured]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, arguments in commands.items():
            if writes:
                shutil.rmtree(folder / "point_clouds", ignore_errors=True)
                os.sync()  # what an earlier run has left to the disk would slow the next one
            runs[name].append(measure(arguments))
    return {
        name: Measured(*(statistics.median(column) for column in zip(*taken, strict=True)))
        for name, taken in runs.items()
    }


def machine() -> str:
    """Return one line on the machine and the versions."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    packages = ("numpy", "opencv-python", "open3d", "scikit-learn")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def table(title: str, header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table under a heading."""
    lines = [f"### {title}", "", "| " + " | ".join(header) + " |", "| --- " + "| ---: " * (len(header) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--frames", type=int, default=200, help="Frames of the timed runs; start-up weighs less with more.")
    add("--repeats", type=int, default=5, help="Runs of each contender; their median is reported.")
    add("--output", type=Path, help="Write the tables to this Markdown file too.")
    add("--folder", type=Path, help="Make the frames below this folder, which needs 40 MB a frame, not in /tmp.")
    add(
        "--only",
        nargs="*",
        choices=COMMANDS,
        help="Time only these commands, without the comparison of memory and workers.",
    )
    args = parser.parse_args(arguments)
    if args.frames < 1 or args.repeats < 1:
        parser.error("--frames and --repeats must be at least 1")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 0."""
    args = parse_args(arguments)
    contenders = (("floor-d2p", "open3d-d2p"), ("floor-layers",), ("floor-multiview",))
    stages = [(own, *others) for own, others in zip(COMMANDS, contenders, strict=True)]
    stages = [stage for stage in stages if not args.only or stage[0] in args.only]
    report = [f"Machine: {machine()}", ""]
    with tempfile.TemporaryDirectory(dir=args.folder) as temporary:
        small, large = Path(temporary, "small"), Path(temporary, "large")
        make_dataset(small, args.frames)
        measure(command("d2p", small))  # the point maps that multiview_layers.py reads
        rows = []
        for stage in stages:
            own, floor = stage[:2]
            medians = alternate({name: command(name, small) for name in stage}, small, own == "d2p", args.repeats)
            for name in stage:
                m, f = medians[name], medians[floor]
                numbers = (m.wall_s, args.frames / m.wall_s, m.cpu_s, m.wall_s / f.wall_s, m.cpu_s / f.cpu_s)
                rows.append([name, *(f"{number:.2f}" for number in numbers), f"{m.peak_mb:.0f}"])
            if own == "d2p":
                measure(command("d2p", small))  # Open3D's own path has left no point maps
        header = ["command", "wall s", "frames/s", "CPU s", "wall / floor", "CPU / floor", "peak MB"]
        report.append(table(f"{args.frames} frames, one process", header, rows))
        if not args.only:
            make_dataset(large, 4 * args.frames)
            rows = []
            for own, floor, *_ in stages:
                contenders = (own, floor)
                commands = {(name, n): command(name, large, n) for name in contenders for n in (1, 2)}
                peaks = {name: measure(command(name, small)).peak_mb for name in contenders}
                medians = alternate(commands, large, own == "d2p", max(1, args.repeats // 2))
                for name in contenders:
                    one, two = medians[name, 1], medians[name, 2]
                    numbers = (one.wall_s, two.wall_s, one.wall_s / two.wall_s)
                    memory = (f"{peaks[name]:.0f}", f"{one.peak_mb:.0f}")
                    rows.append([name, *memory, *(f"{number:.2f}" for number in numbers)])
                if own == "d2p":
                    for folder in (small, large):
                        measure(command(own, folder))  # the floor's point maps hold nothing
            header = ["command", f"peak MB, {args.frames} frames", f"peak MB, {4 * args.frames} frames"]
            header += ["one worker: wall s", "two: wall s", "speed-up"]
            report.append(table(f"Memory, and two workers over {4 * args.frames} frames", header, rows))
    text = "\n".join(report)
    print(text)
    if args.output:
        args.output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
