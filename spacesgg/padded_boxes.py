"""Boxes between pixels and 0–999, plain and square-padded, the form of All-Seeing v2 (FORMATS.md §3).

A plain coordinate is a fraction of the image's own width or height. A padded one is a fraction of the
longer side, after the shorter side was padded equally on both sides to make the image a square.
Boxes are (x0, y0, x1, y1); pixel boxes are floats, 0–999 boxes are integers.
"""

from collections.abc import Sequence

LARGEST = 999
# Truncation would turn 124, stored as 123.999999999 by floating point, into 123. Far below 1 / (999 · pixels).
_TRUNCATION_GUARD = 1e-6

Box = tuple[int, int, int, int]
PixelBox = tuple[float, float, float, float]


def padding(width: int, height: int) -> tuple[int, int, int]:
    """Return (side of the padded square, pixels added at the left, pixels added at the top)."""
    side = max(width, height)
    return side, (side - width) // 2, (side - height) // 2


def to_plain(box: Sequence[float], width: int, height: int) -> Box:
    """Return the pixel box as integers 0–999 of the image's width and height, rounded to the nearest."""
    return _whole(round(value / size * LARGEST) for value, size in zip(box, (width, height) * 2, strict=True))


def from_plain(box: Sequence[float], width: int, height: int) -> PixelBox:
    """Return the pixels of a box given as 0–999 of the image's width and height."""
    return tuple(value / LARGEST * size for value, size in zip(box, (width, height) * 2, strict=True))


def to_padded(box: Sequence[float], width: int, height: int) -> Box:
    """Return the pixel box as integers 0–999 of the padded square: int((v + pad) / side * 999)."""
    side, left, top = padding(width, height)
    return _whole(
        int((value + pad) / side * LARGEST + _TRUNCATION_GUARD)
        for value, pad in zip(box, (left, top) * 2, strict=True)
    )


def from_padded(box: Sequence[float], width: int, height: int) -> PixelBox:
    """Return the pixels of a box given as 0–999 of the padded square; the padding lies outside the image."""
    side, left, top = padding(width, height)
    return tuple(value / LARGEST * side - pad for value, pad in zip(box, (left, top) * 2, strict=True))


def padded_to_plain(box: Sequence[float], width: int, height: int) -> Box:
    """Return a box of the padded square as 0–999 of the image itself; what lies in the padding is cut off."""
    return to_plain(from_padded(box, width, height), width, height)


def plain_to_padded(box: Sequence[float], width: int, height: int) -> Box:
    """Return a box 0–999 of the image as 0–999 of the padded square."""
    return to_padded(from_plain(box, width, height), width, height)


def key(box: Sequence[int]) -> str:
    """Return the box as the text that names an object: "[[x1, y1, x2, y2]]"."""
    return "[[{}, {}, {}, {}]]".format(*box)


def _whole(values) -> Box:
    return tuple(min(max(value, 0), LARGEST) for value in values)
