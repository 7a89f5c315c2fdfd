"""Grown masks that claim each other's pixels: the seam between two objects tells neither one's depth."""

import numpy as np
import pytest

from spacesgg import depth_ranges, instances, overlaps

GROWN = 5


def mask(rows: slice, columns: slice, by: int = GROWN) -> np.ndarray:
    grown = np.zeros((200, 200), bool)
    grown[rows.start - by : rows.stop + by, columns.start - by : columns.stop + by] = True
    return grown


@pytest.fixture
def scene():
    """A post 3.75 m away that hides part of a small panel 4 m away, before a wall."""
    depth = np.full((200, 200), 5.0, np.float32)
    depth[80:100, 100:110] = 4
    depth[20:180, 60:100] = 3.75
    return depth, mask(np.s_[80:100], np.s_[100:110]), mask(np.s_[20:180], np.s_[60:100])


def test_what_stands_before_an_object_is_not_its_near_side(scene):
    depth, panel, post = scene
    claims = overlaps.count_claims([panel, post])
    assert depth_ranges.depth_range(depth, panel, False, claims) == pytest.approx([4, 4])
    assert depth_ranges.depth_range(depth, post, False, claims) == pytest.approx([3.75, 3.75])
    assert depth_ranges.depth_range(depth, panel)[0] == pytest.approx(3.75)  # else the scene would test nothing


def test_an_object_wholly_within_another_mask_keeps_its_depth(scene):
    depth, _, _ = scene
    outer = np.zeros((200, 200), bool)
    outer[10:190, 30:190] = True
    post = mask(np.s_[20:180], np.s_[60:100])
    claims = overlaps.count_claims([outer, post])
    assert depth_ranges.depth_range(depth, post, False, claims) == pytest.approx([3.75, 3.75])


def test_no_masks_share_nothing():
    assert overlaps.count_claims([]) is None


def test_what_fattens_beyond_its_own_mask_is_not_the_near_side_of_what_it_hides():
    depth = np.full((20, 28), 4.0, np.float32)
    overlap = np.zeros(depth.shape, bool)
    overlap[:, :20] = True  # what hides it ends there, but its depth three pixels farther
    depth[:, :23] = 3
    found = overlaps.find_foreign(depth, np.ones(depth.shape, bool), overlap, False)
    assert np.array_equal(found, overlap)


@pytest.mark.parametrize("grown", [0, 2])
def test_what_goes_on_into_another_object_is_no_spill(grown):
    depth = np.full((200, 200), 5.0, np.float32)
    depth[60:140, 60:140] = 3 + 0.01 * (np.arange(60, 140) - 100)  # two things that meet, without a step
    columns = np.s_[60:100], np.s_[100:140]
    masks = {key: mask(np.s_[60:140], part, grown) for key, part in zip("ab", columns, strict=True)}
    near = {}
    for label in ("box", "wall"):
        found = instances.find_surfaces(depth, masks, False, False, {"a": label, "b": "box"}, None)
        near[label] = depth_ranges.surface_range(depth, found["b"])[0]
    assert near["box"] < 3.03
    assert near["wall"] > 3.04  # which the mask of what stands before it may spill on


def test_of_a_narrow_rest_the_part_farthest_from_the_seam_tells_what_is_fattened():
    depth = np.full((9, 25), 4.0, np.float32)
    overlap = np.zeros(depth.shape, bool)
    overlap[:, :20] = True
    depth[:, :21] = 3
    assert np.array_equal(overlaps.find_foreign(depth, np.ones(depth.shape, bool), overlap, False), overlap)


@pytest.mark.parametrize("lost", [True, False])
def test_the_edge_of_what_stands_before_an_object_is_not_the_object(lost):
    """A screen 1.8 m away, fattened by two pixels, before a cupboard and, to its right, a wall."""
    depth = np.full((100, 140), 4.0, np.float32)
    depth[:, 52:70] = 0 if lost else 3.0  # in the shadow of parallax, or seen
    depth[:, :52] = 1.8
    screen, cupboard, wall = (np.zeros(depth.shape, bool) for _ in range(3))
    screen[:, :52] = cupboard[20:80, 48:72] = wall[:, 52:92] = True
    masks = {"screen": screen, "cupboard": cupboard, "wall": wall}
    found = instances.find_surfaces(depth, masks, False, False, dict.fromkeys(masks, "thing"), None)
    assert depth_ranges.surface_range(depth, found["screen"]) == pytest.approx([1.8, 1.8])
    if lost:
        assert found["cupboard"] is None
    else:
        assert depth_ranges.surface_range(depth, found["cupboard"]) == pytest.approx([3, 3])


@pytest.mark.parametrize("wide", [4, 12])
def test_a_part_too_wide_for_an_edge_may_be_the_object(wide):
    depth = np.full((100, 200), 4.0, np.float32)
    depth[:, 52 : 52 + 7 * wide // 2] = 0
    depth[:, :52] = 1.8
    screen, cup, wall = (np.zeros(depth.shape, bool) for _ in range(3))
    screen[:, :52] = cup[20:80, 52 - wide : 52 + 7 * wide // 2] = wall[:, 52 : 52 + 10 * wide] = True
    masks = {"screen": screen, "cup": cup, "wall": wall}
    found = instances.find_surfaces(depth, masks, False, False, dict.fromkeys(masks, "thing"), None)
    assert (found["cup"] is not None) == (wide > 4)


def test_a_small_thing_before_a_deep_one_is_no_edge_of_it():
    """A cup on a sofa, of which little has depth; of the sofa the arm, nearer, and the back, farther, are seen."""
    depth = np.full((100, 100), 4.4, np.float32)
    depth[70:] = 2.9
    depth[40:60, 40:60] = 0
    depth[48:52, 42:58] = 3.9
    sofa, cup = np.ones(depth.shape, bool), np.zeros(depth.shape, bool)
    cup[38:62, 38:62] = True
    found = instances.find_surfaces(depth, {"sofa": sofa, "cup": cup}, False, False, {}, None)
    assert depth_ranges.surface_range(depth, found["cup"]) == pytest.approx([3.9, 3.9])


def test_what_touches_another_object_keeps_the_depth_they_share():
    depth = np.full((100, 100), 4.0, np.float32)
    depth[30:] = 2  # a box, and a smaller one on its front
    box, smaller = (np.zeros((100, 100), bool) for _ in range(2))
    box[28:, 10:90] = True
    smaller[50:70, 40:60] = True
    masks = {"box": box, "smaller": smaller}
    found = instances.find_surfaces(depth, masks, False, False, dict.fromkeys(masks, "box"), None)
    assert depth_ranges.surface_range(depth, found["smaller"]) == pytest.approx([2, 2])
