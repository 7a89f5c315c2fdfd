"""The offline writer: every statement is true, nobody is confused with anybody, and no two texts sound alike.

The statements are read back from the finished texts by a reader of its own, below, and held against the signs.
"""

import collections
import itertools
import random
import re

import numpy as np
import pytest

import prompts
from spacesgg import (
    grounded_text,
    layers,
    nouns,
    offline_phrases,
    offline_wording,
    reply_check,
    training_record,
    views,
)
from spacesgg.errors import InputError
from spacesgg.offline_phrases import COMPARATIVES, ORDERS, SUPERLATIVES
from spacesgg.scene import AXES, TELLING_WORDS, Scene

LABELS = [
    *("chair", "chair", "person", "person", "dining-table-merged", "lamp", "sofa", "tv", "umbrella", "scissors"),
    *("grass-merged", "wall-brick", "cup", "bottle", "armchair", "orange", "bus", "sky-other-merged"),
]
KINDS = (prompts.create_layer_prompt, prompts.create_between_prompt, prompts.create_rotation_prompt)
MARGIN_M = np.full(3, 0.03)


def order_list(extents, view):
    turned = {key: views.turn(extent, view) for key, extent in extents.items()}
    return {
        f"{a}>{b}": views.relation(turned[a], turned[b], MARGIN_M) for a, b in itertools.combinations(extents, 2)
    }


def random_entry(seed, count=None, labels=LABELS):
    """An annotation entry with the layers and relations of random 3D extents."""
    rng = random.Random(seed)
    entry, extents = {"caption_annotation": "A place with things in it."}, {}
    for _ in range(count or rng.randint(1, 9)):
        centre = np.array([rng.uniform(-2, 2), rng.uniform(-1, 1), rng.uniform(1, 5)])
        size = np.array([rng.uniform(0.05, 0.8) for _ in range(3)])
        size[2] = 2.0 if rng.random() < 0.15 else size[2]  # some reach through several layers
        extent = np.array([centre - size / 2, centre + size / 2])
        extent[0, 2] = max(extent[0, 2], 0.3)
        corners = np.array(list(itertools.product(*extent.T)))
        seen = np.clip(500 + 400 * corners[:, :2] / corners[:, 2:], 0, 999).round(2)
        box = [*seen.min(axis=0).tolist(), *seen.max(axis=0).tolist()]
        key = f"[[{', '.join(str(int(value)) for value in box)}]]"
        if key in extents:  # both beyond the picture's corner
            continue
        entry[key] = [rng.choice(labels), box, "m.png", extent[:, 2].tolist()]
        extents[key] = extent
    entry["levels"] = layers.cluster_layers({key: extent[:, 2].tolist() for key, extent in extents.items()})
    entry["order_list"] = order_list(extents, "front")
    entry["views"] = {view: {"order_list": order_list(extents, view)} for view in ("left", "right", "back")}
    return entry


def box_of(key):
    return list(map(float, grounded_text.boxes(key)[0]))


def write(function, entry, seed=0):
    """The prompt and the record of one entry; (None, None) where nothing is known to write about."""
    scene = Scene.from_entry("images/000001.jpg", entry)
    try:
        prompt = function(scene, random.Random(seed))
    except InputError as error:
        assert "nothing to ask" in str(error)
        return None, None
    try:
        reply = prompt.offline(random.Random(seed + 1))
    except InputError as error:
        assert "no layered description" in str(error)
        return None, None
    return prompt, training_record.make("1", "000001.jpg", reply, prompt.form, "template", random.Random(seed + 2))


def texts(record):
    return [turn["value"].removeprefix("<image>\n") for turn in record["conversations"]]


@pytest.fixture(scope="module")
def written():
    """(entry, prompt, record) of many random scenes, for each kind."""
    found = {function: [] for function in KINDS}
    for seed in range(120):
        entry = random_entry(seed)
        for function in KINDS:
            prompt, record = write(function, entry, seed)
            if record:
                found[function].append((entry, prompt, record))
    assert all(len(samples) > 70 for samples in found.values())
    return found


# A reader of the texts. Objects become "@0@", "@1@"; words that were tagged as predicates stay as words.

PHRASES = {
    words.format(viewer=viewer): meaning
    for meaning, options in offline_phrases.PREDICATES.items()
    for words in options
    for viewer in ("the camera", "you")
}
PHRASE = "|".join(sorted(PHRASES, key=len, reverse=True))
ADJECTIVES = "|".join(word for words in TELLING_WORDS.values() for word in words)
COUNTED = "|".join(offline_phrases.COUNTS)
MENTION = (
    rf"(?:(?:the|a|an|some|another|more)(?: (?:{ADJECTIVES}))? |one of the (?:(?:{COUNTED}) )?|some of the )?@\d+@"
)
LISTED = rf"{MENTION}(?:, {MENTION})*(?: and {MENTION})?"
CHAIN = rf"(?:{PHRASE})(?:(?:, | and )(?:{PHRASE}))*"
CLAIM = re.compile(
    rf"(?:both )?({LISTED}),? (?:which )?(?:is|are) ({CHAIN}) ({MENTION})((?: and (?:(?:{CHAIN}) )?{MENTION})*)"
)
BETWEEN = re.compile(rf"({LISTED}),? (comes?|coming|lie|are) between ({MENTION}) and ({MENTION})", re.IGNORECASE)
BETWEEN_TURNED = re.compile(
    rf"between ({MENTION}) and ({MENTION}) in (?:depth|height) (comes?|are) ({LISTED})", re.IGNORECASE
)
AWAY = re.compile("|".join((*offline_phrases.FROM_THERE, "from where you", "from your side")), re.IGNORECASE)


def tokens(text, scene):
    """The text with objects as @number@, numbered as in the scene; plain names of unique objects too."""
    keys = list(scene.things)
    of_box = {grounded_text.boxes(key)[0]: i for i, key in enumerate(keys)}
    text = re.sub(r"<pred>(.*?)</pred><box>.*?</box><box>.*?</box>", r"\1", text)
    text = re.sub(
        r"<ref>.*?</ref><box>(.*?)</box>",
        lambda m: " and ".join(f"@{of_box[box]}@" for box in grounded_text.boxes(m[1])),
        text,
    )
    text = re.sub(r"(?<=[a-z]) both (?=@)", " ", text)
    for i, key in enumerate(keys):
        if not scene.twins(key):
            text = re.sub(rf"\b(the|The) {scene.things[key].noun.text}\b", rf"\1 @{i}@", text)
    return re.sub(rf"\b(?:picture|photo)'s (?=(?:{ADJECTIVES}) @)", "", text)


def keys_in(text, scene):
    keys = list(scene.things)
    return [keys[int(number)] for number in re.findall(r"@(\d+)@", text)]


def claims(text, scene):
    """(axis, sign, subject, object) of every relation in a text of tokens, and what the text is without them."""
    found = []

    def read(match):
        for subject in keys_in(match[1], scene):
            found.extend(
                (*PHRASES[words], subject, keys_in(match[3], scene)[0]) for words in re.findall(PHRASE, match[2])
            )
            chain = match[2]
            for more in re.finditer(rf" and (?:({CHAIN}) )?({MENTION})", match[4]):
                chain = more[1] or chain  # "behind the desk and the lamp"
                found.extend(
                    (*PHRASES[words], subject, keys_in(more[2], scene)[0]) for words in re.findall(PHRASE, chain)
                )
        return "#"

    return found, CLAIM.sub(read, text)


def seen_to_the_left(scene, key, other):
    """Whoever looks at the picture agrees: neither box spans the other, and much of the smaller one is beside."""
    (a0, _, a1, _), (b0, _, b1, _) = scene.things[key].box, scene.things[other].box
    return a0 < b0 and a1 < b1 and (b0 + b1) - (a0 + a1) >= min(a1 - a0, b1 - b0)


def assert_true_everywhere(text, scene, view):
    """Every relation in the text holds; a part that says so is told from `view`, the rest from the camera."""
    for part in re.split(r"; |, but |, whereas |, while ", tokens(text, scene)):
        seen_from = view if AWAY.search(part) else "front"
        found, rest = claims(part, scene)
        for axis, sign, subject, other in found:
            assert scene.relation(seen_from, subject, other)[AXES.index(axis)] == sign, (part, axis, sign)
            if (seen_from, axis) == ("front", "left"):
                assert seen_to_the_left(scene, *((subject, other) if sign == -1 else (other, subject))), part
        told = [(match[1], match[2], *match.group(3, 4)) for match in BETWEEN.finditer(rest)]
        told += [(match[4], match[3], *match.group(1, 2)) for match in BETWEEN_TURNED.finditer(rest)]
        for listed, verb, first, second in told:
            (first,), (second,) = keys_in(first, scene), keys_in(second, scene)
            inside = keys_in(listed, scene)
            axes = [axis for axis in AXES if set(inside) <= set(scene.between(seen_from, axis, first, second))]
            assert axes, part
            if len(inside) > 1 and (verb.startswith("com") or re.search("going|from left to right", part)):
                assert any(scene.in_order(seen_from, axis, inside) for axis in axes), part
        left = BETWEEN_TURNED.sub("#", BETWEEN.sub("#", rest))
        assert not re.search(rf"\b(?:{PHRASE})\b", left), f"a relation that no reader understands: {part}"


def test_every_relation_of_the_descriptions_is_true(written):
    for entry, _, record in written[KINDS[0]]:
        scene = Scene.from_entry("a.jpg", entry)
        for sentence in re.split(r"(?<=\.) ", texts(record)[1]):
            behind = re.match(r"(?:Behind them|Beyond that|Farther back) (?:is|are|comes?) ", sentence)
            nearest = re.search(r"(?:losest|earest) to the camera|comes as close", sentence)
            farthest = re.match(r"Farthest (?:away|from the camera)|At the very back", sentence)
            if not (behind or nearest or farthest):
                assert_true_everywhere(sentence, scene, "front")


def test_nearest_farthest_and_behind_are_proven(written):
    for entry, _, record in written[KINDS[0]]:
        scene, before = Scene.from_entry("a.jpg", entry), []
        for sentence in re.split(r"(?<=\.) ", texts(record)[1]):
            said = keys_in(tokens(sentence, scene), scene)
            rest = [key for key in scene.placed if key not in said]
            if re.search(r"(?:losest|earest) to the camera|comes as close", sentence) and "<pred>" not in sentence:
                if " than " not in sentence:
                    assert all(scene.before("front", "front", key, other) for key in said for other in rest)
            elif re.match(r"Farthest (?:away|from the camera)|At the very back", sentence):
                said = keys_in(re.split(r", and |, with |; ", tokens(sentence, scene))[0], scene)
                assert all(scene.before("front", "front", key, other) for key in before for other in said)
            elif re.match(r"Behind them|Beyond that|Farther back", sentence):
                assert all(scene.before("front", "front", key, other) for key in before for other in said)
            before += said


def test_descriptions_name_every_placed_object_in_the_order_of_its_layer(written):
    for entry, _, record in written[KINDS[0]]:
        named = [box for ref in grounded_text.parse(texts(record)[1]).refs for box in ref.boxes]
        first_layer = {}
        for number, layer in enumerate(entry["levels"]):
            for key in layer:
                first_layer.setdefault(grounded_text.boxes(key)[0], number)
        order = [first_layer[box] for box in dict.fromkeys(named)]
        assert order == sorted(order)
        assert set(named) == set(first_layer)


@pytest.mark.parametrize("function", KINDS[1:])
def test_every_answer_is_true(written, function):
    for entry, prompt, record in written[function]:
        scene = Scene.from_entry("a.jpg", entry)
        said = texts(record)
        assert len(said) == 2 * prompt.pairs
        for question, answer in zip(said[::2], said[1::2], strict=True):
            assert_true_everywhere(answer, scene, prompt.view)
            asked, told = tokens(question, scene), tokens(answer, scene)
            view = prompt.view if AWAY.search(answer) else "front"
            mentioned, answered = set(keys_in(asked, scene)), keys_in(told, scene)
            for axis, sign in itertools.product(AXES, (-1, 1)):
                ordered = any(order in question.lower() for order in ORDERS[axis, sign])
                if ordered and len(mentioned) == 3 and re.search(r"order|[Aa]rrange", question):
                    for a, b in itertools.pairwise(answered):
                        assert scene.relation(view, a, b)[AXES.index(axis)] == sign, (question, answer)
            winner = superlative_of(told)
            if winner:
                axis, sign = winner
                for other in mentioned - {answered[0]}:
                    assert scene.relation(view, answered[0], other)[AXES.index(axis)] == sign, (question, answer)


def superlative_of(told):
    for table in (SUPERLATIVES, COMPARATIVES):
        for meaning, options in table.items():
            for words in options:
                if re.search(rf"{MENTION}(?: that)? (?:is|are) {words}(?: of the three)?\.$", told):
                    return meaning
    return None


@pytest.mark.parametrize("function", KINDS)
def test_predicates_of_the_tags_hold_from_the_camera(written, function):
    count = 0
    for entry, _, record in written[function]:
        scene = Scene.from_entry("a.jpg", entry)
        of_box = {grounded_text.boxes(key)[0]: key for key in scene.things}
        whole = "\n".join(texts(record))
        parsed = grounded_text.parse(whole)
        assert parsed.faults == []
        for pred in parsed.preds:
            count += 1
            axis, sign = PHRASES[pred.predicate]
            subject, other = of_box[pred.subjects[0]], of_box[pred.objects[0]]
            assert scene.relation("front", subject, other)[AXES.index(axis)] == sign
            named_before = {box for ref in parsed.refs if ref.start < pred.start for box in ref.boxes}
            assert {*pred.subjects, *pred.objects} <= named_before
    assert count > 50


@pytest.mark.parametrize("function", KINDS)
def test_objects_with_twins_carry_their_box_in_every_mention(written, function):
    for entry, _, record in written[function]:
        scene = Scene.from_entry("a.jpg", entry)
        bare = re.sub(r"<ref>.*?</box>", "", "\n".join(texts(record)))
        for key, thing in scene.things.items():
            if scene.twins(key):
                assert not re.search(rf"\b{thing.noun.text}\b", bare), (thing.noun.text, record)


def test_three_people_are_told_apart_only_where_geometry_does():
    keys = [f"[[{x}, 0, {x + 90}, 90]]" for x in (0, 300, 600)]
    entry = {key: ["person", box_of(key), "m"] for key in keys}
    lamp = "[[900, 0, 950, 90]]"
    entry |= {lamp: ["lamp", box_of(lamp), "m"], "levels": [[*keys, lamp]]}
    entry["order_list"] = {f"{keys[0]}>{keys[1]}": [-1, 0, 0], f"{keys[0]}>{keys[2]}": [-1, 0, 0]}
    entry["order_list"] |= {f"{key}>{lamp}": [-1, 0, 0] for key in keys}
    scene = Scene.from_entry("a.jpg", entry)
    assert scene.telling_words(keys[0]) == ["leftmost"]
    assert scene.telling_words(keys[1]) == scene.telling_words(keys[2]) == []
    for seed in range(40):
        _, record = write(prompts.create_between_prompt, entry, seed)
        said = " ".join(grounded_text.plain(text) for text in texts(record))
        assert "the person" not in said
        assert not re.search("rightmost|middle", said)


@pytest.mark.parametrize("function", KINDS)
def test_where_nothing_is_known_nothing_is_said(function):
    keys = ["[[0, 0, 90, 90]]", "[[300, 0, 390, 90]]"]
    entry = {key: [label, box_of(key), "m"] for key, label in zip(keys, ("cup", "vase"), strict=True)}
    tie = {f"{keys[0]}>{keys[1]}": [0, 0, 0]}
    entry |= {"levels": [keys], "order_list": tie}
    entry["views"] = {view: {"order_list": tie} for view in ("left", "right", "back")}
    for seed in range(30):
        _, record = write(function, entry, seed)
        if function is not prompts.create_layer_prompt:
            assert record is None
        else:
            assert not re.search(rf"\b(?:{PHRASE})\b", grounded_text.plain(texts(record)[1]))


def test_a_missing_relation_is_never_turned_into_its_opposite():
    keys = ["[[0, 0, 90, 90]]", "[[300, 0, 390, 90]]"]
    entry = {key: [label, box_of(key), "m"] for key, label in zip(keys, ("cup", "vase"), strict=True)}
    entry |= {"levels": [keys], "order_list": {f"{keys[0]}>{keys[1]}": [-1, 0, 0]}}
    for seed in range(40):
        _, record = write(prompts.create_between_prompt, entry, seed)
        said = " ".join(grounded_text.plain(text) for text in texts(record))
        assert not re.search("front|behind|above|below|nearer|closer|farther (away|back)|higher|lower", said)


def test_a_sentence_keeps_to_one_manner_of_left_and_right(written):
    manners = {
        words: place
        for (axis, _), options in offline_phrases.PREDICATES.items()
        for place, words in enumerate(options)
        if axis == "left"
    }
    sideways = re.compile(rf"\b(?:{'|'.join(sorted(manners, key=len, reverse=True))})\b")
    for _, _, record in itertools.chain.from_iterable(written[function] for function in KINDS):
        for text in texts(record)[1::2]:
            for sentence in re.split(r"(?<=\.) ", grounded_text.plain(text)):
                assert len({manners[words] for words in sideways.findall(sentence)}) <= 1, sentence


def test_an_order_is_asked_once(written):
    front = [*ORDERS["front", -1], *ORDERS["front", 1], *SUPERLATIVES["front", -1], *SUPERLATIVES["front", 1]]
    ranking = re.compile(rf"\b(?:{'|'.join(front)}|farthest|from near to far|from the nearest)\b(?! @| to the )")
    for entry, _, record in written[KINDS[2]]:
        asked = [tokens(text, Scene.from_entry("a.jpg", entry)) for text in texts(record)[::2]]
        orders = [text for text in asked if ranking.search(text) and not re.search("between|camera's", text)]
        assert len(orders) <= 1, orders


def test_the_same_seed_gives_the_same_text_and_another_seed_another():
    entry = random_entry(3, 7)
    for function in KINDS:
        assert write(function, entry, 5)[1] == write(function, entry, 5)[1]
        assert len({str(write(function, entry, seed)[1]) for seed in range(20)}) == 20


@pytest.mark.parametrize("function", KINDS)
def test_texts_do_not_begin_alike(function):
    samples = [write(function, random_entry(seed, 6), seed)[1] for seed in range(60)]
    replies = [texts(record)[1] for record in samples if record]
    requests = [texts(record)[0] for record in samples if record]
    openings = collections.Counter(" ".join(grounded_text.plain(reply).split()[:3]) for reply in replies)
    assert openings.most_common(1)[0][1] <= 0.25 * len(replies), openings
    assert len({" ".join(request.split()[:4]) for request in requests}) >= 10


@pytest.mark.parametrize("function", KINDS)
def test_records_are_what_llava_reads(written, function):
    for _, _, record in written[function]:
        assert training_record.faults(record) == []
        assert [turn["from"] for turn in record["conversations"][:2]] == ["human", "gpt"]
        values = [turn["value"] for turn in record["conversations"]]
        assert values[0].startswith("<image>\n")
        assert sum(value.count("<image>") for value in values) == 1
        said = " ".join(grounded_text.plain(value) for value in values)
        assert not re.search(r"\b(box|boxes|caption|captions|data|annotation)\b|-merged|-other|  ", said), said
        assert not re.search(r"\b(a [aeiou](?!ni|se)|an [^aeiouhLT]|is are|the the|a the|undefined|None)", said), (
            said
        )


def test_many_objects_still_fit_into_what_llava_reads():
    for seed in range(3):
        entry = random_entry(seed, 40)
        for function in KINDS:
            _, record = write(function, entry, seed)
            assert training_record.faults(record) == []
            if function is prompts.create_layer_prompt:  # it does not tell of all, so it must not say that it does
                assert not re.search("make|made up|consist|leaves|verything|layers", texts(record)[1])


def test_blocks_are_parted_by_proven_relations():
    for seed in range(60):
        scene = Scene.from_entry("a.jpg", random_entry(seed))
        blocks = scene.blocks("back", "front")
        assert sorted(key for block in blocks for key in block) == sorted(scene.things)
        for earlier, later in itertools.combinations(blocks, 2):
            assert all(scene.before("back", "front", a, b) for a in earlier for b in later)


@pytest.mark.parametrize(
    ("label", "article", "text", "verb"),
    [
        ("dining-table-merged", "a", "dining table", "is"),
        ("wall-brick", "a", "brick wall", "is"),
        ("sky-other-merged", "the", "sky", "is"),
        ("grass-merged", "some", "grass", "is"),
        ("scissors", "some", "scissors", "are"),
        ("umbrella", "an", "umbrella", "is"),
        ("uniform", "a", "uniform", "is"),
        ("hourglass", "an", "hourglass", "is"),
        ("wine glass", "a", "wine glass", "is"),
        ("bus", "a", "bus", "is"),
        ("tv", "a", "TV", "is"),
        ("the man in black shoes", "a", "man in black shoes", "is"),
        ("three people", "", "three people", "are"),
        ("-chair", "a", "chair", "is"),
        ("x-ray", "an", "x-ray", "is"),
        ("U-bolt", "a", "U-bolt", "is"),
        ("tv-monitor", "a", "TV monitor", "is"),
        ("DINING TABLE", "a", "dining table", "is"),
        ("CAR", "a", "car", "is"),
        ("LCD SCREEN", "an", "LCD screen", "is"),
        ("SUVs", "some", "SUVs", "are"),
        ("iPhone", "an", "iPhone", "is"),
        ("chair 2", "a", "chair", "is"),
        ("person_12", "a", "person", "is"),
        ("boeing 747", "a", "boeing 747", "is"),
        ("U.S. flag", "a", "U.S. flag", "is"),
        ("flag of the U.S.", "a", "flag of the U.S.", "is"),
        ("u.s. map", "a", "U.S. map", "is"),
        ("L.A. poster", "an", "L.A. poster", "is"),
        ("XBOX", "an", "Xbox", "is"),
        ("xbox", "an", "Xbox", "is"),
        ("xylophone", "a", "xylophone", "is"),
        ("European plug", "a", "European plug", "is"),
        ("christmas tree", "a", "Christmas tree", "is"),
        ("Indian elephants", "some", "Indian elephants", "are"),
        ("person.", "a", "person", "is"),
        ("the chair 2.", "a", "chair", "is"),
        ("--", "an", "object", "is"),
        (" ", "an", "object", "is"),
    ],
)
def test_labels_are_read_as_english(label, article, text, verb):
    noun = nouns.noun(label)
    assert (noun.article, noun.text, "are" if noun.plural else "is") == (article, text, verb)
    assert nouns.names(text, label)


@pytest.mark.parametrize("label", ["person.", "sign!", "cup, ", "flag of the U.S."])
def test_no_label_ends_its_sentence(label):
    entry = random_entry(3, 4, [label])
    keys = [key for key in entry if key.startswith("[[")]
    for n, other in enumerate(keys[1:]):
        entry[other][0] = ("sofa", "lamp", "desk")[n]
    for function, seed in itertools.product(KINDS, range(30)):
        prompt, record = write(function, entry, seed)
        said = [grounded_text.plain(text) for text in texts(record)]
        scene = Scene.from_entry("images/000001.jpg", entry)
        assert reply_check.check_reply(scene, prompt, prompt.offline(random.Random(seed + 1))).faults == []
        for text in said:
            assert re.search(r"[^.?!,][.?]$", text) or re.search(r"U\.S\.[.?]?$", text), text
            assert not re.search(r"(?:person|sign)[.?!] [a-z]|[.?!],", text.replace("U.S.", "US")), text
            if re.match("Which|What|Is|Are|Where", text):
                assert text.endswith("?"), text


def test_what_a_detector_numbered_is_one_of_several_alike():
    entry = {"[[0, 0, 9, 9]]": ["chair 1", [0.0, 0, 9, 9]], "[[20, 0, 29, 9]]": ["chair 2", [20.0, 0, 29, 9]]}
    entry["order_list"] = {"[[0, 0, 9, 9]]>[[20, 0, 29, 9]]": [-1, 0, 0]}
    teller = offline_wording.Teller(Scene.from_entry("a.jpg", entry), random.Random(0))
    assert grounded_text.plain(teller.introduce(list(teller.scene.things))) == "two chairs"
    assert [grounded_text.plain(teller.the(key)) for key in teller.scene.things] == [
        "the left-hand chair",
        "the right-hand chair",
    ]


def test_a_missing_stage_is_named():
    entry = random_entry(1, 4)
    for key, function, stage in (
        ("levels", prompts.create_layer_prompt, "layers_aggregation.py"),
        ("order_list", prompts.create_between_prompt, "multiview_layers.py"),
        ("views", prompts.create_rotation_prompt, "multiview_layers.py"),
    ):
        without = {name: value for name, value in entry.items() if name != key}
        with pytest.raises(InputError, match=stage):
            function(Scene.from_entry("a.jpg", without), random.Random(0))


@pytest.mark.parametrize(
    "change",
    [
        {"levels": [["[[9, 9, 9, 9]]"]]},
        {"order_list": {"[[9, 9, 9, 9]]>[[8, 8, 8, 8]]": [0, 0, 0]}},
        {"order_list": {"[[0, 0, 90, 90]]>[[0, 0, 90, 90]]": [2, 0, 0]}},
        {"views": {"left": {"levels": 3}}},
    ],
)
def test_malformed_entries_are_refused_with_a_reason(change):
    entry = {"[[0, 0, 90, 90]]": ["cup", [0.0, 0.0, 9.0, 9.0], "m"], "levels": [], "order_list": {}} | change
    with pytest.raises(InputError):
        Scene.from_entry("a.jpg", entry)


def test_the_messages_hold_what_a_model_needs():
    scene = Scene.from_entry("a.jpg", random_entry(4, 6))
    for function in KINDS:
        prompt = function(scene, random.Random(0))
        assert [message["role"] for message in prompt.messages] == ["system", "user"]
        user = prompt.messages[1]["content"]
        assert all(scene.tag(key) in user for key in scene.things)
        assert scene.caption in user
        assert grounded_text.parse(user.replace("<pred> ", "")).faults == []
