"""tools/estimate_depth.py on a dataset folder that has maps already: never two scales or two cameras in one."""

import json

import cv2
import numpy as np
import pytest
from test_estimate_depth import depth_anything, dpt, picture, run

from spacesgg import depth_folder
from tools import estimate_depth


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    depth_anything(root / "near")
    depth_anything(root / "far", max_depth=80)
    dpt(root / "relative")
    return root


@pytest.fixture
def data(tmp_path):
    for stem in ("a", "bb", "ccc"):
        picture(tmp_path / "images" / f"{stem}.jpg", 64, 48)
    return tmp_path


def stems(data):
    return sorted(path.stem for path in (data / "depth_maps").glob("*.png"))


def test_an_interrupted_overwrite_leaves_no_map_of_the_earlier_scale(models, data, monkeypatch):
    assert run(data / "images", data, models / "near", "--fov", "60") == 0
    write = estimate_depth.write

    def stopped(answer, **options):
        if answer[0].frame.stem != "bb":
            raise KeyboardInterrupt
        return write(answer, **options)

    monkeypatch.setattr(estimate_depth, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(data / "images", data, models / "far", "--fov", "60", "--overwrite", "--workers", "1")
    assert set(stems(data)) <= {"bb"}
    monkeypatch.setattr(estimate_depth, "write", write)
    assert run(data / "images", data, models / "far", "--fov", "60") == 0
    finished = {path.name: path.read_bytes() for path in (data / "depth_maps").iterdir()}
    assert run(data / "images", data / "fresh", models / "far", "--fov", "60") == 0
    assert finished == {path.name: path.read_bytes() for path in (data / "fresh" / "depth_maps").iterdir()}


def test_stopped_while_old_maps_are_removed_the_folder_is_not_taken_for_done(models, data, monkeypatch, capsys):
    assert run(data / "images", data, models / "near") == 0
    removed = []

    def remove(*paths):
        removed.append([path.name for path in paths])
        paths[0].unlink()
        if len(removed) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(depth_folder.outputs, "remove", remove)
    with pytest.raises(KeyboardInterrupt):
        run(data / "images", data, models / "far", "--overwrite")
    monkeypatch.undo()
    assert removed[0] == ["scale.json"] and len(stems(data)) == 2
    assert run(data / "images", data, models / "far") == 2
    assert "no scale.json" in capsys.readouterr().err


def test_overwrite_keeps_no_map_of_an_image_that_fails_now(models, data):
    assert run(data / "images", data, models / "near") == 0
    (data / "images" / "bb.jpg").write_bytes(b"broken")
    assert run(data / "images", data, models / "far", "--overwrite") == 1
    assert stems(data) == ["a", "ccc"]


def test_maps_of_other_images_are_neither_removed_nor_given_another_scale(models, data, capsys):
    assert run(data / "images", data, models / "near") == 0
    picture(data / "more" / "dddd.jpg", 64, 48)
    for options in ((), ("--overwrite",)):
        assert run(data / "more", data, models / "far", *options) == 2
        assert "--output-dir" in capsys.readouterr().err
    assert json.loads((data / "depth_maps" / "scale.json").read_text())["scale_factor"] == 1000
    assert run(data / "more", data, models / "near") == 0
    assert stems(data) == ["a", "bb", "ccc", "dddd"]


def test_maps_of_a_sensor_are_not_taken_for_the_models_own(models, data, capsys):
    (data / "depth_maps").mkdir()
    cv2.imwrite(str(data / "depth_maps" / "a.png"), np.full((48, 64), 5000, np.uint16))
    assert run(data / "images", data, models / "near") == 2
    assert "no scale.json" in capsys.readouterr().err


def test_another_fov_is_refused_until_the_cameras_are_removed(models, data, capsys):
    assert run(data / "images", data, models / "near") == 0
    assert run(data / "images", data, models / "near", "--fov", "60") == 0  # no camera was there
    first = (data / "intrinsics" / "a.txt").read_text()
    capsys.readouterr()
    assert run(data / "images", data, models / "near", "--fov", "90") == 2
    told = capsys.readouterr().err
    assert "--fov 60" in told and "remove the folder" in told
    assert run(data / "images", data, models / "near") == 0
    assert (data / "intrinsics" / "a.txt").read_text() == first
    for path in (data / "intrinsics").iterdir():
        path.unlink()
    assert run(data / "images", data, models / "near", "--fov", "90") == 0
    assert (data / "intrinsics" / "a.txt").read_text().startswith("32 0 31.5\n")
    assert run(data / "images", data, models / "near", "--fov", "60", "--overwrite") == 0
    assert (data / "intrinsics" / "a.txt").read_text() == first


def test_a_depth_scale_for_inverse_depth_is_refused(models, data, capsys):
    assert run(data / "images", data, models / "relative", "--depth-scale", "500") == 2
    assert "--depth-scale: this model gives inverse depth" in capsys.readouterr().err
    for value in ("nan", "inf", "0"):
        with pytest.raises(SystemExit) as stopped:
            run(data / "images", data, models / "near", "--depth-scale", value)
        assert stopped.value.code == 2
