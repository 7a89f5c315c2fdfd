"""Turns of phrase put into plainer words of the same meaning, so that sentence_reader.py can read them.

All work on encoded texts (see mentions.py), in which "@3@" stands for an object.
"""

import re

_NAME = r"((?:the |a |an |another |some )?@\d+@)"
_RULES: tuple[tuple[re.Pattern, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), plain)
    for pattern, plain in (
        # "1. the lamp 2. the sofa": the numbers part a list, and their full stops end no sentence
        (r"(?<=@)[.;,]?\s*\(?\d+[.)]\s*(?=\D{0,5}@)", ", "),
        (r"(?:^|(?<=:)\s*)\(?1[.)]\s*(?=\D{0,5}@)", ""),
        (rf"{_NAME}\s*(?:<|>|→|->)\s*(?={_NAME})", r"\1, "),
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


def plainer(encoded: str) -> str:
    """Return an encoded text in plainer words; its names stay what they are."""
    for pattern, plain in _RULES:
        encoded = pattern.sub(plain, encoded)
    return encoded
