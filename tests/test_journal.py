import json
import random

import orjson
import pytest

from spacesgg import journal as journals
from spacesgg.errors import InputError
from spacesgg.journal import DigestIndex, Journal, digest

RUN = digest("model", {}).hex()


def line(text):
    return {"reply": text, "verdict": {"accepted": True, "faults": []}}


def test_what_was_written_is_found_after_reopening(tmp_path):
    path = tmp_path / "o.json.journal.jsonl"
    with Journal(path) as journal:
        journal.add_reply(digest("a"), RUN, line("one"))
        journal.add_failure(digest("b"), "HTTP 500")
        journal.add_reply(digest("a"), RUN, line("two"))
        assert journal.failure(digest("b")) == "HTTP 500"
        journal.accept(digest("a"))
        assert journal.is_accepted(digest("a"))
    with Journal(path) as journal:
        assert journal.reply(digest("a"))["reply"] == "two"  # of two lines with one key the last counts
        assert len(journal) == 1
        assert (journal.count(RUN), journal.count(digest("other").hex())) == (2, 0)
        assert not journal.is_accepted(digest("a"))  # a verdict is this process's, the check may have changed
        assert journal.reply(digest("b")) is None and journal.failure(digest("b")) is None  # to be asked again
    assert all(orjson.loads(text)["key"] for text in path.read_bytes().splitlines())


def test_every_cut_of_the_last_line_loses_that_line_only(tmp_path):
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.add_reply(digest(1), RUN, line("kept"))
        kept = path.stat().st_size
        journal.add_reply(digest(2), RUN, line("torn"))
    whole = path.read_bytes()
    for cut in range(kept, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with Journal(path) as journal:
            assert journal.reply(digest(1))["reply"] == "kept"
            assert journal.reply(digest(2)) is None
            journal.add_reply(digest(2), RUN, line("again"))
        with Journal(path) as journal:
            assert [journal.reply(digest(n))["reply"] for n in (1, 2)] == ["kept", "again"]


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path):
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.add_reply(digest(1), RUN, line("one"))
    path.write_bytes(path.read_bytes().rstrip())
    with Journal(path) as journal:
        assert journal.reply(digest(1))["reply"] == "one"
        journal.add_reply(digest(2), RUN, line("two"))
    with Journal(path) as journal:
        assert [journal.reply(digest(n))["reply"] for n in (1, 2)] == ["one", "two"]


def test_lines_written_anew_by_an_editor_are_read(tmp_path, capsys):
    path = tmp_path / "j.jsonl"
    fields = [
        {"run": RUN, **line("spaced"), "usage": {"in": 1, "out": 2}},
        {"run": RUN, "reply": "bare", "usage": None, "verdict": "good"},
        {"run": RUN, "reply": None},
        {"failed": "HTTP 500"},
    ]
    lines = [json.dumps({"key": digest(n).hex(), **one}) for n, one in enumerate(fields)]
    path.write_bytes("\r\n".join([*lines, "", ""]).encode())
    with Journal(path) as journal:
        assert [journal.reply(digest(n)) and journal.reply(digest(n))["reply"] for n in range(4)] == [
            "spaced",
            "bare",
            None,
            None,
        ]
        assert journal.reply(digest(1))["usage"] == {"in": 0, "out": 0}
        assert journal.count(RUN) == 3
    assert not capsys.readouterr().err


def test_foreign_lines_are_skipped_and_counted(tmp_path, capsys):
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.add_reply(digest(1), RUN, line("kept"))
    path.write_bytes(b"\0\0\0\n" + path.read_bytes() + b'{"key":"not hex, of the right length..","x":1}\n')
    with Journal(path) as journal:
        assert journal.reply(digest(1))["reply"] == "kept"
    assert "skipped 2 lines" in capsys.readouterr().err


def test_two_runs_of_one_output_are_refused(tmp_path):
    pytest.importorskip("fcntl")
    with Journal(tmp_path / "j.jsonl"), pytest.raises(InputError, match="another run is writing this output"):
        Journal(tmp_path / "j.jsonl")
    Journal(tmp_path / "j.jsonl").close()


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "j.jsonl").mkdir()
    with pytest.raises(InputError, match="the journal cannot be opened"):
        Journal(tmp_path / "j.jsonl")


def test_the_index_against_a_dict(monkeypatch):
    monkeypatch.setattr(journals, "RECENT_ENTRIES", 50)
    rng = random.Random(5)
    # Digests that end in zero bytes, which numpy's byte strings do not tell apart from shorter ones.
    keys = [rng.randbytes(14) + b"\0\0" for _ in range(500)] + [bytes(16)]
    index, plain = DigestIndex(), {}
    for _ in range(5000):
        key, value = rng.choice(keys), rng.randrange(2**40)
        index.put(key, value)
        plain[key] = value
        probe = rng.choice(keys)
        assert index.get(probe) == plain.get(probe, -1)
    assert len(index) == len(plain)
    assert index.get(b"x" * 16) == -1
    filled = DigestIndex()
    filled.fill(b"".join(keys + keys[:9]), list(range(len(keys) + 9)))
    assert [filled.get(key) for key in keys] == [len(keys) + n if n < 9 else n for n in range(len(keys))]
