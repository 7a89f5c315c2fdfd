"""Types of command-line options: what is no usable number is wrong usage, named by argparse with its flag."""

import argparse
import math


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # refused below, with what was expected


def positive(text: str) -> float:
    """Return a finite number above 0."""
    number = _number(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"expected a finite number above 0, found {text!r}")
    return number


def not_negative(text: str) -> float:
    """Return a finite number, 0 or above."""
    number = _number(text)
    if not (math.isfinite(number) and number >= 0):
        raise argparse.ArgumentTypeError(f"expected a finite number, 0 or above, found {text!r}")
    return number


def count(text: str) -> int:
    """Return a whole number, 0 or above."""
    number = _number(text)
    if not (number.is_integer() and number >= 0):
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or above, found {text!r}")
    return int(number)


def workers(text: str) -> int:
    """Return a whole number, 1 or above."""
    number = _number(text)
    if not (number.is_integer() and number >= 1):
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or above, found {text!r}")
    return int(number)
