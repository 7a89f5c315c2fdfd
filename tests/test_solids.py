"""What is partly hidden ends where another body begins, and where all of its sides are seen to."""

import numpy as np
import pytest
from ray_cast import render, tilt
from scipy.spatial.transform import Rotation

from spacesgg import extents, frame, rectangle_ends, surfaces

FLOOR = [[-8, 1.4, -1], [8, 1.5, 12]]
WALL = [[-8, -3, 8], [8, 1.5, 8.1]]


def boxes_of(things, labels, rotation=None, farthest=np.inf):
    """Return the (2, 3) boxes, in levelled metres, of things called `labels`; what is called "" is no object.

    The first has no depth that is more than `farthest` metres away.
    """
    points, ids = render(things, rotation, walls=[FLOOR, WALL])
    points[(ids == 0) & (points[..., 2] > farthest)] = 0
    scene = frame.make_frame(points)
    chosen = [i for i, label in enumerate(labels) if label]
    found = [surfaces.find_surface(scene.depth, ids == i, scene.soft) for i in chosen]
    assert all(surface is not None for surface in found)
    return [extent.box for extent in extents.find_extents(scene, found, [labels[i] for i in chosen])]


# A lamp of which a screen hides the foot, on the middle of a table or just behind it.
TABLE = [[-1.0, 0.7, 3.0], [1.0, 0.75, 4.2]]
SCREEN = [[-0.3, 0.25, 2.0], [0.3, 1.4, 2.02]]


@pytest.mark.parametrize(
    ("away", "label", "carrier", "ends"),
    [
        (3.6, "lamp", "table", True),
        (4.25, "lamp", "table", False),  # behind it
        (3.6, "lamp", "plant", False),  # in which things may stand
        (3.6, "person", "table", False),  # who bends over it
    ],
)
def test_what_is_seen_above_the_middle_of_a_table_ends_on_it(away, label, carrier, ends):
    lamp = [[-0.1, 0.0, away], [0.1, 0.7 if away < 4.2 else 1.4, away + 0.1]]
    _, found = boxes_of([TABLE, lamp, SCREEN], [carrier, label, ""], tilt(12))
    assert (found[1, 1] < 0.8) == ends
    assert ends or found[1, 1] > 1.35


@pytest.mark.parametrize(("away", "ends"), [(3.6, True), (4.25, False)])
def test_the_far_edge_of_a_table_is_told_by_its_mask_where_the_top_has_no_depth(away, ends):
    lamp = [[-0.1, 0.0, away], [0.1, 0.7 if ends else 1.4, away + 0.1]]
    _, found = boxes_of([TABLE, lamp, SCREEN], ["table", "lamp", ""], tilt(12), 3.3)
    assert (found[1, 1] < 0.8) == ends


@pytest.mark.parametrize(("away", "ends"), [(3.3, True), (3.75, False)])
def test_what_stands_on_a_cabinet_as_high_as_the_camera_ends_on_it(away, ends):
    """Its top is not in sight, but a cabinet goes back by more than a hand."""
    cabinet, vase = [[-0.6, 0.01, 3.2], [0.6, 1.4, 3.7]], [[-0.1, -0.4, away], [0.1, 0.0, away + 0.15]]
    _, found = boxes_of([cabinet, vase], ["cabinet", "vase"])
    assert (found[1, 1] < 0.1) == ends


@pytest.mark.parametrize(("label", "ends"), [("cabinet", True), ("plant", False)])
def test_a_chest_that_goes_on_behind_a_person_ends_at_the_cabinet_next_to_it(label, ends):
    chest, beside = [[-2.0, 0.6, 3.0], [0.2, 1.4, 4.0]], [[0.4, 0.4, 2.6], [1.6, 1.4, 3.6]]
    person = [[-0.1, -0.4, 2.2], [0.45, 1.4, 2.3]]
    found, _ = boxes_of([chest, beside, person], ["chest", label, ""])
    assert found[1, 0] < 0.75 if ends else found[1, 0] > 0.9


SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # the first and the last face each other


@pytest.mark.parametrize(
    ("seen", "ends"),
    [
        ([(1.0, 0.3), (1.0, 0.5), (1.01, 0.7)], True),
        ([(1.0, 0.3), (1.0, 0.32), (1.0, 0.34)], False),  # one place
        ([(1.0, 0.01), (1.0, 0.5), (1.0, 0.99)], False),  # corners, which the other sides have as well
        ([(0.8, 0.3), (0.8, 0.5), (0.8, 0.7)], False),  # not on the side
    ],
)
def test_a_rectangle_ends_at_a_side_that_is_seen(seen, ends):
    assert rectangle_ends.ends(SQUARE, np.array(seen).T, 1) == ends
    assert not rectangle_ends.ends(SQUARE, np.array(seen).T, -1)
    turn = Rotation.from_euler("z", 45, degrees=True).as_matrix()[:2, :2]
    assert not rectangle_ends.ends(SQUARE @ turn, np.array(seen).T, 1)  # one of the two that meet on the right


@pytest.mark.parametrize("label", ["table", "plant"])
def test_a_turned_table_whose_corner_is_hidden_is_no_larger_than_its_sides_show(label):
    turn = Rotation.from_euler("y", -45, degrees=True).as_matrix()
    table = [[1.9, 0.8, 1.9], [2.9, 0.85, 2.9]]
    points, ids = render([table], tilt(20) @ turn, walls=[FLOOR, WALL])
    screen, screen_ids = render([[[0.36, -1.0, 2.0], [0.9, 1.4, 2.02]]], tilt(20))
    before = screen_ids == 0
    points[before], ids[before] = screen[before], -1
    scene = frame.make_frame(points)
    surface = surfaces.find_surface(scene.depth, ids == 0, scene.soft)
    found = extents.find_extents(scene, [surface], [label])[0].box
    assert (found[1, 0] < 0.8) == (label == "table")
