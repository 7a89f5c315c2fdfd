"""COCO caption files: the captions of an image as one text."""

from collections.abc import Hashable, Iterable
from pathlib import Path

import orjson

from spacesgg import grounded_text
from spacesgg.errors import InputError
from spacesgg.sources import values
from spacesgg.sources.big_json import BigJson, ByImage, require, require_field


def by_image(path: Path) -> ByImage:
    """Index a file of the COCO caption format, {"annotations": [{"image_id", "caption"}, …]}."""
    file = BigJson(path)
    index, usable = ByImage(file), 0
    for key, start, end in file.parts():
        if key == "annotations":
            annotation = values.members(file.load(start, end))
            usable += values.text(annotation.get("caption")) is not None
            index.add(values.identity(annotation.get("image_id")), start, end)
    require(file, ("annotations",), "a COCO captions file")
    require_field(file, len(index), usable, "caption", "a COCO captions file")
    return index


def check(texts: ByImage, images: Iterable[Hashable]) -> None:
    """Raise InputError when no listed image has a caption: then the captions are those of another split."""
    known = set(texts.images())
    if not any(image in known for image in images):
        raise InputError(f"{texts.file.path}: has no caption of any image that is listed; is it of another split?")


def joined(raw: list[bytes]) -> str:
    """Return the captions of one image as sentences, each once, in the file's order."""
    sentences = dict.fromkeys(
        grounded_text.clean(values.text(values.members(orjson.loads(annotation)).get("caption")) or "")
        for annotation in raw
    )
    return " ".join(text if text[-1] in ".!?" else text + "." for text in sentences if text)
