"""Stages 2 and 3 may write over what they read, and what was there is lost by no end of the run."""

import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

import layers_aggregation
import multiview_layers
from spacesgg import annotations, camera, pointmaps

ROUND = [[10, 10, 30, 10, 30, 30, 10, 30]]
STAGES = {layers_aggregation: "--depth-dir", multiview_layers: "--point-cloud-dir"}


@pytest.fixture(params=["in.json", "in.jsonl"])
def given(tmp_path, request):
    """Return an annotation file of images that succeed, succeed in part and fail; maps lie beside it."""
    depth_mm = np.full((60, 80), 1500, np.uint16)
    points = pointmaps.unproject(np.float32(1.5) + 0 * depth_mm, camera.intrinsics_from_fov(80, 60, 60))
    for stem in ("good", "part"):
        cv2.imwrite(str(tmp_path / f"{stem}.png"), depth_mm)
        pointmaps.write_pointmap(tmp_path / f"{stem}.npy", points.astype(np.float32))
    entry = {"note": {"kept": [1]}, "[[0, 0, 9, 9]]": ["cup", "extra", [10.0, 10.0, 30.0, 30.0], ROUND]}
    with annotations.writer(tmp_path / request.param) as write:
        write("good.jpg", entry)
        write("part.jpg", {**entry, "[[1, 2, 3]]": ["jug", [1.0, 1.0, 9.0, 9.0]], "[[1, 1, 2, 2]]": ["half"]})
        write("gone.jpg", entry)
    return tmp_path / request.param


def command(stage, given, output):
    files = ["--input-file", str(given), "--output-file", str(output)]
    return [*files, STAGES[stage], str(given.parent)]


def test_the_input_may_be_the_output_and_nothing_is_lost(given, capsys):
    before, beside = dict(annotations.read(given)), given.with_stem("out")
    for stage in STAGES:
        assert stage.main(command(stage, given, beside)) == 1
        for _ in range(2):  # a second run over its own result changes nothing
            assert stage.main(command(stage, given, given)) == 1
            assert given.read_bytes() == beside.read_bytes()
    after = dict(annotations.read(given))
    assert after["gone.jpg"] == before["gone.jpg"] and after["good.jpg"]["levels"] == [["[[0, 0, 9, 9]]"]]
    for image, entry in before.items():
        assert list(after[image])[: len(entry)] == list(entry)
        for key, value in entry.items():  # a depth range comes after what an object has
            assert after[image][key] == value or after[image][key][:-1] == value
    assert not list(given.parent.glob(".*"))
    with pytest.raises(SystemExit):
        layers_aggregation.main(["--help"])
    assert "It may be the input file" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_over_its_input_that_is_ended_leaves_it_as_it_was(given, number):
    before = given.read_bytes()
    end = f"import os; os.kill(os.getpid(), {int(number)})"
    code = f"""
import sys, layers_aggregation as stage
from spacesgg import interrupts
aggregate = stage.aggregate
def end_at_the_second(item, args):
    if item[0] == "part.jpg":
        {end}
    return aggregate(item, args)
stage.aggregate = end_at_the_second
sys.exit(interrupts.run_main("stage", stage.main))
"""
    flags = command(layers_aggregation, given, given)
    done = subprocess.run([sys.executable, "-c", code, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == (143 if number == signal.SIGTERM else -9)
    assert given.read_bytes() == before
