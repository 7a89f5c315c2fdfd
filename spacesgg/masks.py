"""Instance masks from images, COCO run lengths or COCO polygons."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from spacesgg import images
from spacesgg.errors import InputError


def encode(mask: np.ndarray) -> dict[str, Any]:
    """Return the (H, W) bool mask as compressed COCO run lengths, ready for JSON."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": rle["counts"].decode("ascii")}


def decode(mask: Any, height: int, width: int, folder: Path | None) -> np.ndarray:
    """Return the (height, width) bool mask; `mask` as FORMATS.md §2 stores it.

    Raises InputError when it is missing, empty, unreadable, or of another size than the depth map.
    """
    if mask is None:
        raise InputError("the object has no mask")
    if mask == "":
        raise InputError("the name of its mask file is empty")
    if isinstance(mask, str):
        path = Path(mask) if folder is None else folder / mask
        image = images.decode(path, cv2.IMREAD_UNCHANGED)
        if image.ndim == 3:
            # An alpha channel is opaque everywhere.
            image = image[..., 0] | image[..., 1] | image[..., 2] if image.shape[2] > 2 else image[..., 0]
        decoded = image != 0
    elif not mask:
        raise InputError("the mask is empty")
    else:
        if isinstance(mask, dict) and mask.get("size") != [height, width]:
            raise InputError(_sizes(mask.get("size"), height, width))
        try:
            if isinstance(mask, dict):
                rle = coco_mask.frPyObjects(mask, height, width) if isinstance(mask["counts"], list) else mask
            else:
                rle = coco_mask.merge(coco_mask.frPyObjects(mask, height, width))
            decoded = coco_mask.decode(rle).astype(bool)
        except Exception as error:  # pycocotools raises no narrower class for what it cannot read
            raise InputError(f"the mask is neither COCO run lengths nor polygons ({error})") from error
    if decoded.shape != (height, width):
        raise InputError(_sizes(list(decoded.shape), height, width))
    if not decoded.any():
        raise InputError("the mask is empty")
    return decoded


def _sizes(found: Any, height: int, width: int) -> str:
    return (
        f"the mask's size [height, width] is {found!r:.60}, the depth map's {[height, width]}; "
        "both must have the image's size"
    )
