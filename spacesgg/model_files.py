"""Models of transformers, vision and language, as files: loaded by name or folder, and what is wrong with them."""

import re
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.image_processing_base import ImageProcessingMixin

from spacesgg.errors import InputError

# What published checkpoints may lack because no forward pass here uses it: the first fusion layer of DPT's neck
# has no residual input, nothing is masked, and no pooled token is read.
UNUSED = re.compile(r"neck\.fusion_stage\.layers\.0\.residual_layer1\.|(?:^|\.)(?:mask_token$|pooler\.)")
REASON_CHARACTERS = 300  # of what a library says; some list all the models that they know


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:REASON_CHARACTERS]


def looks_like_path(source: str) -> bool:
    """Say whether a model is told by a folder; names on the hub have one slash at most."""
    return source.startswith((".", "/", "~")) or source.count("/") > 1


def load_config(source: str, **options: Any) -> Any:
    """Return the configuration of the model called `source`, a name or a folder. Raises InputError.

    `options`, here and below, are those of transformers' from_pretrained.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        return transformers.AutoConfig.from_pretrained(source, **options)
    except Exception as error:  # each configuration checks its own fields, in its own way
        folder = Path(source)
        if (folder / "config.json").is_file():
            found = f"its config.json cannot be used ({first_line(error)})"
        elif folder.is_dir():
            found = "the folder has no config.json; name the folder that the model was saved in"
        elif looks_like_path(source):
            found = "no such folder"
        elif folder.parent.name and folder.parent.is_dir():
            found = f"the folder {folder.parent} has no {folder.name}, and no such model can be reached"
        else:
            found = (
                f"no such folder, and no model that can be reached ({first_line(error)}); give its folder, or "
                f"fetch it first with: hf download {source}"
            )
        raise InputError(f"--model {source}: {found}") from error


def load_model(auto_class: Any, source: str, device: Any, **options: Any) -> torch.nn.Module:
    """Return the model in evaluation mode on `device`. Raises InputError when its weights are not there."""
    options = {"dtype": torch.float32, **options}
    try:
        model, info = auto_class.from_pretrained(source, output_loading_info=True, **options)
        model.eval().to(device)
    except Exception as error:  # safetensors, the hub and each architecture raise their own kinds
        other_shapes = "ignore_mismatched_sizes" in str(error)
        reason = "they have other shapes than config.json says" if other_shapes else first_line(error)
        raise InputError(f"--model {source}: the weights cannot be loaded ({reason})") from error
    missing = sorted(key for key in info["missing_keys"] if not UNUSED.search(key))
    if missing:
        parts = sorted({key.rpartition(".")[0] for key in missing})
        raise InputError(
            f"--model {source}: {len(missing)} of {len(model.state_dict())} weights are missing and would be "
            f"random, those of {', '.join(parts[:3])}{' and others' if len(parts) > 3 else ''}; the weights are "
            "not those of the model that config.json names"
        )
    return model


def load_preparation(source: str) -> dict[str, Any]:
    """Return the image processor's configuration of `source`. Raises InputError when it has none."""
    try:
        found = ImageProcessingMixin.get_image_processor_dict(source)[0]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        if (Path(source) / "preprocessor_config.json").is_file():
            raise InputError(
                f"--model {source}: preprocessor_config.json cannot be used ({first_line(error)}); copy the file "
                "from where the weights came from"
            ) from error
        raise InputError(
            f"--model {source}: no preprocessor_config.json, so how its images must be prepared is unknown; "
            "copy the file from where the weights came from"
        ) from error
    if not isinstance(found, dict):
        raise InputError(f"--model {source}: preprocessor_config.json is no JSON object")
    return found


def load_tokenizer(source: str, **options: Any) -> Any:
    """Return the tokenizer of `source`. Raises InputError when it has none."""
    try:
        return transformers.AutoTokenizer.from_pretrained(source, **options)
    except Exception as error:  # whatever its files make the library stumble over
        raise InputError(
            f"--model {source}: the tokenizer cannot be loaded ({first_line(error)}); copy its files from where "
            "the weights came from"
        ) from error
