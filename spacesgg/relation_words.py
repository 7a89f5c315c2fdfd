"""The English of place: phrases that say who is left, above or in front of whom, and what they mean.

`tokens` cuts an encoded text (see mentions.py) into what matters for reading a statement. A meaning is
(axis, sign) as in an order_list: ("left", -1) is left of, ("front", 1) is behind.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

Meaning = tuple[str, int]

_CAMERA = r"(?:the |its )?(?:camera|photographer|lens)(?:'s position)?"
_VIEWER = (
    rf"(?:{_CAMERA}|(?:the )?(?:viewer|observer|eye)|us|you|me|here|where (?:you|we|I) (?:stand|are)(?: now)?)"
)
_TO = rf"(?: to(?:wards?)? {_VIEWER})?"
_FROM = rf"(?: (?:away )?from {_VIEWER})?"
_FAR = r"(?:farther|further)"
_FARTHEST = r"(?:farthest|furthest)"
_BACK = r"(?: away| back| off| out| in| behind| into the \w+)*"
_SIDE = r"(?:-hand)?(?: side| edge| end| half)?"
_WHERE = r"(?: in the \w+| in height)?"
# "the nearest part of the scene" is a layer, and layer_claims.py reads what stands in it
_REGION = r"(?! (?:parts?|layers?|planes?|areas?|zones?|regions?|sections?|groups?)\b)"
_MORE = r"(?:far |immediate |near |immediately |directly |very )?"

_SOMETHING = r"(?:(?:the |an? |its |both |their |another |nearer |farther )*@|it\b|them\b|these\b)"
_HIDE = r"\b(?:hid(?:e)?|obscure|conceal|occlude|cover up|screen off|shield)"
_HIDDEN = r"\b(?:hidden|obscured|concealed|occluded|covered up|screened off|shielded|blocked|obstructed|cut off)"
_BLOCK = r"\b(?:block|obstruct|limit|cut off)"

# Phrases that stand between a subject and an object.
_BETWEEN_TWO: tuple[tuple[str, Meaning], ...] = (
    *(
        entry
        for side, sign in (("left", -1), ("right", 1))
        for entry in (
            (
                rf"(?:to|on|at|towards?|along|off to) the {_MORE}{side}{_SIDE} of"
                r"(?! the (?:scene|picture|image|frame|room|view|photo\w*|place|street)\b)",
                ("left", sign),
            ),
            (rf"\b{side}(?:ward)? of", ("left", sign)),
            (rf"(?:{_FAR}|more)(?: over)? (?:to(?:wards?)? the )?{side} than", ("left", sign)),
            (rf"(?:closer|nearer) to the {side}(?: \w+)? than", ("left", sign)),
        )
    ),
    (
        rf"\babove|higher(?: up)?{_WHERE} than|at a greater height than|on top of|\batop"
        rf"|(?<!all )(?<!look )(?<!farther )(?<!further )over(?= {_SOMETHING})",
        ("up", -1),
    ),
    (rf"\b(?:below|beneath|underneath|under)|lower(?: down)?{_WHERE} than", ("up", 1)),
    (
        rf"in front of|ahead of|(?:nearer|closer)(?: in)?{_TO} than|nearer {_VIEWER} than"
        rf"|on the (?:near|nearer|closer) side of|less (?:far|distant){_BACK}{_FROM} than"
        rf"|{_HIDE}s?(?: from (?:view|sight))?(?= {_SOMETHING})|{_BLOCK}s? (?:\w+ )?(?:view|sight) (?:of|to)",
        ("front", -1),
    ),
    (
        rf"\bbehind|\bbeyond|in back of|{_FAR}{_BACK}{_FROM} than|more (?:distant|remote){_FROM} than"
        rf"|deeper{_WHERE}(?: into the \w+)? than|on the (?:far|farther|further) side of"
        rf"|{_HIDDEN} (?:from (?:view|sight) )?by"
        rf"|(?<!walk )(?<!walking )(?<!go )(?<!going )(?<!look )(?<!move )(?<!reach )\bpast(?= {_SOMETHING})",
        ("front", 1),
    ),
)
_SUPERLATIVE: tuple[tuple[str, Meaning], ...] = (
    (rf"left-?most|{_FARTHEST} (?:over )?(?:to(?:wards?)? the )?left|most to the left|left-hand", ("left", -1)),
    (
        rf"right-?most|{_FARTHEST} (?:over )?(?:to(?:wards?)? the )?right|most to the right|right-hand",
        ("left", 1),
    ),
    (r"highest(?: up)?|topmost|uppermost|\bupper", ("up", -1)),
    (r"lowest(?: down)?|bottom-?most|lowermost", ("up", 1)),
    (rf"(?:nearest|closest){_REGION}{_TO}|frontmost|foremost", ("front", -1)),
    (
        rf"{_FARTHEST}{_REGION}(?: in the distance)?{_BACK}{_FROM}|most distant{_REGION}{_FROM}|rearmost|backmost"
        rf"|hindmost|deepest{_REGION}",
        ("front", 1),
    ),
)
_COMPARATIVE: tuple[tuple[str, Meaning], ...] = (
    (rf"(?:{_FAR}|more)(?: over)? (?:to the )?left|(?:to|on) the left", ("left", -1)),
    (rf"(?:{_FAR}|more)(?: over)? (?:to the )?right|(?:to|on) the right", ("left", 1)),
    (r"higher(?: up)?", ("up", -1)),
    (r"\blower(?: down)?", ("up", 1)),
    (rf"(?:nearer|closer){_TO}|\bin front", ("front", -1)),
    (
        r"(?<!layer )(?<!plane )(?<!moving )(?<!going )(?<!looking )(?<!move )(?<!go )(?<!look )(?<!step )"
        rf"(?:{_FAR}{_BACK}{_FROM}|more distant{_FROM}|deeper(?: in(?:to)?(?: the \w+)?)?)",
        ("front", 1),
    ),
)
# "on the left of the picture" places one object in the picture; "its left" one object against another.
_POSITION = (
    r"(?:on|at|to|over on|off to|towards?) (?:the|your|my|our) (?:far |very )?{side}(?:(?:-hand)? (?:side"
    r"|edge|end))?"
    r"(?: of (?:the|this) (?:scene|picture|image|frame|room|view|photo\w*|place|street))?"
)
_ITS_SIDE = r"(?:to|on|at) (?:its|their|his|her) (?:immediate )?{side}(?:-hand)?(?: side)?"
_NEAR_END = r"(?:the )?(?:near(?:est)?|clos(?:e|est)|front|foreground)"
_FAR_END = r"(?:the )?(?:far(?:thest)?|furthest|back(?:ground)?|distant|most distant|rear|deepest)"
_LEFT_END, _RIGHT_END = r"(?:the )?left(?:most)?", r"(?:the )?right(?:most)?"
_TOP_END, _LOW_END = r"(?:the )?(?:top(?:most)?|highest)", r"(?:the )?(?:bottom(?:most)?|lowest)"
_THING = r"(?: (?:one|thing|object|item|things|objects|items))?"
_START = r"(?:starting|beginning|start|begin)(?: on| at| from| with)"
_ORDER: tuple[tuple[str, Meaning], ...] = tuple(
    (
        rf"(?:going |moving |reading |ordered |listed )?(?:from )?\b{one}{_THING} to {other}{_THING}\b"
        rf"|{_START} {one}(?<!front)(?<!foreground)|\b{one}{_THING} first\b",
        (axis, sign),
    )
    for axis, near, far in (
        ("left", _LEFT_END, _RIGHT_END),
        ("up", _TOP_END, _LOW_END),
        ("front", _NEAR_END, _FAR_END),
    )
    for one, other, sign in ((near, far, -1), (far, near, 1))
)
_VERBS = (
    "is|are|was|were|be|'s|'re|stands?|sits?|lies?|hangs?|rests?|comes?|goes|go|remains?|appears?|seems?"
    "|stays?|ends? up"
    "|has|have|had|sees?|finds?|notices?|spots?|reach(?:es)?|meets?|follows?|makes? up|occup(?:y|ies)|fills?"
    "|holds?|contains?|rises?|leans?|looks?|belongs?|shares?|extends?|stretch(?:es)?|turns out|would|becomes?"
    "|does|do|precedes?|float|floats|grows?|parks?|can|could|will"
)
_KINDS: tuple[tuple[str, str], ...] = (
    ("M", r"@\d+@"),
    ("O", ""),
    ("B", r"\b(?:half-?way |midway |in )?between\b|\bin the middle of(?= @)"),
    ("L", ""),
    ("R", ""),
    ("S", ""),
    ("C", ""),
    (
        "E",
        r"\b(?:everything|anything|everyone|all of (?:it|them))(?: else)?\b"
        r"|\b(?:(?:any|all|each)(?: of)? )?the (?:others|rest|other (?:objects|things|items|two|three))\b"
        r"|\ball others\b",
    ),
    (
        "X",
        rf"\b{_VIEWER}(?:'s)?\b|\byourself\b|\b(?:we|I|someone)\b"
        r"|\bone(?= (?:sees|finds|notices|spots|meets|passes|comes|can|could|would)\b)",
    ),
    ("N", r"\b(?:not|never|neither|nor|rather than|instead of|no longer|cannot)\b|n't\b"),
    ("h", r"\b(?:whether|unclear|uncertain|might|maybe|perhaps|possibly|may be|could be|hard to)\b"),
    (
        "P",
        r"(?<=beyond )that\b|(?<=behind )that\b|(?<=than )that\b|\b(?:it|they|them|both|these|those|this|each"
        r"|one|the other|the two|the former|the latter)\b",
    ),
    ("V", rf"\b(?:{_VERBS})\b|(?<=\w)'(?:s|re)\b"),
    ("&", r"\b(?:and|as well as|plus|along with|together with)\b"),
    ("|", r"\bor\b"),
    ("~", r"\b(?:but|while|whereas|although|though|yet|however|because|since|so)\b"),
    ("?", r"\b(?:which|that|who|where|what)\b"),
    (
        "T",
        r"\b(?:then|finally|lastly|last|first|next|afterwards?|followed by|second|third|after (?:that|it|them))\b",
    ),
    (
        "z",
        r"\b(?:with|near|beside|next to|on|in|at|by|along|of|from|to|into|among|for|than|as|against|opposite)\b",
    ),
    (";", r"[;:—–]|\s-\s|[.!?]"),
    (",", r","),
    ("w", r"[^\s,;:.!?@]+"),
)


class Token(NamedTuple):
    """One piece of a sentence: its kind (a letter of `_KINDS`), what it means, its words and where they stand."""

    kind: str
    value: object
    words: str
    start: int
    end: int


def _compile() -> tuple[re.Pattern, list[tuple[str, object]]]:
    parts, meanings = [], []

    def add(kind: str, pattern: str, value: object) -> None:
        parts.append(f"({pattern})")
        meanings.append((kind, value))

    tables = {"O": _ORDER, "R": _BETWEEN_TWO, "S": _SUPERLATIVE, "C": _COMPARATIVE}
    for kind, pattern in _KINDS:
        if kind == "L":
            for side, sign in (("left", -1), ("right", 1)):
                add("I", _ITS_SIDE.format(side=side), ("left", sign))
                add("L", _POSITION.format(side=side) + r"\b(?! of)(?!-hand)(?! than)", ("left", sign))
            add("L", r"\b(?:in|into|to|at) the (?:immediate |very )?(?:foreground|front)\b(?! of)", ("front", -1))
            add(
                "L",
                r"\b(?:in|into|to|at) the (?:far |very |distant )?(?:background|back|rear)\b(?! of)",
                ("front", 1),
            )
        elif kind in tables:
            for phrase, meaning in tables[kind]:
                end = r"\b(?! (?:to|from) (?:the |a )?@)" if kind in "SC" else r"\b"
                add(kind, rf"(?<![\w-])(?:{phrase}){end}", meaning)
        else:
            add(kind, pattern, None)
    return re.compile("|".join(parts), re.IGNORECASE), meanings


_PATTERN, _MEANINGS = _compile()
# Nearness to an object is no statement on who is in front: "closer to the sofa than the lamp".
_PROXIMITY = re.compile(
    r"\b(?:closer|closest|nearer|nearest|near|farther|further|farthest)(?: away)? (?:to|from) (?:the |a "
    r"|an )?@\d+@(?: than (?:the |a |an )?@\d+@)?",
    re.IGNORECASE,
)
_PINNED = re.compile(rf"\b{_CAMERA}\b", re.IGNORECASE)


def tokens(encoded: str) -> Iterator[Token]:
    """Yield the pieces of an encoded text."""
    encoded = _PROXIMITY.sub(lambda m: re.sub(r"[^\s]", "_", m[0]), encoded)
    for match in _PATTERN.finditer(encoded):
        kind, value = _MEANINGS[match.lastindex - 1]
        yield Token(kind, int(match[0][1:-1]) if kind == "M" else value, match[0], *match.span())


def names_camera(words: str) -> bool:
    """Tell whether the words measure from the camera wherever one stands: "closer to the camera than"."""
    return bool(_PINNED.search(words))
