import numpy as np

from spacesgg import views
from spacesgg.extents import Extent

NONE = np.zeros(3)


def box(x, y, z, half=0.1):
    return np.array([[x - half, y - half, z - half], [x + half, y + half, z + half]])


def signs(a, b, view, margin=NONE):
    return views.order_list({"a": Extent(a, margin, a), "b": Extent(b, margin, b)}, view)["a>b"]


def test_each_side_sees_the_scene_its_own_way():
    a, b = box(-1, -1, 2), box(1, 1, 4)  # A: left of B, above it, nearer
    assert signs(a, b, "front") == [-1, -1, -1]
    assert signs(a, b, "back") == [1, -1, 1]
    # From the left side A, on the camera's left, is the nearer one; it is on that viewer's right.
    assert signs(a, b, "left") == [1, -1, -1]
    assert signs(a, b, "right") == [-1, -1, 1]


def test_overlapping_and_touching_extents_state_nothing():
    assert signs(box(0, 0, 2), box(0.15, 0.2, 2), "front") == [0, 0, 0]


def test_a_gap_within_the_uncertainty_states_nothing():
    a, b = box(0, 0, 2), box(1, 0, 2.3)
    assert signs(a, b, "front", np.array([0, 0, 0.05])) == [-1, 0, -1]
    assert signs(a, b, "front", np.array([0, 0, 0.1])) == [-1, 0, 0]
    assert signs(a, b, "left", np.array([0, 0, 0.1])) == [0, 0, -1]


def test_the_scale_of_monocular_depth_drifts_between_the_sides_of_a_picture():
    """By 20 cm at 10 m, which hides a gap of 15 cm between two that stand far apart, not between neighbours."""

    def front(left, right, gap=0.15):
        a = np.array([[left, 0, 9.0], [left + 0.1, 1, 9.5]])
        b = np.array([[right, 0, 9.5 + gap], [right + 0.1, 1, 10]])
        drifting = {name: Extent(box, np.full(3, 0.05), box, 0.2) for name, box in (("a", a), ("b", b))}
        return views.order_list(drifting, "front")["a>b"][2]

    assert front(0.0, 0.5) == -1
    assert front(-4.0, 4.0) == 0
    assert front(-4.0, 4.0, 0.2) == -1  # a third of the picture apart it has drifted as much as it will


def test_every_pair_is_listed_and_nothing_is_said_of_what_has_no_extent():
    orders = views.with_every_pair({"front": {"a>c": [-1, 0, 1]}, "back": {"a>c": [1, 0, -1]}}, ["a", "b", "c"])
    assert orders["front"] == {"a>b": [0, 0, 0], "a>c": [-1, 0, 1], "b>c": [0, 0, 0]}
    assert list(orders["back"]) == ["a>b", "a>c", "b>c"]
