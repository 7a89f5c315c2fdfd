"""One sentence as a row of tokens: lists of names in it, and which words are the subject of a relation.

The kinds of tokens are letters: M a name, P a pronoun, X the viewer, V a verb, R a relation between two, I "on its
left", L "on the left", C a comparative, S a superlative, B "between", O an order, N a negation, & , ; ~ ? joints,
z prepositions. What else the sentence holds is left out.
"""

import itertools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spacesgg import viewpoints
from spacesgg.mentions import Mention
from spacesgg.relation_words import Token, names_camera, tokens
from spacesgg.scene import Scene
from spacesgg.statements import Claim, Readings, readable

if TYPE_CHECKING:
    from spacesgg.claims import Reader

_JOINTS = ",&~N"


def without_attributes(found: list[Token], text: str) -> tuple[list[Token], list[tuple[Token, Token]]]:
    """Take words like "leftmost" out of "the leftmost chair", for they belong to the name; return both."""
    kept, attributed = [], []
    for token, after in itertools.zip_longest(found, found[1:]):
        gap = text[token.end : after.start].split() if after else []
        if token.kind in "SC" and after and after.kind == "M" and len(gap) <= 2:
            attributed.append((token, after))
        else:
            kept.append(token)
    return kept, attributed


class Sentence:
    """A sentence, for a `claims.Reader`, which knows what was said before."""

    def __init__(self, reader: "Reader", sentence: str, mentions: Sequence[Mention], attributes: bool = True):
        self.attributes = attributes  # whether "the leftmost chair" claims that it is the leftmost
        self.reader = reader
        self.scene: Scene = reader.names.scene
        self.sentence = sentence
        self.mentions = mentions
        self.cues = viewpoints.cues(sentence)
        self.blank = viewpoints.without(sentence, self.cues)
        self.all = list(tokens(self.blank))
        kept = [token for token in self.all if token.kind not in "wT"]
        # "both A and B": the word joins, it stands for nothing
        self.t = [
            token
            for token, after in itertools.zip_longest(kept, kept[1:])
            if not (
                token.kind == "P"
                and token.words.lower() in ("both", "this", "that", "these", "those", "one", "the two")
                and after
                and after.kind == "M"
            )
        ]
        self.t, self.attributed = without_attributes(self.t, self.blank)
        self.consumed: set[int] = set()  # positions of names that are objects of a relation
        self.claims: list[Claim] = []
        self.subjects: list[Readings] = []  # of this sentence's claims so far
        self.last_object: Readings = []

    def kind(self, position: int) -> str:
        """Return the kind of the token there, "" beyond the sentence."""
        return self.t[position].kind if 0 <= position < len(self.t) else ""

    def meant(self, positions: list[int]) -> Readings:
        """Return what the names at these positions mean together."""
        return self.reader.group([self.t[i] for i in positions], self.mentions)

    def listed(self, position: int, forward: bool, anywhere: bool = False) -> list[int]:
        """Return the positions of the names of a list that begins (or, not `forward`, ends) at `position`."""
        if anywhere:
            position = next((i for i in range(len(self.t)) if self.kind(i) == "M"), len(self.t))
        if self.kind(position) != "M":
            return []
        step = 1 if forward else -1
        found = [position]
        while True:
            at = found[-1] + step
            while self.kind(at) and self.kind(at) in ",&|":
                at += step
            if at == found[-1] + step or self.kind(at) != "M" or (not forward and at in self.consumed):
                return found if forward else found[::-1]
            found.append(at)

    def following(self, position: int) -> list[int]:
        """Return the list that begins at `position`, without a last name that begins the next clause."""
        found = self.listed(position, forward=True)
        return found[:-1] if len(found) > 1 and self.kind(found[-1] + 1) == "V" else found

    def uncertain(self, position: int) -> bool:
        """Tell whether the clause of the token only wonders."""
        for token in reversed(self.t[:position]):
            if token.kind in ";~":
                return False
            if token.kind == "h":
                return True
        return False

    def views(self, token: Token) -> tuple[str, ...]:
        """Return the views from which the token may be told."""
        if names_camera(token.words):
            return ("front",)
        return self.reader.views(self.sentence, self.cues, token.start)

    def earlier(self, position: int) -> list[Readings]:
        """Return what the names before `position` mean."""
        return [self.meant([i]) for i in range(position) if self.kind(i) == "M"]

    def words(self) -> str:
        """Return the sentence as a person would read it."""
        return readable(self.sentence, self.mentions)

    def clause_start(self, position: int) -> int:
        """Return where the clause of the token begins."""
        return next((i + 1 for i in reversed(range(position)) if self.kind(i) in ";~"), 0)

    def chain_end(self, position: int) -> int:
        """Return the position after a row of relations that share their object, 0 where there is none."""
        last, at = (position if self.kind(position) in "RI" else None), position
        while True:
            after = at + 1
            while self.kind(after) and self.kind(after) in _JOINTS:
                after += 1
            # "to the left and behind the sofa", but not "in the foreground, and behind it …"
            apart = last is None and any(self.kind(i) == "," for i in range(at, after))
            if apart or (self.kind(at) == "L" and self.t[at].value[0] == "front"):
                return 0
            if not self.kind(after) or self.kind(after) not in "RICL" or after == at + 1:
                return 0 if last is None else last + 1
            at = after
            if self.kind(after) in "RI":
                last = after

    def inversion(self, start: int, taken: list[int], after: int) -> tuple[Readings, list[int]]:
        """Return the subject where it follows ("behind the sofa is a lamp"), and the relation's own objects."""
        before = start - 1
        while self.kind(before) and self.kind(before) in "z":
            before -= 1
        opens = not self.kind(before) or self.kind(before) in ",&;~"
        named = any(self.kind(i) in "MP" for i in range(self.clause_start(start), start))
        end = taken[-1] + 1 if taken else after
        rest = "".join(token.kind for token in self.t[end:])
        follows = re.match(r"(?:,L)?,?[XVPN]*V[zC]*M|,[XV]*M", rest)
        if opens and not taken and self.kind(end - 1) == "P" and (verbless := re.match(r",?z?M", rest)):
            return self.meant(self.following(end + verbless.end() - 1)), taken  # "and behind it a lamp"
        # ", and behind the sofa is a lamp" opens anew although the clause has named something
        if opens and (not named or (follows and "V" in follows[0] and self.kind(before) in ("&", ","))):
            if follows and "N" not in follows[0] and "P" not in follows[0].rstrip("M"):
                if "V" not in follows[0] and named:
                    return [], self._trim(taken)
                return self.meant(self.following(end + follows.end() - 1)), taken
            comma = next((n for n in range(1, len(taken)) if self.kind(taken[n] - 1) == ","), 0)
            if comma and (rest[:1] in ("V", "", ";")):
                return self.meant(taken[comma:]), taken[:comma]
            if len(taken) > 1 and rest.startswith("V"):
                return self.meant(taken[-1:]), taken[:-1]
        return [], self._trim(taken)

    def _trim(self, taken: list[int]) -> list[int]:
        """Leave out the names that begin the next clause: "left of the sofa and the lamp is …"."""
        after = self.kind(taken[-1] + 1) if taken else ""
        if len(taken) > 1 and after and after in "VRIBL":
            return taken[:1]
        return taken

    def subject(self, position: int) -> tuple[Readings, bool]:
        """Return who the relation at `position` is said of, and whether it is denied."""
        at, negated = position - 1, False
        while self.kind(at) and (
            self.kind(at) in "NC" or (self.kind(at) in "zL" and self._kind_before(at) == "V")
        ):
            negated |= self.kind(at) == "N"
            at -= 1
        kind = self.kind(at)
        if kind == "V":
            return self._subject_of_verb(at, negated)
        if kind == "M":
            options = [self.meant([at])]
            if at in self.consumed:
                options.append(self.subjects[-1] if self.subjects else [])
            else:
                options.append(self.meant(self.listed(at, forward=False)))
            return merged(options), negated
        if kind == "P":
            return self.reader.pronoun(self.t[at], self.earlier(at), subject=True), negated
        if kind and kind in ",&~?":
            options = [self.subjects[-1] if self.subjects else []]
            nearest = next((i for i in reversed(range(at)) if self.kind(i) in "MP"), None)
            if nearest is not None and (kind in ",?" or not self.subjects):
                if self.kind(nearest) == "P":
                    options.append(self.reader.pronoun(self.t[nearest], self.earlier(nearest), subject=True))
                else:
                    options += [self.meant([nearest]), self.meant(self.listed(nearest, forward=False))]
                    options.append(self.meant(self.listed(0, forward=True, anywhere=True)))
            return merged(options) or self.reader.subject, negated
        if kind in ("", ";"):
            return (self.subjects[-1] if self.subjects and kind == ";" else self.reader.subject), negated
        nearest = next((i for i in reversed(range(at)) if self.kind(i) == "M" and i not in self.consumed), None)
        return (self.meant([nearest]) if nearest is not None else []), negated

    def _kind_before(self, at: int) -> str:
        while self.kind(at) and self.kind(at) in "zLNC":
            at -= 1
        return self.kind(at)

    def _subject_of_verb(self, at: int, negated: bool) -> tuple[Readings, bool]:
        relative = False
        while self.kind(at) and self.kind(at) in "VN?XL" or (self.kind(at) == "," and relative):
            negated |= self.kind(at) == "N"
            relative |= self.kind(at) == "?"
            at -= 1
        if self.kind(at) == "P":
            return self.reader.pronoun(self.t[at], self.earlier(at), subject=True), negated
        if self.kind(at) == "M":
            # but "not the lamp, which is farther": what follows a comma belongs to the lamp, unless it is "that"
            told = self.kind(at + 1) == "?" or (
                self.kind(at + 2) == "?" and self.t[at + 2].words.lower() == "that"
            )
            if told and self.kind(at - 1) == "N":
                return self._set_apart(at, negated)
            if at in self.consumed:
                return merged([self.meant([at]), self.subjects[-1] if self.subjects else []]), negated
            listed = self.listed(at, forward=False)
            # "closer than the sofa, the lamp is …": what stands before a comma alone may not belong to it
            return merged([self.meant(listed), *([self.meant([at])] if relative else [])]), negated
        if self.kind(at) and self.kind(at) in ",&;~":
            nearest = next((i for i in reversed(range(at)) if self.kind(i) == "M"), None)
            near = self.meant([nearest]) if nearest is not None else []
            return merged([self.subjects[-1] if self.subjects else [], near]) or self.reader.subject, negated
        return ([] if self.kind(at) else self.reader.subject), negated

    def _set_apart(self, at: int, negated: bool) -> tuple[Readings, bool]:
        """Return who "it is not the lamp that is nearer" is said of, and whether it is denied.

        In "it is the cup, not the lamp, that is nearer" that is the cup.
        """
        other = at - 2
        while self.kind(other) and self.kind(other) in ",&":
            other -= 1
        if self.kind(other) == "M":
            return self.meant([other]), negated
        return self.meant([at]), not negated

    def subject_around(self, position: int) -> tuple[Readings, bool]:
        """Return who the comparison at `position` is said of, before it or after it, and whether it is denied."""
        before = self.subject(position) if self.kind(position - 1) == "V" else ([], False)
        spoken = any(self.kind(i) in "MP" for i in range(self.clause_start(position), position))
        if before[0] and spoken:
            return before
        following = self.follower(position + 1)
        if (
            not following
            and not spoken
            and self.kind(position + 1) in (",", ";")
            and self.kind(position + 2) == "M"
        ):
            following = self.meant(self.following(position + 2))
        return (following, False) if following else self.subject(position)

    def follower(self, position: int) -> Readings:
        """Return what follows a verb after `position`: "nearest is the lamp"."""
        rest = "".join(token.kind for token in self.t[position:])
        match = re.match(r"(?:zP)?[zX]?,?[XV]*VM", rest)
        return self.meant(self.following(position + match.end() - 1)) if match else []


def merged(options: list[Readings]) -> Readings:
    """Return the readings of several, each once."""
    return list(dict.fromkeys(keys for readings in options for keys in readings))


def merged_keys(readings: Readings) -> list[str]:
    """Return all objects that the readings speak of."""
    return [key for keys in readings for key in keys]
