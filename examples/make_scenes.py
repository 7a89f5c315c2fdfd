"""Ray-cast example scenes with exact truth: a dataset to try the pipeline on, and to measure it with.

In:   a seed and a kind of depth
Out:  DIR/images/STEM.jpg, DIR/depth_maps/STEM.png or .npy, DIR/masks/STEM_i.png, DIR/K.txt, DIR/poses.txt
      DIR/asv2_level.json   annotation file: image path → entry
      DIR/truth.jsonl       one image a line: per object key its full 3D extent [[min], [max]] in metres in the
                            level frame (x right, y down along gravity, z forward and horizontal, origin at the
                            camera), "depth_range" ([near, far] along the optical axis), "visible" (its pixels /
                            its pixels without what hides it), "visible_px", "depth_px" (those with depth),
                            "label", "shape" (its builder), "cut" (by the picture's edge); the camera's
                            "pitch_deg" (down is positive), "roll_deg", "camera_height_m", "camera_to_level"
Run:  python examples/make_scenes.py --output-dir DIR --scenes 20 --kind kinect --seed 0
      python d2p.py --dataset-path DIR --world-coordinates

Kinds of depth, and what has to be said to the later commands:
  clean    exact depth and masks, 16-bit, --scale-factor 5000
  kinect   structured-light noise, holes, flying pixels; masks grown by 2 pixels; 5000
  grown    the same with masks grown by 2 to 8 pixels; 5000
  short    the same as kinect, but nothing beyond 4.5 m has depth; 5000
  tilted   the same as kinect, the camera looking down by up to 34° or up by 10°, rolled by up to 5°; 5000
  stereo   noise that neighbours share, near things fattened, shadows of the other camera; masks +2; 5000
  tof      time of flight: noise, mixed pixels at edges, nothing beyond 6 m; masks grown by 2 pixels; 5000
  drift    metric depth of a monocular network, float: scale drifts by up to 5 %, depth bleeds over edges; masks
           grown by 5 pixels
  sparse   streets, 5 to 50 m, 64 LiDAR lines; masks grown by 2 pixels; 16-bit, --scale-factor 256
  inverse  relative inverse depth, larger is nearer, scale and shift unknown; for layers_aggregation.py
           --inverse-depth only

Scene i of a seed is the same whatever the number of scenes or workers; the kinds with a level camera share
their rooms.
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from examples import scene_layout, scene_render, sensor_noise
from spacesgg import annotations, batch, interrupts, nouns, options
from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError
from spacesgg.offline_phrases import count_word, join

KINDS = ("clean", "kinect", "grown", "tilted", "drift", "sparse", "inverse", "stereo", "tof", "short")
SCALE_FACTORS = {
    **dict.fromkeys(("clean", "kinect", "grown", "tilted", "stereo", "tof", "short"), 5000),
    "sparse": 256,
}
MASK_GROWTH = {"clean": (0, 0), "grown": (2, 8), "drift": (5, 5), "inverse": (5, 5)}  # pixels; 2 otherwise
MIN_VISIBLE = 60  # pixels; what shows less is not annotated, but still hides what is behind it
MIN_RETURNS = 12  # LiDAR returns on the object; people who label driving data leave out what has none
MIN_OBJECTS, MAX_OBJECTS = 4, 9
MAX_ATTEMPTS = 50


class Finished(NamedTuple):
    """What the shared files say of one image."""

    entry: dict[str, Any]
    truth: dict[str, Any]
    pose: np.ndarray


def draw(index: int, kind: str, seed: int) -> tuple[scene_layout.Scene, scene_render.Render, np.ndarray]:
    """Return the scene, its exact view and the (H, W) depth of the kind, in metres or as the kind stores it."""
    # What the layout needs and what the noise needs come from two streams: kinds then share their rooms.
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng([seed, index, attempt])
        noise = np.random.default_rng([seed, index, attempt, KINDS.index(kind)])
        if kind == "sparse":
            scene = scene_layout.make_street(rng)
        elif kind == "tilted":
            pitch = noise.uniform(-10, 0) if noise.random() < 0.2 else noise.uniform(5, 34)
            scene = scene_layout.make_room(rng, pitch, noise.uniform(-5, 5))
        else:
            scene = scene_layout.make_room(rng, 0.0, 0.0)
        caster = scene_render.Caster(scene)
        exact = scene_render.render(scene, caster)
        depth = measure(exact, caster, kind, noise)
        if MIN_OBJECTS <= len(annotated(exact, depth, kind)) <= MAX_OBJECTS:
            return scene, exact, depth
    raise RuntimeError(
        f"scene {index}: no layout with {MIN_OBJECTS} to {MAX_OBJECTS} objects in {MAX_ATTEMPTS} draws"
    )


def measure(
    exact: scene_render.Render, caster: scene_render.Caster, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Return what the kind's sensor makes of the exact depth."""
    if kind == "clean":
        return np.where(exact.depth_m <= 65535 / SCALE_FACTORS["clean"], exact.depth_m, 0)
    if kind == "drift":
        return sensor_noise.monocular(exact.depth_m, rng)
    if kind == "stereo":
        return sensor_noise.stereo(exact.depth_m, exact.albedo, scene_layout.FOCAL, rng)
    if kind == "tof":
        return sensor_noise.time_of_flight(exact.depth_m, exact.albedo, rng)
    if kind == "inverse":
        return sensor_noise.inverse(exact.depth_m, rng)
    if kind == "sparse":
        return sensor_noise.lidar(
            lambda origin, rays: caster.cast(origin, rays)["t_hit"],
            scene_layout.INTRINSICS,
            exact.depth_m.shape,
            rng,
        )
    reach = sensor_noise.SHORT_REACH if kind == "short" else sensor_noise.KINECT_REACH
    return sensor_noise.kinect(exact.depth_m, exact.slant, exact.albedo, scene_layout.FOCAL, rng, reach)


def annotated(exact: scene_render.Render, depth: np.ndarray, kind: str) -> list[int]:
    """Return the objects that show enough of themselves to be labelled."""
    count = int(exact.owner.max()) + 1
    shown = np.bincount(exact.owner[exact.owner >= 0], minlength=count)
    measured = np.bincount(exact.owner[(exact.owner >= 0) & (depth > 0)], minlength=count)
    enough = (shown >= MIN_VISIBLE) & ((kind != "sparse") | (measured >= MIN_RETURNS))
    return np.flatnonzero(enough).tolist()


def grounding_key(box: list[float]) -> str:
    """Return `[[x1, y1, x2, y2]]`, 0-999 of the picture's width and height, of a box in pixels."""
    size = (scene_layout.WIDTH, scene_layout.HEIGHT) * 2
    return str([[min(999, int(value / full * 999)) for value, full in zip(box, size, strict=True)]])


def caption(labels: list[str]) -> str:
    """Return a plain caption that names what is to be seen."""
    counts = {label: labels.count(label) for label in labels}
    names = []
    for label, count in counts.items():
        article = "an" if label[0] in "aeiou" else "a"
        names.append(f"{article} {label}" if count == 1 else f"{count_word(count)} {nouns.plural(label)}")
    return f"The picture shows {join(names)}."


def write_png(path: Path, image: np.ndarray, suffix: str = ".png") -> None:
    """Write an image whole or not at all."""
    ok, content = cv2.imencode(suffix, image)
    if not ok:
        raise OSError(f"{path}: the image cannot be encoded")
    with atomic_open(path) as stream:
        stream.write(content.tobytes())


def make_scene(index: int, kind: str, seed: int, folder: Path) -> Finished:
    """Write picture, depth map and masks of one scene and return its entry, truth and pose."""
    scene, exact, depth = draw(index, kind, seed)
    rng = np.random.default_rng([seed, index, KINDS.index(kind), 1])
    stem = f"scene_{index:05d}"
    entry: dict[str, Any] = {
        "depth": f"{stem}.npy" if kind == "drift" else f"{stem}.png",
        "width": scene_layout.WIDTH,
        "height": scene_layout.HEIGHT,
    }
    truth = {}
    for i in annotated(exact, depth, kind):
        placed, shown = scene.objects[i], exact.owner == i
        growth = int(rng.integers(*MASK_GROWTH.get(kind, (2, 2)), endpoint=True))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * growth + 1,) * 2)
        mask = cv2.dilate(shown.astype(np.uint8), kernel)
        x, y, width, height = cv2.boundingRect(mask)
        box = [float(x), float(y), float(x + width), float(y + height)]
        key = grounding_key(box)
        if key in truth:
            continue  # a key is an object's name; of two with the same box only the first can be annotated
        name = f"{stem}_{len(truth)}.png"
        write_png(folder / "masks" / name, mask * 255)
        entry[key] = [placed.label, box, name]
        alone, cut = scene_render.pixels_alone(placed.mesh, scene.camera_to_level)
        vertices = placed.mesh.vertices
        along_axis = vertices @ scene.camera_to_level[:, 2]
        truth[key] = {
            "label": placed.label,
            "shape": placed.shape,
            "extent": [vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()],
            "depth_range": [along_axis.min(), along_axis.max()],
            "visible": int(shown.sum()) / alone,
            "visible_px": int(shown.sum()),
            "depth_px": int((shown & (depth > 0)).sum()),
            "cut": cut,
        }
    entry["caption_annotation"] = caption([thing["label"] for thing in truth.values()])

    write_png(folder / "images" / f"{stem}.jpg", exact.picture[..., ::-1], ".jpg")
    path = folder / "depth_maps" / entry["depth"]
    if kind == "drift":
        with atomic_open(path) as stream:
            np.save(stream, depth)
    elif kind == "inverse":
        write_png(path, depth)
    else:
        write_png(path, np.rint(depth * SCALE_FACTORS[kind]).astype(np.uint16))
    record = {
        "image": f"images/{stem}.jpg",
        "kind": kind,
        "pitch_deg": scene.pitch_deg,
        "roll_deg": scene.roll_deg,
        "camera_height_m": scene.camera_height,
        "camera_to_level": scene.camera_to_level.tolist(),
        "objects": truth,
    }
    # World: x right, y forward, z up, the floor at z = 0.
    pose = np.eye(4)
    pose[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]) @ scene.camera_to_level
    pose[2, 3] = scene.camera_height
    return Finished(entry, record, pose)


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add(
        "--output-dir",
        type=options.folder,
        required=True,
        help="Folder that becomes the dataset; made when missing.",
    )
    add("--scenes", type=int, default=20, help="How many scenes to make.")
    add("--kind", choices=KINDS, default="kinect", help="What the depth is like, as listed above.")
    add("--seed", type=int, default=0, help="Another seed gives other scenes; the same one gives the same files.")
    add("--workers", type=int, default=1, help="Scenes worked on at once; results do not depend on it.")
    args = parser.parse_args(arguments)
    if args.scenes < 1 or args.workers < 1 or args.seed < 0:
        parser.error("--scenes and --workers must be at least 1, --seed must not be negative")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Make the dataset; return 0 when every scene succeeded, 1 when some failed, 2 where it cannot be written."""
    args = parse_args(arguments)
    try:
        return make_dataset(args)
    except InputError as error:
        print(f"make_scenes.py: {error}", file=sys.stderr)
        return 2


def make_dataset(args: argparse.Namespace) -> int:
    """Write the scenes and what belongs to all of them; return the exit status."""
    work = functools.partial(make_scene, kind=args.kind, seed=args.seed, folder=args.output_dir)
    poses, failures = [], []
    annotation_file = args.output_dir / "asv2_level.json"
    with annotations.writer(annotation_file) as write, atomic_open(args.output_dir / "truth.jsonl") as truth:
        for index, done, reason in batch.run(work, range(args.scenes), args.workers, args.scenes, "scenes"):
            if reason is not None:
                failures.append({"image": f"scene {index}", "reason": reason})
                continue
            write(done.truth["image"], done.entry)
            truth.write(orjson.dumps(done.truth, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
            poses.append(done.pose.ravel())
    for name, table in (("K.txt", scene_layout.INTRINSICS), ("poses.txt", np.array(poses).reshape(-1, 16))):
        with atomic_open(args.output_dir / name) as stream:
            np.savetxt(stream, table, fmt="%.9g")
    return batch.finish("make_scenes", args.scenes - len(failures), failures, annotation_file)


if __name__ == "__main__":
    sys.exit(interrupts.run_main("make_scenes.py", main))
