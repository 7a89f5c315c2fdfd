"""How many planted faults the check of replies finds, and how many true texts it refuses.

In:   nothing: scenes are ray-cast by examples/make_scenes.py and texts written by the offline writer from their
      exact truth; hand-written texts lie in tests/paraphrases/
Out:  two tables, printed: faults planted and found of each kind, true texts read and refused of each form
Run:  python benchmarks/check.py --scenes 150 --faults 200 --texts 1000 --seed 1

A fault is planted in a true text so that what it says is false: a relation is turned round, an object is told in a
layer that it is not in, someone else's box is put beside a name. A fault counts as found when the text is refused.
"""

import argparse
import functools
import itertools
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import prompts
from benchmarks.planted_faults import PLANTED, Text
from examples import make_scenes
from spacesgg import batch, grounded_text, layers, views
from spacesgg.errors import InputError
from spacesgg.prompt import Prompt
from spacesgg.reply_check import check_reply
from spacesgg.scene import Scene

FUNCTIONS = (prompts.create_layer_prompt, prompts.create_between_prompt, prompts.create_rotation_prompt)
PARAPHRASES = Path(__file__).resolve().parent.parent / "tests" / "paraphrases"
MARGIN_M = np.full(3, 0.02)  # what the pipeline asks for at least before it states a relation


def entry_of(extents: dict[str, tuple[str, np.ndarray, list[float]]], caption: str = "") -> dict[str, Any]:
    """Return the annotation entry of objects, from key → (label, (2, 3) extent, [near, far]), all in metres."""
    entry: dict[str, Any] = {"caption_annotation": caption}
    for key, (label, _, depth_range) in extents.items():
        x0, y0, x1, y1 = grounded_text.boxes(key)[0]
        entry[key] = [label, [float(x0), float(y0), float(x1), float(y1)], "mask.png", depth_range]
    entry["levels"] = layers.cluster_layers({key: span for key, (_, _, span) in extents.items()})
    orders = {}
    for view in views.VIEWS:
        turned = {key: views.turn(extent, view) for key, (_, extent, _) in extents.items()}
        orders[view] = {
            f"{a}>{b}": views.relation(turned[a], turned[b], MARGIN_M)
            for a, b in itertools.combinations(turned, 2)
        }
    entry["order_list"] = orders.pop("front")
    entry["views"] = {view: {"order_list": order} for view, order in orders.items()}
    return entry


def cast(count: int, seed: int, workers: int) -> list[dict[str, Any]]:
    """Return the annotation entries of `count` ray-cast rooms, from their exact truth."""
    with tempfile.TemporaryDirectory() as folder:
        work = functools.partial(make_scenes.make_scene, kind="clean", seed=seed, folder=Path(folder))
        truths = [done.truth for _, done, _ in batch.run(work, range(count), workers, count, "scenes") if done]
    entries = []
    for truth in truths:
        extents = {
            key: (thing["label"], np.array(thing["extent"]), [float(v) for v in thing["depth_range"]])
            for key, thing in truth["objects"].items()
        }
        entries.append(entry_of(extents))
    return entries


def texts(entries: list[dict[str, Any]], function: Callable[..., Prompt], seed: int) -> Iterator[Text]:
    """Yield true texts without end, scene after scene, in ever new wordings."""
    for number in itertools.count():
        entry = entries[number % len(entries)]
        scene = Scene.from_entry("image.jpg", entry)
        rng = random.Random(f"{seed}/{number}")
        try:
            prompt = function(scene, rng)
            yield Text(scene, entry, prompt, prompt.offline(rng))
        except InputError:  # nothing is known to write about
            continue


def planted(entries: list[dict[str, Any]], kind: str, count: int, seed: int) -> Iterator[tuple[Text, str]]:
    """Yield `count` true texts with what became of them by a fault of `kind`."""
    plant, functions = PLANTED[kind]
    streams = [texts(entries, FUNCTIONS[number], seed) for number in functions]
    rng = random.Random(f"{seed}/{kind}")
    found = 0
    for told in itertools.chain.from_iterable(zip(*streams, strict=False)):
        false = plant(told, rng)
        if false is not None and false != told.text:
            yield told, false
            found += 1
            if found == count:
                return


def paraphrases() -> Iterator[tuple[str, Text]]:
    """Yield the hand-written texts with the name of their file.

    scene.json holds the objects, name → [label, [x0, y0, x1, y1] (0–999), extent in metres]; in the texts,
    {name} is an object with its tags, {name|word} under another word (such as its plural), {a+b|word} several,
    and {=relation|a|b} a tagged relation. Texts are parted by blank lines, lines that begin with # are remarks.
    """
    things = orjson.loads((PARAPHRASES / "scene.json").read_bytes())
    keys = {name: str([box]) for name, (_, box, _) in things.items()}
    extents = {
        keys[name]: (label, np.array(extent), [extent[0][2], extent[1][2]])
        for name, (label, _, extent) in things.items()
    }
    entry = entry_of(extents)
    scene = Scene.from_entry("room.jpg", entry)

    def tag(match: re.Match) -> str:
        first, *rest = match[1].split("|")
        if first.startswith("="):
            return grounded_text.pred(first[1:], keys[rest[0]], keys[rest[1]])
        names = first.split("+")
        word = rest[0] if rest else scene.things[keys[names[0]]].noun.text
        return grounded_text.ref(word, *(keys[name] for name in names))

    for path in sorted(PARAPHRASES.glob("*.txt")):
        form = path.stem
        lines = "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#")
        for text in filter(None, (part.strip() for part in re.split(r"\n\s*\n", lines))):
            text = re.sub(r"\{([^{}]+)\}", tag, text)
            text = " ".join(text.split()) if form == "description" else text
            yield path.name, Text(scene, entry, Prompt([], form, pairs=text.count("Q: ")), text)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; return 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--scenes", type=int, default=150, help="How many rooms are ray-cast.")
    add("--faults", type=int, default=200, help="How many faults of each kind are planted.")
    add("--texts", type=int, default=1000, help="How many true texts of each form are read.")
    add("--seed", type=int, default=1, help="Another number makes other scenes, texts and faults.")
    add("--workers", type=int, default=2, help="Scenes ray-cast at once.")
    add("--show", type=int, default=0, help="Print so many of the faults missed and the true texts refused.")
    args = parser.parse_args(arguments)
    entries = cast(args.scenes, args.seed, args.workers)
    shown = args.show

    def show(*lines: object) -> None:
        nonlocal shown
        if shown > 0:
            shown -= 1
            print(*lines, sep="\n   ")

    print("\n| planted fault | planted | found | share |\n| --- | --- | --- | --- |")
    for kind in PLANTED:
        found = total = 0
        for told, false in tqdm(planted(entries, kind, args.faults, args.seed), kind, args.faults, disable=None):
            total += 1
            if check_reply(told.scene, told.prompt, false).faults:
                found += 1
            else:
                show(f"missed: {kind}", grounded_text.plain(told.text), grounded_text.plain(false))
        print(f"| {kind} | {total} | {found} | {100 * found / max(total, 1):.1f} % |", flush=True)
    print("\n| true texts | read | refused | share | ms each |\n| --- | --- | --- | --- | --- |")
    sources = {
        f"writer, {function(Scene.from_entry('', entries[0]), random.Random(0)).form}": itertools.islice(
            texts(entries, function, args.seed + 1), args.texts
        )
        for function in FUNCTIONS
    }
    written = [*paraphrases()]
    for name in dict.fromkeys(name for name, _ in written):
        sources[f"by hand, {Path(name).stem}"] = iter([told for other, told in written if other == name])
    for name, told_texts in sources.items():
        refused, total, seconds = 0, 0, 0.0
        for told in told_texts:
            total += 1
            start = time.perf_counter()
            faults = check_reply(told.scene, told.prompt, told.text).faults
            seconds += time.perf_counter() - start
            if faults:
                refused += 1
                show(f"refused: {name}", grounded_text.plain(told.text), *faults)
        ms = 1000 * seconds / max(total, 1)
        print(f"| {name} | {total} | {refused} | {100 * refused / max(total, 1):.1f} % | {ms:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
