"""Depth maps: reading every supported format to float32 metres."""

import os
import zipfile
from pathlib import Path

os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")  # OpenCV reads EXR only when this was set before

import cv2
import numpy as np

from spacesgg import images
from spacesgg.errors import InputError

SUFFIXES = (".png", ".tiff", ".tif", ".exr", ".npy")
# Where there is nothing some renderers write the largest float, with whose squares no geometry can be done;
# nor can it with those of the inverse of what is nearer yet than NEAREST.
NEAREST, FARTHEST = 1e-9, 1e12
_MOST_CHANNELS = 4  # of a picture
DEFAULT_INTEGER_SCALE = 5000.0  # TUM RGB-D's convention, also what the first public pipeline used


def read_raw(path: Path, if_missing: str = "") -> np.ndarray:
    """Return the (H, W) depth map as stored, integer or float; `if_missing` says what to do where none is."""
    try:
        if path.suffix.lower() == ".npy":
            images.refuse_pipe(path, "a depth map")
            depth = np.load(path, allow_pickle=False)
            if not isinstance(depth, np.ndarray):
                raise ValueError("an archive of several arrays")
        else:
            depth = images.decode(path, cv2.IMREAD_UNCHANGED, if_missing=if_missing)
    except OSError as error:
        raise InputError(f"{path}: {images.why_unread(error, if_missing)}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise InputError(f"{path}: cannot be read as a depth map ({error}); {images.AGAIN}") from error
    channels = depth.shape[2] if depth.ndim == 3 else 0
    if channels == 1 or (1 < channels <= _MOST_CHANNELS and (depth == depth[..., :1]).all()):
        depth = depth[..., 0]
    if depth.ndim != 2 or depth.dtype.kind not in "uif":
        colours = "; a colour-mapped depth picture cannot be used" if 0 < channels <= _MOST_CHANNELS else ""
        raise InputError(
            f"{path}: found shape {depth.shape} of {depth.dtype}, expected (height, width) of integers or floats"
            f"{colours}"
        )
    if not depth.size:
        raise InputError(f"{path}: the depth map has no pixels")
    return depth


def to_metres(depth: np.ndarray, scale_factor: float | None) -> np.ndarray:
    """Return (H, W) float32 metres; 0 where there is no depth (NaN, inf, or not between NEAREST and FARTHEST).

    Integer maps are divided by `scale_factor`, 5000 when None; float maps only when it is given.
    """
    divisor = scale_factor
    if divisor is None:
        divisor = 1.0 if depth.dtype.kind == "f" else DEFAULT_INTEGER_SCALE
    with np.errstate(all="ignore"):  # what overflows is no depth, like inf itself
        metres = depth.astype(np.float32)
        metres /= np.float32(divisor)
    if depth.dtype.kind == "u" and float(np.iinfo(depth.dtype).max) < FARTHEST * divisor:
        return metres  # neither negative nor NaN nor too much
    return np.where((metres > NEAREST) & (metres < FARTHEST), metres, np.float32(0))


def invert(depth: np.ndarray) -> np.ndarray:
    """Return 1 / depth (H, W) float32; 0 where there is none, or so little that its inverse is no number."""
    with np.errstate(over="ignore"):
        inverse = np.divide(1.0, depth, out=np.zeros_like(depth), where=depth > 0)
    inverse[np.isinf(inverse)] = 0
    return inverse
