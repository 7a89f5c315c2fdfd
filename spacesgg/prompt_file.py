"""The prompt functions of prompts.py or of a user's own file: found, called, and watched for failing always."""

import functools
import importlib.util
import inspect
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from spacesgg.errors import InputError
from spacesgg.prompt import Prompt, check_prompt
from spacesgg.scene import Scene

PROMPT_FAULT = "the prompt function failed"
FAULTS_THAT_STOP = (
    20  # so many prompt functions failed and none before succeeded: it is the function, not the image
)


def prompt_functions(module: ModuleType) -> dict[str, Callable[[Scene, random.Random], Prompt]]:
    """Return the prompt functions of a module: the public ones that are written in it, by every name they have."""
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }


@functools.lru_cache
def _module(path: Path | None) -> ModuleType:
    """Import the prompts: those of the project, or a user's file. In each worker once."""
    if path is None:
        import prompts

        return prompts
    # A name of its own: a file called random.py must not stand in for the library's.
    name = f"prompt_file_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise InputError(f"{path}: a Python file (.py) is expected")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickle look their module up there
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{path}: cannot be imported ({type(error).__name__}: {error})") from error
    return module


def load(path: Path | None, name: str) -> Callable[[Scene, random.Random], Prompt]:
    """Return the named prompt function. Raises InputError that lists what there is."""
    known = prompt_functions(_module(path))
    if name not in known:
        others = f"it has {', '.join(sorted(known))}" if known else "it has no public function of its own at all"
        raise InputError(f"{path or 'prompts.py'} has no prompt function {name}; {others}")
    return known[name]


def call(path: Path | None, name: str, scene: Scene, rng: random.Random, asked: bool) -> Prompt:
    """Return what the prompt function makes of a scene; `asked` says that it goes to a model.

    Raises InputError saying why there is no prompt: of this scene none can be made, or the function fails.
    """
    function = load(path, name)
    try:
        prompt = function(scene, rng)
    except InputError:
        raise  # of this image nothing can be asked, and the function says why
    except (Exception, SystemExit) as error:
        raise InputError(f"{PROMPT_FAULT}: {type(error).__name__}: {error}") from error
    try:
        check_prompt(prompt, asked)
    except InputError as error:
        raise InputError(f"{PROMPT_FAULT}: {error}") from error
    return prompt


class FaultWatch:
    """Ends a run whose prompt function fails for every image, before it has walked over a million of them."""

    def __init__(self, path: Path | None, name: str) -> None:
        self._name = f"{path or 'prompts.py'}, {name}"
        self._faults = 0

    def see(self, reason: str | None) -> None:
        """Count one image: why nothing was made of it, None where something was."""
        if self._faults < 0:
            return
        if reason is None:
            self._faults = -1  # it works: from here on every failure is one image's
        elif reason.startswith(PROMPT_FAULT):
            self._faults += 1
        if self._faults >= FAULTS_THAT_STOP:
            raise InputError(f"{self._name}: stopped after {self._faults} images and no prompt; {reason}")
