"""How many of the true spatial relations the pipeline states, and how many of the stated ones are true.

In:   nothing: scenes with exact truth are ray-cast by examples/make_scenes.py
Out:  one table a run, printed and, with --output, written as Markdown
Run:  python benchmarks/accuracy.py --scenes 40 --seed 1 --kinds kinect drift tilted

Each kind of scenes goes through d2p.py, layers_aggregation.py and multiview_layers.py as a user would run them.
A pair is clear on an axis when the two full 3D extents leave a gap of more than 10 cm (30 cm in streets).
Recall is the share of the clear pairs that are stated with the right sign; precision is the share of the stated
relations, clear or not, whose extents do not overlap in truth and lie on the stated sides ("±2 cm": overlap by
less than that is forgiven). Layers: of the pairs more than 0.5 m apart in depth, those that never share a layer
and all of whose layers come in the right order. "Uncut" leaves out objects that the picture's edge cuts, "with
depth" those of which the sensor returned fewer than ten pixels, "in sight" those of which other objects hide a
tenth or more.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.relation_scores import AXES, VIEWS, Relation, Split, count, interval, relations, splits
from examples import make_scenes
from spacesgg import annotations
from spacesgg.atomic import atomic_open

ROOT = Path(__file__).resolve().parent.parent
CLEAR_GAP, CLEAR_GAP_STREET = 0.10, 0.30  # metres
MIN_DEPTH_PX = 10
IN_SIGHT = 0.9  # of an object's pixels, were it alone


class StageError(Exception):
    """A command of the pipeline did not run through."""


def share(part: int, whole: int) -> str:
    """Return a percentage, or a dash where there was nothing to count."""
    return f"{100 * part / whole:.2f} %" if whole else "–"


def has_depth(truth: dict[str, Any], key: str) -> bool:
    """Return whether the sensor returned enough of an object of the truth record for its depth to be told."""
    return truth["objects"][key]["depth_px"] >= MIN_DEPTH_PX


class Result:
    """All pairs of all scenes of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind, self.clear_gap = kind, CLEAR_GAP_STREET if kind == "sparse" else CLEAR_GAP
        self.relations: list[tuple[dict, Relation]] = []  # with the truth record of the image
        self.splits: dict[str, list[Split]] = {}
        self.notes: list[str] = []

    def add(self, truth: dict[str, Any], entry: dict[str, Any]) -> None:
        """Compare one image's entry with its truth record."""
        extents = {key: thing["extent"] for key, thing in truth["objects"].items()}
        depths = {key: tuple(thing["depth_range"]) for key, thing in truth["objects"].items()}
        self._split("front", splits(entry["levels"], depths))
        returned = {key: span for key, span in depths.items() if has_depth(truth, key)}
        self._split("with depth", splits(entry["levels"], returned))
        if self.kind == "inverse":
            return  # no metres, no extents: only the layers can be told
        level = {key: interval(extent, 2, 1) for key, extent in extents.items()}
        self._split("front, level", splits(entry["levels"], level))
        for view, axes in VIEWS.items():
            seen = entry if view == "front" else entry["views"][view]
            self.relations += [(truth, r) for r in relations(seen["order_list"], extents, view)]
            if view != "front":
                away = {key: interval(extent, *axes[2]) for key, extent in extents.items()}
                self._split(view, splits(seen["levels"], away))

    def _split(self, name: str, found: list[Split]) -> None:
        self.splits.setdefault(name, []).extend(found)

    def view_rows(self) -> list[list[str]]:
        """Return one row a view: recall and precision on each axis."""
        rows = []
        for view in VIEWS if self.relations else ():
            row = [self.kind, view]
            for axis in AXES:
                found = count([r for _, r in self.relations if (r.view, r.axis) == (view, axis)], self.clear_gap)
                row += [share(found.right, found.clear), share(found.true, found.stated)]
            rows.append(row)
        return rows

    def total_rows(self) -> list[list[str]]:
        """Return the rows of all views and axes together: of all pairs, and of parts of them."""
        uncut, returned, in_sight = [], [], []
        for item in self.relations:
            truth, r = item
            both = [truth["objects"][key] for key in (r.a, r.b)]
            if not any(thing["cut"] for thing in both):
                uncut.append(item)
            if has_depth(truth, r.a) and has_depth(truth, r.b):
                returned.append(item)
            if all(thing["visible"] > IN_SIGHT for thing in both):
                in_sight.append(item)
        rows = []
        groups = (("all", self.relations), ("uncut", uncut), ("with depth", returned), ("in sight", in_sight))
        for name, items in groups if self.relations else ():
            n = count([r for _, r in items], self.clear_gap)
            shares = (share(n.right, n.clear), str(n.stated), share(n.true, n.stated), share(n.nearly, n.stated))
            rows.append([self.kind, name, str(n.clear), *shares])
        return rows

    def layer_row(self) -> list[str]:
        """Return, for each list of layers, the share of rightly split pairs and how many pairs there were."""
        row = [self.kind]
        for name in ("front", "with depth", "front, level", "left", "right", "back"):
            found = self.splits.get(name, [])
            row.append(f"{share(sum(s.right for s in found), len(found))} of {len(found)}" if found else "–")
        return row

    def worst(self, number: int) -> list[str]:
        """Return the false statements with the largest error and the missed pairs with the largest gap."""

        def told(truth: dict, r: Relation) -> str:
            a, b = (truth["objects"][key] for key in (r.a, r.b))
            things = [
                f"{t['label']} {key} (visible {t['visible']:.2f}, {t['depth_px']} px{', cut' if t['cut'] else ''})"
                for t, key in ((a, r.a), (b, r.b))
            ]
            said = f"stated {r.stated:+d}" if r.stated else "not stated"
            said += (
                f", true {r.sign:+d} with a gap of {r.gap:.3f} m" if r.gap >= 0 else f", overlap {-r.gap:.3f} m"
            )
            return f"{truth['image']} {r.axis}: {said}: {' / '.join(things)}"

        # The other views say the same of the same gaps, so the front view's list is enough to find causes.
        front = [(t, r) for t, r in self.relations if r.view == "front"]
        false = [(t, r) for t, r in front if r.stated and not r.holds()]
        false.sort(key=lambda item: -abs(item[1].gap))
        missed = [(t, r) for t, r in front if not r.stated and r.gap > self.clear_gap]
        missed.sort(key=lambda item: -item[1].gap)
        lines = [f"{self.kind}: {len(false)} false, {len(missed)} missed in the front view"]
        lines += ["  false  " + told(*item) for item in false[:number]]
        lines += ["  missed " + told(*item) for item in missed[:number]]
        return lines


def run_stage(script: str, *arguments: object) -> str | None:
    """Run a script of the project; return its complaint when some images failed. Raises StageError."""
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
    if done.returncode not in (0, 1):
        raise StageError(f"{script} ended with status {done.returncode}: {last}")
    return f"{script}: {last}" if done.returncode else None


def measure(kind: str, folder: Path, args: argparse.Namespace) -> Result:
    """Make the scenes of a kind in `folder`, run the pipeline on them and compare. Raises StageError."""
    result = Result(kind)
    workers = ("--workers", args.workers)
    scale = ("--scale-factor", make_scenes.SCALE_FACTORS[kind]) if kind in make_scenes.SCALE_FACTORS else ()
    files = ("--input-file", folder / "asv2_level.json", "--mask-dir", folder / "masks", *workers)
    processed, final = folder / "processed_annotations.json", folder / "annotations.json"
    made = ("--output-dir", folder, "--scenes", args.scenes, "--seed", args.seed, "--kind", kind)
    notes = [run_stage("examples/make_scenes.py", *made, *workers)]
    mode = ("--inverse-depth",) if kind == "inverse" else scale
    depths = ("--depth-dir", folder / "depth_maps", "--output-file", processed)
    notes.append(run_stage("layers_aggregation.py", *files, *depths, *mode))
    if kind == "inverse":
        final = processed
    else:
        notes.append(run_stage("d2p.py", "--dataset-path", folder, "--no-ply", *scale, *workers))
        clouds = ("--point-cloud-dir", folder / "point_clouds", "--output-file", final)
        notes.append(run_stage("multiview_layers.py", "--input-file", processed, *files[2:], *clouds))
    result.notes = [f"{kind}: {note}" for note in notes if note]
    entries = dict(annotations.read(final))
    for line in (folder / "truth.jsonl").read_bytes().splitlines():
        truth = orjson.loads(line)
        entry = entries[truth["image"]]
        if "levels" not in entry or (kind != "inverse" and "order_list" not in entry):
            # What a failed image lacks counts as missed, not as never asked.
            result.notes.append(f"{kind}: {truth['image']} has no relations; counted as missed")
            entry.setdefault("levels", [])
            entry.setdefault("order_list", {})
            entry.setdefault("views", {view: {"levels": [], "order_list": {}} for view in VIEWS})
        result.add(truth, entry)
    return result


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [head, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report(results: list[Result], args: argparse.Namespace) -> str:
    """Return the tables of all kinds as Markdown."""
    head = ["scenes", "view", *(f"{axis} {what}" for axis in AXES for what in ("recall", "precision"))]
    total_head = ["scenes", "pairs", "clear", "recall", "stated", "precision", "precision ±2 cm"]
    layer_head = ["scenes", "layers, front", "with depth", "front, level", "left", "right", "back"]
    options = f"--scenes {args.scenes} --seed {args.seed} --kinds {' '.join(args.kinds)}"
    parts = [f"`python benchmarks/accuracy.py {options}`"]
    if any(result.relations for result in results):
        parts.append(table(head, [row for result in results for row in result.view_rows()]))
        parts.append(table(total_head, [row for result in results for row in result.total_rows()]))
    parts.append(table(layer_head, [result.layer_row() for result in results]))
    parts.append(
        "Layers: pairs more than 0.5 m apart that are split rightly. The first columns judge them by depth along\n"
        'the optical axis, as depth maps give it; "front, level" by depth along the ground, which differs when\n'
        "the camera looks down."
    )
    return "\n\n".join([*parts, *(note for result in results for note in result.notes)]) + "\n"


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--scenes", type=int, default=40, help="Scenes of each kind; more make the last decimals mean something.")
    add("--seed", type=int, default=1, help="Another seed measures on other scenes.")
    add(
        "--kinds",
        nargs="+",
        choices=make_scenes.KINDS,
        default=list(make_scenes.KINDS),
        help="What to measure on.",
    )
    add(
        "--worst", type=int, default=0, help="List this many of the worst false and missed relations of each kind."
    )
    add("--output", type=Path, help="Also write the tables to this Markdown file.")
    add("--keep", type=Path, help="Make the scenes in this folder and keep them, for looking at what went wrong.")
    add("--workers", type=int, default=1, help="Images worked on at once; results do not depend on it.")
    args = parser.parse_args(arguments)
    if min(args.scenes, args.workers) < 1 or min(args.seed, args.worst) < 0:
        parser.error("--scenes and --workers must be at least 1, --seed and --worst must not be negative")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 0 when every stage ran for every kind, 1 when one did not."""
    args = parse_args(arguments)
    results, status = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        for kind in args.kinds:
            try:
                results.append(measure(kind, (args.keep or Path(temporary)) / kind, args))
            except StageError as error:
                print(f"accuracy.py: {kind}: {error}", file=sys.stderr)
                status = 1
    text = report(results, args) if results else ""
    print(text)
    for result in results if args.worst else ():
        print("\n".join(result.worst(args.worst)))
    if args.output and text:
        with atomic_open(args.output) as stream:
            stream.write(text.encode())
    return status


if __name__ == "__main__":
    sys.exit(main())
