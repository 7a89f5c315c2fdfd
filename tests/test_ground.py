import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ray_cast import render, tilt

from spacesgg import ground

ROOT = Path(__file__).resolve().parent.parent
FLOOR = [[-8, 1.4, -1], [8, 1.5, 12]]
WALL = [[-8, -3, 8], [8, 1.5, 8.1]]
TABLE = [[-1.2, 0.7, 2.0], [0.2, 0.75, 3.5]]


def find_ground(points):
    return ground.find_ground(points, np.count_nonzero(points[..., 2]))


def down_in_level_axes(found, rotation):
    """Return the true down as the found levelling sees it: [0, 1, 0] when it is right."""
    return found.rotation @ rotation @ np.array([0, 1.0, 0])


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (20, 0), (32, 5), (-8, -4)])
def test_the_floor_tells_gravity_however_the_camera_is_held(pitch, roll):
    rotation = tilt(pitch, roll)
    points, _ = render([TABLE], rotation, [FLOOR, WALL])
    found = find_ground(points)
    assert down_in_level_axes(found, rotation)[1] > np.cos(np.radians(0.5))
    assert found.height == pytest.approx(1.4, abs=0.02)


def test_forward_stays_forward_after_levelling():
    rotation = tilt(30)
    points, _ = render([], rotation, [FLOOR, WALL])
    levelled = points @ find_ground(points).rotation.T
    wall = levelled[20, 100:220]  # the upper rows look at the wall, 8 m ahead
    assert np.allclose(wall[:, 2], 8, atol=0.05)


def test_a_wall_is_no_floor_but_tells_that_a_camera_looks_up():
    rotation = tilt(-12)
    points, _ = render([], rotation, [WALL])
    found = find_ground(points)
    assert found.height is None
    assert down_in_level_axes(found, rotation)[1] > np.cos(np.radians(1))


def test_two_walls_of_a_corner_tell_the_roll_too():
    rotation = tilt(-15, 8)
    points, _ = render([], rotation, [[[-8, -6, 5], [8, 6, 5.1]], [[2, -6, -1], [2.1, 6, 5]]])
    assert down_in_level_axes(find_ground(points), rotation)[1] > np.cos(np.radians(1))


def test_a_table_is_not_taken_for_the_floor_beneath_it():
    near_table = [[-2.5, 0.5, 0.8], [2.5, 0.55, 2.2]]  # fills most of the picture
    rotation = tilt(25)
    points, ids = render([near_table], rotation, [FLOOR, WALL])
    assert np.count_nonzero(ids == 0) > 0.3 * ids.size
    found = find_ground(points)
    assert found is None or found.height == pytest.approx(1.4, abs=0.05)


def test_a_sky_that_has_a_depth_and_begins_under_the_horizon_is_not_beneath_the_floor():
    points, _ = render([TABLE], tilt(0), [[[-8, 1.4, -1], [8, 1.5, 9]]])
    columns, rows = np.meshgrid(np.arange(points.shape[1]), np.arange(points.shape[0]))
    sky = 60 * np.dstack([(columns - 160) / 260, (rows - 120) / 260, np.ones(rows.shape)]).astype(np.float32)
    z = points[..., 2]
    assert np.count_nonzero((z == 0) & (rows > 120)) > 0.05 * z.size
    points = np.where(z[..., None] > 0, points, sky)
    points *= (1 + 0.02 * np.sin(columns / 60 + rows / 80))[..., None].astype(np.float32)
    assert find_ground(points).height == pytest.approx(1.4, abs=0.05)


def noisy_room(rotation):
    """Return the point map of a floor, a wall and a table with the noise of a Kinect."""
    points, _ = render([TABLE], rotation, [FLOOR, WALL])
    z = points[..., 2]
    rng = np.random.default_rng(0)
    noisy = z + rng.normal(size=z.shape) * (0.0012 + 0.0019 * (z - 0.4) ** 2) * (z > 0)
    return points * np.divide(noisy, z, out=np.zeros_like(z), where=z > 0)[..., None]


def test_noise_of_a_sensor_leaves_gravity_within_a_degree():
    rotation = tilt(15)
    assert down_in_level_axes(find_ground(noisy_room(rotation)), rotation)[1] > np.cos(np.radians(1))


def test_the_ground_does_not_depend_on_which_thread_was_first():
    points = noisy_room(tilt(10))
    assert len({find_ground(points).rotation.tobytes() for _ in range(50)}) == 1


def test_open3d_comes_without_its_plotting_and_stays_importable():
    code = (
        "import sys; from spacesgg import open3d_core; core = open3d_core.load(); "
        "assert 'dash' not in sys.modules; "
        "import open3d; assert open3d.geometry.PointCloud is core.geometry.PointCloud; "
        "assert open3d_core.load() is open3d"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_single_row_of_points_shows_no_ground():
    row = np.zeros((1, 900, 3), np.float32)  # through the middle of the picture: y is 0 everywhere
    row[0, :, 0], row[0, :, 2] = np.linspace(-1, 1, 900), 1.5
    assert find_ground(row) is None
    assert find_ground(row[..., [1, 0, 2]].transpose(1, 0, 2)) is None


@pytest.mark.parametrize("shape", [(2, 90), (120, 2), (3, 60), (4, 40)])
@pytest.mark.parametrize("near", [2.0, 4.0])
def test_lines_of_pixels_are_no_ground_and_no_fault(shape, near):
    rows, columns = np.indices(shape)
    depth = np.where(rows % 2, near, 4.0) * (1 + 0.2 * np.random.default_rng(0).random(shape))
    points = np.stack([(columns - 30) / 60 * depth, (rows - 2) / 60 * depth, depth], axis=-1).astype(np.float32)
    find_ground(points)  # most cameras fit the few lines: whether one is found does not matter
    points[..., 2] = depth = np.full(shape, near)
    points[..., :2] = np.stack([(columns - 30) / 60, (rows - 2) / 60], axis=-1) * depth[..., None]
    found = find_ground(points)
    assert found is None or found.height is None  # an upright wall at most
