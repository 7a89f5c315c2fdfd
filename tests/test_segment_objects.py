"""tools/segment_objects.py with tiny SAM and SAM 2 models."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import transformers

from spacesgg import masks, resume, segmentation_models
from tools import segment_objects

CPU = torch.device("cpu")
BOXES = {"[[100, 100, 600, 700]]": [9.6, 7.2, 57.6, 50.4], "[[300, 200, 900, 900]]": [28.8, 14.4, 86.4, 64.8]}


def sam(folder: Path) -> Path:
    torch.manual_seed(3)
    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 8,
            "num_pos_feats": 8,
            "window_size": 4,
            "global_attn_indexes": [0],
            "initializer_range": 0.1,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
            "iou_head_depth": 1,
        },
    )
    transformers.SamModel(config).save_pretrained(folder)
    size = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    (folder / "preprocessor_config.json").write_text(json.dumps(size))
    return folder


def sam2(folder: Path, video: bool = False) -> Path:
    torch.manual_seed(3)
    parts = {
        "vision_config": {
            "model_type": "sam2_vision_model",
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 8,
                "image_size": [64, 64],
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [8, 16, 32, 64],
                "window_size_per_stage": [4, 4, 4, 4],
                "global_attention_blocks": [3],
                "window_positional_embedding_background_size": [4, 4],
            },
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": 32,
        },
        "prompt_encoder_config": {"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
        "mask_decoder_config": {
            "hidden_size": 32,
            "mlp_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
            "iou_head_depth": 2,
        },
    }
    model = transformers.Sam2Model(transformers.Sam2Config(**parts))
    model.save_pretrained(folder)
    if video:  # the published weights' configuration says sam2_video
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "sam2_video"}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 64, "width": 64}}))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("models")
    sam(root / "sam")
    sam2(root / "sam2")
    sam2(root / "sam2_video", video=True)
    return root


@pytest.fixture
def data(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    annotation = {}
    for name in ("a.png", "b.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 255, (72, 96, 3), dtype=np.uint8))
        annotation[name] = {key: ["thing", box] for key, box in BOXES.items()} | {"note": "kept"}
    (tmp_path / "boxes.json").write_text(json.dumps(annotation))
    return tmp_path


def run(data: Path, model: Path, *options: str, source: str = "boxes.json", output: str = "out.json") -> int:
    arguments = ["--input-file", data / source, "--output-file", data / output, "--image-dir", data]
    return segment_objects.main([str(a) for a in [*arguments, "--model", model, "--workers", "2", *options]])


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def direct(model: Path, path: Path) -> list[np.ndarray]:
    """Masks by the model called as its authors call it: pixels and boxes together, logits resized by torch."""
    segmenter = segmentation_models.BoxSegmenter(str(model), CPU, torch.float32)
    rgb = cv2.imread(str(path))[..., ::-1].copy()
    height, width = rgb.shape[:2]
    padded = model.name == "sam"
    scale = (64 / 96, 48 / 72) if padded else (64 / 96, 64 / 72)
    boxes = torch.tensor([list(BOXES.values())]) * torch.tensor(scale * 2)
    with torch.no_grad():
        output = segmenter.model(
            pixel_values=segmenter.prepare(rgb)[None], input_boxes=boxes, multimask_output=False
        )
    logits = output.pred_masks[0]
    if padded:
        logits = torch.nn.functional.interpolate(logits, (64, 64), mode="bilinear")[..., :48, :64]
    return list((torch.nn.functional.interpolate(logits, (height, width), mode="bilinear")[:, 0] > 0).numpy())


@pytest.mark.parametrize("name", ["sam", "sam2", "sam2_video"])
def test_masks_are_the_models_own_over_the_images_pixels(models, data, name):
    status = run(data, models / name)
    output = load(data / "out.json")
    assert list(output) == ["a.png", "b.png", "c.png"]
    found = 0
    for image, entry in output.items():
        assert entry["note"] == "kept"
        for (key, box), expected in zip(BOXES.items(), direct(models / name, data / image), strict=True):
            assert entry[key][:2] == ["thing", box]
            if not expected.any():
                assert len(entry[key]) == 2
                continue
            mask = masks.decode(entry[key][2], 72, 96, None)
            assert (mask == expected).mean() > 0.999
            found += 1
    assert found
    assert status == (found < 6)


def test_one_image_encoding_for_all_boxes(models, data, monkeypatch):
    batches = []
    load_model = segmentation_models.model_files.load_model

    def hooked(*arguments):
        model = load_model(*arguments)
        model.vision_encoder.register_forward_hook(lambda _, inputs, output: batches.append(1))
        return model

    monkeypatch.setattr(segmentation_models.model_files, "load_model", hooked)
    run(data, models / "sam2", "--batch-size", "1")
    assert len(batches) == 3


def test_masks_that_are_there_are_kept_and_nothing_is_encoded_for_them(models, data, monkeypatch):
    run(data, models / "sam2")
    first = (data / "out.json").read_bytes()
    unwanted = lambda *_: pytest.fail("an image was prepared")  # noqa: E731
    monkeypatch.setattr(segmentation_models.BoxSegmenter, "prepare", unwanted)
    complete = {k: v for k, v in load(data / "out.json").items() if all(len(v[key]) == 3 for key in BOXES)}
    assert complete
    (data / "complete.json").write_text(json.dumps(complete))
    assert run(data, models / "sam2", source="complete.json", output="again.json") == 0
    assert load(data / "again.json") == complete
    # The input without masks, but an output that has them: an earlier run's masks are taken over.
    part = {image: entry for image, entry in load(data / "boxes.json").items() if image in complete}
    (data / "part.json").write_text(json.dumps(part))
    assert run(data, models / "sam2", source="part.json", output="again.json") == 0
    assert load(data / "again.json") == complete
    assert (data / "out.json").read_bytes() == first


def test_an_interrupted_run_goes_on_and_ends_like_a_whole_one(models, data, monkeypatch):
    run(data, models / "sam2", output="whole.json")
    finish = segment_objects.finish
    calls = []

    def interrupted(answer, **options):
        calls.append(answer[0].image)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return finish(answer, **options)

    monkeypatch.setattr(segment_objects, "finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(data, models / "sam2", "--batch-size", "1")
    assert not (data / "out.json").exists()
    assert resume.partial_path(data / "out.json").is_file()
    monkeypatch.setattr(segment_objects, "finish", finish)
    prepared = []
    prepare = segmentation_models.BoxSegmenter.prepare
    monkeypatch.setattr(
        segmentation_models.BoxSegmenter, "prepare", lambda self, rgb: prepared.append(1) or prepare(self, rgb)
    )
    assert run(data, models / "sam", "--batch-size", "1") == 2  # another model would mix two kinds of masks
    run(data, models / "sam2", "--batch-size", "1")
    assert load(data / "out.json") == load(data / "whole.json")
    assert not resume.partial_path(data / "out.json").exists()
    assert prepared


def test_png_masks(models, data):
    run(data, models / "sam2", output="rle.json")
    run(data, models / "sam2", "--mask-dir", str(data / "masks"))
    written = load(data / "out.json")
    for image, entry in load(data / "rle.json").items():
        for key in BOXES:
            if len(entry[key]) == 3:
                as_png = masks.decode(written[image][key][2], 72, 96, data / "masks")
                assert (as_png == masks.decode(entry[key][2], 72, 96, None)).all()


def test_overwrite_replaces_masks_but_not_depth_ranges(models, data):
    annotation = load(data / "boxes.json")
    everything = masks.encode(np.ones((72, 96), bool))
    for entry in annotation.values():
        for key in BOXES:
            entry[key] += [everything, [1.0, 2.0]]
    (data / "boxes.json").write_text(json.dumps(annotation))
    assert run(data, models / "sam2") == 0
    assert load(data / "out.json") == annotation
    run(data, models / "sam2", "--overwrite")
    values = [entry[key] for entry in load(data / "out.json").values() for key in BOXES]
    assert all(len(value) == 4 and value[3] == [1.0, 2.0] for value in values)
    assert any(value[2] != everything for value in values)


def test_another_model_or_kind_of_mask_is_not_silently_the_earlier_one(models, data, capsys):
    run(data, models / "sam2")
    for model, options in (("sam", ()), ("sam2", ("--mask-dir", str(data / "masks")))):
        capsys.readouterr()
        assert run(data, models / model, *options) == 2
        assert "made with other settings" in capsys.readouterr().err
    assert run(data, models / "sam2", source="out.json") == 2
    assert "is also an input" in capsys.readouterr().err


def test_png_masks_that_are_gone_are_made_anew(models, data):
    run(data, models / "sam2", "--mask-dir", str(data / "masks"))
    first = {path.name: path.read_bytes() for path in (data / "masks").iterdir()}
    assert first
    for name in first:
        (data / "masks" / name).unlink()
    run(data, models / "sam2", "--mask-dir", str(data / "masks"))
    assert {path.name: path.read_bytes() for path in (data / "masks").iterdir()} == first


def test_an_interrupted_overwrite_is_gone_on_with_without_earlier_masks(models, data, monkeypatch):
    annotation = load(data / "boxes.json")
    everything = masks.encode(np.ones((72, 96), bool))
    for entry in annotation.values():
        for key in BOXES:
            entry[key].append(everything)
    (data / "boxes.json").write_text(json.dumps(annotation))
    run(data, models / "sam2", "--overwrite", output="whole.json")
    run(data, models / "sam")
    finish = segment_objects.finish

    def interrupted(answer, **options):
        if answer[0].image == "b.png":
            raise KeyboardInterrupt
        return finish(answer, **options)

    monkeypatch.setattr(segment_objects, "finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(data, models / "sam2", "--overwrite", "--batch-size", "1")
    monkeypatch.setattr(segment_objects, "finish", finish)
    run(data, models / "sam2", "--batch-size", "1")
    assert load(data / "out.json") == load(data / "whole.json")


def test_bad_objects_and_images_are_named_and_stay_in_the_output(models, data):
    annotation = load(data / "boxes.json")
    annotation["a.png"]["[[0, 0, 0, 0]]"] = ["nothing", [200.0, 10.0, 300.0, 20.0]]
    annotation["b.png"]["width"] = 72
    annotation["b.png"]["height"] = 96
    annotation["missing.png"] = annotation["c.png"]
    annotation["c.png"] = annotation["c.png"] | {"width": None, "[[1, 1, 2]]": ["astray", [1.0, 1.0, 9.0, 9.0]]}
    (data / "boxes.json").write_text(json.dumps(annotation))
    assert run(data, models / "sam2") == 1
    output = load(data / "out.json")
    assert list(output) == list(annotation)
    assert output["b.png"] == annotation["b.png"]
    failures = [json.loads(line) for line in (data / "out.json.errors.jsonl").read_text().splitlines()]
    reasons = {(failure["image"], failure.get("object")): failure["reason"] for failure in failures}
    assert "no area" in reasons["a.png", "[[0, 0, 0, 0]]"]
    assert '"width" × "height" are 72 × 96, the image ' in reasons["b.png", None]
    assert "b.png's 96 × 72, which is the other way round" in reasons["b.png", None]
    assert reasons["c.png", "[[1, 1, 2]]"].endswith("; it gets no mask") and ("c.png", None) not in reasons
    assert all(len(output["c.png"][key]) == 3 for key in BOXES)
    assert "not found" in reasons["missing.png", None]


def test_half_precision_runs(models, data):
    for name in ("sam", "sam2"):
        assert run(data, models / name, "--precision", "bfloat16", output=f"{name}.json") in (0, 1)
        assert len(load(data / f"{name}.json")) == 3
