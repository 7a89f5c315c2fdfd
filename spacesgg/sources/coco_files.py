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
    """Index one or several files; an image listed by several, by its name, has the annotations of all.

    Image numbers count within their own file: two files may give one number to different images. Raises
    InputError when a file is not JSON, lacks what the format has, or numbers its categories otherwise.
    """
    labels: dict[int, str] = {}
    sizes: dict[str, tuple[int, int]] = {}
    listed: dict[str, list[tuple[int, Any]]] = {}  # image name → (file, number in it) wherever it is listed
    indices, unlisted = [], 0
    for path in inputs:
        file = BigJson(path)
        annotations, numbers = ByImage(file), set()
        for key, start, end in file.parts():
            try:
                if key == "annotations":
                    annotations.add(file.load(start, end)["image_id"], start, end)
                elif key == "images":
                    image = file.load(start, end)
                    name = image_name(image)
                    sizes.setdefault(name, (image["width"], image["height"]))
                    numbers.add(image["id"])
                    listed.setdefault(name, []).append((len(indices), image["id"]))
                elif key == "categories":
                    category = file.load(start, end)
                    name = label(category)
                    if labels.setdefault(category["id"], name) != name:
                        raise InputError(
                            f'{path}: category {category["id"]} is "{name}", in the files before '
                            f'"{labels[category["id"]]}"; convert them one by one'
                        )
            except KeyError as error:
                raise InputError(f'{path}, byte {start}: an entry of "{key}" lacks {error}') from error
            except (TypeError, AttributeError) as error:
                raise InputError(
                    f'{path}, byte {start}: this is no entry of "{key}" as {what} has them'
                ) from error
        require(file, ("images", "annotations", "categories"), what)
        unlisted += annotations.count_without(numbers)
        indices.append(annotations)
    texts = captions.by_image(captions_file) if captions_file else None

    def items():
        for name, (width, height) in sizes.items():
            raw = [part for file, number in dict.fromkeys(listed[name]) for part in indices[file].raw(number)]
            yield name, width, height, raw, texts.raw(listed[name][0][1]) if texts else []

    return CocoFiles(items(), len(sizes), labels, Counter({"annotations of unlisted images": unlisted}))
