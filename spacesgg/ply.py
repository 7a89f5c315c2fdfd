"""Coloured point clouds as binary PLY, and Open3D's clean-up of them."""

from pathlib import Path

import numpy as np

from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError

_PROPERTIES = ("float x", "float y", "float z", "uchar red", "uchar green", "uchar blue")
_MOST_VOXELS = 2**31 - 1  # that Open3D counts along an axis
_BLOCK = 1 << 20  # vertices put together at once: the cloud of a picture of 100 megapixels has 1.6 GB of them
# A vertex is copied as two pieces of bytes: number by number takes several times as long.
_VERTEX = np.dtype([("point", "V12"), ("colour", "V3")])


def write_ply(path: Path, points: np.ndarray, colours: np.ndarray) -> None:
    """Write (N, 3) float points in metres and (N, 3) uint8 RGB colours, whole or not at all."""
    properties = "".join(f"property {name}\n" for name in _PROPERTIES)
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n{properties}end_header\n"
    with atomic_open(path) as stream:
        stream.write(header.encode("ascii"))
        for start in range(0, len(points), _BLOCK):
            block = slice(start, start + _BLOCK)
            vertices = np.empty(len(points[block]), _VERTEX)
            vertices["point"] = np.ascontiguousarray(points[block], "<f4").view("V12")[:, 0]
            vertices["colour"] = np.ascontiguousarray(colours[block], np.uint8).view("V3")[:, 0]
            stream.write(memoryview(vertices).cast("B"))


def clean(
    points: np.ndarray, colours: np.ndarray, voxel_m: float, outlier_neighbours: int, outlier_std: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cloud after voxel downsampling and statistical outlier removal; 0 turns a step off.

    Raises InputError where the voxels are too small for a cloud as wide as this.
    """
    if not len(points) or not (voxel_m or outlier_neighbours):
        return points, colours
    import open3d as o3d  # takes a second to load, and only this option needs it

    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.astype(np.float64)))
    cloud.colors = o3d.utility.Vector3dVector(colours / 255.0)
    if voxel_m:
        width_m = float(np.ptp(points, axis=0).max())
        if width_m > voxel_m * _MOST_VOXELS:
            raise InputError(
                f"a voxel size of {voxel_m:g} m is too small for a cloud that is {width_m:g} m wide; give "
                f"--voxel-size {2 * width_m / _MOST_VOXELS:.1g} or more, or --max-depth"
            )
        cloud = cloud.voxel_down_sample(voxel_m)
    if outlier_neighbours:
        # Open3D makes room for all neighbours asked for at each point, also for those that there are not.
        neighbours = min(outlier_neighbours, len(cloud.points))
        kept, _ = cloud.remove_statistical_outlier(neighbours, outlier_std)
        # Of points that are all equally far from others, as two are, Open3D drops every one.
        cloud = kept if len(kept.points) else cloud
    return np.asarray(cloud.points), np.rint(np.asarray(cloud.colors) * 255).astype(np.uint8)
