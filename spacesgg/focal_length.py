"""Focal length and orientation from the EXIF data of JPEG and PNG files, without decoding the image."""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

ORIENTATION, EXIF_POINTER, FOCAL_LENGTH_MM, PIXEL_WIDTH, PIXEL_HEIGHT = 0x0112, 0x8769, 0x920A, 0xA002, 0xA003
PLANE_X_RESOLUTION, PLANE_RESOLUTION_UNIT, FOCAL_LENGTH_35MM = 0xA20E, 0xA210, 0xA405
WANTED = {
    ORIENTATION,
    EXIF_POINTER,
    FOCAL_LENGTH_MM,
    PIXEL_WIDTH,
    PIXEL_HEIGHT,
    PLANE_X_RESOLUTION,
    PLANE_RESOLUTION_UNIT,
    FOCAL_LENGTH_35MM,
}
FILM_DIAGONAL_MM = math.hypot(36, 24)  # a 35 mm equivalent compares diagonals
MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # inch (the standard's default), cm, mm, µm
# Fields of view over the longer side beyond these come from broken tags, not from lenses.
MIN_FOV_DEG, MAX_FOV_DEG = 0.5, 160.0
ASPECT_TOLERANCE = 0.02  # proportions further off than this say that the picture was cropped


def _jpeg_exif(stream: Any) -> bytes | None:
    while (marker := stream.read(2)) and len(marker) == 2 and marker[0] == 0xFF:
        if marker[1] == 0xDA:  # the picture itself begins: no metadata follows
            return None
        length = int.from_bytes(stream.read(2), "big") - 2
        if length < 0:
            return None
        if marker[1] == 0xE1:
            content = stream.read(length)
            if content.startswith(b"Exif\0\0"):
                return content[6:]
        else:
            stream.seek(length, 1)
    return None


def _png_exif(stream: Any) -> bytes | None:
    while len(header := stream.read(8)) == 8:
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        if kind == b"eXIf":
            return stream.read(length)
        if kind == b"IEND":
            return None
        stream.seek(length + 4, 1)
    return None


def _directory(block: bytes, order: str, offset: int) -> dict[int, float]:
    """Return the wanted tags of one TIFF directory as numbers."""
    (count,) = struct.unpack_from(order + "H", block, offset)
    found = {}
    for number in range(count):
        position = offset + 2 + 12 * number
        tag, kind, _ = struct.unpack_from(order + "HHI", block, position)
        if tag not in WANTED:
            continue
        if kind == 3:
            (value,) = struct.unpack_from(order + "H", block, position + 8)
        elif kind == 4:
            (value,) = struct.unpack_from(order + "I", block, position + 8)
        elif kind == 5:
            (where,) = struct.unpack_from(order + "I", block, position + 8)
            numerator, denominator = struct.unpack_from(order + "II", block, where)
            value = numerator / denominator if denominator else 0.0
        else:
            continue
        found[tag] = float(value)
    return found


def read_tags(path: Path) -> dict[int, float]:
    """Return the EXIF tags about focal length and orientation in the file at `path`; empty where it has none.

    A broken EXIF block counts as none: the picture is still good.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(2)
            if start == b"\xff\xd8":
                block = _jpeg_exif(stream)
            elif start == b"\x89P" and len(stream.read(6)) == 6:
                block = _png_exif(stream)
            else:
                block = None
        if block is None or block[:2] not in (b"II", b"MM"):
            return {}
        order = "<" if block[:2] == b"II" else ">"
        tags = _directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
        if EXIF_POINTER in tags:
            tags |= _directory(block, order, int(tags[EXIF_POINTER]))
        return tags
    except (OSError, struct.error):
        return {}


def is_turned(tags: dict[int, float]) -> bool:
    """Return whether the tags tell viewers to turn or mirror the pixels as they are stored."""
    return tags.get(ORIENTATION, 1) in range(2, 9)


def focal_length_px(tags: dict[int, float], width: int, height: int) -> float | None:
    """Return the focal length in pixels of an image of this size; None where the tags do not tell.

    The 35 mm equivalent is used first, then the focal length with the sensor's resolution. An image that was
    resized after it was taken is scaled; one whose proportions changed was cropped, so nothing is known.
    """
    long_side, short_side = max(width, height), min(width, height)
    taken = sorted((tags.get(PIXEL_WIDTH, 0.0), tags.get(PIXEL_HEIGHT, 0.0)))
    if taken[0] > 0 and abs(taken[1] / taken[0] * short_side / long_side - 1) > ASPECT_TOLERANCE:
        return None
    if tags.get(FOCAL_LENGTH_35MM, 0) > 0:
        focal = tags[FOCAL_LENGTH_35MM] * math.hypot(width, height) / FILM_DIAGONAL_MM
    elif tags.get(FOCAL_LENGTH_MM, 0) > 0 and tags.get(PLANE_X_RESOLUTION, 0) > 0:
        unit_mm = MM_PER_UNIT.get(int(tags.get(PLANE_RESOLUTION_UNIT, 2)))
        if unit_mm is None:
            return None
        focal = tags[FOCAL_LENGTH_MM] * tags[PLANE_X_RESOLUTION] / unit_mm
        if taken[1] > 0:
            focal *= long_side / taken[1]
    else:
        return None
    fov_deg = math.degrees(2 * math.atan(long_side / 2 / focal))
    return focal if MIN_FOV_DEG < fov_deg < MAX_FOV_DEG else None


def intrinsics(width: int, height: int, focal_px: float) -> np.ndarray:
    """Return the 3×3 matrix of a centred camera with square pixels and this focal length in pixels."""
    # Pixel centres are at whole numbers, so the middle of the image is half a pixel before width / 2.
    return np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]])
