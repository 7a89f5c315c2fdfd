"""Depth that crosses edges in ramps: how far masks are grown, and what under them shows the object."""

import cv2
import numpy as np
import pytest
import ray_cast

from spacesgg import depth_ranges, edge_rays, extents, frame, instances, mask_growth, outlines, surfaces

SHAPE = (240, 320)
THINGS = (np.s_[40:100, 30:90], np.s_[90:200, 120:170], np.s_[60:140, 220:300])


def grown(mask: np.ndarray, px: int) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1,) * 2)
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def ramps(depth: np.ndarray) -> np.ndarray:
    return (1 / cv2.GaussianBlur(1 / depth, (0, 0), 2.0)).astype(np.float32)


def masks_and_depth() -> tuple[list[np.ndarray], np.ndarray]:
    depth, masks = np.full(SHAPE, 6.0, np.float32), []
    for number, thing in enumerate(THINGS):
        depth[thing] = 3 + number / 2
        masks.append(np.zeros(SHAPE, bool))
        masks[-1][thing] = True
    return masks, depth


@pytest.mark.parametrize("px", [0, 2, 5, 8])
def test_ramps_tell_by_how_much_masks_are_grown(px):
    masks, depth = masks_and_depth()
    found = mask_growth.find_growth(ramps(depth), [grown(mask, px) for mask in masks])
    assert found == pytest.approx(px, abs=0.6)


def test_where_no_edge_is_seen_no_growth_is_told():
    masks, depth = masks_and_depth()
    assert mask_growth.find_growth(np.full_like(depth, 3.0), masks) == 0
    assert mask_growth.find_growth(np.zeros_like(depth), masks) == 0
    assert mask_growth.find_growth(depth, []) == 0
    assert mask_growth.find_growth(depth, [np.zeros(SHAPE, bool)]) == 0


def test_a_grown_mask_is_trimmed_but_not_at_the_border_of_the_picture():
    mask = np.zeros(SHAPE, bool)
    mask[180:, 100:150] = True
    trimmed = mask_growth.trimmed(grown(mask, 5), 5.0)
    assert not (mask & ~trimmed).any()
    assert not (trimmed & ~grown(mask, 2)).any()


def test_a_mask_smaller_than_its_growth_is_kept():
    thin = np.zeros(SHAPE, bool)
    thin[100:200, 100:103] = True
    assert (mask_growth.trimmed(thin, 5.0) == thin).all()
    assert not mask_growth.trimmed(np.zeros(SHAPE, bool), 5.0).any()


def test_silhouettes_in_soft_depth_are_as_large_as_their_objects():
    masks, depth = masks_and_depth()
    found = instances.find_surfaces(
        ramps(depth), {str(i): grown(mask, 5) for i, mask in enumerate(masks)}, True, False, {}, None
    )
    for number, mask in enumerate(masks):
        whole = np.zeros(SHAPE, bool)
        whole[found[str(number)].window] = found[str(number)].silhouette
        assert not (whole & ~grown(mask, 3)).any()


def test_the_silhouette_of_a_thing_in_soft_depth_has_the_foot_that_lies_on_the_floor():
    """The foot points to the camera from below a board, and is as far away as the floor beside it."""
    room = [[[-20, 1.4, -1], [20, 1.5, 30]], [[-20, -13, 9], [20, 1.5, 9.1]]]
    stand = [[[-0.2, 0, 4.0], [0.2, 1.4, 4.1]], [[-0.05, 1.35, 3.5], [0.05, 1.4, 4.0]]]
    points, ids = ray_cast.render([*stand, [[1, 0, 3.0], [1.5, 1.4, 3.5]]], walls=room)
    own = (ids == 0) | (ids == 1)
    masks = {"stand": grown(own, 5), "box": grown(ids == 2, 5)}
    found = instances.find_surfaces(ramps(points[..., 2]), masks, True, False, {}, None)["stand"]
    rows = np.flatnonzero(found.silhouette.any(axis=1)) * found.step + found.window[0].start
    assert rows.max() >= np.flatnonzero(own.any(axis=1)).max()


def test_of_a_cup_before_a_table_more_is_believed_than_what_stands_out_above_the_table():
    """It is 10 pixels wide: masks grown by 5 close the hole that it makes in the table's."""
    depth, cup, table = np.full(SHAPE, 12.0, np.float32), np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    table[100:150, 60:260] = True
    cup[98:108, 150:160] = True
    depth[table] = 5
    depth[cup] = 4.8
    masks = {"table": grown(table & ~cup, 5), "cup": grown(cup, 5)}
    soft = ramps(depth)
    found = instances.find_surfaces(soft, masks, True, False, {}, None)["cup"]
    assert np.median(soft[found.window][found.pixels]) < 5


def test_what_is_seen_through_the_back_of_a_chair_is_not_the_chair_though_its_mask_is_widest_there():
    """The slats are 6 pixels wide, 9 pixels apart; masks grown by 5 fill the gap between them."""
    masks, depth = masks_and_depth()
    chair = np.zeros(SHAPE, bool)
    chair[20:41, 220:280] = True
    chair[26:35, 226:274] = False
    depth[chair] = 3
    named = {str(i): grown(mask, 5) for i, mask in enumerate([*masks, chair])}
    soft = ramps(depth)
    found = instances.find_surfaces(soft, named, True, False, {}, None)["3"]
    assert soft[found.window][found.pixels].max() < 3.3


def test_where_the_legs_of_a_tripod_part_the_wall_between_them_is_not_its_own():
    """The legs are 5 pixels wide; a mask grown by 3 fills the gap between them down from where they meet."""
    depth, tripod = np.full(SHAPE, 8.0, np.float32), np.zeros(SHAPE, np.uint8)
    for foot in (100, 160, 220):
        cv2.line(tripod, (160, 60), (foot, 200), 1, 5)
    depth[tripod > 0] = 3
    assert depth_ranges.depth_range(ramps(depth), grown(tripod, 3), True) == pytest.approx([3, 3], abs=0.3)


def test_from_the_middle_of_a_narrow_thing_on_its_depth_is_mixed():
    depth, post = np.full(SHAPE, 6.0, np.float32), np.zeros(SHAPE, bool)
    post[60:120, 150:162] = True
    depth[post] = 4
    assert depth_ranges.depth_range(ramps(depth), grown(post, 3), True) == pytest.approx([4, 4], abs=0.1)


def test_a_cup_smaller_than_a_ramp_may_be_as_near_as_anything_under_its_mask():
    """Not one of its pixels comes near to its own 5.2 m, before a wall 10 m away, on a shelf at 5 m."""
    depth = np.full(SHAPE, 10.0, np.float32)
    depth[100:] = 5
    cup = np.zeros(SHAPE, bool)
    cup[92:100, 150:153] = True
    depth[cup] = 5.2
    blurred = (1 / cv2.GaussianBlur(1 / depth, (0, 0), 2.5)).astype(np.float32)
    assert depth_ranges.depth_range(blurred, grown(cup, 3), True)[0] < 6


def test_the_farthest_corner_of_a_turned_table_is_one_column_of_its_upper_edge():
    rows, columns = np.full((1, 4, 24), 180), np.broadcast_to(np.arange(100, 124), (1, 4, 24))
    rows[:, outlines.SIDES.index("top"), 12:14] = 150
    edges = outlines.Edges(rows, columns, np.ones(rows.shape))
    points, _ = ray_cast.render([], walls=[[[-8, 1.4, -1], [8, 1.5, 12]]])
    for soft, reach in ((True, 0.5 * 260 / 32), (False, 0.5 * 260 / 61)):
        scene = frame.make_frame(points)._replace(soft=soft)
        assert edge_rays.top_reach(scene, edges, np.array([0.5]))[0] == pytest.approx(reach, rel=0.02)


def far_side_of_a_book(box):
    """Return metres to the far side found of a book, a box between two corners, in a room of soft depth."""
    room = [[[-8, 1.4, -1], [8, 1.5, 12]], [[-8, -3, 8], [8, 1.5, 8.1]]]
    points, ids = ray_cast.render([box], walls=room)
    scene = frame.make_frame(points)._replace(soft=True)
    surface = surfaces.find_surface(scene.depth, ids == 0, True)
    return extents.find_extent(scene, surface, "book").box[1, 2]


def test_an_upright_book_whose_top_the_rim_hides_does_not_go_back_to_where_its_upper_edge_would_meet_its_height():
    assert far_side_of_a_book([[-0.06, 0.15, 3.0], [0.06, 1.4, 3.15]]) < 3.35


def test_the_upper_edge_of_a_book_that_shows_its_cover_is_the_covers():
    """Its rim left out, what is seen of it ends 5 pixels lower."""
    assert far_side_of_a_book([[-0.15, 0.6, 3.0], [0.15, 1.4, 3.04]]) < 3.1


def test_a_small_thing_of_ramps_throughout_is_not_taken_for_a_long_level_top():
    points, _ = ray_cast.render([], walls=[[[-8, -3, 6.5], [8, 1.5, 6.6]]])
    rows, columns = np.s_[118:124], np.s_[150:160]
    points[rows, columns] *= np.linspace(4.6, 4.0, 6, dtype=np.float32)[:, None, None] / 6.5
    own = np.zeros(points.shape[:2], bool)
    own[rows, columns] = True
    scene = frame.make_frame(points)._replace(soft=True)
    surface = surfaces.Surface(
        np.s_[110:130, 140:170], own[110:130, 140:170], own[110:130, 140:170], ~own[110:130, 140:170], False
    )
    assert extents.find_extent(scene, surface, "cup").box[1, 2] < 4.8
