"""What the offline writer tells and what it leaves, and how it calls things of which there are several."""

import collections
import itertools
import json
import random
import re
import string

import pytest

import llm_based_query
import prompts
from spacesgg import (
    grounded_text,
    offline_description,
    offline_phrases,
    offline_wording,
    reply_check,
    training_record,
)
from spacesgg.errors import InputError
from spacesgg.offline_asker import Asker
from spacesgg.offline_question_kinds import _where, between
from spacesgg.scene import Fact, Scene

TURNING = (prompts.create_between_prompt, prompts.create_rotation_prompt)


def box_of(key):
    return list(map(float, grounded_text.boxes(key)[0]))


def write(function, entry, seed):
    """The record of one entry."""
    prompt = function(Scene.from_entry("images/000001.jpg", entry), random.Random(seed))
    reply = prompt.offline(random.Random(seed + 1))
    return training_record.make("1", "000001.jpg", reply, prompt.form, "template", random.Random(seed + 2))


def texts(record):
    return [turn["value"].removeprefix("<image>\n") for turn in record["conversations"]]


def row_of(*labels, order=(-1, 0, 0), step=100):
    """An entry with objects side by side in one layer, each pair in the same order from every side."""
    keys = [f"[[{step * i}, 0, {step * i + step - 10}, 90]]" for i in range(len(labels))]
    entry = {key: [label, box_of(key), "m"] for key, label in zip(keys, labels, strict=True)}
    pairs = {f"{a}>{b}": list(order) for a, b in itertools.combinations(keys, 2)}
    sides = {view: {"order_list": pairs} for view in ("left", "right", "back")}
    return entry | {"levels": [keys], "order_list": pairs, "views": sides}


def test_a_single_layer_is_described_as_one():
    for seed in range(20):
        said = grounded_text.plain(texts(write(prompts.create_layer_prompt, row_of("cup", "vase"), seed))[1])
        assert re.search(r"\b(?:one|single) layer\b", said) and re.search("a cup|a vase", said, re.I)


@pytest.mark.parametrize(
    ("levels", "reason"),
    [([[0, 2]], r"no layer.* is vase \[\["), ([], r"is cup .*, vase .* and sofa "), ([[2], [0]], "vase")],
)
def test_what_leaves_out_an_object_without_depth_is_no_description(levels, reason):
    entry = row_of("cup", "vase", "sofa")
    keys = entry["levels"][0]
    entry["levels"] = [[keys[i] for i in level] for level in levels]
    prompt = prompts.create_layer_prompt(Scene.from_entry("a.jpg", entry), random.Random(0))
    assert "in no layer" in prompt.messages[1]["content"]
    with pytest.raises(InputError, match=reason):
        prompt.offline(random.Random(0))


@pytest.mark.parametrize(("label", "said"), [("sky-other-merged", "the sky"), ("clouds", "some clouds")])
def test_the_sky_needs_no_depth(label, said):
    entry = row_of("cup", label, "sofa", "lamp", order=(0, 0, -1))
    cup, sky, *rest = entry["levels"][0]
    entry["levels"] = [[cup], rest]
    entry["order_list"] = {
        pair: [0, 0, 0] if sky in pair else signs for pair, signs in entry["order_list"].items()
    }
    scene = Scene.from_entry("a.jpg", entry)
    for seed in range(40):
        prompt = prompts.create_layer_prompt(scene, random.Random(seed))
        reply = prompt.offline(random.Random(seed))
        assert reply_check.check_reply(scene, prompt, reply, "stop").faults == [], reply
        told = grounded_text.plain(reply)
        assert re.search(rf"{said}[^.]*\.$", told, re.I), told
        assert not re.search("very back|Farthest|leaves|up the background|verything", told), told
    with pytest.raises(InputError, match="but one object"):
        write(prompts.create_layer_prompt, entry | {"levels": [[cup]]} | dict.fromkeys(rest), 0)


def test_a_single_object_is_no_layered_scene_and_the_run_goes_on(tmp_path):
    annotations, output = tmp_path / "a.json", tmp_path / "out.json"
    annotations.write_text(json.dumps({"one.jpg": row_of("cup"), "two.jpg": row_of("cup", "vase")}))
    flags = ["--prompt-function", "create_layer_prompt", "--backend", "template"]
    assert llm_based_query.main(["--anno-file", str(annotations), "--output-file", str(output), *flags]) == 1
    assert [record["image"] for record in json.loads(output.read_text())] == ["two.jpg"]
    (failure,) = map(json.loads, (tmp_path / "out.json.errors.jsonl").read_text().splitlines())
    assert failure["image"] == "one.jpg" and "but one object" in failure["reason"]


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ([200.0, 0.0, 290.0, 90.0], True),
        ([60.0, 0.0, 150.0, 90.0], True),  # less than half hidden
        ([30.0, 0.0, 120.0, 90.0], False),  # behind its middle
        ([10.0, 0.0, 80.0, 90.0], False),  # within it
        ([0.0, 0.0, 900.0, 90.0], False),  # around it
        ([-200.0, 0.0, -110.0, 90.0], False),  # on the other side
    ],
)
def test_left_and_right_are_told_from_the_camera_only_where_the_picture_agrees(box, told):
    entry = row_of("cup", "vase")
    cup, vase = entry["levels"][0]
    entry[vase][1] = box
    scene = Scene.from_entry("a.jpg", entry)
    assert scene.relation("front", cup, vase) == (-1, 0, 0)
    assert scene.before("front", "left", cup, vase) == told
    assert bool(scene.facts("front")) == bool(scene.pair_facts("front", vase, cup)) == told
    assert ("is left of" in scene.relation_lines("front")) == told
    assert scene.before("left", "left", cup, vase)


def test_a_box_without_width_leaves_it_to_the_keys():
    entry = row_of("cup", "vase")
    for key in entry["levels"][0]:
        entry[key][1] = [5.0, 0.0, 5.0, 0.0]
    assert Scene.from_entry("a.jpg", entry).facts("front")


def test_one_of_several_has_a_name_in_every_view():
    named = 0
    for seed in range(60):
        record = write(prompts.create_rotation_prompt, row_of("cup", "cup", "sofa", "lamp"), seed)
        said = " ".join(grounded_text.plain(text) for text in texts(record))
        assert "one of the" not in said
        rest = re.sub(r"\bpicture's (?:left|right)-hand cup\b", "", said)
        named += rest != said
        assert not re.search(r"\b(?:the|hand) cup\b", rest), said
    assert named > 30


def test_the_picture_in_a_name_does_not_turn_the_speaker_round():
    entry = row_of("cup", "cup", "sofa", "lamp", order=(-1, 0, -1))
    for seen in entry["views"].values():
        seen["order_list"] = {pair: [1, 0, 1] for pair in entry["order_list"]}
    scene, named = Scene.from_entry("a.jpg", entry), 0
    for seed in range(60):
        prompt = prompts.create_rotation_prompt(scene, random.Random(seed))
        reply = prompt.offline(random.Random(seed))
        assert reply_check.check_reply(scene, prompt, reply, "stop").faults == [], reply
        named += "the picture's " in reply
    assert named > 30


def test_who_is_back_from_another_side_is_told_so():
    entry = row_of("cup", "sofa", "lamp", "desk", order=(-1, 0, -1))
    for view, sign in (("left", -1), ("right", 1), ("back", 1)):
        entry["views"][view]["order_list"] = {pair: [sign, 0, -sign] for pair in entry["order_list"]}
    scene, returns = Scene.from_entry("a.jpg", entry), 0
    elsewhere = "|".join(itertools.chain(*offline_phrases.SEEN_FROM.values(), *offline_phrases.STANDING.values()))
    for seed in range(60):
        asked = texts(write(prompts.create_between_prompt, entry, seed))[::2]
        for before, question in itertools.pairwise(asked):
            if re.search(elsewhere, before, re.I) and not re.search(elsewhere, question, re.I):
                returns += 1
                assert "camera" in question, (before, question)
        prompt = prompts.create_between_prompt(scene, random.Random(seed))
        reply = prompt.offline(random.Random(seed))
        assert reply_check.check_reply(scene, prompt, reply, "stop").faults == [], reply
    assert returns > 60


def test_nobody_leaves_the_side_before_the_conversation_ends():
    entry, bids = row_of("cup", "sofa", "lamp", "desk", order=(-1, 0, -1)), 0
    entry["views"] = {"back": {"order_list": {pair: [1, 0, 1] for pair in entry["order_list"]}}}
    for seed in range(200):
        first, *asked = texts(write(prompts.create_rotation_prompt, entry, seed))[::2]
        assert not first.startswith(("Now", "And", "Still", "From there")), first
        assert not any(re.search("when you|you move ", question) for question in asked)
        bidden = [text for text in asked if re.search(r"\b(?:name something|arrange|put)\b", text, re.I)]
        assert all(re.match("Still from there|From there", question) for question in bidden), asked
        bids += len(bidden)
    assert bids > 20


def test_the_camera_is_named_once_in_a_sentence():
    entry = row_of("cup", "sofa", "lamp", "desk", order=(0, 0, -1))
    entry["levels"] = [[key] for key in entry["levels"][0]]
    for seed in range(100):
        said = grounded_text.plain(texts(write(prompts.create_layer_prompt, entry, seed))[1])
        assert not re.search(r"From (?:where )?the camera[^.]*,[^.]* the camera", said), said
    for seed in range(100):
        told = texts(write(prompts.create_rotation_prompt, entry, seed))[1::2]
        assert not any(
            re.search("(?:there|spot|side|position), (?:of the three|in depth),", text) for text in told
        )


def test_what_no_name_singles_out_is_spoken_of_where_nothing_else_is_known():
    known = {"front": [0, 0, -1], "left": [-1, 0, 0], "right": [1, 0, 0], "back": [0, 0, 1]}
    for labels, only in ((("cup", "cup", "sofa"), True), (("cup", "cup", "sofa", "lamp", "bowl", "vase"), False)):
        entry = row_of(*labels)
        cups = ">".join(entry["levels"][0][:2])
        for view, seen in (("front", entry), *entry["views"].items()):
            seen["order_list"] = dict.fromkeys(entry["order_list"], known[view]) | {cups: [0, 0, 0]}
        for function, seed in itertools.product(TURNING, range(20)):
            said = str(write(function, entry, seed))
            assert "two <ref>cups</ref><box>" in said if only else "one of the" not in said


def test_alike_things_are_counted_together():
    entry = row_of("ball", "ball", "table", "ball")
    one, *rest = entry["levels"][0]
    teller = offline_wording.Teller(Scene.from_entry("a.jpg", entry), random.Random(0))
    assert grounded_text.plain(teller.introduce([one])) == "a ball"
    assert grounded_text.plain(teller.introduce(rest)) == "two more balls and a table"


@pytest.mark.parametrize(
    ("labels", "first", "later"),
    [
        (("scissors", "scissors"), "two pairs of scissors", "two more pairs of scissors"),
        (("skis", "skis", "skis"), "some skis", "more skis"),
        (("two women", "two women"), "two women and another two women", "another two women and another two women"),
        (("ottoman", "ottoman"), "two ottomans", "two more ottomans"),
        (("wolf", "goose", "goose", "wolf"), "two wolves and two geese", "two more wolves and two more geese"),
        (("椅子", "椅子"), "two 椅子", "two more 椅子"),
    ],
)
def test_several_alike_are_told_in_their_plural(labels, first, later):
    entry = row_of(*labels, *labels)
    keys = entry["levels"][0]
    teller = offline_wording.Teller(Scene.from_entry("a.jpg", entry), random.Random(0))
    said = [teller.introduce(part) for part in (keys[: len(labels)], keys[len(labels) :])]
    assert [grounded_text.plain(text) for text in said] == [first, later]
    assert all(said[i // len(labels)].count(key[1:-1]) == 1 for i, key in enumerate(keys))


def test_whether_a_pair_turns_against_the_camera_s_view_is_answered_by_yes_as_often_as_by_no():
    signs = {
        "front": [-1, 0, -1],
        "left": [1, 0, -1],
        "right": [-1, 0, 1],
        "back": [1, 0, 1],
    }  # a quarter turn each
    entry = row_of("cup", "sofa", "lamp", "bowl", order=signs["front"])
    entry["views"] = {
        view: {"order_list": dict.fromkeys(entry["order_list"], signs[view])} for view in entry["views"]
    }
    scene, answers = Scene.from_entry("a.jpg", entry), collections.Counter()
    for seed in range(300):
        prompt = prompts.create_rotation_prompt(scene, random.Random(seed))
        for asked, told in training_record.turns(prompt.offline(random.Random(seed))):
            if "same order" in asked or "reversed" in asked:
                axis = 0 if "left to right" in asked else 2
                turned = signs[prompt.view][axis] != signs["front"][axis]
                answers[told.split(":")[0]] += 1
                assert told.startswith("Yes: " if turned == ("reversed" in asked) else "No: "), (asked, told)
    assert min(answers["Yes"], answers["No"]) > 0.4 * answers.total() > 30, answers


def test_a_predicate_does_not_echo_a_name():
    entry = row_of("cup", "cup", "sofa", "lamp", order=(-1, 0, -1))
    keys = [key for key in entry if key.startswith("[[")]
    entry["order_list"][f"{keys[0]}>{keys[1]}"] = [0, 0, -1]  # the nearer cup and the farther cup
    scene = Scene.from_entry("a.jpg", entry)
    for seed, axis in itertools.product(range(60), ("left", "front")):
        teller = offline_wording.Teller(scene, random.Random(seed))
        told = grounded_text.plain(teller.relate(Fact("front", axis, keys[1], keys[2]), turned=seed % 2 == 0))
        assert "farther cup" in told and told.count("farther") == 1, told


def test_a_single_thing_makes_up_nothing():
    entry = row_of("cup", "vase", "sofa", order=(0, 0, 0))
    entry["levels"] = [[key] for key in entry["levels"][0]]
    for seed in range(60):
        said = grounded_text.plain(texts(write(prompts.create_layer_prompt, entry, seed))[1])
        assert not re.search("makes up|made up|consists", said), said


def test_a_single_thing_is_not_them():
    entry = row_of("cup", "vase", "sofa", "lamp", order=(0, 0, -1))
    entry["levels"] = [entry["levels"][0][:2], *([key] for key in entry["levels"][0][2:])]
    behind = collections.Counter()
    for seed in range(120):
        said = grounded_text.plain(texts(write(prompts.create_layer_prompt, entry, seed))[1])
        behind.update(re.findall(r"(?:Behind them|Beyond that)(?= (?:is|comes) a (?:sofa|lamp))", said))
        assert not re.search(r"Behind them (?:is|comes) a lamp|Beyond that is a sofa", said), said
    assert behind["Behind them"] and behind["Beyond that"]


@pytest.mark.parametrize("function", TURNING)
def test_why_there_is_nothing_to_ask_is_said(function):
    with pytest.raises(InputError, match="no relation .*is known, so there is nothing to ask"):
        write(function, row_of("cup", "sofa", order=(0, 0, 0)), 0)
    alike = row_of("cup", "cup", "cup")
    known = dict(
        itertools.islice(alike["order_list"].items(), 1)
    )  # of the first two alone: no name tells them apart
    alike |= {"order_list": known, "views": {view: {"order_list": known} for view in alike["views"]}}
    with pytest.raises(InputError, match="that no name tells apart, so there is nothing to ask"):
        write(function, alike, 0)


def test_many_alike_that_reach_into_a_layer_are_counted():
    entry = row_of("horse", "horse", "horse", "cup", order=(0, 0, 0))
    horses = entry["levels"][0][:3]
    entry["levels"] = [[*horses], [*horses], [*horses[:2]], [entry["levels"][0][3]]]
    for seed in range(20):
        told = texts(write(prompts.create_layer_prompt, entry, seed))[1]
        said = grounded_text.plain(told).lower()
        assert "one of the" not in said and "three of the horses" in said and "two of the horses" in said
        assert {box for ref in grounded_text.parse(told).refs for box in ref.boxes} == {
            grounded_text.boxes(key)[0] for key in (*horses, entry["levels"][-1][0])
        }


def crowd(*labels):
    """An entry with objects in three layers by turns, of which no more is known; the last are the smallest."""
    keys = [f"[[{10 * i}, {10 * i}, {10 * i + 400 - i}, {10 * i + 400 - i}]]" for i in range(len(labels))]
    entry = {key: [label, box_of(key), "m"] for key, label in zip(keys, labels, strict=True)}
    pairs = {f"{a}>{b}": [0, 0, 0] for a, b in itertools.combinations(keys, 2)}
    return entry | {"levels": [keys[0::3], keys[1::3], keys[2::3]], "order_list": pairs}


@pytest.mark.parametrize(
    "labels",
    [
        ("horse",) * 24 + ("person",) * 6,
        tuple(f"thing{a}x" for a in string.ascii_lowercase) + ("horse",) * 4,
        ("horse",) * 55,
    ],
)
def test_all_of_a_crowded_scene_is_told_and_counted(labels):
    entry = crowd(*labels)
    entry["levels"][1] = entry["levels"][1] + entry["levels"][0][:4]  # some reach into the next layer
    scene = Scene.from_entry("a.jpg", entry)
    for seed in range(10):
        prompt = prompts.create_layer_prompt(scene, random.Random(seed))
        reply = prompt.offline(random.Random(seed))
        assert reply_check.check_reply(scene, prompt, reply, "stop").faults == [], reply
        record = write(prompts.create_layer_prompt, entry, seed)
        assert training_record.faults(record) == []
        told, counted = texts(record)[1], collections.Counter()
        assert {box for ref in grounded_text.parse(told).refs for box in ref.boxes} == {
            grounded_text.boxes(key)[0] for key in scene.things
        }
        plain = grounded_text.plain(told).lower()
        for number, noun in re.findall(r"\b([a-z]+) (?:more )?(horses?|people|person)\b", plain):
            single = noun in ("horse", "person")
            counted[noun[0]] += 1 if single else 0 if number == "the" else offline_phrases.COUNTS.index(number)
        assert counted == collections.Counter(label[0] for label in labels if label in ("horse", "person"))


def test_what_a_text_has_no_room_for_is_not_denied():
    entry = crowd(*(f"thing{n}x" for n in range(30)), *("horse",) * 30)
    scene = Scene.from_entry("a.jpg", entry)
    for seed in range(20):
        record = write(prompts.create_layer_prompt, entry, seed)
        assert training_record.faults(record) == []
        told = texts(record)[1]
        boxes = {box for ref in grounded_text.parse(told).refs for box in ref.boxes}
        order = [grounded_text.boxes(key)[0] for key in scene.things]
        assert boxes == set(order[: len(boxes)]) and 35 < len(boxes) < 60, "the larger ones are told"
        prompt = prompts.create_layer_prompt(scene, random.Random(seed))
        assert "Mention the larger objects" in prompt.messages[1]["content"]
        assert reply_check.check_reply(scene, prompt, prompt.offline(random.Random(seed)), "stop").faults == []
        said = grounded_text.plain(told)
        assert re.match("There is a lot|This is a crowded|Many things are", said)
        assert re.search(r"\bsome (?:more )?horses", said, re.I)
        assert not re.search(rf"\b(?:{'|'.join(offline_phrases.COUNTS)}) (?:more )?horses", said), said
        assert not re.search("make|made up|consist|leaves|verything|layers", said)


def test_the_farthest_of_what_is_told_is_no_background_when_it_is_not():
    entry = crowd(*(f"thing{n}x" for n in range(60)))
    keys = [key for layer in zip(*entry["levels"], strict=True) for key in layer]
    entry["levels"] = [keys[58:59], keys[:30], keys[30:58], keys[59:]]
    for seed in range(30):
        told = texts(write(prompts.create_layer_prompt, entry, seed))[1]
        denied = r"ground|front layer|closes|[Uu]p front|at the front|[Ff]inally|\b[Ll]ast\b"
        assert not re.search(denied, told), told


def test_what_reaches_on_is_the_first_that_is_left_out():
    entry = crowd(*(f"thing{n}x" for n in range(34)))
    first, second, third = entry["levels"]
    entry["levels"] = [first, [*first, *second], first, [*first, *third]]
    for seed in range(20):
        told = texts(write(prompts.create_layer_prompt, entry, seed))[1]
        assert len(grounded_text.parse(told).refs) >= 34
        assert not re.search("reach|stretch|extend|layers|next layer|layer deeper", told), told


def between_entry():
    """A bowl, a cup, a sofa, a lamp, a vase and a bowl, one after the other in depth, the same from all sides."""
    entry = row_of("lamp", "cup", "vase", "bowl", "sofa", "bowl")
    lamp, cup, vase, bowl, sofa, other = entry["levels"][0]
    rank = {cup: 0, sofa: 1, lamp: 2, vase: 3, bowl: -1, other: 4}
    for view, seen in (("front", entry), *entry["views"].items()):
        sign = -1 if view in ("front", "left") else 1
        seen["order_list"] = {
            f"{a}>{b}": [0, 0, sign if rank[a] < rank[b] else -sign] for a, b in itertools.combinations(rank, 2)
        }
    return entry


def test_what_lies_between_is_named_in_its_order_and_in_depth():
    scene, rows = Scene.from_entry("a.jpg", between_entry()), 0
    rank = {"cup": 0, "sofa": 1, "lamp": 2, "vase": 3}
    for seed, view in itertools.product(range(150), ("front", "left", "back")):
        question, told = between(Asker(scene, random.Random(seed)), view, "front")
        assert "meet" not in question and "bowl" not in question
        assert "between" not in told or re.search("in depth|near to far", told), told
        ends = re.findall("cup|sofa|lamp|vase", grounded_text.plain(question))
        names = re.findall("cup|sofa|lamp|vase", grounded_text.plain(told))
        inside = [name for name in names if name not in ends]
        if len(inside) == 2:
            rows += 1
            assert inside == sorted(inside, key=rank.get, reverse=view == "back"), told
    assert rows > 50


def test_what_lies_between_in_no_known_order_is_not_told_as_an_order():
    labels = ("cup", "sofa", "lamp", "vase", "desk")
    entry = row_of(*labels, order=(-1, 0, -1))
    middle = entry["levels"][0][1:4]
    for seen in (entry, *entry["views"].values()):
        seen["order_list"] = {
            pair: [0, 0, 0] if set(pair.split(">")) <= set(middle) else [-1, 0, -1] for pair in entry["order_list"]
        }
    scene, lists = Scene.from_entry("a.jpg", entry), 0
    for seed, view, axis in itertools.product(range(60), ("front", "left"), ("left", "front")):
        question, told = between(Asker(scene, random.Random(seed)), view, axis)
        assert not re.search("going", question, re.I)
        assert not re.search(r"going|\bcom(?:e|ing)\b|to right", told, re.I), told
        lists += all(label in told for label in labels)
    assert lists > 100


def test_what_has_the_order_of_its_list_in_part_only_is_in_no_order():
    scene = Scene.from_entry("a.jpg", between_entry())
    cup, sofa, lamp = (key for label in ("cup", "sofa", "lamp") for key in scene.things if label in scene.tag(key))
    assert scene.in_order("front", "front", [cup, sofa, lamp]) and scene.in_order("front", "front", [cup])
    assert not scene.in_order("front", "front", [cup, lamp, sofa])
    assert not scene.in_order("front", "left", [cup, sofa])


def test_no_sentence_on_a_rotated_view_ends_in_the_picture():
    """What stands there is heard of the whole: "is the left-hand cup in front of the lamp in the picture?"."""
    questions = named = 0
    for labels, seed in itertools.product((("cup", "cup", "sofa", "lamp"), ("cup", "cup", "picture")), range(60)):
        for function in TURNING:
            said = texts(write(function, row_of(*labels, order=(-1, 0, -1)), seed))
            questions += len(said) // 2
            for text in map(grounded_text.plain, said):
                assert not re.search(r"in the (?:picture|photo|image)\W*$", text), text
                named += bool(re.search(r"(?:picture|photo)'s (?:left|right)-hand cup", text))
    assert questions > 500 and named > 100


def test_what_lies_between_is_asked_once():
    entry = row_of("cup", "sofa", "lamp", "desk", order=(0, 0, -1))
    cup, sofa, lamp, desk = entry["levels"][0]
    entry["order_list"][f"{cup}>{sofa}"] = [0, 0, 0]  # the lamp is between either of them and the desk
    turned = {pair: [0, 0, -signs[2]] for pair, signs in entry["order_list"].items()}
    entry["views"] = {"back": {"order_list": turned}}
    for seed in range(20):
        asker = Asker(Scene.from_entry("a.jpg", entry), random.Random(seed))
        question, _ = between(asker, "front", "front")
        assert between(asker, "front", "front") is None
        again = between(asker, "back", "front")
        assert again is None or {"cup", "sofa"} == set(re.findall("cup|sofa", question + again[0]))


def test_a_name_that_tells_a_side_is_not_put_on_a_side():
    scene = Scene.from_entry("a.jpg", row_of("cup", "cup", "sofa", "lamp"))
    for view, seed in itertools.product(("front", "right"), range(40)):
        question = grounded_text.plain(between(Asker(scene, random.Random(seed)), view, "left")[0])
        assert not re.search(r"-hand cup on the (?:left|right)", question), question


def test_both_of_a_kind_are_called_so():
    entry, found = row_of("cup", "cup", "sofa", "lamp", order=(-1, 0, -1)), collections.Counter()
    for function, seed in itertools.product((prompts.create_layer_prompt, *TURNING), range(90)):
        record = write(function, entry, seed)
        for told in texts(record)[1::2]:
            said = grounded_text.plain(told)
            assert not re.search("(?:left|right)-hand cup and the (?:picture's )?(?:left|right)-hand", said), said
            found["some"] += "oth cups are" in said
            found["of"] += "of both cups" in said
    assert found["some"] > 5 and found["of"] > 5


def test_what_is_told_as_an_order_is_one():
    labels = ("cup", "sofa", "lamp", "desk")
    entry = row_of(*labels, order=(0, 0, 0))
    cup = entry["levels"][0][0]
    for seen in entry["views"].values():
        seen["order_list"] = {pair: [0, 0, -(cup in pair)] for pair in entry["order_list"]}
    for seed in range(60):  # "first comes a cup, and then a desk, a lamp and a sofa"
        told = texts(write(prompts.create_rotation_prompt, entry, seed))[1]
        assert not re.search(r"\bthen\b", told), told


def test_no_question_is_put_twice_in_one_conversation():
    asked = r"(?:name something|can you point out something|what do you see|what is) ([^?.]*)"
    for labels, seed in itertools.product((("cup", "sofa"), ("cup", "cup")), range(60)):
        entry = row_of(*labels, order=(-1, 0, -1))
        found = [
            re.findall(asked, text, re.I) for text in texts(write(prompts.create_between_prompt, entry, seed))
        ]
        from_sides = collections.Counter(what.replace("picture's ", "") for some in found for what in some)
        assert all(count <= 2 for count in from_sides.values()), from_sides  # from the camera and from one side


def test_where_an_order_starts_stands_after_a_comma():
    entry = row_of("cup", "sofa", "lamp", "desk", order=(-1, 0, -1))
    said = [text for seed in range(60) for text in texts(write(prompts.create_between_prompt, entry, seed))]
    assert any("arrange" in text.lower() for text in said)
    assert not any(re.search(r"arrange [^,]*,[^,]*[^,] starting", text, re.I) for text in said)


def test_people_are_not_something():
    entry = row_of("person", "group of people", "fireman", "girls", order=(-1, 0, -1))
    said = [text for seed in range(60) for text in texts(write(prompts.create_between_prompt, entry, seed))[::2]]
    assert sum("hich" in text for text in said) > 20
    assert not any(re.search(r"something|\b[Ww]hat (?:is|are) [a-z ]*, the", text) for text in said)


def test_a_conversation_does_not_ask_in_the_same_words_again():
    forms = (
        "in relation to",
        "compared with",
        "placed relative to",
        "lie relative to",
        "[Rr]elative to .*, where",
    )
    labels = ("cup {0}", "sofa {x}", "lamp", "desk", "bowl")  # braces are no fields to fill
    entry, found = row_of(*labels, order=(-1, 0, -1)), collections.Counter()
    for seed in range(160):
        asked = texts(write(prompts.create_between_prompt, entry, seed))[::2]
        times = [sum(bool(re.search(form, text)) for text in asked) for form in forms]
        found[sum(times)] += 1
        assert max(times) <= 1, asked
    assert found[2] + found[3] > 10


def test_alike_things_that_are_told_apart_in_two_ways_are_not_held_against_each_other():
    entry = row_of("ball", "ball", "ball", "sofa", order=(0, 0, 0))
    low, near, other, sofa = entry["levels"][0]
    entry["order_list"] |= {
        f"{low}>{near}": [0, 1, 1],
        f"{low}>{other}": [0, 1, 0],
        f"{near}>{other}": [-1, 0, -1],
    }
    teller = offline_wording.Teller(Scene.from_entry("a.jpg", entry), random.Random(0))
    assert [teller.telling_word(key) for key in (low, near)] == ["lowest", "nearest"]
    assert teller.awkward("up", low, near) and not teller.awkward("up", low, sofa)


def test_an_order_does_not_go_anywhere():
    entry = row_of("cup", "sofa", "lamp", "desk", order=(-1, 0, -1))
    said = [text for seed in range(60) for text in texts(write(prompts.create_between_prompt, entry, seed))[1::2]]
    assert any(re.search("order (?:from|, starting)", text) for text in said)
    assert not any("it goes" in text for text in said)


def test_what_is_nearer_in_the_picture_is_not_so_called_where_depth_or_another_side_is_the_topic():
    entry = between_entry()
    bowls = [key for key in entry["levels"][0] if entry[key][0] == "bowl"]
    scene = Scene.from_entry("a.jpg", entry)
    for function, seed in itertools.product(TURNING, range(60)):
        assert not re.search(r"(?:nearer|farther) <ref>bowl", str(write(function, entry, seed))), (
            "other topics are there"
        )
    teller = offline_wording.Teller(scene, random.Random(0))
    assert {teller.telling_word(key) for key in bowls} == {"nearer", "farther"}
    for view in ("front", "left", "back"):
        assert teller.at(view).says_nothing(Fact(view, "front", *bowls))
    for pair, signs in entry["order_list"].items():
        if pair == f"{bowls[0]}>{bowls[1]}":
            signs[0] = -1
    teller = offline_wording.Teller(Scene.from_entry("a.jpg", entry), random.Random(0))
    assert {teller.telling_word(key) for key in bowls} == {"left-hand", "right-hand"}


def test_what_names_say_of_one_another_is_not_told():
    entry = row_of("cup", "cup", "sofa", order=(-1, 0, -1))  # the left-hand cup and the right-hand cup
    scene = Scene.from_entry("a.jpg", entry)
    cups = entry["levels"][0][:2]
    for seed in range(60):
        asker = Asker(scene, random.Random(seed))
        assert not asker.apt("front", "left", *cups) and asker.apt("front", "front", *cups)
        assert not asker.apt("back", "left", *cups), "the picture's left-hand cup is to the right of …"
        asker.more()
        assert asker.apt("back", "left", *cups), "where nothing else is left to ask"
        teller = offline_wording.Teller(scene, random.Random(seed))
        asker.asked.update(fact for fact in scene.facts() if fact.second not in cups)
        told = [
            offline_description._statement(teller, Fact("front", "front", *cups)),
            _where(asker, "front", "front")[1],
        ]
        for text in map(grounded_text.plain, told):
            assert not re.search("left|right", text.replace("left-hand", "").replace("right-hand", "")), text


def test_two_statements_about_one_thing_are_one_sentence():
    scene = Scene.from_entry("a.jpg", row_of("cup", "sofa", "lamp", "vase"))
    cup, sofa, lamp, vase = scene.things
    for seed in range(20):
        teller = offline_wording.Teller(scene, random.Random(seed))
        facts = [
            Fact("front", "left", cup, sofa),
            Fact("front", "left", lamp, vase),
            Fact("front", "left", cup, vase),
        ]
        assert [text.count("cup") for text in offline_description._relations(teller, facts)] == [1, 0]


def test_no_more_than_two_statements_on_one_thing_follow_each_other():
    entry = row_of("cup", "sofa", "lamp", "vase", "desk", "bowl")
    for seed in range(100):
        said = grounded_text.plain(texts(write(prompts.create_layer_prompt, entry, seed))[1])
        starts = re.findall(r"(?<=\. )(?:From[^,]*, |In this view, |As seen here, )?(the \w+) is", said, re.I)
        assert len(starts) == len({start.lower() for start in starts}), said


def test_a_predicate_is_said_once_of_two_objects():
    entry = row_of("cup", "sofa", "lamp", order=(0, 0, -1))
    entry["levels"] = [[key] for key in entry["levels"][0]]
    for seed in range(200):
        said = grounded_text.plain(texts(write(prompts.create_layer_prompt, entry, seed))[1])
        assert not re.search(r"(?:than|of|behind) the \w+ and (?:farther|nearer|closer|behind|in front)", said), (
            said
        )


def test_of_many_relations_each_direction_and_object_is_told_to_a_model():
    labels = [f"thing{n}x" for n in range(12)]
    entry = row_of(*labels, order=(0, 0, 0), step=80)
    keys = entry["levels"][0]
    for (i, a), (j, b) in itertools.combinations(enumerate(keys), 2):  # before all of the other half, on each axis
        entry["order_list"][f"{a}>{b}"] = [-1, -1, -1] if (i < 6) != (j < 6) else [0, 0, 0]
    scene = Scene.from_entry("a.jpg", entry)
    lines = scene.relation_lines("front", 40).splitlines()
    said = collections.Counter(
        word for line in lines for word in ("left of", "above", "in front of") if word in line
    )
    assert len(lines) == 40 and min(said.values()) >= 13 and len(said) == 3
    assert len({line.split("</box>")[0] for line in lines}) == 6
    assert scene.relation_lines("front", 500).count("is left of") == 36


def test_the_prompt_does_not_begin_twice_alike():
    entry = row_of("cup", "sofa") | {"caption_annotation": "The picture shows a cup."}
    entry["views"]["left"]["order_list"] = entry["order_list"]
    for function in (prompts.create_layer_prompt, *TURNING):
        message = function(Scene.from_entry("a.jpg", entry), random.Random(0)).messages[1]["content"]
        assert message.startswith("About the picture: The picture shows a cup.")


def test_what_is_nearest_is_said_in_spite_of_the_sky():
    entry = row_of("cup", "vase", "sky-other-merged", order=(0, 0, -1))
    sky = entry["levels"][0][2]
    orders = {pair: [0, 1, 0] if sky in pair else signs for pair, signs in entry["order_list"].items()}
    entry |= {"order_list": orders, "views": {"back": {"order_list": orders}}}
    entry["levels"] = [entry["levels"][0][:1], entry["levels"][0][1:]]
    scene, told = Scene.from_entry("a.jpg", entry), []
    for function, seed in itertools.product(
        (prompts.create_layer_prompt, prompts.create_rotation_prompt), range(40)
    ):
        prompt = function(scene, random.Random(seed))
        reply = prompt.offline(random.Random(seed))
        assert reply_check.check_reply(scene, prompt, reply, "stop").faults == [], reply
        told.append(grounded_text.plain(reply))
    assert any("earest to the camera" in text for text in told)
    assert any(re.search("(?:nearest|closest to you)", text) for text in told[40:])
    assert not any(re.search("sky (?:is|are) (?:nearest|closest)", text) for text in told)


def test_who_moves_on_finds_things_in_their_order():
    moving = r"(?:[Ss]tarting at the front|[Mm]oving further[^,]*|[Gg]oing on from there), you find"
    found = {}
    for sign in (0, -1):
        entry = row_of("cup", "sofa", "lamp", "vase", order=(0, 0, sign))
        entry["levels"] = [entry["levels"][0][:2], entry["levels"][0][2:]]
        said = [texts(write(prompts.create_layer_prompt, entry, seed))[1] for seed in range(120)]
        found[sign] = [text for text in map(grounded_text.plain, said) if re.search(moving, text)]
    assert not found[0] and found[-1]
    for text in found[-1]:
        told = re.search(rf"{moving} (?:an?|the) (\w+) and (?:an?|the) (\w+)", text)
        assert told.groups() in (("cup", "sofa"), ("lamp", "vase")), text
