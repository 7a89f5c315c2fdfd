"""Instance masks from images, COCO run lengths or COCO polygons.

pycocotools trusts what it is given: run lengths that do not fill the image are decoded past its end or leave it
unfinished, and one wild coordinate of a polygon takes gigabytes or ends the process. So `run_lengths` checks both.
"""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from spacesgg import images
from spacesgg.errors import InputError

_FEWEST_NUMBERS = 6  # of a polygon: three corners; pycocotools takes one of two corners for a box
_POLYGONS = "polygons [[x0, y0, x1, y1, …], …]"
_INSTEAD = "mend it, or write null in its place to go by the box"
_LONGEST_NUMBER = 7  # letters of a compressed run length; each holds 5 bits


def encode(mask: np.ndarray) -> dict[str, Any]:
    """Return the (H, W) bool mask as compressed COCO run lengths, ready for JSON."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": rle["counts"].decode("ascii")}


def decode(mask: Any, height: int, width: int, folder: Path | None, what: str = "image") -> np.ndarray:
    """Return the (height, width) bool mask; `mask` as FORMATS.md §2 stores it.

    Raises InputError when it is missing, empty, unreadable, or of another size than the `what`.
    """
    if mask is None:
        raise InputError("the object has no mask")
    if mask == "":
        raise InputError("the name of its mask file is empty")
    if isinstance(mask, str):
        path = Path(mask) if folder is None else folder / mask
        if folder is None and "\0" not in mask and not path.is_file():
            raise InputError(f"{path}: no such file; give the folder of the mask images with --mask-dir")
        image = images.decode(path, cv2.IMREAD_UNCHANGED, indices=True, if_missing="check --mask-dir, or its name")
        if image.ndim == 3:
            # An alpha channel is opaque everywhere, or the object is cut out by it.
            alpha = image[..., 3] != 0 if image.shape[2] > 3 else True
            image = image[..., 0] | image[..., 1] | image[..., 2] if image.shape[2] > 2 else image[..., 0]
            decoded = (image != 0) & alpha
        else:
            decoded = image != 0
    elif mask in ([], {}):
        raise InputError(
            f"the mask is empty ({mask}), expected a file name, COCO run lengths or {_POLYGONS}; {_INSTEAD}"
        )
    else:
        if isinstance(mask, dict) and mask.get("size") != [height, width]:
            raise InputError(_sizes(mask.get("size"), height, width, what))
        decoded = coco_mask.decode(run_lengths(mask, height, width)).astype(bool)
    if decoded.shape != (height, width):
        raise InputError(_sizes(list(decoded.shape), height, width, what))
    if not decoded.any():
        named = f" {mask:.100}" if isinstance(mask, str) else ""
        raise InputError(f"the mask{named} is empty: none of {decoded.size} pixels is in it; {_INSTEAD}")
    return decoded


def decode_all(
    stored: dict[str, Any], height: int, width: int, folder: Path | None, what: str
) -> tuple[dict[str, np.ndarray], dict[str, InputError]]:
    """Return key → (height, width) bool mask, and key → what is wrong with it, of key → mask as stored.

    They belong to the `what`, a depth map or a point map. A mask that is None is left out.
    """
    decoded, faults = {}, {}
    for key, mask in stored.items():
        try:
            if mask is not None:
                decoded[key] = decode(mask, height, width, folder, what)
        except InputError as error:
            faults[key] = error
    return decoded, faults


def run_lengths(mask: Any, height: int, width: int) -> dict[str, Any]:
    """Return polygons or run lengths of any kind as pycocotools' {"size": [height, width], "counts": bytes}.

    Raises InputError when they are none of these, do not fill the image exactly, or lie far outside it.
    """
    try:
        if isinstance(mask, dict):
            if mask.get("size") != [height, width]:
                raise InputError(f"the mask's size is {_show(mask.get('size'))}, the image's {[height, width]}")
            counts = mask.get("counts")
            if not isinstance(counts, list | str | bytes):
                raise InputError(
                    f'the mask\'s "counts" is {_show(counts)}, expected run lengths: a list of numbers or text'
                )
            runs = counts if isinstance(counts, list) else _decompress(counts)
            _check_runs(runs, height * width)
            if not isinstance(counts, list):
                return {
                    "size": [height, width],
                    "counts": counts if isinstance(counts, bytes) else counts.encode(),
                }
            return coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)
        polygons = _polygons(mask)
        for polygon in polygons:
            _check_polygon(polygon, max(height, width))
        return coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    except (ValueError, OverflowError) as error:
        raise InputError(f"the mask is neither COCO run lengths nor polygons ({error})") from error


def _polygons(mask: Any) -> list[list[float]]:
    """Return the polygons that have three corners. Raises InputError unless there is one and all are numbers."""
    if not isinstance(mask, list):
        raise InputError(f"the mask is {_show(mask)}, expected a file name, COCO run lengths or {_POLYGONS}")
    for polygon in mask:
        if not isinstance(polygon, list):
            raise InputError(f"a polygon of the mask is {_show(polygon)}, expected {_POLYGONS}")
        wrong = [number for number in polygon if type(number) not in (int, float)]
        if wrong:
            kind = "flat coordinates" if isinstance(wrong[0], list) else "numbers"
            raise InputError(f"a polygon of the mask holds {_show(wrong[0])}, expected {kind}: {_POLYGONS}")
    polygons = [polygon for polygon in mask if len(polygon) >= _FEWEST_NUMBERS]
    if not polygons:
        raise InputError(
            f"no polygon of the mask has three corners; the longest has {max(map(len, mask), default=0)} "
            f"coordinates, expected {_FEWEST_NUMBERS} or more: {_POLYGONS}"
        )
    return polygons


def _check_runs(runs: Any, pixels: int) -> None:
    """Raise InputError unless the runs, pixels each, cover the image and no more."""
    if isinstance(runs, list) and not all(type(run) is int for run in runs):
        raise InputError(f"the mask's run lengths are not all whole numbers; {_INSTEAD}")
    if not len(runs):
        raise InputError(f"the mask has no run lengths, expected some that add up to {pixels} pixels; {_INSTEAD}")
    if min(runs) < 0:
        raise InputError(
            f"the mask's run lengths are pixels, 0 or more, and one of the {len(runs)} is {min(runs)}; {_INSTEAD}"
        )
    if (covered := int(sum(runs) if isinstance(runs, list) else runs.sum())) != pixels:
        raise InputError(f"the mask's run lengths cover {covered} pixels, the image has {pixels}; {_INSTEAD}")


def _decompress(text: str | bytes) -> np.ndarray:
    """Return the run lengths in a compressed text, int64: 5 bits a letter, and from the fourth run on differences
    to the run before the last.
    """
    letters = np.frombuffer(text if isinstance(text, bytes) else text.encode(), np.uint8).astype(np.int64) - 48
    last = (letters & 32) == 0  # of its number
    if not len(letters) or letters.min() < 0 or letters.max() > 63 or not last[-1]:
        raise InputError(f"the mask's compressed run lengths are broken; {_INSTEAD}")
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST_NUMBER:
        raise InputError(f"the mask's compressed run lengths are broken; {_INSTEAD}")
    shifts = 5 * (np.arange(len(letters)) - np.repeat(starts, lengths))
    runs = np.add.reduceat((letters & 31) << shifts, starts)
    runs -= ((letters[ends] & 16) > 0) * (np.int64(1) << 5 * lengths)  # the highest bit is the sign
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _check_polygon(polygon: Any, side: int) -> None:
    """Raise InputError unless all coordinates are numbers, none further outside than the image's longer side."""
    if len(polygon) % 2:
        raise InputError("a polygon of the mask has an odd number of coordinates")
    if not (math.isfinite(sum(polygon)) and -side <= min(polygon) and max(polygon) <= 2 * side):
        raise InputError("a polygon of the mask lies far outside the image")


def _show(found: Any) -> str:
    """Return the beginning of what was found as it stands in the file."""
    return f"{json.dumps(found, default=repr):.60}"


def _sizes(found: Any, height: int, width: int, what: str) -> str:
    return (
        f"the mask's size [height, width] is {_show(found)}, the {what}'s {[height, width]}; "
        "both must have the image's size"
    )
