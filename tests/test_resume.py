"""Outputs that a later run goes on with: never two kinds of entries in one file."""

import errno
import json
import resource

import pytest

from spacesgg import annotations, resume, settings
from spacesgg.errors import InputError
from spacesgg.journal import Journal

CATS, DOGS = {"labels": ["cat"], "nms": 0.7}, {"labels": ["dog"], "nms": 0.7}


def run(output, made_with, images=("a", "b", "c"), overwrite=False, stop_at=None):
    """One run as the tools do it, whose entries name the first label; returns the images that it worked on."""
    earlier = resume.EarlierEntries(output, made_with, overwrite)
    worked = []
    with earlier.keeping(), annotations.writer(output) as write:
        for image in images:
            entry = earlier.get(image)
            if entry is None:
                if image == stop_at:
                    raise KeyboardInterrupt
                entry = {"note": made_with["labels"][0]}
                worked.append(image)
                earlier.keep(image, entry)
            write(image, entry)
    return worked


def notes(output):
    return {image: entry["note"] for image, entry in annotations.read(output)}


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_a_finished_output_is_gone_on_with_by_the_same_settings_only(tmp_path, name):
    output = tmp_path / name
    assert run(output, CATS, "ab") == ["a", "b"]
    assert run(output, CATS, "abc") == ["c"]
    with pytest.raises(InputError, match=r'labels \["cat"\], now \["dog"\]'):
        run(output, DOGS)
    assert set(notes(output).values()) == {"cat"}
    assert run(output, DOGS, overwrite=True) == ["a", "b", "c"]
    assert run(output, DOGS) == []


@pytest.mark.parametrize("after", [CATS, DOGS])
def test_an_interrupted_run_anew_is_gone_on_with_without_what_it_replaces(tmp_path, after):
    output = tmp_path / "out.json"
    run(output, CATS)
    with pytest.raises(KeyboardInterrupt):
        run(output, after, overwrite=True, stop_at="b")
    assert notes(output) == dict.fromkeys("abc", "cat")  # until the new one is whole, the old one stands
    assert run(output, after) == ["b", "c"]
    assert notes(output) == dict.fromkeys("abc", after["labels"][0])
    assert settings.read(output) == after


@pytest.mark.parametrize("overwrite", [False, True])
def test_of_two_runs_at_once_the_second_is_refused_and_the_first_goes_on(tmp_path, overwrite):
    output = tmp_path / "out.json"
    with pytest.raises(KeyboardInterrupt):
        run(output, CATS, stop_at="b")
    first = resume.EarlierEntries(output, CATS, overwrite=False)
    with first.keeping(), annotations.writer(output) as write:
        with pytest.raises(InputError, match=r"out\.json: another run is writing this output"):
            run(output, CATS, overwrite=overwrite)
        first.keep("b", {"note": "cat"})
        for image in "ab":
            write(image, first.get(image))
    assert notes(output) == dict.fromkeys("ab", "cat")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.json.settings.json"]
    assert run(output, CATS) == ["c"]


def test_where_the_file_system_knows_no_locks_the_work_is_done(tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")  # a Lustre file system without -o flock

    monkeypatch.setattr("fcntl.flock", flock)
    assert run(tmp_path / "out.json", CATS) == ["a", "b", "c"]
    Journal(tmp_path / "journal").close()


def test_an_output_of_unknown_origin_is_not_gone_on_with(tmp_path):
    output = tmp_path / "out.json"
    output.write_text(json.dumps({"a": {"note": "old"}}))
    with pytest.raises(InputError, match=r"no out\.json\.settings\.json beside it tells its settings"):
        run(output, CATS)
    assert run(output, CATS, overwrite=True) == ["a", "b", "c"]


def test_stopped_before_the_first_line_or_with_a_strange_one(tmp_path):
    output = tmp_path / "out.json"
    resume.partial_path(output).write_bytes(b'{"settings": {"la')
    assert run(output, CATS) == ["a", "b", "c"]
    resume.partial_path(output).write_bytes(b"[]\n")
    with pytest.raises(InputError, match="labels not told, now"):
        run(output, CATS)
    resume.partial_path(output).unlink()
    settings.beside(output).write_text("no JSON")
    with pytest.raises(InputError, match="settings.json: cannot be read"):
        run(output, CATS)


def test_a_full_disk_is_an_input_error_and_what_was_kept_is_gone_on_with(tmp_path):
    output, images = tmp_path / "out.json", [f"{i:03d}" for i in range(200)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
        with pytest.raises(InputError, match="partial.jsonl: cannot be written .*are kept"):
            run(output, CATS, images)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    left = run(output, CATS, images)
    assert 0 < len(left) < 200
    assert notes(output) == dict.fromkeys(images, "cat")
