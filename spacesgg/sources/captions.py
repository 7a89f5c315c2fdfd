"""COCO caption files: the captions of an image as one text."""

from pathlib import Path

import orjson

from spacesgg import grounded_text
from spacesgg.sources.big_json import BigJson, ByImage, require


def by_image(path: Path) -> ByImage:
    """Index a file of the COCO caption format, {"annotations": [{"image_id", "caption"}, …]}."""
    file = BigJson(path)
    index = ByImage(file)
    for key, start, end in file.parts():
        if key == "annotations":
            index.add(file.load(start, end).get("image_id"), start, end)
    require(file, ("annotations",), "a COCO captions file")
    return index


def joined(raw: list[bytes]) -> str:
    """Return the captions of one image as sentences, each once, in the file's order."""
    sentences = dict.fromkeys(
        grounded_text.clean(str(orjson.loads(annotation).get("caption") or "")) for annotation in raw
    )
    return " ".join(text if text[-1] in ".!?" else text + "." for text in sentences if text)
