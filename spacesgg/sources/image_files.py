"""Where a source's image lies on disk, and its size without decoding it."""

from pathlib import Path
from typing import Any

import cv2

from spacesgg import images
from spacesgg.errors import InputError
from spacesgg.sources import values

# JPEG markers of a frame header, which holds the size (C4, C8 and CC are tables, not frames).
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def locate(folder: Path | None, name: str) -> Path | None:
    """Return the file of the image under `folder`, by its whole path or its bare name; None when missing."""
    if folder is None:
        return None
    for path in (folder / name, folder / Path(name).name):
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):  # no system has a file of such a name
            continue
    return None


def size(path: Path) -> tuple[int, int]:
    """Return (width, height) of an image from its header. Raises InputError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            start = stream.read(26)
            if start.startswith(b"\x89PNG\r\n\x1a\n") and len(start) >= 24:
                return int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")
            if start.startswith(b"\xff\xd8"):
                stream.seek(2)
                while (marker := stream.read(2)) and len(marker) == 2 and marker[0] == 0xFF:
                    length = int.from_bytes(stream.read(2), "big")
                    if marker[1] in _FRAME_MARKERS:
                        frame = stream.read(5)
                        return int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big")
                    stream.seek(length - 2, 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    height, width = images.decode(path, cv2.IMREAD_UNCHANGED).shape[:2]
    return width, height


def check_size(path: Path, width: int, height: int) -> None:
    """Raise InputError when the image's file has another size than the source states."""
    found = size(path)
    if found != (width, height):
        raise InputError(
            f"{path}: is {found[0]}×{found[1]}, the source says {width}×{height}, so its boxes do not fit"
        )


def size_of(folder: Path | None, name: str, width: Any, height: Any) -> tuple[int, int]:
    """Return the size that the source states, else the file's. Raises InputError when neither is there."""
    if width and height:
        return values.size(width, height)
    path = locate(folder, name)
    if path is None:
        where = f"it is not in {folder}" if folder else "there is no --image-dir to look it up in"
        raise InputError(f"{name}: the source states no width and height, and {where}")
    return size(path)
