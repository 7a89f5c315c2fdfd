"""The prompts: one function each, from a scene to the messages for a model and how to write it without one.

In:   a Scene (spacesgg/scene.py: caption, objects, layers, relations from four sides) and a random generator
Out:  a Prompt (spacesgg/prompt.py)
Run:  python llm_based_query.py --anno-file annotations.json --prompt-function create_layer_prompt \\
          --output-file layer_description.json

A new kind of data is one more function here, or in a file of your own that --prompt-file names. What a model
is told is what stands in these functions, and may be edited freely; the facts come from the scene.
"""

import random

from spacesgg import offline_room
from spacesgg.errors import InputError
from spacesgg.offline_conversation import converse
from spacesgg.offline_description import describe
from spacesgg.offline_questions import nothing_to_ask, questions
from spacesgg.prompt import Prompt
from spacesgg.scene import Scene

# How many pairs are asked for; with their boxes, more run into the 2,048 tokens at which LLaVA cuts a record.
QUESTIONS = (3, 4, 5, 6)
TURNS = (3, 4, 5)

TAGS = """Name an object as <ref>name</ref><box>[[x1, y1, x2, y2]]</box>, copied from the list, never with a box
that is not in it. Where two objects share a name, every mention carries its box. State a relation between two
objects you have named as <pred>relation</pred><box>[[of the first]]</box><box>[[of the second]]</box>, where it
holds from the camera; what holds from elsewhere only is said in plain words, with where one stands."""

STYLE = """Say only what the facts prove, or what follows from two of them; where they are silent, so are you.
Write as someone who sees the picture: no word about facts, lists, boxes, captions or data. Vary your wording."""

# The objects of the worked examples.
MUG = "<ref>mug</ref><box>[[120, 610, 260, 840]]</box>"
MUGS = "<ref>mugs</ref><box>[[120, 610, 260, 840], [740, 600, 880, 830]]</box>"
BOOK = "<ref>book</ref><box>[[400, 640, 720, 820]]</box>"
WINDOW = "<ref>window</ref><box>[[300, 40, 700, 420]]</box>"
LEFT_OF = "<pred>to the left of</pred><box>[[120, 610, 260, 840]]</box><box>[[400, 640, 720, 820]]</box>"

SEEN_FROM = {
    "left": "standing at the left side of the scene, looking to the right",
    "right": "standing at the right side of the scene, looking to the left",
    "back": "standing behind the scene, looking back at the camera",
}


def create_layer_prompt(scene: Scene, rng: random.Random) -> Prompt:
    """Ask for a description of the scene, layer by layer, from near to far.

    A model is told what is in no layer; the offline writer refuses the scene (see `describe`).
    """
    system = f"You describe pictures by depth, so that others learn where things are.\n{STYLE}\n{TAGS}"
    crowded = offline_room.untold(scene, offline_room.fit(scene))
    which = (
        "the larger objects, there is no room for all, and say that there are more" if crowded else "every object"
    )
    user = f"""About the picture: {scene.caption or "(not told)"}

Its objects:
{scene.object_lines()}

Its layers, nearest first (an object that reaches through several stands in each):
{scene.layer_lines()}

What holds from the camera:
{scene.relation_lines("front")}

Describe the scene in one paragraph, from the nearest layer to the farthest: what is in each layer, and for
some objects where they are against each other. Mention {which}; alike ones may share a phrase with
all their boxes, as two {MUGS}. Write the paragraph alone.

An example of the form, about another picture:
In the foreground are a {MUG} and a {BOOK}; the mug is {LEFT_OF} the book. The background holds a {WINDOW},
which is above both."""
    return Prompt(_messages(system, user), "description", lambda dice: describe(scene, dice))


def create_between_prompt(scene: Scene, rng: random.Random) -> Prompt:
    """Ask for questions and answers: between, nearer, farther, left, right, above, below, also from a side."""
    scene.need_relations("front")
    sides = _sides(scene)
    view = rng.choice(sides) if sides else "front"
    known = len(scene.tellable_facts("front")) + (
        len(scene.tellable_facts(view, ("left", "front"))) if sides else 0
    )
    if not known:
        raise InputError(nothing_to_ask(scene))
    pairs = min(rng.choice(QUESTIONS), known)
    elsewhere = f"What holds {SEEN_FROM[view]}:\n{scene.relation_lines(view)}" if sides else ""
    half = " About half are asked from the second viewpoint, and say so." if sides else ""
    system = f"You write questions and answers about where things are in a picture.\n{STYLE}\n{TAGS}"
    user = f"""About the picture: {scene.caption or "(not told)"}
{scene.description}
Its objects:
{scene.object_lines()}

What holds from the camera:
{scene.relation_lines("front")}

{elsewhere}

Write {pairs} questions with their answers, each clear without the others: what lies between two objects, which
is nearer or farther, left or right, higher or lower.{half}
Ask nothing that the facts leave open. Every answer is a whole sentence. Write nothing but lines in this form:
Q: Which is nearer to the camera, the mug or the window?
A: The {MUG} is nearer to the camera than the {WINDOW}."""
    views = ["front", view] if sides else ["front"]
    return Prompt(
        _messages(system, user), "questions", lambda dice: questions(scene, views, dice, pairs), pairs, view
    )


create_comparative_prompt = create_between_prompt


def create_rotation_prompt(scene: Scene, rng: random.Random) -> Prompt:
    """Ask for a conversation in which someone imagines standing at another side of the scene."""
    for side in ("left", "right", "back"):
        if not scene.rotated_views:
            scene.need_relations(side)
    sides = _sides(scene)
    if not sides:
        raise InputError(nothing_to_ask(scene))
    view = rng.choice(sides)
    pairs = min(rng.choice(TURNS), len(scene.tellable_facts(view, ("left", "front"))))
    system = f"You write conversations about how a scene looks from another side.\n{STYLE}\n{TAGS}"
    user = f"""About the picture: {scene.caption or "(not told)"}

Its objects:
{scene.object_lines()}

What holds from the camera:
{scene.relation_lines("front")}

What holds {SEEN_FROM[view]}:
{scene.relation_lines(view)}

Write a conversation of {pairs} questions and answers. In the first question someone imagines {SEEN_FROM[view]},
and asks what is there; the later ones go on from there: what is in front, behind, left or right now, and what
has changed against the camera's view. Every answer is a whole sentence. Write nothing but lines in this form:
Q: Imagine standing behind the scene, looking back at the camera. Is the mug to the left or right of the book?
A: From there, the {MUG} is to the right of the {BOOK}."""
    return Prompt(
        _messages(system, user), "conversation", lambda dice: converse(scene, view, dice, pairs), pairs, view
    )


def _sides(scene: Scene) -> list[str]:
    """Return the sides to tell from: where objects are singled out by their names, or else by their boxes."""
    for facts in (scene.clear_facts, scene.tellable_facts):
        if found := [view for view in scene.rotated_views if facts(view, ("left", "front"))]:
            return found
    return []


def _messages(system: str, user: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]
