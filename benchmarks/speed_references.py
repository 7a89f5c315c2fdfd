"""What benchmarks/speed.py compares the commands of stages 1 to 3 with: their floors, and Open3D's own path.

Run:  python benchmarks/speed_references.py NAME FOLDER PROCESSES

A floor decodes the inputs of its command and writes as many bytes, and computes nothing in between.
"""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import orjson

WIDTH, HEIGHT = 640, 480
INTRINSICS = np.array([[525.0, 0, 319.5], [0, 525.0, 239.5], [0, 0, 1]])
SCALE = 1000  # depth units per metre


def decode(path: Path, flags: int) -> np.ndarray:
    """Return the decoded image, by the fastest way that the pipeline's libraries have."""
    return cv2.imdecode(np.fromfile(path, np.uint8), flags)


def floor_d2p(folder: Path, share: slice) -> None:
    """Decode each image and its depth, and write as many bytes as its cloud and its point map have."""
    target = folder / "point_clouds"
    target.mkdir(exist_ok=True)
    payload = memoryview(np.zeros(HEIGHT * WIDTH * 15 + 300, np.uint8))
    for path in sorted((folder / "images").iterdir())[share]:
        decode(path, cv2.IMREAD_COLOR)
        depth = decode(folder / "depth_maps" / f"{path.stem}.png", cv2.IMREAD_UNCHANGED)
        (target / f"{path.stem}.npy").write_bytes(payload[: HEIGHT * WIDTH * 12 + 128])
        (target / f"{path.stem}.ply").write_bytes(payload[: 15 * cv2.countNonZero(depth) + 180])


def floor_layers(folder: Path, share: slice) -> None:
    """Decode each depth map and its masks; read and write the annotation file."""
    entries = orjson.loads((folder / "asv2_level.json").read_bytes())
    for entry in list(entries.values())[share]:
        decode(folder / "depth_maps" / entry["depth"], cv2.IMREAD_UNCHANGED)
        for key in entry:
            if key.startswith("[["):
                decode(folder / "masks" / entry[key][2], cv2.IMREAD_UNCHANGED)
    (folder / f"floor-{share.start}.json").write_bytes(orjson.dumps(entries))


def floor_multiview(folder: Path, share: slice) -> None:
    """Load each point map and decode its masks; read and write the annotation file."""
    entries = orjson.loads((folder / "asv2_level.json").read_bytes())
    for image, entry in list(entries.items())[share]:
        np.load(folder / "point_clouds" / f"{Path(image).stem}.npy")
        for key in entry:
            if key.startswith("[["):
                decode(folder / "masks" / entry[key][2], cv2.IMREAD_UNCHANGED)
    (folder / f"floor-{share.start}.json").write_bytes(orjson.dumps(entries))


def open3d_d2p(folder: Path, share: slice) -> None:
    """Take Open3D's own path from image files to PLY files; it writes no point maps."""
    import open3d as o3d

    target = folder / "point_clouds"
    target.mkdir(exist_ok=True)
    camera = o3d.camera.PinholeCameraIntrinsic(WIDTH, HEIGHT, INTRINSICS)
    for path in sorted((folder / "images").iterdir())[share]:
        image = o3d.io.read_image(str(path))
        depth = o3d.io.read_image(str(folder / "depth_maps" / f"{path.stem}.png"))
        rgbd = o3d.geometry.RGBDImage.create_from_color_and_depth(
            image, depth, depth_scale=SCALE, depth_trunc=1000, convert_rgb_to_intensity=False
        )
        cloud = o3d.geometry.PointCloud.create_from_rgbd_image(rgbd, camera)
        o3d.io.write_point_cloud(str(target / f"{path.stem}.ply"), cloud)


REFERENCES = {
    "floor-d2p": floor_d2p,
    "floor-layers": floor_layers,
    "floor-multiview": floor_multiview,
    "open3d-d2p": open3d_d2p,
}


def run(name: str, folder: Path, processes: int) -> None:
    """Run a reference over the folder in so many processes at once, each of which has its share from the start.

    No pool can be faster: nothing is handed over, and what the machine does not give to two cannot be had.
    """
    others = []
    for number in range(1, processes):
        pid = os.fork()  # before any library has a thread at work
        if not pid:
            REFERENCES[name](folder, slice(number, None, processes))
            os._exit(0)
        others.append(pid)
    REFERENCES[name](folder, slice(0, None, processes))
    if any(os.waitpid(pid, 0)[1] for pid in others):
        sys.exit(f"{name}: one of {processes} processes failed")


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
