"""What prepare_annotations leaves for the next run: other flags are refused, a full disk costs nothing done."""

import errno
import json
import resource
import tempfile

import pytest
from test_broken_sources import IMAGES, Run, instances, thing

from tools import prepare_annotations


@pytest.fixture
def run(tmp_path, capsys):
    return lambda kind, content, *flags: Run(tmp_path, capsys, kind, content, *flags)


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ([], ["--min-area", 5000], "min_area"),
        ([], ["--captions", "captions.json"], "captions"),
        (["--labels", "cat"], ["--labels", "sky"], "labels"),
        (["--mask-dir", "m"], ["--mask-dir", "n"], "mask_dir"),
        ([], ["--input-file", "in.json", "more.json"], "input_file"),
    ],
)
def test_a_finished_output_of_other_flags_is_refused_and_stays(run, tmp_path, monkeypatch, then, now, told):
    monkeypatch.chdir(tmp_path)
    content = instances(thing())
    (tmp_path / "captions.json").write_text(json.dumps({"annotations": [{"image_id": 1, "caption": "A cat."}]}))
    (tmp_path / "more.json").write_text(json.dumps(instances(thing(image_id=2))))
    first = run("coco-instances", content, *then)
    assert first.status == 0
    again = run("coco-instances", content, *now, "--resume")
    assert again.status == 2
    assert told in again.err
    assert "out.jsonl" in again.err
    assert again.entries == first.entries
    assert run("coco-instances", content, *then, "--resume").status == 0
    anew = run("coco-instances", content, *now)
    assert anew.status == 0
    assert run("coco-instances", content, *now, "--resume").entries == anew.entries


def test_a_disk_without_space_for_masks_ends_the_run_in_one_line(run, tmp_path, monkeypatch):
    folder, content = (
        tmp_path / "masks",
        instances(thing(), thing(image_id=2), thing(image_id=2, bbox=[1, 1, 9, 9])),
    )
    made, make = [], tempfile.mkstemp

    def full_after_one(*args, **kwargs):
        if kwargs["dir"] == folder:
            made.append(kwargs)
            if len(made) > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
        return make(*args, **kwargs)

    with monkeypatch.context() as full:
        full.setattr(tempfile, "mkstemp", full_after_one)
        assert "No space left" in run("coco-instances", content, "--mask-dir", folder).is_refused()
    assert len(made) == 2
    done = run("coco-instances", content, "--mask-dir", folder, "--resume")
    assert done.status == 0
    assert "1 images kept from an earlier run" in done.out
    assert len(done.objects("b.jpg")) == 2


def test_a_disk_without_space_for_entries_ends_the_run_in_one_line(run, tmp_path):
    listed = [{**IMAGES[0], "id": i, "file_name": f"{i}.jpg"} for i in range(60)]
    content = instances(*(thing(image_id=i) for i in range(60)), images=listed)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    run("coco-instances", content).output.unlink()  # writes the input, for which there is space
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limits[1]))
        line = run("coco-instances", None).is_refused()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in line
    done = run("coco-instances", content, "--resume")
    assert done.status == 0
    assert "images kept from an earlier run" in done.out
    assert len(done.entries) == 60


def test_labels_that_are_no_text_are_refused(run, tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes("caf\xe9".encode("latin-1"))
    assert str(path) in run("coco-instances", instances(thing()), "--labels-file", path).is_refused()


def test_an_output_that_is_also_an_input_is_refused_and_stays(tmp_path, capsys):
    path = tmp_path / "in.json"
    path.write_text(content := json.dumps(instances(thing())))
    flags = ["--format", "coco-instances", "--input-file", str(path), "--output-file", str(path)]
    assert prepare_annotations.main(flags) == 2
    assert "also an input" in capsys.readouterr().err
    assert path.read_text() == content
