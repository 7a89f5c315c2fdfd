"""The noise of depth is told from the depth itself, also where neighbouring pixels share it."""

import cv2
import numpy as np
import pytest
from ray_cast import render

from spacesgg import extents, frame, noise, surfaces

FLOOR = [[-8, 1.4, -1], [8, 1.5, 12]]
WALL = [[-8, -3, 8], [8, 1.5, 8.1]]
EVERYWHERE = np.ones((120, 160), bool)


def shared_noise(shape, seed, spread_px=2.0):
    """Return (h, w) noise of unit variance that pixels some `spread_px` apart share."""
    coarse = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=shape), (0, 0), spread_px)
    return coarse / coarse.std()


def test_the_sigma_of_white_noise_is_told_to_a_tenth():
    values = np.random.default_rng(1).normal(0, 0.02, EVERYWHERE.shape)
    assert noise.sigma(noise.differences(values, EVERYWHERE)) == pytest.approx(0.02, rel=0.1)


def test_neighbours_do_not_tell_the_noise_that_they_share_but_pixels_apart_do():
    values = 0.02 * shared_noise(EVERYWHERE.shape, 2)
    assert noise.sigma(noise.differences(values, EVERYWHERE)) < 0.005
    apart = noise.differences(values, EVERYWHERE, noise.APART_PX)
    assert noise.shared_sigma(apart) == pytest.approx(0.02, rel=0.15)


def test_a_slanted_plane_has_no_noise_in_inverse_depth():
    inverse = 0.2 + 0.001 * np.arange(160) + 0.002 * np.arange(120)[:, None]
    assert noise.shared_sigma(noise.differences(inverse, EVERYWHERE, noise.APART_PX)) < 1e-9


def test_a_few_pixels_tell_no_noise():
    own = np.zeros((20, 20), bool)
    own[5:8] = True
    assert noise.shared_sigma(noise.differences(np.random.default_rng(3).random((20, 20)), own, 6)) == 0


@pytest.mark.parametrize("seed", range(4))
def test_noise_that_neighbours_share_does_not_bring_a_far_front_nearer(seed):
    cabinet = [[-0.9, -0.3, 5.0], [0.9, 1.4, 5.5]]
    points, ids = render([cabinet], walls=[FLOOR, WALL])
    depth = points[..., 2]
    points *= (1 + 0.0015 * depth * shared_noise(depth.shape, seed))[..., None]  # 4 cm at 5 m
    scene = frame.make_frame(points)
    mask = ids == 0
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, mask, scene.soft), "cabinet").box
    assert found[0, 2] == pytest.approx(5.0, abs=0.04)
