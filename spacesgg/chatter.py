"""What a model says around the text that it was asked for: refusals, preambles, closing remarks, markup."""

import re
from collections.abc import Iterator

from spacesgg import grounded_text

_TEXT = (
    r"(?:descriptions?|paragraphs?|texts?|questions?|answers?|pairs?|q&as?|conversations?|dialogues?|exchanges?"
    r"|versions?|repl(?:y|ies)|responses?|summary)"
)
_KINDS: tuple[tuple[str, str, str], ...] = (
    (
        "a refusal",
        r"\b(?:I|we)(?:'m| am|'re| are) (?:\w+ )?(?:sorry|unable|not able)\b|\bmy apologies\b|\bI apologi[sz]e\b"
        r"|\b(?:I|we) (?:can't|cannot|can not|won't|will not|could not|couldn't|don't|do not)"
        r" (?:help|assist|do (?:that|this)|provide|fulfil+|comply|create|generate|write|continue|have access"
        r"|describe|answer|(?:\w+ )?(?:see|view|access) (?:the|this|any|your) (?:picture|image|photo\w*))\b",
        "write about the picture",
    ),
    (
        "a preamble",
        rf"(?<!\bseen )\b(?:here|below)(?:'s| is| are|,)[^.!?@]{{0,60}}?\b{_TEXT}\b"
        rf"|\b(?:as|like) (?:you )?(?:requested|asked|instructed)\b|\bas per your\b"
        rf"|\bthe following (?:is|are|{_TEXT})\b"
        rf"|^\W*(?:the )?(?:{_TEXT}|output|title|caption)\W*:",
        "begin with the text itself",
    ),
    (
        "a closing remark",
        r"\blet me know\b|\bhope (?:this|that|it|these) (?:helps?|is|are|meets?|works?)\b|\bfeel free to\b"
        r"|\bif you(?:'d| would) (?:like|prefer) (?:more|me|another|further|additional|any)\b"
        r"|\bif you (?:need|want) (?:more|me|another|further|additional|any|anything)\b"
        r"|\bwould you like (?:me|more|another|further)\b|\bdo you want me\b"
        r"|\b(?:I'm|I am|I'd be|I would be) (?:happy|glad) to\b"
        r"|\bend of (?:the )?(?:description|conversation|dialogue|questions)\b|\bword count\b"
        r"|(?:^|[.!?)])\W*(?:please )?note(?::| that\b)",
        "end with the text itself",
    ),
    ("markup", r"```|~~~|\*\*|^#{1,6} |</?(?:p|br|div|answer|output)\b[^>]*>", "write plain lines"),
)
_PATTERNS = [(kind, re.compile(pattern, re.IGNORECASE | re.MULTILINE), what) for kind, pattern, what in _KINDS]
_OPENING = re.compile(
    r"\W*(?:sure|certainly|of course|okay|ok|alright|all right|absolutely|gladly|understood|got it)\b[!,.:]",
    re.IGNORECASE,
)


def find(text: str, form: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, detail) of what a description or an answer says beside what was asked for."""
    plain = grounded_text.plain(text)
    # "A: Sure, it is …" answers a question, "Sure! The picture …" speaks to whoever asked for the text
    if form == "description" and (match := _OPENING.match(plain)):
        yield "a preamble", f'"{match[0].strip()}": begin with the text itself'
    for kind, pattern, what in _PATTERNS:
        if match := pattern.search(plain):
            yield kind, f'"{_short(match[0].strip())}": {what}'


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
