"""What kinds of things labels name, as far as their kind tells where they are: round, flat, standing, hanging."""

import functools
import re


@functools.lru_cache(maxsize=1 << 14)  # asked a hundred times a picture, of few labels
def words_of(label: str) -> tuple[str, ...]:
    """Return the words of a label, lower case, without the endings that COCO's panoptic categories have."""
    return tuple(re.findall(r"[a-z]+", label.lower().removesuffix("-merged").removesuffix("-other")))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# As wide from every side.
ROUND = _words(
    """
    apple ball barrel basket bin bottle bowl bucket bush can column cone cup cylinder drum glass globe jar
    lamp light mug orange pillar plant pole post pot shrub sphere stick stool tank tree umbrella vase
    """
)
BALLS = _words("apple ball globe orange peach sphere")
# What hangs on walls or is a board: no body behind its face.
FLAT = _words(
    """
    banner blind board calendar clock curtain door flag frame map mirror painting photo picture poster sign
    whiteboard window
    """
)
# What hangs on a wall where nothing but wall is seen around it, and metres that it may stand out from it.
ON_WALLS = {
    **dict.fromkeys(_words("blind calendar clock door frame mirror painting photo picture poster window"), 0.15),
    **dict.fromkeys(_words("blackboard radiator television thermostat tv whiteboard"), 0.3),
    "shelf": 0.6,
}
# Boxes and boards with a level top that nothing rises above.
FLAT_TOPPED = _words(
    """
    block book bookcase bookshelf box cabinet carton chest closet container crate cube cupboard desk dishwasher
    drawer drawers dresser freezer fridge locker microwave nightstand oven package parcel refrigerator safe
    sideboard stove suitcase table trunk wardrobe washer
    """
)
BOXES = FLAT_TOPPED - _words("desk table")  # these stand on legs
ARMED = _words("armchair bed couch loveseat sofa")  # their ends are as upright as boxes'
# Things stand on these, and none in them below their tops.
CARRYING = _words(
    """
    bench bookcase bookshelf cabinet counter cupboard desk dishwasher drawer drawers dresser freezer fridge locker
    microwave nightstand ottoman oven refrigerator safe shelf sideboard stool stove suitcase table wardrobe washer
    """
)
# Vessels and seats as high all around, without what stands in them.
LEVEL_TOPPED = FLAT_TOPPED | _words(
    "barrel basin bin bowl bucket can cup drum footstool glass mug ottoman pouf stool"
)
# What stands on the ground whatever hides its feet; a lamp, a box or a cabinet may hang or stand on something.
STANDING = _words(
    """
    armchair bed bench bicycle bike bollard bookcase bookshelf bus bush car chair closet couch cyclist desk
    dresser fridge loveseat man motorbike motorcycle pedestrian person refrigerator sedan sofa stool suv table
    taxi tree truck van wardrobe woman
    """
)
STANDING_FIRST = _words("floor street traffic")  # lamps, signs and cones
# Beside what has a back, stands on legs or is round: what is as high, or higher, at its front than farther back.
RISING = _words("boy child girl laptop man monitor pedestrian person screen television tv woman")
# What hangs, flies or is worn as a rule, or often: what is seen below it need not carry it.
HANGING = _words(
    """
    airplane antenna backpack balloon banner baseball bat bee bell bird blackboard blind board butterfly
    calendar camera cap ceiling chandelier clock cloud coat curtain drone fan flag frame frisbee garland
    hammock handle hanging hat helicopter helmet hook icicle jacket kite lamp lantern light mirror ornament
    outlet painting parachute pendant phone photo picture plane poster racket radiator rope scarf shade
    shelf shirt sign signal skateboard ski snowboard speaker sports surfboard swing switch tapestry
    television thermostat tie towel tv umbrella vent volleyball wall whiteboard window wire wreath
    """
)
# What hangs wherever it is: none reaches down to the ground.
HUNG = _words("calendar chandelier painting photo picture poster thermostat")
HUNG_FIRST = _words("ceiling hanging pendant wall")  # lamps, plants and clocks
# What nobody holds, ...
HEAVY = _words(
    """
    armchair bed bookcase bookshelf cabinet closet couch cupboard desk dresser fridge loveseat refrigerator
    sideboard sofa table wardrobe
    """
)
FURNITURE = HEAVY | _words("bench chair chest drawer drawers nightstand ottoman stool")
# ... what rests on something unless a hand holds it, ...
RESTING = FURNITURE | _words(
    """
    apple ball barrel bin book bottle bowl box can carton cone crate cup cylinder glass jar kettle keyboard laptop
    microwave mug orange oven plate printer stove suitcase teacup teapot toaster vase wineglass
    """
)
# ... and what holds none of these, though it may stand nearer beside them, or carry them on a top as wide as they.
NO_HOLDERS = FURNITURE | _words("bin box crate lamp microwave monitor oven stove suitcase television tv")
CLOAKROOM = (_words("clothes coat garment hat"), _words("rack stand tree"))
# What shows a back above the thing before it, and not to which side of that its seat goes.
BACKED = _words("armchair bed bench chair couch loveseat sofa")
ENDING_IN_EDGE = RISING | (BACKED - {"bed"})
# What stands on feet wider apart than its legs.
LEGGED = _words("easel rack stand stool tripod")
THREE_FEET = _words("easel tripod")
# How many times as far from their axes things go on one side as on another: handles and leaves stand out, and of
# three feet alike around it one may point aside, and the two others half as far to the other side.
HANDLES, FEET_ASIDE = 1.2, 2.0
# What is at no place that depth could tell: a depth map holds there what is the farthest for it.
PLACELESS = _words("cloud clouds horizon moon rainbow skies sky sun")
# What things stand on or before, and nothing stands behind: it may have no depth, being too far for the sensor.
BACKDROPS = PLACELESS | _words(
    """
    carpet ceiling dirt field floor grass gravel ground hill lake mountain mountains ocean pavement playingfield
    river road rug sand sea snow street wall water
    """
)
SURFACED = _words("brick concrete panel stone tile wood")  # walls and floors of COCO's panoptic categories


def _named(label: str, kinds: frozenset[str]) -> bool:
    """Return whether the last word of a label, which names the thing, is one of the kinds."""
    return not kinds.isdisjoint(words_of(label)[-1:])


def is_round(label: str) -> bool:
    """Return whether a thing called `label` is round as seen from above."""
    words = words_of(label)
    return bool(words) and (words[-1] in ROUND or "round" in words)


def is_ball(label: str) -> bool:
    """Return whether a thing called `label` is as high as wide."""
    return _named(label, BALLS)


def symmetry(label: str) -> float:
    """Return how many times as far from its axis a thing called `label` may go on one side as on another, or 0.

    0 of things that have no axis.
    """
    return FEET_ASIDE if has_legs(label) else HANDLES if is_round(label) else 0.0


def has_place(label: str) -> bool:
    """Return whether a thing called `label` is somewhere, as the sky is not."""
    return not _named(label, PLACELESS)


def is_backdrop(label: str) -> bool:
    """Return whether what is called `label` is the ground, a wall, the sky: nothing of a scene is behind it."""
    words = words_of(label)
    if not words or "of" in words:  # a glass of water
        return False
    return words[-1] in BACKDROPS or (words[-1] in SURFACED and words[0] in BACKDROPS)


def is_flat(label: str) -> bool:
    """Return whether a thing called `label` has no body behind its face."""
    return _named(label, FLAT)


def off_wall(label: str) -> float:
    """Return metres that a thing called `label` may stand out from the wall it hangs on, 0 of other kinds."""
    return max((ON_WALLS.get(word, 0.0) for word in words_of(label)[-1:]), default=0.0)


def has_flat_top(label: str) -> bool:
    """Return whether a thing called `label` has a level top that nothing of it rises above."""
    return _named(label, FLAT_TOPPED)


def carries(label: str) -> bool:
    """Return whether things stand on the level top of a thing called `label`, and none reaches down into it."""
    return _named(label, CARRYING)


def is_box(label: str) -> bool:
    """Return whether a thing called `label` is rectangular as seen from above, with sides from top to bottom."""
    return _named(label, BOXES) and not is_round(label)


def is_rectangular(label: str) -> bool:
    """Return whether a thing called `label` is rectangular as seen from above, somewhere below its top."""
    return is_box(label) or _named(label, ARMED)


def is_table(label: str) -> bool:
    """Return whether a thing called `label` is a rectangular top on legs."""
    return has_flat_top(label) and not is_box(label) and not is_round(label)


def is_straight(label: str) -> bool:
    """Return whether a thing called `label` is rectangular as seen from above, be it its top alone."""
    return is_rectangular(label) or is_table(label)


def ends_in_edge(label: str) -> bool:
    """Return whether a thing called `label` ends above in an edge or a tip, not in a level that goes back."""
    return has_legs(label) or is_round(label) or _named(label, ENDING_IN_EDGE)


def has_upright_sides(label: str) -> bool:
    """Return whether the sides of a thing called `label` are upright, each as far aside from top to bottom."""
    return is_rectangular(label) or is_flat(label)


def has_level_top(label: str) -> bool:
    """Return whether a thing called `label` is as high all around."""
    return _named(label, LEVEL_TOPPED)


def stands_on_ground(label: str) -> bool:
    """Return whether a thing called `label` stands on the ground even where its foot is not seen."""
    words = words_of(label)
    return bool(words) and (words[-1] in STANDING or words[0] in STANDING_FIRST)


def may_hang(label: str) -> bool:
    """Return whether a thing called `label` may well hang, fly or be worn, so that nothing below need carry it."""
    words = words_of(label)
    if words and words[0] in ("floor", "table", "desk"):  # a floor lamp
        return False
    return not HANGING.isdisjoint([*words, *(word.removesuffix("s") for word in words)])


def hangs(label: str) -> bool:
    """Return whether a thing called `label` hangs, so that it does not reach the ground unseen."""
    words = words_of(label)
    return bool(words) and (words[-1] in HUNG or (len(words) > 1 and words[0] in HUNG_FIRST))


def has_legs(label: str) -> bool:
    """Return whether a thing called `label` stands on feet that spread."""
    return _named(label, LEGGED)


def has_three_feet(label: str) -> bool:
    """Return whether a thing called `label` stands on three feet."""
    return _named(label, THREE_FEET)


def has_back(label: str) -> bool:
    """Return whether a thing called `label` is a seat with a back, or a bed."""
    return _named(label, BACKED)


def is_furniture(label: str) -> bool:
    """Return whether a thing called `label` is furniture."""
    return _named(label, FURNITURE)


def is_heavy(label: str) -> bool:
    """Return whether a thing called `label` stands on something, and nobody holds it."""
    return _named(label, HEAVY)


def rests(label: str) -> bool:
    """Return whether a thing called `label` rests on something unless a hand holds it."""
    return _named(label, RESTING) and not may_hang(label)


def holds_nothing(label: str) -> bool:
    """Return whether a thing called `label` does not hold by its side what else rests on something."""
    words, (first, last) = words_of(label), CLOAKROOM
    return _named(label, NO_HOLDERS) or (len(words) == 2 and words[0] in first and words[1] in last)
