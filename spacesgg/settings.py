"""The settings that an output was made with, in OUTPUT.settings.json, so that no file holds two kinds."""

from pathlib import Path
from typing import Any

import orjson

from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError

_SHOWN = 60  # characters of a setting: a thousand labels do not fit one line


def beside(output: Path) -> Path:
    """Return where the settings of `output` stand."""
    output = Path(output)
    return output.with_name(output.name + ".settings.json")


def read(output: Path) -> dict[str, Any] | None:
    """Return the settings that `output` was made with, None where nothing tells. Raises InputError if broken."""
    path = beside(output)
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); remove it, and the output that it is of") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected a JSON object of settings; remove it, and the output that it is of")
    return found


def differences(then: Any, now: dict[str, Any]) -> str:
    """Return which settings differ, as text, "" where none does; `then` as it was read, whatever it is."""
    then = then if isinstance(then, dict) else {}
    now = orjson.loads(orjson.dumps(now))  # as they are read again: tuples as lists
    return "; ".join(
        f"{name} {_shown(then, name)}, now {_shown(now, name)}"
        for name in dict.fromkeys((*now, *then))
        if name not in then or name not in now or then[name] != now[name]
    )


def check(output: Path, settings: dict[str, Any], way_out: str) -> None:
    """Raise InputError where a finished output is there and was made with other settings, or nothing tells which.

    `way_out` is what the user can do instead, as the end of a sentence.
    """
    if not output.is_file() or not output.stat().st_size:
        return
    found = read(output)
    if found is None:
        raise InputError(f"{output}: no {beside(output).name} beside it tells its settings; {way_out}")
    if different := differences(found, settings):
        raise InputError(f"{output}: made with other settings ({different}); give the same ones, or {way_out}")


def _shown(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return "not told"
    text = orjson.dumps(values[name]).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def write(output: Path, settings: dict[str, Any]) -> None:
    """Write the settings, JSON values, beside `output`."""
    with atomic_open(beside(output)) as stream:
        stream.write(orjson.dumps(settings, option=orjson.OPT_INDENT_2) + b"\n")
