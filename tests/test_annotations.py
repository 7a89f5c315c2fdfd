import numpy as np
import pytest
from pycocotools import mask as coco_mask

from spacesgg import annotations, depth_ranges, masks
from spacesgg.errors import InputError

ENTRY = {
    "depth": "a.png",
    "note": {"kept": [1, 2]},
    "[[1, 2, 3, 4]]": ["cup", "extra", [0.0, 1.0, 5.0, 6.0], [[0, 0, 4, 0, 4, 4]]],
    "[[5, 6, 7, 8]]": ["table", [0.0, 1.0, 5.0, 6.0], None],
}


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_what_is_written_is_read_back_with_unknown_keys(tmp_path, name):
    with annotations.writer(tmp_path / name) as write:
        write("x.jpg", ENTRY)
        write("y.jpg", {})
    assert list(annotations.read(tmp_path / name)) == [("x.jpg", ENTRY), ("y.jpg", {})]


def test_objects_are_found_among_what_a_source_adds():
    cup, table = annotations.objects(ENTRY)
    assert (cup.label, cup.box, cup.mask) == ("cup", [0.0, 1.0, 5.0, 6.0], [[0, 0, 4, 0, 4, 4]])
    assert table.mask is None and table.depth_range is None


def test_a_second_run_replaces_the_depth_range():
    value = ["cup", [0.0, 1.0, 5.0, 6.0], "m.png"]
    annotations.set_depth_range(value, [1.0, 2.0])
    annotations.set_depth_range(value, [3.0, 4.0])
    assert value == ["cup", [0.0, 1.0, 5.0, 6.0], "m.png", [3.0, 4.0]]
    annotations.set_depth_range(value, None)
    assert value == ["cup", [0.0, 1.0, 5.0, 6.0], "m.png"]


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 3}', "{"])
def test_a_broken_file_is_an_error_for_the_user(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"a\.json"):
        list(annotations.read(path))


def test_run_lengths_and_polygons_give_the_same_mask():
    expected = np.zeros((20, 30), bool)
    expected[5:10, 4:12] = True
    rle = coco_mask.encode(np.asfortranarray(expected.astype(np.uint8)))
    polygon = [[4, 5, 12, 5, 12, 10, 4, 10]]
    np.testing.assert_array_equal(masks.decode(rle, 20, 30, None), expected)
    np.testing.assert_array_equal(masks.decode(polygon, 20, 30, None), expected)
    with pytest.raises(InputError, match=r"\[20, 30\]"):
        masks.decode(rle, 40, 30, None)


def test_depth_range_ignores_background_under_a_spilling_mask_and_stray_pixels():
    depth = np.full((100, 100), 5.0, np.float32)
    depth[30:70, 30:70] = np.linspace(2.0, 2.2, 40)
    depth[40, 40:50] = (0.3, 9, 3, 0, 0, 0, 4, 8, 2.9, 3.3)
    mask = np.zeros((100, 100), bool)
    mask[26:74, 26:74] = True
    near, far = depth_ranges.depth_range(depth, mask)
    assert 1.98 < near < 2.03 and 2.17 < far < 2.22


def test_fifty_sparse_points_are_enough_and_none_gives_no_range():
    rng = np.random.default_rng(0)
    depth = np.zeros((200, 200), np.float32)
    mask = np.zeros((200, 200), bool)
    mask[50:150, 50:150] = True
    assert depth_ranges.depth_range(depth, mask) is None
    columns = rng.integers(50, 150, 50)
    depth[rng.integers(50, 150, 50), columns] = 10 + 3 * (columns - 50) / 100  # the side of a car
    near, far = depth_ranges.depth_range(depth, mask)
    assert 10 <= near < 10.5 and 12.5 < far <= 13
