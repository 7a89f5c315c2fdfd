"""What the shapes of kinds tell of their sides out of sight: those alike around an axis, and boxes."""

import cv2
import numpy as np
import pytest
from ray_cast import render, tilt
from scipy.spatial.transform import Rotation

from spacesgg import extents, frame, size_priors, slopes, surfaces, two_sides

FLOOR = [[-8, 1.4, -1], [8, 1.5, 12]]
WALL = [[-8, -3, 8], [8, 1.5, 8.1]]
# A shade on a stem, and a board before its left half.
SHADE, STEM = [[-0.3, 0.0, 4.0], [0.3, 1.0, 4.6]], [[-0.03, 1.0, 4.27], [0.03, 1.4, 4.33]]
BOARD = [[-1.5, -1.0, 2.0], [-0.08, 0.55, 2.1]]
THICK = np.array([[-0.02], [0.02]])  # what boxes reach from their middles


def box_of(things, shown, label):
    points, ids = render(things, walls=[FLOOR, WALL])
    scene, mask = frame.make_frame(points), np.isin(ids, shown)
    return extents.find_extent(scene, surfaces.find_surface(scene.depth, mask, scene.soft), label).box


@pytest.mark.parametrize("more", [[], [[[0.08, 0.2, 2.0], [1.5, 0.4, 2.1]]]])
@pytest.mark.parametrize(("label", "wide"), [("floor lamp", False), ("thing", True)])
def test_the_hidden_half_of_a_shade_is_as_wide_as_the_one_in_sight(label, wide, more):
    """Be it that a second board hides a part of the right end: the rest of it shows how far it goes."""
    found = box_of([SHADE, STEM, BOARD, *more], [0, 1], label)[0, 0]
    assert found < -0.6 if wide else -0.41 < found < -0.3


def test_feet_may_go_twice_as_far_to_the_hidden_side():
    feet = [[[-0.03, 1.1, 4.27], [0.25, 1.4, 4.33]], [[-0.5, 1.1, 4.27], [0.0, 1.4, 4.33]]]
    pole, board = [[-0.03, -0.2, 4.27], [0.03, 1.3, 4.33]], [[-1.5, 0.5, 2.0], [-0.1, 1.4, 2.1]]
    found = box_of([pole, *feet, board], [0, 1, 2], "tripod")[0, 0]
    assert -0.56 < found < -0.5


@pytest.mark.parametrize(
    ("label", "hidden", "deep"), [("wardrobe", False, False), ("sofa", False, True), ("wardrobe", True, True)]
)
def test_a_box_of_which_two_sides_are_seen_to_their_ends_is_no_deeper(label, hidden, deep):
    """A wardrobe that shows 40 cm of its width would else be held to show its short side."""
    wardrobe, board = [[1.0, -0.6, 2.4], [1.4, 1.3, 2.9]], [[0.5, -0.8, 1.5], [0.53, 1.4, 1.6]]
    found = box_of([wardrobe, board] if hidden else [wardrobe], [0], label)[1, 2]
    assert found > 3.1 if deep else 2.88 < found < 3.0


@pytest.mark.parametrize(("label", "hidden"), [("tripod", False), ("stool", False), ("stool", True)])
def test_the_lower_edge_of_a_silhouette_tells_where_feet_stand(label, hidden):
    """No foot points to the camera, where it would be seen, nor away, where three feet are seen."""
    apex, feet = np.array([0, 0.3, 4.0]), ((-0.3, 1.4, 3.95), (0.3, 1.4, 3.95), (0.1, 1.4, 4.05))
    along = np.linspace(0.0, 1.0, 60)[:, None]
    legs = [box for foot in feet for box in np.stack([apex + along * (foot - apex)] * 2, axis=1) + THICK]
    board = [[0.0, 0.8, 3.5], [0.15, 1.4, 3.52]]
    found = box_of([*legs, board] if hidden else legs, range(len(legs)), label)[:, 2]
    assert found[0] < 3.75 if hidden else 3.85 < found[0] < 3.95
    assert found[1] < 4.25 if label == "tripod" else found[1] > 4.25


@pytest.mark.parametrize(
    ("label", "ends"), [("wardrobe", True), ("painting", True), ("sofa", True), ("thing", False)]
)
def test_upright_sides_end_where_they_are_seen_above_what_hides_the_rest(label, ends):
    wardrobe, board = [[-0.4, -0.6, 4.0], [0.4, 1.4, 4.5]], [[0.295, -0.2, 3.0], [2.0, 1.4, 3.1]]
    right = box_of([wardrobe, board], [0], label)[1, 0]
    assert 0.38 < right < 0.45 if ends else right > 0.8


def test_what_is_hidden_along_a_part_of_its_height_is_no_sliver():
    """Its hip ends behind a board; of a sliver, of which its height alone tells the size, more would be hidden."""
    body, hip = [[-0.2, -0.6, 4.0], [0.2, 1.4, 4.3]], [[0.2, 0.4, 4.0], [0.4, 0.9, 4.3]]
    board = [[0.295, 0.1, 3.0], [2.0, 1.1, 3.1]]
    assert 0.8 < box_of([body, hip, board], [0, 1], "thing")[1, 0] < 0.95


@pytest.mark.parametrize(("label", "deep"), [("book", False), ("carton", True)])
def test_a_book_that_shows_its_cover_is_thin(label, deep):
    assert (box_of([[[-0.12, -0.3, 3.0], [0.12, 0.05, 3.04]]], [0], label)[1, 2] > 3.15) == deep


def test_a_book_that_shows_its_edge_goes_back_by_its_width():
    assert box_of([[[-0.12, 0.2, 3.0], [0.12, 0.26, 3.2]]], [0], "book")[1, 2] > 3.18


def test_the_upper_edge_of_a_box_just_below_the_camera_tells_less_than_its_two_sides():
    """By a mask grown by two pixels, where edges have no depth, this wardrobe goes back farther than it does."""
    points, ids = render([[[1.0, 0.1, 2.4], [1.4, 1.3, 2.9]]], walls=[FLOOR, WALL])
    mask = cv2.dilate((ids == 0).view(np.uint8), np.ones((5, 5))) > 0
    points[mask & (ids != 0)] = 0
    scene = frame.make_frame(points)
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, mask, scene.soft), "wardrobe").box
    assert 2.88 < found[1, 2] < 3.05


@pytest.mark.parametrize(("label", "deep"), [("monitor", False), ("chair", False), ("thing", True), ("bed", True)])
def test_what_ends_in_an_edge_is_as_high_as_its_mask(label, deep):
    """Where some rows have no depth its top seems lower, and the rays of its edge to come down far behind."""
    points, ids = render([[[-0.4, 0.1, 4.0], [0.4, 0.8, 4.1]]], walls=[FLOOR, WALL])
    mask = ids == 0
    points[mask & (np.cumsum(mask, axis=0) <= 4)] = 0
    scene = frame.make_frame(points)
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, mask, scene.soft), label).box
    assert (found[1, 2] > 4.8) == deep


@pytest.mark.parametrize("top", [0.6, 0.7, 0.9])
def test_a_level_top_that_meets_the_wall_behind_it_goes_back_to_the_wall(top):
    """Exact depth has no step there, so that the top is taken for the wall's, and ends too low in the picture."""
    found = box_of([[[-0.3, top, 3.0], [0.3, 1.4, 3.5]], [[-3, -3, 3.5], [3, 1.4, 3.7]]], [0], "cabinet")
    assert found[1, 2] == pytest.approx(3.5, abs=0.03)


@pytest.mark.parametrize(("depth", "near"), [(0.02, 2.78), (0.5, 3.0)])
def test_only_a_surface_goes_on_at_its_slope(depth, near):
    """The rungs and legs of a chair lie along no line, whatever line fits them best."""
    x = np.linspace(0, 0.3, 400)
    points = np.array([x, x, 3.0 + 0.4 * x + depth * np.random.default_rng(0).random(400)])
    seen, box = np.array([[0.0, 0, 3.0], [0.3, 1, 3.6]]), np.array([[-0.5, 0, 3.0], [0.3, 1, 3.6]])
    assert slopes.follow(box, seen, points)[0, 2] == pytest.approx(near, abs=0.05)


def turned(box, yaw_deg, label):
    """Return how far from and to away a box turned about the camera is found, and where its corners are."""
    turn = Rotation.from_euler("y", yaw_deg, degrees=True).as_matrix()
    points, ids = render([box], turn, [FLOOR, WALL])
    scene = frame.make_frame(points)
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, ids == 0, scene.soft), label).box
    (left, _, front), (right, _, back) = box
    corners = [(x, 0, z) for x in (left, right) for z in (front, back)] @ turn.T
    return found[:, 2], corners[:, 2]


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(("yaw", "middle"), [(20, -1.5), (30, -1.5), (25, 0.0), (15, 0.8)])
def test_a_turned_sofa_goes_back_to_its_hidden_corner(yaw, middle, side):
    """Be it that two sides are seen, or one that the border cuts, and its top."""
    middle *= side
    found, true = turned([[middle - 0.85, 0.5, 4.5], [middle + 0.85, 1.4, 5.4]], side * yaw, "sofa")
    assert true.max() - 0.08 < found[1] < true.max() + 0.1


def test_of_two_sides_the_one_that_the_border_cuts_goes_on():
    found, true = turned([[-2.85, 0.4, 3.0], [-1.15, 1.4, 3.9]], 50, "sofa")
    assert true.min() - 0.1 < found[0] < true.min() + 0.02
    assert true.max() < found[1] < true.max() + 0.3


@pytest.mark.parametrize(("longest", "far"), [((2.0, 2.0), 5.06), ((0.9, 2.0), 4.82), ((0.5, 2.0), 4.76)])
def test_a_side_that_the_border_cuts_goes_on_at_its_angle_and_so_does_the_hidden_corner(longest, far):
    near, left, right = np.array([[0.0, 3.0], [-0.7, 3.3], [0.6, 4.4]])
    corners = np.array([near, left, right, left + right - near])
    found = two_sides.find(corners[None], np.array([[-0.7 / 3.3, 0.6 / 4.4]]), 0.004)
    assert found.seen.all()
    assert found.hidden_corners()[0] == pytest.approx(4.76, abs=0.01)
    seen, box = np.array([[-0.7, 0, 3.0], [0.6, 1, 4.4]]), np.array([[-1.4, 0, 3.0], [0.6, 1, 4.4]])
    assert found.go_on(0, box, seen, longest)[:, 2] == pytest.approx([3.0, far], abs=0.02)


@pytest.mark.parametrize(
    ("label", "side", "depth"), [("sofa", 0.9, 1.7), ("sofa", 1.3, 0.9), ("bed", 1.6, 2.3), ("bin", 0.4, 0.4)]
)
def test_a_side_longer_than_sofas_are_deep_is_their_front_or_their_back(label, side, depth):
    assert size_priors.depth_behind(label, side) == depth


@pytest.mark.parametrize(("side", "whole", "depth"), [(0.85, True, 0.6), (0.85, False, 0.95), (0.6, True, 0.95)])
def test_a_side_longer_than_wardrobes_are_deep_is_their_front_if_it_is_seen_whole(side, whole, depth):
    assert size_priors.depth_behind("wardrobe", side, whole=whole) == depth


@pytest.mark.parametrize(("hidden", "deep"), [(False, False), (True, True)])
def test_a_chair_seen_from_above_is_no_deeper_than_both_sides_of_its_seat(hidden, deep):
    """Narrower than chairs are, it would else be held to show its short side."""
    seat, back = [[-0.2, 0.9, 3.0], [0.2, 1.4, 3.4]], [[-0.2, 0.4, 3.38], [0.2, 1.4, 3.42]]
    points, ids = render([seat, back], tilt(20), walls=[FLOOR, WALL])
    if hidden:
        screen, screen_ids = render([[[-0.9, -1.0, 2.0], [-0.08, 1.4, 2.1]]], tilt(20))
        points[screen_ids == 0], ids[screen_ids == 0] = screen[screen_ids == 0], -1
    scene = frame.make_frame(points)
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, ids >= 0, scene.soft), "chair").box
    assert found[1, 2] > 3.47 if deep else 3.4 < found[1, 2] < 3.46


@pytest.mark.parametrize(
    ("label", "stem_only", "told"),
    [("crate", False, True), ("armchair", False, False), ("thing", False, False), ("round table", True, False)],
)
def test_the_far_edge_of_a_level_top_is_no_higher_than_the_top(label, stem_only, told):
    """Its far part, seen at a grazing angle, has no depth; where a stem alone has some nothing tells the top."""
    body, top = [[-0.1, 0.75, 3.4], [0.1, 1.4, 3.6]], [[-0.5, 0.6, 3.0], [0.5, 0.75, 4.2]]
    points, ids = render([body, top] if stem_only else [top], walls=[FLOOR, WALL])
    mask = ids >= 0
    points[(ids == 1) if stem_only else mask & (points[..., 2] > 3.4)] = 0
    scene = frame.make_frame(points)
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, mask, scene.soft), label).box[0, 1]
    assert 0.55 < found < 0.61 if told else found < 0.52


def test_a_box_whose_upper_half_has_no_depth_is_as_high_as_its_mask():
    points, ids = render([[[-0.5, 0.3, 3.0], [0.5, 1.4, 3.5]]], walls=[FLOOR, WALL])
    points[(ids == 0) & (points[..., 1] < 0.75)] = 0
    scene = frame.make_frame(points)
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, ids == 0, scene.soft), "crate")
    assert found.box[0, 1] < 0.32


@pytest.mark.parametrize(
    ("label", "most"), [("cup", 0.81), ("bottle", 1.06), ("ball", 0.77), ("vase", None), ("cup holder", None)]
)
def test_what_hides_the_foot_of_a_small_thing_does_not_make_it_large(label, most):
    """It need not stand on the ground as a person does."""
    thing, board = [[-0.06, 0.6, 2.0], [0.06, 0.8, 2.1]], [[-1.0, 0.35, 1.0], [1.0, 1.4, 1.1]]
    found = box_of([thing, board], [0], label)[1, 1]
    assert most - 0.05 < found < most if most else found > 1.38


@pytest.mark.parametrize(("label", "wide", "most"), [("chair", 0.5, 0.87), ("bench", 0.5, 2), ("chair", 0.9, 2)])
def test_a_seat_goes_on_behind_what_hides_its_side_as_far_as_seats_do(label, wide, most):
    """One that is wider yet is no common one."""
    seat, board = [[0.0, 0.6, 4.0], [1.5, 1.4, 4.4]], [[wide / 2, -1.0, 2.0], [3.0, 1.4, 2.1]]
    low, high = box_of([seat, board], [0], label)[:, 0]
    assert high - low < most if most < 1 else high - low > 1.3


@pytest.mark.parametrize("pitch", [0, 28])
def test_a_stem_without_depth_stands_below_its_shade(pitch):
    """Of a camera that looks down it is farther from the lens than the shade, and would seem to lean."""
    shade, stem = [[1.3, 0.0, 3.05], [1.7, 0.5, 3.15]], [[1.48, 0.5, 3.08], [1.52, 1.38, 3.12]]
    foot = [[1.35, 1.38, 3.05], [1.65, 1.4, 3.15]]
    points, ids = render([shade, stem, foot], tilt(pitch), walls=[FLOOR, WALL])
    scene = frame.make_frame(np.where((ids > 0)[..., None], 0, points))
    surface = surfaces.find_surface(scene.depth, ids >= 0, scene.soft)
    box = extents.find_extent(scene, surface, "floor lamp").box
    assert box[:, 0] == pytest.approx([1.3, 1.7], abs=0.04)


def test_the_far_part_of_a_top_without_depth_is_not_taken_for_upright():
    points, ids = render([[[-0.5, 0.6, 2.0], [0.5, 1.4, 4.5]]], tilt(28), walls=[FLOOR, WALL])
    near = (points @ tilt(28))[..., 2] < 2.3
    scene = frame.make_frame(np.where(((ids == 0) & ~near)[..., None], 0, points))
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, ids == 0, scene.soft), "armchair")
    assert found.box[0, 1] > 0.315


@pytest.mark.parametrize(
    ("label", "deep", "ground", "told"),
    [
        ("stool", 0.65, True, True),
        ("box", 0.65, True, False),
        ("stool", 0.95, True, False),
        ("stool", 0.65, False, False),
    ],
)
def test_round_things_are_no_deeper_than_wide(label, deep, ground, told):
    """What is seen farther back is the floor between their legs, unless they lie on their sides."""
    thing = [[-0.2, 1.1, 3.3], [0.2, 1.38, 3.3 + deep]]
    points, ids = render([thing], walls=[FLOOR, WALL] if ground else [WALL])
    scene = frame.make_frame(points)
    found = extents.find_extent(scene, surfaces.find_surface(scene.depth, ids == 0, scene.soft), label).box[1, 2]
    assert 3.7 < found < 3.8 if told else found > 3.15 + deep
