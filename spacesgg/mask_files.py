"""Masks as PNG files: what each is called, and writing them."""

from pathlib import Path

import cv2
import numpy as np

from spacesgg.atomic import DISK_ERRORS, atomic_open
from spacesgg.errors import InputError


def name(image: str, key: str) -> str:
    """Return the file name of an object's mask: the image's path and the numbers of the object's key.

    The whole path: train/1.jpg and val/1.jpg must not share their masks. The key and no running number: an object
    keeps its mask's name whatever other objects are there.
    """
    numbers = "-".join(key.strip("[] ").replace(",", " ").split())
    return f"{Path(image).with_suffix('').as_posix().replace('/', '_')}_{numbers}.png"


class NoSpace(InputError):
    """A mask cannot be written, and no other will be: the disk is full or broken."""


def write(folder: Path, image: str, key: str, mask: np.ndarray) -> str:
    """Write the (H, W) bool mask, 255 = object, into the folder; return the file's name there.

    Raises InputError where it cannot, NoSpace where that is the disk's fault and not this mask's.
    """
    file = name(image, key)
    try:
        with atomic_open(folder / file) as stream:
            stream.write(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1])
    except InputError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in DISK_ERRORS:
            raise NoSpace(f"{error}; what was done before is kept") from error
        raise
    return file
