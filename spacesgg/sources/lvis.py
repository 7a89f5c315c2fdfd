"""LVIS, as lvisdataset.org/dataset defines it: COCO instances with other names for images and categories.

Version 1 names an image only by its "coco_url" (…/train2017/000000391895.jpg), version 0.5 by
"file_name"; category names join words by underscores ("aerosol_can"). There are no crowds.
"""

from pathlib import Path
from typing import Any

from spacesgg.sources import Source, coco_files, coco_instances, values


def image_name(image: dict[str, Any]) -> str:
    """Return the path of an LVIS image, with its folder where the URL has it."""
    if image.get("file_name"):
        return image["file_name"]
    return "/".join((values.text(image["coco_url"]) or "").split("/")[-2:])


def label(category: dict[str, Any]) -> str:
    """Return the name of an LVIS category in words."""
    return (values.text(category["name"]) or "").replace("_", " ")


def source(inputs: list[Path], captions_file: Path | None = None) -> Source:
    """Index LVIS files."""
    return coco_instances.of_files(
        coco_files.index(inputs, captions_file, "an LVIS file", "bbox", image_name, label)
    )
