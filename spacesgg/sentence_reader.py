"""One sentence read into claims: relations, comparisons, superlatives, "between", places and orders."""

import itertools
import re

from spacesgg import viewpoints
from spacesgg.orders import order_claims
from spacesgg.relation_words import Token
from spacesgg.scene import AXES
from spacesgg.sentence import Sentence, merged, merged_keys
from spacesgg.statements import AXIS_WORDS, Asked, Atom, Claim, Readings

_ASIDE = re.compile(
    r"\b(?:starting|beginning|start|begin|starts|begins) (?:with|from|at|by)(?: what is| what's| the)? $|"
    r"\b(?:second|third|fourth|next|one of the|among the|almost|nearly)[ -]?(?:the )?$",
    re.IGNORECASE,
)
_NOTHING_AS = re.compile(
    r"\bnothing (?:else )?(?:here )?(?:comes?|is|stands|lies|sits) (?:as|so|any) (?:close|near|closer|nearer)\b"
    r"[^@]*\b(?:as|than)\b",
    re.IGNORECASE,
)


class SentenceReader(Sentence):
    """Reads one sentence; see `read`."""

    def read(self) -> list[Claim]:
        """Return the sentence's claims."""
        position = 0
        while position < len(self.t):
            kind = self.kind(position)
            if kind in "RI" and self.kind(position - 1) == "E":  # "behind everything in front of it"
                position += 1
            elif kind in "RICL" and (self.chain_end(position) or kind in "RI"):
                position = self._relation(position)
            elif kind == "B":
                position = self._between(position)
            elif kind in "SC":
                position = self._comparison(position)
            elif kind == "L":
                position = self._place(position)
            else:
                position += 1
        for token, name in self.attributed:
            self._attribute(token, name)
        self._nothing_as()
        self._sides()
        self.claims += order_claims(self)
        if self.cues:
            self.reader.told_from = self.cues[-1].view
        if self.subjects:
            self.reader.subject = self.subjects[-1]
        elif named := self.listed(0, forward=True, anywhere=True):
            self.reader.subject = self.meant(named)
        return self.claims

    def _relation(self, start: int) -> int:
        """Read relations from `start` on that share their object; return where to go on."""
        end = self.chain_end(start)
        chain = [i for i in range(start, end) if self.kind(i) in "RICL"]
        if self.kind(end + 1) == "M" and self.t[end].words.lower() == "of":  # "above the level of the sofa"
            end += 1
        token = self.t[chain[-1]]
        objects: Readings = []
        taken: list[int] = []
        after = end
        if token.kind == "I":
            objects = self.reader.pronoun(token, self.earlier(start))
        elif self.kind(end) == "M":
            taken = self.listed(end, forward=True)
        elif self.kind(end) == "P":
            objects = self.reader.pronoun(self.t[end], self.earlier(start))
            after = end + 1
        elif self.kind(end) == "X":
            return end + 1
        elif self.kind(end) == "E":  # "left of everything else"
            if re.search(r"else|other|rest", self.t[end].words, re.IGNORECASE):
                self._superlative(chain[-1])
            return end + 1
        elif self.kind(end) == "?" and self.t[end].words.lower() == "which":  # "above which there is a mug"
            named = [self.meant([i]) for i in range(start) if self.kind(i) == "M"]
            self._add(chain, self.follower(end + 1), named[-1] if named else [], False)
            return end + 1
        else:
            return self._alone(start, end)
        inverted, taken = self.inversion(start, taken, after)
        if taken:
            objects = self.meant(taken)
            # "a picture above the sofa, and a lamp": the lamp may belong to what the picture belongs to
            cut = next((n for n in range(1, len(taken)) if taken[n] - taken[n - 1] == 3), 0)
            objects = merged([objects, self.meant(taken[:cut]) if cut else []])
            after = taken[-1] + 1
            self.consumed.update(taken)
        if taken and self._of_nothing(start):
            for keys in objects:
                for other in (key for key in self.scene.things if key not in keys):
                    self._add(chain, [(other,)], [keys], True)
            return after
        subjects, negated = (inverted, False) if inverted else self.subject(start)
        self._add(chain, subjects, objects, negated)
        return after

    def _of_nothing(self, position: int) -> bool:
        """Tell whether a relation is said of nothing: "nothing is farther away than the wall"."""
        first = self.clause_start(position)
        start = self.t[first - 1].end if first else 0
        said = re.search(r"\b(?:nothing|no other|no one|none)\b", self.blank[start : self.t[position].start], re.I)
        return bool(said) and not any(self.kind(i) == "M" for i in range(self.clause_start(position), position))

    def _add(self, chain: list[int], subjects: Readings, objects: Readings, negated: bool) -> None:
        for i in chain:
            denied = negated or (i != chain[0] and "N" in (self.kind(i - 1), self.kind(i - 2)))
            (axis, sign), resting = self.t[i].value, "top" in self.t[i].words.lower()
            if resting:  # what lies on a table may reach below its top: only the opposite must not be so
                sign, denied = -sign, not denied
            if not self.uncertain(i) and not (resting and not denied):
                self.claims += self.reader.claim(
                    self.views(self.t[i]), (axis, sign), subjects, objects, denied, self.words()
                )
        if subjects:
            self.subjects.append(subjects)
        self.last_object = objects

    def _alone(self, start: int, end: int) -> int:
        """Read a relation whose object is not said: "the lamp is behind"."""
        for i in range(start, end):
            if self.kind(i) == "R":
                self._against_rivals(i)
        return end

    def _comparison(self, position: int) -> int:
        token = self.t[position]
        if token.kind == "S":
            self._superlative(position)
        elif not (self.kind(position + 1) == "z" and self.t[position + 1].words == "than"):
            self._against_rivals(position)
        return position + 1

    def _attribute(self, token: Token, name: Token) -> None:
        """Read "the leftmost chair": said of a chair, against the others."""
        mention = self.mentions[name.value]
        of_the_picture = viewpoints.NAMED.match(self.sentence, token.start)
        views = ("front",) if of_the_picture else tuple(dict.fromkeys((*self.views(token), "front")))
        tagged = mention.tagged and len(mention.options) == 1
        if not self.attributes or not tagged or _ASIDE.search(self.blank[: token.start]):
            return
        (keys,) = mention.options
        twins = [twin for key in keys for twin in self.scene.twins(key) if twin not in keys]
        if twins and len(keys) == 1:
            self.claims += self.reader.claim(views, token.value, [keys], [tuple(twins)], False, self.words())

    def _rivals(self, subjects: Readings, position: int) -> Readings:
        """Return who a comparison may be against, each reading as much as anyone could mean."""
        asked = self.reader.asked
        own = {key for keys in subjects for key in keys}
        if asked and len(asked.keys) > 1:
            rivals = tuple(key for keys in asked.keys for key in keys if key not in own)
            return [rivals] if rivals else []
        start = self.clause_start(position)
        end = next((i for i in range(position, len(self.t)) if self.kind(i) in ";~"), len(self.t))
        earlier = [self.meant([i]) for i in range(start, position) if self.kind(i) == "M"]
        later = [self.meant([i]) for i in range(position, end) if self.kind(i) == "M"]
        told = (
            merged([r for r in group if not own & set(merged_keys(r))]) for group in (earlier, self.reader.before)
        )
        return next(filter(None, told), []) or merged([r for r in later if not own & set(merged_keys(r))])

    def _against_rivals(self, position: int) -> None:
        """Read "the lamp is nearer", "farther back is a lamp": against what the question or the text named."""
        subjects, negated = self.subject_around(position)
        if subjects and not self.uncertain(position):
            self.claims += self.reader.claim(
                self.views(self.t[position]),
                self.t[position].value,
                subjects,
                self._rivals(subjects, position),
                negated,
                self.words(),
            )
            self.subjects.append(subjects)

    def _superlative(self, position: int) -> None:
        token = self.t[position]
        if self.uncertain(position) or _ASIDE.search(self.blank[: token.start]):
            return
        subjects, negated = self.subject_around(position)
        if not subjects:
            return
        self.claims += self.reader.claim(
            self.views(token), token.value, subjects, self._domain(subjects), negated, self.words()
        )
        self.subjects.append(subjects)

    def _domain(self, subjects: Readings) -> Readings:
        """Return what a superlative outdoes."""
        asked = self.reader.asked
        first = self.listed(0, forward=True, anywhere=True)
        listed = len(first) > 1 and self.kind(first[0] - 1) == "z"
        if listed and self.t[first[0] - 1].words.lower() in ("of", "among"):
            known = [keys for i in first for keys in self.meant([i])]
        elif asked and len(asked.keys) > 1:
            known = asked.keys
        elif asked and asked.keys and asked.keys[0] not in subjects:
            return []
        else:
            known = [(key,) for key in self.scene.placed]
        options = []
        for keys in subjects:
            rest = tuple(key for other in known for key in other if key not in keys)
            options += [rest] if rest else []
        return options

    def _nothing_as(self) -> None:
        """Read "nothing else comes as close to the camera as the lamp"."""
        match = _NOTHING_AS.search(self.blank)
        if match:
            later = (i for i, token in enumerate(self.t) if token.start >= match.end() and token.kind == "M")
            first = next(later, None)
            subjects = self.meant(self.listed(first, forward=True)) if first is not None else []
            views = self.views(self.t[first]) if first is not None else ()
            rest = [tuple(key for key in self.scene.placed if key not in keys) for keys in subjects]
            self.claims += self.reader.claim(views, ("front", -1), subjects, rest, False, self.words())

    def _between(self, position: int) -> int:
        ends = self.listed(position + 1, forward=True)
        two = [i for i in range(position + 1, len(self.t)) if self.kind(i) == "M"][:2]
        row = "".join(token.kind for token in self.t[position + 1 : (two[-1] + 1 if two else position + 1)])
        pairs = self.reader.between_objects(self.t[position : two[-1] + 1] if two else [], self.mentions)
        if len(two) < 2 or not re.fullmatch(r"ML?,?&,?M", row):
            keys = self.meant(ends[:1])
            pairs = [tuple(group) for group in keys if len(group) == 2]
            two = two[:1]
        if not pairs:
            return position + 1
        self.consumed.update(two)
        following = self.follower(two[-1] + 1)
        subjects, negated = (following, False) if following else self.subject(position)
        axes = _axes(self.blank, self.reader.asked)
        if not self.uncertain(position):
            self.claims += self.reader.between_claim(
                self.views(self.t[position]), axes, subjects, pairs, negated, self.words()
            )
        self.subjects.append(subjects)
        return two[-1] + 1

    def _place(self, position: int) -> int:
        """Read "on the left": against the other of the two that a question is about, or within the scene."""
        asked, token = self.reader.asked, self.t[position]
        if asked and len(asked.keys) == 2 and asked.meaning and asked.meaning[0] == token.value[0]:
            self._against_rivals(position)
            return position + 1
        both_sides = any(
            self.kind(position + 2 * step) == "L" and self.kind(position + step) == "&" for step in (-1, 1)
        )  # "on the left and on the right"
        subjects = [] if both_sides else self._placed(position)
        if subjects and not self.uncertain(position) and not self._negated(position):
            axis, sign = token.value
            readings = tuple(
                tuple(Atom(view, axis, sign, key, "") for key in keys)
                for view, keys in itertools.product(self.views(token), subjects)
            )
            self.claims.append(Claim(readings, False, self.words()))
        return position + 1

    def _negated(self, position: int) -> bool:
        return any(self.kind(i) == "N" for i in range(self.clause_start(position), position))

    def _placed(self, position: int) -> Readings:
        if self.kind(position + 1) == "M" and self.kind(position - 1) != "M":
            return self.meant(self.following(position + 1))
        following = self.follower(position + 1)
        if following:
            return following
        if self.kind(position - 1) == "M" and position - 1 not in self.consumed:
            return self.meant([position - 1])
        return self.subject(position)[0] if self.kind(position - 1) == "V" else []

    def _sides(self) -> None:
        """Read "the lamp on the left, the sofa on the right": the other way round is a contradiction."""
        placed = [(i, self._placed(i)) for i, token in enumerate(self.t) if token.kind == "L"]
        placed = [(i, subjects) for i, subjects in placed if len(subjects) == 1]
        for (i, one), (j, other) in itertools.pairwise(placed):
            (axis, sign), (other_axis, other_sign) = self.t[i].value, self.t[j].value
            views = self.views(self.t[i])
            if axis == other_axis and sign == -other_sign and views == self.views(self.t[j]):
                self.claims += self.reader.claim(views, (axis, -sign), one, other, True, self.words())


def _axes(blank: str, asked: Asked | None) -> tuple[str, ...]:
    told = [axis for axis, words in AXIS_WORDS.items() if words.search(blank)]
    if told:
        return tuple(told)
    return (asked.axis,) if asked and asked.axis else AXES
