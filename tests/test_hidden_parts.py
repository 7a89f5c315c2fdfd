"""Where an object goes on that its depth does not show: relations must reckon with it."""

import cv2
import numpy as np
import pytest
from ray_cast import render

from spacesgg import (
    completion,
    dark_things,
    edge_rays,
    extents,
    frame,
    label_kinds,
    resting,
    slopes,
    sparse_returns,
    surfaces,
    visible,
)
from spacesgg.outlines import find_outline, thin

FLOOR = [[-8, 1.4, -1], [8, 1.5, 12]]
WALL = [[-8, -3, 8], [8, 1.5, 8.1]]


def see(things, lost=None):
    """Return the frame of things on a floor, without the depth of `lost` (pixels (H, W)), and their ids."""
    points, ids = render(things, walls=[FLOOR, WALL])
    if lost is not None:
        points[lost(points, ids)] = 0
    return frame.make_frame(points), ids


def box_of(scene, mask, label="thing"):
    return extents.find_extent(scene, surfaces.find_surface(scene.depth, mask, scene.soft), label).box


def test_the_upper_edge_of_a_mask_tells_how_far_back_a_top_without_depth_goes():
    crate = [[-0.4, 0.5, 2.0], [0.4, 1.4, 3.0]]
    scene, ids = see([crate], lambda points, ids: (ids == 0) & (points[..., 2] > 2.02))
    assert 2.85 < box_of(scene, ids == 0)[1, 2] < 3.1


def test_a_foot_without_depth_stands_where_the_ground_is_seen_below_it():
    post, foot = [[-0.1, -0.2, 4.0], [0.1, 1.4, 4.1]], [[-0.1, 1.3, 3.75], [0.1, 1.4, 4.0]]
    scene, ids = see([post, foot], lambda _, ids: ids == 1)
    assert box_of(scene, ids >= 0)[0, 2] == pytest.approx(3.75, abs=0.06)


def test_a_thing_without_depth_hides_what_goes_on_behind_it():
    post, dark = [[-0.1, 0.0, 4.4], [0.1, 1.4, 4.6]], [[-1.0, 0.6, 3.8], [1.0, 1.4, 4.0]]
    scene, ids = see([post, dark], lambda _, ids: ids == 1)
    assert box_of(scene, ids == 0)[1, 1] < 0.9  # nothing is known of the dark thing
    masks = [(ids == number, surfaces.find_surface(scene.depth, ids == number, scene.soft)) for number in (0, 1)]
    assert box_of(dark_things.hide_behind(scene, masks), ids == 0)[1, 1] == pytest.approx(1.4, abs=0.03)


def test_sparse_returns_that_go_on_outside_the_mask_are_another_object_s():
    depth, mask = np.zeros((60, 120), np.float32), np.zeros((60, 120), bool)
    mask[20:40, 40:80] = True
    depth[10:50:4, 10:60:4] = 12.0  # a car before it, half of it outside the mask
    depth[20:40:4, 62:80:4] = 25.0
    pixels = sparse_returns.find_returns(depth, mask, np.s_[20:40, 40:80])
    assert set(depth[20:40, 40:80][pixels]) == {25.0}


@pytest.mark.parametrize(
    ("label", "stands"), [("coffee table", True), ("table lamp", False), ("floor lamp", True), ("box", False)]
)
def test_furniture_stands_on_the_ground_whatever_hides_its_feet(label, stands):
    shelf, thing = [[-1.0, 0.9, 2.2], [1.0, 1.0, 2.4]], [[-0.3, 0.3, 3.0], [0.3, 0.8, 3.4]]
    scene, ids = see([shelf, thing])
    assert (box_of(scene, ids == 1, label)[1, 1] > 1.35) == stands == label_kinds.stands_on_ground(label)


def test_a_table_whose_top_lost_its_depth_still_carries_the_cup_on_it():
    cup, table = [[-0.1, 0.5, 4.0], [0.1, 0.7, 4.2]], [[-1.0, 0.7, 3.6], [1.0, 0.75, 4.8]]
    scene, ids = see([cup, table], lambda points, ids: (ids == 1) & (points[..., 2] > 3.61))
    assert box_of(scene, ids == 0, "cup")[1, 1] < 0.8


def test_an_armchair_of_which_a_strip_is_seen_may_be_as_wide_as_armchairs_are():
    """A wall hides the rest: what nothing is known of is held to show half of itself."""
    armchair, screen = [[-0.1, 0.4, 4.0], [0.9, 1.4, 4.9]], [[0.08, -1.0, 3.0], [2.0, 1.4, 3.1]]
    scene, ids = see([armchair, screen])
    assert box_of(scene, ids == 0, "armchair")[1, 0] > 0.9
    assert box_of(scene, ids == 0, "thing")[1, 0] < 0.9


def test_a_cabinet_cut_by_the_picture_comes_no_nearer_than_its_corner():
    """Its side recedes, and taken as a part of its front it would bring the part outside the picture nearer."""
    scene, ids = see([[[-2.5, 0.4, 3.0], [-1.0, 1.4, 4.5]]])
    assert box_of(scene, ids == 0)[0, 2] > 2.95


def test_a_ball_whose_side_is_hidden_is_no_wider_than_round():
    points, ids = render([[[0.25, -1.0, 2.0], [2.0, 1.4, 2.1]]], walls=[FLOOR, WALL])
    rays = points / np.maximum(points[..., 2:], 1e-6)
    centre, radius = np.array([0.1, 1.0, 3.0]), 0.4
    along, square = rays @ centre, (rays * rays).sum(axis=-1)
    under = along**2 - square * (centre @ centre - radius**2)
    depth = (along - np.sqrt(np.maximum(under, 0))) / np.maximum(square, 1)
    ball = (under > 0) & (depth < points[..., 2])
    points[ball] = (rays * depth[..., None])[ball]
    assert 0.45 < box_of(frame.make_frame(points), ball)[1, 0] < 0.6


def test_a_silhouette_with_background_beside_it_ends_there():
    """The wall shows in a strip of four pixels between the post and the screen, less than edges are trusted."""
    post, screen = [[-0.2, -0.6, 4.0], [0.2, 1.4, 4.4]], [[0.13, -2.0, 2.0], [1.0, 1.4, 2.1]]
    scene, ids = see([post, screen])
    assert box_of(scene, ids == 0)[1, 0] < 0.25


def test_the_seat_of_a_chair_may_go_any_way_from_a_back_above_an_occluder():
    back, screen = [[-0.2, 0.3, 4.0], [0.2, 1.4, 4.05]], [[-1.0, 0.8, 3.0], [1.0, 1.4, 3.1]]
    scene, ids = see([back, screen])
    chair, thing = box_of(scene, ids == 0, "chair"), box_of(scene, ids == 0, "thing")
    assert chair[0, 2] < 3.5 < thing[0, 2]
    assert chair[0, 0] < -0.4 < thing[0, 0]


@pytest.mark.parametrize(("label", "deepest"), [("traffic sign", 4.1), ("television", 4.3), ("crate", 4.7)])
def test_a_board_has_no_body_behind_its_face(label, deepest):
    scene, ids = see([[[-0.4, -0.6, 4.0], [0.4, 0.0, 4.02]]])
    assert deepest - 0.2 < box_of(scene, ids == 0, label)[1, 2] < deepest


def test_a_level_top_that_shows_nothing_behind_its_front_is_shallow():
    """A crate's top would show above its front edge; a thing may be lower behind."""
    scene, ids = see([[[-0.4, 0.7, 3.0], [0.4, 1.4, 3.05]]])
    assert box_of(scene, ids == 0, "crate")[1, 2] < 3.2
    assert box_of(scene, ids == 0, "thing")[1, 2] > 3.4


def test_a_board_goes_on_to_the_end_of_its_mask_where_its_far_end_lost_its_depth():
    # A picture on a wall to the right, seen at a grazing angle: the wall goes on, so that only its mask ends it.
    picture, wall = [[1.45, -0.8, 3.0], [1.5, 0.2, 4.2]], [[1.5, -3, 0], [1.6, 1.4, 8]]
    points, ids = render([picture], walls=[FLOOR, WALL, wall])
    points[(ids == 0) & (points[..., 2] > 3.9)] = 0
    assert box_of(frame.make_frame(points), ids == 0, "picture")[1, 2] == pytest.approx(4.2, abs=0.08)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("label", ["post", "table"])
@pytest.mark.parametrize("column", [0, 160, 319])  # the middle one has no width at all
def test_a_mask_of_one_column_is_measured(column, label):
    scene, ids = see([[[-8, -1, 4.0], [8, 1.4, 4.2]]])
    mask = (ids == 0) & (np.arange(320) == column)
    assert 3 < box_of(scene, mask, label)[0, 2] < 4.1  # it is but a strip, whose angle is not known


def test_a_picture_of_one_column_is_measured():
    scene, ids = see([[[-8, -1, 4.0], [8, 1.4, 4.2]]])
    column = frame.make_frame(np.ascontiguousarray(scene.points[:, 160:161]))
    assert 3 < box_of(column, (ids == 0)[:, 160:161])[0, 2] < 4.1


@pytest.mark.parametrize(("width", "turned"), [(0.15, True), (0.6, False)])
def test_a_strip_beside_an_occluder_does_not_tell_at_what_angle_it_goes_on(width, turned):
    seen = np.array([[1.0, -1, 5.0], [1.0 + width, 1, 5.02]])
    across = np.linspace(1.0, 1.0 + width, 100)
    box = np.array([[0.3, -1, 5.0], [1.0 + width, 1, 5.4]])
    found = slopes.follow(box, seen, np.stack([across, 0 * across, 5 + 0 * across]))
    assert (found[0, 2] < 4.8) == turned


def test_what_the_border_cuts_is_cut_also_where_not_every_row_of_it_is_looked_at():
    crate = [[-1.2, -0.4, 2.0], [1.2, 1.4, 2.6]]  # its lower end is below the picture
    scene, ids = see([crate])
    for rows in range(236, 241):  # the picture's last row is looked at, or the one, or the two before it
        part = frame.make_frame(np.ascontiguousarray(scene.points[:rows]))
        surface = surfaces.find_surface(part.depth, np.ascontiguousarray((ids == 0)[:rows]), False)
        assert surface.step == 3
        assert visible.measure(part, [surface]).edges.rows.max() == rows - 1


def test_a_pole_is_no_board_along_sight():
    away = 6 + np.random.default_rng(0).normal(0, 0.1, 300)
    points = np.stack([0.3 * away, np.linspace(0, 1, 300), away])[:, None]
    everywhere, bearings, sigmas = np.ones((1, 300), bool), np.array([[0.297, 0.303]]), np.array([0.03])
    assert np.isnan(completion.boards(completion.find_lines(points), everywhere, bearings, sigmas)).all()


def faces_of(points):
    return completion.single_faces(completion.find_lines(points[:, None]), np.ones((1, points.shape[1]), bool))


@pytest.mark.parametrize("side", [-1, 1])
def test_the_body_behind_a_single_face_goes_back_along_its_normal(side):
    along = np.linspace(0, 0.8, 60)
    face = np.array([[0.0, 0, 3.0]]) + along[:, None] * [[0.8 * side, 0, 0.6]]
    points = np.repeat(face, 5, axis=0).T + np.random.default_rng(0).normal(0, 0.003, (3, 300))
    found = faces_of(points)
    assert found.lengths[0] == pytest.approx(0.8, abs=0.03)
    low, high = found.bodies(np.array([0.5]))[0]
    assert high[1] == pytest.approx(3.48 + 0.8 * 0.5, abs=0.03)  # from the far end
    assert abs(low[0] if side > 0 else high[0]) == pytest.approx(
        0, abs=0.03
    )  # sight ends the body at the near end
    side_of_it = np.stack([points[0] * 0.3, points[1], points[2] - points[0] * side])
    assert not faces_of(np.hstack([points, side_of_it])).there[0]


def test_the_far_side_of_a_top_that_falls_towards_the_picture_s_border_tells_its_end():
    turns = np.radians(np.arange(5, 90, 10))
    half = 0.8 * np.stack([np.cos(turns), np.zeros(9), np.sin(turns)], axis=1)  # of boxes that make up a disc
    disc = [[[1.7, 1.0, 3.3] - size, [1.7, 1.05, 3.3] + size] for size in half]
    table = [*disc, [[1.65, 1.05, 3.25], [1.75, 1.4, 3.35]]]
    scene, ids = see(table)
    named, any_table = box_of(scene, ids >= 0, "round table"), box_of(scene, ids >= 0, "table")
    assert 4.05 < named[1, 2] < 4.3 and 2.45 < named[1, 0] < 2.65  # as wide as it is deep
    assert 4.05 < any_table[1, 2] < 4.3 and any_table[1, 0] > 3.0
    assert box_of(scene, ids >= 0, "thing")[1, 2] > 4.5
    carton = [[1.95, 0.7, 3.2], [2.3, 1.0, 3.4]]  # hides the upper edge where it would fall
    scene, ids = see([*table, carton])
    assert box_of(scene, (ids >= 0) & (ids < 10), "table")[1, 2] > 4.5


def test_a_corner_that_would_be_in_sight_is_not_made_up():
    a, b = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4000))
    x, z = (a - b) / 2**0.5, 3.5 + (a + b) / 2**0.5  # a table's top, seen towards a corner
    seen = (z > 3.1) & (x < 0.4)  # without that and the right one
    points, fresh = np.array([x, np.full(4000, 0.7), z])[:, None, seen], np.ones((1, seen.sum()), bool)
    for veil, made_up in (([np.inf, -np.inf], False), ([-np.inf, np.inf], True)):
        found = completion.rectangles(points, fresh, np.array([veil]), np.array([3.05]))[0][0]
        assert (found[0, 1] < 3.0) == made_up == (found[1, 0] > 0.6)


def test_the_legs_of_a_rectangular_table_are_no_round_body():
    corners = np.array([(x, z) for x in (-0.8, 0.8) for z in (3.0, 3.7)])
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.005, (1200, 3))
    legs = np.column_stack([corners[:, 0], np.zeros(4), corners[:, 1]]).repeat(300, axis=0)
    legs[:, 1] = np.tile(np.linspace(0.7, 1.4, 300), 4)
    turned = np.radians(30)
    around = np.linspace(np.pi, 2 * np.pi, 1200)
    drum = np.column_stack([0.5 * np.cos(around), rng.uniform(0.7, 1.4, 1200), 3.5 + 0.5 * np.sin(around)])
    for points, is_round in ((legs, False), (drum, True)):
        x, y, z = (points + noise).T
        x, z = x * np.cos(turned) - z * np.sin(turned), x * np.sin(turned) + z * np.cos(turned)
        found = completion.circles(np.array([x, y, z])[:, None], np.ones((1, 1200), bool))
        assert np.isfinite(found).all() == is_round


def test_what_is_hidden_down_to_the_picture_s_border_may_stand_on_the_ground():
    post, screen = [[-0.1, -0.2, 4.0], [0.1, 1.4, 4.1]], [[-0.3, 0.1, 1.5], [0.3, 1.4, 1.6]]
    scene, ids = see([post, screen])
    assert box_of(scene, ids == 0)[1, 1] == pytest.approx(1.4, abs=0.03)


@pytest.mark.parametrize(
    ("label", "hung"), [("picture", True), ("hanging plant", True), ("mirror", False), ("lamp", False)]
)
def test_what_hangs_does_not_reach_the_ground_whatever_hides_its_lower_edge(label, hung):
    thing, chest = [[-0.2, -0.5, 4.0], [0.2, 0.2, 4.05]], [[-0.4, 0.02, 1.5], [0.4, 1.4, 1.9]]
    scene, ids = see([thing, chest])
    lower = box_of(scene, ids == 0, label)[1, 1]
    assert 0.2 < lower < 0.7 if hung else lower == pytest.approx(1.4, abs=0.03)


@pytest.mark.parametrize(("label", "spreads"), [("tripod", True), ("post", False)])
def test_feet_out_of_sight_may_spread(label, spreads):
    post, screen = [[-0.1, -0.2, 4.0], [0.1, 1.4, 4.1]], [[-1.0, 0.3, 2.0], [1.0, 1.4, 2.1]]
    scene, ids = see([post, screen])
    assert (box_of(scene, ids == 0, label)[0, 0] < -0.15) == spreads


@pytest.mark.parametrize(("label", "high"), [("floor lamp", True), ("table lamp", False), ("box", False)])
def test_a_foot_that_shows_beside_what_hides_the_rest_is_not_all_of_a_floor_lamp(label, high):
    """Above the foot's part in sight the floor is seen."""
    foot, pole = [[-0.25, 1.3, 3.0], [0.1, 1.4, 3.2]], [[0.0, -0.2, 3.05], [0.1, 1.3, 3.1]]
    person = [[-0.05, -0.4, 2.0], [0.4, 1.4, 2.1]]
    scene, ids = see([foot, pole, person])
    assert (box_of(scene, ids == 0, label)[0, 1] < 0.5) == high


@pytest.mark.parametrize(("label", "top"), [("stool", 0.6), ("round table", 0.6), ("bucket", 1.04)])
def test_a_thing_of_which_only_the_lower_end_is_seen_may_be_as_high_as_its_kind(label, top):
    thing, board = [[-0.2, 0.8, 4.0], [0.2, 1.4, 4.4]], [[-1.0, -0.5, 2.0], [1.0, 0.65, 2.02]]
    scene, ids = see([thing, board])
    assert np.ptp(np.nonzero(ids == 0)[0]) < 9  # a strip of 13 cm
    assert box_of(scene, ids == 0, label)[0, 1] == pytest.approx(top, abs=0.04)


def test_a_leaf_that_hangs_beside_an_occluder_is_not_the_foot():
    foliage, leaf = [[-0.5, -0.6, 4.0], [0.5, 0.2, 4.3]], [[0.32, 0.2, 4.0], [0.5, 0.4, 4.05]]
    stem, screen = [[-0.05, 0.2, 4.1], [0.05, 1.4, 4.2]], [[-2.0, 0.08, 2.0], [0.15, 1.4, 2.1]]
    scene, ids = see([foliage, leaf, stem, screen])
    assert box_of(scene, (ids >= 0) & (ids < 3), "plant")[1, 1] == pytest.approx(1.4, abs=0.03)


@pytest.mark.parametrize(("label", "level"), [("crate", True), ("trash can", True), ("plant", False)])
def test_what_hides_half_of_a_level_top_leaves_its_height_told(label, level):
    """A plant may go on behind the board that hangs there; a crate goes no higher than it shows beside it."""
    crate, board = [[-0.4, 0.5, 3.0], [0.4, 1.4, 3.5]], [[-0.3, -0.4, 1.9], [0.08, 0.3, 1.92]]
    scene, ids = see([crate, board])
    top = box_of(scene, ids == 0, label)[0, 1]
    assert 0.42 < top < 0.52 if level else top < 0.2


def test_what_rests_on_a_top_of_which_single_pixels_have_depth_ends_there():
    """The first depth below the bottle may be that of the table's front edge, which hides nothing."""
    table, bottle = [[-1.0, 0.35, 2.6], [1.0, 0.4, 4.6]], [[-0.05, 0.05, 3.9], [0.05, 0.35, 4.0]]
    behind = [[-0.05, 0.05, 5.4], [0.05, 1.4, 5.5]]  # a post that the table's top hides in part

    def speckled(points, ids):
        return (ids == 0) & (points[..., 2] > 2.61) & (np.random.default_rng(0).random(ids.shape) < 0.8)

    for thing, bottom in ((bottle, 0.35), (behind, 1.4)):
        scene, ids = see([table, thing], speckled)
        grown = cv2.dilate((ids == 1).astype(np.uint8), np.ones((5, 5))) > 0
        assert box_of(scene, grown)[1, 1] == pytest.approx(bottom, abs=0.04)


@pytest.mark.parametrize(("label", "near"), [("tripod", 2.65), ("statue", 3.0)])
def test_legs_that_point_aside_tell_how_far_the_one_without_depth_may_stand(label, near):
    stem, feet = [[-0.05, -0.2, 3.0], [0.05, 1.4, 3.1]], [[-0.4, 1.3, 3.0], [0.4, 1.4, 3.1]]
    scene, ids = see([stem, feet])
    box = box_of(scene, ids >= 0, label)
    assert box[0, 2] == pytest.approx(near, abs=0.06)
    assert box[1, 2] > 3.4


def test_a_stem_that_the_border_cuts_goes_on_below_it_though_the_crown_ends():
    crown, stem = [[-0.5, -0.4, 1.9], [0.5, 0.4, 2.1]], [[-0.02, 0.4, 1.98], [0.02, 1.4, 2.02]]
    scene, ids = see([crown, stem])
    assert box_of(scene, ids >= 0, "plant")[1, 1] == pytest.approx(1.4, abs=0.03)


@pytest.mark.parametrize(("label", "right"), [("television", 0.95), ("clock", 0.15)])
def test_a_screen_behind_something_may_be_as_wide_as_screens_are(label, right):
    screen, post = [[-0.35, -0.3, 4.0], [0.6, 0.2, 4.05]], [[-0.05, -1.0, 2.0], [0.6, 1.4, 2.1]]
    scene, ids = see([screen, post])
    assert box_of(scene, ids == 0, label)[1, 0] == pytest.approx(right, abs=0.2)


def test_an_upright_front_just_below_the_camera_s_height_carries_nothing_behind_it():
    chest, post = [[-1.0, 0.2, 3.2], [1.0, 1.4, 3.25]], [[-0.05, -0.3, 3.4], [0.05, 1.4, 3.5]]
    scene, ids = see([chest, post])
    assert box_of(scene, ids == 1)[1, 1] == pytest.approx(1.4, abs=0.04)


def test_a_level_top_goes_as_far_back_as_its_far_edge_proves_however_narrow_it_is():
    scene, ids = see(
        [[[-0.15, 0.4, 2.0], [0.15, 1.4, 3.0]]], lambda points, ids: (ids == 0) & (points[..., 2] > 2.02)
    )
    assert box_of(scene, ids == 0, "cabinet")[1, 2] > 2.85


def test_a_top_near_the_camera_s_height_ends_less_surely_than_one_far_below():
    scene, ids = see([[[-0.4, 0.5, 2.0], [0.4, 1.4, 3.0]]])
    edges = visible.measure(scene, [surfaces.find_surface(scene.depth, ids == 0, scene.soft)]).edges
    slack = []
    for top in (0.1, 0.5):
        height = np.array([top])
        reach = edge_rays.top_reach(scene, edges, height, -1)
        slack.append(edge_rays.top_end(scene, edges, height, np.array([True]))[0] / reach[0])
    assert slack[0] > slack[1] + 0.05


@pytest.mark.parametrize(
    ("beside", "away", "rests"), [("level", 3.5, True), ("level", 3.9, False), ("upright", 3.5, False)]
)
def test_what_rests_on_a_level_top_has_its_foot_in_the_top_s_plane(beside, away, rests):
    rows, columns = np.mgrid[:480, :640]
    fall = (rows - 239.5) / 525
    depth = np.full(rows.shape, 6.0)
    depth[275:] = 0.33 / fall[275:] if beside == "level" else 3.5
    foot = (rows >= 250) & (rows < 292) & (columns >= 300) & (columns < 340)
    depth[foot] = away
    depth += np.random.default_rng(0).normal(0, 0.008, depth.shape)
    points = np.stack([(columns - 319.5) / 525 * depth, fall * depth, depth], axis=2).astype(np.float32)
    scene = frame.make_frame(points, level=False)
    outline = find_outline(foot)
    edges = thin([outline], outline.rows, outline.columns, np.full(len(outline.rows), away, np.float32), 24)
    assert resting.rests_on_level(scene, edges) == rests


@pytest.mark.parametrize(("label", "stands"), [("tripod", True), ("easel", True), ("camera", False)])
def test_what_has_legs_stands_on_the_ground_though_the_mask_has_lost_them(label, stands):
    scene, ids = see([[[-0.2, 0.2, 3.0], [0.2, 0.5, 3.3]]])
    assert (box_of(scene, ids == 0, label)[1, 1] > 1.35) == stands
