"""Open-vocabulary detectors: Grounding DINO, told what to look for, and Florence-2, which captions and grounds."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers

from spacesgg import image_tensors, model_files, vision_models
from spacesgg.errors import InputError

_GROUNDING_DINO = {
    "resample": 2,
    "image_mean": image_tensors.IMAGENET_MEAN,
    "image_std": image_tensors.IMAGENET_STD,
    "size": {"shortest_edge": 800, "longest_edge": 1333},
}
_FLORENCE = {
    "resample": 3,
    "image_mean": image_tensors.IMAGENET_MEAN,
    "image_std": image_tensors.IMAGENET_STD,
    "size": {"height": 768, "width": 768},
}
# The sentences by which Florence-2 was taught its tasks.
CAPTION_PROMPTS = {
    "short": "What does the image describe?",
    "detailed": "Describe in detail what is shown in the image.",
    "long": "Describe with a paragraph what is shown in the image.",
}
GROUNDING_PROMPT = "Locate the phrases in the caption: {}"
LOCATION_BINS = 1000  # of the image's width and of its height, in Florence-2's location tokens
_GROUNDED = re.compile(r"([^<>]+)((?:<loc_\d+>){4,})")
_LOCATION = re.compile(r"<loc_(\d+)>")
_ARTICLE = re.compile(r"^(?:a|an|the|this|that|some)\s+", re.IGNORECASE)
# Words that Florence-2 grounds although they name no object of the scene.
NO_OBJECTS = frozenset(
    (
        *("it", "its", "they", "them", "he", "she", "his", "her", "we", "you", "i", "one"),
        *("image", "picture", "photo", "view", "scene"),
    )
)


class Detection(NamedTuple):
    """One object found: `box` x0, y0, x1, y1 in pixels, `score` 0–1 (1 where the model gives none)."""

    label: str
    box: tuple[float, float, float, float]
    score: float


class Found(NamedTuple):
    """What was found in one image; `caption` "" where the model writes none."""

    caption: str
    detections: list[Detection]


def iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the (n,) intersection over union of one box with (n, 4) boxes."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(areas + np.prod(box[2:] - box[:2]) - shared, 1e-9)


def suppress_duplicates(detections: Sequence[Detection], threshold: float) -> list[int]:
    """Return, for each detection, the position of the one it is a duplicate of, its own where it is kept.

    Two boxes that overlap by more than `threshold` IoU are one object, whatever their labels; the better
    score is kept, the earlier one of equals.
    """
    if not detections:
        return []
    boxes = np.array([found.box for found in detections], float)
    scores = np.array([found.score for found in detections])
    kept_as = np.full(len(detections), -1)
    for i in np.argsort(-scores, kind="stable"):
        if kept_as[i] < 0:
            kept_as[(kept_as < 0) & (iou(boxes[i], boxes) > threshold)] = i
            kept_as[i] = i
    return kept_as.tolist()


class GroundingDino:
    """Grounding DINO: boxes for a list of labels. `threshold`: the least score of a detection."""

    families = ("grounding-dino", "mm-grounding-dino")

    def __init__(
        self, source: str, device: torch.device, precision: torch.dtype, labels: list[str], threshold: float
    ):
        config = model_files.load_config(source)
        settings = model_files.load_preparation(source)
        if isinstance(settings.get("size"), int):  # how older files write it
            longest = settings.get("max_size", _GROUNDING_DINO["size"]["longest_edge"])
            settings["size"] = {"shortest_edge": settings["size"], "longest_edge": longest}
        self.how = image_tensors.preparation(settings, _GROUNDING_DINO)
        self.model: Any = model_files.load_model(transformers.AutoModelForZeroShotObjectDetection, source, device)
        self.device, self.precision, self.threshold = device, precision, threshold
        self.prompts = self._prompts(model_files.load_tokenizer(source), labels, config.max_text_len)

    def _prompts(
        self, tokenizer: Any, labels: list[str], longest: int
    ) -> list[tuple[torch.Tensor, list[tuple[str, int, int]]]]:
        """Return (token ids (1, T), (label, first token, end) of each): "a cat. a dog." in as many as needed."""
        (stop,) = tokenizer.encode(".", add_special_tokens=False)
        prompts: list[tuple[list[int], list[tuple[str, int, int]]]] = []
        for label in labels:
            tokens = tokenizer.encode(label.lower().replace(".", " "), add_special_tokens=False)
            if not tokens or len(tokens) + 3 > longest:
                raise InputError(f"--labels: {label!r} is {len(tokens)} tokens long, expected 1 to {longest - 3}")
            if not prompts or len(prompts[-1][0]) + len(tokens) + 2 > longest:
                prompts.append(([tokenizer.cls_token_id], []))
            ids, spans = prompts[-1]
            spans.append((label, len(ids), len(ids) + len(tokens)))
            ids += [*tokens, stop]
        return [(torch.tensor([[*ids, tokenizer.sep_token_id]]), spans) for ids, spans in prompts]

    def prepare(self, rgb: np.ndarray) -> torch.Tensor:
        """Return the (3, h, w) float32 input of the (H, W, 3) uint8 image."""
        return image_tensors.shortest_side(rgb, self.how)

    def find(self, images: torch.Tensor, sizes: list[tuple[int, int]]) -> list[Found]:
        """Return the objects in each of the prepared (N, 3, h, w) images, which came from `sizes` (height, width).

        A box has the label whose words fit it best, and the best word's probability as its score.
        """
        found = [Found("", []) for _ in sizes]
        images = images.to(self.device, non_blocking=True)
        for ids, spans in self.prompts:
            inputs = ids.to(self.device).expand(len(images), -1)
            with vision_models.inference(self.device, self.precision):
                output = self.model(pixel_values=images, input_ids=inputs, attention_mask=torch.ones_like(inputs))
                probabilities = output.logits.float().sigmoid()
                by_label = torch.stack([probabilities[..., a:b].amax(-1) for _, a, b in spans], dim=-1)
                scores, which = (values.cpu().numpy() for values in by_label.max(dim=-1))
                boxes = output.pred_boxes.float().cpu().numpy()
            for i, (height, width) in enumerate(sizes):
                centre, size = boxes[i, :, :2], boxes[i, :, 2:]
                corners = np.hstack([centre - size / 2, centre + size / 2]) * [width, height, width, height]
                for query in np.flatnonzero(scores[i] > self.threshold):
                    label = spans[which[i, query]][0]
                    box = tuple(corners[query].tolist())
                    found[i].detections.append(Detection(label, box, float(scores[i, query])))
        return found


def grounded_phrases(text: str, height: int, width: int) -> list[tuple[str, list[tuple[float, ...]]]]:
    """Return (phrase, boxes in pixels) of Florence-2's answer "phrase<loc_1><loc_2><loc_3><loc_4>…"."""
    phrases = []
    for phrase, locations in _GROUNDED.findall(text):
        bins = np.array([int(number) for number in _LOCATION.findall(locations)])
        bins = bins[: len(bins) // 4 * 4].reshape(-1, 4)
        boxes = (bins + 0.5) / LOCATION_BINS * [width, height, width, height]  # a bin stands for its middle
        whole = (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
        phrases.append((phrase.strip(), [tuple(box) for box in boxes[whole].tolist()]))
    return phrases


class Florence2:
    """Florence-2: a caption, and boxes for the phrases of the caption, or for `labels` where they are given."""

    families = ("florence2",)

    def __init__(
        self,
        source: str,
        device: torch.device,
        precision: torch.dtype,
        labels: list[str],
        caption: str,
        beams: int,
    ):
        config = model_files.load_config(source)
        self.how = image_tensors.preparation(model_files.load_preparation(source), _FLORENCE)
        self.model: Any = model_files.load_model(transformers.Florence2ForConditionalGeneration, source, device)
        self.tokenizer = model_files.load_tokenizer(source)
        self.image_token = config.image_token_id
        self.device, self.precision = device, precision
        self.labels, self.caption, self.beams = labels, caption, beams
        if labels:
            self._check_length(config.text_config.max_position_embeddings)

    def _check_length(self, longest: int) -> None:
        """Raise InputError where the labels and an image are more tokens than the model reads."""
        blank = torch.zeros(1, 3, self.how.size["height"], self.how.size["width"], device=self.device)
        with vision_models.inference(self.device, self.precision):
            places = self.model.get_image_features(blank).pooler_output.shape[1]
        text = (
            self.tokenizer.bos_token + GROUNDING_PROMPT.format(". ".join(self.labels)) + self.tokenizer.eos_token
        )
        tokens = len(self.tokenizer.encode(text, add_special_tokens=False))
        if places + tokens > longest:
            raise InputError(
                f"--labels: {len(self.labels)} labels are {tokens} tokens, and the image is {places}; this model "
                f"reads {longest} in all, so give fewer labels at a time"
            )

    def prepare(self, rgb: np.ndarray) -> torch.Tensor:
        """Return the (3, h, w) float32 input of the (H, W, 3) uint8 image."""
        return image_tensors.exact(rgb, self.how)

    def answer(self, images: torch.Tensor, prompts: list[str], longest: int = 1024) -> list[str]:
        """Return the text that the model writes for each image and prompt, location tokens included."""
        tokenizer = self.tokenizer
        with vision_models.inference(self.device, self.precision):
            images = images.to(self.device, non_blocking=True)
            places = self.model.get_image_features(images[:1]).pooler_output.shape[1]
            texts = [tokenizer.bos_token + prompt + tokenizer.eos_token for prompt in prompts]
            rows = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
            length = max(map(len, rows))
            ids = torch.full((len(rows), places + length), tokenizer.pad_token_id)
            ids[:, :places] = self.image_token
            mask = torch.zeros_like(ids)
            for i, row in enumerate(rows):
                ids[i, places : places + len(row)] = torch.tensor(row)
                mask[i, : places + len(row)] = 1
            written = self.model.generate(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                pixel_values=images,
                max_new_tokens=longest,
                num_beams=self.beams,
                do_sample=False,
            )
        ends = (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token)
        return [
            re.sub("|".join(map(re.escape, ends)), "", text).strip()
            for text in tokenizer.batch_decode(written, skip_special_tokens=False)
        ]

    def find(self, images: torch.Tensor, sizes: list[tuple[int, int]]) -> list[Found]:
        """Return caption and objects of each of the prepared (N, 3, h, w) images, from `sizes` (height, width).

        Labels are phrases of the caption without their article.
        """
        captions = self.answer(images, [CAPTION_PROMPTS[self.caption]] * len(images))
        captions = [" ".join(_LOCATION.sub("", caption).split()) for caption in captions]
        asked = [". ".join(self.labels) or caption for caption in captions]
        answers = self.answer(images, [GROUNDING_PROMPT.format(text) for text in asked])
        return [
            Found(
                caption,
                [
                    Detection(label, box, 1.0)
                    for phrase, boxes in grounded_phrases(answer, *size)
                    if (label := _ARTICLE.sub("", phrase).strip(" .,;:")) and label.lower() not in NO_OBJECTS
                    for box in boxes
                ],
            )
            for caption, answer, size in zip(captions, answers, sizes, strict=True)
        ]
