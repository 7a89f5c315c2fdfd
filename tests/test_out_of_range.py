"""Things farther than the sensor reaches: they are behind what is in range, and what ends there is not known."""

import cv2
import numpy as np
import orjson
import pytest
from ray_cast import render, tilt

import multiview_layers
from spacesgg import extents, frame, instances, out_of_range, pointmaps, surfaces

FLOOR = [[-9, 1.4, -1], [9, 1.5, 14]]
WALL = [[-9, -3, 8], [9, 1.5, 8.1]]
CRATE = [[-0.9, 1.0, 2.2], [-0.4, 1.4, 2.7]]
WARDROBE = [[0.4, 0.2, 5.0], [1.2, 1.4, 5.5]]


def relations(folder, things, reach=4.0, along_sight=False, dark=(), pitch=0, stray=None):
    """Return name → [left, up, front] of the first thing against each other one, where the sensor reaches so far.

    `things` are made of one box or several. The `dark` ones are lost anyway; `stray` (row and column slices) are
    pixels seen at 2.5 m all the same.
    """
    boxes = [(name, box) for name, made_of in things.items() for box in made_of]
    rays, ids = render([box for _, box in boxes], tilt(pitch), [FLOOR, WALL])
    shown = np.array([*(name for name, _ in boxes), ""])[ids]
    far = np.linalg.norm(rays, axis=-1) if along_sight else rays[..., 2]
    points = np.where(((far > reach) | np.isin(shown, dark))[..., None], 0, rays)
    if stray is not None:
        points[stray] = rays[stray] / rays[stray][..., 2:] * 2.5
    for name in ("clouds", "masks"):
        (folder / name).mkdir()
    pointmaps.write_pointmap(folder / "clouds" / "a.npy", points)
    entry, keys = {"depth": "a.png"}, {}
    for i, name in enumerate(things):
        mask = cv2.dilate((shown == name).astype(np.uint8), np.ones((3, 3))) * 255
        cv2.imwrite(str(folder / "masks" / f"{i}.png"), mask)
        keys[name] = f"[[{i}, {i}, {i + 9}, {i + 9}]]"
        entry[keys[name]] = [name, [0.0, 0.0, 9.0, 9.0], f"{i}.png"]
    (folder / "in.json").write_bytes(orjson.dumps({"images/a.jpg": entry}))
    arguments = ["--input-file", str(folder / "in.json"), "--point-cloud-dir", str(folder / "clouds")]
    arguments += ["--mask-dir", str(folder / "masks"), "--output-file", str(folder / "out.json")]
    assert multiview_layers.main(arguments) < 2
    found = orjson.loads((folder / "out.json").read_bytes())["images/a.jpg"]["order_list"]
    first, *others = things
    return {name: found[f"{keys[first]}>{keys[name]}"] for name in others}


@pytest.mark.parametrize("pitch", [0, 12])
@pytest.mark.parametrize("along_sight", [False, True])
def test_what_the_sensor_does_not_reach_is_behind_and_beside_what_it_does(tmp_path, along_sight, pitch):
    found = relations(tmp_path, {"crate": [CRATE], "wardrobe": [WARDROBE]}, along_sight=along_sight, pitch=pitch)
    assert found["wardrobe"] == [-1, 0, -1]


def test_a_picture_hangs_on_the_wall_that_is_out_of_range(tmp_path):
    picture, sofa = [[0.5, -0.5, 7.9], [1.3, 0.1, 8.0]], [[-0.2, 0.6, 3.0], [1.3, 1.4, 3.8]]
    found = relations(tmp_path, {"crate": [CRATE], "picture": [picture], "sofa": [sofa]})
    assert found["picture"][0] == -1 and found["picture"][2] == -1


def test_a_dark_thing_that_hangs_may_be_near_all_the_same(tmp_path):
    lamp = [[0.3, -0.8, 1.5], [0.5, -0.6, 1.7]]
    found = relations(tmp_path, {"crate": [CRATE], "pendant lamp": [lamp]}, dark=["pendant lamp"])
    assert found["pendant lamp"][2] == 0


def test_a_dark_lamp_whose_shade_is_seen_before_what_is_out_of_range_is_not_out_of_range(tmp_path):
    lamp = [[[0.1, -0.5, 1.9], [0.7, 0.1, 2.5]], [[0.38, 0.1, 2.18], [0.42, 1.4, 2.22]]]
    found = relations(
        tmp_path, {"crate": [[[-0.9, 1.0, 3.2], [-0.4, 1.4, 3.7]]], "floor lamp": lamp}, dark=["floor lamp"]
    )
    assert found["floor lamp"][2] >= 0


@pytest.mark.parametrize("reach", [3.6, 20.0])
def test_a_glass_table_and_what_stands_on_it_are_not_out_of_range(tmp_path, reach):
    legs = [[[x, 0.65, z], [x + 0.04, 1.4, z + 0.04]] for x in (-0.3, 0.86) for z in (2.0, 3.1)]
    things = {
        "crate": [[[-1.0, 1.0, 2.7], [-0.5, 1.4, 2.9]]],
        "table": [[[-0.3, 0.6, 2.0], [0.9, 0.65, 3.2]], *legs],
        "cup": [[[0.2, 0.5, 2.1], [0.3, 0.6, 2.2]]],
    }
    found = relations(tmp_path, things, reach, dark=["table", "cup"])
    assert found["table"][2] >= 0 and found["cup"][2] >= 0


def test_strays_before_what_is_out_of_range_are_not_its_surface(tmp_path):
    things = {"crate": [[[-0.9, 1.0, 3.1], [-0.4, 1.4, 3.6]]], "wardrobe": [WARDROBE]}
    found = relations(tmp_path, things, stray=np.s_[155:158, 185:205])
    assert found["wardrobe"][2] == -1


def test_single_strays_between_near_things_are_not_the_surface_of_what_is_out_of_range(tmp_path):
    things = {
        "crate": [[[-1.9, 1.0, 3.7], [-1.4, 1.4, 3.95]]],
        "wardrobe": [[[0.3, -1.0, 4.6], [1.3, 1.4, 5.2]]],
        "cupboard": [[[-0.5, -0.9, 3.1], [0.19, 1.4, 3.6]]],
        "cabinet": [[[0.86, -0.9, 3.1], [1.5, 1.4, 3.8]]],
        "sofa": [[[0.2, 0.7, 3.2], [0.85, 1.4, 3.8]]],
    }
    assert relations(tmp_path, things, stray=np.s_[130:142, 200:201])["wardrobe"][2] < 1


def test_of_what_goes_on_out_of_range_the_far_end_is_not_known(tmp_path):
    bench, picture = [[-2.2, 0.8, 2.8], [-1.4, 1.4, 4.5]], [[-0.3, -0.4, 3.8], [0.3, 0.2, 3.85]]
    found = relations(tmp_path, {"bench": [bench], "picture": [picture]}, along_sight=True)
    assert found["picture"][2] == 0


def test_what_is_dark_does_not_make_the_range_end_before_it():
    shelf, dark = [[0.3, 0.2, 5.25], [1.4, 1.4, 5.55]], [[-1.6, 0.2, 3.4], [-0.4, 1.4, 3.8]]
    points, ids = render([shelf, dark], walls=[FLOOR, [[-9, -3, 5.6], [9, 1.5, 5.7]]])
    points[ids == 1] = 0
    points[:150][ids[:150] == 0] = 0  # a part of the shelf is dark as well
    scene = frame.make_frame(points)
    surface = surfaces.find_surface(scene.depth, ids == 0, scene.soft)
    extent = extents.find_extent(scene, surface, "bookshelf")
    assert out_of_range.open_end(scene, surface, extent, "bookshelf") is extent


@pytest.mark.parametrize("count", [6, 30])
def test_strays_under_a_large_mask_give_no_layer_where_depth_is_dense(count):
    depth = np.zeros((240, 320), np.float32)
    depth[140:] = np.linspace(4.0, 2.0, 100)[:, None]
    mask = np.zeros((240, 320), bool)
    mask[10:110, 100:200] = True
    rows, columns = np.divmod(np.arange(count), 6)
    depth[40 + 2 * rows, 150 + 2 * columns] = 3.0
    labels = {"a": "wardrobe"}
    assert instances.find_surfaces(depth, {"a": mask}, False, False, labels, None)["a"] is None
    # Projected LiDAR is so sparse everywhere.
    depth[140:] = 0
    assert instances.find_surfaces(depth, {"a": mask}, False, True, labels, None)["a"] is not None


def test_what_flies_before_something_lost_gives_no_layer_where_much_is_out_of_range():
    depth = np.zeros((240, 320), np.float32)
    depth[180:] = np.linspace(4.0, 2.0, 60)[:, None]
    mask = np.zeros((240, 320), bool)
    mask[150:182, 100:140] = True  # ends before the ground
    depth[160:164, 112:117] = 2.8
    labels = {"a": "bag"}
    assert instances.find_surfaces(depth, {"a": mask}, False, False, labels, None)["a"] is None
