"""tools/estimate_depth.py with real architectures of tiny size, and focal lengths from EXIF."""

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import transformers

import d2p
from spacesgg import camera, depth, depth_models, focal_length, image_tensors
from tools import estimate_depth

CPU = torch.device("cpu")
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def save(model, folder: Path, **preparation) -> Path:
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation))
    return folder


def depth_anything(folder: Path, kind: str = "metric", max_depth: int = 20) -> Path:
    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        image_size=56,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
        head_hidden_size=8,
        depth_estimation_type=kind,
        max_depth=max_depth,
    )
    return save(
        transformers.DepthAnythingForDepthEstimation(config),
        folder,
        size={"height": 56, "width": 56},
        keep_aspect_ratio=True,
        ensure_multiple_of=14,
        resample=3,
        **IMAGENET,
    )


def zoedepth(folder: Path) -> Path:
    torch.manual_seed(0)
    backbone = transformers.BeitConfig(
        image_size=64,
        num_hidden_layers=4,
        hidden_size=32,
        intermediate_size=32,
        num_attention_heads=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        use_relative_position_bias=True,
    )
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone,
        neck_hidden_sizes=[16, 16, 16, 16],
        fusion_hidden_size=16,
        bottleneck_features=16,
        num_relative_features=8,
        bin_embedding_dim=16,
        num_attractors=[4, 2, 2, 1],
        bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 80.0}],
    )
    size = {"height": 64, "width": 96}
    return save(transformers.ZoeDepthForDepthEstimation(config), folder, size=size, ensure_multiple_of=32)


def depth_pro(folder: Path, fov_deg: float = 50.0) -> Path:
    torch.manual_seed(0)
    encoder = {
        "model_type": "dinov2",
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 16,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
    }
    config = transformers.DepthProConfig(
        patch_size=32,
        fusion_hidden_size=16,
        intermediate_hook_ids=[2, 0],
        intermediate_feature_dims=[8, 8],
        scaled_images_ratios=[0.5, 1.0],
        scaled_images_overlap_ratios=[0.0, 0.5],
        scaled_images_feature_dims=[8, 8],
        use_fov_model=True,
        num_fov_head_layers=0,
        merge_padding_value=1,
        **{f"{name}_model_config": dict(encoder) for name in ("image", "patch", "fov")},
    )
    model = transformers.DepthProForDepthEstimation(config)
    with torch.no_grad():
        last = [layer for layer in model.fov_model.modules() if isinstance(layer, torch.nn.Conv2d)][-1]
        last.weight.zero_()
        last.bias.fill_(fov_deg)
        # Inverse depth near zero would turn rounding errors into metres.
        last = model.head.layers[4]
        last.weight.mul_(1e-3)
        last.bias.fill_(0.5)
    return save(model, folder, size={"height": 64, "width": 64})


def dpt(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=64,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
    )
    return save(transformers.DPTForDepthEstimation(config), folder, size={"height": 64, "width": 64})


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("models")
    depth_anything(root / "metric")
    depth_anything(root / "far", max_depth=80)
    depth_anything(root / "relative", kind="relative")
    zoedepth(root / "zoe")
    depth_pro(root / "pro")
    dpt(root / "dpt")
    return root


def exif(tags: dict[int, float], order: str = "<") -> bytes:
    """A TIFF block whose EXIF directory has `tags`: floats as rationals, integers as shorts."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    block = start + struct.pack(order + "I", 8)
    block += struct.pack(order + "HHHII", 1, 0x8769, 4, 1, 26) + struct.pack(order + "I", 0)
    entries, extra = b"", b""
    data = 26 + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        if isinstance(value, float):
            entries += struct.pack(order + "HHII", tag, 5, 1, data + len(extra))
            extra += struct.pack(order + "II", round(value * 1000), 1000)
        else:
            entries += struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
    return block + struct.pack(order + "H", len(tags)) + entries + b"\0" * 4 + extra


def picture(path: Path, width: int, height: int, tags: dict[int, float] | None = None, order: str = "<") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(len(path.stem)).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    content = cv2.imencode(path.suffix, cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))[
        1
    ].tobytes()
    if tags:
        block = b"Exif\0\0" + exif(tags, order)
        content = content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:]
    path.write_bytes(content)
    return path


def run(images: Path, output: Path, model: Path, *options: str) -> int:
    arguments = ["--image-dir", images, "--output-dir", output, "--model", model, "--workers", "2", *options]
    return estimate_depth.main([str(argument) for argument in arguments])


def maps(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((output / "depth_maps").iterdir())}


def direct(model: Path, path: Path, focal_px: float | None = None) -> np.ndarray:
    """Depth or inverse depth by calling the model itself on one image."""
    estimator = depth_models.DepthEstimator(str(model), CPU, torch.float32)
    rgb = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)[..., ::-1].copy()
    with torch.no_grad():
        prepared = estimator.prepare(rgb)
        if prepared.dtype == torch.uint8:
            prepared = image_tensors.normalise(prepared, estimator.how)
        output = estimator.model(pixel_values=prepared[None]).predicted_depth[None]
    mode = "bilinear" if estimator.family == "depth_pro" else "bicubic"
    height, width = rgb.shape[:2]
    rows, columns = depth_models.zoedepth_padding(height, width) if estimator.family == "zoedepth" else (0, 0)
    size = (height + 2 * rows, width + 2 * columns)
    values = torch.nn.functional.interpolate(output, size=size, mode=mode)[0, 0].numpy()
    values = values[rows : rows + height, columns : columns + width]
    return 1 / np.clip(values * width / focal_px, 1e-4, 1e4) if estimator.family == "depth_pro" else values


@pytest.mark.parametrize(("name", "scale"), [("metric", 1000), ("far", 256), ("zoe", 256)])
def test_metric_depth_is_the_models_own_at_the_images_size(models, tmp_path, name, scale):
    for stem, width, height in (("a", 64, 48), ("bb", 48, 64), ("ccc", 61, 43)):
        picture(tmp_path / "images" / f"{stem}.png", width, height)
    assert run(tmp_path / "images", tmp_path, models / name, "--fov", "60", "--batch-size", "2") == 0
    assert json.loads((tmp_path / "depth_maps" / "scale.json").read_text())["scale_factor"] == scale
    for path in (tmp_path / "images").iterdir():
        metres = depth.to_metres(depth.read_raw(tmp_path / "depth_maps" / path.name), scale)
        expected = direct(models / name, path)
        assert metres.shape == expected.shape
        np.testing.assert_allclose(metres, expected, atol=0.51 / scale + 1e-5 * expected.max())


def test_output_goes_straight_into_point_clouds(models, tmp_path, capsys):
    picture(tmp_path / "images" / "a.jpg", 64, 48)
    assert run(tmp_path / "images", tmp_path, models / "metric", "--fov", "60") == 0
    assert "--scale-factor 1000" in capsys.readouterr().out
    assert d2p.main(["--dataset-path", str(tmp_path), "--scale-factor", "1000"]) == 0
    points = np.load(tmp_path / "point_clouds" / "a.npy")
    assert points.shape == (48, 64, 3)
    assert (points[..., 2] > 0).mean() > 0.9


def test_run_again_does_nothing_and_a_missing_map_is_made_as_before(models, tmp_path, monkeypatch):
    for stem in ("a", "bb", "ccc"):
        picture(tmp_path / "images" / f"{stem}.jpg", 64, 48)
    assert run(tmp_path / "images", tmp_path, models / "metric", "--fov", "60") == 0
    first = maps(tmp_path)
    forwards = []
    predict = depth_models.DepthEstimator.predict
    monkeypatch.setattr(
        depth_models.DepthEstimator,
        "predict",
        lambda self, images: forwards.append(len(images)) or predict(self, images),
    )
    assert run(tmp_path / "images", tmp_path, models / "metric", "--fov", "60") == 0
    assert forwards == []
    (tmp_path / "depth_maps" / "bb.png").unlink()
    assert run(tmp_path / "images", tmp_path, models / "metric", "--fov", "60") == 0
    assert forwards == [1]
    assert maps(tmp_path) == first
    assert run(tmp_path / "images", tmp_path, models / "metric", "--fov", "60", "--overwrite") == 0
    assert sum(forwards) == 4


def test_workers_do_not_change_a_byte(models, tmp_path):
    for stem, width in (("a", 64), ("bb", 48), ("ccc", 64), ("dddd", 48), ("eeeee", 64)):
        picture(tmp_path / "images" / f"{stem}.jpg", width, 48)
    for workers in ("1", "3"):
        output = tmp_path / workers
        assert run(tmp_path / "images", output, models / "metric", "--batch-size", "2", "--workers", workers) == 0
    assert maps(tmp_path / "1") == maps(tmp_path / "3")


def test_relative_depth_is_inverse_and_says_so(models, tmp_path, capsys):
    picture(tmp_path / "images" / "a.png", 64, 48)
    for name in ("relative", "dpt"):
        output = tmp_path / name
        assert run(tmp_path / "images", output, models / name) == 0
        assert "--inverse-depth" in capsys.readouterr().out
        meaning = json.loads((output / "depth_maps" / "scale.json").read_text())
        assert meaning["inverse_depth"] is True
        assert meaning["scale_factor"] is None
        stored = depth.read_raw(output / "depth_maps" / "a.png")
        expected = direct(models / name, tmp_path / "images" / "a.png").clip(min=0)
        np.testing.assert_allclose(stored, expected / expected.max() * 65535, atol=0.51 + 65535 * 1e-5)


def test_depth_pro_gives_camera_and_depth_unless_exif_knows_better(models, tmp_path):
    picture(tmp_path / "images" / "a.jpg", 80, 60)
    picture(tmp_path / "images" / "bb.jpg", 80, 60, {0xA405: 35})
    assert run(tmp_path / "images", tmp_path, models / "pro", "--fov", "90") == 0
    of_model = 40 / np.tan(np.radians(25))
    of_exif = 35 * 100 / np.hypot(36, 24)
    for stem, focal in (("a", of_model), ("bb", of_exif)):
        matrix = camera.read_intrinsics(tmp_path / "intrinsics" / f"{stem}.txt")
        np.testing.assert_allclose(matrix, [[focal, 0, 39.5], [0, focal, 29.5], [0, 0, 1]], rtol=1e-5)
        expected = direct(models / "pro", tmp_path / "images" / f"{stem}.jpg", focal)
        expected = np.where(expected * 256 < 65535.5, expected, 0)
        stored = depth.to_metres(depth.read_raw(tmp_path / "depth_maps" / f"{stem}.png"), 256)
        np.testing.assert_allclose(stored, expected, atol=0.51 / 256, rtol=1e-4)


def test_depth_that_overflows_sixteen_bits_is_no_depth():
    values = np.array([[0.0, 1.0, 255.9, 256.5, 9000.0]], np.float32)
    assert estimate_depth.to_sixteen_bits(values, 256.0).tolist() == [[0, 256, 65510, 0, 0]]


@pytest.mark.parametrize("order", ["<", ">"])
def test_focal_length_from_exif(tmp_path, order):
    # 26 mm on film of 43.2666 mm diagonal, image diagonal 800 pixels: 26 · 800 / 43.2666 = 480.74
    path = picture(tmp_path / "a.jpg", 640, 480, {0xA405: 26}, order)
    assert focal_length.focal_length_px(focal_length.read_tags(path), 640, 480) == pytest.approx(480.74, abs=0.01)
    # 5 mm at 3000 pixels a centimetre is 1500 pixels, of a picture 1280 wide that is now 640 wide: 750
    tags = {0x920A: 5.0, 0xA20E: 3000.0, 0xA210: 3, 0xA002: 1280, 0xA003: 960}
    path = picture(tmp_path / "b.jpg", 640, 480, tags, order)
    assert focal_length.focal_length_px(focal_length.read_tags(path), 640, 480) == pytest.approx(750)
    # The same picture turned upright keeps its focal length.
    assert focal_length.focal_length_px(focal_length.read_tags(path), 480, 640) == pytest.approx(750)
    # Cropped to a square: how much of the view is left is unknown.
    assert focal_length.focal_length_px(focal_length.read_tags(path), 480, 480) is None


def test_focal_length_absent_or_broken_is_none(tmp_path):
    plain = picture(tmp_path / "a.jpg", 64, 48)
    assert focal_length.read_tags(plain) == {}
    assert focal_length.focal_length_px({}, 64, 48) is None
    assert focal_length.focal_length_px({focal_length.FOCAL_LENGTH_35MM: 0.0}, 64, 48) is None
    for number, turned in ((0, False), (1, False), (3, True), (8, True), (9, False)):
        tags = focal_length.read_tags(picture(tmp_path / "turned.jpg", 64, 48, {0x0112: number}))
        assert focal_length.is_turned(tags) is turned
    broken = picture(tmp_path / "b.jpg", 64, 48, {0xA405: 26})
    content = broken.read_bytes()
    broken.write_bytes(content[:20] + b"\xff\xff\xff\xff" + content[24:])
    assert focal_length.read_tags(broken) == {}
    assert focal_length.read_tags(tmp_path / "missing.jpg") == {}


def test_camera_from_exif_then_fov_and_completed_later(models, tmp_path, capsys):
    picture(tmp_path / "images" / "a.jpg", 80, 60)
    picture(tmp_path / "images" / "bb.jpg", 80, 60, {0xA405: 35, 0x0112: 6})
    assert run(tmp_path / "images", tmp_path, models / "metric") == 0
    told = capsys.readouterr().out
    assert "images without intrinsics: 1;" in told
    assert "images with an EXIF orientation, by which viewers turn them: 1;" in told and "-auto-orient" in told
    assert [path.name for path in (tmp_path / "intrinsics").iterdir()] == ["bb.txt"]
    # The orientation flag turns nothing: the map lies over the pixels as stored.
    assert depth.read_raw(tmp_path / "depth_maps" / "bb.png").shape == (60, 80)
    assert run(tmp_path / "images", tmp_path, models / "metric", "--fov", "90") == 0
    assert camera.read_intrinsics(tmp_path / "intrinsics" / "a.txt")[0, 0] == pytest.approx(40)
    assert camera.read_intrinsics(tmp_path / "intrinsics" / "bb.txt")[0, 0] == pytest.approx(80.9, abs=0.01)


def test_broken_image_is_named_and_the_rest_is_done(models, tmp_path):
    picture(tmp_path / "images" / "a.jpg", 64, 48)
    (tmp_path / "images" / "broken.jpg").write_bytes(b"not an image")
    assert run(tmp_path / "images", tmp_path, models / "metric", "--fov", "60") == 1
    failures = (tmp_path / "depth_maps.errors.jsonl").read_text().splitlines()
    assert [json.loads(line)["image"] for line in failures] == ["broken.jpg"]
    assert (tmp_path / "depth_maps" / "a.png").is_file()


def test_unusable_input_is_one_line(models, tmp_path, capsys):
    picture(tmp_path / "images" / "a.jpg", 64, 48)
    assert run(tmp_path / "images", tmp_path, models / "metric", "--depth-scale", "500") == 0
    other = tmp_path / "bert"
    transformers.BertConfig(hidden_size=8, num_attention_heads=1).save_pretrained(other)
    empty = tmp_path / "empty"
    empty.mkdir()
    for images, model, word in (
        (tmp_path / "images", models / "metric", "--overwrite"),  # other scale than the maps that are there
        (tmp_path / "images", other, "found a bert model"),
        (tmp_path / "images", empty, "config.json"),
        (tmp_path / "nowhere", models / "metric", "no such folder"),
        (empty, models / "metric", "no .jpg"),
    ):
        capsys.readouterr()
        assert run(images, tmp_path, model) == 2
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert word in message


def test_half_precision_is_close(models, tmp_path):
    picture(tmp_path / "images" / "a.png", 64, 48)
    assert run(tmp_path / "images", tmp_path, models / "metric", "--precision", "bfloat16") == 0
    stored = depth.to_metres(depth.read_raw(tmp_path / "depth_maps" / "a.png"), 1000)
    np.testing.assert_allclose(stored, direct(models / "metric", tmp_path / "images" / "a.png"), rtol=0.05)
