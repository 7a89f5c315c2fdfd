"""COCO run-length masks from polygons and panoptic id maps, without building an image per object."""

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from spacesgg import masks
from spacesgg.errors import InputError


def compress(mask: Any, height: int, width: int) -> dict[str, Any]:
    """Return polygons or run lengths of any kind as {"size": [height, width], "counts": compressed text}.

    Raises InputError when the mask is none of them, is broken, of another size, or without a pixel.
    """
    rle = masks.run_lengths(mask, height, width)
    if not coco_mask.area(rle):
        raise InputError("the mask is empty")
    return _text(rle, height, width)


def _text(rle: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


def of_segments(ids: np.ndarray, wanted: list[int]) -> dict[int, tuple[dict[str, Any], int, tuple]]:
    """Return id → (run lengths, area in pixels, box (x0, y0, x1, y1)) of the wanted ids that occur.

    `ids` is the (H, W) int32 map of segment ids. One pass over the image finds the runs of all segments.
    """
    height, width = ids.shape
    flat = cv2.transpose(ids).ravel()  # COCO runs go down the columns
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    ends = np.append(starts[1:], flat.size)
    run_ids = flat[starts]
    order = np.argsort(run_ids, kind="stable")
    sorted_ids = run_ids[order]
    found = {}
    for number in set(wanted):
        first, last = np.searchsorted(sorted_ids, [number, number + 1])
        if first == last:
            continue
        runs = order[first:last]
        begin, end = starts[runs], ends[runs]
        edges = np.concatenate(([0], np.column_stack((begin, end)).ravel(), [flat.size]))
        counts = np.diff(edges)
        if counts[-1] == 0:
            counts = counts[:-1]
        rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
        x, y, w, h = coco_mask.toBbox(rle).tolist()
        found[number] = _text(rle, height, width), int((end - begin).sum()), (x, y, x + w, y + h)
    return found
