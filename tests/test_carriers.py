"""Objects without depth whose neighbours tell where they are: these carry them, hide their feet or hold them."""

import cv2
import numpy as np
import pytest
from ray_cast import render, tilt
from test_lost_depth import FLOOR, TABLE, WALL, holds
from test_multiview import make_dataset, run

from spacesgg import carriers, extents, footing, frame, label_kinds, lost_depth, surfaces

VASE = [[-0.1, -0.5, 3.2], [0.1, -0.1, 3.4]]
CHEST = [[-0.5, -0.1, 3.0], [0.5, 1.4, 3.6]]  # of its top, a little above the camera, nothing is seen


def look(things, label, grow=2, rotation=None, walls=(FLOOR, WALL)):
    """Return frame and things by name, grown by some pixels; the first, called `label`, has no depth."""
    points, ids = render(list(things.values()), rotation, walls)
    points[ids == 0] = 0
    scene = frame.make_frame(points)
    kernel = np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)
    found = {}
    for number, name in enumerate(things):
        mask = cv2.dilate((ids == number).astype(np.uint8), kernel) > 0
        surface = surfaces.find_surface(scene.depth, mask, scene.soft) if number else None
        extent = None if surface is None else extents.find_extent(scene, surface, name)
        found[name] = lost_depth.Thing(mask, name if number else label, extent)
    return scene, found


def place(things, label, **how):
    """Return the extent of the first of the things, which has no depth, called `label`."""
    scene, found = look(things, label, **how)
    return lost_depth.find_extent(scene, found, next(iter(things)))


@pytest.mark.parametrize("grow", [0, 2, 5])
@pytest.mark.parametrize("away", [3.2, 5.0])
def test_above_a_chest_a_vase_stands_on_it_or_behind_it(grow, away):
    vase = [[-0.1, -0.5, away], [0.1, -0.1, away + 0.2]]
    extent = place({"lost": vase, "chest": CHEST}, "vase", grow=grow)
    assert holds(extent, vase) and extent.box[0, 2] > 2.7


def test_what_hangs_before_a_chest_is_not_on_it():
    before = [[-0.1, -0.5, 1.6], [0.1, 0.0, 1.8]]
    extent = place({"lost": before, "chest": CHEST}, "lamp")
    assert holds(extent, before) and extent.box[0, 2] == pytest.approx(lost_depth.NEAREST_M)
    assert place({"lost": before, "chest": CHEST}, "thing").box[0, 2] == pytest.approx(lost_depth.NEAREST_M)


def test_what_a_hand_holds_before_a_chest_is_not_on_it():
    vase, hand = [[-0.1, -0.2, 1.6], [0.1, 0.0, 1.7]], [[0.1, -0.3, 1.6], [0.4, 0.0, 1.7]]
    assert holds(place({"lost": vase, "chest": CHEST, "hand": hand}, "vase"), vase)


def test_a_neighbour_without_depth_may_hold_it():
    scene, found = look({"lost": VASE, "chest": CHEST, "hand": [[0.1, -0.4, 3.2], [0.3, -0.2, 3.4]]}, "vase")
    assert lost_depth.find_extent(scene, found, "lost").box[0, 2] > 2.7
    found["hand"] = found["hand"]._replace(extent=None)
    assert lost_depth.find_extent(scene, found, "lost").box[0, 2] < 1.0


def test_what_is_partly_above_a_chest_may_stand_before_it():
    assert place({"lost": [[0.3, -0.5, 3.2], [0.8, -0.1, 3.4]], "chest": CHEST}, "vase").box[0, 2] < 1.0


def test_of_all_that_is_below_the_nearest_may_be_what_carries():
    scene, found = look({"lost": VASE, "chest": CHEST, "column": [[-0.1, -0.1, 2.4], [-0.05, 1.4, 2.5]]}, "vase")
    rows, columns = np.nonzero(found["lost"].mask)
    under = np.s_[rows.max() : rows.max() + 8, columns.min() : columns.max() + 1]
    scene.points[under] = scene.depth[under] = 0  # seen at a grazing angle
    extent = lost_depth.find_extent(scene, found, "lost")
    assert holds(extent, VASE) and 2.0 < extent.box[0, 2] < 2.5


def test_what_shows_under_another_s_grown_mask_may_carry_it():
    vase, block = [[-0.1, -0.1, 2.0], [0.1, 0.3, 2.1]], [[-0.4, 0.3, 1.9], [0.4, 0.5, 2.3]]
    scene, found = look({"lost": vase, "block": block, "chest": CHEST}, "vase", walls=[FLOOR, WALL])
    # Nobody has marked the block, and the chest's mask has grown over its upper edge.
    found["chest"] = found["chest"]._replace(mask=found["chest"].mask | found["block"].mask)
    del found["block"]
    assert holds(lost_depth.find_extent(scene, found, "lost"), vase)


def test_where_the_vertical_is_not_known_nothing_is_below():
    extent = place({"lost": VASE, "chest": CHEST}, "vase", walls=[WALL])
    assert extent.box[0, 2] < 1.0


def test_what_the_picture_cuts_need_not_end_above_a_chest():
    left = [[-2.4, -0.5, 3.2], [-1.6, -0.1, 3.4]]
    chest = [[-3.0, -0.1, 3.0], [-1.5, 1.4, 3.6]]
    assert place({"lost": left, "chest": chest}, "vase").box[0, 2] < 1.0


LEG = [[0.09, 0.3, 2.75], [0.16, 1.4, 2.82]]
BOTTLE = [[-0.04, 1.1, 3.2], [0.06, 1.4, 3.3]]


@pytest.mark.parametrize(
    ("label", "beside", "stands"),
    [
        ("bottle", "table", True),
        ("bottle", "person", False),
        ("bag", "table", False),
        ("bottle", "coat rack", True),
    ],
)
def test_a_table_s_leg_beside_a_bottle_does_not_hold_it(label, beside, stands):
    extent = place({"lost": BOTTLE, beside: LEG}, label, rotation=tilt(15))
    assert holds(extent, BOTTLE) and (extent.box[0, 2] > 2.6) == stands


@pytest.mark.parametrize(
    ("label", "beside", "stands"),
    [
        ("wardrobe", "person", True),
        ("statue", "person", False),
        ("chair", "person", False),
        ("chair", "table", True),
        ("stool", "table", False),  # how large is it?
    ],
)
def test_nobody_holds_a_wardrobe_of_which_a_part_may_be_hidden(label, beside, stands):
    wardrobe, nearer = [[-0.5, -0.6, 4.0], [0.3, 1.4, 4.6]], [[0.15, -0.2, 2.4], [0.3, 1.4, 2.7]]
    extent = place({"lost": wardrobe, beside: nearer}, label, rotation=tilt(10))
    assert holds(extent, wardrobe) and (extent.box[0, 2] > 2.5) == stands


def test_of_a_bookshelf_the_near_end_may_be_hidden():
    case, person = [[0.7, 0.2, 3.2], [0.9, 1.4, 4.6]], [[0.4, -0.3, 2.0], [0.95, 1.4, 2.2]]
    extent = place({"lost": case, "person": person}, "bookshelf")  # of its left side the far end is seen
    assert holds(extent, case) and extent.box[0, 2] > 2.4


@pytest.mark.parametrize("hung", [False, True])
def test_what_hangs_before_what_a_chest_carries_may_hide_a_part_of_it(hung):
    plant = [[0.02, -0.9, 2.0], [0.6, -0.17, 2.2]] if hung else [[1.0, -0.9, 2.0], [1.2, -0.3, 2.2]]
    scene, found = look({"lost": VASE, "chest": CHEST, "plant": plant}, "armchair")
    lost, *others = found.values()
    view = footing.look(scene, lost.mask)
    foot = carriers.find_support(scene, view, others, carriers.holding_nothing(view, "armchair", others))
    assert foot.near == pytest.approx(3.0, abs=0.1) and foot.partial == hung


def test_a_leg_may_be_all_that_is_seen_of_an_armchair():
    chair, leg = [[-0.5, 0.5, 2.95], [0.04, 1.4, 4.04]], [[0.0, 1.0, 4.0], [0.04, 1.4, 4.04]]
    extent = place({"lost": leg, "plant": [[-1, -0.5, 2.4], [1, 0.7, 2.6]]}, "armchair")
    assert holds(extent, chair) and extent.box[0, 2] > 2.4


def test_a_lamp_beside_a_vase_does_not_hold_it():
    nearer = [[0.12, -0.6, 2.5], [0.2, 1.4, 2.6]]
    for other, stands in (("floor lamp", True), ("person", False)):
        extent = place({"lost": VASE, "chest": CHEST, other: nearer}, "vase")
        assert holds(extent, VASE) and (extent.box[0, 2] > 2.5) == stands


def test_what_is_below_the_lower_edge_may_carry_it():
    scene, found = look({"lost": [[-0.1, 0.4, 2.7], [0.1, 0.6, 2.9]], "table": TABLE}, "box")
    view = footing.look(scene, found["lost"].mask)
    assert not carriers.holding_nothing(view, "box", [found["table"]]).any()
    beside = found["table"]._replace(mask=np.roll(found["lost"].mask, 12, axis=1))
    assert carriers.holding_nothing(view, "box", [beside]).any()


@pytest.mark.parametrize(
    ("label", "rests", "holds_nothing"),
    [
        ("wine bottle", True, False),
        ("person", False, False),
        ("coat", False, False),
        ("coat rack", False, True),
        ("wine rack", False, False),
        ("kitchen table", True, True),
        ("hanging basket", False, False),
    ],
)
def test_labels_tell_what_rests_and_what_holds_nothing(label, rests, holds_nothing):
    assert label_kinds.rests(label) == rests and label_kinds.holds_nothing(label) == holds_nothing


def test_the_stage_tells_relations_by_what_carries_a_thing(tmp_path):
    things = {"vase": VASE, "chest": CHEST, "crate": [[-0.9, 0.9, 1.9], [-0.5, 1.4, 2.2]]}
    make_dataset(tmp_path, things=things, dark=("vase",))
    _, entry = run(tmp_path)
    vase, _, crate = (f"[[{i}, {i}, {i + 9}, {i + 9}]]" for i in range(3))
    assert entry["order_list"][f"{vase}>{crate}"][2] == 1
