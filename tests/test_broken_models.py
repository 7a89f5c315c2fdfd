"""Model folders that lack something or say something odd: one line that names it, before any image is read."""

import json

import cv2
import numpy as np
import pytest
import safetensors.torch
from test_estimate_depth import depth_anything, dpt, run, zoedepth

from spacesgg import image_tensors
from spacesgg.detection_models import _GROUNDING_DINO
from spacesgg.errors import InputError
from spacesgg.segmentation_models import FAMILIES


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    depth_anything(root / "da")
    dpt(root / "dpt")
    zoedepth(root / "zoe")
    return root


@pytest.fixture
def data(tmp_path):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((48, 64, 3), np.uint8))
    return tmp_path


def prepared(models, name, monkeypatch, **changes):
    """Let a model's preprocessor_config.json say something else as long as the test runs."""
    from spacesgg import model_files

    known = json.loads((models / name / "preprocessor_config.json").read_text())
    monkeypatch.setattr(model_files, "load_preparation", lambda _: {**known, **changes})


def weights(models, name, folder, lacking):
    """Copy a model without the tensors whose names begin so."""
    folder.mkdir()
    for file in ("config.json", "preprocessor_config.json"):
        (folder / file).write_bytes((models / name / file).read_bytes())
    tensors = safetensors.torch.load_file(models / name / "model.safetensors")
    kept = {key: value for key, value in tensors.items() if not key.startswith(lacking)}
    assert len(kept) < len(tensors)
    safetensors.torch.save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_model_without_its_head_is_refused_by_name(models, data, capsys):
    assert run(data / "images", data, weights(models, "da", data / "bad", "head.")) == 2
    told = capsys.readouterr().err
    assert "head.conv1" in told and "random" in told
    assert not (data / "depth_maps").exists()


def test_what_published_dpt_weights_lack_is_unused_and_changes_nothing(models, data):
    folder = weights(models, "dpt", data / "as-published", "neck.fusion_stage.layers.0.residual_layer1.")
    assert run(data / "images", data / "whole", models / "dpt") == 0
    assert run(data / "images", data / "lacking", folder) == 0
    first, second = ((data / where / "depth_maps" / "a.png").read_bytes() for where in ("whole", "lacking"))
    assert first == second


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"size": [56, 56]}, "size is [56, 56], expected height and width"),
        ({"size": {"shortest_edge": 56}}, "expected height and width"),
        ({"size": {"height": 0, "width": 56}}, "above 0"),
        ({"image_mean": 0.5}, "image_mean is 0.5, expected 3 numbers"),
        ({"image_std": [0.5, 0, 0.5]}, "image_std"),
        ({"rescale_factor": "x"}, "rescale_factor"),
        ({"rescale_factor": 0}, "rescale_factor is 0"),
        ({"resample": [3]}, "resample"),
        ({"do_pad": True, "size_divisor": 14}, "do_pad"),
        ({"do_pad": True, "size_divisor": 14, "do_resize": False}, "whose images are resized"),
    ],
)
def test_odd_preparations_are_one_line(models, data, monkeypatch, capsys, changes, told):
    prepared(models, "dpt", monkeypatch, **changes)
    assert run(data / "images", data, models / "dpt") == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("estimate_depth.py: ") and told in line


def test_each_familys_own_forms_of_size_are_read():
    of = image_tensors.preparation
    assert of({"size": 384}, FAMILIES["sam2"]).size == {"height": 384, "width": 384}
    assert of({"size": {"height": 3, "width": 4}}, _GROUNDING_DINO).size == {"height": 3, "width": 4}
    assert of({"size": {"shortest_edge": 8, "longest_edge": None}}, _GROUNDING_DINO).size == {"shortest_edge": 8}
    assert of({"size": {"longest_edge": 64}}, FAMILIES["sam"]).size == {"longest_edge": 64}
    for broken in ({"size": 64}, {"pad_size": {"height": 64}}):
        with pytest.raises(InputError, match="expected"):
            of(broken, FAMILIES["sam"])


@pytest.mark.parametrize("content", ["[1,2\n", "[]", "3"])
def test_a_broken_preparation_file_is_not_called_missing(models, data, capsys, content):
    folder = weights(models, "dpt", data / "bad", "head.")
    (folder / "preprocessor_config.json").write_text(content)
    assert run(data / "images", data, folder) == 2
    told = capsys.readouterr().err
    assert "preprocessor_config.json" in told and "no preprocessor_config.json" not in told


def test_mistyped_folders_are_called_folders(models, data, monkeypatch, capsys):
    monkeypatch.chdir(models.parent)
    (data / "empty").mkdir()
    for model, told in ((f"{models.name}/daa", "has no daa"), (data / "empty", "the folder has no config.json")):
        assert run(data / "images", data, model) == 2
        assert told in capsys.readouterr().err
    with pytest.raises(SystemExit):  # "$MODEL" of a variable that is not set
        run(data / "images", data, "")
    assert "--model: is empty" in capsys.readouterr().err


def test_thin_images_fail_by_themselves_with_their_size(models, data):
    cv2.imwrite(str(data / "images" / "thin.png"), np.zeros((60, 4, 3), np.uint8))
    cv2.imwrite(str(data / "images" / "five.png"), np.zeros((60, 5, 3), np.uint8))
    assert run(data / "images", data, models / "zoe") == 1
    failures = [json.loads(line) for line in (data / "depth_maps.errors.jsonl").read_text().splitlines()]
    assert [failure["image"] for failure in failures] == ["thin.png"]
    assert failures[0]["reason"] == "the image is 4×60; ZoeDepth needs at least 5 pixels a side"
    how = image_tensors.preparation({"size": {"shortest_edge": 64, "longest_edge": 96}}, _GROUNDING_DINO)
    with pytest.raises(InputError, match="1×300, so thin"):
        image_tensors.shortest_side(np.zeros((300, 1, 3), np.uint8), how)
