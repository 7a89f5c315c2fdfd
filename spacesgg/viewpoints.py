"""Where a text stands: phrases that move the reader to a side of the scene, or back to the camera.

A cue is a place in a text with the view it sets: one of scene.VIEWS, "there" (the view that was set
before) or "here" (this picture, or the view in question).
"""

import re
from typing import NamedTuple

from spacesgg.scene import TELLING_WORDS

_PLACE = (
    r"(?: of (?:the|this) (?:whole )?(?:scene|room|picture|image|place|view|street|space|area|frame|photo\w*))?"
)
_SIDE = r"(?:-hand)?(?: side| edge| end| wall| part)?"
_PERSON = (
    r"(?:you|I|we|someone|somebody|a person|the viewer|an observer|a visitor|your viewpoint"
    r"|the viewpoint|one(?= (?:stands|stood|walks|walked|looks|moves|were)\b))"
)
_MOVE = (
    r"(?:stand|standing|stood|walk|walked|walking|move|moved|moving|step|stepped|stepping|go|going|went"
    r"|sit|sitting|shift|shifted|shifting|positioned|placed)"
)
# Objects stand at sides too, so it must be a person, or nobody at the start of a clause, who does.
_STAND = (
    rf"(?:\b{_PERSON}(?:'re|'m|'ve|'d)?\b[^.?!,;@]{{0,30}}?(?:\b(?:{_MOVE}|are|am|is|was|were|stands|walks"
    rf"|moves|steps|goes|position|place)\b|(?<='re)|(?<='ve)|(?<='m))"
    rf"|(?:^|[,;:.]|\b(?:imagine|suppose|picture|say|when|while|if|now|by|from|after))\s*{_MOVE}\b)"
)
_LOOK = r"(?:look|looks|looked|looking|face|faces|faced|facing|gaze|gazing|gazed)"
_CAMERA = (
    r"(?:the (?:camera|photographer|lens|original (?:camera|viewpoint|viewer|position))"
    r"|where the (?:camera|photo\w*) (?:is|was|stands))"
)


def _sides(pattern: str) -> list[tuple[str, str]]:
    """Return the pattern for both sides; LOOKED is the side that a viewer at SIDE looks to."""
    return [
        (pattern.replace("SIDE", side).replace("LOOKED", other), side)
        for side, other in (("left", "right"), ("right", "left"))
    ]


_NOT_COUNTED = "".join(
    rf"(?<!{word} )"
    for word in ("second", "third", "first", "starting", "start", "counting", "counted", "beginning")
)
_CUES = [
    # the camera's own view
    (
        rf"(?:seen |viewed |as seen )?\bfrom (?:{_CAMERA}|the camera|the front|in front"
        rf"|the original (?:view\w*|position|angle|side)"
        r"|the photo\w*)(?:'s)?(?: (?:own )?(?:view|viewpoint|position|perspective|side|angle|place"
        r"|point of view))?"
        r"(?: of the scene| stands)?",
        "front",
    ),
    (
        r"\bfrom where (?:the camera|the photographer) (?:stands|is|was)|\bfor the camera\b|\bto the camera,",
        "front",
    ),
    (r"\bthe (?:camera|photographer) (?:sees|saw|has)|\bin the (?:camera's|original) view", "front"),
    (r"\bin (?:this|the) (?:picture|image|photo\w*|view)\b|\bas seen here|\bseen from here", "here"),
    (
        r"\b(?:back|return\w*) (?:to|at) (?:the )?(?:camera's|original) (?:view|viewpoint|position|place|spot"
        r"|side)",
        "front",
    ),
    (rf"\b(?:go|going|went|come|walk|step|move|return)\w*(?: all the way)? (?:back )?to {_CAMERA}", "front"),
    (
        rf"{_STAND}[^.?!,;@]{{0,20}} (?:where|at|beside|next to|by|with) (?:the )?(?:camera"
        rf"|photographer)(?: stands| is)?",
        "front",
    ),
    # the sides
    *_sides(
        rf"{_NOT_COUNTED}\bfrom (?:the |its |their )?(?:far |very |extreme |opposite )?SIDE{_SIDE}{_PLACE}"
        r"(?! of)(?! to (?:the )?(?:left|right))"
    ),
    *_sides(
        rf"{_STAND}[^.?!,;@]{{0,30}}\b(?:at|to|on|by|near|along|from) (?:the|its) (?:far "
        rf"|very )?SIDE{_SIDE}{_PLACE}(?! of)"
    ),
    *_sides(
        rf"\b{_LOOK}(?: across| over| out| straight| back| directly)? (?:to|toward|towards|at"
        rf"|into)? ?(?:the )?LOOKED(?:wards?)?{_SIDE}\b{_PLACE}(?! of)"
    ),
    *_sides(rf"\b{_LOOK} (?:\w+ )?from SIDE to LOOKED"),
    # behind
    (
        r"\bfrom (?:right )?behind(?: (?:the (?:whole )?(?:scene|room|picture|objects)|everything|all|it all"
        r"|them all))?(?! @| the @)",
        "back",
    ),
    (
        rf"\bfrom (?:the |its )?(?:back|rear|far (?:side|end)|other (?:side|end)|opposite (?:side|end)"
        rf"|reverse side){_PLACE}(?! to )(?! of the @)",
        "back",
    ),
    (
        rf"\bbehind the (?:whole )?(?:scene|room|picture)\b|{_STAND}[^.?!,;@]{{0,15}} behind (?:everything"
        rf"|it all|all of (?:it|this|them))\b",
        "back",
    ),
    (
        rf"{_STAND}[^.?!,;@]{{0,30}}\b(?:at|to|on|by|around to) (?:the |its )?(?:very )?(?:back|rear"
        rf"|far (?:side|end)|other (?:side|end)"
        rf"|opposite (?:side|end)){_PLACE}",
        "back",
    ),
    (
        rf"\b{_LOOK}(?: (?:back|straight|out|directly|round|around))*(?: toward| towards| at| to"
        rf"| into)? {_CAMERA}",
        "back",
    ),
    (rf"\b{_LOOK} back(?: from|\b)", "back"),
    (r"\b180(?: |-)degrees?|\bfrom (?:the )?reverse(?: angle)?|\bturned? (?:the scene )?around\b", "back"),
    # where one stands already
    (
        r"\bnow\b|\bfrom (?:there|that (?:side|spot|position|place|viewpoint|point|angle|vantage point|end|corner"
        r"|perspective|point of view)"
        r"|this (?:side|spot|position|viewpoint|angle|vantage point|new \w+|perspective)"
        r"|your (?:side|spot|position|place|viewpoint|new \w+|vantage point|point of view|perspective)"
        r"|where (?:you|I|we)(?:'re|'ve| are| stand| would be| have| now)(?: (?:now|standing|moved|walked))?"
        r"|the new (?:position|viewpoint|side|angle|vantage point|spot)|here)",
        "there",
    ),
]
_PATTERN = re.compile("|".join(f"({pattern})" for pattern, _ in _CUES), re.IGNORECASE)
# "closer to the camera", "farther from the camera" are distances, not viewpoints.
_DISTANCE = re.compile(
    r"\b(?:closer|closest|nearer|nearest|farther|further|farthest|furthest|away|distant|back|far|distance|off)"
    r"(?: away| back| off)? from (?:the camera|the photographer|here|where you (?:stand|are)|there)(?! stands)",
    re.IGNORECASE,
)
# "the left-hand chair in the picture" is a name, which the camera gave; where the speaker stands it does not say.
TELLING = "|".join((*TELLING_WORDS["left"], *TELLING_WORDS["front"], "closer", "closest", "further", "furthest"))
NAMED = re.compile(rf"\b(?:{TELLING}) @\d+@( in the (?:picture|photo|image))\b", re.IGNORECASE)
RETURNING = re.compile(
    rf"\b(?:go|going|went|come|walk|step|move|return)\w*(?: \w+){{0,3}} {_CAMERA}|\bback (?:to"
    rf"|at) the (?:original|camera's)",
    re.IGNORECASE,
)


class Cue(NamedTuple):
    """A phrase that says where one stands."""

    start: int
    end: int
    view: str


def cues(encoded: str) -> list[Cue]:
    """Return the cues of a text, in its order."""
    hidden = encoded
    for pattern in (_DISTANCE, NAMED):
        hidden = pattern.sub(lambda match: "_" * len(match[0]), hidden)
    return [Cue(*match.span(), _CUES[match.lastindex - 1][1]) for match in _PATTERN.finditer(hidden)]


def without(encoded: str, found: list[Cue]) -> str:
    """Return the text with the cues blanked out, of the same length, so that they are not read as relations."""
    characters = list(encoded)
    for start, end in (*(cue[:2] for cue in found), *(match.span(1) for match in NAMED.finditer(encoded))):
        characters[start:end] = " " * (end - start)
    return "".join(characters)


def place(found: list[Cue]) -> str | None:
    """Return the view that a question sets, None where it sets none. What is said of the side comes first."""
    views = [cue.view for cue in found]
    for wanted in (("left", "right"), ("back",), ("front",)):
        for view in views:
            if view in wanted:
                return view
    return "there" if "there" in views else "front" if "here" in views else None
