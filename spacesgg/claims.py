"""What a text claims about who is where: its sentences, in free English, read into statements that can be judged.

Read are statements in any wording of relation_words.py, with their subject before or after them, pronouns, lists,
orders ("from left to right: …"), superlatives, "between", and answers that lean on their question ("The lamp.",
"No, it is behind it."). Where a sentence can be read in several ways, all readings are kept: a text is blamed only
for what is false in each of them. Questions, guesses ("might be") and distances to objects claim nothing.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from spacesgg import answers, viewpoints
from spacesgg.mentions import Mention, Names
from spacesgg.relation_words import Meaning, Token, tokens
from spacesgg.rewording import SIDEWAYS, plainer
from spacesgg.sentence import without_attributes
from spacesgg.sentence_reader import SentenceReader
from spacesgg.statements import AXIS_WORDS, Asked, Atom, Claim, Keys, Readings

_SEVERAL = ("that", "they", "them", "both", "these", "those", "the two")
_SENTENCE_END = re.compile(r"(?<=[.?!])(?=[\s\"')]+|$)|\n+")
MOST_READINGS = 48


def sentences(encoded: str) -> Iterator[str]:
    """Yield the sentences of an encoded text."""
    for part in _SENTENCE_END.split(encoded):
        if part and part.strip():
            yield part.strip()


_SOUGHT = re.compile(r"[?]|order|arrange|rank|name |point out|tell|list|sort", re.IGNORECASE)
_YES_NO = re.compile(r"(?:and |so |then |now |still |, )*(?:is|are|does|do|would|can|could|will)\b", re.IGNORECASE)
_ANYTHING = re.compile(
    r"\b(?:anything|something|anyone|anybody|someone|any (?:other )?(?:object|thing|item)s?|an object)\b",
    re.IGNORECASE,
)
_BY_DISTANCE = re.compile(
    r"\b(?:rank|order|sort|arrange|list|put)\w*\b.*\b(?:distance|depth)\b|\b(?:depth|distance) order\b",
    re.IGNORECASE,
)
_FIRST = re.compile(
    r"\b(?:what|which|who)\b.*\b(?:first|on (?:the|your) way)\b", re.IGNORECASE
)  # "which would you reach first?"
# Questions about two objects: which of them is said to be where.
_VERB = r"\b(?:is|are|do|does|did|was|were|would|will|can|could|lies?|stands?|sits?)\b"
_ONE_THEN_OTHER = re.compile(
    rf"^(?!.*\b(?:which|what|who)\b[^@]*@).*?{_VERB}(?: (?!it\b|there\b)\w+){{0,4}} @(\d+)@([^@?]*)@(\d+)@",
    re.IGNORECASE,
)
_SIDE_OF = re.compile(
    rf"\bsides? of (?:\w+ ){{0,3}}@(\d+)@[^@?]*{_VERB}(?: \w+){{0,4}} (?:@(\d+)@|it\b)", re.IGNORECASE
)
_IT_THEN_OTHER = re.compile(rf"{_VERB} it\b([^@?]*)@(\d+)@", re.IGNORECASE)
_WHERE = re.compile(r"\b(?:where|how)\b", re.IGNORECASE)
_DIRECTION = re.compile(
    r"\b(?:left|right|above|below|over|under|higher|lower|front|behind|beyond|hidden|hide|nearer|closer|farther|further"
    r"|back|ahead|than)\b",
    re.IGNORECASE,
)
# "Are the cup and the lamp in the same order from left to right as before?": it names them in no order.
_COMPARING = re.compile(r"\b(?:same|opposite|revers\w*|swap\w*|switch\w*|flip\w*|chang\w*)\b", re.IGNORECASE)


def read_question(
    text: str, names: Names, views: tuple[str, ...] = ("front",), before: Asked | None = None
) -> Asked:
    """Return what a question asks; `before` is the one that it goes on from in a conversation."""
    encoded, mentions = names.encode(text)
    encoded = plainer(encoded)
    objects = [list(mention.options) for mention in mentions if mention.options]
    asked = Asked(objects)
    for sentence in sentences(encoded):
        cues = viewpoints.cues(sentence)
        blank = viewpoints.without(sentence, cues).strip(" ,")
        if not _SOUGHT.search(sentence):
            continue
        found, _ = without_attributes([token for token in tokens(blank) if token.kind not in "wTX"], blank)
        meanings = {kind: [t.value for t in found if t.kind in kind] for kind in ("SC", "R", "O", "L")}
        order = meanings["O"][0] if meanings["O"] else None
        order = order or (("front", -1) if _BY_DISTANCE.search(sentence) else None)
        if _FIRST.search(sentence) and not order and not SIDEWAYS.search(sentence):
            order = ("front", -1)
        meaning = next(iter(meanings["SC"] + meanings["R"] + meanings["L"]), order)
        if re.search("RP", "".join(token.kind for token in found)):  # "which has the lamp in front of it?"
            meaning = None
        axis = meaning[0] if meaning else None
        axis = axis or next((name for name, words in AXIS_WORDS.items() if words.search(sentence)), None)
        reader = Reader(names, Asked([]), views)
        yes_no = _YES_NO.match(blank)
        either = any(token.kind == "|" for token in found)
        exists = bool(yes_no and _ANYTHING.search(sentence))
        told = yes_no and not either and not exists and not (order and _COMPARING.search(sentence))
        claims = reader.read_sentence(sentence, mentions, attributes=False) if told else []
        claims = [claim for claim in claims if all(atom.second for reading in claim.readings for atom in reading)]
        relations = [] if (yes_no and not exists) or either else list(reader.sought(found, mentions))
        between = reader.between_objects(found, mentions)
        asked = Asked(objects, meaning, tuple(relations), tuple(between), order, tuple(claims), axis)
        pair, sides = _pair(blank, mentions, before)
        superlative = any(token.kind == "S" for token in found) and not objects
        asked = asked._replace(pair=pair, sides=sides, exists=exists, superlative=superlative)
    if before and not objects:  # "and which is the leftmost of them?" goes on from the question before
        asked = asked._replace(objects=before.objects, pair=before.pair, sides=True)
    return asked


def _pair(
    blank: str, mentions: Sequence[Mention], before: Asked | None
) -> tuple[tuple[Readings, Readings] | None, bool]:
    """Return who a question places against whom, if it does, and whether it asks on which side."""

    def meant(number: str) -> Readings:
        return list(mentions[int(number)].options)

    known = before.topic if before else []
    if match := _SIDE_OF.search(blank):
        one, other = meant(match[2]) if match[2] else known, meant(match[1])
        return ((one, other) if one and other else None), True
    where = bool(_WHERE.search(blank))
    if (match := _ONE_THEN_OTHER.search(blank)) and (where or _DIRECTION.search(match[2])):
        one, other = meant(match[1]), meant(match[3])
        return ((one, other) if one and other else None), where or " or " in blank
    if (match := _IT_THEN_OTHER.search(blank)) and known and (where or _DIRECTION.search(match[1])):
        return ((known, other) if (other := meant(match[2])) else None), where or " or " in blank
    return None, False


def read(
    text: str,
    names: Names,
    views: tuple[str, ...] = ("front",),
    asked: Asked | None = None,
    there: tuple[str, ...] | None = None,
) -> list[Claim]:
    """Return the claims of a text (an answer, where `asked` is its question).

    views  from which it may be told where it does not say; several where that is uncertain
    there  the views that "from there" may mean, where they are others
    """
    reader = Reader(names, asked, views, there)
    encoded, mentions = names.encode(text)
    encoded = plainer(encoded, asked.order if asked else None)
    for sentence in sentences(encoded):
        if not sentence.endswith("?"):
            reader.claims += reader.read_sentence(sentence, mentions)
        reader.turn_page(sentence, mentions)
    if asked and not any(claim.readings for claim in reader.claims):
        reader.claims += answers.lean(reader, encoded, mentions)
    if asked and asked.claims:
        reader.claims += answers.agreed(encoded, asked)
    return [claim for claim in reader.claims if claim.readings]


class Reader:
    """Reads one text, sentence by sentence, and remembers what it was about."""

    def __init__(
        self, names: Names, asked: Asked | None, views: tuple[str, ...], there: tuple[str, ...] | None = None
    ):
        self.names = names
        self.asked = asked
        self.base = views
        self.there = there or views
        self.claims: list[Claim] = []
        self.subject: Readings = list(asked.objects[0]) if asked and asked.objects else []
        self.before: list[Readings] = []  # what the sentence before named
        self.told_from: str | None = None  # the last view that this text itself has set

    def turn_page(self, sentence: str, mentions: Sequence[Mention]) -> None:
        """Remember what the sentence named, for the pronouns of the next."""
        named = [list(mentions[int(n)].options) for n in re.findall(r"@(\d+)@", sentence)]
        self.before = [readings for readings in named if readings] or self.before

    # Where one stands

    def views(self, sentence: str, cues: list[viewpoints.Cue], at: int) -> tuple[str, ...]:
        """Return the views from which what stands at offset `at` may be told."""
        start, end = 0, len(sentence)
        cut = re.compile(
            r"[;:—]|\b(?:but|whereas|while|although|though|yet|however)\b|,? and (?=(?:seen |viewed )?(?:from"
            r"|for|in the) )",
            re.IGNORECASE,
        )
        for match in cut.finditer(sentence):
            if match.end() <= at:
                start = match.end()
            elif match.start() >= at:
                end = match.start()
                break
        own = [cue for cue in cues if start <= cue.start < end]
        first_mention = sentence.find("@")
        if own:
            earlier = [cue for cue in own if cue.start <= at]
            return self._resolve((earlier[-1] if earlier else own[0]).view)
        leading = [cue for cue in cues if cue.start < min(first_mention if first_mention >= 0 else at, at)]
        if leading:
            return self._resolve(leading[-1].view)
        passed = [cue for cue in cues if cue.start <= at]
        views = self._resolve(passed[-1].view) if passed else ()
        if not passed and self.told_from:
            views = self._resolve(self.told_from)
        return tuple(dict.fromkeys((*views, *self.base)))

    def _resolve(self, view: str) -> tuple[str, ...]:
        if view == "here":  # "in this view": the camera's, or the one that the text is about
            return tuple(dict.fromkeys(("front", *self.base)))
        return self.there if view == "there" else (view,)

    # What words mean

    def pronoun(self, token: Token, earlier: list[Readings], subject: bool = False) -> Readings:
        """Return what a pronoun may mean, from what was named before it, the nearest first.

        subject  whether it stands where the subject does: in an answer, it is what the question is about
        """
        if self.asked and self.asked.pair and not earlier and not self.before and token.words.lower() == "it":
            return self.asked.pair[0 if subject else 1]
        named = [readings for readings in (*self.before, *earlier) if readings]
        readings: Readings = []
        if token.words.lower() in _SEVERAL:
            single = [options[0] for options in named]
            groups = [self.subject[0] if self.subject else ()]
            groups += [tuple(k for keys in single[-n:] for k in keys) for n in range(1, len(single) + 1)]
            if self.asked and self.asked.keys:
                groups.append(tuple(k for keys in self.asked.keys for k in keys))
            readings = [tuple(dict.fromkeys(group)) for group in groups if group]
        else:
            for options in (self.subject, *reversed(named), *(self.asked.objects if self.asked else ())):
                readings += options
        return list(dict.fromkeys(readings))[:8]

    def group(self, found: Sequence[Token], mentions: Sequence[Mention]) -> Readings:
        """Return the readings of mentions that are meant together."""
        options = [mentions[token.value].options for token in found]
        if not found or not all(options):
            return []
        combined = itertools.islice(itertools.product(*options), 12)
        return [tuple(dict.fromkeys(itertools.chain(*choice))) for choice in combined]

    def claim(
        self,
        views: Iterable[str],
        meaning: Meaning,
        subjects: Readings,
        objects: Readings,
        negated: bool,
        words: str,
    ) -> list[Claim]:
        """Return the claim that the subjects are so against the objects, in a list that is empty where none is."""
        axis, sign = meaning
        readings = []
        for view, ours, theirs in itertools.product(views, subjects, objects):
            if ours and theirs and not set(ours) & set(theirs):
                readings.append(tuple(Atom(view, axis, sign, a, b) for a in ours for b in theirs))
        unique = tuple(dict.fromkeys(readings))[:MOST_READINGS]
        return [Claim(unique, negated, words)] if unique else []

    # A sentence

    def read_sentence(self, sentence: str, mentions: Sequence[Mention], attributes: bool = True) -> list[Claim]:
        """Return the claims of one sentence of an encoded text."""
        return SentenceReader(self, sentence, mentions, attributes).read()

    def sought(
        self, found: list[Token], mentions: Sequence[Mention]
    ) -> Iterator[tuple[Meaning, tuple[Keys, ...]]]:
        """Yield what a question seeks: each relation with its object."""
        for position, token in enumerate(found):
            after = found[position + 1] if position + 1 < len(found) else None
            if token.kind == "R" and after and after.kind == "M" and mentions[after.value].options:
                yield token.value, tuple(mentions[after.value].options)

    def between_objects(self, found: list[Token], mentions: Sequence[Mention]) -> list[tuple[str, str]]:
        """Return the readings of the two objects that "between" names."""
        for position, token in enumerate(found):
            if token.kind == "B":
                two = [t for t in found[position + 1 :] if t.kind == "M"][:2]
                pairs = [tuple(itertools.chain(*choice)) for choice in [*self._two(two, mentions)]]
                return [pair for pair in pairs if len(pair) == 2]
        return []

    @staticmethod
    def _two(found: Sequence[Token], mentions: Sequence[Mention]) -> Iterator[tuple[Keys, ...]]:
        options = [mentions[token.value].options for token in found]
        if len(found) == 2 and all(options):
            yield from itertools.product(*options)

    def between_claim(
        self,
        views: Iterable[str],
        axes: Iterable[str],
        inside: Readings,
        ends: Iterable[tuple[str, str]],
        negated: bool,
        words: str,
    ) -> list[Claim]:
        """Return the claim that objects lie between two others, along one of `axes`, whichever way round."""
        readings = []
        for view, axis, middle, (one, other) in itertools.product(views, axes, inside, list(ends)):
            if {one, other} & set(middle):
                continue
            for first, last in ((one, other), (other, one)):
                readings.append(
                    tuple(
                        itertools.chain.from_iterable(
                            (Atom(view, axis, -1, first, key), Atom(view, axis, -1, key, last)) for key in middle
                        )
                    )
                )
        unique = tuple(dict.fromkeys(readings))[:MOST_READINGS]
        return [Claim(unique, negated, words)] if unique else []
