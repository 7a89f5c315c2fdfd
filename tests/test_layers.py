import cv2
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import layers_aggregation
from spacesgg import layers

spans = st.lists(
    st.tuples(st.floats(0.3, 50), st.floats(1, 4)).map(lambda pair: [pair[0], pair[0] * pair[1]]), max_size=12
)


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


@given(spans)
def test_inverse_depth_gives_the_same_layers(ranges):
    named = {str(i): span for i, span in enumerate(ranges)}
    inverse = {key: [1 / near, 1 / far] for key, (near, far) in named.items()}
    # Ties in the clustering may fall differently by rounding; the number of objects placed may not.
    assert {k for layer in layers.cluster_layers(inverse, inverse=True) for k in layer} == set(named)


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
    (tmp_path / "in.json").write_bytes(orjson.dumps({"a.jpg": entry, "gone.jpg": {"depth": "gone.png"}}))
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


def test_an_unreadable_input_writes_nothing(folder):
    (folder / "in.json").write_bytes(b"{")
    assert run(folder, "out.json") == 2
    assert not (folder / "out.json").exists()
