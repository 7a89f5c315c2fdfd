"""The offline writer's stock of words: what relations and viewpoints are called, counts, sentences and lists."""

import random
from collections.abc import Iterable, Sequence

# (axis, sign) → what may be said of a subject whose sign against the object it is, the plainest first; "{viewer}"
# is who looks. What stands at the same place for −1 and 1 is said in the same manner.
PREDICATES = {
    ("left", -1): ("to the left of", "left of", "farther left than", "more to the left than"),
    ("left", 1): ("to the right of", "right of", "farther right than", "more to the right than"),
    ("up", -1): ("above", "higher up than", "higher than"),
    ("up", 1): ("below", "lower down than", "lower than"),
    ("front", -1): ("in front of", "nearer than", "closer to {viewer} than", "nearer to {viewer} than"),
    ("front", 1): ("behind", "farther back than", "farther from {viewer} than", "farther away than"),
}
PLAINEST = 0
VIEWER = {"front": "the camera", "left": "you", "right": "you", "back": "you"}
# Phrases that open a clause.
SEEN_FROM = {
    "left": (
        "seen from the left side of the scene",
        "viewed from the left-hand side",
        "from the left end of the scene, looking to the right",
        "looking across from the left",
    ),
    "right": (
        "seen from the right side of the scene",
        "viewed from the right-hand side",
        "from the right end of the scene, looking to the left",
        "looking across from the right",
    ),
    "back": (
        "seen from behind the scene",
        "viewed from the far side",
        "from the back of the scene, looking toward the camera",
        "looking back from the far end",
    ),
}
# Phrases that follow "imagine", "suppose" and "if".
STANDING = {
    "left": (
        "you are standing at the left side of the scene, looking to the right",
        "you are at the left edge of this place and face right",
        "you have walked over to the left-hand side and look across to the right",
    ),
    "right": (
        "you are standing at the right side of the scene, looking to the left",
        "you are at the right edge of this place and face left",
        "you have walked over to the right-hand side and look across to the left",
    ),
    "back": (
        "you are standing behind the scene, looking back at the camera",
        "you are at the far end of this place and face the camera",
        "you have walked around to the back and look toward the photographer",
    ),
}
# Phrases that bring the reader back from there: before a clause, and before one that is long or no question.
FROM_CAMERA = ("from the camera", "seen from the camera", "from where the camera stands", "in the camera's view")
BACK_AT_CAMERA = (
    "back to the camera's view",
    "back at the camera's place",
    "let us go back to the camera",
    "as the camera sees it",
)
FROM_THERE = ("from there", "from that side", "seen from there", "from that position", "from that spot")
COUNTS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)


def sentence(text: str, end: str = ".") -> str:
    """Return `text` with a capital and a full stop (or `end`), unless it ends in one already."""
    text = text.strip()
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else end)


def join(parts: Sequence[str], last: str = "and") -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def count_word(count: int) -> str:
    """Return the number as a word where it is a short one."""
    return COUNTS[count] if count < len(COUNTS) else str(count)


def shuffled(rng: random.Random, items: Iterable) -> list:
    """Return the items in random order."""
    items = list(items)
    rng.shuffle(items)
    return items
