"""The depth maps of a dataset folder: one scale.json says what the numbers of all of them mean, at any moment."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from spacesgg import outputs
from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError


class Folder(NamedTuple):
    """Where the outputs go, and what the numbers in them mean."""

    depth_maps: Path
    intrinsics: Path
    scale: float | None  # units per metre; None for inverse depth

    def depth(self, stem: str) -> Path:
        """Return the depth map's path."""
        return self.depth_maps / f"{stem}.png"

    def camera(self, stem: str) -> Path:
        """Return the intrinsics' path."""
        return self.intrinsics / f"{stem}.txt"

    @property
    def scale_file(self) -> Path:
        """Return the path of scale.json."""
        return self.depth_maps / "scale.json"


def declare(
    folder: Folder, model: str, stems: Collection[str], fov_deg: float | None, fov_in_depth: bool, overwrite: bool
) -> None:
    """Write scale.json before the first map; with `overwrite` the maps of `stems` are removed before that.

    `fov_deg`: the horizontal field of view that cameras are made with, None where none is, or where the model
    tells its own; `fov_in_depth`: the depth depends on it too. Raises InputError where maps are there that are
    to stay and that mean something else, or cameras of another field of view.
    """
    meaning = {"scale_factor": folder.scale, "inverse_depth": folder.scale is None, "model": model}
    # A name that begins with a dot may be the temporary file of a run that was killed.
    there = {path.stem for path in folder.depth_maps.glob("*.png")}
    there -= {stem for stem in there if stem.startswith(".") and stem not in stems}
    found = _read(folder.scale_file, overwrite)
    same = found is not None and {key: found.get(key) for key in meaning} == meaning
    if overwrite:
        others = sorted(there - set(stems))
        if others and not same:
            raise InputError(
                f"{folder.depth_maps}: holds {len(others)} maps of images that are not in --image-dir, such as "
                f"{others[0]}.png, which this run would leave in another scale or of another model; move them "
                "away, or name another --output-dir"
            )
        # In this order: an interrupted run must leave no old map beside a new scale.
        outputs.remove(folder.scale_file)
        outputs.remove(*(folder.depth(stem) for stem in there & set(stems)))
    elif there:
        if found is None:
            raise InputError(
                f"{folder.depth_maps}: holds depth maps, but no scale.json that says what they mean; give "
                "--overwrite to estimate them anew, or name another --output-dir"
            )
        if not same:
            raise InputError(
                f"{folder.scale_file}: the folder holds maps with {found}, this run would add maps with {meaning}"
                "; give --overwrite or another --output-dir"
            )
        fov_deg = _one_fov(folder, stems, found.get("fov_deg"), fov_deg, fov_in_depth)
    with atomic_open(folder.scale_file) as stream:
        stream.write(orjson.dumps({**meaning, "fov_deg": fov_deg}) + b"\n")


def _read(path: Path, overwrite: bool) -> dict[str, Any] | None:
    """Return what scale.json says; None where there is none, or none that can be read and `overwrite` is given."""
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        if overwrite:
            return None
        raise InputError(f"{path}: not JSON ({error}); give --overwrite to estimate all maps anew") from error
    return found if isinstance(found, dict) else {"scale.json": found}


def _one_fov(
    folder: Folder, stems: Collection[str], earlier: float | None, wanted: float | None, in_depth: bool
) -> float | None:
    """Return the field of view that all cameras of the folder have where --fov made them."""
    if earlier is None or wanted is None or earlier == wanted:
        return earlier if wanted is None else wanted
    if in_depth:
        raise InputError(
            f"{folder.depth_maps}: estimated with --fov {earlier:g}, on which this model's depth depends, and "
            f"this run has --fov {wanted:g}; give --fov {earlier:g}, --overwrite, or another --output-dir"
        )
    if any(folder.camera(stem).is_file() for stem in stems):
        raise InputError(
            f"{folder.intrinsics}: made with --fov {earlier:g}, this run has --fov {wanted:g}; give --fov "
            f"{earlier:g}, or remove the folder, and all cameras are made anew while the depth maps stay"
        )
    return wanted
