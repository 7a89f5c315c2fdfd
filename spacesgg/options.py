"""Types of command-line options: what is no usable number is wrong usage, named by argparse with its flag."""

import argparse
import math
import os
from pathlib import Path

JSON_ENDINGS = (".json", ".jsonl")
MOST = 1_000_000_000  # of anything that is counted: far above all use, and small enough for all that counts it


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
    if not (number.is_integer() and 0 <= number <= MOST):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {MOST}, found {text!r:.40}")
    return int(number)


def at_least_one(text: str) -> int:
    """Return a whole number, 1 or above."""
    number = _number(text)
    if not (number.is_integer() and 1 <= number <= MOST):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MOST}, found {text!r:.40}")
    return int(number)


workers = at_least_one


def text(given: str) -> str:
    """Return what is more than nothing or spaces: "$VARIABLE" is nothing where the variable is not set."""
    if not given.strip():
        raise argparse.ArgumentTypeError(f"is empty ({given!r}): give it a value, or leave the flag out")
    return given


def output_file(given: str) -> Path:
    """Return the path of a file to write: one that ends as a folder's is none, and Path would take that end off.

    Nor is a file that is there already and not named as one of JSON, as pictures, masks and depth maps are not, or
    a link to such a one. A folder that is there already is left to `outputs.check_file`, which tells of it with or
    without that end.
    """
    if not given.strip():
        raise argparse.ArgumentTypeError(f"is empty ({given!r}): name a file to write")
    if given.endswith(("/", os.sep, "/.")) and not Path(given).is_dir():
        example = Path(given) / "out.json"
        raise argparse.ArgumentTypeError(f"{given!r} names a folder; name a file to write, such as {example}")
    if os.path.isfile(given):  # noqa: PTH113 (which tells of a name that is too long, too)
        for path in (Path(given), Path(given).resolve()):
            if path.suffix.lower() not in JSON_ENDINGS:
                raise argparse.ArgumentTypeError(
                    f"{path} is there already, and by its name it is no {' or '.join(JSON_ENDINGS)} file that may "
                    "be replaced; name another one, or move it away"
                )
    return Path(given)


def add_output_file(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add the option that names the annotation file to write; `more` goes on with its help."""
    what = f"Where the result goes; .jsonl writes one entry a line. {more}"
    parser.add_argument("--output-file", type=output_file, required=True, help=what.rstrip())


def input_file(given: str) -> Path:
    """Return the path of a file to read. That of an empty text, which Path takes for a folder, is none."""
    if not given.strip():
        raise argparse.ArgumentTypeError(f"is empty ({given!r}): name a file to read")
    return Path(given)


def folder(given: str) -> Path:
    """Return the path of a folder. That of an empty text, which Path takes for the folder one is in, is none."""
    if not given.strip():
        raise argparse.ArgumentTypeError(f'is empty ({given!r}): name a folder, or "." for the one you are in')
    return Path(given)


def seed(text: str) -> int:
    """Return a whole number that JSON can hold in 64 bits."""
    try:
        number = int(text)
    except ValueError:
        number = 2**63  # refused below
    if abs(number) >= 2**63:
        raise argparse.ArgumentTypeError(f"expected a whole number of at most 18 digits, found {text!r:.40}")
    return number
