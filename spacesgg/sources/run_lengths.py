"""COCO run-length masks from polygons and panoptic id maps, without building an image per object."""

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from spacesgg.errors import InputError

_FEWEST_NUMBERS = 6  # of a polygon: three corners


def compress(mask: Any, height: int, width: int) -> dict[str, Any]:
    """Return polygons or run lengths of any kind as {"size": [height, width], "counts": compressed text}.

    Raises InputError when the mask is none of them or of another size.
    """
    try:
        if isinstance(mask, dict):
            if list(mask["size"]) != [height, width]:
                raise InputError(f"the mask's size is {mask['size']}, the image's {[height, width]}")
            rle = coco_mask.frPyObjects(mask, height, width) if isinstance(mask["counts"], list) else mask
        else:
            # pycocotools takes a polygon of two corners for a box.
            polygons = [polygon for polygon in mask if len(polygon) >= _FEWEST_NUMBERS]
            if not polygons:
                raise InputError("no polygon has three corners")
            rle = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"the mask is neither COCO run lengths nor polygons ({error})") from error
    counts = rle["counts"]
    return {"size": [height, width], "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


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
        rle = compress({"size": [height, width], "counts": counts.tolist()}, height, width)
        x, y, w, h = coco_mask.toBbox({**rle, "counts": rle["counts"].encode("ascii")}).tolist()
        found[number] = rle, int((end - begin).sum()), (x, y, x + w, y + h)
    return found
