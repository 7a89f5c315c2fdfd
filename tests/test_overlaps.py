"""Grown masks that claim each other's pixels: the seam between two objects tells neither one's depth."""

import numpy as np
import pytest

from spacesgg import depth_ranges, overlaps

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


def test_what_goes_on_into_another_object_is_no_spill():
    depth = np.full((200, 200), 5.0, np.float32)
    depth[60:140, 60:140] = 3 + 0.01 * (np.arange(60, 140) - 100)  # two things that meet, without a step
    left, right = mask(np.s_[60:140], np.s_[60:100], 2), mask(np.s_[60:140], np.s_[100:140], 2)
    claims = overlaps.count_claims([left, right])
    assert depth_ranges.depth_range(depth, right, False, claims)[0] < 3.03
    assert depth_ranges.depth_range(depth, right)[0] > 3.04  # were the left one no object, but a wall
