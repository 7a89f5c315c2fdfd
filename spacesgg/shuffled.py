"""Annotation files read in a random order, the same for the same seed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spacesgg import annotations
from spacesgg.errors import InputError


def read(path: Path, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (image path, entry) in an order drawn from `seed`; of a `.jsonl` file only its lines' places are held.

    That is 16 bytes an entry. Raises InputError as annotations.read does.
    """
    rng = np.random.default_rng([abs(seed), 1] if seed < 0 else seed)  # NumPy takes no negative ones
    if path.suffix.lower() != ".jsonl":
        entries = list(annotations.read(path))
        yield from (entries[i] for i in rng.permutation(len(entries)))
        return
    try:
        with path.open("rb") as stream:
            starts, place = [], 0
            for line in stream:
                if line.strip():
                    starts.append(place)
                place += len(line)
            places = np.array(starts, np.int64)
            del starts
            if not len(places):
                raise annotations.no_image(path)
            for number in rng.permutation(len(places)):
                stream.seek(places[number])
                yield annotations.parse_line(stream.readline(), f"{path}, entry {number + 1}")
    except OSError as error:
        raise InputError(f"{path}: cannot be read as an annotation file ({error.strerror})") from error
