import cv2
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layers_aggregation
from spacesgg import depth_ranges, layers
from spacesgg.quantiles import percentiles

spans = st.lists(
    st.tuples(st.floats(0.3, 50), st.floats(1, 4)).map(lambda pair: [pair[0], pair[0] * pair[1]]), max_size=12
)


@settings(deadline=None)  # a busy machine is no failure
@given(spans)
def test_clear_pairs_are_in_order_and_nobody_is_left_out(ranges):
    named = {str(i): span for i, span in enumerate(ranges)}
    levels = layers.cluster_layers(named)
    where = {key: [i for i, layer in enumerate(levels) if key in layer] for key in named}
    assert all(where.values())
    for a, (_, far) in named.items():
        for b, (near, _) in named.items():
            if near > far * (1 + layers.MIN_GAP) * 1.000001:
                assert max(where[a]) < min(where[b])


@settings(deadline=None)  # a busy machine is no failure
@given(spans)
def test_inverse_depth_gives_the_same_layers(ranges):
    named = {str(i): span for i, span in enumerate(ranges)}
    inverse = {key: [1 / near, 1 / far] for key, (near, far) in named.items()}
    # Ties in the clustering may fall differently by rounding; the number of objects placed may not.
    assert {k for layer in layers.cluster_layers(inverse, inverse=True) for k in layer} == set(named)


@pytest.mark.parametrize("count", [2, 5, 40])
def test_small_images_are_clustered_as_scikit_learn_does_it(count):
    rng = np.random.default_rng(count)
    for _ in range(20):
        near = rng.uniform(0, 2, count)
        far = near + rng.exponential(0.2, count)
        gaps = np.maximum(near[:, None], near) - np.minimum(far[:, None], far)
        ours, theirs = layers.merge(gaps, 0.05), layers.merge_in_crowd(gaps, 0.05)
        assert ((ours[:, None] == ours) == (theirs[:, None] == theirs)).all()


def test_a_crowd_is_layered_like_a_few():
    ranges = {str(i): [1 + i // 20, 1.01 + i // 20] for i in range(100)}
    assert [len(layer) for layer in layers.cluster_layers(ranges)] == [20] * 5


def test_containment_puts_each_object_into_the_layers_whose_core_it_contains():
    ranges = {"wall": [3.0, 3.2], "floor": [0.9, 3.5], "cup": [1.0, 1.1], "twin": [1.0, 1.1], "table": [0.95, 1.5]}
    expected = [["floor", "cup", "twin", "table"], ["wall", "floor"]]
    assert layers.containment_layers(ranges) == expected
    inverse = {key: [1 / near, 1 / far] for key, (near, far) in ranges.items()}
    assert layers.containment_layers(inverse, inverse=True) == expected


def test_an_object_that_spans_layers_stands_in_each():
    levels = layers.cluster_layers({"cup": [1.0, 1.1], "table": [0.9, 3.2], "wall": [3.0, 3.1]})
    assert levels == [["cup", "table"], ["table", "wall"]]


@pytest.fixture
def folder(tmp_path):
    depth = np.full((60, 80), 4000, np.uint16)
    depth[10:40, 10:40] = 1500
    depth[10:40, 50:70] = 0
    cv2.imwrite(str(tmp_path / "a.png"), depth)
    polygons = {"near": [10, 10, 39, 10, 39, 39, 10, 39], "hole": [51, 11, 68, 11, 68, 38, 51, 38]}
    entry = {"depth": "a.png", "extra": 7}
    for i, (label, polygon) in enumerate(polygons.items()):
        entry[f"[[{i}, 0, 9, 9]]"] = [label, [-5.0, 0.0, 500.0, 50.0], [polygon]]
    entry["[[5, 0, 9, 9]]"] = ["wall", [0.0, 40.0, 80.0, 60.0], [[0, 42, 80, 42, 80, 60, 0, 60]]]
    entry["[[6, 0, 9, 9]]"] = ["unmasked", [0.0, 0.0, 5.0, 5.0]]
    gone = {"depth": "gone.png", "[[0, 0, 9, 9]]": ["cup", [0.0, 0.0, 9.0, 9.0]]}
    (tmp_path / "in.json").write_bytes(orjson.dumps({"a.jpg": entry, "gone.jpg": gone}))
    return tmp_path


def run(folder, output, *options):
    arguments = ["--input-file", str(folder / "in.json"), "--depth-dir", str(folder)]
    return layers_aggregation.main([*arguments, "--output-file", str(folder / output), *options])


def test_every_object_is_in_the_output_and_those_without_depth_are_named(folder):
    assert run(folder, "out.json", "--scale-factor", "1000") == 1
    out = orjson.loads((folder / "out.json").read_bytes())
    entry = out["a.jpg"]
    assert list(out) == ["a.jpg", "gone.jpg"] and entry["extra"] == 7 and len(entry) == 7
    assert entry["levels"] == [["[[0, 0, 9, 9]]"], ["[[5, 0, 9, 9]]"]]
    assert entry["[[0, 0, 9, 9]]"][-1] == pytest.approx([1.5, 1.5])
    lines = (folder / "out.json.errors.jsonl").read_bytes().splitlines()
    failures = [orjson.loads(line) for line in lines]
    assert [failure.get("object") for failure in failures] == ["[[1, 0, 9, 9]]", "[[6, 0, 9, 9]]", None]


def test_workers_and_repeated_runs_change_nothing(folder):
    run(folder, "one.json")
    run(folder, "two.json", "--workers", "2")
    (folder / "in.json").write_bytes((folder / "one.json").read_bytes())
    run(folder, "again.json")
    assert (
        (folder / "one.json").read_bytes()
        == (folder / "two.json").read_bytes()
        == (folder / "again.json").read_bytes()
    )


def test_inverse_depth_puts_larger_values_nearer(folder):
    run(folder, "out.json", "--inverse-depth")
    entry = orjson.loads((folder / "out.json").read_bytes())["a.jpg"]
    assert entry["levels"] == [["[[5, 0, 9, 9]]"], ["[[0, 0, 9, 9]]"]]
    assert entry["[[5, 0, 9, 9]]"][-1] == pytest.approx([4000, 4000], rel=1e-4)


CONTAINMENT, INVERSE = ("--method", "containment"), ("--inverse-depth",)


@pytest.mark.parametrize(
    ("flags", "more", "told"),
    [
        (CONTAINMENT, ("--min-gap", "0.5"), "--method containment has no use for --min-gap\n"),
        (
            INVERSE,
            ("--scale-factor", "1000"),
            "with --inverse-depth, --scale-factor only divides the ranges; they are",
        ),
    ],
)
def test_an_option_that_has_no_use_beside_another_is_told_of_in_a_line(folder, capsys, flags, more, told):
    found = []
    for options in (flags, more, flags + more):
        run(folder, "out.json", *options)
        said = capsys.readouterr().err
        assert said.count("\n") == (2 if options == flags + more else 1)
        assert said.startswith(f"layers_aggregation.py: {told}") == (options == flags + more)
        found.append(orjson.loads((folder / "out.json").read_bytes())["a.jpg"]["levels"])
    assert found[0] == found[2] and found[0]  # which the line says, or means


def test_an_unreadable_input_writes_nothing(folder):
    (folder / "in.json").write_bytes(b"{")
    assert run(folder, "out.json") == 2
    assert not (folder / "out.json").exists()


def test_a_box_without_a_mask_has_the_depth_of_its_nearest_large_surface(folder):
    entry = {"depth": "a.png", "width": 80, "height": 60}
    entry["[[0, 0, 1, 1]]"] = ["near", [-30.0, 5.0, 45.0, 50.0], None]  # clipped; half of its middle is the wall
    entry["[[0, 0, 2, 2]]"] = ["outside", [90.0, 5.0, 99.0, 20.0]]
    entry["[[0, 0, 3, 3]]"] = ["wall", [0.0, 45.0, 80.0, 60.0]]
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(folder, "out.json", "--scale-factor", "1000") == 1
    out = orjson.loads((folder / "out.json").read_bytes())["a.jpg"]
    assert out["levels"] == [["[[0, 0, 1, 1]]"], ["[[0, 0, 3, 3]]"]]
    assert out["[[0, 0, 1, 1]]"][-1] == pytest.approx([1.5, 1.5])
    failures = (folder / "out.json.errors.jsonl").read_bytes().splitlines()
    assert len(failures) == 1 and b"outside: no mask, and too few pixels" in failures[0]


def test_eight_bit_inverse_depth_states_no_order_that_rounding_made(tmp_path):
    depth = np.full((60, 80), 10, np.uint8)
    depth[:, 40:] = 11
    depth[:20] = 30
    cv2.imwrite(str(tmp_path / "a.png"), depth)
    entry = {"depth": "a.png"}
    for i, (x, y) in enumerate([(0, 30), (50, 30), (0, 0)]):
        entry[f"[[{i}, 0, 9, 9]]"] = [
            "thing",
            [0.0, 0.0, 1.0, 1.0],
            [[x, y, x + 20, y, x + 20, y + 15, x, y + 15]],
        ]
    (tmp_path / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(tmp_path, "out.json", "--inverse-depth") == 0
    levels = orjson.loads((tmp_path / "out.json").read_bytes())["a.jpg"]["levels"]
    assert levels == [["[[2, 0, 9, 9]]"], ["[[0, 0, 9, 9]]", "[[1, 0, 9, 9]]"]]


def test_a_failed_entry_keeps_no_layers_of_an_earlier_run(folder):
    run(folder, "in.json")  # the output may be the input
    (folder / "a.png").unlink()
    before = orjson.loads((folder / "in.json").read_bytes())["a.jpg"]
    assert before.pop("levels") and isinstance(before["[[0, 0, 9, 9]]"].pop()[0], float)
    assert before["[[5, 0, 9, 9]]"].pop()
    assert run(folder, "out.json") == 1
    assert orjson.loads((folder / "out.json").read_bytes())["a.jpg"] == before
    assert b"earlier run are taken out" in (folder / "out.json.errors.jsonl").read_bytes()


def test_containment_is_an_option_of_the_command(folder):
    assert run(folder, "out.json", "--method", "containment") == 1
    entry = orjson.loads((folder / "out.json").read_bytes())["a.jpg"]
    assert entry["levels"] == [["[[0, 0, 9, 9]]"], ["[[5, 0, 9, 9]]"]]


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.floats(0.125, 50, width=32), min_size=1), st.floats(0, 100))
def test_percentiles_are_those_of_numpy(values, percent):
    expected = np.percentile(np.array(values), percent)
    assert percentiles(np.array(values, np.float32), (percent,)) == pytest.approx([expected], rel=1e-6)


def test_merging_ends_where_distances_or_threshold_are_no_numbers():
    gaps = np.array([[0, 0.01, np.nan], [0.01, 0, np.nan], [np.nan, np.nan, 0]])
    assert layers.merge(gaps, 0.05).tolist() == [0, 0, 2]
    assert len(layers.merge(gaps, np.nan)) == 3


@pytest.mark.parametrize("options", [("--min-gap", "nan"), ("--scale-factor", "inf"), ("--workers", "0")])
def test_options_that_are_no_usable_numbers_are_wrong_usage(folder, options):
    with pytest.raises(SystemExit, match="2"):
        run(folder, "out.json", *options)


def test_inverse_depth_too_small_to_invert_is_no_depth(folder):
    np.save(folder / "a.npy", np.full((60, 80), 1e-42, np.float32))
    entry = {"depth": "a.npy", "[[0, 0, 9, 9]]": ["far", [0.0, 0.0, 50.0, 50.0], [[10, 10, 39, 10, 39, 39]]]}
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(folder, "out.json", "--inverse-depth") == 1
    assert orjson.loads((folder / "out.json").read_bytes())["a.jpg"] == {**entry, "levels": []}


def test_legs_thinner_than_the_ramps_of_soft_depth_do_not_reach_to_the_wall():
    """Only along the middle of its legs does the depth of a tripod come near to 3 m; the wall is 8 m away."""
    depth = np.full((240, 320), 8.0, np.float32)
    for foot in (100, 160, 220):
        cv2.line(depth, (160, 60), (foot, 200), 3.0, 7)
    cv2.circle(depth, (160, 55), 8, 3.0, -1)
    tripod = cv2.dilate((depth < 5).astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    found = depth_ranges.depth_range(cv2.blur(depth, (7, 7)), tripod, soft=True)
    assert found == pytest.approx([3, 3], abs=0.2)
