"""RGB images → the tensors that vision models were trained on.

Resizing and normalising follow each model's own `preprocessor_config.json`. They are written here, on torch
alone, because the image processors of transformers need torchvision or Pillow, which this project does not.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch.nn import functional

from spacesgg.errors import InputError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
# The numbers by which the configuration files name a filter. Torch has no Lanczos; bicubic is its nearest kin.
FILTERS = {0: "nearest-exact", 1: "bicubic", 2: "bilinear", 3: "bicubic"}


class Preparation(NamedTuple):
    """What an image processor's configuration says; `mean` and `std` (3, 1, 1) in units of the 0–255 pixels."""

    size: dict[str, int]
    filter: str
    mean: torch.Tensor
    std: torch.Tensor
    settings: dict[str, Any]


def preparation(config: dict[str, Any], defaults: dict[str, Any]) -> Preparation:
    """Read an image processor's configuration, over the `defaults` of its family.

    Raises InputError for what is not supported, so that no image is prepared in another way than meant.
    """
    settings = {"do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, **defaults}
    settings |= {key: value for key, value in config.items() if value is not None}
    if settings.get("do_center_crop"):
        raise InputError("preprocessor_config.json: do_center_crop would lose the borders; set it to false")
    if settings.get("do_resize") is False:
        raise InputError(
            "preprocessor_config.json: do_resize is off: the model takes images at their own size, which is not "
            "supported; name a model whose images are resized"
        )
    if settings["resample"] not in list(FILTERS):
        raise InputError(f"preprocessor_config.json: resample {settings['resample']} is none of {list(FILTERS)}")
    units = 1 / _numbers(settings, "rescale_factor", 1)[0] if settings["do_rescale"] else 1.0
    mean, std = ((0.0,) * 3, (1.0,) * 3)
    if settings["do_normalize"]:
        mean, std = _numbers(settings, "image_mean", 3), _numbers(settings, "image_std", 3)
    if min(std) <= 0:
        raise InputError(
            f"preprocessor_config.json: image_std is {settings['image_std']}, expected numbers above 0"
        )
    mean, std = (torch.tensor(list(value))[:, None, None] * units for value in (mean, std))
    if "pad_size" in defaults:
        settings["pad_size"] = _size(settings, "pad_size", defaults)
    return Preparation(_size(settings, "size", defaults), FILTERS[settings["resample"]], mean, std, settings)


def _numbers(settings: dict[str, Any], name: str, count: int) -> list[float]:
    """Return a setting of `count` finite numbers, a bare one where there is one. Raises InputError."""
    found = settings[name] if count > 1 else [settings[name]]
    if isinstance(found, list | tuple) and len(found) == count and all(map(_is_number, found)):
        found = list(found)
        if count > 1 or found != [0]:
            return found
    wanted = f"{count} numbers, one a colour" if count > 1 else "a number other than 0"
    raise InputError(f"preprocessor_config.json: {name} is {settings[name]!r:.60}, expected {wanted}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _size(settings: dict[str, Any], name: str, defaults: dict[str, Any]) -> dict[str, int]:
    """Return a size with the sides that the family's own has. Raises InputError where they are not told."""
    found = settings[name]
    size = {"height": found, "width": found} if isinstance(found, int) else found
    forms = [tuple(defaults[name])]
    if "shortest_edge" in defaults[name]:
        forms = [("shortest_edge",), ("height", "width")]
    if isinstance(size, dict):
        size = {side: length for side, length in size.items() if length is not None}
        whole = all(_is_number(length) and length == int(length) >= 1 for length in size.values())
        if whole and any(set(form) <= size.keys() for form in forms):
            return {side: int(length) for side, length in size.items()}
    expected = " or ".join(" and ".join(form) for form in forms)
    raise InputError(
        f"preprocessor_config.json: {name} is {found!r:.60}, expected {expected}, in whole pixels above 0"
    )


def normalise(pixels: torch.Tensor, how: Preparation) -> torch.Tensor:
    """Return (3, h, w) float32, standardised, of (3, h, w) pixels in 0–255."""
    # Made contiguous while still bytes: a quarter of the memory traffic.
    return pixels.contiguous().to(torch.float32, copy=True).sub_(how.mean).div_(how.std)


class BatchMaker:
    """Standardises images where the model runs, in memory that is used again for the next batch.

    On a GPU the images travel as bytes, a quarter of the traffic. On the CPU each plane is written once into
    the batch; fresh memory for every batch would cost more than the arithmetic.
    """

    def __init__(self, how: Preparation, device: torch.device):
        self._device = device
        self._mean, self._std = how.mean.to(device), how.std.to(device)
        factors, shifts = 1 / how.std, -how.mean / how.std
        self._planes = list(zip(factors.flatten().tolist(), shifts.flatten().tolist(), strict=True))
        self._memory = np.empty(0, np.float32)
        self._split: Sequence[np.ndarray] | None = None

    def batch(self, pixels: list[torch.Tensor]) -> torch.Tensor:
        """Return (N, 3, h, w) float32 of N (3, h, w) uint8 images; it is overwritten by the next call."""
        # Colours are interleaved in memory, and are copied so: gathering each plane byte by byte is far slower.
        interleaved = [image.permute(1, 2, 0) for image in pixels]
        if self._device.type != "cpu":
            together = torch.stack(interleaved).to(self._device, non_blocking=True).permute(0, 3, 1, 2)
            together = together.to(torch.float32, memory_format=torch.contiguous_format)
            return together.sub_(self._mean).div_(self._std)
        shape = (len(pixels), *pixels[0].shape)
        if self._memory.size < math.prod(shape):
            self._memory = np.empty(math.prod(shape), np.float32)
        together = self._memory[: math.prod(shape)].reshape(shape)
        for image, target in zip(interleaved, together, strict=True):
            self._split = cv2.split(image.numpy(), self._split)
            for plane, into, (factor, shift) in zip(self._split, target, self._planes, strict=True):
                # By OpenCV, on this one thread: torch would wake all of its own, against the readers.
                cv2.addWeighted(plane, factor, plane, 0, shift, dst=into, dtype=cv2.CV_32F)
        return torch.from_numpy(together)


def resize(rgb: np.ndarray, height: int, width: int, how: Preparation) -> torch.Tensor:
    """Return (3, height, width) uint8 of the (H, W, 3) uint8 image, filtered against aliasing.

    Raises InputError where a side would have no pixel.
    """
    if height < 1 or width < 1:
        raise InputError(
            f"the image is {rgb.shape[1]}×{rgb.shape[0]}, so thin that the model would get {width}×{height} pixels"
        )
    # The images' axis first of all: torch takes the fast way for interleaved colours by its stride too.
    pixels = torch.from_numpy(rgb)[None].permute(0, 3, 1, 2)
    if pixels.shape[-2:] == (height, width):
        return pixels[0]
    smooth = how.filter in ("bilinear", "bicubic")
    return functional.interpolate(pixels, (height, width), mode=how.filter, antialias=smooth)[0]


def exact(rgb: np.ndarray, how: Preparation) -> torch.Tensor:
    """Return (3, height, width) float32, squeezed to the configured size whatever the image's proportions."""
    return normalise(resize(rgb, how.size["height"], how.size["width"], how), how)


def longest_side_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """Return the (height, width) whose longer side is `longest`, proportions kept."""
    scale = longest / max(height, width)
    return int(height * scale + 0.5), int(width * scale + 0.5)


def longest_side_padded(rgb: np.ndarray, how: Preparation) -> torch.Tensor:
    """Return (3, P, P) float32: longer side to size, zeros added at the right and the bottom (SAM's way)."""
    pad = how.settings["pad_size"]
    height, width = longest_side_size(*rgb.shape[:2], how.size["longest_edge"])
    prepared = normalise(resize(rgb, height, width, how), how)
    return functional.pad(prepared, (0, pad["width"] - width, 0, pad["height"] - height))


def shortest_side_size(height: int, width: int, shortest: int, longest: int | None) -> tuple[int, int]:
    """Return the (height, width) whose shorter side is `shortest`, or less where the longer would exceed."""
    short, long = min(height, width), max(height, width)
    target = float(shortest)
    if longest is not None and long / short * shortest > longest:
        target = longest * short / long
    rounded = round(target)
    if short == rounded:
        return height, width
    other = int(target * long / short)
    return (rounded, other) if height <= width else (other, rounded)


def shortest_side(rgb: np.ndarray, how: Preparation) -> torch.Tensor:
    """Return (3, h, w) float32 with the shorter side at the configured size (the way of DETR's family)."""
    if "height" in how.size:
        return exact(rgb, how)
    size = shortest_side_size(*rgb.shape[:2], how.size["shortest_edge"], how.size.get("longest_edge"))
    return normalise(resize(rgb, *size, how), how)


def fitted_size(height: int, width: int, how: Preparation) -> tuple[int, int]:
    """Return the (height, width) nearest the configured one, both multiples of `ensure_multiple_of`."""
    target_height, target_width = how.size["height"], how.size["width"]
    multiple = how.settings.get("ensure_multiple_of") or 1
    scale_height, scale_width = target_height / height, target_width / width
    if how.settings.get("keep_aspect_ratio"):
        # The scale that changes the image least serves both sides.
        least = scale_width if abs(1 - scale_width) < abs(1 - scale_height) else scale_height
        scale_height = scale_width = least
    sides = (scale_height * height, scale_width * width)
    return tuple(max(int(round(side / multiple) * multiple), int(multiple) or 1) for side in sides)


def fitted(rgb: np.ndarray, how: Preparation) -> torch.Tensor:
    """Return (3, h, w) uint8 of the fitted size (the way of DPT and Depth Anything), to be standardised."""
    return resize(rgb, *fitted_size(*rgb.shape[:2], how), how)
