import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from spacesgg import annotations, depth_ranges, image_paths, masks
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


@pytest.mark.parametrize("key", ["[[９, 1, 8, 9]]", "[[8, 1, 1, 9]]", "[[1, 9, 8, 1]]", "[[1, 1, 8]]"])
def test_what_no_reader_takes_for_a_box_is_no_key(key):
    found, failures = annotations.sound_objects(
        "a.jpg", {key: ["cup", [1, 1, 5, 5]], "[[8, 8, 8, 8]]": ["pen", [1, 1, 1, 1]]}
    )
    assert [thing.label for thing in found] == ["pen"]
    assert [failure["object"] for failure in failures] == [key]
    assert "cup: its key must be its box as text" in failures[0]["reason"]


@pytest.mark.parametrize(
    ("key", "write"),
    [
        (" [[37 , 720 , 40,\t800]] ", "[[37, 720, 40, 800]]"),
        ("[[ 37, 720,  40, 800 ]]", "[[37, 720, 40, 800]]"),
        ("[[37,720,40,800 ]]\n", "[[37, 720, 40, 800]]"),
        ("[[3 7, 720, 40, 800]]", None),  # 37, or 3 and 7
        ("[[37 , 720, 20, 800]]", None),
    ],
)
def test_blanks_in_a_key_are_named_where_they_are_the_trouble(key, write):
    found, (failure,) = annotations.sound_objects("a.jpg", {key: ["cup", [1, 1, 5, 5]]})
    told = f"this one has blanks where none may be, write {write}; it is in no layer"
    assert not found and failure["object"] == key and (told in failure["reason"]) == (write is not None)
    assert ("blanks" in failure["reason"]) == (write is not None)
    _, failures = annotations.sound_objects("a.jpg", {key: "no list"})
    assert len(failures) == (write is not None or key.startswith("[["))


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


CUP_TWICE = (
    b'"[[1, 1, 2, 2]]": ["cup", [0.0, 0.0, 5.0, 5.0], null]',
    b'"[[1, 1, 2, 2]]" : ["cup", [9.0, 9.0, 9.5, 9.5], null]',
)
TWICE = b", ".join(CUP_TWICE)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.JSONL"])
def test_a_key_that_comes_twice_spoils_its_entry_and_both_are_kept(tmp_path, name):
    lines = name.lower().endswith("l")
    content = b'{"image": "x.jpg", %s}\n' if lines else b'{"x.jpg": {%s}, "y.jpg": {"say \\" : ": 1}}'
    (tmp_path / name).write_bytes(content % TWICE)
    image, entry = next(annotations.read(tmp_path / name))
    with pytest.raises(InputError, match=r"\[\[1, 1, 2, 2\]\] comes twice, .* count; keep one of the two$"):
        annotations.objects(pickle.loads(pickle.dumps(entry)))
    with annotations.writer(tmp_path / f"out_{name}") as write:
        write(image, entry)
    _, again = next(annotations.read(tmp_path / f"out_{name}"))
    assert again.members == entry.members and len(again.members) == 2


def test_an_image_that_comes_twice_in_one_object_is_refused_by_name(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"x.jpg": {}, "y.jpg": {}, "x.jpg": {}}')
    with pytest.raises(
        InputError, match=r"x\.jpg comes twice, .* count; keep one of the two, or write a \.jsonl file"
    ):
        list(annotations.read(tmp_path / "a.json"))


texts = st.text(st.sampled_from('a":\\ \t\u00e9{,'), max_size=6)
trees = st.recursive(
    texts | st.integers(0, 9), lambda t: st.lists(t, max_size=3) | st.dictionaries(texts, t, max_size=3)
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(texts, trees, max_size=4), st.booleans(), st.sampled_from([(",", ":"), (", ", " : ")]))
def test_no_text_looks_like_a_key_that_comes_twice(tmp_path_factory, entry, ascii_only, separators):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    line = {**entry, "image": "x"}
    path.write_text(json.dumps(line, ensure_ascii=ascii_only, separators=separators), encoding="utf-8")
    ((_, found),) = annotations.read(path)
    assert found == {k: v for k, v in entry.items() if k != "image"} and type(found) is dict


def test_an_image_key_of_the_entry_s_own_does_not_become_its_path(tmp_path):
    with (
        pytest.raises(InputError, match=r"its own \"image\""),
        annotations.writer(tmp_path / "a.jsonl") as write,
    ):
        write("x.jpg", {"image": "other.jpg"})
    with annotations.writer(tmp_path / "a.json") as write:
        write("x.jpg", {"image": "other.jpg"})
    assert list(annotations.read(tmp_path / "a.json")) == [("x.jpg", {"image": "other.jpg"})]


@pytest.mark.parametrize(
    ("base", "prefix", "expected"),
    [
        ("", "", "/data/coco/a.jpg"),
        ("/data/coco", "D", "D/a.jpg"),
        ("/data/coco/", "D/", "D/a.jpg"),
        ("/data/co", "", "/data/coco/a.jpg"),
    ],
)
def test_a_base_ends_where_a_folder_s_name_does(base, prefix, expected):
    assert image_paths.relocate("/data/coco/a.jpg", base, prefix) == expected
