"""Objects that a text invents: nouns in plain words that are none of the scene's."""

import re
from collections.abc import Iterator

from spacesgg import nouns
from spacesgg.mentions import Names


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Things that people photograph: the head nouns of the usual data sets' labels, without words that mean other
# things just as often ("light", "glass", "orange").
_THINGS = _words(
    "person man woman boy girl child bicycle bike car motorcycle airplane bus train truck boat hydrant "
    "parking-meter bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag "
    "suitcase frisbee skis snowboard kite skateboard surfboard bottle cup fork knife spoon bowl banana apple "
    "sandwich carrot pizza donut cake chair couch sofa bed table toilet tv television laptop keyboard phone "
    "microwave oven toaster sink refrigerator fridge clock vase scissors armchair desk lamp mug plate jar "
    "teapot kettle pot pan bucket barrel basket crate ladder stool bookcase bookshelf cabinet cupboard "
    "wardrobe dresser drawer mirror curtain carpet rug pillow cushion blanket fan heater radiator fireplace "
    "piano guitar drum violin speaker microphone camera-bag printer monitor projector statue sculpture "
    "fountain tree bush hedge flower cactus fence gate door window staircase tent flag helmet hat shoe boot "
    "jacket coat ball globe candle lantern torch hammer drill wrench toolbox wheelbarrow tractor scooter van "
    "helicopter ship canoe mailbox dustbin trolley stroller wheelchair crib cradle aquarium easel telescope "
    "typewriter tripod anvil harp cello trumpet cone pyramid sphere cylinder cube "
)
# Words that stand where an object could and are none.
_NO_THINGS = _words(
    "camera viewer observer photographer lens scene room picture image photo photograph view frame foreground "
    "background midground place space area rest other others everything anything nothing something group pair "
    "row line edge center centre middle side left right top bottom front back rear end layer layers depth "
    "distance plane viewpoint viewpoints perspective position spot point eye eyes level height horizon way "
    "one ones two three four five same thing things object objects item items first second third last nearest "
    "farthest closest former latter half part parts corner set pieces piece arrangement composition setting "
    "surroundings environment sequence order sight moment step bit little few lot touch look while time case "
    "answer question person's vantage line-of-sight shot shooter you us me it them itself themselves each "
    "both all "
)
_DETERMINER = r"(?:a|an|the|another|some|one|two|three|its|his|her|their)"
_THING = re.compile(rf"\b{_DETERMINER} (?:\w+ ){{0,2}}?(\w+)\b", re.IGNORECASE)
_RELATION = (
    r"(?:in front of|behind|beyond|above|below|beneath|underneath|under|(?:left|right) of|between|ahead of"
    r"|(?:nearer|closer|farther|further|higher|lower)[\w ]{0,25}? than|(?:near|far) side of)"
)
_AFTER_RELATION = re.compile(
    rf"\b{_RELATION} (?:a|an|the|another|some|one of the) ((?:[A-Za-z-]+ ){{0,2}}?[A-Za-z-]+)"
    r"(?=[,.;:!?]|$| (?:and|or|is|are|was|were|stands?|sits?|lies?|hangs?|with|while|but|which|that|in|on|at"
    r"|from|to|by|than|comes?|there|as)\b)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:^|[.;:,!?] |\b(?:and|while|but|there (?:is|are)|that|see|find) )(?:a|an|the|another"
    r"|one) ((?:[A-Za-z-]+ ){0,2}?[A-Za-z-]+)"
    rf" (?:is|are|stands?|sits?|lies?|hangs?|comes?)[\w ]{{0,20}}? {_RELATION}",
    re.IGNORECASE,
)
_LISTED = re.compile(
    r"@\d+@(?:,| and|, and|,? as well as) (?:a|an|another) ((?:[A-Za-z-]+ ){0,2}?[A-Za-z-]+)(?=[,.;:]|$"
    r"| (?:and|are|is|in|on|at|from|with|to|comes?|makes?|stands?|share|belong)\b)"
    r"|\b(?:a|an|another) ((?:[A-Za-z-]+ )?[A-Za-z-]+)(?:,| and|, and|,? as well as) (?:(?:a|an|the|some"
    r"|another) )?@\d+@",
    re.IGNORECASE,
)


def find(text: str, names: Names) -> Iterator[str]:
    """Yield what a text names that the scene does not have, each thing once, as a sentence."""
    encoded, _ = names.encode(text)
    caption = set(re.findall(r"[a-z]+", names.scene.caption.lower()))
    told = set()
    for words, certain in _candidates(encoded):
        head = words.lower().split()[-1]
        single = _singular(head)
        known = {head, single} & _THINGS
        excused = {head, single} & (_NO_THINGS | caption) or names.knows(head) or names.knows(single)
        if head.endswith(("ly", "ing", "ed")) or excused or single in told or not (known or certain):
            continue
        told.add(single)
        yield f'"{words.strip()}" is none of the objects that were given'


def _candidates(encoded: str) -> Iterator[tuple[str, bool]]:
    """Yield words that may name an object, and whether they stand where only an object can."""
    for pattern in (_AFTER_RELATION, _SUBJECT, _LISTED):
        for match in pattern.finditer(encoded):
            yield next(filter(None, match.groups())), True
    for match in _THING.finditer(encoded):
        yield match[1], False
    for match in re.finditer(r"\b(?:a|an|the|another) (?:\w+ )?(\w+)\b", encoded, re.IGNORECASE):
        yield match[1], False


def _singular(word: str) -> str:
    for ending, single in (("ies", "y"), ("ves", "f"), ("ses", "s"), ("shes", "sh"), ("ches", "ch"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            candidate = word[: -len(ending)] + single
            return candidate if nouns.plural(candidate) == word else word
    return word
