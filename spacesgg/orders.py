"""Orders that a sentence tells: "from left to right: the lamp, the sofa and then the bed"."""

import itertools
import re
from collections.abc import Sequence

from spacesgg.mentions import Mention
from spacesgg.relation_words import Meaning, Token
from spacesgg.sentence import Sentence
from spacesgg.statements import Atom, Claim

# "Going from near to far, the lamp and the sofa come between the desk and the bed", and the other way round: the
# kinds of the words up to the list, the list, and the rest.
_ENDS = "BML?,?&,?M"
_BETWEEN_TWO = (
    re.compile(rf"(O?[,;XV]*)(M(?:,?&?,?M)+)[,V]*{_ENDS}[zO]*"),
    re.compile(rf"(O?[,;XV]*{_ENDS}[zO,]*V[,;]*)(M(?:,?&?,?M)+)"),
)


def order_claims(sentence: Sentence) -> list[Claim]:
    """Read "from left to right: the lamp, the sofa and then the bed"."""
    asked = sentence.reader.asked
    if any(token.kind == "B" for token in sentence.t):
        return _order_between(sentence)
    found = _clause([token for token in sentence.all if token.kind in "MTO,&;"])
    orders = [token for token in found if token.kind == "O"]
    named = [token for token in found if token.kind == "M"]
    if any(token.kind == "R" for token in sentence.all) or len(orders) > 1 or len(named) < 2:
        return []
    steps = [token for token in found if token.kind == "T"]
    if orders:
        meaning, at = orders[0].value, orders[0]
    elif asked and asked.order and (steps or len(named) >= max(len(asked.keys), 2)):
        meaning, at = asked.order, named[0]
    elif asked and steps and len(best := [token for token in sentence.t if token.kind == "S"]) == 1:
        meaning, at = best[0].value, named[0]  # "the lamp is closest, then the sofa, then the bed"
    else:
        return []
    opens = bool(steps) and steps[0].start < named[0].start and len(steps) > 1
    return _in_a_row(sentence, meaning, at, found, ("",) if opens else (",&", ","))


def _order_between(sentence: Sentence) -> list[Claim]:
    """Read the order of a list of what is between two others, where words before it, or the question, tell one."""
    row = [token for token in sentence.t if token.kind in "MO,&;BVXLzR"]
    row = row[:-1] if row and row[-1].kind == ";" else row
    match = next(filter(None, (form.fullmatch("".join(t.kind for t in row)) for form in _BETWEEN_TWO)), None)
    if not match:
        return []
    orders = [token for token in row[: match.end(1)] if token.kind == "O"]
    asked = sentence.reader.asked
    meaning = orders[0].value if orders else asked.order if asked and asked.between else None
    if not meaning:
        return []
    listed = row[slice(*match.span(2))]
    return _in_a_row(sentence, meaning, orders[0] if orders else listed[0], listed, (",&", ","))


def _in_a_row(
    sentence: Sentence, meaning: Meaning, at: Token, found: list[Token], joints: tuple[str, ...]
) -> list[Claim]:
    """Return the claim that each name of a list comes before the next; the `joints` may part them or join them."""
    readings = []
    for parting in joints:
        groups = _groups(found, parting, sentence.mentions)
        if len(groups) > 1:
            atoms = []
            for earlier, later in itertools.pairwise(groups):
                atoms += [(meaning[0], meaning[1], a, b) for a in earlier for b in later if a != b]
            readings += [tuple(Atom(view, *atom) for atom in atoms) for view in sentence.views(at)]
    return [Claim(tuple(dict.fromkeys(readings)), False, sentence.words())] if readings else []


def _clause(found: list[Token]) -> list[Token]:
    """Return the part of a sentence, between semicolons, that tells an order; all of it where none does."""
    parts: list[list[Token]] = [[]]
    for token in found:
        if token.kind == ";" and token.words != ":":
            parts.append([])
        elif token.kind != ";":
            parts[-1].append(token)
    ordered = [part for part in parts if any(token.kind == "O" for token in part)]
    return ordered[0] if ordered else [token for part in parts for token in part]


def _groups(found: list[Token], joints: str, mentions: Sequence[Mention]) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    for token in found:
        if token.kind == "M":
            groups[-1] += mentions[token.value].options[0] if len(mentions[token.value].options) == 1 else ()
        elif (token.kind == "T" or token.kind in joints) and groups[-1]:
            groups.append([])
    return [group for group in groups if group]
