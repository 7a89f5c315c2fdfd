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
