"""Pinhole intrinsics and camera-to-world poses: reading them and checking them."""

import math
import warnings
from pathlib import Path

import numpy as np

from spacesgg import images
from spacesgg.errors import InputError

_SHORTEST_PX = 1e-3  # of focal lengths: shorter ones overflow
_FARTHEST_M = 1e9  # of poses
_NOT_RIGID = 5e-3  # of a rotation times its transpose, less the identity: numbers of three decimals leave 2e-3
_MARGIN = 0.02  # of the image's sides, in which no principal point lies even of cropped images


def _numbers(path: Path) -> np.ndarray:
    """Return the (rows, columns) float64 of a text file. Raises InputError naming the line that is no row."""
    try:
        images.refuse_pipe(path, "a text file of numbers")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file: the callers say what is missing
            return np.loadtxt(path, dtype=np.float64, ndmin=2, encoding="utf-8-sig")  # as Windows writes UTF-8
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text, expected a table of numbers; save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {images.why_unread(error)}") from error
    except ValueError as error:
        raise InputError(f"{path}{_why_no_table(path)}") from error


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the number of each line that is not empty, and its words without comments."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    rows = ((number, line.partition("#")[0].split()) for number, line in enumerate(lines, start=1))
    return [(number, words) for number, words in rows if words]


def _why_no_table(path: Path) -> str:
    """Return the line of a file that is no row of a table of numbers, and what is wrong with it."""
    rows = _rows(path)
    for number, words in rows:
        for word in words:
            try:
                float(word)
            except ValueError:
                return (
                    f", line {number}: found {word:.40}, expected numbers with spaces between them, a line for "
                    "each row; write it so"
                )
    columns = len(rows[0][1])
    for number, words in rows:
        if len(words) != columns:
            return (
                f", line {number}: found {len(words)} numbers, expected {columns} as in the lines before it; "
                "write a line for each row"
            )
    return ": found no table of numbers, expected a line for each row, spaces between its numbers; write it so"


def read_intrinsics(path: Path) -> np.ndarray:
    """Return the 3×3 pinhole matrix in `path`, in pixels.

    Raises InputError when it is not nine finite numbers with positive focal lengths and last row 0 0 1.
    """
    matrix = _numbers(path)
    if matrix.size != 9:
        raise InputError(f"{path}: found {matrix.size} numbers, expected the 9 of a 3×3 intrinsic matrix")
    matrix = matrix.reshape(3, 3)
    if not np.isfinite(matrix).all() or min(matrix[0, 0], matrix[1, 1]) < _SHORTEST_PX:
        least = f"focal lengths must be positive, at least {_SHORTEST_PX:g} pixels"
        raise InputError(f"{path}: {least}, and all numbers finite, found {matrix.tolist()}")
    if not np.allclose(matrix[2], (0, 0, 1)) or matrix[1, 0] != 0:
        raise InputError(f"{path}: expected rows 'fx s cx', '0 fy cy', '0 0 1', found {matrix.tolist()}")
    return matrix


def check_principal_point(path: Path, matrix: np.ndarray, width: int, height: int) -> None:
    """Raise InputError when the 3×3 intrinsics of `path` look through no inner point of a width×height image.

    That is how intrinsics of a larger image show: they would bend every point of the cloud.
    """
    point = matrix[:2, 2]
    share = (point + 0.5) / (width, height)  # pixel centres are at whole numbers
    if ((share < _MARGIN) | (share > 1 - _MARGIN)).any():
        raise InputError(
            f"{path}: the principal point (cx, cy) = ({point[0]:g}, {point[1]:g}) is not inside the image, whose "
            f"size is {width}×{height}; if the intrinsics are of another image size, multiply their first row by "
            f"{width} / that width and their second by {height} / that height"
        )


def intrinsics_from_fov(width: int, height: int, horizontal_fov_deg: float) -> np.ndarray:
    """Return the 3×3 matrix of a centred camera with square pixels and this horizontal field of view."""
    focal = width / 2 / math.tan(math.radians(horizontal_fov_deg) / 2)
    # Pixel centres are at whole numbers, so the middle of the image is half a pixel before width / 2.
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def read_poses(path: Path, count: int) -> np.ndarray:
    """Return the (count, 4, 4) camera-to-world matrices in `path`, one line of 16 numbers an image.

    Raises InputError when the number of poses differs from `count` or a pose is no rigid motion.
    """
    if not path.exists():
        raise InputError(f"{path}: not found; world coordinates need one camera-to-world pose per image")
    poses = _numbers(path)
    if poses.shape != (count, 16):
        raise InputError(
            f"{path}: found {poses.shape[0]} lines of {poses.shape[1]} numbers, expected {count} lines "
            "(one per image, in the order of the sorted stems) of 16"
        )
    poses = poses.reshape(count, 4, 4)
    for number, pose in enumerate(poses):
        if fault := _fault(pose):
            raise InputError(f"{path}, line {_rows(path)[number][0]}: {fault}")
    return poses


def _fault(pose: np.ndarray) -> str | None:
    """Return what keeps a (4, 4) matrix from being a camera-to-world pose; None where nothing does."""
    rotation = pose[:3, :3]
    if not np.isfinite(pose).all() or not np.allclose(pose[3], (0, 0, 0, 1)):
        return "not a 4×4 pose whose last row is 0 0 0 1"
    if np.abs(pose).max() > _FARTHEST_M:
        return f"found {np.abs(pose).max():g}, expected metres, none beyond {_FARTHEST_M:g}"
    if abs(determinant := np.linalg.det(rotation)) < 1e-6:
        return "the pose cannot be inverted; expected a camera-to-world matrix"
    scale = float(np.cbrt(abs(determinant)))
    if np.abs(rotation @ rotation.T / scale**2 - np.eye(3)).max() > _NOT_RIGID:
        return (
            "its first three rows and columns are no rotation, for they are not at right angles or not of one "
            "length; expected 16 numbers, row by row, of a camera-to-world matrix"
        )
    if determinant < 0:
        return (
            "the pose mirrors the scene, for the determinant of its rotation is negative; expected a right-handed "
            "world, and a camera whose x is right, y down, z forward"
        )
    if abs(scale**2 - 1) > _NOT_RIGID:
        return (
            f"the rotation is scaled by {scale:.4g}, and the cloud would be, too; expected a rigid motion, in "
            f"metres: divide these nine numbers by {scale:.4g}, and bring the translation to metres if it is not"
        )
    return None
