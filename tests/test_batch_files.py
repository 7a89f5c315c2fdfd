import random

import orjson
import pytest
from llm_server import echo
from test_bulk import complains, requests

from spacesgg import batch_files
from spacesgg.dialogue import Dialogue, Outcome, outcomes
from spacesgg.errors import InputError
from spacesgg.journal import Journal
from spacesgg.openai_backend import request_body


def body(prompt, seed):
    return request_body("m", prompt, seed, 0.2, 50)


def answer(path, reply=echo, wrong=()):
    """Do what the Batch API does: return result lines for a request file, in another order, some failed."""
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    random.Random(0).shuffle(lines)
    for line in lines:
        good = line["body"]["messages"][0]["content"].split()[-1] not in wrong
        message = {"role": "assistant", "content": reply(line["body"])}
        completion = {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }
        error = {"error": {"message": "too\nlong", "code": "context_length_exceeded"}}
        response = {"status_code": 200, "body": completion} if good else {"status_code": 400, "body": error}
        yield {
            "id": "batch_req_1",
            "custom_id": line["custom_id"],
            "response": {"request_id": "r", **response},
            "error": None,
        }


def save(path, results):
    path.write_bytes(b"".join(orjson.dumps(result) + b"\n" for result in results))
    return path


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        yield journal


def test_the_lines_are_what_the_format_asks_for(tmp_path, journal):
    files, count = batch_files.write(requests(3), Dialogue(journal, "m", {}), body, tmp_path / "b")
    lines = [orjson.loads(line) for line in files[0].read_bytes().splitlines()]
    assert count == len(lines) == 3
    for line, request in zip(lines, requests(3), strict=True):
        assert set(line) == {"custom_id", "method", "url", "body"}
        assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
        assert line["body"]["messages"] == request.prompt.messages
        assert (line["body"]["model"], line["body"]["temperature"], line["body"]["max_tokens"]) == ("m", 0.2, 50)
    assert len({line["custom_id"] for line in lines}) == 3


@pytest.mark.parametrize("limits", [{"most_requests": 4}, {"most_bytes": 1000}])
def test_files_are_split_at_the_limits(tmp_path, journal, limits):
    files, count = batch_files.write(requests(10), Dialogue(journal, "m", {}), body, tmp_path / "b", **limits)
    assert count == 10 and len(files) > 2
    assert [path.name for path in files[:2]] == ["requests-00001.jsonl", "requests-00002.jsonl"]
    for path in files:
        assert len(path.read_bytes().splitlines()) <= limits.get("most_requests", 10)
        assert path.stat().st_size <= limits.get("most_bytes", 1e9)
    assert sum(len(path.read_bytes().splitlines()) for path in files) == 10


def test_a_folder_with_request_files_is_refused(tmp_path, journal):
    dialogue = Dialogue(journal, "m", {})
    batch_files.write(requests(1), dialogue, body, tmp_path / "b")
    with pytest.raises(InputError, match="holds request files already"):
        batch_files.write(requests(1), dialogue, body, tmp_path / "b")


def test_results_in_any_order_with_failed_lines_go_on_as_if_asked_live(tmp_path, journal):
    dialogue = Dialogue(journal, "m", {})
    files, _ = batch_files.write(requests(20), dialogue, body, tmp_path / "b", most_requests=7)
    paths = [save(tmp_path / f"result{i}", answer(path, wrong=("4", "11"))) for i, path in enumerate(files)]
    paths[0].write_bytes(b"\n".join(paths[0].read_bytes().splitlines()[:-1]) + b"\n")  # one line never came
    counts, _ = batch_files.read(requests(20), dialogue, paths)
    assert counts.add_up()
    assert (counts.prompts, counts.accepted, counts.failed, counts.unfinished) == (20, 17, 2, 1)
    assert counts.tokens_in == 17 * 7
    for request, outcome in outcomes(requests(20), dialogue):
        if isinstance(outcome, Outcome):
            assert outcome.reply.text == echo({"messages": request.prompt.messages})
        elif outcome is not None:
            assert request.id in ("4", "11") and outcome == "batch: HTTP 400: too long"
    # The next round asks what is missing and what failed, and nothing else; a success counts before the failure.
    files, count = batch_files.write(requests(20), dialogue, body, tmp_path / "second")
    assert count == 3
    paths.append(save(tmp_path / "result", answer(files[0])))
    counts, _ = batch_files.read(requests(20), dialogue, paths)
    assert (counts.accepted, counts.from_journal, counts.asked, counts.failed) == (20, 17, 3, 0)


def test_faulty_replies_are_asked_again_in_the_next_round(tmp_path, journal):
    dialogue = Dialogue(journal, "m", {}, complains, attempts=2)
    files, _ = batch_files.write(requests(5), dialogue, body, tmp_path / "b")
    counts, _ = batch_files.read(requests(5), dialogue, [save(tmp_path / "r", answer(files[0]))])
    assert (counts.unfinished, counts.accepted) == (5, 0) and counts.add_up()
    files, count = batch_files.write(requests(5), dialogue, body, tmp_path / "c")
    assert count == 5
    assert (
        "it says nothing" in orjson.loads(files[0].read_bytes().splitlines()[0])["body"]["messages"][-1]["content"]
    )
    good = save(tmp_path / "s", answer(files[0], reply=lambda body: "good"))
    counts, _ = batch_files.read(requests(5), dialogue, [good])
    assert (counts.accepted, counts.rejected) == (5, 0) and counts.add_up()


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"response": "no"}, "the server's answer holds no choices"),
        ({"response": {"body": ["no"]}}, "the server's answer holds no choices"),
        ({"error": ["quota", 1]}, "quota"),
        ({"response": {"status_code": 400, "body": {"error": "bad"}}}, "HTTP 400: bad"),
        ({"response": {"status_code": 500, "body": [{"detail": "down"}]}}, "HTTP 500: down"),
    ],
)
def test_results_of_another_shape_are_failures_of_their_prompt(tmp_path, journal, result, told):
    dialogue = Dialogue(journal, "m", {})
    files, _ = batch_files.write(requests(1), dialogue, body, tmp_path / "b")
    key = orjson.loads(files[0].read_bytes())["custom_id"]
    counts, _ = batch_files.read(requests(1), dialogue, [save(tmp_path / "r", [{"custom_id": key, **result}])])
    assert counts.failed == 1 and counts.add_up()
    assert told in next(outcomes(requests(1), dialogue))[1]


def test_results_of_other_prompts_and_what_is_left_to_ask_are_told(tmp_path, journal, capsys):
    dialogue = Dialogue(journal, "m", {}, complains, attempts=2)
    files, _ = batch_files.write(requests(5), dialogue, body, tmp_path / "b")
    results = [save(tmp_path / "r", answer(files[0], reply=lambda body: "good")), tmp_path / "s"]
    results[1].write_text('{"custom_id": "req-1", "response": null, "error": "expired"}\n')
    for _ in range(2):  # what the journal holds already is no stranger the second time
        counts, read = batch_files.read(requests(3), dialogue, results)
        batch_files.say_what_is_left(counts, read)
        assert capsys.readouterr().err.startswith("llm_based_query.py: passed over 3 results of other prompts")
    counts, read = batch_files.read(requests(6), dialogue, results[:1])
    batch_files.say_what_is_left(counts, read)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("llm_based_query.py: 1 prompt without a result") and "--write-batch" in line


def test_a_request_that_was_never_sent_has_no_status(tmp_path, journal):
    dialogue = Dialogue(journal, "m", {})
    files, _ = batch_files.write(requests(1), dialogue, body, tmp_path / "b")
    key = orjson.loads(files[0].read_bytes())["custom_id"]
    late = {"custom_id": key, "response": None, "error": {"code": "batch_expired", "message": "too late"}}
    batch_files.read(requests(1), dialogue, [save(tmp_path / "r", [late])])
    assert next(outcomes(requests(1), dialogue))[1] == "batch: too late"


def test_other_files_are_told_from_results(tmp_path, journal):
    dialogue = Dialogue(journal, "m", {})
    (tmp_path / "x").write_text('{"custom_id": "request-1", "response": null, "error": "expired"}\n')
    _, results = batch_files.read(requests(1), dialogue, [tmp_path / "x"])
    assert results.strangers == 1
    for line in ('{"image": "a.jpg"}', "garbage"):
        (tmp_path / "x").write_text(f"{line}\n")
        told = (
            f"x, line 1: found '{line}', expected a batch result, a JSON object with \"custom_id\"; name the file"
        )
        with pytest.raises(InputError, match=told):
            batch_files.read(requests(1), dialogue, [tmp_path / "x"])
    with pytest.raises(InputError, match="cannot be read .*; name the file that the Batch API"):
        batch_files.read(requests(1), dialogue, [tmp_path / "none"])
