"""Instance masks from images, COCO run lengths or COCO polygons."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from spacesgg import images
from spacesgg.errors import InputError


def decode(mask: Any, height: int, width: int, folder: Path | None) -> np.ndarray:
    """Return the (height, width) bool mask; `mask` as FORMATS.md §2 stores it.

    Raises InputError when it is missing, unreadable, or of another size than the depth map.
    """
    if mask is None:
        raise InputError("the object has no mask")
    if isinstance(mask, str):
        path = Path(mask) if folder is None else folder / mask
        image = images.decode(path, cv2.IMREAD_UNCHANGED)
        if image.ndim == 3:
            image = image[..., :3].any(axis=2)  # an alpha channel is opaque everywhere
        decoded = image != 0
    else:
        try:
            if isinstance(mask, dict):
                rle = coco_mask.frPyObjects(mask, *mask["size"]) if isinstance(mask["counts"], list) else mask
            else:
                rle = coco_mask.merge(coco_mask.frPyObjects(mask, height, width))
            decoded = coco_mask.decode(rle).astype(bool)
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise InputError(f"the mask is neither COCO run lengths nor polygons ({error})") from error
    if decoded.shape != (height, width):
        raise InputError(
            f"the mask is {decoded.shape[1]}×{decoded.shape[0]}, the depth map {width}×{height}; "
            "both must have the image's size"
        )
    return decoded
