"""What is wrong in a source costs what it is about, is counted or named, and never passes for a success."""

import copy
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacesgg import annotations, batch, masks
from spacesgg.sources import big_json
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
        written = self.output.exists() and self.output.stat().st_size
        self.entries = dict(annotations.read(self.output)) if written else {}
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


# COCO instances


def test_a_broken_field_costs_its_object_at_most(run):
    categories = [*CATEGORIES, {"id": 3, "name": 5}, {"id": "4", "name": "dog"}]
    things = [thing(area="big"), thing(category_id=3), thing(image_id=2.0, category_id=4), thing(image_id=None)]
    done = run("coco-instances", instances(*things, categories=categories))
    assert done.status == 0
    assert [found.label for found in done.objects("a.jpg")] == ["cat"]
    assert [found.label for found in done.objects("b.jpg")] == ["dog"]
    for told in (
        "1 areas that are no number",
        "1 categories without number or name",
        "1 annotations without category or box",
        "1 annotations of unlisted images",
    ):
        assert told in done.out


def test_numbers_written_as_text_are_the_same_numbers(run, tmp_path):
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps({"annotations": [{"image_id": "1", "caption": "A cat."}]}))
    listed = [{**image, "width": str(WIDTH)} for image in IMAGES]
    done = run("coco-instances", instances(thing(image_id="1"), images=listed), "--captions", captions)
    assert len(done.objects("a.jpg")) == 1
    assert done.entries["a.jpg"]["width"] == WIDTH
    assert done.entries["a.jpg"]["caption_annotation"] == "A cat."


PANOPTIC = {"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 7, "category_id": 1}]}
REFUSED = {
    "no name": (instances(thing(), images=[{**IMAGES[0], "file_name": None}]), "name None"),
    "empty name": (instances(thing(), images=[{**IMAGES[0], "file_name": ""}]), "name ''"),
    "one id twice": (
        instances(thing(), images=[IMAGES[0], {**IMAGES[1], "id": 1}]),
        "a.jpg and b.jpg have one id",
    ),
    "two sizes": (instances(thing(), images=[IMAGES[0], {**IMAGES[0], "width": 90}]), "has the size 90"),
    "panoptic": (instances(PANOPTIC), 'usable "bbox"'),
    "other images": (instances(thing(image_id=8), thing(image_id=9)), "all its 2 annotations"),
    "no annotations": (instances(), "empty"),
    "unknown categories": (instances(thing(category_id=8)), "1 annotations without category or box"),
    "no categories": (instances(thing(), categories=[]), "name none"),
    "empty file": ("", "is empty"),
    "empty object": ("{}", "found an empty object"),
    "truncated in a key": (json.dumps(instances(thing()))[:-60].rpartition('"')[0], "truncated"),
    "truncated after one": ('{"info": {}, ', "truncated"),
    "broken key": ('{"\\x": 1}', "not valid JSON"),
    "UTF-16": ("\ufeff{}", "UTF-16"),
}


@pytest.mark.parametrize(("content", "told"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_not_what_it_should_be_is_refused_in_one_line(run, tmp_path, content, told):
    if told == "UTF-16":
        (tmp_path / "in.json").write_text(content[1:], encoding="utf-16")
        content = None
    line = run("coco-instances", content).is_refused()
    assert told in line
    assert "in.json" in line


@pytest.mark.parametrize(
    ("captions", "told"),
    [
        (instances(thing()), 'usable "caption"'),
        ({"annotations": [3]}, 'usable "caption"'),
        ({"annotations": [{"image_id": 99, "caption": "Of another split."}]}, "another split"),
    ],
)
def test_captions_that_are_none_are_refused(run, tmp_path, captions, told):
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(captions))
    line = run("coco-instances", instances(thing()), "--captions", path).is_refused()
    assert told in line
    assert str(path) in line


def test_an_image_of_another_size_than_stated_is_a_failure(run, tmp_path):
    (tmp_path / "images").mkdir()
    for name, width in (("a", WIDTH), ("b", WIDTH * 2)):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.jpg"), np.zeros((HEIGHT, width, 3), np.uint8))
    done = run("coco-instances", instances(thing(), thing(image_id=2)), "--image-dir", tmp_path / "images")
    assert done.status == 1
    assert list(done.entries) == ["a.jpg"]
    assert "400×100" in done.failures["b.jpg"]


@pytest.mark.parametrize("name", ["a" * 400 + ".jpg", "a\0.jpg"])
def test_a_name_that_no_file_can_have_is_missing_and_costs_no_others(run, tmp_path, name):
    cv2.imwrite(str(tmp_path / "b.jpg"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    content = instances(thing(image_id=2), images=[{**IMAGES[0], "file_name": name}, IMAGES[1]])
    done = run("coco-instances", content, "--image-dir", tmp_path)
    assert list(done.entries) == ["b.jpg"]
    assert "is not in" in done.failures[name]


# COCO panoptic and PSG


@pytest.fixture
def png(tmp_path):
    ids = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ids[10:50, 10:90, 2], ids[60:90, 100:180, 2] = 7, 9
    cv2.imwrite(str(tmp_path / "a.png"), ids)
    return tmp_path


def test_broken_segments_are_counted_and_cost_no_others(run, png):
    segments = [5, {"category_id": 1}, {"id": "7", "category_id": 1}, {"id": 2**70, "category_id": 1}]
    annotations_ = [{**PANOPTIC, "segments_info": segments}, {**PANOPTIC, "image_id": 2, "segments_info": "x"}]
    listed = [*IMAGES, {**IMAGES[0], "id": 3, "file_name": "c.jpg"}]
    done = run("coco-panoptic", instances(*annotations_, images=listed), "--panoptic-dir", png)
    assert [(found.label, found.box) for found in done.objects("a.jpg")] == [("cat", [10, 10, 90, 50])]
    assert "1 segments without category" in done.out
    assert "2 segments without pixels" in done.out
    assert "1 images without a panoptic annotation" in done.out
    assert list(done.failures) == ["b.jpg"]
    assert "segments_info" in done.failures["b.jpg"]


@pytest.mark.parametrize("name", [None, 5, ""])
def test_a_panoptic_annotation_without_png_is_named(run, png, name):
    done = run("coco-panoptic", instances({**PANOPTIC, "file_name": name}), "--panoptic-dir", png)
    assert "names no PNG" in done.failures["a.jpg"]


@pytest.mark.parametrize("things", [[], [thing()]])
def test_a_panoptic_file_without_segments_is_refused(run, png, things):
    assert "a COCO panoptic file" in run("coco-panoptic", instances(*things), "--panoptic-dir", png).is_refused()


PSG = {
    "thing_classes": ["cat"],
    "stuff_classes": ["sky"],
    "predicate_classes": ["on", "near"],
    "data": [
        {
            "image_id": "1",
            "file_name": "a.jpg",
            "pan_seg_file_name": "a.png",
            "width": WIDTH,
            "height": HEIGHT,
            "segments_info": [{"id": 7, "category_id": 0}, {"id": 9, "category_id": 1}],
            "relations": [],
        }
    ],
}


def test_broken_relations_are_dropped_and_cost_no_others(run, png):
    content = copy.deepcopy(PSG)
    broken = [["a", 1, 1], [0, 1], 5, None, [0, 1, 1.0], [0, -1, 1], [True, 0, 1], {"subject": 0}]
    content["data"][0]["relations"] = [*broken, [0, 1, 1]]
    done = run("psg", content, "--panoptic-dir", png)
    assert f"{len(broken)} relations dropped" in done.out
    assert "<pred>near</pred>" in done.entries["a.jpg"]["caption_annotation"]


@pytest.mark.parametrize(("key", "value"), [("thing_classes", "cat"), ("predicate_classes", [5]), ("data", {})])
def test_a_psg_file_that_is_none_is_refused(run, png, key, value):
    line = run("psg", {**PSG, key: value}, "--panoptic-dir", png).is_refused()
    assert key in line


# Visual Genome and AS-V2

BOX = {"x": 1, "y": 2, "w": 50, "h": 40}


def test_broken_visual_genome_fields_cost_no_others(run, tmp_path):
    listed = [5, {"object_id": [1], "names": "Big cat", **BOX}, {"names": [5], **BOX}, {"names": ["a"], "x": "1"}]
    listed += [{"object_id": "8", "merged_object_ids": 5, "names": ["mat"], "x": 60, "y": 2, "w": 50, "h": 40}]
    objects = [{"image_id": "1", "objects": listed}, {"image_id": 2, "objects": None}]
    cat = {"object_id": 6, "name": "big cat", **BOX}
    stated = [{"predicate": 5, "subject": cat, "object": {"object_id": 8}}, 7, {"predicate": "on", "subject": []}]
    stated += [{"predicate": "ON", "subject": cat, "object": {"object_id": 8}}]
    about = [{"image_id": i, "width": WIDTH, "height": HEIGHT, "url": None} for i in (1, 2)]
    for name, content in (("r", [{"image_id": 1, "relationships": stated}]), ("d", about)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    flags = ["--relationships", tmp_path / "r.json", "--image-data", tmp_path / "d.json"]
    done = run("visual-genome", objects, *flags)
    assert done.status == 0
    assert [found.label for found in done.objects("1.jpg")] == ["big cat", "mat"]
    assert "<pred>on</pred>" in done.entries["1.jpg"]["caption_annotation"]
    assert "3 relations dropped" in done.out
    assert "1 entries without a list of objects" in done.out
    assert done.objects("2.jpg") == []


def test_conversations_that_ground_nothing_are_refused(run):
    turns = [{"from": "human", "value": "?"}, {"from": "gpt", "value": "A cat."}, {"from": "gpt", "value": 5}]
    content = [{"image": "a.jpg", "conversations": turns, "width": WIDTH, "height": HEIGHT}]
    assert "none of its 1 images has an object (1 turns without a text)" in run("asv2", content).is_refused()


@pytest.mark.parametrize(("width", "told"), [("wide", "'wide'"), (-5, "-5"), (2.5, "2.5"), (1 << 40, "more than")])
def test_a_size_that_is_none_is_named(run, width, told):
    turns = [
        {"from": "human", "value": "?"},
        {"from": "gpt", "value": "A <ref>cat</ref><box>[[1, 2, 3, 4]]</box>"},
    ]
    done = run("asv2", [{"image": "a.jpg", "conversations": turns, "width": width, "height": HEIGHT}])
    assert done.status == 1
    assert told in done.failures["a.jpg"]
    assert "unexpected" not in done.failures["a.jpg"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path, name):
    text = b'{"id": 1}' if name.endswith("l") else b'[{"id": 1}]'
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text + b"\r\n")
    file = big_json.BigJson(tmp_path / name)
    assert [file.load(start, end) for _, start, end in file.parts()] == [{"id": 1}]
