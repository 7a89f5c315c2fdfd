"""What files of the COCO family have in common: images, categories, and annotations grouped by image."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from spacesgg.errors import InputError
from spacesgg.sources import captions, values
from spacesgg.sources.big_json import BigJson, ByImage, require, require_field


class CocoFiles(NamedTuple):
    """Indexed files. `items` yields (image name, width, height, annotation texts, caption texts)."""

    items: Iterator[tuple[str, Any, Any, list[bytes], list[bytes]]]
    total: int
    labels: dict[int | str, str]  # category number → label
    counts: Counter


def index(
    inputs: list[Path],
    captions_file: Path | None,
    what: str,
    field: str,
    image_name: Callable[[dict[str, Any]], str] = lambda image: image["file_name"],
    label: Callable[[dict[str, Any]], str] = lambda category: category["name"],
) -> CocoFiles:
    """Index one or several files; an image listed by several, by its name, has the annotations of all.

    Image numbers count within their own file: two files may give one number to different images. `field` is what
    an annotation of the format is about. Raises InputError when a file is not JSON, lacks what the format has, is
    of another format, numbers its categories otherwise, or gives one number to two images.
    """
    labels: dict[int | str, str] = {}
    sizes: dict[str, tuple[Any, Any]] = {}
    listed: dict[str, list[tuple[int, Any]]] = {}  # image name → (file, number in it) wherever it is listed
    indices, counts = [], Counter()
    for path in inputs:
        file = BigJson(path)
        annotations, usable = ByImage(file), 0
        names: dict[int | str, str] = {}  # image number → name, in this file
        for key, start, end in file.parts():
            try:
                if key == "annotations":
                    annotation = file.load(start, end)
                    usable += isinstance(annotation.get(field), list)
                    annotations.add(values.identity(annotation["image_id"]), start, end)
                elif key == "images":
                    image = file.load(start, end)
                    name, number = values.text(image_name(image)), values.identity(image["id"])
                    if name is None or number is None:
                        raise InputError(
                            f"{path}, byte {start}: the image {number!r:.40} has the name "
                            f"{image_name(image)!r:.40}; expected a number and a file's name"
                        )
                    if names.setdefault(number, name) != name:
                        raise InputError(
                            f"{path}: the images {names[number]} and {name} have one id, {number}; which objects "
                            "are whose cannot be told"
                        )
                    size = image["width"], image["height"]
                    if sizes.setdefault(name, size) != size:
                        raise InputError(
                            f"{path}: the image {name} has the size {size[0]!r:.40}×{size[1]!r:.40}, before that "
                            f"{sizes[name][0]!r:.40}×{sizes[name][1]!r:.40}; its boxes would not fit together"
                        )
                    listed.setdefault(name, []).append((len(indices), number))
                elif key == "categories":
                    category = file.load(start, end)
                    name, number = values.text(label(category)), values.identity(category["id"])
                    if name is None or number is None:
                        counts["categories without number or name"] += 1
                    elif labels.setdefault(number, name) != name:
                        raise InputError(
                            f'{path}: category {number} is "{name}", before that "{labels[number]}"; a number can '
                            "stand for one only, and files that differ are converted one by one"
                        )
            except KeyError as error:
                raise InputError(f'{path}, byte {start}: an entry of "{key}" lacks {error}') from error
            except (TypeError, AttributeError) as error:
                raise InputError(
                    f'{path}, byte {start}: this is no entry of "{key}" as {what} has them'
                ) from error
        require(file, ("images", "annotations", "categories"), what)
        require_field(file, len(annotations), usable, field, what)
        unlisted = annotations.count_without(names.keys())
        if unlisted and unlisted == len(annotations):
            raise InputError(f'{path}: all its {unlisted} annotations are of images that its "images" do not list')
        counts["annotations of unlisted images"] += unlisted
        indices.append(annotations)
    if listed and not any(map(len, indices)):
        raise InputError(f'{inputs[0]}: its "annotations" are empty; expected {what}')
    if listed and not labels:
        raise InputError(f'{inputs[0]}: its "categories" name none; expected {what}')
    texts = captions.by_image(captions_file) if captions_file else None
    if texts and listed:
        captions.check(texts, (places[0][1] for places in listed.values()))

    def items():
        for name, (width, height) in sizes.items():
            raw = [part for file, number in dict.fromkeys(listed[name]) for part in indices[file].raw(number)]
            yield name, width, height, raw, texts.raw(listed[name][0][1]) if texts else []

    return CocoFiles(items(), len(sizes), labels, counts)
