"""The depth range of an object that has a box and no mask."""

from typing import Any

import numpy as np

from spacesgg.errors import InputError
from spacesgg.quantiles import percentiles

INNER = 0.5  # the middle half of the box's width and height: most objects fill it, background fills the corners
GAP = 0.08  # depths of one surface follow each other more closely than this share of the depth
DOMINANT = 0.25  # a surface with less than this share of the points there is a stray, or an occluder's edge
MIN_POINTS = 10
TAIL_PERCENT = 2.0  # flying pixels and noise


def box_range(depth: np.ndarray, box: list[float]) -> list[float] | None:
    """Return [near, far] for the box [x0, y0, x1, y1] in pixels, in the units of `depth` (H, W).

    In the depth map larger is farther, and 0 means none.
    The depths in the middle half of the box, clipped to the image, are cut into surfaces where they leave a
    gap; the nearest surface with a fair share of the points is the object's, for what lies behind it is seen
    past it or through it. None when fewer than MIN_POINTS pixels there have depth.
    """
    columns, rows = box_slices(depth.shape, box, INNER)
    values = depth[rows, columns]
    values = np.sort(values[values > 0])
    if len(values) < MIN_POINTS:
        return None
    surfaces = np.split(values, np.flatnonzero(values[1:] > values[:-1] * (1 + GAP)) + 1)
    surface = next(part for part in surfaces if len(part) >= DOMINANT * max(map(len, surfaces)))
    return percentiles(surface, (TAIL_PERCENT, 100 - TAIL_PERCENT))


def check_image_size(entry: dict[str, Any], shape: tuple[int, int], what: str) -> None:
    """Raise InputError where an entry states another size of its image than the `shape` (H, W) of `what`."""
    height, width = shape
    stated = entry.get("width"), entry.get("height")
    if stated[0] in (None, width) and stated[1] in (None, height):
        return
    turned = ", which is the other way round, as where pixels were turned" if stated == (height, width) else ""
    found = " × ".join("?" if side is None else f"{side!r:.40}" for side in stated)
    raise InputError(
        f'its "width" × "height" are {found}, the {what}\'s {width} × {height}{turned}; boxes, polygons and masks '
        "of one image would not lie over the other: give one of the stated size in its place, or mend the entry"
    )


def check_size(entry: dict[str, Any], box: list[float], shape: tuple[int, int], what: str) -> None:
    """Raise InputError where a box without a mask is not of an image of `shape` (H, W), the size of `what`.

    A size that the entry states is known to be that (`check_image_size`).
    """
    for key, side, end in (("height", shape[0], box[3]), ("width", shape[1], box[2])):
        if entry.get(key) is None and end > side + 1:  # detectors may round up, by a pixel at most
            raise InputError(
                f"no mask, and its box {box} reaches beyond the {what}, whose {key} is {side}; it may be of "
                f'another image size: give the entry the "{key}" of its image, or the object a mask'
            )


def box_slices(shape: tuple[int, int], box: list[float], inner: float = 1.0) -> tuple[slice, slice]:
    """Return (columns, rows) of the middle `inner` share of a box [x0, y0, x1, y1], clipped to (H, W)."""
    height, width = shape
    x0, x1 = np.clip((box[0], box[2]), 0, width)
    y0, y1 = np.clip((box[1], box[3]), 0, height)
    margin_x, margin_y = (x1 - x0) * (1 - inner) / 2, (y1 - y0) * (1 - inner) / 2
    columns = slice(int(x0 + margin_x), int(np.ceil(x1 - margin_x)))
    return columns, slice(int(y0 + margin_y), int(np.ceil(y1 - margin_y)))


def filled(shape: tuple[int, int], box: list[float]) -> np.ndarray:
    """Return the (H, W) bool mask of a box [x0, y0, x1, y1]."""
    mask = np.zeros(shape, bool)
    columns, rows = box_slices(shape, box)
    mask[rows, columns] = True
    return mask
