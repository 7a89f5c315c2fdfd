"""Organized point maps: (H, W, 3) float32 metres in the camera frame (x right, y down, z forward)."""

import zipfile
from pathlib import Path

import numpy as np

from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError


def unproject(depth_m: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Return the (H, W, 3) float32 point map of an (H, W) float32 z-depth; invalid pixels are zero."""
    height, width = depth_m.shape
    fx, skew, cx = intrinsics[0]
    fy, cy = intrinsics[1, 1:]
    y_over_z = ((np.arange(height) - cy) / fy).astype(np.float32)[:, None]
    x_over_z = ((np.arange(width) - cx) / fx).astype(np.float32)[None, :]
    if skew:
        x_over_z = x_over_z - np.float32(skew / fx) * y_over_z
    points = np.empty((height, width, 3), np.float32)
    np.multiply(depth_m, x_over_z, out=points[..., 0])
    np.multiply(depth_m, y_over_z, out=points[..., 1])
    points[..., 2] = depth_m
    return points


def write_pointmap(path: Path, points: np.ndarray) -> None:
    """Write the point map as `.npy`, whole or not at all."""
    points = np.ascontiguousarray(points)
    with atomic_open(path) as stream:
        # As np.save does, but that one writes to files by itself and keeps back why it could not: a full disk.
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(points))
        stream.write(memoryview(points).cast("B"))


def write_compact(path: Path, depth_m: np.ndarray, intrinsics: np.ndarray) -> None:
    """Write depth and intrinsics as one compressed `.npz`: the same point map, at a fraction of the size."""
    with atomic_open(path) as stream:
        np.savez_compressed(stream, depth_m=depth_m, intrinsics=intrinsics)


def read_pointmap(path: Path) -> np.ndarray:
    """Return the (H, W, 3) float32 point map stored at `path`, a `.npy` or a compact `.npz`."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            points = loaded
        else:
            with loaded:
                points = unproject(loaded["depth_m"], loaded["intrinsics"])
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise InputError(f"{path}: cannot be read as a point map ({error}); run d2p.py again") from error
    if points.ndim != 3 or points.shape[2] != 3 or points.dtype.kind != "f":
        raise InputError(f"{path}: found shape {points.shape} of {points.dtype}, expected (H, W, 3) float32")
    return points.astype(np.float32, copy=False)


def find_pointmap(folder: Path, stem: str) -> Path:
    """Return the point map file of the image `stem`; also under the name coco_train2017_STEM."""
    try:
        for name in (stem, f"coco_train2017_{stem}"):
            for suffix in (".npy", ".npz"):
                if (path := folder / f"{name}{suffix}").is_file():
                    return path
    except OSError as error:  # a name too long, a folder that may not be read
        raise InputError(f"{folder}: no point map of {stem} can be looked for ({error.strerror})") from error
    raise InputError(
        f"{folder}: no point map {stem}.npy or {stem}.npz; run d2p.py on the dataset first; where it failed, "
        f"{folder.name}.errors.jsonl says why"
    )
