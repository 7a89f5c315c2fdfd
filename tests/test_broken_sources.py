"""What is wrong in a source costs what it is about, is counted or named, and never passes for a success."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacesgg import annotations, batch, masks
from tools import prepare_annotations

WIDTH, HEIGHT = 200, 100
SQUARE = [[10, 10, 60, 10, 60, 50, 10, 50]]
IMAGES = [
    {"id": i + 1, "file_name": f"{name}.jpg", "width": WIDTH, "height": HEIGHT} for i, name in enumerate("ab")
]
CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 2, "name": "sky"}]


def thing(**changes) -> dict:
    base = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 40], "area": 2000, "segmentation": SQUARE}
    return {**base, **changes}


def instances(*things, **changes) -> dict:
    return {"images": IMAGES, "annotations": list(things), "categories": CATEGORIES, **changes}


class Run:
    """One run of the tool: its status, what it said, its entries and failures."""

    def __init__(self, folder: Path, capsys, kind: str, content, *flags):
        self.input, self.output = folder / "in.json", folder / "out.jsonl"
        if content is not None:
            self.input.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        files = ["--format", kind, "--input-file", self.input, "--output-file", self.output]
        self.status = prepare_annotations.main([str(flag) for flag in [*files, *flags]])
        self.out, self.err = capsys.readouterr()
        self.entries = dict(annotations.read(self.output)) if self.output.exists() else {}
        path = batch.errors_path(self.output)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.failures = {line["image"]: line["reason"] for line in map(json.loads, lines)}

    def objects(self, image: str) -> list[annotations.Object]:
        return annotations.objects(self.entries[image])

    def is_refused(self) -> str:
        """Return the one line of a run that refused its input."""
        assert self.status == 2
        lines = [line for line in self.err.splitlines() if not line.startswith("annotations:")]
        assert len(lines) == 1
        assert not self.entries
        return lines[0]


@pytest.fixture
def run(tmp_path, capsys):
    return lambda kind, content, *flags: Run(tmp_path, capsys, kind, content, *flags)


def runs(counts) -> dict:
    return {"size": [HEIGHT, WIDTH], "counts": counts}


# Masks

BROKEN_MASKS = {
    "null coordinate": [[None, 1, 2, 3, 4, 5]],
    "far outside": [[0, 0, 1e9, 0, 1e9, 1e9]],
    "far outside on the other side": [[-1e7, 0, 50, 0, 50, 50]],
    "odd": [[1, 2, 3, 4, 5, 6, 7]],
    "text": "x",
    "number": 5,
    "points as pairs": [[[1, 2], [30, 4], [5, 60], [1, 2], [30, 4], [5, 60]]],
    "compressed text": runs("abc"),
    "no text": runs(""),
    "too few": runs([5, 10]),
    "too many": runs([0, 10**9]),
    "halves": runs([5.5, HEIGHT * WIDTH - 5.5]),
    "negative": runs([-5, HEIGHT * WIDTH + 5]),
    "no size": {"counts": [HEIGHT * WIDTH]},
    "no pixel": runs([HEIGHT * WIDTH]),
}


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("broken", BROKEN_MASKS.values(), ids=BROKEN_MASKS)
def test_a_broken_mask_is_left_out_and_counted(run, tmp_path, broken, folder):
    content = instances(thing(segmentation=broken), thing(bbox=[70, 10, 50, 40]))
    done = run("coco-instances", content, *(["--mask-dir", tmp_path / "masks"] if folder else []))
    assert done.status == 0
    assert [found.mask is None for found in done.objects("a.jpg")] == [True, False]
    assert "1 unusable masks left out" in done.out


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.001, 0.1, 0.5, 0.999]))
def test_every_whole_mask_is_read_from_compressed_run_lengths(seed, share):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 90, 2)) < share
    mask[0, 0] = True
    assert np.array_equal(masks.decode(masks.encode(mask), *mask.shape, None), mask)
