"""What of a crowded scene one description has room for."""

import bisect
import random

from spacesgg import training_record
from spacesgg.offline_wording import Teller
from spacesgg.scene import Scene

# What LLaVA's loader does not cut off a record, less the question and the words around the objects of a layer.
MAX_TOKENS = training_record.TEXT_TOKENS - 60
TOKENS_OF_A_LAYER = 15
TOKENS_OF_A_MENTION = 50  # more than any takes, but for its name


def fit(scene: Scene) -> list[list[str]]:
    """Return the layers, cut down until one text has room for them.

    What goes first is that things reach into further layers, and layers that hold nothing else; then, in scenes of
    some forty things without their like, the smallest things.
    """
    layers = scene.layers()
    if spare(scene, layers, 0) >= 0:
        return layers
    new = list(dict.fromkeys(key for layer in layers for key in layer))
    place = {key: min(n for n, layer in enumerate(layers) if key in layer) for key in new}

    def area(key: str) -> float:
        x0, y0, x1, y1 = scene.things[key].box
        return abs((x1 - x0) * (y1 - y0))

    def largest(count: int) -> list[list[str]]:
        kept = sorted(new, key=area, reverse=True)[:count]
        parted = ([key for key in new if place[key] == n and key in kept] for n in range(len(layers)))
        return [layer for layer in parted if layer]

    fewer = bisect.bisect_right(range(1, len(new) + 1), MAX_TOKENS, key=lambda n: tokens(scene, largest(n)))
    return largest(max(fewer, 1))


def spare(scene: Scene, layers: list[list[str]], most: int) -> int:
    """Return about how many tokens are left, up to `most`, when what is in the layers is named."""
    names = [scene.things[key].noun.text for layer in layers for key in layer]
    if sum(TOKENS_OF_A_MENTION + len(name) for name in names) <= MAX_TOKENS - most:
        return most
    return min(MAX_TOKENS - tokens(scene, layers), most)


def tokens(scene: Scene, layers: list[list[str]]) -> int:
    """Return about how many tokens it takes to name what is in the layers."""
    teller = Teller(scene, random.Random(0))
    named = [_named(teller, [key for key in layer if key not in teller.named], layer) for layer in layers]
    return sum(training_record.estimate_tokens(text) + TOKENS_OF_A_LAYER for text in named)


def _named(teller: Teller, new: list[str], layer: list[str]) -> str:
    known = [key for key in layer if key not in new]
    return (teller.introduce(new) if new else "") + (teller.together(known) if known else "")


def untold(scene: Scene, layers: list[list[str]]) -> set[str]:
    """Return the objects of the scene's layers that are in none of `layers`, for want of room."""
    told = {key for layer in layers for key in layer}
    return {key for layer in scene.layers() for key in layer if key not in told}
