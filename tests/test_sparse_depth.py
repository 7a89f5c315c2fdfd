"""Projected LiDAR: which returns are an object's, and where the rest of it may be."""

import numpy as np
import pytest

from spacesgg import annotations, dark_things, extents, footprints, frame, instances, sparse_returns, street_sizes

HEIGHT, WIDTH, FOCAL, CAMERA = 120, 400, 240.0, 1.6  # pixels; metres above the road
HORIZON = HEIGHT / 2
CAR = street_sizes.SIZE_RANGES["car"]


def road_depth():
    """Return depth that holds every fourth scan line of a road, every third pixel."""
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    rows = np.arange(int(HORIZON) + 6, HEIGHT, 4)
    depth[rows[:, None], np.arange(0, WIDTH, 3)] = (CAMERA * FOCAL / (rows - HORIZON))[:, None]
    return depth


def place(depth, rows, columns, away):
    """Return the mask of an upright board, whose returns are put before what was there."""
    mask = np.zeros(depth.shape, bool)
    mask[slice(*rows), slice(*columns)] = True
    depth[mask] = 0
    depth[rows[0] : rows[1] : 4, columns[0] : columns[1] : 3] = away
    return mask


def foot(away):
    """Return the row at which something so far away stands on the road."""
    return int(round(HORIZON + CAMERA * FOCAL / away))


def depths(surface, depth):
    return set(np.unique(depth[surface.window][surface.pixels]).tolist())


def find(depth, masks, **labels):
    lidar = sparse_returns.is_sparse(depth)
    road = sparse_returns.find_road(depth) if lidar else None
    return instances.find_surfaces(depth, masks, False, lidar, labels, road)


def points_of(depth):
    """Return the (H, W, 3) point map of depth."""
    rows, columns = np.indices(depth.shape, np.float32)
    rays = np.stack([(columns - WIDTH / 2) / FOCAL, (rows - HORIZON) / FOCAL, np.ones_like(rows)], axis=-1)
    return (rays * depth[..., None]).astype(np.float32)


def extent_of(depth, mask, label):
    scene = frame.make_frame(points_of(depth))
    assert scene.ground_height == pytest.approx(CAMERA, abs=0.05)
    return extents.find_extent(scene, find(scene.depth, {"": mask})[""], label)


def test_the_road_is_found_without_intrinsics_and_only_in_sparse_depth():
    road = sparse_returns.find_road(road_depth())
    assert 1 / (road.along[foot(12.0)] + road.across[200]) == pytest.approx(12.0, rel=0.05)
    assert not sparse_returns.is_sparse(np.full((HEIGHT, WIDTH), 3.0, np.float32))


def test_a_corner_within_reach_of_a_depth_camera_is_not_sparse():
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    depth[:50, :100] = 3.0
    assert not sparse_returns.is_sparse(depth) and sparse_returns.is_sparse(road_depth())


def test_scan_lines_of_the_road_do_not_lead_from_one_object_to_the_next():
    depth = road_depth()
    place(depth, (52, foot(10.0)), (150, 190), 10.0)
    place(depth, (52, foot(6.0)), (200, 230), 6.0)
    box = np.zeros(depth.shape, bool)
    box[50 : foot(10.0) + 6, 145:195] = True  # with a strip of road before it
    found = depths(find(depth, {"a": box})["a"], depth)
    assert 10.0 in found and max(found) - min(found) < 0.2


def test_returns_behind_the_ground_at_the_foot_of_a_mask_are_not_its_own():
    depth = road_depth()
    mask = place(depth, (40, foot(10.0)), (150, 200), 10.0)
    depth[40 : foot(10.0), 150:200] = 0
    depth[80 : foot(10.0) : 4, 150:200:3] = 10.0
    depth[40:70:2, 152:198:2] = 30.0  # a house seen through its windows, by more returns than its own
    assert depths(find(depth, {"a": mask})["a"], depth) == {10.0}


def behind_a_pole(below=None):
    """Return depth of something 20 m away behind a pole of no mask, 12 m away, and its mask.

    `below` metres away something hides its foot.
    """
    depth = road_depth()
    mask = place(depth, (40, foot(20.0)), (150, 165), 20.0)
    depth[24 : foot(12.0), 157:161] = 0
    depth[24 : foot(12.0) : 4, 157:161] = 12.0
    if below is not None:
        depth[foot(20.0) : foot(below), 145:170] = below
    return depth, mask


def test_what_stands_has_its_foot_where_its_mask_ends():
    depth, mask = behind_a_pole()
    assert depths(find(depth, {"a": mask}, a="cyclist")["a"], depth) == {20.0}
    assert depths(find(depth, {"a": mask}, a="sign")["a"], depth) == {12.0}


def test_what_stands_may_have_a_hidden_foot():
    depth, mask = behind_a_pole(below=9.0)
    assert depths(find(depth, {"a": mask}, a="cyclist")["a"], depth) == {12.0}


def test_the_ground_is_not_quite_even():
    depth = road_depth()
    mask = place(depth, (40, foot(20.0) + sparse_returns.FOOT_PX), (150, 165), 22.0)
    depth[60:72:4, 150:165:3] = 12.0  # something small before it
    assert depths(find(depth, {"a": mask}, a="car")["a"], depth) == {22.0}


def test_what_stands_lower_than_the_road_beside_it_is_found():
    depth = road_depth()
    mask = place(depth, (52, foot(20.0) + sparse_returns.FOOT_PX), (20, 60), 23.0)
    assert depths(find(depth, {"a": mask}, a="car")["a"], depth) == {23.0}
    depth[60:76, 20:60:2] = 20.0  # then this is the object, and that behind it
    assert depths(find(depth, {"a": mask}, a="car")["a"], depth) == {20.0}
    wall = place(depth, (52, foot(20.0) + sparse_returns.FOOT_PX), (20, 60), 27.0)
    assert find(depth, {"a": wall}, a="car")["a"] is None


@pytest.mark.parametrize(("above", "left"), [(26.5, {0.0, 26.5}), (27.4, {0.0})])
def test_upright_returns_at_the_height_of_the_road_are_none_of_it(above, left):
    road = sparse_returns.Road((np.arange(HEIGHT) - HORIZON) / (CAMERA * FOCAL), np.zeros(WIDTH))
    depth, claimed = np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), bool)
    depth[74, 100:110:3], depth[76, 100:110:3] = above, 26.5
    assert not sparse_returns.standing(depth, road, claimed).any()
    claimed[70:80, 90:120] = True
    assert set(np.unique(sparse_returns.standing(depth, road, claimed)).tolist()) == left


def test_returns_where_another_mask_claims_them_too_are_the_other_s():
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    car = place(depth, (40, 70), (120, 200), 12.0)
    person = np.zeros(depth.shape, bool)
    person[38:76, 150:165] = True
    depth[person] = 9.0  # within the box of the car
    found = find(depth, {"car": car, "person": person})
    assert depths(found["car"], depth) == {12.0} and depths(found["person"], depth) == {9.0}


def test_what_lidar_sees_over_an_occluder_does_not_look_like_going_on_outside_the_mask():
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    far = place(depth, (44, 48), (150, 200), 40.0)
    near = place(depth, (48, 100), (140, 210), 8.0)
    depth[48:60:2, 152:200:3] = 40.0  # between the near one's own returns: it is seen over
    depth[49:100:2, 141:210:2] = 8.0
    assert depths(find(depth, {"far": far, "near": near})["far"], depth) == {40.0}
    assert find(depth, {"far": far})["far"] is None


def test_returns_that_fill_another_mask_better_are_the_other_s():
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    depth[20:100:4, 60:140:3] = 30.0  # a wall that goes on outside the box beside it
    near = place(depth, (40, 90), (140, 200), 9.0)
    far = np.zeros(depth.shape, bool)
    far[44:64, 130:180] = True  # nothing of it is seen by the LiDAR
    found = find(depth, {"far": far, "near": near})
    assert depths(found["near"], depth) == {9.0} and found["far"] is None


def test_in_a_crowd_of_boxes_the_returns_of_others_are_told_first():
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    near = place(depth, (40, 90), (140, 200), 9.0)
    depth[41:90:3, 160:200:2] = 20.0  # under the box of the near one, most of it beside the far one's
    far = np.zeros(depth.shape, bool)
    far[42:88, 142:165] = True
    found = find(depth, {"far": far, "near": near})
    assert depths(found["near"], depth) == {9.0} and depths(found["far"], depth) == {20.0}


def two_clusters():
    """Return depth of a few returns 9 m away before more 20 m away, and their mask."""
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    mask = place(depth, (40, 70), (100, 160), 20.0)
    depth[40:70, 150:160] = 0
    depth[40:70:2, 150:160:2] = 9.0
    return depth, mask


def own_depths(depth, mask, overlap=None):
    pixels = sparse_returns.find_returns(depth, mask, np.s_[40:70, 100:160], overlap)
    return set(np.unique(depth[40:70, 100:160][pixels]).tolist())


def test_of_two_surfaces_under_a_mask_the_nearer_is_the_object_if_it_ends_there():
    depth, mask = two_clusters()
    assert own_depths(depth, mask) == {9.0}
    depth[40:70:2, 161:167:2] = 9.0  # it goes on a little outside the mask
    assert own_depths(depth, mask) == {20.0}


def test_what_only_another_mask_shows_alone_is_not_chosen_and_nothing_where_all_is_shared():
    depth, mask = two_clusters()
    depth[40:70, 150:160] = 9.0  # more than of the other
    overlap = np.zeros(depth.shape, bool)
    overlap[:, 148:] = True
    assert own_depths(depth, mask, overlap) == {20.0}
    assert own_depths(depth, mask, np.ones(depth.shape, bool)) == set()


def test_a_box_is_a_mask_where_depth_is_sparse():
    key = "[[25, 166, 75, 333]]"
    entry = {key: ["car", [10.0, 20.0, 30.0, 40.0]], "width": WIDTH, "height": HEIGHT}
    objects, _ = annotations.sound_objects("i", entry)
    sparse, _ = instances.find_masks(objects, entry, (HEIGHT, WIDTH), True, None, "depth map")
    assert np.count_nonzero(sparse[key]) == 400 and sparse[key][20:40, 10:30].all()
    assert not instances.find_masks(objects, entry, (HEIGHT, WIDTH), False, None, "depth map")[0]


def car_points(heading, centre, size, rng):
    """Return (2, N) returns on the faces of a car that look to the camera, and its (4, 2) corners."""
    axes = np.array([[np.cos(heading), np.sin(heading)], [-np.sin(heading), np.cos(heading)]])
    half = np.array(size) / 2
    corners = centre + (np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half) @ axes
    points = []
    for axis in (0, 1):
        for side in (-1, 1):
            middle = centre + side * half[axis] * axes[axis]
            if middle @ (side * axes[axis]) < 0:
                along = rng.uniform(-0.97, 0.97, int(40 * half[1 - axis])) * half[1 - axis]
                points.append(middle - 0.08 * side * axes[axis] + along[:, None] * axes[1 - axis])
    points = np.concatenate(points)
    bearings = points[:, 0] / points[:, 1]
    visible = [
        p
        for p, b in zip(points, bearings, strict=True)
        if p @ p <= 1.02 * min(q @ q for q in points[abs(bearings - b) < 0.004])
    ]
    return np.array(visible).T + rng.normal(0, 0.02, (2, len(visible))), corners


@pytest.mark.parametrize("hide", [False, True])
def test_bodies_lie_within_the_bounds_of_all_rectangles_that_agree(hide):
    rng = np.random.default_rng(3)
    spans = []
    for _ in range(60):
        size = (rng.uniform(3.2, 4.8), rng.uniform(1.5, 1.9))
        centre = np.array([rng.uniform(-8, 8), rng.uniform(10, 40)])
        points, corners = car_points(rng.uniform(0, np.pi), centre, size, rng)
        bearings = corners[:, 0] / corners[:, 1]
        left, right = bearings.min(), bearings.max()
        sight = footprints.Sight(left, right, left, right, 3 / 700 + 0.02 * (right - left))
        if hide:  # the right half, behind something nearer
            edge = (left + right) / 2
            points = points[:, points[0] / points[1] < edge]
            sight = sight._replace(right=edge, right_limit=edge + 5.0 / centre[1])
        if points.shape[1] < 12:
            continue
        low, high = footprints.find_bounds(points, np.ones(points.shape[1], bool), sight, CAR)
        assert (low < corners.min(axis=0) + 0.15).all() and (high > corners.max(axis=0) - 0.15).all()
        spans.append(high - low - np.ptp(corners, axis=0))
    assert len(spans) > 30
    assert np.median(spans) < (3.5 if hide else 1.2)  # and they are no wider than the sizes of cars leave open


def test_of_a_barrier_seen_end_on_its_length_is_held_open():
    depth = road_depth()
    barrier = place(depth, (foot(12.0) - 18, foot(12.0)), (195, 205), 12.0)
    assert extent_of(depth, barrier, "barrier").box[1, 2] > 14.5


def test_of_a_car_seen_from_behind_all_lengths_are_held_open():
    points = np.stack([np.linspace(-0.8, 0.8, 30), np.full(30, 20.0)])
    sight = footprints.Sight(-0.0425, 0.0425, -0.0425, 0.0425, 0.006)
    low, high = footprints.find_bounds(points, np.ones(30, bool), sight, CAR)
    assert low[1] == pytest.approx(19.8, abs=0.2) and high[1] == pytest.approx(25.0, abs=0.3)
    assert np.allclose([low[0], high[0]], [-0.95, 0.95], atol=0.45)  # and headings that the near end hides


def test_a_mask_too_narrow_for_any_car_is_that_of_one_half_hidden():
    points = np.stack([np.linspace(-0.2, 0.2, 20), np.full(20, 20.0)])
    sight = footprints.Sight(-0.012, 0.012, -0.012, 0.012, 0.005)
    low, high = footprints.find_bounds(points, np.ones(20, bool), sight, CAR)
    assert low[0] < -1.2 and high[0] > 1.2


def test_where_only_the_cabin_is_seen_the_hood_is_held_open():
    points = np.stack([np.linspace(-0.7, 0.7, 30), np.full(30, 20.0)])
    sight = footprints.Sight(-0.0425, 0.0425, -0.0425, 0.0425, 0.006)
    low, _ = footprints.find_bounds(points, np.zeros(30, bool), sight, CAR)
    assert low[1] < 18.8


def test_returns_that_no_body_holds_with_the_others_are_strays():
    points = np.stack([np.linspace(-0.8, 0.8, 30), np.full(30, 20.0)])
    strays = np.array([[0.5, 0.6, 0.7], [26.0, 26.1, 26.2]])
    sight = footprints.Sight(-0.0425, 0.0425, -0.0425, 0.0425, 0.006)
    bounds = footprints.find_bounds(np.hstack([points, strays]), np.ones(33, bool), sight, CAR)
    assert np.allclose(bounds, footprints.find_bounds(points, np.ones(30, bool), sight, CAR), atol=0.1)


def test_returns_larger_than_any_of_the_kind_agree_with_no_rectangle():
    points = np.stack([np.linspace(-5, 5, 30), np.full(30, 20.0)])
    assert (
        footprints.find_bounds(points, np.ones(30, bool), footprints.Sight(-0.25, 0.25, -0.25, 0.25, 0.006), CAR)
        is None
    )


def test_a_tree_of_which_only_the_trunk_returns_reaches_out_to_both_sides():
    depth = road_depth()
    trunk = place(depth, (40, foot(20.0)), (196, 204), 20.0)
    crown = trunk.copy()
    crown[10:40, 170:230] = True  # 5 m wide, above the scan lines
    box = extent_of(depth, crown, "tree").box
    assert box[0, 2] < 17.6 and box[1, 2] > 22.4
    assert extent_of(depth, trunk, "tree").box[0, 2] > 19.5


def test_of_a_person_whose_legs_return_the_rest_is_near_its_returns():
    depth = road_depth()
    person = place(depth, (foot(15.0) - 26, foot(15.0)), (194, 206), 15.0)
    box = extent_of(depth, person, "pedestrian").box
    assert 14.45 < box[0, 2] < 14.8 and 15.3 < box[1, 2] < 15.65
    depth[foot(15.0) - 10 : foot(15.0), 194:206] = 0
    box = extent_of(depth, person, "pedestrian").box
    assert box[1, 2] > 15.8


def test_the_arm_of_a_street_lamp_may_point_to_the_camera_or_away():
    depth = road_depth()
    pole = place(depth, (20, foot(15.0)), (198, 202), 15.0)
    box = extent_of(depth, pole, "street lamp").box
    assert box[0, 2] < 13.2 and box[1, 2] > 16.8 and np.ptp(box[:, 0]) < 0.5
    assert extent_of(depth, pole, "bollard").box[0, 2] > 14.8


def test_the_arm_of_a_lamp_above_the_picture_may_point_to_either_side():
    depth = road_depth()
    pole = place(depth, (0, foot(15.0)), (198, 202), 15.0)
    box = extent_of(depth, pole, "street lamp").box
    assert box[0, 0] < -1.8 and box[1, 0] > 1.8


def test_a_crown_may_come_nearer_above_the_scan_lines():
    depth = road_depth()
    crown = place(depth, (10, foot(20.0)), (170, 230), 20.0)
    depth[10:60, 170:230] = 0
    assert extent_of(depth, crown, "tree").box[0, 2] < 19.4


def test_returns_that_no_car_explains_say_little_of_where_it_is():
    depth = road_depth()
    wide = place(depth, (52, foot(20.0)), (100, 230), 20.0)  # 11 m
    box = extent_of(depth, wide, "car").box
    assert box[0, 2] < 15.1 and box[1, 2] > 24.9


def test_what_is_beside_a_mask_hides_an_object_up_to_the_other_mask_s_edge():
    depth = road_depth()
    car = place(depth, (52, foot(20.0)), (150, 170), 20.0)
    hidden = extents.find_extent(frame.make_frame(points_of(depth)), find(depth, {"": car})[""], "car").box
    other = place(depth, (50, foot(8.0)), (170, 230), 8.0)
    depth[:, 170:185] = 0  # no returns at its edge: it is dark there
    scene = frame.make_frame(points_of(depth))
    shown = find(scene.depth, {"car": car, "other": other})
    scene = dark_things.hide_behind(scene, [(car, shown["car"]), (other, shown["other"])])
    assert extents.find_extent(scene, shown["car"], "car").box[1, 0] > hidden[1, 0] + 1
