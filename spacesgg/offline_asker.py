"""Someone who asks and answers about one scene, and remembers what was asked and spoken about."""

import random
from collections.abc import Sequence

from spacesgg.offline_phrases import (
    BACK_AT_CAMERA,
    FROM_CAMERA,
    FROM_THERE,
    SEEN_FROM,
    STANDING,
    sentence,
    shuffled,
)
from spacesgg.offline_wording import Teller
from spacesgg.scene import Fact, Scene
from spacesgg.training_record import estimate_tokens

TAGGED_TOKENS = 650  # the tags of predicates are long: after so many tokens, predicates are plain words


class Asker:
    """Asks and answers about one scene; `standing` is a view the conversation has already moved to, or None."""

    def __init__(self, scene: Scene, rng: random.Random, standing: str | None = None):
        self.scene = scene
        self.rng = rng
        self.standing = standing
        self.tellers = {"front": Teller(scene, rng, "front")}
        self.asked: set[tuple] = set()
        self.put: set[tuple] = set()  # kinds of questions with what they were about: none is put twice
        self.ranked: set[tuple[str, str]] = set()  # (view, axis) of which the order was asked; once is enough
        self.asked_from = "front"  # the view of the question before
        self.again = False  # what is known has been asked about before
        self.only_clear = True  # ask only about what has a name of its own
        self.only_apt = True  # … and one that does not sound odd, given what is asked
        self.tokens = 0
        self.recent: list[str] = []  # what the last answer was about: people go on from there

    def teller(self, view: str) -> Teller:
        """Return the teller at `view`; all share what has been named and which words were used."""
        if view not in self.tellers:
            self.tellers[view] = self.tellers["front"].at(view)
            self.tellers[view].tag_predicates = self.tellers["front"].tag_predicates
        return self.tellers[view]

    def ask(self, view: str, clause: str, bidding: bool = False) -> str:
        """Return the question from its clause, led in by the viewpoint; `bidding`: it is not a question.

        After one from elsewhere a question from the camera says so: who just was told to imagine standing at the
        far end would still look from there.
        """
        teller = self.teller(view)
        before, self.asked_from = self.asked_from, view
        end = "." if bidding else "?"
        # "From there, of the cup and the lamp, which …": too many commas for a person.
        heavy = bidding or clause.startswith(("of ", "going ", "in ", "looking ", "do you", "can you"))
        if view == "front" and before != "front":
            lead = f"{teller.pick(*BACK_AT_CAMERA)}:" if heavy else f"{teller.pick(*FROM_CAMERA)},"
            return sentence(f"{lead} {clause}", end)
        if view == "front":
            lead = "" if heavy else teller.pick("", "", "from the camera, ", "in this picture, ", "in this view, ")
            return sentence(lead + clause if teller.chance(0.4) else clause, end)
        if view == self.standing:
            leads = ("from there, ", "still from there, ", "and from that spot, ", "and ")
            lead = teller.pick(*leads[:2]) if bidding else "and " if heavy else teller.pick(*leads)
            return sentence(lead + clause, end)
        if heavy or teller.chance(0.4):
            standing = teller.pick(*STANDING[view])
            lead = sentence(teller.pick("imagine ", "suppose ", "say ", "picture this: ") + standing)
            return f"{lead} {sentence(clause, end)}"
        return sentence(f"{teller.pick(*SEEN_FROM[view])}, {clause}", end)

    def answer(self, view: str, axis: str, text: str) -> str:
        """Return the answer as a sentence that is true on its own: one from elsewhere says so."""
        if view == "front" or axis == "up":
            return sentence(text)
        return sentence(f"{self.teller(view).pick(*FROM_THERE)}, {text}")

    def add(self, pair: tuple[str, str], about: Sequence[str]) -> tuple[str, str]:
        """Keep count of the tokens and of what was spoken about."""
        self.tokens += estimate_tokens(" ".join(pair))
        if self.tokens > TAGGED_TOKENS:
            for teller in self.tellers.values():
                teller.tag_predicates = False
        self.recent = list(about)
        return pair

    def fresh(self, view: str, axis: str) -> list[Fact]:
        """Return the facts about pairs that no question was about yet: new pairs and plain names first."""
        known = self.scene.clear_facts if self.only_clear else self.scene.tellable_facts
        facts = self.plain_first(view, known(view, [axis]))
        facts = [f for f in facts if f not in self.asked and self.apt(view, axis, f.first, f.second)]

        def last(fact: Fact) -> tuple[bool, bool, bool]:
            pair = {fact.first, fact.second}
            alike = fact.first in self.scene.twins(fact.second)
            heard = (view, frozenset(pair)) in self.asked
            return (
                alike or self.long_named(view, *pair),
                heard,
                bool(self.standing) and not pair & set(self.recent),
            )

        return sorted(facts, key=last)

    def apt(self, view: str, axis: str, *keys: str) -> bool:
        """Tell whether the objects' names let one speak of how they lie along `axis`."""
        teller = self.teller(view)
        return not teller.give_away(axis, keys) and not (self.only_apt and teller.awkward(axis, *keys))

    def speakable(self, view: str, axis: str, *keys: str) -> bool:
        """Tell whether the objects have names that single them out, and are apt."""
        return self.scene.nameable(*keys) and self.apt(view, axis, *keys)

    def long_named(self, view: str, *keys: str) -> bool:
        """Tell whether one of the objects has to be called "the picture's nearer cup"."""
        return view != "front" and any(map(self.scene.twins, keys))

    def plain_first(self, view: str, facts: Sequence[Fact]) -> list[Fact]:
        """Return the facts in random order, those with long names last."""
        return sorted(shuffled(self.rng, facts), key=lambda fact: self.long_named(view, fact.first, fact.second))

    def take(self, fact: Fact) -> None:
        """Mark the fact as asked about."""
        self.asked |= {fact, (fact.view, frozenset((fact.first, fact.second)))}

    def more(self) -> bool:
        """Tell whether to look again when nothing is left to ask.

        Names may sound odd then; what was asked may be asked once more, by another kind of question; then about
        objects that no name singles out as well.
        """
        if self.only_apt:
            self.only_apt = False
            return True
        if self.only_clear and (self.again or not self.asked):
            self.only_clear = False
            return True
        self.again = bool(self.asked)
        self.asked.clear()
        return self.again

    def tagging(self) -> bool:
        """Tell whether a question names its objects with their boxes even where it need not."""
        return self.tokens < TAGGED_TOKENS and self.rng.random() < 0.35
