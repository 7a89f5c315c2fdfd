"""Labels of data sets as English nouns: how they are read, their article, number and plural."""

import re
from typing import NamedTuple


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DETERMINERS = _words("a an the his her their its my your our this that these those another some")
_QUANTITIES = _words("two three four five six seven eight nine ten several many few both various")
_AFTER_HEAD = _words(
    "of in on at with by near next from for to under behind above below wearing holding standing sitting "
    "lying riding that which who and made covered filled"
)
# COCO's panoptic names that no rule reads well; "-merged", "-other" and "-stuff" are dropped first.
_READINGS = {
    "wall-brick": "brick wall",
    "wall-stone": "stone wall",
    "wall-tile": "tiled wall",
    "wall-wood": "wooden wall",
    "floor-wood": "wooden floor",
    "playingfield": "playing field",
    "cell phone": "mobile phone",
}
_SPELLED_OUT = _words("ac atm atv bbq cctv cd cpu dvd hdtv lcd mri pc rv suv suvs tv tvs ufo usb vcr vr")
# Words that people write with a capital wherever they stand.
_PROPER = _words(
    "african american arabic asian australian british belgian brazilian canadian chinese christmas cuban danish "
    "claus dutch egyptian english european french german greek halloween hawaiian indian irish italian japanese "
    "jewish korean lego mexican moroccan nintendo norwegian persian playstation portuguese roman russian santa "
    "scottish siamese siberian spanish swedish swiss thai turkish victorian vietnamese xbox xmas"
)
_MASS = _words(
    "grass water sand snow dirt gravel food fruit broccoli paper fog clothing clothes furniture luggage cardboard "
    "mud rice bread pasta traffic foliage ice smoke greenery vegetation soil straw hay cutlery silverware "
    "tableware crockery produce meat cheese jewelry jewellery hair equipment scenery shrubbery"
)
_PAIRS = _words("scissors binoculars headphones sunglasses goggles jeans pants trousers shorts pliers tongs")
_PEOPLE = _words(
    "person people human adult lady guy boy boys girl girls child children kid kids baby crowd couple family "
    "audience pedestrian pedestrians player players rider cyclist skier surfer driver worker"
)
_ONE_OF_A_KIND = _words("sky sea ground floor ceiling horizon")
_PLURALS = _PAIRS | _words("skis people men women children clothes stairs police cattle feet teeth")
_SINGULAR_S = _words("bus gas lens canvas iris christmas chaos atlas series tennis chassis")
_IRREGULAR = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "knife": "knives",
    "shelf": "shelves",
    "bookshelf": "bookshelves",
    **{word: word[:-1] + "ves" for word in ("calf", "half", "leaf", "loaf", "scarf", "wolf")},
    "goose": "geese",
    "mouse": "mice",
    "ox": "oxen",
    "passerby": "passersby",
    "foot": "feet",
    "tooth": "teeth",
    **{word: word + "es" for word in ("hero", "potato", "tomato")},
}
_NOT_MEN = _words("caiman german human ottoman roman talisman")
_UNCHANGED = _words("sheep fish deer aircraft series skis")
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.){2,}$")  # "U.S."


class Noun(NamedTuple):
    """A label as it is read.

    text          without determiner: "dining table"
    plural        whether it takes "are"
    mass          whether it is not counted: "grass"
    one_of_a_kind whether it is "the" at first mention: "the sky"
    """

    text: str
    plural: bool
    mass: bool
    one_of_a_kind: bool

    @property
    def paired(self) -> bool:
        """Whether it is counted in pairs: two pairs of scissors."""
        return _head_words(self.text)[-1] in _PAIRS

    @property
    def human(self) -> bool:
        """Whether it is people: nobody would call them something."""
        head = _head_words(self.text)[-1]
        men = head.endswith(("man", "men")) and head not in _NOT_MEN
        return men or head in _PEOPLE or self.text.endswith("of people")

    @property
    def article(self) -> str:
        """The word before it at its first mention: "a", "an", "some", "the" or ""."""
        if self.text.split()[0].lower() in _QUANTITIES:
            return ""
        if self.one_of_a_kind:
            return "the"
        if self.plural or self.mass:
            return "some"
        return "an" if _starts_like_a_vowel(self.text) else "a"


def _starts_like_a_vowel(text: str) -> bool:
    first = re.split(r"[\s-]", text)[0]
    if _DOTTED.fullmatch(first):
        first = first.replace(".", "")
    if first.isalpha() and (first.isupper() or len(first) == 1):  # spelled out: an LCD screen, a TV, an x-ray
        return first[0].upper() in "AEFHILMNORSX"
    if re.match(r"hour|honest|heir|x(?![aeiouy])", first, re.IGNORECASE):  # an Xbox
        return True
    if re.match(r"uni[^nm]|us[aeu]|ut[ei]|eu|ewe|one\b|once\b", first, re.IGNORECASE):
        return False
    return first[0].lower() in "aeiou8"


def readable(label: str) -> str:
    """Return the label as it is read: without determiner, hyphens, and what data sets and detectors append."""
    words = " ".join(re.sub(r"[<>_\[\]]", " ", label).split()).strip("- ")
    if not _DOTTED.search(words):
        words = words.rstrip(" .,;:!?")  # would end the sentence
    if not re.search(r"\w", words):
        return ""  # nothing that could be read
    core = re.sub(r"(-(merged|other|stuff))+$", "", words.lower())
    if core in _READINGS:
        return _READINGS[core]
    if core != words.lower():
        words = words[: len(core)]
    if " " not in words:  # data sets join words by hyphens; people write T-shirt
        words = re.sub(r"(?<=\w\w)-(?=\w\w)", " ", words)
    words = re.sub(r"(?<=\w)[ -]#?\d{1,2}$", "", words)  # "chair 2" is a chair like chair 1
    parts = words.split()
    while len(parts) > 1 and parts[0].lower() in _DETERMINERS:
        parts.pop(0)
    shouted = words.isupper()
    return " ".join(_in_its_case(part, shouted) for part in parts)


def _in_its_case(word: str, shouted: bool) -> str:
    if word.lower() in _SPELLED_OUT:
        return word[:-1].upper() + "s" if word.lower().endswith("s") else word.upper()
    if _DOTTED.fullmatch(word):
        return word.upper()
    if word.lower() in _PROPER:
        return word.capitalize() if shouted or word.islower() else word
    return word.lower() if shouted or word.istitle() else word


def _head_words(text: str) -> list[str]:
    """Return the words up to the head noun: "man in a black shirt" → ["man"]."""
    words = text.lower().split()
    end = next((i for i, word in enumerate(words) if i and word in _AFTER_HEAD), len(words))
    return words[:end]


def noun(label: str) -> Noun:
    """Return how the label is read."""
    text = readable(label) or "object"
    words = _head_words(text)
    head = words[-1]
    quantity = words[0] in _QUANTITIES
    regular = head.endswith("s") and not head.endswith(("ss", "us", "is")) and head not in _SINGULAR_S
    plural = quantity or head in _PLURALS or regular
    mass = head in _MASS and head != "clothes" and not quantity
    return Noun(text, plural and not mass, mass, head in _ONE_OF_A_KIND)


def plural(text: str) -> str:
    """Return the plural of a readable singular: "glass of water" → "glasses of water"."""
    words = text.split()
    head = len(_head_words(text)) - 1
    words[head] = _plural_word(words[head])
    return " ".join(words)


def _plural_word(word: str) -> str:
    lower = word.lower()
    if lower in _UNCHANGED or lower in _PLURALS:
        return word
    if lower in _IRREGULAR:
        return _IRREGULAR[lower]
    if lower[-1].isalpha() and not re.search(r"[a-zß-ɏ]$", lower):  # not in Latin letters
        return word
    if lower.endswith("man") and lower not in _NOT_MEN:
        return word[:-2] + "en"
    if lower.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if re.search(r"[^aeiou]y$", lower):
        return word[:-1] + "ies"
    return word + "s"


def could_mean(text: str, other: str) -> bool:
    """Tell whether "the TEXT" could be the thing read as `other`: "chair" could mean a dining chair."""
    words, head = text.lower().split(), _head_words(other)
    return text.lower() == other.lower() or head[-len(words) :] == words


def names(text: str, label: str) -> bool:
    """Tell whether `text`, as it stands in a <ref>, is the label's reading, in the singular or plural."""
    wanted = noun(label).text.lower()
    return readable(text).lower() in (wanted, plural(wanted), label.strip().lower())
