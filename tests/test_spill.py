"""What a mask shows beside its object must not make the object deeper than it is."""

import cv2
import numpy as np
import pytest

from spacesgg.depth_ranges import depth_range

BACKGROUND = 8.0


def plate(side=24):
    """Return the depth (H, W) of a plate 4 m away before a wall, and its mask."""
    depth = np.full((80, 80), BACKGROUND, np.float32)
    depth[20 : 20 + side, 20 : 20 + side] = 4.0
    return depth, depth < BACKGROUND


def thin(feet, floor=5.0):
    """Return the depth (H, W) of noisy legs, from a head 4 m away to feet (column → metres), and their mask.

    The floor behind them comes as near as `floor` metres.
    """
    depth = np.repeat(1 / np.linspace(1 / BACKGROUND, 1 / floor, 120), 120).reshape(120, 120).astype(np.float32)
    noise = np.where(np.indices((120, 120)).sum(axis=0) % 2, 0.97, 1.03)
    own = np.zeros((120, 120), np.uint8)
    for column, metres in feet.items():
        leg = cv2.line(np.zeros_like(own), (60, 20), (column, 110), 1, 3) > 0
        depth[leg] = (np.linspace(4.0, metres, 120)[:, None] * noise)[leg]
        own |= leg
    own[15:21, 57:64] = 1
    depth[15:21, 57:64] = 4.0
    return depth, cv2.dilate(own, np.ones((5, 5), np.uint8)) > 0


def test_thin_legs_are_measured_along_their_whole_length_and_not_where_they_meet():
    depth, mask = thin({20: 3.4, 60: 3.7, 100: 4.4})
    near, far = depth_range(depth, mask)
    assert near == pytest.approx(3.4, abs=0.2) and far == pytest.approx(4.4, abs=0.2)


def test_the_floor_between_thin_legs_that_the_grown_mask_makes_one_is_not_theirs():
    depth, mask = thin({55: 4.0, 65: 4.0}, floor=3.8)
    assert depth_range(depth, mask) == pytest.approx([4.0, 4.0], abs=0.25)


@pytest.mark.parametrize("flying", [np.geomspace(4.2, 6, 36), np.full(20, 4.4)])
def test_flying_pixels_along_a_thin_pole_do_not_lead_to_what_is_behind_it(flying):
    depth, mask = thin({60: 4.0})
    depth[30 : 102 : 72 // len(flying), 60][: len(flying)] = flying
    assert depth_range(depth, mask)[1] == pytest.approx(4.1, abs=0.1)


def test_the_floor_between_two_legs_that_the_grown_mask_makes_one_is_not_the_stool_s():
    depth = np.repeat(1 / np.linspace(1 / BACKGROUND, 1 / 3.8, 120), 120).reshape(120, 120).astype(np.float32)
    stool = np.zeros((120, 120), bool)
    stool[20:30, 30:90] = stool[30:110, 50:56] = stool[30:110, 60:66] = stool[104:110, 50:66] = True
    depth[stool] = 3.9
    mask = cv2.dilate(stool.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert depth_range(depth, mask)[1] == pytest.approx(3.9, abs=0.1)


def test_a_single_pixel_whose_neighbours_agree_by_chance_extends_nothing():
    depth, mask = plate(18)
    depth[28:31, 28:31] = 4.25
    assert depth_range(depth, mask)[1] == pytest.approx(4.0, abs=0.01)


def test_a_top_seen_at_a_grazing_angle_extends_its_object_and_pixels_that_fly_do_not():
    depth, mask = plate()
    depth[24:34, 24:40] = 4.0 * 1.03 ** np.minimum(np.arange(10), 9 - np.arange(10))[:, None]
    assert depth_range(depth, mask)[1] > 4.3
    depth[24:34, 24:40] = np.where(np.indices((10, 16)).sum(axis=0) % 2, 4.0, 4.4)
    assert depth_range(depth, mask)[1] < 4.15


@pytest.mark.parametrize("inwards", [1, 2])
def test_a_mask_that_is_drawn_too_small_keeps_the_side_that_it_ends_in(inwards):
    depth = np.full((120, 160), BACKGROUND, np.float32)
    depth[30:90, 40:90] = 3.0
    depth[30:90, 90:98] = 3 + 0.05 * np.arange(1, 9)  # a box's side, which goes on beyond the mask
    mask = np.zeros(depth.shape, bool)
    mask[30 + inwards : 90 - inwards, 40 + inwards : 98 - inwards] = True
    assert depth_range(depth, mask)[1] >= 3.2


def test_what_is_far_behind_most_of_the_mask_and_goes_on_beside_it_is_not_the_object():
    """A bottle before a wall, beside a box as far away as it: its mask is grown over both, and holes part them."""
    depth = np.full((120, 120), 6.5, np.float32)
    depth[:, 63:] = 4.44
    depth[40:72, 54:56] = 0
    depth[40:72, 60:63] = 4.5
    mask = np.zeros((120, 120), bool)
    mask[40:72, 54:68] = True
    found = depth_range(depth, mask)
    assert found is None or found[1] < 5
