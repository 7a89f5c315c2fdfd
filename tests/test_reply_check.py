"""The check of replies: what is true passes in any wording, what is false is named."""

import itertools
import random
import sys
from pathlib import Path

import orjson
import pytest

sys.path.append(str(Path(__file__).parent))
from llm_server import Server
from test_offline_writer import KINDS, random_entry

import llm_based_query
from benchmarks import check as benchmark
from spacesgg import chatter
from spacesgg.errors import InputError
from spacesgg.prompt import Prompt
from spacesgg.reply_check import check_reply
from spacesgg.scene import Scene

CUP, SOFA, LAMP = "[[100, 600, 200, 700]]", "[[300, 400, 700, 900]]", "[[800, 100, 900, 800]]"
TAG = {
    "cup": f"<ref>cup</ref><box>{CUP}</box>",
    "sofa": f"<ref>sofa</ref><box>{SOFA}</box>",
    "lamp": f"<ref>lamp</ref><box>{LAMP}</box>",
}
LABELS = ["chair", "chair", "armchair", "sofa", "lamp", "person", "cup", "bottle", "tv", "plant"]


@pytest.fixture(scope="module")
def scene():
    """A cup in front, left of and level with a sofa; a lamp behind, right of and above both."""
    entry = {CUP: ["cup", [0.0, 0.0, 9.0, 9.0], "m"], SOFA: ["sofa", [0.0, 0.0, 9.0, 9.0], "m"]}
    entry[LAMP] = ["lamp", [0.0, 0.0, 9.0, 9.0], "m"]
    entry["levels"] = [[CUP], [SOFA], [LAMP]]
    entry["order_list"] = {
        f"{CUP}>{SOFA}": [-1, 0, -1],
        f"{CUP}>{LAMP}": [-1, 1, -1],
        f"{SOFA}>{LAMP}": [-1, 1, -1],
    }
    back = {f"{CUP}>{SOFA}": [1, 0, 1], f"{CUP}>{LAMP}": [1, 1, 1], f"{SOFA}>{LAMP}": [1, 1, 1]}
    entry["views"] = {"back": {"order_list": back}}
    return Scene.from_entry("a.jpg", entry)


def faults(scene, text, form="description", pairs=0, finish_reason="stop", whole=False):
    """The faults of a text; that it leaves objects out counts only in a `whole` one."""
    text = text.format(**TAG)
    found = check_reply(scene, Prompt([], form, pairs=pairs), text, finish_reason).faults
    return [str(fault) for fault in found if whole or fault.kind != "objects missing"]


@pytest.mark.parametrize("function", KINDS)
def test_nothing_is_wrong_with_what_the_offline_writer_writes(function):
    for seed in range(80):
        scene = Scene.from_entry("a.jpg", random_entry(seed))
        try:
            prompt = function(scene, random.Random(seed))
            reply = prompt.offline(random.Random(seed))
        except InputError:
            continue
        assert check_reply(scene, prompt, reply) == ([], reply)


@pytest.mark.parametrize(
    "text",
    [
        "The {cup} stands to the left of the {sofa}.",
        "Behind the {sofa} rises a {lamp}.",
        "The {lamp}, which is not in front of the {sofa}, is above the {cup}.",
        "A {cup} comes first, the {sofa} is farther back, and behind it is the {lamp}.",
        "To the right of the {cup}, the {sofa} stands before you.",
        "The {cup} is nearer than the {sofa}, and to its right is the {lamp}.",
        "Nothing says whether the {cup} is above the {sofa}.",
        "The {cup} is on top of the {sofa}.",  # that is not seen from the signs, and nothing is against it
        "The nearest part of the scene holds a {cup}.",
        "Behind it all, past the {sofa}, is a {lamp}.",
    ],
)
def test_true_statements_pass(scene, text):
    assert faults(scene, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "The {cup} stands to the right of the {sofa}.",
        "In front of the {sofa} rises a {lamp}.",
        "The {cup} is above the {sofa}.",  # nothing proves it
        "The {cup} is not in front of the {sofa}.",
        "The {cup}, then the {sofa}: the sofa is farther back than the {lamp}.",
        "The {cup} and the {sofa} are nearer than the {lamp} and to the right of it.",
        "Of all, the {sofa} is the closest to the camera.",
        "The {cup} is between the {sofa} and the {lamp}.",
        "From right to left there are the {cup}, the {sofa} and the {lamp}.",
        "Seen from behind the scene, the {cup} is in front of the {sofa}.",
        "The {cup} rises over the {lamp}.",
        "The {cup} stands on top of the {lamp}.",
        "The {lamp} hides the {sofa}.",
        "The {lamp} partly blocks our view of the {cup}.",
        "The {cup} is partly hidden by the {lamp}.",
        "The {sofa} stands on the {cup}'s left.",
        "Neither the {cup} nor the {sofa} is in front of the {lamp}.",
        "Walking into the room, you meet the {lamp} first and the {cup} last.",
    ],
)
def test_false_and_unproven_statements_are_named(scene, text):
    assert any("a statement that the geometry contradicts" in fault for fault in faults(scene, text))


@pytest.mark.parametrize(
    ("question", "good", "bad"),
    [
        ("Which is closer, the cup or the lamp?", "The {cup}.", "The {lamp}."),
        ("Is the cup behind the sofa?", "No, it is in front of it.", "Yes."),
        ("Imagine standing behind the scene. Is the {cup} left of the {sofa}?", "No, it is on its right.", "Yes."),
        ("What is behind the {sofa}?", "That would be the {lamp}.", "The {cup} is."),
        ("From behind the scene, what is nearest?", "From there, the {lamp} is nearest.", "The {cup} is nearest."),
        (
            "What lies between the cup and the lamp in depth?",
            "The {sofa}.",
            "The {cup} is between {sofa} and {lamp}.",
        ),
        ("Which object is the closest of all?", "The {cup}.", "The {lamp}."),
        ("What is the leftmost object?", "It is the {cup}.", "It is the {lamp}."),
        ("Is the cup to the right of the sofa?", "Nope.", "Absolutely."),
        ("Is the cup to the right of the sofa?", "That's not true, it is to the left.", "That's true."),
        ("Is the cup to the right of the sofa?", "No, quite the opposite.", "Yep, it sure is."),
        ("Seen from behind the scene, is the cup left or right of the sofa?", "Right.", "Left."),
        (
            "From behind the scene, is the cup left or right of the sofa?",
            "It would be on the right.",
            "On its left.",
        ),
        ("Is the lamp above or below the sofa?", "It is above it.", "It is below it."),
        ("Is the lamp above or below the sofa?", "It is higher.", "It's lower."),
        ("Is anything in front of the sofa?", "Yes, the {cup} is.", "Yes, the {lamp} is."),
        ("Is anything in front of the sofa?", "Yes.", "No."),
        ("Is anything in front of the cup?", "No.", "Yes, there is."),
        ("Where is the lamp compared to the sofa?", "Behind it and to the right.", "In front of it."),
        (
            "Rank the cup and the lamp by distance.",
            "First the {cup}, then the {lamp}.",
            "First the {lamp}, then the {cup}.",
        ),
        (
            "Put the cup, the sofa and the lamp in order from near to far.",
            "1. {cup} 2. {sofa} 3. {lamp}",
            "1. {lamp} 2. {sofa} 3. {cup}",
        ),
        (
            "Which objects are in the foreground?",
            "The {cup} is in the foreground.",
            "The {cup} is behind the {lamp}.",
        ),
        (
            "From the camera, how do the cup, the sofa and the lamp follow each other?",
            "The {cup} is closest, then the {sofa}, then the {lamp}.",
            "The {lamp} is closest, then the {sofa}, then the {cup}.",
        ),
        (
            "Of the cup, the sofa and the lamp, which is in the middle in depth?",
            "The {sofa} is in the middle.",
            "The {cup} is in the middle.",
        ),
        (
            "Which would you reach first, the cup or the lamp?",
            "You would reach the {cup} before the {lamp}.",
            "The {lamp}.",
        ),
    ],
)
def test_answers_are_read_with_their_question(scene, question, good, bad):
    assert faults(scene, f"Q: {question}\nA: {good}", "questions", 1) == []
    assert any("contradicts" in fault for fault in faults(scene, f"Q: {question}\nA: {bad}", "questions", 1))


def test_the_viewpoint_goes_on_in_a_conversation_and_not_in_single_questions(scene):
    text = (
        "Q: Imagine standing behind the scene, looking back at the camera. What is nearest?\nA: The {lamp} is.\n"
        "Q: And which is farther left, the cup or the sofa?\nA: The {sofa} is to the left of the {cup}."
    )
    assert faults(scene, text, "conversation", 2) == []
    assert any("contradicts" in fault for fault in faults(scene, text, "questions", 2))


@pytest.mark.parametrize(
    ("question", "good", "bad"),
    [
        (
            "And to which side of the sofa is it?",
            "It is to the right of the {sofa}.",
            "It is to the left of the {sofa}.",
        ),
        ("And from the camera?", "It is in front of it from the camera.", "It is behind it for the camera."),
    ],
)
def test_pronouns_are_followed_through_a_conversation(scene, question, good, bad):
    said = (
        "Q: Imagine standing behind the scene, looking back at the camera. Is the cup behind the sofa?\n"
        "A: Yes, the {cup} is behind the {sofa}.\n"
    )
    assert faults(scene, f"{said}Q: {question}\nA: {good}", "conversation", 2) == []
    assert any(
        "contradicts" in fault for fault in faults(scene, f"{said}Q: {question}\nA: {bad}", "conversation", 2)
    )


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How is the weather?", "It is fine."),
        ("What is nice?", "Turtles are nice."),
        ("How many things are to the left of the sofa?", "Four."),
        (
            "Does the picture from behind differ for the cup and the sofa?",
            "No, for the camera it is just the same.",
        ),
        ("Do the cup and the sofa swap sides?", "No, the {cup} is on the same side of the {sofa} as before."),
    ],
)
def test_answers_that_cannot_be_checked_are_refused(scene, question, answer):
    assert faults(scene, f"Q: {question}\nA: {answer}", "questions", 1)[0].startswith("cannot be checked: ")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The {cup} and a <ref>sofa</ref>.", "broken tags"),
        ("The <ref>cup</ref><box>[[1, 2, 30, 40]]</box>.", "a box that is not one of the image's"),
        (f"The <ref>sofa</ref><box>{CUP}</box>.", "a label that is not its box's"),
        (
            f"The {{cup}} is <pred>left of</pred><box>{CUP}</box><box>{SOFA}</box> it.",
            "a relation between objects",
        ),
        (
            f"The {{cup}} is <pred>behind</pred><box>{CUP}</box><box>{SOFA}</box> the {{sofa}}.",
            "a tagged relation that the geometry contradicts",
        ),
        ("The {lamp} is in the foreground.", "an object in the wrong layer"),
        ("The next layer holds the {cup} and the {lamp}.", "an object in the wrong layer"),
        ("The background holds a {lamp}, and there is a {cup}.", "layers out of order"),
        ("The {cup} is to the left of a bicycle.", "an object that is not in the image"),
        ("There is a {cup} and a dog.", "an object that is not in the image"),
        ("According to the caption there is a {cup}.", "talk about the data"),
        ("The {cup} </s> is here.", "nothing that LLaVA's loader can read"),
    ],
)
def test_each_fault_is_named(scene, text, kind):
    assert any(fault.startswith(kind) for fault in faults(scene, text)), faults(scene, text)


def test_a_picture_may_be_an_object(scene):
    picture = f"<ref>picture</ref><box>{LAMP}</box>"
    entry = {key: [thing.label, [0.0, 0.0, 9.0, 9.0], "m"] for key, thing in scene.things.items()}
    entry[LAMP][0] = "picture"
    entry["order_list"] = {f"{CUP}>{LAMP}": [-1, 1, -1]}
    hung = Scene.from_entry("a.jpg", entry)
    question = "Q: Of the picture and the cup, which is farther away?\nA: It is the "
    assert faults(hung, f"{question}{picture} that is farther away.", "questions", 1) == []
    assert "contradicts" in faults(hung, f"{question}{{cup}} that is farther away.", "questions", 1)[0]


@pytest.mark.parametrize(
    "question",
    [
        "Of the picture and the laptop, which is closer?",
        "And of the picture and the laptop, which is closer?",
        "Out of the picture and the laptop, which is closer?",
        "Which is closer of the picture and the laptop?",
        "Of the picture and laptop, which is closer?",
        "Of the picture and of the laptop, which is closer?",
        "Of the picture and the <ref>laptop</ref><box>{laptop}</box>, which is closer?",
    ],
)
@pytest.mark.parametrize(("nearer", "farther"), [("laptop", "picture"), ("picture", "laptop")])
def test_a_picture_may_be_one_of_two_objects_to_choose_from(question, nearer, farther):
    key = {nearer: CUP, farther: SOFA}
    entry = {key: [label, [0.0, 0.0, 9.0, 9.0], "m"] for label, key in key.items()}
    room = Scene.from_entry("a.jpg", entry | {"order_list": {f"{CUP}>{SOFA}": [0, 0, -1]}})
    for answer in ("it is the {} that is closer.", "It's the {} that is the closer one.", "It is the {}."):
        for label, told in ((nearer, False), (farther, True)):
            said = answer.format(f"<ref>{label}</ref><box>{key[label]}</box>")
            found = faults(room, f"Q: {question.format(**key)}\nA: {said}", "questions", 1)
            assert any("contradicts" in fault for fault in found) == told and bool(found) == told


@pytest.mark.parametrize(
    ("question", "good", "bad"),
    [
        (
            "Which is closer, the cup or the sofa?",
            "It is not the {sofa} that is closer.",
            "It is not the {cup} that is closer.",
        ),
        (
            "Which is closer, the cup or the sofa?",
            "It isn't the {sofa} that's closer.",
            "It isn't the {cup} that's closer.",
        ),
        (
            "Which is closer, the cup or the sofa?",
            "It is the {cup}, not the {sofa}, that is closer.",
            "It is the {sofa}, not the {cup}, that is closer.",
        ),
        (
            "Which is closer, the cup or the sofa?",
            "It is the {cup}, not the {sofa}, which is farther away.",
            "It is the {sofa} rather than the {cup} that is closer.",
        ),
        ("Where is the lamp?", "The {lamp} isn't in front of the {sofa}.", "The {lamp} isn't behind the {sofa}."),
    ],
)
def test_denials_are_read(scene, question, good, bad):
    assert faults(scene, f"Q: {question}\nA: {good}", "questions", 1) == []
    assert any("contradicts" in fault for fault in faults(scene, f"Q: {question}\nA: {bad}", "questions", 1))


def test_short_and_cut_replies_are_named(scene):
    pair = "Q: Which is nearer, the cup or the sofa?\nA: The {cup} is."
    assert faults(scene, pair, "questions", 2) == ["fewer question-answer pairs than asked for: 1 of 2"]
    assert faults(scene, pair, "questions", 1, "length")[0].startswith("cut off by the token limit")
    assert faults(scene, "The {cup} is here.", "questions", 1)[0].startswith("not in the form asked for")


WHOLE = "A {cup} comes first, behind it a {sofa}, and at the back a {lamp}."


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I like turtles.", "objects missing"),
        ("There is a {cup} and a {sofa}.", "objects missing: name the lamp"),
        ("I'm sorry, but I can't help with that.", "a refusal"),
        ("Sure! Here is the paragraph you asked for: " + WHOLE, "a preamble"),
        ("```\n" + WHOLE + "\n```", "markup"),
        ("Please note that I cannot see the image. " + WHOLE, "a refusal"),
        (WHOLE + " (Note: this is a guess.)", "a closing remark"),
        (WHOLE + " Let me know if you would like more details!", "a closing remark"),
    ],
)
def test_a_description_is_whole_and_nothing_but_a_description(scene, text, kind):
    assert faults(scene, WHOLE, whole=True) == []
    assert any(fault.startswith(kind) for fault in faults(scene, text, whole=True))


@pytest.mark.parametrize(("word", "right"), [("nearest", True), ("closest", True), ("furthest", False)])
def test_what_one_is_called_in_the_picture_holds_from_the_camera_whoever_speaks(word, right):
    entry = {key: ["cup", [0.0, 0.0, 9.0, 9.0], "m"] for key in (CUP, SOFA, LAMP)}
    pairs = (f"{CUP}>{SOFA}", f"{CUP}>{LAMP}", f"{SOFA}>{LAMP}")
    entry["levels"] = [[CUP], [SOFA], [LAMP]]
    entry["order_list"] = dict.fromkeys(pairs, [-1, 0, -1])
    entry["views"] = {"back": {"order_list": dict.fromkeys(pairs, [1, 0, 1])}}
    text = (
        f"Q: Seen from behind, which cup is farthest to the right?\n"
        f"A: From there, the {word} <ref>cup</ref><box>{CUP}</box> in the picture is to the right of "
        f"<ref>another cup</ref><box>{LAMP}</box>."
    )
    found = check_reply(Scene.from_entry("a.jpg", entry), Prompt([], "questions", pairs=1), text, "stop").faults
    assert (not found) == right, found


def test_a_pair_of_scissors_seen_here_is_no_preamble():
    assert list(chatter.find("As seen here, the cup is left of the pair of scissors.", "description")) == []
    assert list(chatter.find("Here, as you wished, is the pair of questions.", "description"))


def test_a_remark_after_the_last_answer_is_named_and_a_line_before_the_first_question_dropped(scene):
    pair = "Q: Which is nearer, the cup or the sofa?\nA: The {cup} is."
    assert faults(scene, f"Sure! Here is a question:\n{pair}", "questions", 1) == []
    assert faults(scene, f"{pair}\nI hope this helps!", "questions", 1)[0].startswith("a closing remark")


def test_a_box_that_is_nearly_right_is_put_right(scene):
    text = "The <ref>cup</ref><box>[[104, 595, 200, 700]]</box> is here, with a sofa and a lamp."
    right = f"The {TAG['cup']} is here, with a sofa and a lamp."
    assert check_reply(scene, Prompt([], "description"), text) == ([], right)


def test_texts_written_by_hand_are_not_refused():
    texts = list(benchmark.paraphrases())
    refused = [told.text for _, told in texts if check_reply(told.scene, told.prompt, told.text).faults]
    assert len(texts) >= 60 and len(refused) <= 0.02 * len(texts), refused


@pytest.mark.parametrize("kind", benchmark.PLANTED)
def test_planted_faults_are_found(kind):
    entries = [random_entry(seed, 6, LABELS) for seed in range(40)]
    for told, false in benchmark.planted(entries, kind, 30, seed=0):
        assert check_reply(told.scene, told.prompt, told.text).faults == []
        assert check_reply(told.scene, told.prompt, false).faults, false


@pytest.mark.parametrize(("mode", "accepted", "asked"), [("strict", 0, 4), ("report", 2, 0), ("off", 2, 0)])
def test_the_command_asks_again_reports_or_lets_pass(tmp_path, capsys, monkeypatch, mode, accepted, asked):
    """What is wrong is told to the model; a stricter check than before reads the old replies and asks nothing."""
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    entries = {f"{seed}.jpg": random_entry(seed, 4, ["chair", "sofa", "lamp", "cup"]) for seed in (1, 2)}
    (tmp_path / "in.json").write_bytes(orjson.dumps(entries))
    flags = ["--anno-file", str(tmp_path / "in.json"), "--prompt-function", "create_layer_prompt", "--model", "m"]
    flags += ["--output-file", str(tmp_path / "out.json"), "--attempts", "2"]
    with Server(reply=lambda body: "A giraffe is in front of a piano.").running() as server:
        flags += ["--base-url", server.url]
        status = llm_based_query.main([*flags, "--check", mode])
        replies = len(server.times)
        again = llm_based_query.main([*flags, "--check", "strict"])
        assert len(server.times) - replies == 0
    assert replies == (asked or 2)
    assert (status, again) == (0 if accepted else 1, 1)
    said = capsys.readouterr().out
    assert f"2 prompts: {accepted} accepted, {2 - accepted} rejected" in said
    assert "× an object that is not in the image" in said
    if mode == "strict":
        told = [body["messages"][-1]["content"] for body in server.bodies if len(body["messages"]) > 2]
        assert len(told) == 2 and all('"giraffe"' in text for text in told)


def test_what_is_reported_stands_in_the_record(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (tmp_path / "in.json").write_bytes(orjson.dumps({"1.jpg": random_entry(1, 4)}))
    flags = ["--anno-file", str(tmp_path / "in.json"), "--prompt-function", "create_layer_prompt", "--model", "m"]
    flags += ["--output-file", str(tmp_path / "out.json"), "--check", "report"]
    with Server(reply=lambda body: "A giraffe is in front of a piano.").running() as server:
        assert llm_based_query.main([*flags, "--base-url", server.url]) == 0
    (record,) = orjson.loads((tmp_path / "out.json").read_bytes())
    assert any("giraffe" in fault for fault in record["faults"])


@pytest.mark.parametrize(
    ("answer", "ordered"),
    [
        ("Going from near to far, the {b}, the {c} and the {d} come between the {a} and the {e}.", True),
        ("Going from near to far, between the {a} and the {e} are the {b} and the {c}.", True),
        ("From near to far, you find the {b} and then the {c} between the {a} and the {e}.", True),
        ("Between the {a} and the {e} in depth are the {b}, the {c} and the {d}.", False),
        ("The {b} and the {c} lie between the {a} and the {e} in depth.", False),
        ("Going from near to far, the {c} comes between the {a} and the {e}.", False),
    ],
)
def test_a_list_of_what_is_between_two_is_an_order_where_its_words_say_so(answer, ordered):
    keys = [f"[[{n}, 0, {n + 9}, 9]]" for n in range(0, 50, 10)]
    labels = dict(zip("abcde", ("cup", "sofa", "lamp", "vase", "desk"), strict=True))
    tags = {n: f"<ref>{label}</ref><box>{key}</box>" for (n, label), key in zip(labels.items(), keys, strict=True)}
    text = f"Q: What lies between the cup and the desk in depth?\nA: {answer.format(**tags)}"
    for proven in (False, True):
        entry = {key: [label, [0.0, 0.0, 9.0, 9.0], "m"] for key, label in zip(keys, labels.values(), strict=True)}
        entry["order_list"] = {
            f"{a}>{b}": [0, 0, -1 if proven or a == keys[0] or b == keys[4] else 0]
            for a, b in itertools.combinations(keys, 2)
        }
        scene = Scene.from_entry("a.jpg", entry)
        found = check_reply(scene, Prompt([], "questions", pairs=1), text, "stop").faults
        assert bool(found) == (ordered and not proven), found
