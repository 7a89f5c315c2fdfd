"""Objects that returned no depth: their extents hold them wherever they are, and tell what is proven."""

import random

import cv2
import numpy as np
import orjson
import pytest
from ray_cast import render, tilt
from test_multiview import KEYS, make_dataset, run, sign

from spacesgg import frame, glimpses, label_kinds, lost_depth, offline_description, pointmaps, scene, views
from spacesgg.errors import InputError

FLOOR = [[-8, 1.4, -1], [8, 1.5, 12]]
WALL = [[-8, -3, 7], [8, 1.5, 7.1]]
TABLE = [[-0.9, 0.6, 2.2], [0.9, 0.65, 3.6]]


def find(points, masks, label):
    """Return the extent of the thing "a" under the first of the masks, none of which has depth, called so."""
    things = {key: lost_depth.Thing(mask, label if key == "a" else "thing") for key, mask in masks.items()}
    return lost_depth.find_extent(frame.make_frame(points), things, "a")


def place(things, label="thing", grow=2, rotation=None, walls=(FLOOR, WALL), others=True):
    """Return the extent of the first of the things, which has no depth, under a mask grown by some pixels."""
    points, ids = render(things, rotation, walls)
    points[ids == 0] = 0
    kernel = np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)
    mask = cv2.dilate((ids == 0).astype(np.uint8), kernel) > 0
    return find(points, {"a": mask, "b": (ids > 0) & others}, label)


def holds(extent, box):
    low, high = extent.box[0] - extent.margin, extent.box[1] + extent.margin
    return bool((low <= np.array(box[0])).all() and (high >= np.array(box[1])).all())


@pytest.mark.parametrize("grow", [0, 2, 5, 8])
@pytest.mark.parametrize("pitch", [0, 25])
def test_what_rests_on_the_ground_is_where_its_lower_edge_meets_it(grow, pitch):
    crate = [[-0.2, 1.0, 3.6], [0.2, 1.4, 4.0]]
    extent = place([crate], grow=grow, rotation=tilt(pitch))
    assert holds(extent, crate)
    assert extent.box[0, 2] > 2.9 and extent.box[1, 2] < 5.4 and extent.box[1, 1] < 1.43


def test_beside_what_stands_on_the_ground_something_else_may_hide_it():
    crate, wardrobe = [[-0.2, 1.0, 3.6], [0.2, 1.4, 4.0]], [[0.25, -0.5, 3.6], [1.2, 1.4, 4.4]]
    extent = place([crate, wardrobe])
    assert holds(extent, crate) and extent.box[0, 2] > 2.9 and extent.box[1, 2] < 5.4


@pytest.mark.parametrize("grow", [0, 2, 5])
def test_what_rests_on_a_table_is_where_its_lower_edge_meets_the_top(grow):
    box = [[-0.1, 0.4, 2.7], [0.1, 0.6, 2.9]]
    extent = place([box, TABLE], grow=grow)
    assert holds(extent, box)
    assert extent.box[0, 2] > 2.3 and extent.box[1, 2] < 3.8 and extent.box[1, 1] < 0.65


def test_a_wider_thing_may_be_nearer_above_than_its_foot_is():
    foot, shade = [[-0.05, 0.9, 3.2], [0.05, 1.4, 3.3]], [[-0.3, 0.5, 2.95], [0.3, 0.9, 3.55]]
    points, ids = render([foot, shade], walls=[FLOOR, WALL])
    points[ids >= 0] = 0
    extent = find(points, {"a": ids >= 0}, "floor lamp")
    assert holds(extent, shade) and extent.box[0, 2] > 2.5


def test_what_may_hang_is_only_known_to_be_before_what_is_seen_around_it():
    globe = [[-0.2, 0.2, 2.5], [0.2, 0.6, 2.9]]  # the floor is seen below it
    extent = place([globe], "pendant lamp", rotation=tilt(25))
    assert holds(extent, globe)
    assert extent.box[0, 2] == pytest.approx(lost_depth.NEAREST_M) and extent.box[1, 2] < 7.2


def test_what_something_nearer_holds_has_no_foot():
    cup, hand = [[-0.1, 0.4, 2.5], [0.1, 0.6, 2.7]], [[0.1, 0.4, 2.5], [0.4, 0.6, 2.7]]
    assert holds(place([cup, hand], "cup", rotation=tilt(25)), cup)


@pytest.mark.parametrize("label", ["bag", "lantern"])
def test_what_is_held_or_hangs_over_a_table_is_before_the_top_that_is_seen_below_it(label):
    bag, hand = [[-0.1, 0.35, 2.4], [0.1, 0.5, 2.5]], [[-0.1, 0.2, 1.7], [0.1, 0.26, 1.8]]
    extent = place([bag, hand, TABLE] if label == "bag" else [bag, TABLE], label)
    assert holds(extent, bag) and extent.box[0, 2] < 1.0 and extent.box[1, 2] < 4.0


def test_of_what_the_picture_cuts_the_lowest_point_is_above_the_ground():
    crate = [[-3.0, 0.9, 3.2], [-1.5, 1.4, 3.6]]
    extent = place([crate], "crate")
    assert holds(extent, [[-1.9, 0.9, 3.2], crate[1]]) and extent.box[1, 2] < 5.5


def test_a_seat_shows_by_a_few_rows_that_it_goes_on_behind_what_lies_on_it():
    seat, ball = [[-0.25, 0.95, 3.0], [0.25, 1.0, 3.4]], [[-0.05, 0.85, 3.1], [0.05, 0.95, 3.2]]
    extent = place([ball, seat])
    assert holds(extent, ball) and extent.box[0, 2] > 2.8 and extent.box[1, 2] < 3.8


def test_one_step_of_the_sensor_s_depth_beside_the_foot_is_no_wall():
    box, table = [[-0.04, 0.2, 2.4], [0.04, 0.3, 2.5]], [[-0.9, 0.3, 1.8], [0.9, 0.35, 3.1]]
    points, ids = render([box, table], walls=(FLOOR, WALL))
    points[ids == 0] = 0
    foot = np.nonzero(ids == 0)[0].max()
    step = np.s_[foot - 6 : foot - 1]  # these rows return the same depth
    z = points[step, :, 2:]
    points[step] *= np.where(z > 0, np.median(z[z > 0]) / np.maximum(z, 1e-3), 0)
    mask = cv2.dilate((ids == 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    extent = find(points, {"a": mask, "b": ids > 0}, "thing")
    assert holds(extent, box) and extent.box[1, 2] < 3.2


def test_a_picture_with_wall_on_all_sides_hangs_on_it():
    picture = [[-0.3, -0.8, 6.95], [0.3, -0.3, 7.0]]
    extent = place([picture], "picture")
    assert holds(extent, picture) and extent.box[0, 2] > 6.7 and extent.box[1, 2] < 7.1
    assert place([picture], "drone").box[0, 2] < 1.0  # which flies


def test_a_picture_that_stands_on_a_table_is_not_on_the_wall():
    photo = [[-0.3, 0.2, 3.0], [0.3, 0.6, 3.05]]
    extent = place([photo, TABLE], "photo")
    assert holds(extent, photo) and extent.box[0, 2] < 3.0


def test_what_is_small_looks_no_larger_than_it_is():
    cup = [[-0.05, 0.0, 3.0], [0.05, 0.1, 3.1]]  # in the air
    assert holds(place([cup], "cup"), cup) and place([cup], "cup").box[0, 2] > 0.7
    assert place([cup], "lamp").box[0, 2] == pytest.approx(lost_depth.NEAREST_M)


def test_a_small_thing_of_which_a_part_is_hidden_may_be_as_near_as_what_hides_it():
    cup, lids = [[-0.05, 0.0, 0.9], [0.05, 0.1, 1.0]], [[[-0.2, -0.1, 0.7], [0.2, 0.03, 0.8]]]
    lids += [[[-0.2, 0.05, 0.7], [0.2, 0.2, 0.8]], [[-0.2, -0.1, 0.7], [-0.01, 0.2, 0.8]]]
    lids += [[[0.01, -0.1, 0.7], [0.2, 0.2, 0.8]]]
    extent = place([cup, *lids], "cup", grow=0)
    assert extent.box[0, 2] < 0.9 and extent.box[0, 2] > 0.6


def test_beyond_its_largest_a_small_thing_is_not():
    cup = [[-0.2, -0.2, 3.0], [0.2, 0.2, 3.1]]
    assert place([cup], "cup").box[1, 2] < 3.0 < place([cup], "thing").box[1, 2]


def test_the_far_edge_of_a_table_hides_the_foot_of_what_stands_behind():
    person = [[-0.3, -0.2, 5.0], [0.3, 1.4, 5.4]]
    extent = place([person, TABLE], "person")
    assert holds(extent, person) and extent.box[0, 2] > 2.3  # not before the table either


def test_what_the_picture_cuts_has_no_foot():
    # Seen from its far end: the near end lies beyond the right border.
    yaw = np.radians(40)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    bench = [[-2.0, 0.9, 4.1], [1.0, 1.4, 4.5]]
    low, high = np.array(bench)
    corners = np.array(
        [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )
    corners = corners @ turn.T
    extent = place([bench], rotation=turn)
    assert holds(extent, [corners.min(axis=0), corners.max(axis=0)])


def test_a_wall_below_a_thing_does_not_carry_it():
    cabinet = [[-0.2, -0.3, 6.2], [0.2, 0.5, 7.0]]
    assert holds(place([cabinet], "cabinet"), cabinet)


def test_what_stands_on_a_dark_thing_has_no_foot():
    cup, book = [[-0.1, 0.8, 3.0], [0.1, 1.0, 3.2]], [[-0.3, 1.0, 2.7], [0.3, 1.4, 3.5]]
    points, ids = render([cup, book], walls=[FLOOR, WALL])
    points[ids >= 0] = 0
    extent = find(points, {"a": ids == 0, "b": ids == 1}, "cup")
    assert holds(extent, cup)


def test_what_is_seen_through_a_shelf_is_not_before_it():
    case, behind = [[-0.8, -0.6, 3.0], [-0.4, 1.4, 3.3]], [[-0.9, -0.9, 5.0], [0.9, 0.5, 5.4]]
    sides = [case, [[0.4, -0.6, 3.0], [0.8, 1.4, 3.3]], [[-0.8, 0.1, 3.0], [0.8, 1.4, 3.3]]]
    top = [[-0.8, -0.8, 3.0], [0.8, -0.4, 3.3]]
    assert holds(place([behind, *sides, top], "box"), behind)
    assert not holds(place([behind, *sides, top], "box", others=False), behind)


def test_nothing_tells_where_a_thing_is_in_sparse_depth():
    points, ids = render([[[-0.2, 1.0, 3.0], [0.2, 1.4, 3.4]]], walls=[FLOOR, WALL])
    points[np.random.default_rng(0).random(ids.shape) > 0.05] = 0
    assert find(points, {"a": ids == 0}, "crate") is None


def test_before_the_sky_only_the_rays_tell():
    left = [[-1.2, -1.0, 5.0], [-0.8, -0.6, 5.4]]
    extent = place([left], "kite", walls=[FLOOR])
    box = np.array([[0.5, 0.9, 2.0], [0.9, 1.4, 2.4]])
    right = extent._replace(box=box, seen=box)
    assert views.order_lists({"kite": extent, "crate": right}, tilt_sigma=0.005)["front"]["kite>crate"][0] == -1


@pytest.mark.parametrize(
    ("label", "hangs"), [("wall clock", True), ("floor lamp", False), ("cup", False), ("hanging plant", True)]
)
def test_labels_tell_what_may_hang(label, hangs):
    assert label_kinds.may_hang(label) == hangs


@pytest.mark.parametrize("lost", ["cupboard", "lamp"])
def test_an_object_without_depth_is_in_relations_in_no_layer_and_named(tmp_path, lost):
    make_dataset(tmp_path)
    points = pointmaps.read_pointmap(tmp_path / "clouds" / "a.npy")
    mask = cv2.imread(str(tmp_path / "masks" / f"{list(KEYS).index(lost)}.png"), cv2.IMREAD_GRAYSCALE)
    rows, columns = np.nonzero(mask)
    points[rows[5:], columns[5:]] = 0  # a few strays are no surface
    pointmaps.write_pointmap(tmp_path / "clouds" / "a.npy", points)
    status, entry = run(tmp_path)
    assert status == 1 and len(entry["order_list"]) == 3
    levels = [entry["levels"], *(view["levels"] for view in entry["views"].values())]
    assert not any(KEYS[lost] in layer for seen in levels for layer in seen)
    reason = (tmp_path / "out.json.errors.jsonl").read_text()
    assert KEYS[lost] in reason and "too few points" in reason and "relations only by" in reason
    if lost == "cupboard":
        assert sign(entry, "cupboard", "crate") == [1, 0, 1] and sign(entry, "cupboard", "lamp") == [1, 1, 0]
        assert sign(entry, "cupboard", "crate", "left") == [-1, 0, 1]
    else:
        assert sign(entry, "lamp", "crate") == [1, -1, 0] and sign(entry, "lamp", "cupboard") == [-1, 0, 0]


@pytest.mark.parametrize("rim", ["its own", "flying", "the wall's"])
def test_the_rim_of_an_object_without_depth_tells_how_far_away_it_is(tmp_path, rim):
    things = {"lamp": [[-0.3, -0.1, 3.6], [0.1, 0.15, 4.0]], "cupboard": [[0.6, 0.3, 6.0], [1.4, 1.4, 6.6]]}
    make_dataset(tmp_path, things=things)
    lamp, cupboard = list(KEYS.values())[:2]
    points = pointmaps.read_pointmap(tmp_path / "clouds" / "a.npy")
    mask = cv2.imread(str(tmp_path / "masks" / "0.png"), cv2.IMREAD_GRAYSCALE) > 0
    columns = np.flatnonzero(mask.any(axis=0))
    edge = mask & np.isin(np.arange(mask.shape[1]), [columns[0], columns[-1]])
    points[mask & ~edge] = 0
    depths = np.linspace(3.6, 8, np.count_nonzero(edge)) if rim == "flying" else 8.0
    if rim != "its own":
        points[edge] *= (depths / points[edge][:, 2])[:, None]
    pointmaps.write_pointmap(tmp_path / "clouds" / "a.npy", points)
    status, entry = run(tmp_path)
    assert status == 1 and (entry["order_list"][f"{lamp}>{cupboard}"][2] == -1) == (rim == "its own")
    assert any(lamp in layer for layer in entry["levels"]) == (rim == "its own")
    assert not any(lamp in layer for view in entry["views"].values() for layer in view["levels"])
    (line,) = map(orjson.loads, (tmp_path / "out.json.errors.jsonl").read_bytes().splitlines())
    found, area = np.count_nonzero(points[mask][:, 2]), np.count_nonzero(mask)
    told = f"too few points under the mask ({found} of {area}, too few of them its own); it has relations only by "
    told += "what is seen around it, and no layer by its points"
    if rim == "its own":
        told = "only a few points under the mask are its own; it has relations by these and by what is seen "
        told += "around it, and a layer in the front view only"
    assert line == {"image": line["image"], "object": lamp, "reason": f"lamp: {told}"}


def test_what_has_no_depth_is_named_to_a_model_as_in_no_layer_and_refused_by_the_offline_writer():
    near, far, lost = (f"[[{i}, {i}, {i + 9}, {i + 9}]]" for i in (1, 2, 3))
    entry = {key: [label, [0, 0, 9, 9]] for key, label in ((near, "desk"), (far, "sofa"), (lost, "cup"))}
    entry["order_list"] = {f"{near}>{far}": [0, 0, -1], f"{near}>{lost}": [0, 0, 1], f"{far}>{lost}": [-1, 0, 1]}
    for levels in ([[near], [far]], [[near, far]]):
        told = scene.Scene.from_entry("a.jpg", entry | {"levels": levels})
        with pytest.raises(InputError, match=r"in no layer.* is cup \[\[3"):
            offline_description.describe(told, random.Random(0))
        assert "in no layer" in told.layer_lines() and told.layer_lines().endswith(told.tag(lost))


def test_of_sparse_depth_nothing_is_told_though_the_mask_leaves_nothing_around_it():
    points, ids = render([[[-0.2, 1.0, 3.6], [0.2, 1.4, 4.0]]], None, (FLOOR, WALL))
    sparse = np.zeros_like(points)
    sparse[::4, ::5] = points[::4, ::5]
    scene = frame.make_frame(sparse)
    assert scene.lidar
    for mask in (np.ones(ids.shape, bool), np.indices(ids.shape).sum(axis=0) % 2 == 0):
        assert find(sparse, {"a": mask}, "television") is None


@pytest.mark.parametrize(("beside", "told"), [(5.0, False), (7.0, True)])
def test_pixels_as_far_away_as_what_is_next_to_the_mask_tell_nothing_of_the_object(beside, told):
    z = np.full((20, 30), beside, np.float32)
    inside = np.zeros(z.shape, bool)
    inside[2:18, 5:25] = True
    z[inside] = 0
    z[4:14, 12] = 5.02  # amid a hole: no surface leads there from outside
    found = glimpses.find(z, inside, np.zeros(z.shape, bool))
    assert np.count_nonzero(found) == (10 if told else 0)
