"""What a layered description says about layers: which object stands in which, and in which order they come."""

import re
from collections.abc import Iterator, Sequence

from spacesgg.claims import sentences
from spacesgg.mentions import Mention, Names
from spacesgg.relation_words import tokens
from spacesgg.scene import Scene

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_CUES: tuple[tuple[str, str], ...] = (
    (
        r"\b(?:single|same|one|only one) (?:layer|plane)(?! (?:deeper|farther|further|back|behind|beyond|closer))",
        "same",
    ),
    (r"\b(?:share|shares) a (?:layer|depth)", "same"),
    (r"\bfalls? into one layer", "same"),
    (
        r"\bforeground|\b(?:front|nearest|closest|frontmost|foremost)"
        r" (?:layer|plane|part|area|zone|region|section)|\b(?:up|right at the) front\b"
        r"|\bfront of the (?:scene|picture|view|room)|\bstarting at the front",
        "first",
    ),
    (
        r"\bbackground|\bbackdrop|\b(?:conclude|round off|complete)s? the (?:scene|picture|view)|\b(?:last"
        r"|final|back|rear|farthest|furthest|deepest|rearmost) (?:layer|plane|part|area|zone|region|section)"
        r"|\bat the very back|\b(?:at|in) the back of the (?:scene|picture|view|room)",
        "last",
    ),
    (r"\bmiddle ?-?ground|\bmid-?ground|\bmiddle (?:layer|distance|plane)|\bmid-?distance", "middle"),
    *(
        (
            rf"\b{word} (?:layer|plane)|\blayer (?:number )?{n}\b|(?<=layer, )the {word}\b"
            rf"|\b(?:and|while) the {word} (?=(?:a|an|the"
            rf"|some) )",
            str(n),
        )
        for n, word in enumerate(_ORDINALS, start=1)
    ),
    (
        r"\b(?:next|following|another|one more) (?:layer|plane)|\blayer (?:after|behind|beyond)"
        r"|\bone layer (?:deeper|farther|further|back)"
        r"|\bnext in depth|\b(?:then|next|finally|after that|lastly|last)(?:,)? (?:come|comes|there (?:is"
        r"|are)|is|are|follow|follows)\b"
        r"|\bmoving (?:further|farther|deeper) into|\bgoing on from there|\bthat leaves\b",
        "next",
    ),
)
_PATTERN = re.compile("|".join(f"({pattern})" for pattern, _ in _CUES), re.IGNORECASE)
_BOUNDARY = re.compile(
    r"[;—–]|\b(?:while|whereas|but|with)\b|, and (?=(?:the |one of the |some |some of the "
    r"|both )?[^,;@]{0,25}@\d+@"
    r"[^;]{0,60}\b(?:reach|extend|stretch|continu|carr|span|conclude|complete|close|form|make up))",
    re.IGNORECASE,
)
_REACHING = re.compile(
    r"\b(?:(?<!you )(?<!we )reach(?:es|ing)?|extend|stretch|continu|span|taken up|carr(?:y|ies) on)", re.IGNORECASE
)
_ASIDE = re.compile(
    r"(?:near|next to|beside|against|under|by|alongside|on top of) (?:the |a |an )?(?:\w+ )?$",
    re.IGNORECASE,
)


def speaks(text: str, names: Names) -> bool:
    """Tell whether a text puts objects that it names into layers."""
    encoded, mentions = names.encode(text)
    return bool(mentions and _PATTERN.search(encoded))


def faults(text: str, names: Names, layers: list[list[str]]) -> Iterator[tuple[str, str]]:
    """Yield (kind, detail) of what a description says wrongly about the layers of its scene."""
    scene = names.scene
    places = {key: {n for n, layer in enumerate(layers) if key in layer} for key in scene.things}
    encoded, mentions = names.encode(text)
    layered = _PATTERN.search(encoded)  # a text that follows no layers may go in any order
    reached, introduced = -1, set()
    deepest, deepest_key = -1, ""
    for sentence in sentences(encoded):
        if (
            any(token.kind == "O" and token.value == ("front", 1) for token in tokens(sentence))
            and "layer" in sentence
        ):
            yield (
                "layers out of order",
                "the layers are told from the nearest to the farthest, not from far to near",
            )
        aside = _asides(sentence)
        named = [
            (match.start(), mentions[int(match[1])])
            for match in re.finditer(r"@(\d+)@", sentence)
            if match.start() not in aside
        ]
        for cue, told in _segments(sentence, [start for start, _ in named]):
            keys = [key for start, mention in named if start in told for key in _keys(mention)]
            wrong, reached = _wrong(cue, list(dict.fromkeys(keys)), introduced, places, len(layers), reached)
            for key in wrong:
                yield "an object in the wrong layer", _misplaced(scene, key, places[key], len(layers), cue)
        for _, mention in named:
            for key in _keys(mention):
                if key in introduced or not places[key]:
                    continue
                introduced.add(key)
                if layered and min(places[key]) < deepest:
                    yield (
                        "layers out of order",
                        f"the {scene.things[key].noun.text} is nearer than the"
                        f" {scene.things[deepest_key].noun.text}, "
                        "yet it comes after it; go from the nearest layer to the farthest",
                    )
                elif min(places[key]) > deepest:
                    deepest, deepest_key = min(places[key]), key


def _keys(mention: Mention) -> Sequence[str]:
    """Return what a mention names for certain."""
    return mention.options[0] if len(mention.options) == 1 else ()


def _asides(sentence: str) -> set[int]:
    """Return where names stand that only say where something else is: "in front of the sofa"."""
    found, after = set(), False
    for token in tokens(sentence):
        if token.kind in "RB":
            after = True
        elif token.kind == "M":
            if (
                after
                or _ASIDE.search(sentence[: token.start])
                and not _PATTERN.search(sentence[: token.start][-25:])
            ):
                found.add(token.start)
        elif token.kind not in "w,&P?" and token.words.lower() != "of":
            after = False
    return found


def _segments(sentence: str, starts: list[int]) -> Iterator[tuple[str, set[int]]]:
    """Yield each layer that a sentence speaks of, as a cue, with the offsets of the names it puts there."""
    bounds = [0, *(match.start() for match in _BOUNDARY.finditer(sentence)), len(sentence)]
    for begin, end in zip(bounds, bounds[1:], strict=False):
        if _REACHING.search(sentence, begin, end):
            continue
        cues = list(_PATTERN.finditer(sentence, begin, end))
        inside = [start for start in starts if begin <= start < end]
        if not cues or not inside:
            continue
        if inside[0] < cues[0].start():  # "a chair makes up the foreground"
            edges = [begin, *(cue.end() for cue in cues)]
        else:
            edges = [*(cue.start() for cue in cues), end]
        for cue, low, high in zip(cues, edges, edges[1:], strict=False):
            yield _CUES[cue.lastindex - 1][1], {start for start in inside if low <= start < high}


def _wrong(
    cue: str, keys: list[str], introduced: set[str], places: dict[str, set[int]], count: int, reached: int
) -> tuple[list[str], int]:
    """Return which of `keys` do not stand in the layer that the cue means, and the layer that is reached by it."""
    keys = [key for key in keys if places[key]]
    if cue in ("next", "same"):
        keys = [key for key in keys if key not in introduced] if cue == "next" else keys
        if not keys:
            return [], reached
        low = reached + 1 if cue == "next" else 0
        votes = {n: sum(n in places[key] for key in keys) for n in range(low, count)}
        best = max(votes, key=lambda n: (votes[n], -n), default=None)
        if best is None or not votes[best]:
            return keys, reached
        return [key for key in keys if best not in places[key]], max(best, reached)
    wanted = {"first": {0}, "last": {count - 1}, "middle": set(range(1, count - 1))}.get(cue)
    wanted = {int(cue) - 1} if wanted is None else wanted
    return [key for key in keys if not places[key] & wanted], max(reached, min(wanted, default=reached))


def _misplaced(scene: Scene, key: str, places: set[int], count: int, cue: str) -> str:
    said = {"first": "the foreground", "last": "the background", "middle": "the middle", "same": "one layer"}
    said |= {"next": "the layer that comes next"}
    where = " and ".join(str(n + 1) for n in sorted(places))
    return (
        f"the {scene.things[key].noun.text} {key} is not in {said.get(cue, f'layer {cue}')} with what is"
        f" named there, "
        f"but in layer {where} of {count}, counted from the nearest"
    )
