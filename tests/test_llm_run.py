"""The whole stage with a model: the command line against a server on loopback."""

import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from llm_server import Server, echo
from test_batch_files import answer, save

import llm_based_query
from spacesgg import annotations, training_record
from spacesgg.journal import journal_path

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
from llm_stage import write_annotations  # noqa: E402


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def anno_file(tmp_path):
    path = tmp_path / "annotations.jsonl"
    write_annotations(path, 12)
    return path


def stage(anno_file, output, *flags):
    # The server's replies are not about the scenes; what the check finds in replies is tested elsewhere.
    return llm_based_query.main(
        ["--anno-file", str(anno_file), "--prompt-function", "create_layer_prompt", "--model", "m"]
        + ["--output-file", str(output), "--check", "off", *flags]
    )


def test_records_of_the_model_in_the_order_of_the_input(anno_file, tmp_path, capsys):
    with Server().running() as server:
        assert stage(anno_file, tmp_path / "o.json", "--base-url", server.url, "--price-in", "1000") == 0
        records = orjson.loads((tmp_path / "o.json").read_bytes())
        said = capsys.readouterr().out
        assert "12 prompts: 12 accepted, 0 rejected, 0 failed" in said and "cost 1.20" in said
        # Again, as .jsonl and from the same journal: nothing is asked.
        journal_path(tmp_path / "o.json").rename(journal_path(tmp_path / "o.jsonl"))
        assert stage(anno_file, tmp_path / "o.jsonl", "--base-url", server.url) == 0
    assert [record["image"] for record in records] == [image for image, _ in annotations.read(anno_file)]
    assert all(record["source"] == "m" and len(record["conversations"]) == 2 for record in records)
    assert [orjson.loads(line) for line in (tmp_path / "o.jsonl").read_bytes().splitlines()] == records
    assert len(server.times) == 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_output_is_written_leaves_the_old_one_and_no_litter(anno_file, tmp_path, number):
    output = tmp_path / "out" / "o.json"
    output.parent.mkdir()
    output.write_text("old")
    (tmp_path / "mine.py").write_text(
        "import os\nfrom prompts import create_layer_prompt\ncalls = []\n"
        "def late(scene, rng):\n"
        "    calls.append(scene)\n"
        f"    if len(calls) == 15: os.kill(os.getpid(), {int(number)})\n"  # 12 to ask, and again to write
        "    return create_layer_prompt(scene, rng)\n"
    )
    command = [sys.executable, llm_based_query.__file__, "--anno-file", anno_file, "--prompt-function", "late"]
    command += ["--prompt-file", tmp_path / "mine.py", "--output-file", output, "--model", "m", "--check", "off"]
    with Server().running() as server:
        ended = subprocess.run([*command, "--base-url", server.url], capture_output=True, text=True, check=False)
    assert (ended.returncode, len(server.times)) == (128 + number, 12)
    assert ended.stderr == "interrupted: the output was not written; every reply is in the journal\n"
    assert output.read_text() == "old"
    assert sorted(path.name for path in output.parent.iterdir()) == ["o.json", "o.json.journal.jsonl"]


def test_what_failed_or_was_rejected_is_a_file_that_can_be_run_by_itself(anno_file, tmp_path, capsys):
    def reply(body):
        return ("cut", "length") if body["seed"] % 3 == 0 or server.cut_all else echo(body)

    with Server(reply=reply).running() as server:
        server.cut_all = True
        assert stage(anno_file, tmp_path / "o.json", "--base-url", server.url, "--attempts", "2") == 1
        said = capsys.readouterr().out
        assert "12 rejected" in said and "12 × " in said
        assert len(server.times) == 24
        errors = tmp_path / "o.json.errors.jsonl"
        lines = [orjson.loads(line) for line in errors.read_bytes().splitlines()]
        assert all("cut off" in line["reason"] and line["attempts"] == 2 for line in lines)
        server.cut_all, server.reply = False, echo
        assert stage(errors, tmp_path / "again.json", "--base-url", server.url) == 0
    assert len(orjson.loads((tmp_path / "again.json").read_bytes())) == 12


def test_an_image_without_a_prompt_is_listed_and_the_rest_done(anno_file, tmp_path):
    with anno_file.open("ab") as stream:
        stream.write(b'{"image": "empty.jpg"}\n')
    with Server().running() as server:
        assert stage(anno_file, tmp_path / "o.json", "--base-url", server.url) == 1
    listed = orjson.loads((tmp_path / "o.json.errors.jsonl").read_bytes())
    assert listed["image"] == "empty.jpg" and "no object" in listed["reason"]
    assert len(orjson.loads((tmp_path / "o.json").read_bytes())) == 12


def test_an_output_of_before_is_not_replaced_by_none(anno_file, tmp_path, capsys):
    (tmp_path / "o.json").write_text("old")
    with Server(reply=lambda body: ("cut", "length")).running() as server:
        assert stage(anno_file, tmp_path / "o.json", "--base-url", server.url, "--attempts", "1") == 1
    assert (tmp_path / "o.json").read_text() == "old"
    assert "no record was made" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["401", "404"])
def test_a_wrong_key_or_model_is_one_line_and_leaves_the_old_output(
    anno_file, tmp_path, capsys, fault, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
    (tmp_path / "o.json").write_text("old")
    with Server(fault=lambda body, tries: fault).running() as server:
        assert stage(anno_file, tmp_path / "o.json", "--base-url", server.url) == 2
    said = capsys.readouterr()
    assert f"HTTP {fault}" in said.err and said.err.count("\n") == 1
    assert (tmp_path / "o.json").read_text() == "old"
    everything = said.out + said.err + journal_path(tmp_path / "o.json").read_text()
    assert "sk-secret" not in everything


def test_a_run_stopped_half_way_keeps_what_was_accepted_and_goes_on(anno_file, tmp_path, capsys):
    def fault(body, tries):
        return "401" if len(server.times) > 5 else None

    with Server(fault=fault).running() as server:
        flags = ("--base-url", server.url, "--concurrency", "1")
        assert stage(anno_file, tmp_path / "o.json", *flags) == 1
        assert len(orjson.loads((tmp_path / "o.json").read_bytes())) == 5
        assert "run the same command again" in capsys.readouterr().err
        server.fault = None
        assert stage(anno_file, tmp_path / "o.json", *flags) == 0
    assert len(orjson.loads((tmp_path / "o.json").read_bytes())) == 12
    assert len(server.times) == 13


def test_batch_files_lead_to_the_same_output_as_asking_live(anno_file, tmp_path, capsys):
    flags = ("--temperature", "0.2", "--max-tokens", "300")
    with Server().running() as server:
        assert stage(anno_file, tmp_path / "live.json", "--base-url", server.url, *flags) == 0
        sent = {body["messages"][1]["content"]: body for body in server.bodies}
    # Without a key or a server: these are needed where the files are run.
    assert stage(anno_file, tmp_path / "o.json", "--write-batch", str(tmp_path / "b"), *flags) == 0
    (requests,) = (tmp_path / "b").iterdir()
    written = [orjson.loads(line)["body"] for line in requests.read_bytes().splitlines()]
    assert all(body == sent[body["messages"][1]["content"]] for body in written)
    results = save(tmp_path / "results.jsonl", answer(requests))
    capsys.readouterr()
    for given in ([str(requests)], [str(results), str(requests)]):  # the file that was sent, by mistake
        assert stage(anno_file, tmp_path / "o.json", "--read-batch", *given, *flags) == 2
        said = capsys.readouterr().err.splitlines()
        assert (
            len(said) == 1 and f"{requests}, line 1: found a request" in said[0] and "expected a result" in said[0]
        )
    assert stage(anno_file, tmp_path / "o.json", "--read-batch", str(results), *flags) == 0
    assert (tmp_path / "o.json").read_bytes() == (tmp_path / "live.json").read_bytes()
    capsys.readouterr()
    assert stage(anno_file, tmp_path / "p.json", "--read-batch", str(results), "--temperature", "0.9") == 2
    assert "none of its 12 results is of these prompts" in capsys.readouterr().err
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("HTTP 429: you sent 12 of 10, 8 times", "HTTP 429"),
        ("batch: HTTP 400: too long", "batch: HTTP 400"),
        ("batch: the server's answer is an error: down", "batch: the server's answer is an error"),
        ("object [[1, 2, 3, 4]]: expected", "object …"),
        ("no answer within 12.5 s, 8 times", "no answer within … s, 8 times"),
        ("connection failed (RemoteProtocolError: gone), 8 times", "connection failed (RemoteProtocolError)"),
        ("fewer question-answer pairs than asked for: 2 of 3", "fewer question-answer pairs than asked for"),
    ],
)
def test_reasons_are_counted_by_what_they_have_in_common(fault, kind):
    assert training_record.kind(fault) == kind


def test_a_dry_run_prints_and_asks_and_leaves_nothing(anno_file, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    assert stage(anno_file, tmp_path / "o.json", "--dry-run", "--price-in", "2", "--price-out", "4") == 0
    said = capsys.readouterr().out
    assert "would send 12 requests" in said and "cost about" in said and "--- system" in said
    assert stage(anno_file, tmp_path / "o.json", "--dry-run", "--limit", "1") == 0
    assert "would send 1 request," in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (("--backend", "openai"), "OPENAI_API_KEY"),
        (("--base-url", "localhost:8000"), "--base-url"),
        (("--backend", "transformers"), "hf download m"),
    ],
)
def test_what_cannot_serve_is_said_in_one_line_and_leaves_nothing(anno_file, tmp_path, capsys, flags, wanted):
    assert stage(anno_file, tmp_path / "o.json", *flags) == 2
    assert wanted in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [anno_file]


def test_a_key_in_a_reply_s_text_is_in_none_of_the_files(anno_file, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
    for output, reply in (
        ("bad.json", ("sk-secret-of-the-test", "length")),
        ("good.json", "sk-secret-of-the-test."),
    ):
        with Server(reply=lambda body, reply=reply: reply).running() as server:
            stage(anno_file, tmp_path / output, "--base-url", server.url, "--attempts", "1")
    written = [path.read_text() for path in tmp_path.glob("*.json*")]
    assert sum("***" in text for text in written) == 4 and not any("sk-secret" in text for text in written)
