"""SAM and SAM 2 prompted with boxes: one image encoding, then one mask a box."""

from typing import Any

import cv2
import numpy as np
import torch
import transformers

from spacesgg import image_tensors, model_files, vision_models
from spacesgg.errors import InputError

_COMMON = {"resample": 2, "image_mean": image_tensors.IMAGENET_MEAN, "image_std": image_tensors.IMAGENET_STD}
FAMILIES = {
    "sam": {**_COMMON, "size": {"longest_edge": 1024}, "pad_size": {"height": 1024, "width": 1024}},
    "sam2": {**_COMMON, "size": {"height": 1024, "width": 1024}},
}
FAMILIES["sam2_video"] = FAMILIES["sam2"]  # how the published SAM 2 weights call themselves
BOXES_AT_ONCE = 64  # through the mask decoder; more would only need more memory


class BoxSegmenter:
    """A SAM model with the way its images are prepared and its masks are brought back to the image."""

    def __init__(self, source: str, device: torch.device, precision: torch.dtype):
        config = model_files.load_config(source)
        if config.model_type not in FAMILIES:
            raise InputError(
                f"--model {source}: found a {config.model_type} model, expected one of {', '.join(FAMILIES)}"
            )
        self.pads = config.model_type == "sam"
        self.how = image_tensors.preparation(model_files.load_preparation(source), FAMILIES[config.model_type])
        kind = transformers.SamModel if self.pads else transformers.Sam2Model
        self.model: Any = model_files.load_model(kind, source, device)
        self.device, self.precision = device, precision

    def prepare(self, rgb: np.ndarray) -> torch.Tensor:
        """Return the (3, P, P) float32 input of the (H, W, 3) uint8 image; P is the same for all images."""
        return (image_tensors.longest_side_padded if self.pads else image_tensors.exact)(rgb, self.how)

    def _scaled_boxes(self, boxes: np.ndarray, height: int, width: int) -> torch.Tensor:
        """Return (1, N, 4) float32 boxes in the pixels of the model's input."""
        if self.pads:
            size = image_tensors.longest_side_size(height, width, self.how.size["longest_edge"])
        else:
            size = (self.how.size["height"], self.how.size["width"])
        scale = np.array([size[1] / width, size[0] / height] * 2)
        return torch.from_numpy((boxes * scale).astype(np.float32))[None]

    def predict(
        self, images: torch.Tensor, boxes: list[np.ndarray], sizes: list[tuple[int, int]]
    ) -> list[np.ndarray]:
        """Return, for each image, (n, h, w) float32 mask logits, one map a box; each image is encoded once.

        `images` (N, 3, P, P) as prepared; `boxes` N arrays (n, 4) in pixels of images of `sizes` (height, width).
        """
        results = []
        with vision_models.inference(self.device, self.precision):
            encoded = self.model.get_image_embeddings(images.to(self.device, non_blocking=True))
            for i, (wanted, size) in enumerate(zip(boxes, sizes, strict=True)):
                own = encoded[i : i + 1] if self.pads else [level[i : i + 1] for level in encoded]
                prompts = self._scaled_boxes(wanted, *size).to(self.device)
                # One mask a box: a box leaves none of the doubt between part and whole that a point does.
                logits = [
                    self.model(input_boxes=some, image_embeddings=own, multimask_output=False).pred_masks[0, :, 0]
                    for some in prompts.split(BOXES_AT_ONCE, dim=1)
                ]
                results.append(torch.cat(logits).float().cpu().numpy())
        return results

    def to_image(self, logits: np.ndarray, height: int, width: int) -> np.ndarray:
        """Return the (height, width) bool mask over the image's pixels of one (h, w) map of logits."""
        if self.pads:
            pad = self.how.settings["pad_size"]
            rows, columns = image_tensors.longest_side_size(height, width, self.how.size["longest_edge"])
            logits = cv2.resize(logits, (pad["width"], pad["height"]), interpolation=cv2.INTER_LINEAR)
            logits = logits[:rows, :columns]
        return cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR) > 0
