"""The command: from an annotation file to a training file, in order, the same however it is run."""

import os
import random
import re
import signal
import subprocess
import sys

import orjson
import pytest
from llm_server import Server

import llm_based_query
from spacesgg import prompt_file, text_input, training_record
from spacesgg.errors import InputError

CUP, DESK, LAMP = "[[10, 20, 30, 40]]", "[[500, 20, 700, 400]]", "[[50, 60, 80, 400]]"
SIGNS = {f"{CUP}>{DESK}": [-1, 0, -1], f"{CUP}>{LAMP}": [-1, -1, -1], f"{DESK}>{LAMP}": [1, 0, -1]}
TURNED = {f"{CUP}>{DESK}": [1, 0, 1], f"{CUP}>{LAMP}": [1, -1, 1], f"{DESK}>{LAMP}": [-1, 0, 1]}


def entry(**changes):
    things = zip((CUP, DESK, LAMP), ("cup", "desk", "lamp"), strict=True)
    found = {key: [label, [0.0, 0.0, 9.0, 9.0], "m.png"] for key, label in things}
    found |= {"caption_annotation": "A desk.", "levels": [[CUP], [DESK], [LAMP]], "order_list": SIGNS}
    return found | {"views": {view: {"order_list": TURNED} for view in ("left", "right", "back")}} | changes


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path):
    text_input.warn_once.cache_clear()  # a process is one command
    entries = {f"/data/train/{i:03d}.jpg": entry() for i in range(12)}
    (tmp_path / "in.json").write_bytes(orjson.dumps(entries))
    (tmp_path / "in.jsonl").write_bytes(
        b"".join(orjson.dumps({"image": image, **one}) + b"\n" for image, one in entries.items())
    )
    return tmp_path


def run(folder, *options, function="create_layer_prompt", anno="in.json", output="out.json"):
    arguments = ["--anno-file", str(folder / anno), "--prompt-function", function]
    try:
        return llm_based_query.main([*arguments, "--output-file", str(folder / output), *options])
    except SystemExit as exit_:
        return exit_.code


def records(folder, output="out.json"):
    return list(training_record.read(folder / output))


@pytest.mark.parametrize(
    "function",
    ["create_layer_prompt", "create_between_prompt", "create_comparative_prompt", "create_rotation_prompt"],
)
def test_every_image_gets_its_record_in_the_input_s_order(folder, capsys, function):
    assert run(folder, function=function) == 0
    found = records(folder)
    assert [record["image"] for record in found] == [f"/data/train/{i:03d}.jpg" for i in range(12)]
    assert all(training_record.faults(record) == [] and record["source"] == "template" for record in found)
    assert found[3]["id"] == f"data/train/003_{function}"
    printed = capsys.readouterr().out.strip().splitlines()
    assert "offline writer" in printed[0]
    assert "offline writer" in printed[-1]


def test_the_result_depends_on_the_seed_alone(folder):
    run(folder)
    first = records(folder)
    run(folder, "--workers", "2", anno="in.jsonl", output="again.jsonl")
    assert records(folder, "again.jsonl") == first
    run(folder, "--seed", "1", output="other.json")
    assert records(folder, "other.json") != first
    run(folder, "--limit", "3", output="short.json")
    assert records(folder, "short.json") == first[:3]


def test_a_failed_image_is_named_and_the_rest_is_done(folder, capsys):
    entries = {"a.jpg": entry(), "b.jpg": entry(levels=None), "c.jpg": {"depth": "c.png"}, "d.jpg": entry()}
    (folder / "in.json").write_bytes(orjson.dumps(entries))
    assert run(folder) == 1
    assert [record["image"] for record in records(folder)] == ["a.jpg", "d.jpg"]
    failures = [orjson.loads(line) for line in (folder / "out.json.errors.jsonl").read_bytes().splitlines()]
    assert [failure["image"] for failure in failures] == ["b.jpg", "c.jpg"]
    assert "layers_aggregation.py" in failures[0]["reason"]
    assert "no object" in failures[1]["reason"]
    assert "2 images succeeded, 2 failed" in capsys.readouterr().err


@pytest.mark.parametrize("model", [False, True])
def test_an_object_under_a_key_that_is_none_is_named_and_the_rest_is_written_about(folder, capsys, model):
    astray = {"[10, 20, 30, 50]": ["jug", [0.0, 0.0, 9.0, 9.0], "m.png"]}
    entries = {"a.jpg": entry(), "b.jpg": entry(**astray), "c.jpg": astray}
    (folder / "in.json").write_bytes(orjson.dumps(entries))
    with Server(reply=lambda body: "The cup is in front of the desk.").running() as server:
        flags = ("--model", "m", "--base-url", server.url, "--check", "off") if model else ()
        assert run(folder, *flags) == 1
        said = "".join(capsys.readouterr())
        assert [record["image"] for record in records(folder)] == ["a.jpg", "b.jpg"]
        lines = [orjson.loads(line) for line in (folder / "out.json.errors.jsonl").read_bytes().splitlines()]
        assert [line["image"] for line in lines] == ["b.jpg", "c.jpg"]
        what = "its key must be its box as text, [[x1, y1, x2, y2]], whole numbers 0–999, the smaller ones first"
        why = f"jug: {what}; "
        assert lines[0]["object"] == "[10, 20, 30, 50]" and lines[0]["reason"] == f"{why}it is in no text"
        assert lines[1]["reason"] == f"{why}no other object is there"
        assert ("1 × an object that is malformed" if model else "1 done in part (objects that") in said
        # Asked again nothing is written about twice.
        assert run(folder, *flags, anno="out.json.errors.jsonl", output="again.json") == 1
        (line,) = map(orjson.loads, (folder / "again.json.errors.jsonl").read_bytes().splitlines()[:1])
        assert line["reason"] == f"{why}no other object is there" and records(folder, "again.json") == []


JUG = ["jug", [0.0, 0.0, 9.0, 9.0], "m.png"]
MALFORMED = {
    "key": ({"[[bla": JUG}, "jug: its key must be its box"),
    "key of no object": ({"[[1, 2, 3]]": "jug"}, "object [[1, 2, 3]]: its key must be its box"),
    "spaced key": ({"[[ 1,2, 30,\t40]]": JUG}, "jug: its key must be its box"),
    "value": ({"[[1, 2, 30, 40]]": ["jug", [1, 2, 3]]}, "expected [label, …, [x0, y0, x1, y1], mask], found"),
    "label": ({"[[1, 2, 30, 40]]": ["jug" * 1000, *JUG[1:]]}, "a label of 3000 characters, expected at most 200"),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("model", [False, True])
def test_an_object_that_is_malformed_costs_no_other_and_is_in_no_text(folder, name, model):
    (jug,), told = MALFORMED[name]
    views = {"left": {"levels": [[jug, CUP]], "order_list": TURNED | {f"{jug}>{CUP}": [1, 1, 1]}}}
    places = {"levels": [[CUP], [jug], [DESK, jug], [LAMP]], "order_list": {f"{CUP}>{jug}": [1, 0, 1], **SIGNS}}
    entries = {"a.jpg": entry(), "b.jpg": entry(**MALFORMED[name][0], **places, views=views)}
    (folder / "in.json").write_bytes(orjson.dumps(entries))
    with Server(reply=lambda body: "The cup is in front of the desk.").running() as server:
        flags = ("--model", "m", "--base-url", server.url, "--check", "off") if model else ()
        assert run(folder, *flags) == 1
        assert b"jug" not in orjson.dumps(server.bodies)
    (line,) = map(orjson.loads, (folder / "out.json.errors.jsonl").read_bytes().splitlines())
    assert (line["image"], line["object"], line[jug]) == ("b.jpg", jug, MALFORMED[name][0][jug])
    assert told in line["reason"] and line["reason"].endswith("; it is in no text") and len(line["reason"]) < 300
    assert [record["image"] for record in records(folder)] == ["a.jpg", "b.jpg"]
    assert "jug" not in (folder / "out.json").read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_objects_without_a_label_that_can_be_read_are_told_of_once(folder, capsys, workers):
    box = [0.0, 0.0, 9.0, 9.0]
    entries = {"a.jpg": entry(), "b.jpg": entry(**{CUP: ["", box]}), "c.jpg": entry(**{LAMP: [" ", box]})}
    (folder / "in.json").write_bytes(orjson.dumps(entries))
    assert run(folder, "--workers", workers) == 0
    said = f"llm_based_query.py: 2 objects without a label that can be read, such as '' of {CUP} in b.jpg; in the "
    said += 'texts each is "an object"; give it a label in the annotation file, or take it out\n'
    assert capsys.readouterr().err == said
    assert f"<ref>object</ref><box>{CUP}</box>" in records(folder)[1]["conversations"][1]["value"]


def test_image_paths_are_made_relative_to_llava_s_folder(folder):
    run(folder, "--dataset-base", "/data/train/")
    assert records(folder)[0]["image"] == "000.jpg"
    run(folder, "--dataset-base", "/data/", "--data-prefix", "coco")
    assert records(folder)[0]["image"] == "coco/train/000.jpg"


def test_a_base_that_fits_no_path_is_told_and_is_no_failure_as_the_help_says(folder, capsys):
    assert run(folder, "--dataset-base", "/date/") == 0
    assert "--dataset-base /date/: none of the image paths is in a folder of that name" in capsys.readouterr().err
    assert records(folder)[0]["image"] == "/data/train/000.jpg"
    assert run(folder, "--help") == 0
    assert "stays whole; that is told in a line and is no failure" in " ".join(capsys.readouterr().out.split())


def test_a_user_s_own_prompt_function_is_all_it_takes(folder):
    (folder / "mine.py").write_text(
        "from spacesgg.prompt import Prompt\n"
        "def count(scene, rng):\n"
        "    messages = [{'role': 'user', 'content': 'How many?'}]\n"
        "    said = f'{len(scene.things)} things, {scene.description}.'\n"
        "    return Prompt(messages, 'description', lambda dice: said)\n"
        "def silent(scene, rng):\n"
        "    return Prompt([], 'description')\n"
    )
    run(folder, output="described.json")
    mine = ("--prompt-file", str(folder / "mine.py"), "--workers", "2")
    assert run(folder, *mine, "--description-file", str(folder / "described.json"), function="count") == 0
    described = records(folder, "described.json")[5]["conversations"][1]["value"]
    assert records(folder)[5]["conversations"][1]["value"] == f"3 things, {described}."
    assert run(folder, *mine, function="silent") == 1
    assert "no offline writer" in (folder / "out.json.errors.jsonl").read_text()


def test_an_unknown_function_is_answered_with_what_there_is(folder, capsys):
    assert run(folder, function="create_other_prompt") == 2
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == 1
    for name in ("create_layer_prompt", "create_between_prompt", "create_comparative_prompt"):
        assert name in told
    assert "describe" not in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("def f(:\n", "cannot be imported"),
        ("raise RuntimeError('no')\n", "no"),
        ("x = 1\n", "no prompt function f; it has no public function of its own at all"),
    ],
)
def test_a_broken_prompt_file_is_one_clear_line(folder, capsys, content, told):
    (folder / "mine.py").write_text(content)
    assert run(folder, "--prompt-file", str(folder / "mine.py"), function="f") == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1


def test_an_unreadable_input_stops_the_command_and_leaves_no_output(folder, capsys):
    (folder / "in.json").write_text("[1, 2]")
    assert run(folder) == 2
    assert "in.json" in capsys.readouterr().err
    assert not (folder / "out.json").exists()
    assert run(folder, anno="absent.json") == 2


@pytest.mark.parametrize(
    ("option", "variable"), [("--base-url", None), ("--model", None), (None, "OPENAI_BASE_URL")]
)
def test_where_an_endpoint_is_named_the_offline_writer_does_not_step_in(
    folder, capsys, monkeypatch, option, variable
):
    if variable:
        monkeypatch.setenv(variable, "http://127.0.0.1:9/v1")
    options = [option, "http://127.0.0.1:9/v1"] if option else []
    assert run(folder, *options) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (folder / "out.json").exists()
    assert run(folder, *options, "--backend", "template") == 0


BAD_PROMPTS = {
    "none": "None",
    "text": "'hello'",
    "content_none": "Prompt([{'role': 'user', 'content': None}], 'description')",
    "content_list": "Prompt([{'role': 'user', 'content': ['a']}], 'description')",
    "strings": "Prompt(['hello'], 'description')",
    "one_string": "Prompt('hello', 'description')",
    "surrogate": "Prompt([{'role': 'user', 'content': chr(0xd800)}], 'description')",
    "form": "Prompt([], 'poem', lambda dice: 'x')",
    "offline": "Prompt([], 'description', lambda dice: None)",
    "leaves": "sys.exit(3)",
    "raises": "1 / 0",
}


@pytest.fixture
def bad_prompts(folder):
    functions = "".join(f"def {name}(scene, rng):\n    return {code}\n" for name, code in BAD_PROMPTS.items())
    (folder / "random.py").write_text(f"import sys\nfrom spacesgg.prompt import Prompt\n{functions}")
    return ("--prompt-file", str(folder / "random.py"))


@pytest.mark.parametrize("name", BAD_PROMPTS)
def test_a_prompt_function_that_fails_is_named_image_by_image(folder, capsys, bad_prompts, name):
    (folder / "out.json").write_text("old")
    assert run(folder, *bad_prompts, "--limit", "3", function=name) == 1
    lines = [orjson.loads(line) for line in (folder / "out.json.errors.jsonl").read_bytes().splitlines()]
    assert len(lines) == 3
    assert all(line["reason"].startswith("the prompt function failed: ") for line in lines)
    assert lines[0][CUP][0] == "cup"  # the entry stands there whole, to be run again
    assert (folder / "out.json").read_text() == "old"
    assert "as it was before" in capsys.readouterr().err


HALF = r"""
from spacesgg.errors import InputError
from spacesgg.prompt import Prompt
def written(scene, rng):
    said = f"Q: Where {HALF}?\nA: There." if scene.image.endswith("1.jpg") else "Q: Where?\nA: There."
    return Prompt([{"role": "user", "content": "x"}], "questions", lambda dice: said, pairs=1)
def refused(scene, rng):
    if scene.image.endswith("1.jpg"):
        raise InputError(f"no {HALF} in it")
    return written(scene, rng)
""".replace("{HALF}", "{chr(0xd800)}")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("function", "told"), [("written", "half a character"), ("refused", "no \\ud800 in it")])
def test_half_a_character_costs_its_own_scene_only(folder, function, told, workers):
    (folder / "mine.py").write_text(HALF)
    mine = ("--prompt-file", str(folder / "mine.py"), "--limit", "3", "--workers", workers)
    assert run(folder, *mine, function=function) == 1
    assert [record["image"][-5:] for record in records(folder)] == ["0.jpg", "2.jpg"]
    (failure,) = map(orjson.loads, (folder / "out.json.errors.jsonl").read_bytes().splitlines())
    assert failure["image"].endswith("1.jpg") and told in failure["reason"]


@pytest.mark.parametrize("options", [(), ("--model", "m", "--base-url", "http://127.0.0.1:9/v1")])
def test_a_prompt_function_that_fails_for_everything_stops_the_run(
    folder, capsys, monkeypatch, bad_prompts, options
):
    monkeypatch.setattr(prompt_file, "FAULTS_THAT_STOP", 5)
    assert run(folder, *bad_prompts, *options, function="none") == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and "stopped after 5 images" in said[0] and "a Prompt is expected" in said[0]
    assert not (folder / "out.json").exists()


def test_an_input_or_what_is_no_file_is_refused_as_output(folder, capsys):
    run(folder, output="described.json")
    (folder / "described.json.errors.jsonl").write_bytes((folder / "in.jsonl").read_bytes())
    before = (folder / "in.json").read_bytes()
    described = ("--description-file", str(folder / "described.json"))
    capsys.readouterr()
    for output, options, anno in [
        ("in.json", (), "in.json"),
        ("described.json", described, "in.json"),
        ("described.json", (), "described.json.errors.jsonl"),
        ("", (), "in.json"),
        ("in.json/out.json", (), "in.json"),
        ("/dev/null", (), "in.json"),
    ]:
        assert run(folder, *options, output=output, anno=anno) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert (folder / "in.json").read_bytes() == before
    assert len(records(folder, "described.json")) == 12


@pytest.mark.parametrize("flag", ["--write-batch", "--read-batch"])
def test_batch_files_need_a_model(folder, capsys, flag):
    for options in ((), ("--backend", "template", "--model", "m")):
        assert run(folder, flag, str(folder / "in.json"), *options) == 2
        assert f"{flag} needs --model" in capsys.readouterr().err
    assert not (folder / "out.json").exists()


def test_the_ways_not_to_ask_now_exclude_each_other(folder, capsys):
    model = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1")
    write, read, dry = ("--write-batch", str(folder / "b")), ("--read-batch", "gone.jsonl"), ("--dry-run",)
    for first, second in ((write, read), (dry, write), (dry, read)):
        assert run(folder, *model, *first, *second) == 2
        assert f"argument {second[0]}: not allowed with argument {first[0]}" in capsys.readouterr().err
    assert not (folder / "b").exists() and not (folder / "out.json").exists()


@pytest.mark.parametrize("flag", ["--base-url", "--model"])
def test_an_empty_endpoint_is_none_and_not_another(folder, capsys, monkeypatch, flag):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert run(folder, "--model", "m", flag, "") == 2
    assert f"argument {flag}: is empty" in capsys.readouterr().err
    assert not (folder / "out.json.journal.jsonl").exists()


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_API_KEY"])
def test_an_empty_variable_names_no_endpoint(folder, monkeypatch, name):
    monkeypatch.setenv(name, " ")
    assert run(folder) == 0
    assert records(folder)[0]["source"] == "template"


def test_flags_that_the_offline_writer_has_no_use_for_are_told(folder, capsys):
    assert run(folder, "--concurrency", "4", "--check", "off", "--seed", "3") == 0
    assert (
        capsys.readouterr().err == "llm_based_query.py: the offline writer has no use for --check, --concurrency\n"
    )
    assert run(folder, "--backend", "template") == 0
    assert capsys.readouterr().err == ""
    assert (
        run(folder, "--model", "m", "--attempts", "2", "--timeout", "9", "--write-batch", str(folder / "b")) == 0
    )
    assert "llm_based_query.py: --write-batch has no use for --timeout\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ("--seed", "9" * 30),
        ("--seed", "x"),
        ("--limit", "9" * 30),
        ("--workers", "0"),
        ("--temperature", "nan"),
        ("--temperature", "-1"),
        ("--price-in", "inf"),
        ("--max-tokens", "1.5"),
        ("--timeout", "soon"),
    ],
)
def test_numbers_that_are_none_are_wrong_usage(folder, capsys, options):
    assert run(folder, *options) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"argument {options[0]}: expected a " in said and f"found '{options[1]}'" in said


def test_descriptions_of_other_images_are_warned_of_once(folder, capsys):
    odd = [{"image": ["x"], "conversations": []}, {"conversations": None}, {"image": "x", "conversations": [{}]}]
    (folder / "odd.json").write_bytes(orjson.dumps(odd))
    assert run(folder, "--description-file", str(folder / "odd.json")) == 0
    assert capsys.readouterr().err.count("describes none of the images") == 1


def test_images_of_one_name_in_two_folders_have_two_ids(folder):
    (folder / "in.json").write_bytes(orjson.dumps({"a/1.jpg": entry(), "b/1.jpg": entry()}))
    run(folder)
    assert [record["id"] for record in records(folder)] == [f"{a}/1_create_layer_prompt" for a in "ab"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_the_old_output_and_no_litter(folder, number):
    (folder / "out.json").write_text("old")
    (folder / "mine.py").write_text(
        "import os\nfrom prompts import create_layer_prompt\n"
        "def last(scene, rng):\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    return create_layer_prompt(scene, rng)\n"
    )
    command = [
        sys.executable,
        llm_based_query.__file__,
        "--anno-file",
        folder / "in.json",
        "--prompt-function",
        "last",
    ]
    command += ["--prompt-file", folder / "mine.py", "--output-file", folder / "out.json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 128 + number
    assert len(ended.stderr.strip().splitlines()) == 1 and "interrupted" in ended.stderr
    assert (folder / "out.json").read_text() == "old"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


# The reading of replies, whoever wrote them.


@pytest.mark.parametrize(
    "reply",
    [
        "Q: Where is it?\nA: There.\nQ: And now?\nA: Here.",
        "**Q1:** Where is it?\n**A1:** There.\n\n**Q2:** And now?\n**A2:** Here.",
        "1. Question: Where is it?\nAnswer: There.\n2. Question: And now?\nAnswer: Here.",
        "Here you go:\n\n- Q: Where is it?\n- A:\n  There.\nQ: And now?\nA: Here.\n",
        "User: Where is it?\nAssistant: There.\nUser: And now?\nAssistant: Here.",
    ],
)
def test_questions_and_answers_are_read_from_any_usual_form(reply):
    assert training_record.turns(reply) == [("Where is it?", "There."), ("And now?", "Here.")]


@pytest.mark.parametrize("reply", ["", "I cannot.", "Q: Where?", "A: There.\nQ: Where?", "Q: a\nQ: b\nA: c\nA: d"])
def test_a_reply_that_is_no_exchange_is_refused(reply):
    with pytest.raises(InputError, match="pairs"):
        training_record.turns(reply)


def test_a_tag_right_after_the_marker_stays_whole():
    tag = "<ref>cup</ref><box>[[1, 2, 3, 4]]</box>"
    assert training_record.turns(f"Q: {tag}?\nA:{tag}.") == [(f"{tag}?", f"{tag}.")]


def test_answers_over_several_lines_are_one_answer():
    assert training_record.turns("Q: Where?\nA: First here.\nThen there.") == [
        ("Where?", "First here. Then there.")
    ]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("  \n ", "empty"),
        ("It ends.</s>", "</s>"),
        ("USER: hi ASSISTANT: hello", "ASSISTANT:"),
        ("The <image> shows it.", "<image>"),
        ("word " * 3000, "tokens"),
    ],
)
def test_what_llava_s_loader_stumbles_over_is_refused(reply, told):
    with pytest.raises(InputError, match=re.escape(told)):
        training_record.make("1", "a.jpg", reply, "description", "template", random.Random(0))


def test_a_description_is_one_line_after_a_request_that_varies():
    made = [
        training_record.make("1", "a.jpg", "One.\n\nTwo.", "description", "m", random.Random(seed))[
            "conversations"
        ]
        for seed in range(60)
    ]
    assert {turns[1]["value"] for turns in made} == {"One. Two."}
    assert len({turns[0]["value"] for turns in made}) >= 10


def test_of_a_pipe_it_is_said_that_it_is_one(tmp_path, capsys):
    pipe = tmp_path / "annotations.json"
    os.mkfifo(pipe)
    arguments = ["--anno-file", str(pipe), "--prompt-function", "create_layer_prompt"]
    with pytest.raises(SystemExit) as stopped:
        llm_based_query.main([*arguments, "--output-file", str(tmp_path / "out.json")])
    assert stopped.value.code == 2 and "is a folder, a pipe or a device" in capsys.readouterr().err
