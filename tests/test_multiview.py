import cv2
import numpy as np
import orjson
import pytest
from ray_cast import render, tilt

import multiview_layers
from spacesgg import annotations, label_kinds, pointmaps

FLOOR = [[-8, 1.4, -1], [8, 1.5, 12]]
BACK = [[-8, -3, 8], [8, 1.5, 8.1]]
# Level axes: x right, y down, z forward; all but the lamp stand on the floor.
THINGS = {
    "crate": [[-1.5, 0.9, 2.6], [-0.9, 1.4, 3.2]],
    "cupboard": [[0.6, 0.3, 4.0], [1.4, 1.4, 4.6]],
    "lamp": [[-0.3, -0.1, 3.6], [0.1, 0.15, 4.0]],
}
KEYS = {name: f"[[{i}, {i}, {i + 9}, {i + 9}]]" for i, name in enumerate(THINGS)}


def make_dataset(folder, rotation=None, things=THINGS, grow=0, dark=(), **more):
    points, ids = render(list(things.values()), rotation, [FLOOR, BACK])
    points[np.isin(ids, [list(things).index(name) for name in dark])] = 0
    (folder / "clouds").mkdir()
    (folder / "masks").mkdir()
    pointmaps.write_pointmap(folder / "clouds" / "a.npy", points)
    entry = {"depth": "a.png", **more}
    for i, name in enumerate(things):
        mask = (ids == i).astype(np.uint8)
        x, y, w, h = cv2.boundingRect(mask)
        if grow:
            mask = cv2.dilate(mask, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8))
        cv2.imwrite(str(folder / "masks" / f"{i}.png"), mask * 255)
        key = f"[[{i}, {i}, {i + 9}, {i + 9}]]"
        entry[key] = [name, [float(x), float(y), float(x + w), float(y + h)], f"{i}.png"]
    (folder / "in.json").write_bytes(orjson.dumps({"images/a.jpg": entry}))
    return entry


def run(folder, *options, output="out.json"):
    arguments = ["--input-file", str(folder / "in.json"), "--point-cloud-dir", str(folder / "clouds")]
    arguments += ["--mask-dir", str(folder / "masks"), "--output-file", str(folder / output), *options]
    status = multiview_layers.main(arguments)
    return status, orjson.loads((folder / output).read_bytes())["images/a.jpg"] if status < 2 else None


def sign(entry, a, b, view="front"):
    orders = entry["order_list"] if view == "front" else entry["views"][view]["order_list"]
    a, b = KEYS[a], KEYS[b]
    return orders[f"{a}>{b}"] if f"{a}>{b}" in orders else [-s for s in orders[f"{b}>{a}"]]


@pytest.mark.parametrize("pitch", [0, 25])
@pytest.mark.parametrize("grow", [0, 3])
def test_relations_are_those_of_the_world_however_the_camera_is_held(tmp_path, pitch, grow):
    make_dataset(tmp_path, tilt(pitch), grow=grow)
    status, entry = run(tmp_path)
    assert status == 0
    assert sign(entry, "crate", "cupboard") == [-1, 0, -1]  # both stand on the floor: neither is above
    assert sign(entry, "lamp", "crate") == [1, -1, 1]
    assert sign(entry, "lamp", "cupboard")[:2] == [-1, -1]
    assert sign(entry, "crate", "cupboard", "back") == [1, 0, 1]
    # From the left side the crate is nearer, and what the camera has nearer is on the right.
    assert sign(entry, "crate", "cupboard", "left") == [1, 0, -1]
    assert sign(entry, "crate", "cupboard", "right") == [-1, 0, 1]


def test_without_levelling_a_tilted_camera_keeps_its_own_up(tmp_path):
    # Two crates on one floor: in the picture of a camera that looks down the farther one is the higher.
    things = {"near": [[-1.2, 0.9, 2.6], [-0.6, 1.4, 3.1]], "far": [[0.3, 0.9, 5.0], [0.9, 1.4, 5.5]]}
    make_dataset(tmp_path, tilt(25), things=things)
    (level,) = run(tmp_path)[1]["order_list"].values()
    (tilted,) = run(tmp_path, "--no-level")[1]["order_list"].values()
    assert level == [-1, 0, -1] and tilted == [-1, 1, -1]


def test_overlapping_depths_state_nothing(tmp_path):
    things = {"shelf": [[-1.6, 0.4, 3.0], [-1.0, 1.4, 4.0]], "box": [[0.2, 0.9, 3.5], [0.8, 1.4, 3.9]]}
    make_dataset(tmp_path, things=things)
    _, entry = run(tmp_path)
    (relation,) = entry["order_list"].values()
    assert relation == [-1, 0, 0]


def test_what_may_go_on_behind_an_occluder_is_not_said_to_end_at_it(tmp_path):
    # What is seen of the bench ends to the left of the cupboard; it runs on behind it.
    things = {"bench": [[-1.5, 1.0, 5.0], [0.5, 1.4, 5.5]], "cupboard": [[-0.6, -0.5, 3.0], [0.6, 1.4, 3.5]]}
    make_dataset(tmp_path, things=things)
    _, entry = run(tmp_path)
    (relation,) = entry["order_list"].values()
    assert relation[0] == 0 and relation[2] == 1


def test_levels_are_kept_where_present_and_made_where_not(tmp_path):
    make_dataset(tmp_path)
    _, entry = run(tmp_path)
    assert entry["levels"][0] == [KEYS["crate"]] and KEYS["cupboard"] in entry["levels"][-1]
    assert entry["views"]["back"]["levels"][-1] == [KEYS["crate"]]
    assert entry["views"]["left"]["levels"][0] == [KEYS["crate"]]
    own = [[KEYS["lamp"]], [KEYS["crate"], KEYS["cupboard"]]]
    written = orjson.loads((tmp_path / "in.json").read_bytes())
    written["images/a.jpg"]["levels"] = own
    (tmp_path / "in.json").write_bytes(orjson.dumps(written))
    assert run(tmp_path)[1]["levels"] == own


def test_workers_and_a_second_run_change_nothing(tmp_path):
    make_dataset(tmp_path)
    run(tmp_path)
    run(tmp_path, "--workers", "2", output="two.json")
    once = (tmp_path / "out.json").read_bytes()
    assert once == (tmp_path / "two.json").read_bytes()
    (tmp_path / "in.json").write_bytes(once)
    run(tmp_path, output="again.json")
    assert once == (tmp_path / "again.json").read_bytes()


def test_an_object_without_points_is_named_and_the_others_keep_their_own_relations(tmp_path, capsys):
    entry = make_dataset(tmp_path)
    first = next(iter(KEYS.values()))
    entry[first][2] = "gone.png"
    (tmp_path / "in.json").write_bytes(orjson.dumps({"images/a.jpg": entry}))
    status, out = run(tmp_path)
    assert status == 1 and out[first] == entry[first]
    assert len(out["order_list"]) == 3  # every pair is listed
    assert all(signs == [0, 0, 0] for pair, signs in out["order_list"].items() if first in pair.split(">"))
    assert sign(out, "lamp", "cupboard")[:2] == [-1, -1]
    (line,) = (tmp_path / "out.json.errors.jsonl").read_bytes().splitlines()
    failure = orjson.loads(line)
    assert failure["object"] == first and "gone.png" in failure["reason"]
    assert "0 images succeeded, 0 failed, 1 done in part (objects that failed: 1)" in capsys.readouterr().err


def test_a_missing_point_map_is_named_and_says_what_to_do(tmp_path):
    entry = make_dataset(tmp_path)
    entry["order_list"] = {"old": [1, 1, 1]}
    (tmp_path / "in.json").write_bytes(orjson.dumps({"images/b.jpg": entry, "images/a.jpg": entry}))
    status, _ = run(tmp_path)
    assert status == 1
    out = orjson.loads((tmp_path / "out.json").read_bytes())
    assert "order_list" not in out["images/b.jpg"] and "old" not in out["images/a.jpg"]["order_list"]
    reason = (tmp_path / "out.json.errors.jsonl").read_text()
    assert "run d2p.py" in reason and "errors.jsonl says why" in reason


def test_a_box_alone_is_enough_for_what_is_far_apart(tmp_path):
    entry = make_dataset(tmp_path)
    for key in KEYS.values():
        entry[key].pop()
    (tmp_path / "in.json").write_bytes(orjson.dumps({"images/a.jpg": entry}))
    status, out = run(tmp_path)
    assert status == 0 and sign(out, "crate", "cupboard") == [-1, 0, -1]


@pytest.mark.parametrize("levels", [None, 5, [], [[]], [[["nested"]]], [["[[7, 7, 7, 7]]"]]])
def test_levels_that_do_not_fit_the_entry_are_made_anew(tmp_path, levels):
    make_dataset(tmp_path, levels=levels)
    status, entry = run(tmp_path)
    assert status == 0 and entry["levels"][0] == [KEYS["crate"]]


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_two_images_of_one_stem_stop_the_run_before_the_first_of_them_has_the_other_s_points(
    tmp_path, capsys, monkeypatch, ending
):
    entry = make_dataset(tmp_path)
    with annotations.writer(tmp_path / f"in.{ending}") as write:
        write("images/a.jpg", entry)
        write("others/a.jpg", entry)
    monkeypatch.setattr(multiview_layers, "order", lambda item, args: pytest.fail("the work began"))
    arguments = ["--input-file", str(tmp_path / f"in.{ending}"), "--point-cloud-dir", str(tmp_path)]
    assert multiview_layers.main([*arguments, "--output-file", str(tmp_path / "out.json")]) == 2
    told = (
        f"in.{ending}: images/a.jpg and others/a.jpg have the same stem, and {tmp_path} has one point map of that"
    )
    assert told in capsys.readouterr().err and not (tmp_path / "out.json").exists()


def test_an_entry_of_another_image_size_fails_as_a_whole(tmp_path):
    entry = make_dataset(tmp_path, order_list={}, width=64, height=48)
    status, out = run(tmp_path)
    assert status == 1 and out == {key: value for key, value in entry.items() if key != "order_list"}
    reason = orjson.loads((tmp_path / "out.json.errors.jsonl").read_bytes())["reason"]
    height, width = np.load(tmp_path / "clouds" / "a.npy").shape[:2]
    assert f"64 × 48, the point map a.npy's {width} × {height}" in reason
    for size in ({"width": width, "height": height}, {"width": float(width)}, {"width": None}):
        (tmp_path / "in.json").write_bytes(orjson.dumps({"images/a.jpg": {**entry, "height": None, **size}}))
        assert run(tmp_path)[0] == 0


def test_the_sky_is_at_no_place_and_above_at_most(tmp_path):
    sky = [[-6, -3, 7.5], [6, 0.2, 7.6]]  # as monocular estimators draw it: a wall in the distance
    entry = make_dataset(tmp_path, things=THINGS | {"sky-other-merged": sky})
    status, out = run(tmp_path)
    sky = "[[3, 3, 12, 12]]"
    assert status == 0 and sky in out["levels"][-1] and entry[sky][0] == "sky-other-merged"
    above = KEYS["crate"]
    for orders in (out["order_list"], *(view["order_list"] for view in out["views"].values())):
        told = {tuple(pair.split(">")): signs for pair, signs in orders.items()}
        assert all(told[key, sky][::2] == [0, 0] for key in KEYS.values())
        assert told[above, sky][1] == 1
    assert all(sky not in layer for view in out["views"].values() for layer in view["levels"])


def test_the_sky_without_depth_has_no_relation(tmp_path):
    make_dataset(tmp_path, things=THINGS | {"sky": [[-6, -3, 7.5], [6, 0.2, 7.6]]})
    points = np.load(tmp_path / "clouds" / "a.npy")
    points[cv2.imread(str(tmp_path / "masks" / "3.png"), cv2.IMREAD_GRAYSCALE) > 0] = 0
    pointmaps.write_pointmap(tmp_path / "clouds" / "a.npy", points)
    status, out = run(tmp_path)
    told = [signs for pair, signs in out["order_list"].items() if "[[3, 3, 12, 12]]" in pair]
    assert status == 1 and told == [[0, 0, 0]] * 3
    assert "it has no relation" in (tmp_path / "out.json.errors.jsonl").read_text()


@pytest.mark.parametrize("wall", ["wall-other-merged", "wall-brick"])
def test_a_wall_too_far_for_the_sensor_hides_nothing(tmp_path, wall):
    folders = []
    for name, more in (("without", {}), ("with", {wall: [[-6, -3, 7.5], [6, 1.4, 7.6]]})):
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        make_dataset(folders[-1], things=THINGS | more, dark=more)
        if more:
            assert not np.load(folders[-1] / "clouds" / "a.npy")[0, 0].any()  # depth was lost beside the things
    (_, without), (status, entry) = map(run, folders)
    assert status == 1 and entry["levels"] == without["levels"]  # the wall is named among the errors
    assert {pair: entry["order_list"][pair] for pair in without["order_list"]} == without["order_list"]


@pytest.mark.parametrize(
    ("label", "backdrop"),
    [("wall", True), ("floor-wood", True), ("wall clock", False), ("lamp", False), ("glass of water", False)],
)
def test_a_wall_clock_is_no_wall(label, backdrop):
    assert label_kinds.is_backdrop(label) == backdrop
