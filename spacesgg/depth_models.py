"""Monocular depth estimators: image → depth in metres, or inverse depth where the model knows no scale."""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
import transformers
from torch.nn import functional

from spacesgg import image_tensors, model_files, vision_models
from spacesgg.errors import InputError

# What each family's image processor assumes where its configuration file is silent.
FAMILIES = {
    "depth_anything": {
        "size": {"height": 384, "width": 384},
        "resample": 3,
        "image_mean": image_tensors.HALF,
        "image_std": image_tensors.HALF,
    },
    "zoedepth": {
        "size": {"height": 384, "width": 512},
        "resample": 2,
        "image_mean": image_tensors.HALF,
        "image_std": image_tensors.HALF,
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 1 / 32,
        "do_pad": True,
    },
    "depth_pro": {
        "size": {"height": 1536, "width": 1536},
        "resample": 2,
        "image_mean": image_tensors.HALF,
        "image_std": image_tensors.HALF,
    },
}
FAMILIES["dpt"] = FAMILIES["depth_anything"]
# Depth Pro's own limits: nearer than 0.1 mm or farther than 10 km is not told apart.
DEPTH_PRO_NEAREST_M, DEPTH_PRO_FARTHEST_M = 1e-4, 1e4


class Prediction(NamedTuple):
    """What the model says of one image: map (h, w) float32, and degrees of horizontal view where it tells."""

    values: np.ndarray
    fov_deg: float | None


def zoedepth_padding(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns that ZoeDepth mirrors at each border, to keep its border effects outside."""
    return int(math.sqrt(height / 2) * 3), int(math.sqrt(width / 2) * 3)


class DepthEstimator:
    """A depth model with the way its images are prepared and its maps are brought back to the image.

    `metric`: depth in metres, else inverse depth without scale. `max_depth_m`: the farthest depth the model
    can say, None where it has no limit. `gives_focal`: it estimates the field of view too. `needs_focal`: its
    depth depends on the camera's focal length, which it does not estimate.
    """

    def __init__(self, source: str, device: torch.device, precision: torch.dtype):
        config = model_files.load_config(source)
        if config.model_type not in FAMILIES:
            raise InputError(
                f"--model {source}: found a {config.model_type} model, expected one of {', '.join(FAMILIES)}"
            )
        self.family = config.model_type
        self.how = image_tensors.preparation(model_files.load_preparation(source), FAMILIES[self.family])
        if self.family in ("depth_anything", "dpt") and self.how.settings.get("do_pad"):
            raise InputError(
                f"--model {source}: its image processor pads the images (do_pad), which is not supported for "
                f"{self.family} models; name a model whose images are resized only"
            )
        self.model: Any = model_files.load_model(transformers.AutoModelForDepthEstimation, source, device)
        self.device, self.precision = device, precision
        self._maker = image_tensors.BatchMaker(self.how, device)
        self.metric = self.family in ("zoedepth", "depth_pro")
        self.max_depth_m = None
        if self.family == "depth_anything" and config.depth_estimation_type == "metric":
            self.metric, self.max_depth_m = True, float(config.max_depth)
        elif self.family == "zoedepth":
            self.max_depth_m = max(float(bins["max_depth"]) for bins in config.bin_configurations)
        self.gives_focal = self.family == "depth_pro" and config.use_fov_model
        self.needs_focal = self.family == "depth_pro" and not config.use_fov_model

    def prepare(self, rgb: np.ndarray) -> torch.Tensor:
        """Return (3, h, w) of the (H, W, 3) uint8 image, for `predict`; runs on the reader's thread.

        It is uint8 where the family standardises last, float32 where it does so before.
        """
        how = self.how
        if self.family == "zoedepth":
            pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
            if how.settings["do_pad"]:
                (height, width), (rows, columns) = rgb.shape[:2], zoedepth_padding(*rgb.shape[:2])
                if rows >= height or columns >= width:
                    raise InputError(f"the image is {width}×{height}; ZoeDepth needs at least 5 pixels a side")
                pixels = functional.pad(pixels, (columns, columns, rows, rows), mode="reflect")
            size = image_tensors.fitted_size(*pixels.shape[-2:], how)
            pixels = functional.interpolate(pixels, size, mode=how.filter, align_corners=True)
            return image_tensors.normalise(pixels[0], how)
        if self.family == "depth_pro":
            pixels = image_tensors.normalise(torch.from_numpy(rgb).permute(2, 0, 1), how)
            size = (how.size["height"], how.size["width"])
            return functional.interpolate(pixels[None], size, mode=how.filter)[0]
        return image_tensors.fitted(rgb, how)

    def predict(self, images: list[torch.Tensor]) -> list[Prediction]:
        """Return the model's answer for each of the prepared (3, h, w) images, all of one size."""
        with vision_models.inference(self.device, self.precision):
            if images[0].dtype == torch.uint8:
                batch = self._maker.batch(images)
            else:
                batch = torch.stack(images).to(self.device, non_blocking=True)
            output = self.model(pixel_values=batch)
            maps = output.predicted_depth.float().cpu().numpy()
            fov = getattr(output, "field_of_view", None)
            degrees = [None] * len(maps) if fov is None else fov.float().flatten().tolist()
        return [Prediction(values, angle) for values, angle in zip(maps, degrees, strict=True)]

    def focal_px(self, prediction: Prediction, width: int) -> float | None:
        """Return the focal length that the model saw, in pixels of an image this wide; None where it says none."""
        if prediction.fov_deg is None or not 0 < prediction.fov_deg < 180:
            return None
        return width / 2 / math.tan(math.radians(prediction.fov_deg) / 2)

    def to_image(self, prediction: Prediction, height: int, width: int, focal_px: float | None) -> np.ndarray:
        """Return (height, width) float32 over the image's pixels: metres, or inverse depth without scale.

        Depth Pro needs `focal_px`, the camera's focal length in pixels; the others ignore it.
        """
        values = prediction.values
        if self.family == "depth_pro":
            if focal_px is None:
                raise InputError(
                    "this Depth Pro model needs the focal length, which the image does not tell; give --fov"
                )
            inverse = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
            inverse *= width / focal_px
            return 1 / np.clip(inverse, 1 / DEPTH_PRO_FARTHEST_M, 1 / DEPTH_PRO_NEAREST_M)
        rows, columns = 0, 0
        if self.family == "zoedepth" and self.how.settings["do_pad"]:
            rows, columns = zoedepth_padding(height, width)
        # Cubic as the models' authors evaluate; its overshoot at edges must not become negative depth.
        size = (width + 2 * columns, height + 2 * rows)
        if values.shape != size[::-1]:
            values = cv2.resize(values, size, interpolation=cv2.INTER_CUBIC)
        values = values[rows : rows + height, columns : columns + width]
        return values.clip(min=0) if values.min() < 0 else values
