"""Answers that say nothing whole of their own: "The lamp.", "Yes.", "Left.", "No.", read with their question."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spacesgg import viewpoints
from spacesgg.mentions import Mention
from spacesgg.relation_words import Meaning, tokens
from spacesgg.scene import AXES
from spacesgg.statements import Asked, Claim, readable

if TYPE_CHECKING:
    from spacesgg.claims import Reader

_NO = re.compile(
    r"\W*(?:(?:oh|well)\W+)?(?:no\b(?! (?:one|longer|object|other|thing))|nope\b|nah\b"
    r"|not (?:at all|really|quite)\b|incorrect\b|wrong\b|false\b"
    r"|(?:it|that|they|this)(?:'s| is| are| does| do| would) not\b"
    r"|that(?:'s| is| would be) (?:wrong|false|incorrect)\b"
    r"|on the contrary\b|quite the (?:opposite|contrary))",
    re.IGNORECASE,
)
_YES = re.compile(
    r"\W*(?:(?:oh|well)\W+)?(?:(?:yes|yep|yeah|yup|indeed|absolutely|certainly|definitely|exactly|sure|surely"
    r"|of course|affirmative|precisely|correct|right|true|agreed|obviously|clearly)\b"
    r"(?! (?:one|object|thing|before|in front))"
    r"|that(?:'s| is| would be) (?:\w+ )?(?:right|true|correct|so|the case)\b"
    r"|(?:it|they|that|this) (?:\w+ )?(?:is|does|are|do|would|sure is)(?: so| indeed)?[,.;:!]"
    r"|you(?:'re| are) right\b)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:none|neither|nothing|nobody|not|never|cannot|can't|unclear|both|no)\b|n't\b", re.IGNORECASE
)
_DIRECTIONS: tuple[tuple[re.Pattern, Meaning], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), meaning)
    for words, meaning in (
        ("left", ("left", -1)),
        ("right(?! (?:above|below|behind|in front|under|over|next))", ("left", 1)),
        ("above|over|higher|up", ("up", -1)),
        ("below|under|underneath|beneath|lower|down", ("up", 1)),
        ("front|nearer|closer|before", ("front", -1)),
        ("behind|beyond|farther|further|back", ("front", 1)),
    )
)


def yes_or_no(encoded: str) -> bool | None:
    """Return what an answer begins with: True for a yes, False for a no, None for neither."""
    if _NO.match(encoded):
        return False
    return True if _YES.match(encoded) else None


def agreed(encoded: str, asked: Asked) -> list[Claim]:
    """Return what a yes or a no claims by answering its question."""
    said = yes_or_no(encoded)
    if said is None:
        return []
    word = "yes" if said else "no"
    return [
        claim._replace(negated=claim.negated == said, words=f"{word} ({claim.words})") for claim in asked.claims
    ]


def lean(reader: "Reader", encoded: str, mentions: Sequence[Mention]) -> list[Claim]:
    """Return what an answer without a statement of its own claims by answering its question."""
    asked, words = reader.asked, readable(encoded, mentions)
    cues = viewpoints.cues(encoded)
    views = reader.views(encoded, cues, len(encoded) - 1)
    blank = viewpoints.without(encoded, cues)
    found = [token for token in tokens(blank) if token.kind == "M"]
    if not all(mentions[token.value].options for token in found):
        return []
    if asked.exists and (denied := _exists(reader, views, encoded, bool(found), words)):
        return denied
    if _DENIED.search(encoded):
        return []
    if not found:
        return _sides(reader, views, blank, words)
    named = reader.group(found, mentions)
    if asked.between:
        axes = [asked.axis] if asked.axis else AXES
        return reader.between_claim(views, axes, named, asked.between, False, words)
    if asked.relations:
        claims = []
        for meaning, objects in asked.relations:
            told = [t for t in found if mentions[t.value].options[0] not in objects]
            claims += reader.claim(views, meaning, reader.group(told, mentions), list(objects), False, words)
        return claims
    known = [*dict.fromkeys(key for keys in asked.keys for key in keys)]
    if re.search(r"\bin the middle\b", blank) and len(known) == 3 and len(found) == 1:
        ends = [tuple(key for key in known if key not in keys) for keys in named]
        axes = [asked.axis] if asked.axis else AXES
        return reader.between_claim(views, axes, named, [two for two in ends if len(two) == 2], False, words)
    if asked.superlative:
        keys = [key for group in named[:1] for key in group]
        twice = [key for key in keys if [mentions[t.value].options for t in found].count(((key,),)) > 1]
        if len(twice) == 1:  # "among the lamp, the sofa and the bed, the bed is"
            rest = tuple(key for key in keys if key != twice[0])
            return reader.claim(views, asked.meaning, [tuple(twice)], [rest], False, words)
        readings = []
        for keys in named:
            for domain in (reader.names.scene.placed, known):
                rest = tuple(key for key in domain if key not in keys)
                readings += [rest] if rest and rest not in readings else []
        return reader.claim(views, asked.meaning, named, readings, False, words)
    winner = mentions[found[0].value].options
    if asked.meaning and len(found) == 1 and len(winner) == 1 and set(winner[0]) <= set(known):
        rivals = tuple(key for key in known if key not in winner[0])
        return reader.claim(views, asked.meaning, list(winner), [rivals], False, words)
    return _sides(reader, views, blank, words)


def _exists(reader: "Reader", views: tuple[str, ...], encoded: str, names: bool, words: str) -> list[Claim]:
    """Read a yes or a no to "is there anything behind the lamp?"."""
    claims = []
    said = yes_or_no(encoded)
    no = said is False or (said is None and _DENIED.search(encoded))
    for meaning, objects in reader.asked.relations:
        others = [(key,) for key in reader.names.scene.things if all(key not in keys for keys in objects)]
        if no:
            for other in others:
                claims += reader.claim(views, meaning, [other], list(objects), True, words)
        elif said and not names:
            claims += reader.claim(views, meaning, others, list(objects), False, words)
    return claims


def _sides(reader: "Reader", views: tuple[str, ...], blank: str, words: str) -> list[Claim]:
    """Read "Left." or "Above and behind it.": said of the first of the two that the question is about."""
    asked = reader.asked
    if not asked.pair or not asked.sides:
        return []
    claims = []
    for pattern, meaning in _DIRECTIONS:
        if (not asked.axis or asked.axis == meaning[0]) and pattern.search(blank):
            claims += reader.claim(views, meaning, *asked.pair, False, words)
    return claims
