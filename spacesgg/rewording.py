"""Turns of phrase put into plainer words of the same meaning, so that sentence_reader.py can read them.

All work on encoded texts (see mentions.py), in which "@3@" stands for an object.
"""

import re

from spacesgg.relation_words import Meaning
from spacesgg.viewpoints import TELLING

_NAME = r"((?:the |a |an |another |some )?@\d+@)"
_RULES: tuple[tuple[re.Pattern, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), plain)
    for pattern, plain in (
        # "1. the lamp 2. the sofa": the numbers part a list, and their full stops end no sentence
        (r"(?<=@)[.;,]?\s*\(?\d+[.)]\s*(?=\D{0,5}@)", ", "),
        (r"(?:^|(?<=:)\s*)\(?1[.)]\s*(?=\D{0,5}@)", ""),
        (rf"{_NAME}\s*(?:<|>|→|->)\s*(?={_NAME})", r"\1, "),
        # not in a question: a yes to "isn't it nearer?" says that it is
        (r"\b(is|are|was|were|do|does|did|would|has|have|had)n['’]t\b(?![^.!?]*\?)", r"\1 not"),
        # a name that the camera gave: "the picture's left-hand chair"
        (rf"\b(?:picture|photo|image)['’]s ((?:{TELLING}) @\d+@)", r"\1 in the picture"),
        # "on the sofa's left"
        (
            rf"\b(?:on|to|at) {_NAME}(?:'s?)? (?:own |immediate |far )?(left|right)(?:-hand)?(?: side)?\b(?! of)",
            r"to the \2 of \1",
        ),
        (rf"{_NAME} \w+ {_NAME} from its (left|right)\b", r"\1 is to the \3 of \2"),
        (
            rf"\bneither {_NAME} nor {_NAME} ((?:is|are|stands?|lies?|sits?|hangs?|comes?)\b[^.;]*)",
            r"\1 not \3; \2 not \3",
        ),
        (
            rf"\b(?:meet|reach|encounter|pass|find|come (?:to|upon|across)) {_NAME} first,?"
            rf" (?:and|then)(?: then)? {_NAME} (?:last|next|second|afterwards|later)",
            r"have \1 in front of \2",
        ),
        (
            rf"\b(?:reach|walk|go|look|get|step|move) past {_NAME} (?:in order )?to"
            rf" (?:touch|reach|see|get to|grab|find) {_NAME}",
            r"have \2 behind \1",
        ),
    )
)


_BEFORE = re.compile(
    r"(\b(?:comes?|came|reach|meet|see|find|encounter|arrives?|appears?)(?: to you)? (?:(?:the |a |an )?@\d+@ )?)"
    r"before (?=(?:the |an? |its |both )?@|it\b|them\b|these\b)",
    re.IGNORECASE,
)
SIDEWAYS = re.compile(r"\b(?:left|right|top|bottom|height|highest|lowest|higher|lower)\b", re.IGNORECASE)
_ORDER_WORDS = {
    ("left", -1): "to the left of ",
    ("left", 1): "to the right of ",
    ("up", -1): "above ",
    ("up", 1): "below ",
    ("front", -1): "in front of ",
    ("front", 1): "behind ",
}


def plainer(encoded: str, order: Meaning | None = None) -> str:
    """Return an encoded text in plainer words; its names stay what they are.

    order  of the list that the text answers with: what "comes before" means in it
    """
    for pattern, plain in _RULES:
        encoded = pattern.sub(plain, encoded)
    if order is None and SIDEWAYS.search(encoded):
        return encoded
    return _BEFORE.sub(rf"\1{_ORDER_WORDS[order or ('front', -1)]}", encoded)
