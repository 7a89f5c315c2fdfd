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
SUPERLATIVES = {
    ("left", -1): ("farthest to the left", "the leftmost"),
    ("left", 1): ("farthest to the right", "the rightmost"),
    ("up", -1): ("highest up", "the highest"),
    ("up", 1): ("lowest down", "the lowest"),
    ("front", -1): ("nearest", "the closest"),
    ("front", 1): ("farthest away", "farthest back", "the farthest"),
}
COMPARATIVES = {
    ("left", -1): ("farther to the left", "more to the left"),
    ("left", 1): ("farther to the right", "more to the right"),
    ("up", -1): ("higher up", "higher"),
    ("up", 1): ("lower down", "lower"),
    ("front", -1): ("nearer", "closer"),
    ("front", 1): ("farther away", "farther back"),
}
EITHER = {
    "left": ("to the left or to the right of", "left or right of", "to the left or right of"),
    "up": ("above or below", "higher up or lower down than"),
    "front": ("in front of or behind", "nearer or farther away than", "closer or farther back than"),
}
# Of one against several: "what is higher up than the lamp" need not hang right above it.
SIDES = {
    ("left", -1): "to the left of",
    ("left", 1): "to the right of",
    ("up", -1): "higher up than",
    ("up", 1): "lower down than",
    ("front", -1): "nearer than",
    ("front", 1): "farther away than",
}
# What lies between two; the last ones only of objects whose names tell no place, as "the left-hand cup" does. Who
# is asked to go along the axis tells what is there in its order: see IN_ORDER.
BETWEEN = {
    "left": (
        "going from left to right, what comes between {one} and {other}",
        "what is right of {one} and left of {other}",
        "what lies between {one} on the left and {other} on the right",
    ),
    "up": (
        "what is below {one} but above {other}",
        "in height, what comes between {one} and {other}",
        "going down from {one} to {other}, what lies between them in height",
    ),
    "front": (
        "going from near to far, what comes between {one} and {other}",
        "what is farther away than {one} but nearer than {other}",
        "in depth, what comes after {one} and before {other}",
        "what lies between {one} and {other} in depth",
    ),
}
# What is told as coming along an axis is heard in the order of the list.
GOING = {"left": "going from left to right", "up": "going down", "front": "going from near to far"}
WAYS = {"left": "from left to right", "up": "in height", "front": "in depth"}
IN_ORDER = (
    "{going}, {listed} {come} between {both}",
    "{listed} {come} between {both} {way}",
    "between {both} {way} {come} {listed}",  # not from left to right, for which "between" tells no way
    "that would be {listed}, coming between {both} {way}",
)
UNORDERED = (
    "between {both} {way} are {listed}",
    "{listed} lie between {both} {way}",
    "{listed} are between {both} {way}",
)
# The last two of what is called "something", as people are not.
NAMING = (
    "what do you see {words} {named}",
    "what is {words} {named}",
    "name something {words} {named}",
    "can you point out something {words} {named}",
)
ORDERS = {
    ("left", -1): ("from left to right", "starting on the left"),
    ("left", 1): ("from right to left", "starting on the right"),
    ("up", -1): ("from top to bottom", "from the highest to the lowest"),
    ("up", 1): ("from bottom to top", "from the lowest to the highest"),
    ("front", -1): ("from near to far", "starting with the nearest"),
    ("front", 1): ("from far to near", "starting with the farthest"),
}
COUNTS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)


def sentence(text: str, end: str = ".") -> str:
    """Return `text` with a capital and `end`, unless it ends so already.

    A full stop may be a name's: only "?" ends a question.
    """
    text = text.strip()
    return text[0].upper() + text[1:] + ("" if text[-1] in ("?" if end == "?" else ".?!") else end)


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
