"""From published annotations to the annotation file.

The COCO panoptic test reads a real image's ground truth. The other formats are samples written by hand to their
definitions: AS-V2 (dataset card of OpenGVLab/AS-V2; all-seeing-v2/scripts_asmv2/visualize_rec.py), COCO instances
and captions (cocodataset.org/#format-data), PSG (OpenPSG, openpsg/datasets/psg.py), Visual Genome (data readme of
visualgenome.org), LVIS v1 (lvisdataset.org/dataset).
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layers_aggregation
from spacesgg import annotations, batch, grounded_text, masks, padded_boxes, resume
from spacesgg.sources import Named, Record, Related, Relation, SourceObject, asv2, entries
from tools import prepare_annotations

SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "coco_panoptic"


def write(path: Path, content) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def convert(tmp_path: Path, kind: str, *flags, status: int = 0, name: str = "out.jsonl") -> dict[str, dict]:
    output = tmp_path / name
    assert prepare_annotations.main(["--format", kind, "--output-file", str(output), *map(str, flags)]) == status
    return dict(annotations.read(output))


def by_label(entry: dict) -> dict[str, annotations.Object]:
    return {thing.label: thing for thing in annotations.objects(entry)}


# COCO panoptic, on the ground truth of a real image


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the real sample is not here")
@pytest.mark.parametrize("where", ["inside", "folder"])
def test_every_panoptic_segment_has_its_label_and_exactly_its_pixels(tmp_path, where):
    truth = json.loads((SAMPLE / "panoptic.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in truth["categories"]}
    image, annotation = truth["images"][0], truth["annotations"][0]
    png = cv2.imread(str(SAMPLE / "panoptic" / annotation["file_name"])).astype(int)
    ids = png[..., 2] + 256 * png[..., 1] + 256**2 * png[..., 0]
    folder = tmp_path / "masks" if where == "folder" else None
    flags = ["--input-file", SAMPLE / "panoptic.json", "--panoptic-dir", SAMPLE / "panoptic", "--workers", 2]
    entry = convert(tmp_path, "coco-panoptic", *flags, *(["--mask-dir", folder] if folder else []))[
        image["file_name"]
    ]
    assert (entry["width"], entry["height"], entry["depth"]) == (640, 360, "000000439180.png")
    things = annotations.objects(entry)
    assert len(things) == len(annotation["segments_info"]) == 32
    for thing, segment in zip(things, annotation["segments_info"], strict=True):
        assert thing.label == names[segment["category_id"]]
        mask = masks.decode(thing.mask, 360, 640, folder)
        assert np.array_equal(mask, ids == segment["id"])
        x, y, w, h = segment["bbox"]
        assert thing.box == [x, y, x + w, y + h]
        assert thing.key == padded_boxes.key(padded_boxes.to_plain(thing.box, 640, 360))


def test_workers_do_not_change_the_result(tmp_path):
    listed = [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 80} for i in range(30)]
    square = {"category_id": 2, "segmentation": [[10, 10, 30, 10, 30, 40]], "bbox": [10, 10, 20, 30]}
    content = instances(images=listed, annotations=[{"image_id": 7 * i % 30, **square} for i in range(90)])
    flags = ["--input-file", write(tmp_path / "i.json", content), "--workers"]
    convert(tmp_path, "coco-instances", *flags, 1, name="1.json")
    convert(tmp_path, "coco-instances", *flags, 2, name="2.json")
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the real sample is not here")
def test_the_layers_stage_takes_the_result(tmp_path):
    flags = ["--input-file", SAMPLE / "panoptic.json", "--panoptic-dir", SAMPLE / "panoptic", "--min-area", 400]
    entry = convert(tmp_path, "coco-panoptic", *flags)["000000439180.jpg"]
    (tmp_path / "depth").mkdir()
    depth = np.linspace(20000, 2000, 360).astype(np.uint16)[:, None].repeat(640, axis=1)
    cv2.imwrite(str(tmp_path / "depth" / entry["depth"]), depth)
    output = tmp_path / "processed.json"
    arguments = [
        "--input-file",
        tmp_path / "out.jsonl",
        "--output-file",
        output,
        "--depth-dir",
        tmp_path / "depth",
    ]
    assert layers_aggregation.main([str(argument) for argument in arguments]) == 0
    done = dict(annotations.read(output))["000000439180.jpg"]
    things = annotations.objects(done)
    assert len(things) > 10
    assert {key for layer in done["levels"] for key in layer} == {thing.key for thing in things}


def test_a_png_of_another_size_fails_its_image_only(tmp_path):
    segment = {"id": 7, "category_id": 1, "bbox": [0, 0, 4, 4], "area": 16, "iscrowd": 0}
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 8, "height": 6} for i in (1, 2)],
        "categories": [{"id": 1, "name": "sky-other-merged", "isthing": 0}],
        "annotations": [{"image_id": i, "file_name": f"{i}.png", "segments_info": [segment]} for i in (1, 2)],
    }
    png = np.zeros((6, 8, 3), np.uint8)
    png[:4, :4, 2] = 7
    cv2.imwrite(str(tmp_path / "1.png"), png)
    cv2.imwrite(str(tmp_path / "2.png"), png[:5])
    flags = ["--input-file", write(tmp_path / "p.json", content), "--panoptic-dir", tmp_path]
    done = convert(tmp_path, "coco-panoptic", *flags, status=1)
    assert [thing.label for thing in annotations.objects(done["1.jpg"])] == ["sky-other-merged"]
    (failure,) = map(json.loads, batch.errors_path(tmp_path / "out.jsonl").read_text().splitlines())
    assert failure["image"] == "2.jpg"
    assert "8×5" in failure["reason"]


# COCO instances and LVIS


def instances(**changes) -> dict:
    square = [10, 10, 30, 10, 30, 40, 10, 40]
    base = {"image_id": 1, "category_id": 2, "iscrowd": 0, "segmentation": [square], "area": 600}
    annotations_ = [
        {"id": 1, **base, "bbox": [10, 10, 20, 30]},
        {"id": 2, **base, "bbox": [10, 10, 20, 30]},  # listed twice
        {"id": 3, **base, "bbox": [90, 70, 20, 20], "segmentation": [[90, 70, 100, 70, 100, 80]], "area": 50},
        {"id": 4, **base, "category_id": 3, "bbox": [200, 0, 5, 5], "segmentation": []},  # outside
        {"id": 5, **base, "category_id": 3, "bbox": [0, 0, 50, 40], "area": 9, "iscrowd": 1}
        | {"segmentation": {"size": [80, 100], "counts": [0, 40, 8000 - 40]}},
        {"id": 6, **base, "image_id": 99, "bbox": [1, 1, 2, 2]},  # of an image that is not listed
    ]
    return {
        "info": {"description": 'braces } and ] in a "string"'},
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}]
        + [{"id": 2, "file_name": "b.jpg", "width": 100, "height": 80}],
        "annotations": annotations_,
        "categories": [{"id": 2, "name": "dog"}, {"id": 3, "name": "person"}],
    } | changes


def test_coco_instances_with_captions(tmp_path, capsys):
    texts = ["A dog <sits>\non grass", "A dog <sits>\non grass", "Two dogs."]
    captions = {"annotations": [{"image_id": 1, "id": i, "caption": text} for i, text in enumerate(texts)]}
    flags = [
        "--input-file",
        write(tmp_path / "i.json", instances()),
        "--captions",
        write(tmp_path / "c.json", captions),
    ]
    done = convert(tmp_path, "coco-instances", *flags)
    assert list(done) == ["a.jpg", "b.jpg"]
    assert done["a.jpg"]["caption_annotation"] == "A dog sits on grass. Two dogs."
    things = annotations.objects(done["a.jpg"])
    assert [(thing.label, thing.box) for thing in things] == [
        ("dog", [10, 10, 30, 40]),
        ("dog", [90, 70, 100, 80]),
        ("person", [0, 0, 50, 40]),
    ]
    mask = masks.decode(things[0].mask, 80, 100, None)
    assert mask[10:40, 10:30].all()
    assert mask.sum() == 600
    assert masks.decode(things[2].mask, 80, 100, None)[:40, 0].all()
    told = capsys.readouterr().out
    for count in (
        "1 annotations of unlisted images",
        "1 boxes clipped",
        "1 duplicate objects",
        "1 objects outside",
        "3 objects,",
    ):
        assert count in told


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        (["--min-area", 100], [600]),
        (["--drop-crowd"], [600, 50]),
        (["--labels", "person"], [9]),
        (["--max-objects", 1], [600]),
    ],
)
def test_filters(tmp_path, flags, left):
    path = write(tmp_path / "i.json", instances())
    boxes = {600: [10, 10, 30, 40], 50: [90, 70, 100, 80], 9: [0, 0, 50, 40]}
    done = convert(tmp_path, "coco-instances", "--input-file", path, *flags)
    assert [thing.box for thing in annotations.objects(done["a.jpg"])] == [boxes[area] for area in left]


def test_labels_that_no_object_has_are_named(tmp_path, capsys):
    flags = ["--input-file", write(tmp_path / "i.json", instances()), "--labels"]
    convert(tmp_path, "coco-instances", *flags, "person", "Person", "unicorn")
    told = "no object kept has the label Person, unicorn; labels count letter for letter\n"
    assert capsys.readouterr().err == f"prepare_annotations.py: {told}"
    convert(tmp_path, "coco-instances", *flags, "person", *(f"kind {number:02d}" for number in range(12)))
    assert "kind 08, kind 09 and 2 more;" in capsys.readouterr().err
    convert(tmp_path, "coco-instances", *flags, "person")
    assert not capsys.readouterr().err


def test_masks_as_files_are_told_apart_by_the_whole_path(tmp_path):
    images = [
        {"id": i, "file_name": f"{folder}/7.jpg", "width": 100, "height": 80} for i, folder in enumerate("ab")
    ]
    square = {"category_id": 2, "segmentation": [[10, 10, 30, 10, 30, 40, 10, 40]], "bbox": [10, 10, 20, 30]}
    content = instances(images=images, annotations=[{"image_id": 0, **square}, {"image_id": 1, **square}])
    flags = ["--input-file", write(tmp_path / "i.json", content), "--mask-dir", tmp_path / "masks"]
    done = convert(tmp_path, "coco-instances", *flags, "--image-prefix", "coco/")
    names = [annotations.objects(done[image])[0].mask for image in ("coco/a/7.jpg", "coco/b/7.jpg")]
    assert len(set(names)) == 2
    assert all(masks.decode(name, 80, 100, tmp_path / "masks").sum() == 600 for name in names)


def test_a_file_in_the_place_of_a_folder_is_one_line(tmp_path, capsys):
    path = write(tmp_path / "i.json", instances())
    flags = ["--format", "coco-instances", "--input-file", path]
    for more in (["--output-file", path / "out.json"], ["--output-file", tmp_path / "o.json", "--mask-dir", path]):
        assert prepare_annotations.main([str(flag) for flag in [*flags, *more]]) == 2
        assert (message := capsys.readouterr().err).count("\n") == 1 and "i.json" in message


def test_missing_images_are_named_and_the_rest_is_done(tmp_path, capsys):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "b.jpg"), np.zeros((80, 100, 3), np.uint8))
    path = write(tmp_path / "i.json", instances())
    done = convert(tmp_path, "coco-instances", "--input-file", path, "--image-dir", tmp_path / "images", status=1)
    assert list(done) == ["b.jpg"]
    assert "1 listed images missing" in capsys.readouterr().out
    (failure,) = map(json.loads, batch.errors_path(tmp_path / "out.jsonl").read_text().splitlines())
    assert failure["image"] == "a.jpg"


def test_several_files_are_joined_by_the_images_names_not_their_numbers(tmp_path):
    def file(name, number, box):
        image = {"id": number, "file_name": name, "width": 100, "height": 80}
        thing = {"image_id": number, "category_id": 2, "bbox": box}
        return instances(images=[image, image], annotations=[thing])

    contents = [("a.jpg", 1, [1, 1, 9, 9]), ("b.jpg", 1, [2, 2, 9, 9]), ("a.jpg", 7, [3, 3, 9, 9])]
    paths = [write(tmp_path / f"{i}.json", file(*content)) for i, content in enumerate(contents)]
    done = convert(tmp_path, "coco-instances", "--input-file", *paths)
    boxes = {image: [thing.box[0] for thing in annotations.objects(entry)] for image, entry in done.items()}
    assert boxes == {"a.jpg": [1, 3], "b.jpg": [2]}


def test_files_that_number_their_categories_differently_are_refused(tmp_path, capsys):
    other = instances(categories=[{"id": 2, "name": "cat"}, {"id": 3, "name": "person"}])
    paths = [write(tmp_path / "1.json", instances()), write(tmp_path / "2.json", other)]
    convert(tmp_path, "coco-instances", "--input-file", paths[0])
    flags = ["--format", "coco-instances", "--input-file", *paths, "--output-file", tmp_path / "out.json"]
    assert prepare_annotations.main([str(flag) for flag in flags]) == 2
    assert 'category 2 is "cat"' in capsys.readouterr().err


def test_lvis_names(tmp_path):
    content = instances(
        images=[
            {"id": 1, "coco_url": "http://images.cocodataset.org/train2017/01.jpg", "width": 100, "height": 80}
        ],
        categories=[{"id": 2, "name": "aerosol_can"}, {"id": 3, "name": "bow_(weapon)"}],
    )
    done = convert(tmp_path, "lvis", "--input-file", write(tmp_path / "l.json", content))
    assert {thing.label for thing in annotations.objects(done["train2017/01.jpg"])} == {
        "aerosol can",
        "bow (weapon)",
    }


EMPTY = '{"images": [], "annotations": [], "categories": []}'


@pytest.mark.parametrize(
    "text", ['{"images": [{"id": 1', "", "[1, 2", '{"images": []}', "hello", EMPTY, '{"images": [3]}']
)
def test_unusable_input_is_one_line_and_status_2(tmp_path, capsys, text):
    (tmp_path / "i.json").write_text(text)
    arguments = [
        "--format",
        "coco-instances",
        "--input-file",
        tmp_path / "i.json",
        "--output-file",
        tmp_path / "o.json",
    ]
    assert prepare_annotations.main([str(argument) for argument in arguments]) == 2
    told = capsys.readouterr().err.strip()
    assert "i.json" in told
    assert "\n" not in told
    assert not (tmp_path / "o.json").exists()


def test_broken_annotations_are_counted_and_cost_no_others(tmp_path, capsys):
    base = {"image_id": 1, "category_id": 2, "bbox": [1, 1, 3, 3]}
    broken = [{**base, "bbox": ["a", 1, 2, 3]}, {**base, "bbox": [1, 1, 2]}, {**base, "category_id": [1]}]
    maskless = [{**base, "segmentation": [[1, 2]]}, {**base, "segmentation": {"size": [5, 5], "counts": "x"}}]
    content = instances(annotations=[*broken, *maskless, {**base, "bbox": [50, 50, 9, 9]}])
    done = convert(tmp_path, "coco-instances", "--input-file", write(tmp_path / "i.json", content))
    things = annotations.objects(done["a.jpg"])
    assert [(thing.box, thing.mask) for thing in things] == [([1, 1, 4, 4], None)] * 2 + [([50, 50, 59, 59], None)]
    told = capsys.readouterr().out
    assert "3 annotations without category or box" in told
    assert "2 unusable masks" in told


# Resuming


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_an_interrupted_run_is_finished_by_the_next(tmp_path, monkeypatch, ending):
    path = write(tmp_path / "i.json", instances())
    flags = ["--input-file", path, "--min-area", 100]
    whole = convert(tmp_path, "coco-instances", *flags, name=f"whole.{ending}")
    converted = []
    original = entries.entry_of

    def stops_at_b(record, choice):
        if record.image == "b.jpg":
            raise KeyboardInterrupt
        return original(record, choice)

    monkeypatch.setattr(entries, "entry_of", stops_at_b)
    with pytest.raises(KeyboardInterrupt):
        convert(tmp_path, "coco-instances", *flags, name=f"out.{ending}")
    assert not (tmp_path / f"out.{ending}").exists()
    monkeypatch.setattr(entries, "entry_of", lambda r, c: converted.append(r.image) or original(r, c))
    assert convert(tmp_path, "coco-instances", *flags, "--resume", name=f"out.{ending}") == whole
    assert converted == ["b.jpg"]
    assert (tmp_path / f"out.{ending}").read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()
    assert not resume.partial_path(tmp_path / f"out.{ending}").exists()


def test_other_flags_do_not_resume(tmp_path, capsys, monkeypatch):
    path = write(tmp_path / "i.json", instances())
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(batch, "run", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        convert(tmp_path, "coco-instances", "--input-file", path)
    flags = [
        "--format",
        "coco-instances",
        "--input-file",
        path,
        "--output-file",
        tmp_path / "out.jsonl",
        "--resume",
    ]
    assert prepare_annotations.main([str(flag) for flag in [*flags, "--drop-crowd"]]) == 2
    assert "drop_crowd" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_images_added_to_the_source_are_added_to_a_finished_output(tmp_path, monkeypatch, ending):
    content = instances()
    flags = ["--input-file", tmp_path / "i.json", "--resume"]
    write(tmp_path / "i.json", {**content, "images": content["images"][:1]})
    first = convert(tmp_path, "coco-instances", *flags, name=f"out.{ending}")
    converted, original = [], entries.entry_of
    monkeypatch.setattr(entries, "entry_of", lambda r, c: converted.append(r.image) or original(r, c))
    write(tmp_path / "i.json", content)
    done = convert(tmp_path, "coco-instances", *flags, name=f"out.{ending}")
    assert list(done) == [image["file_name"] for image in content["images"]]
    assert converted == list(done)[1:]
    assert done.items() >= first.items()


@pytest.mark.parametrize(
    ("name", "text"),
    [("out.json", '{"a.jpg": 3}'), ("out.json", '[{"a": 1}]'), ("out.jsonl", '{"a": 1}\n'), ("out.json", "x")],
)
def test_an_output_that_cannot_be_resumed_from_is_one_line_and_stays(tmp_path, capsys, name, text):
    path = write(tmp_path / "i.json", instances())
    (tmp_path / name).write_text(text, encoding="utf-8")
    flags = ["--format", "coco-instances", "--input-file", path, "--output-file", tmp_path / name, "--resume"]
    assert prepare_annotations.main([str(flag) for flag in flags]) == 2
    assert (message := capsys.readouterr().err).count("\n") == 1 and name in message
    assert (tmp_path / name).read_text(encoding="utf-8") == text


def test_a_signal_is_one_line_and_what_was_done_is_kept(tmp_path):
    listed = [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 80} for i in range(6_000)]
    square = {"category_id": 2, "segmentation": [[10, 10, 30, 10, 30, 40]], "bbox": [10, 10, 20, 30]}
    content = instances(images=listed, annotations=[{"image_id": i, **square} for i in range(6_000)])
    flags = ["--input-file", write(tmp_path / "i.json", content)]
    output = tmp_path / "out.jsonl"
    command = [sys.executable, prepare_annotations.__file__, "--format", "coco-instances", "--output-file", output]
    process = subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, start_new_session=True)
    partial, until = resume.partial_path(output), time.monotonic() + 30
    while not (partial.exists() and partial.stat().st_size > 1000) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 130
    assert errors.startswith("prepare_annotations.py: interrupted") and errors.count("\n") == 1
    assert sorted(tmp_path.glob("*out*")) == [partial]
    assert list(convert(tmp_path, "coco-instances", *flags, "--resume")) == [
        image["file_name"] for image in listed
    ]


# PSG


def test_psg_relations_become_grounded_text(tmp_path):
    png = np.zeros((6, 8, 3), np.uint8)
    png[:3, :, 2], png[3:, :4, 1] = 200, 1  # segments 200 and 256
    cv2.imwrite(str(tmp_path / "p.png"), png)
    segments = [{"id": 200, "category_id": 1, "isthing": 0, "iscrowd": 0, "area": 24}]
    segments += [{"id": 256, "category_id": 0, "isthing": 1, "iscrowd": 0, "area": 12}]
    data = {
        "image_id": "107902",
        "coco_image_id": "7",
        "file_name": "val2017/7.jpg",
        "pan_seg_file_name": "p.png",
        "width": 8,
        "height": 6,
        "segments_info": segments,
        "annotations": [{"bbox": [0, 0, 8, 3], "category_id": 1}, {"bbox": [0, 3, 4, 6], "category_id": 0}],
        "relations": [[1, 0, 1], [1, 0, 1], [0, 5, 0]],
    }
    psg = {
        "thing_classes": ["person"],
        "stuff_classes": ["sky-other"],
        "predicate_classes": ["over", "in front of"],
    }
    captions = {"annotations": [{"image_id": 7, "caption": "A person."}]}
    done = convert(
        tmp_path,
        "psg",
        *("--input-file", write(tmp_path / "psg.json", psg | {"data": [data], "test_image_ids": ["107902"]})),
        *("--panoptic-dir", tmp_path, "--captions", write(tmp_path / "c.json", captions)),
    )
    entry = done["val2017/7.jpg"]
    things = by_label(entry)
    assert things["person"].box == [0, 3, 4, 6]
    assert masks.decode(things["sky-other"].mask, 6, 8, None).sum() == 24
    person, sky = things["person"].key, things["sky-other"].key
    assert entry["caption_annotation"] == (
        f"A person. In the image: the {grounded_text.ref('person', person)} "
        f"{grounded_text.pred('in front of', person, sky)} the {grounded_text.ref('sky-other', sky)}."
    )
    assert grounded_text.parse(entry["caption_annotation"]).faults == []


# Visual Genome


def test_visual_genome_objects_and_relationships(tmp_path):
    man, hat = (
        {"object_id": 1, "x": 10, "y": 10, "w": 40, "h": 80},
        {"object_id": 3, "x": 20, "y": 10, "w": 20, "h": 9},
    )
    twin = {"object_id": 2, "x": 10, "y": 11, "w": 40, "h": 80}  # the same man, drawn by another annotator
    objects = [
        man | {"names": ["man"]},
        twin | {"names": ["Man "]},
        hat | {"names": ["hat"], "merged_object_ids": [8]},
    ]
    dog = {"object_id": 9, "x": 60, "y": 60, "w": 10, "h": 10, "name": "dog"}  # named by a relationship only
    related = [("WEARS", twin | {"name": "man"}, hat | {"object_id": 8, "name": "hat"})]
    related += [("with", man | {"name": "man"}, dog), ("is", man | {"name": "man"}, twin | {"name": "man"})]
    relationships = [
        {"relationship_id": i, "predicate": p, "subject": s, "object": o} for i, (p, s, o) in enumerate(related)
    ]
    url = "https://cs.stanford.edu/people/rak248/VG_100K/5.jpg"
    done = convert(
        tmp_path,
        "visual-genome",
        *("--input-file", write(tmp_path / "objects.json", [{"image_id": 5, "objects": objects}])),
        *("--relationships", write(tmp_path / "r.json", [{"image_id": 5, "relationships": relationships}])),
        *("--image-data", write(tmp_path / "d.json", [{"image_id": 5, "url": url, "width": 100, "height": 100}])),
    )
    entry = done["VG_100K/5.jpg"]
    assert [(t.label, t.box, t.mask) for t in annotations.objects(entry)] == [
        ("man", [10, 10, 50, 90], None),
        ("hat", [20, 10, 40, 19], None),
        ("dog", [60, 60, 70, 70], None),
    ]
    parsed = grounded_text.parse(entry["caption_annotation"])
    assert parsed.faults == []
    keys = {label: grounded_text.boxes(thing.key) for label, thing in by_label(entry).items()}
    assert [(p.predicate, p.subjects, p.objects) for p in parsed.preds] == [
        ("wears", keys["man"], keys["hat"]),
        ("with", keys["man"], keys["dog"]),
    ]


# AS-V2

DETAILED = (
    "A <ref>man</ref><box>[[1, 199, 332, 861]]</box> is <pred>holding</pred><box>[[1, 199, 332, 861]]</box>"
    "<box>[[266, 586, 319, 661], [218, 547, 273, 595]]</box> two "
    "<ref>remotes</ref><box>[[266, 586, 319, 661], [218, 547, 273, 595]]</box>.\n\nIt is 3 < 4."
)
REGION = "A <ref>remote</ref><box>[[266, 586, 319, 661]]</box>."
QUESTION = "<image>\nWhere is the <ref>rug</ref><box>[[0, 713, 999, 870]]</box>?"
ANSWER = (
    "<ref>He</ref><box>[[1, 199, 332, 861]]</box> sits <pred>on</pred><box>[[1, 199, 332, 861]]</box>"
    "<box>[[0, 713, 999, 870]]</box> it. <ref>Broken</pred><box>[]</box>"
)


def asv2_file(tmp_path: Path, **size) -> Path:
    def record(question, answer):
        turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
        return {"id": "0", "image": "coco/train2017/1.jpg", "conversations": turns, **size}

    records = [
        record("<image>\nDescribe.", DETAILED),
        record("<image>\nRegion?", REGION),
        record(QUESTION, ANSWER),
    ]
    return write(tmp_path / "asv2.json", [*records, {"id": "1", "conversations": []}])


def test_asv2_records_of_all_three_kinds_become_one_entry(tmp_path, capsys):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.jpg"), np.zeros((480, 640, 3), np.uint8))
    done = convert(tmp_path, "asv2", "--input-file", asv2_file(tmp_path), "--image-dir", tmp_path / "images")
    entry = done["coco/train2017/1.jpg"]
    assert (entry["width"], entry["height"]) == (640, 480)
    things = annotations.objects(entry)
    assert [thing.label for thing in things] == ["man", "remote", "remotes", "rug"]
    # 640×480 is padded by 80 rows above: (199 / 999 · 640 − 80) and so on
    assert things[0].box == pytest.approx([0.641, 47.487, 212.693, 471.592], abs=1e-3)
    parsed = grounded_text.parse(entry["caption_annotation"])
    assert parsed.faults == []
    assert {box for found in parsed.refs for box in found.boxes} == {grounded_text.boxes(t.key)[0] for t in things}
    assert [found.predicate for found in parsed.preds] == ["holding", "on"]
    assert "records without an image" in (told := capsys.readouterr().out)
    assert "faults in grounded texts" in told


def test_asv2_objects_that_are_filtered_stay_as_words(tmp_path):
    flags = ["--input-file", asv2_file(tmp_path, width=640, height=480), "--labels", "man", "remote"]
    caption = convert(tmp_path, "asv2", *flags)["coco/train2017/1.jpg"]["caption_annotation"]
    parsed = grounded_text.parse(caption)
    assert parsed.faults == []
    (holding,) = parsed.preds
    assert len(holding.subjects) == len(holding.objects) == 1
    assert "sits on it." in caption


@st.composite
def padded_case(draw):
    width, height = draw(st.sampled_from([(640, 480), (427, 640), (500, 500), (1000, 301), (333, 77)]))
    padded = draw(st.booleans())
    low = padded_boxes.to_padded((0, 0, width, height), width, height) if padded else (0, 0, 999, 999)
    boxes = []
    for _ in range(draw(st.integers(2, 6))):
        x = draw(st.integers(low[0], low[2] - 1))
        y = draw(st.integers(low[1], low[3] - 1))
        boxes.append((x, y, draw(st.integers(x + 1, low[2])), draw(st.integers(y + 1, low[3]))))
    return width, height, padded, draw(st.booleans()), list(dict.fromkeys(boxes))


@settings(max_examples=300, deadline=None)
@given(padded_case())
def test_asv2_text_to_objects_to_text_keeps_every_box(case):
    width, height, padded, padded_keys, boxes = case
    keys = [padded_boxes.key(box) for box in boxes]
    text = " ".join(grounded_text.ref(f"thing {i}", key) for i, key in enumerate(keys))
    text += " " + grounded_text.pred("near", keys[0], keys[-1]) + " all " + grounded_text.ref("things", *keys)
    turns = [{"from": "human", "value": "?"}, {"from": "gpt", "value": text}]
    raw = json.dumps({"image": "1.jpg", "conversations": turns, "width": width, "height": height}).encode()
    record = asv2.record(("1.jpg", [raw]), padded=padded, image_dir=None)
    entry, _ = entries.entry_of(record, entries.Choice(padded_keys=padded_keys))
    assert len(annotations.objects(entry)) == len(boxes)
    assert re.sub(r"\d+, \d+, \d+, \d+", "", entry["caption_annotation"]) == re.sub(
        r"\d+, \d+, \d+, \d+", "", text
    )
    back = {
        (True, False): padded_boxes.plain_to_padded,
        (False, True): padded_boxes.padded_to_plain,
    }.get((padded, padded_keys), lambda box, *_: box)
    # Plain boxes written as padded ones lose what the coarser scale of the shorter side cannot hold.
    coarse = max(width, height) / min(width, height) if padded_keys and not padded else 1
    written = [box for tag in grounded_text.parse(entry["caption_annotation"]).refs for box in tag.boxes]
    for before, after in zip(boxes * 2, written, strict=True):
        off = max(abs(a - b) for a, b in zip(before, back(after, width, height), strict=True))
        # Two boxes that fall on one key stand one apart, which costs one more.
        assert off <= (1 if coarse == 1 else 3 * coarse + 1)


# Keys and captions


def record_of(*objects, relations=(), caption=()):
    return Record("1.jpg", 2000, 2000, list(caption), list(objects), list(relations), Counter())


def test_objects_that_round_to_one_key_both_stay():
    objects = [SourceObject("cup", (100 + i / 9, 100, 900, 900)) for i in range(6)]
    objects += [
        SourceObject("edge", (1998.9, 1998.9, 2000, 2000)),
        SourceObject("edge", (1998.95, 1998.9, 2000, 2000)),
    ]
    entry, counts = entries.entry_of(record_of(*objects), entries.Choice())
    things = annotations.objects(entry)
    assert [thing.box for thing in things] == [list(thing.box) for thing in objects]
    for thing in things:
        key, plain = grounded_text.boxes(thing.key)[0], padded_boxes.to_plain(thing.box, 2000, 2000)
        assert sum(abs(a - b) for a, b in zip(key, plain, strict=True)) <= 2
        assert key[0] < key[2] <= 999
        assert key[1] < key[3] <= 999
    assert counts["keys nudged"] == 6
    assert entry == entries.entry_of(record_of(*objects), entries.Choice())[0]


def test_relations_follow_the_object_that_a_duplicate_repeats():
    box = (0, 0, 500, 500)
    objects = [SourceObject("man", box), SourceObject("man", box), SourceObject("bench", (0, 300, 900, 700))]
    relations = [Relation(1, "on", 2), Relation(0, "on", 2), Relation(0, "beside", 1), Relation(0, " ", 2)]
    entry, counts = entries.entry_of(record_of(*objects, relations=relations), entries.Choice())
    parsed = grounded_text.parse(entry["caption_annotation"])
    assert parsed.faults == []
    assert [found.predicate for found in parsed.preds] == ["on"]
    assert (counts["relations"], counts["relations dropped"]) == (1, 2)


def test_a_related_object_that_no_text_names_is_named():
    caption = ["He ", Related("on", (0,), (1,)), " it. A ", Named("b\nad", ())]
    objects = [SourceObject("man", (0, 0, 500, 500)), SourceObject("rug", (0, 300, 900, 700))]
    entry, _ = entries.entry_of(record_of(*objects, caption=caption), entries.Choice())
    parsed = grounded_text.parse(entry["caption_annotation"])
    assert parsed.faults == []
    assert [found.label for found in parsed.refs] == ["man", "rug"]
