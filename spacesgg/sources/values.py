"""Single values of a source's JSON, each read in one way: what is not what its field means becomes None.

Sources mix 7 and "7" for one thing, and a few of millions of records hold null, text or a list where a number
belongs. Who reads a field decides whether that costs the object or the image; nothing here raises for such a
value, except `size`, without which there is no image.
"""

import math
from typing import Any

from spacesgg.errors import InputError

# What OpenCV, with which every script reads images, decodes at most.
_LARGEST_SIDE = 1 << 20
_MOST_PIXELS = 1 << 30


def identity(value: Any) -> int | str | None:
    """Return the number of an image, category, segment or object: an integer, also where it is 7.0 or "7"."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if isinstance(value, str) and value:
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 20 else value
    return None


def text(value: Any) -> str | None:
    """Return a name or label that has at least one visible letter."""
    return value if isinstance(value, str) and value.strip() else None


def number(value: Any) -> float | None:
    """Return a finite number."""
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None


def items(value: Any) -> list:
    """Return a list; [] for anything else."""
    return value if isinstance(value, list) else []


def members(value: Any) -> dict[str, Any]:
    """Return a JSON object; {} for anything else."""
    return value if isinstance(value, dict) else {}


def size(width: Any, height: Any) -> tuple[int, int]:
    """Return an image's (width, height) in pixels; digits as text are numbers too. Raises InputError otherwise."""
    sides = [_side(value) for value in (width, height)]
    if None in sides:
        raise InputError(f"the source states the size {width!r:.40}×{height!r:.40}, not whole pixels")
    if max(sides) > _LARGEST_SIDE or math.prod(sides) > _MOST_PIXELS:
        raise InputError(
            f"the source states the size {sides[0]}×{sides[1]}, more than any image file that is read"
        )
    return sides[0], sides[1]


def _side(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    whole = type(value) is int or (type(value) is float and value.is_integer())
    return int(value) if whole and value > 0 else None
