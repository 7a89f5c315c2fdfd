"""Which words of a text mean which object of the scene, tagged or in plain words.

`Names(scene).encode(text)` gives the text with every mention as "@number@", so that what is said about the objects
can be read without their names in the way.
"""

import itertools
import re
from typing import NamedTuple

from spacesgg import grounded_text, nouns
from spacesgg.offline_phrases import COUNTS
from spacesgg.scene import Scene

# What people call things that data sets call otherwise; a name that the scene itself has comes first.
SYNONYMS = {
    "person": ("man", "woman", "boy", "girl", "child", "kid", "lady", "guy", "pedestrian", "human"),
    "sofa": ("couch",),
    "couch": ("sofa",),
    "TV": ("television", "tv", "tv screen"),
    "bicycle": ("bike",),
    "motorcycle": ("motorbike",),
    "mobile phone": ("cell phone", "smartphone"),
    "refrigerator": ("fridge",),
    "airplane": ("plane", "aeroplane"),
    "car": ("automobile",),
    "trash can": ("bin", "waste bin", "dustbin"),
    "picture": ("painting",),
}
# "you can see", "picture this", "in the picture": words that are mostly no object, though one may be called so.
_NO_NAMES = ("can",)
_NO_OBJECT = re.compile(
    r"(?:\bthis |\b(?:in|of|edge of|side of) the )(?:picture|scene|image|view)$|^(?:picture|image|view) this\b"
    r"|^(?:picture|image) (?:shows|yourself)\b",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"(?:^|[.,;:?!] |[\"'(]"
    r"|\b(?:which|one|what|out|and|then|now|so|closer|nearer|farther|further|higher|lower) )of the $",
    re.IGNORECASE,
)
_OTHER = re.compile(r"(?:,| and| or) (?:of )?((?:the|an?) )?", re.IGNORECASE)
_MOST_READINGS = 12
# Words written in one whose second half is a name too: an armchair is a chair.
_SECOND_HALVES = (
    "chair",
    "shelf",
    "table",
    "board",
    "lamp",
    "light",
    "ball",
    "boat",
    "cup",
    "pot",
    "bag",
    "case",
    "bed",
)
_HEAD_END = re.compile(r" (?:of|in|on|at|with|by|near|wearing|holding|that|which|who|made) .*")


class Mention(NamedTuple):
    """A place in a text where an object is named.

    options  what it may mean: one or more readings, each the keys of the objects meant together; none where
             the boxes are not the scene's
    text     the words, without tags
    tagged   whether it stands in a <ref> with its box
    end      where it ends in the text as it was written
    """

    options: tuple[tuple[str, ...], ...]
    text: str
    tagged: bool
    end: int


class Names:
    """What the objects of one scene are called."""

    def __init__(self, scene: Scene):
        self.scene = scene
        self.key_of = {grounded_text.boxes(key)[0]: key for key in scene.things}
        self._meant: dict[str, tuple[tuple[str, ...], bool]] = {}
        proper = {nouns.readable(thing.label).lower() for thing in scene.things.values()}
        for key, thing in scene.things.items():
            name = thing.noun.text
            for alias in self._aliases(name, thing.label, proper):
                self._add(alias, key, thing.noun.plural)
                if not thing.noun.plural:
                    self._add(nouns.plural(alias), key, True)
        words = "|".join(re.escape(name) for name in sorted(self._meant, key=len, reverse=True))
        self._plain = re.compile(rf"(?<![\w@-])({words})(?![\w-])(?:'s?(?= ))?", re.IGNORECASE)

    @staticmethod
    def _aliases(name: str, label: str, proper: set[str]) -> set[str]:
        head = _HEAD_END.sub("", name).split()
        suffixes = {" ".join(head[start:]) for start in range(len(head))}
        other = {name, label} | suffixes
        halves = {half for half in _SECOND_HALVES for word in head[-1:] if word.endswith(half) and word != half}
        other |= halves - proper
        for known in (name, head[-1] if head else name):
            other |= {word for word in SYNONYMS.get(known, ()) if word not in proper}
        return {alias.lower() for alias in other if alias.strip() and alias.lower() not in _NO_NAMES}

    def _add(self, alias: str, key: str, plural: bool) -> None:
        keys, several = self._meant.get(alias.lower(), ((), plural))
        self._meant[alias.lower()] = ((*keys, key) if key not in keys else keys, several and plural)

    def knows(self, word: str) -> bool:
        """Tell whether `word` is a name of one of the objects."""
        return word.lower() in self._meant

    def encode(self, text: str) -> tuple[str, list[Mention]]:
        """Return the text with its mentions as "@0@", "@1@" … and its predicates as plain words."""
        mentions: list[Mention] = []
        parts, at = [], 0
        parsed = grounded_text.parse(text)
        for tag in sorted((*parsed.refs, *parsed.preds), key=lambda found: found.start):
            if tag.start < at:
                continue
            parts.append(self._encode_plain(text[at : tag.start], mentions, at))
            if isinstance(tag, grounded_text.Ref):
                keys = [self.key_of.get(box) for box in tag.boxes]
                options = () if None in keys else (tuple(keys),)
                parts.append(f"@{len(mentions)}@")
                mentions.append(Mention(options, tag.label, True, tag.end))
            else:
                parts.append(tag.predicate)
            at = tag.end
        parts.append(self._encode_plain(text[at:], mentions, at))
        return "".join(parts), mentions

    def _encode_plain(self, text: str, mentions: list[Mention], offset: int) -> str:
        def replace(match: re.Match) -> str:
            # "the table lamp" where the scene has a table and a lamp: the first word is no mention
            if self._plain.match(text, match.end() + 1) and text[match.end() : match.end() + 1] == " ":
                return match[0]
            around = text[max(match.start() - 10, 0) : match.end()], text[match.start() : match.end() + 10]
            # "of the picture and the stool, which is closer": one of two objects, not the picture itself
            other = _CHOSEN.search(text[: match.start()]) and _OTHER.match(text, match.end())
            chosen = other and (other[1] or self._plain.match(text, other.end()))
            if not chosen and any(_NO_OBJECT.search(part) for part in around):
                return match[0]
            options = self._options(match[1].lower(), text[max(match.start() - 30, 0) : match.start()].lower())
            mentions.append(Mention(options, match[1], False, offset + match.end()))
            return f"@{len(mentions) - 1}@"

        return self._plain.sub(replace, text)

    def _options(self, name: str, before: str) -> tuple[tuple[str, ...], ...]:
        """Return what a name in plain words may mean, by whether it is a plural and what stands before it."""
        keys, plural = self._meant[name]
        one = re.search(r"\b(?:one|each|any|another|either|none) of (?:the|these|those)(?: \w+)? $", before)
        if not plural or len(keys) == 1 or one:
            return tuple((key,) for key in keys)
        own = [key for key in keys if self.scene.things[key].noun.plural]
        together = [key for key in keys if key not in own]
        counted = re.search(rf"\b({'|'.join(COUNTS[1:])}|both)(?: \w+)? $", before)
        number = len(together)
        if counted:
            number = 2 if counted[1] == "both" else COUNTS.index(counted[1])
        groups = list(itertools.islice(itertools.combinations(together, number), _MOST_READINGS))
        return (*groups, *((key,) for key in own))
