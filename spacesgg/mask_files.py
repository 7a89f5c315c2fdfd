"""Masks as PNG files: what each is called, and writing them."""

from pathlib import Path

import cv2
import numpy as np

from spacesgg.atomic import atomic_open


def name(image: str, key: str) -> str:
    """Return the file name of an object's mask: the image's path and the numbers of the object's key.

    The whole path: train/1.jpg and val/1.jpg must not share their masks. The key and no running number: an object
    keeps its mask's name whatever other objects are there.
    """
    numbers = "-".join(key.strip("[] ").replace(",", " ").split())
    return f"{Path(image).with_suffix('').as_posix().replace('/', '_')}_{numbers}.png"


def write(folder: Path, image: str, key: str, mask: np.ndarray) -> str:
    """Write the (H, W) bool mask, 255 = object, into the folder; return the file's name there."""
    file = name(image, key)
    with atomic_open(folder / file) as stream:
        stream.write(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1])
    return file
