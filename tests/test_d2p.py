import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import open3d as o3d
import orjson
import pytest

import d2p
from spacesgg import depth, ply, pointmaps

K = np.array([[50.0, 0, 15.5], [0, 60.0, 11.5], [0, 0, 1]])
H, W = 24, 32


@pytest.fixture
def dataset(tmp_path):
    for folder in ("images", "depth_maps"):
        (tmp_path / folder).mkdir()
    rng = np.random.default_rng(0)
    for stem in ("b", "a", "c"):
        cv2.imwrite(str(tmp_path / "images" / f"{stem}.png"), rng.integers(0, 255, (H, W, 3), np.uint8))
        values = rng.integers(500, 4000, (H, W)).astype(np.uint16)
        values[:3] = 0
        cv2.imwrite(str(tmp_path / "depth_maps" / f"{stem}.png"), values)
    np.savetxt(tmp_path / "K.txt", K)
    return tmp_path


def run(dataset, *options):
    return d2p.main(["--dataset-path", str(dataset), *options])


def raw(dataset, stem):
    return cv2.imread(str(dataset / "depth_maps" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)


def test_point_map_and_cloud_agree_with_open3d(dataset):
    assert run(dataset, "--scale-factor", "1000") == 0
    points = np.load(dataset / "point_clouds" / "a.npy")
    assert points.shape == (H, W, 3) and points.dtype == np.float32
    assert not points[:3].any()
    intrinsics = o3d.camera.PinholeCameraIntrinsic(W, H, K)
    image = o3d.geometry.Image(raw(dataset, "a"))
    expected = o3d.geometry.PointCloud.create_from_depth_image(image, intrinsics, depth_scale=1000.0)
    np.testing.assert_allclose(points[points[..., 2] > 0], np.asarray(expected.points), atol=1e-5)

    cloud = o3d.io.read_point_cloud(str(dataset / "point_clouds" / "a.ply"))
    np.testing.assert_allclose(np.asarray(cloud.points), np.asarray(expected.points), atol=1e-5)
    colour = cv2.imread(str(dataset / "images" / "a.png"))[3:].reshape(-1, 3)[:, ::-1]
    np.testing.assert_array_equal(np.rint(np.asarray(cloud.colors) * 255), colour)


def test_poses_follow_the_sorted_stems_and_move_only_the_cloud(dataset):
    poses = np.stack([np.eye(4)] * 3)
    poses[:, 0, 3] = (10, 20, 30)  # of a, b, c
    np.savetxt(dataset / "poses.txt", poses.reshape(3, 16))
    assert run(dataset, "--scale-factor", "1000", "--world-coordinates") == 0
    points = np.load(dataset / "point_clouds" / "b.npy")
    cloud = np.asarray(o3d.io.read_point_cloud(str(dataset / "point_clouds" / "b.ply")).points)
    np.testing.assert_allclose(cloud - points[points[..., 2] > 0], [[20, 0, 0]] * len(cloud), atol=1e-4)


def test_compact_form_is_the_same_point_map_and_takes_its_place(dataset):
    assert run(dataset) == 0
    folder = dataset / "point_clouds"
    expected = {stem: np.load(folder / f"{stem}.npy") for stem in "abc"}
    assert run(dataset, "--compact", "--workers", "2") == 0
    for stem, points in expected.items():
        found = pointmaps.find_pointmap(folder, stem)
        assert found.suffix == ".npz"
        np.testing.assert_array_equal(pointmaps.read_pointmap(found), points)


def test_a_failed_image_keeps_nothing_of_an_earlier_run(dataset):
    assert run(dataset) == 0
    (dataset / "depth_maps" / "b.png").write_bytes(b"")
    assert run(dataset) == 1
    assert {path.name for path in (dataset / "point_clouds").iterdir()} == {"a.npy", "a.ply", "c.npy", "c.ply"}


def test_a_depth_map_without_an_image_is_named(dataset):
    (dataset / "images" / "b.png").unlink()
    assert run(dataset) == 1
    failures = (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines()
    assert len(failures) == 1 and b"without an image b" in failures[0]


@pytest.mark.parametrize("suffix", [".exr", ".tiff", ".npy"])
def test_float_depth_is_metres(dataset, suffix):
    metres = np.full((H, W), 2.5, np.float32)
    metres[0, :3] = (np.nan, np.inf, -1)
    path = dataset / "depth_maps" / f"a{suffix}"
    (dataset / "depth_maps" / "a.png").unlink()
    if suffix == ".npy":
        np.save(path, metres)
    else:
        assert cv2.imwrite(str(path), metres)
    assert run(dataset) == 0
    z = np.load(dataset / "point_clouds" / "a.npy")[..., 2]
    assert not z[0, :3].any() and (z[1:] == 2.5).all()


def test_a_bad_image_is_named_and_the_others_are_done(dataset):
    (dataset / "images" / "b.png").write_bytes(b"")
    (dataset / "depth_maps" / "c.png").unlink()
    assert run(dataset) == 1
    lines = (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines()
    failures = {failure["image"]: failure["reason"] for failure in map(orjson.loads, lines)}
    assert failures.keys() == {"b.png", "c.png"}
    wanted = "that ends in .png, .tiff, .tif, .exr, .npy; add it, or take the image out"
    assert "no depth map c in " in failures["c.png"] and failures["c.png"].endswith(wanted)
    assert (dataset / "point_clouds" / "a.npy").is_file()


def test_sizes_must_agree_unless_resampling_is_allowed(dataset):
    small = raw(dataset, "a")[::2, ::2]
    cv2.imwrite(str(dataset / "depth_maps" / "a.png"), small)
    assert run(dataset) == 1
    assert b"--resize-depth" in (dataset / "point_clouds.errors.jsonl").read_bytes()
    assert run(dataset, "--resize-depth") == 0
    assert not (dataset / "point_clouds.errors.jsonl").exists()
    z = np.load(dataset / "point_clouds" / "a.npy")[..., 2]
    assert set(np.unique(z)) <= set(np.unique((small / np.float32(5000)).astype(np.float32)))


def test_a_depth_map_that_lies_on_its_side_is_not_resampled(dataset):
    cv2.imwrite(str(dataset / "depth_maps" / "a.png"), raw(dataset, "a").T)
    assert run(dataset, "--resize-depth") == 1
    reason = orjson.loads((dataset / "point_clouds.errors.jsonl").read_bytes())["reason"]
    assert "24×32, its image 32×24, so one of them lies on its side" in reason and "-auto-orient" in reason


def test_stems_that_never_meet_are_shown(dataset, capsys):
    for path in list((dataset / "depth_maps").iterdir()):
        path.rename(path.with_stem(f"{path.stem}_depth"))
    assert run(dataset) == 2
    assert "like a.png; the first is a_depth.png" in capsys.readouterr().err
    for path in (dataset / "depth_maps").iterdir():
        path.unlink()
    assert run(dataset) == 2
    assert "none is there" in capsys.readouterr().err


def test_a_depth_map_larger_than_any_memory_is_one_named_failure(dataset):
    path = dataset / "depth_maps" / "a.npy"
    path.with_suffix(".png").unlink()
    with path.open("wb") as stream:
        numpy_header = {"descr": "<f4", "fortran_order": False, "shape": (10**7, 10**7)}
        np.lib.format.write_array_header_1_0(stream, numpy_header)
    assert run(dataset) == 1
    reason = orjson.loads((dataset / "point_clouds.errors.jsonl").read_bytes())["reason"]
    assert reason.startswith(f"{path}: cannot be read as a depth map (Unable to allocate")


def test_unusable_datasets_are_refused_at_once(dataset, capsys):
    assert run(dataset, "--world-coordinates") == 2
    np.savetxt(dataset / "poses.txt", np.zeros((2, 16)))
    assert run(dataset, "--world-coordinates") == 2
    singular = np.zeros((3, 4, 4))
    singular[:, 3, 3] = 1
    np.savetxt(dataset / "poses.txt", singular.reshape(3, 16))
    assert run(dataset, "--world-coordinates") == 2
    (dataset / "K.txt").unlink()
    assert run(dataset) == 2
    errors = capsys.readouterr().err
    for part in ("poses.txt: not found", "expected 3 lines", "cannot be inverted", "--fov"):
        assert part in errors
    assert run(dataset, "--fov", "60") == 0


def test_one_image_without_intrinsics_is_named_and_the_others_are_done(dataset, capsys):
    (dataset / "intrinsics").mkdir()
    (dataset / "K.txt").rename(dataset / "intrinsics" / "a.txt")
    assert run(dataset) == 1
    failures = [orjson.loads(line) for line in (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines()]
    assert [failure["image"] for failure in failures] == ["b.png", "c.png"]
    assert all("no intrinsics" in failure["reason"] and "--fov" in failure["reason"] for failure in failures)
    assert outputs_of(dataset) == {"a.npy", "a.ply"}
    capsys.readouterr()
    assert run(dataset, "--fov", "60") == 0
    assert capsys.readouterr().err == ""


def test_a_field_of_view_beside_intrinsics_is_told_to_be_of_no_use(dataset, capsys):
    assert run(dataset, "--fov", "60") == 0
    told = "d2p.py: --fov is of no use: all images have intrinsics, which count before it\n"
    assert capsys.readouterr().err == told
    x, _, z = np.load(dataset / "point_clouds" / "a.npy")[3, 0]
    assert x / z == pytest.approx(-K[0, 2] / K[0, 0])


def test_text_files_of_windows_are_read(dataset):
    poses = np.tile(np.eye(4).ravel(), (3, 1))
    for name, numbers in (("K.txt", K), ("poses.txt", poses)):
        np.savetxt(dataset / name, numbers, newline="\r\n", encoding="utf-8-sig")
        assert (dataset / name).read_bytes().startswith(b"\xef\xbb\xbf")
    assert run(dataset, "--world-coordinates") == 0


def test_what_is_passed_over_is_named_in_one_line_each_folder(dataset, capsys):
    for name in ("d.webp", "e.bmp", "f.tif", "g.gif", ".DS_Store", "._a.jpg", "Thumbs.db"):
        (dataset / "images" / name).write_bytes(b"")
    (dataset / "depth_maps" / "more").mkdir()
    (dataset / "depth_maps" / "scale.json").write_text("{}")
    assert run(dataset) == 0
    images, depths = capsys.readouterr().err.splitlines()
    assert images.endswith("images: not read (only .jpg, .jpeg, .png files are): d.webp, e.bmp, f.tif and 1 more")
    assert depths.endswith(".npy files are): more/")


def test_a_folder_of_other_files_says_what_is_there(dataset, capsys):
    for path in (dataset / "images").iterdir():
        path.rename(path.with_suffix(".webp"))
    assert run(dataset) == 2
    assert "no .jpg, .jpeg, .png files, only a.webp, b.webp, c.webp; what" in capsys.readouterr().err


def test_hidden_files_are_no_images(dataset, capsys):
    for folder, suffix in (("images", "jpg"), ("depth_maps", "png")):  # what macOS puts on foreign disks
        (dataset / folder / f"._b.{suffix}").write_bytes(b"\0\5\x16\7")
    assert run(dataset) == 0
    (dataset / "images").rename(dataset / "b")
    (dataset / "images").mkdir()
    (dataset / "b").rename(dataset / "images" / "b")
    assert run(dataset) == 2
    assert "folders inside it" in capsys.readouterr().err


@pytest.mark.parametrize(("scale", "told"), [("1000", False), ("100000", True), ("2", True)])
def test_a_scale_that_makes_rooms_of_millimetres_or_kilometres_is_doubted(dataset, capsys, scale, told):
    assert run(dataset, "--scale-factor", scale) == 0
    error = capsys.readouterr().err
    assert ("--scale-factor" in error) == told and error.count("\n") == told


def test_a_damaged_image_is_told_of_in_the_list_of_failures_alone(dataset):
    path = dataset / "images" / "b.png"
    path.write_bytes(path.read_bytes()[:-200])
    done = subprocess.run(
        [sys.executable, d2p.__file__, "--dataset-path", str(dataset)],
        capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if name != "OPENCV_LOG_LEVEL"},
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.startswith("d2p: 2 images") and done.stderr.count("\n") == 1


def test_own_intrinsics_win_over_the_shared_ones(dataset):
    (dataset / "intrinsics").mkdir()
    own = K.copy()
    own[0, 0] *= 2
    np.savetxt(dataset / "intrinsics" / "a.txt", own)
    assert run(dataset) == 0
    a, b = (np.load(dataset / "point_clouds" / f"{stem}.npy")[10, 0] for stem in "ab")
    assert np.isclose(a[0] / a[2], -15.5 / 100) and np.isclose(b[0] / b[2], -15.5 / 50)


def test_voxels_and_outliers_thin_only_the_cloud(dataset):
    options = ("--voxel-size", "0.1", "--outlier-neighbours", "10")
    assert run(dataset, *options) == 0
    cloud = o3d.io.read_point_cloud(str(dataset / "point_clouds" / "a.ply"))
    assert 0 < len(cloud.points) < (H - 3) * W
    assert np.count_nonzero(np.load(dataset / "point_clouds" / "a.npy")[..., 2]) == (H - 3) * W


@pytest.mark.parametrize(
    ("option", "told"), [("--voxel-size=1e-9", "at least 1e-06 (m)"), ("--outlier-neighbours=1", "2 and more")]
)
def test_options_under_which_nothing_would_be_cleaned_are_wrong_usage(dataset, capsys, option, told):
    with pytest.raises(SystemExit, match="2"):
        run(dataset, option)
    assert told in capsys.readouterr().err


def test_voxels_too_small_for_a_cloud_are_said_without_open3d_s_words(dataset):
    assert run(dataset, "--scale-factor", "1e-3", "--voxel-size", "1e-6") == 1
    (line, *_) = (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines()
    reason = orjson.loads(line)["reason"]
    assert (
        reason.startswith("a voxel size of 1e-06 m is too small for a cloud that is ") and "Open3D" not in reason
    )


def test_a_cloud_of_one_point_has_no_outlier(dataset):
    assert run(dataset, "--voxel-size", "1000", "--outlier-neighbours", "5") == 0
    assert len(o3d.io.read_point_cloud(str(dataset / "point_clouds" / "a.ply")).points) == 1


def test_more_neighbours_than_there_are_points_are_all_points(dataset):
    clouds = []
    for count in (W * H + 1, 1_000_000_000):
        assert run(dataset, "--outlier-std", "1", f"--outlier-neighbours={count}") == 0
        clouds.append((dataset / "point_clouds" / "a.ply").read_bytes())
    assert clouds[0] == clouds[1]


@pytest.mark.parametrize(
    "flag",
    ["--scale-factor", "--min-depth", "--max-depth", "--fov", "--voxel-size", "--outlier-std"],
)
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "much"])
def test_an_option_that_is_no_usable_number_is_wrong_usage(dataset, capsys, flag, value):
    with pytest.raises(SystemExit, match="2"):
        run(dataset, f"{flag}={value}")
    assert flag in capsys.readouterr().err


@pytest.mark.parametrize("value", ["99999999999999999999", "1e300", "-1", "2.5", "nan", "many"])
def test_a_count_of_neighbours_that_is_none_is_wrong_usage(dataset, capsys, value):
    with pytest.raises(SystemExit, match="2"):
        run(dataset, f"--outlier-neighbours={value}")
    assert "--outlier-neighbours: expected a whole number from 0 to" in capsys.readouterr().err


@pytest.mark.parametrize("focal", [0, -50, 1e-300, np.nan, np.inf])
def test_a_focal_length_that_is_none_is_said_in_one_line(dataset, capsys, focal):
    np.savetxt(dataset / "K.txt", [[focal, 0, 15.5], [0, 60, 11.5], [0, 0, 1]])
    assert run(dataset) == 2
    error = capsys.readouterr().err
    assert "K.txt: focal lengths must be positive" in error and error.count("\n") == 1


def test_a_pose_beyond_all_measure_is_said_in_one_line(dataset, capsys):
    poses = np.stack([np.eye(4)] * 3)
    poses[1, 0, 3] = 1e39
    np.savetxt(dataset / "poses.txt", poses.reshape(3, 16))
    assert run(dataset, "--world-coordinates") == 2
    error = capsys.readouterr().err
    assert "poses.txt, line 2: found 1e+39" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("rotation", "told"),
    [
        (np.diag([1, 1, -1]), "mirrors"),
        (-2 * np.eye(3), "mirrors"),
        (0.5 * np.eye(3), "scaled by 0.5"),
        (1.004 * np.eye(3), "scaled by 1.004"),
        (np.diag([1, 1, 1.1]), "no rotation"),
        ([[1, 0.02, 0], [0, 1, 0], [0, 0, 1]], "no rotation"),
    ],
)
def test_a_pose_that_is_no_rigid_motion_is_refused_by_its_line(dataset, capsys, rotation, told):
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[1, :3, :3] = rotation
    np.savetxt(dataset / "poses.txt", poses.reshape(3, 16), header="camera to world")
    assert run(dataset, "--world-coordinates") == 2
    error = capsys.readouterr().err
    assert "poses.txt, line 3: " in error and told in error and error.count("\n") == 1


def test_poses_of_three_decimals_are_rigid_motions(dataset):
    rng = np.random.default_rng(0)
    poses = np.tile(np.eye(4), (3, 1, 1))
    for pose in poses:
        pose[:3, :3] = cv2.Rodrigues(rng.normal(size=3))[0]
    np.savetxt(dataset / "poses.txt", poses.reshape(3, 16), fmt="%.3f")
    assert run(dataset, "--world-coordinates") == 0


@pytest.mark.parametrize("content", [b"", b"50 0 15.5", b"50 0 15.5\n0 60\n", b"a b c", b"\xff\xfe5"])
def test_intrinsics_that_are_no_matrix_are_said_in_one_line(dataset, capsys, recwarn, content):
    (dataset / "K.txt").write_bytes(content)
    assert run(dataset) == 2
    error = capsys.readouterr().err
    assert "K.txt" in error and error.count("\n") == 1 and "usecols" not in error and "expected" in error
    assert not [warning for warning in recwarn if warning.category is UserWarning]


@pytest.mark.parametrize("name", ["K.txt", "poses.txt"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("# K\n\n50;0;15.5\n0;60;11.5\n", ", line 3: found 50;0;15.5, expected numbers with spaces between them"),
        ("50 0 15.5\n0 60,11.5\n", ", line 2: found 60,11.5, expected numbers with spaces between them"),
        ("50 0 15.5\n0 60\n", ", line 2: found 2 numbers, expected 3 as in the lines before it; write a line for"),
    ],
)
def test_what_is_no_table_of_numbers_is_told_by_its_line(dataset, capsys, name, content, told):
    (dataset / name).write_text(content)
    assert run(dataset, "--world-coordinates") == 2
    assert f"{dataset / name}{told}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["images/b.png", "depth_maps/b.png", "depth_maps/b.npy", "intrinsics/b.txt"])
def test_a_pipe_costs_its_image_and_is_not_opened(dataset, name):
    """To open it would take for ever."""
    (dataset / "intrinsics").mkdir()
    path = dataset / name
    for other in path.parent.glob("b.*"):
        other.unlink()
    os.mkfifo(path)
    assert run(dataset) == 1
    (failure,) = map(orjson.loads, (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines())
    assert failure["reason"].startswith(f"{path}: is no regular file, expected a")
    assert outputs_of(dataset) == {"a.npy", "a.ply", "c.npy", "c.ply"}


@pytest.mark.parametrize("name", ["K.txt", "poses.txt"])
def test_a_pipe_in_the_place_of_a_table_is_named(dataset, capsys, name):
    (dataset / name).unlink(missing_ok=True)
    os.mkfifo(dataset / name)
    assert run(dataset, "--world-coordinates") == 2
    assert f"{name}: is no regular file, expected a text file of numbers" in capsys.readouterr().err


@pytest.mark.parametrize("point", [(32, 24), (31.5, 11.5), (15.5, 23.5), (-0.5, 11.5), (15.5, -1)])
def test_intrinsics_of_another_image_size_are_said(dataset, point):
    (dataset / "intrinsics").mkdir()
    other = K.copy()
    other[:2, 2] = point
    np.savetxt(dataset / "intrinsics" / "b.txt", other)
    assert run(dataset) == 1
    (line,) = (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines()
    reason = orjson.loads(line)["reason"]
    for part in ("b.txt", f"({point[0]}, {point[1]})", "32×24", "first row by 32 / that width"):
        assert part in reason
    assert (dataset / "point_clouds" / "a.npy").is_file() and not (dataset / "point_clouds" / "b.npy").exists()


def test_a_camera_that_looks_off_the_middle_is_taken(dataset):
    off = K.copy()
    off[:2, 2] = (2, 20)  # of a cropped image
    np.savetxt(dataset / "K.txt", off)
    assert run(dataset) == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64, np.int32, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("scale", [None, 1000.0, 1e-300, 1e-36, 1e300])
def test_metres_are_finite_whatever_the_type_and_the_scale(dtype, scale):
    largest = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else np.finfo(dtype).max
    metres = depth.to_metres(np.array([[0, 1, largest]], dtype), scale)
    assert metres.dtype == np.float32 and np.isfinite(metres).all() and (metres >= 0).all()


def test_the_largest_float_is_no_depth():
    stored = np.array([[1.5, np.finfo(np.float32).max, np.inf, 1e10]], np.float32)
    assert depth.to_metres(stored, None).tolist() == [[1.5, 0, 0, 1e10]]


def outputs_of(dataset):
    return {path.name for path in (dataset / "point_clouds").iterdir()}


def test_nothing_stale_is_left_beside_what_is_new(dataset):
    assert run(dataset) == 0
    (dataset / "images" / "b.png").unlink()
    (dataset / "point_clouds" / "other.npy").write_bytes(b"of nobody here")
    assert run(dataset, "--no-ply") == 1
    assert outputs_of(dataset) == {"a.npy", "c.npy", "other.npy"}


def test_a_depth_map_without_any_depth_is_a_failure_that_says_what_was_read(dataset):
    assert run(dataset) == 0
    cv2.imwrite(str(dataset / "depth_maps" / "b.png"), np.zeros((H, W), np.uint16))
    assert run(dataset) == 1
    (line,) = (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines()
    assert b"from 0 to 0" in line and b"--scale-factor" in line and "b.npy" not in outputs_of(dataset)
    assert run(dataset, "--min-depth", "90") == 1
    assert outputs_of(dataset) == set()


def test_an_output_that_cannot_be_written_is_named_before_the_work(dataset, capsys, monkeypatch):
    monkeypatch.setattr(d2p, "convert", lambda frame, args: pytest.fail("the work began"))
    (dataset / "point_clouds").write_text("a file")
    assert run(dataset) == 2
    (dataset / "point_clouds").unlink()
    (dataset / "point_clouds.errors.jsonl").mkdir()
    assert run(dataset) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "point_clouds: is a file" in first and "errors.jsonl: is a folder" in second


def test_a_folder_in_the_place_of_a_point_map_is_one_named_failure(dataset):
    (dataset / "point_clouds" / "b.npy").mkdir(parents=True)
    assert run(dataset) == 1
    (line,) = (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines()
    assert b"b.npy: is a folder" in line and (dataset / "point_clouds" / "a.npy").is_file()


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGINT, "1"), (signal.SIGINT, "2"), (signal.SIGTERM, "2")]
)
def test_a_signal_ends_the_run_by_one_line_and_leaves_nothing_half_written(dataset, number, workers):
    for i in range(1500):
        for folder in ("images", "depth_maps"):
            (dataset / folder / f"{i}.png").symlink_to(dataset / folder / "a.png")
    script = str(Path(d2p.__file__).resolve())
    options = ["--dataset-path", str(dataset), "--workers", workers]
    process = subprocess.Popen([sys.executable, script, *options], stderr=subprocess.PIPE, start_new_session=True)
    until = time.monotonic() + 30
    while not list(dataset.glob("point_clouds/*.npy")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(number)
    errors = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 128 + number
    assert errors.startswith("d2p.py: interrupted") and errors.count("\n") == 1
    assert len(outputs_of(dataset)) < 3000 and not list((dataset / "point_clouds").glob(".*"))


def test_large_clouds_are_written_block_by_block_and_small_ones_at_once_alike(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    points, colours = rng.normal(size=(300_000, 3)), rng.integers(0, 256, (300_000, 3))
    ply.write_ply(tmp_path / "whole.ply", points, colours)
    monkeypatch.setattr(ply, "_BLOCK", 7_001)
    tracemalloc.start()
    try:
        ply.write_ply(tmp_path / "blocks.ply", points, colours)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "blocks.ply").read_bytes() == (tmp_path / "whole.ply").read_bytes()
    assert peak < 1_000_000  # all vertices at once are 4.5 MB


@pytest.mark.parametrize(("options", "suffix", "room"), [([], "npy", 5000), (["--compact"], "npz", 1000)])
def test_a_disk_without_room_for_a_point_map_is_told_with_the_file(dataset, options, suffix, room):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        assert run(dataset, "--scale-factor", "1000", *options) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    folder = dataset / "point_clouds"
    lines = (dataset / "point_clouds.errors.jsonl").read_bytes().splitlines()
    reasons = {line["image"]: line["reason"] for line in map(orjson.loads, lines)}
    assert reasons["a.png"] == f"{folder / f'a.{suffix}'}: cannot be written (File too large)"
    assert len(reasons) == 3 and not list(folder.iterdir())


def test_a_point_map_is_the_file_that_numpy_would_write(tmp_path):
    points = np.random.default_rng(0).random((H, W, 3), np.float32)
    for kept in (points, points[:, ::-1]):
        pointmaps.write_pointmap(tmp_path / "ours.npy", kept)
        np.save(tmp_path / "theirs.npy", np.ascontiguousarray(kept))
        assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
