"""What files of the COCO family have in common: images, categories, and annotations grouped by image."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from spacesgg.errors import InputError
from spacesgg.sources import captions
from spacesgg.sources.big_json import BigJson, ByImage, require


class CocoFiles(NamedTuple):
    """Indexed files. `items` yields (image name, width, height, annotation texts, caption texts)."""

    items: Iterator[tuple[str, int, int, list[bytes], list[bytes]]]
    total: int
    labels: dict[int, str]  # category number → label
    counts: Counter


def index(
    inputs: list[Path],
    captions_file: Path | None,
    what: str,
    image_name: Callable[[dict[str, Any]], str] = lambda image: image["file_name"],
    label: Callable[[dict[str, Any]], str] = lambda category: category["name"],
) -> CocoFiles:
    """Index one or several files; an image listed by several has the annotations of all.

    Raises InputError when a file is not JSON or lacks what the format has.
    """
    labels: dict[int, str] = {}
    images: dict[Any, tuple[str, int, int]] = {}
    indices = []
    for path in inputs:
        file = BigJson(path)
        annotations = ByImage(file)
        for key, start, end in file.parts():
            try:
                if key == "annotations":
                    annotations.add(file.load(start, end)["image_id"], start, end)
                elif key == "images":
                    image = file.load(start, end)
                    images.setdefault(image["id"], (image_name(image), image["width"], image["height"]))
                elif key == "categories":
                    category = file.load(start, end)
                    labels[category["id"]] = label(category)
            except KeyError as error:
                raise InputError(f'{path}, byte {start}: an entry of "{key}" lacks {error}') from error
            except (TypeError, AttributeError) as error:
                raise InputError(
                    f'{path}, byte {start}: this is no entry of "{key}" as {what} has them'
                ) from error
        require(file, ("images", "annotations", "categories"), what)
        indices.append(annotations)
    texts = captions.by_image(captions_file) if captions_file else None
    unlisted = sum(annotations.count_without(images.keys()) for annotations in indices)

    def items():
        for identity, (name, width, height) in images.items():
            raw = [part for annotations in indices for part in annotations.raw(identity)]
            yield name, width, height, raw, texts.raw(identity) if texts else []

    return CocoFiles(items(), len(images), labels, Counter({"annotations of unlisted images": unlisted}))
