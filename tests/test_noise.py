"""The noise of depth is told from the depth itself, also where neighbouring pixels share it."""

import cv2
import numpy as np
import pytest
from ray_cast import render

from spacesgg import extents, frame, noise, smoothing, surfaces

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


@pytest.mark.parametrize("side", [-1, 1])
def test_noise_does_not_bring_the_side_of_a_thing_nearer_to_the_line_of_sight(side):
    """Of many pixels along it one comes nearest to the camera, and so to the middle of the picture."""
    board = np.sort(np.array([[1.2 * side, -0.3, 4.0], [1.9 * side, 0.5, 4.05]]), axis=0)
    inner = []
    for seed in range(8):
        points, ids = render([board], walls=[FLOOR, WALL])
        points *= (1 + 0.012 * shared_noise(ids.shape, seed))[..., None]
        scene = frame.make_frame(points)
        found = extents.find_extent(scene, surfaces.find_surface(scene.depth, ids == 0, scene.soft), "box").box
        inner.append(np.abs(found[:, 0]).min())
    assert np.mean(inner) > 1.1825


def whole(height, width, sparse=False):
    """Return the surface of an object that fills its window but for a rim of three pixels."""
    pixels = np.zeros((height + 6, width + 6), bool)
    pixels[3:-3, 3:-3] = True
    return surfaces.Surface(np.s_[: height + 6, : width + 6], pixels, pixels, ~pixels, sparse)


def noisy(surface, middle, sigma, seed, slope=0.0):
    """Return (h, w) metres around `middle` with white noise, farther by `slope` from row to row upwards."""
    height, width = surface.pixels.shape
    rows = np.arange(height)[:, None] - (height - 1) / 2
    white = np.random.default_rng(seed).normal(0, sigma, (height, width)) if sigma else 0
    return np.broadcast_to(middle - slope * rows + white, (height, width)).astype(np.float32)


def test_what_is_small_learns_its_noise_from_all_that_is_seen():
    large, small = whole(60, 60), whole(6, 6)
    depths = [noisy(large, 3.0, 0.009, 4), np.full(small.pixels.shape, 5, np.float32)]  # of one step of the sensor
    assert smoothing.white_sigmas(depths, [large, small]) == pytest.approx([0.009, 0.025], rel=0.1)


def test_what_is_large_tells_its_own_noise_and_sparse_depth_none():
    surface, dark, lidar = whole(60, 60), whole(60, 60), whole(6, 6, sparse=True)
    depths = [noisy(surface, 3.0, 0.01, 5), noisy(dark, 3.0, 0.03, 6), noisy(lidar, 3.0, 0.1, 7)]
    sigmas = smoothing.white_sigmas(depths, [surface, dark, lidar])
    assert sigmas == pytest.approx([0.01, 0.03, 0], rel=0.1)


def test_what_is_small_is_averaged_where_it_is_noisy():
    small = whole(10, 8)
    depth = noisy(small, 5.0, 0.03, 8)
    smoothed, left, _ = smoothing.smooth(depth, small, 0.03)
    assert np.ptp(smoothed[small.pixels]) < 0.6 * np.ptp(depth[small.pixels])
    assert left == pytest.approx(0.01)
    exact, left, _ = smoothing.smooth(depth, small, 0.001)  # its relief is no noise
    assert (exact == depth)[small.pixels].all()
    assert left == pytest.approx(0.001)


def test_averages_do_not_shorten_what_is_seen_at_a_grazing_angle():
    shelf = whole(6, 40)
    depth = noisy(shelf, 5.0, 0, 9, slope=0.08)
    smoothed, left, _ = smoothing.smooth(depth, shelf, 0.03)
    assert np.ptp(smoothed[shelf.pixels]) == pytest.approx(5 * 0.08, abs=1e-3)
    assert left == pytest.approx(0.03 / 3**0.5)


def test_the_near_side_of_a_small_thing_in_noisy_depth_is_told():
    off = []
    for seed in range(8):
        points, ids = render([[[-0.1, 1.2, 4.5], [0.1, 1.4, 4.7]]], walls=[FLOOR, WALL])
        white = np.random.default_rng(seed).normal(size=ids.shape)
        points *= (1 + 0.0015 * points[..., 2] * white)[..., None]  # 3 cm at 4.5 m
        scene = frame.make_frame(points)
        surface = surfaces.find_surface(scene.depth, ids == 0, scene.soft)
        off.append(extents.find_extent(scene, surface, "box").box[0, 2] - 4.5)
    assert np.abs(off).max() < 0.04


def test_two_pixels_that_fly_far_behind_a_thing_are_no_part_of_it():
    depth = np.full((60, 60), 7.8, np.float32)
    mask = np.zeros(depth.shape, bool)
    mask[16:45, 16:39] = True
    depth[mask] = 0
    depth[26:40, 24:36] = 4.05
    depth[20, 18:20] = 7.3, 7.16
    surface = surfaces.find_surface(depth, mask, False)
    assert depth[surface.window][surface.pixels].max() == pytest.approx(4.05)
