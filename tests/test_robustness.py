"""Annotation files as they come: malformed, doubled, empty, streamed."""

import codecs
import concurrent.futures
import os
import signal

import cv2
import numpy as np
import orjson
import pytest

import layers_aggregation
import multiview_layers
from spacesgg import batch, camera, interrupts, masks, pointmaps
from spacesgg.errors import InputError

CUP = ["cup", [10.0, 10.0, 30.0, 30.0], [[10, 10, 30, 10, 30, 30, 10, 30]]]


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 80), 1500, np.uint16))
    return tmp_path


def run(folder, given, result, *options):
    arguments = ["--input-file", str(folder / given), "--output-file", str(folder / result)]
    return layers_aggregation.main([*arguments, "--depth-dir", str(folder), *options])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("nothing", "cannot be read"),
        ("[1, 2]", "JSON list"),
        ("null", "JSON value (null)"),
        ("{}\n{}\n", "line 2 goes on after the end; entries on lines of their own make a .jsonl file"),
        ("\ufeff{}".encode("utf-16"), "(it is written in UTF-16; save it as UTF-8, which JSON is)"),
        ('{"a.jpg": {}}'.encode("utf-16-be"), "(it is written in UTF-16; save it as UTF-8, which JSON is)"),
        ('{"é.jpg": {}}'.encode("latin-1"), "(it is no UTF-8 text; save it as UTF-8, which JSON is)"),
        ('{"a.jpg": {}, "b.jpg": [1]}', "entry of b.jpg is a list"),
    ],
)
def test_a_file_that_is_no_annotation_file_is_refused_by_name(folder, capsys, content, reason):
    (folder / "in.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert run(folder, "in.json", "out.json") == 2
    message = capsys.readouterr().err
    assert reason in message and "in.json" in message and message.count("\n") == 1
    assert not (folder / "out.json").exists()


def test_a_bad_line_is_named_by_its_number(folder, capsys):
    (folder / "in.jsonl").write_text('{"image": "a.jpg", "depth": "a.png"}\n{"image": \n')
    assert run(folder, "in.jsonl", "out.jsonl") == 2
    assert "in.jsonl, line 2, column" in capsys.readouterr().err
    (folder / "in.jsonl").write_text(orjson.dumps({"a.jpg": {}}, option=orjson.OPT_INDENT_2).decode())
    assert run(folder, "in.jsonl", "out.jsonl") == 2
    assert "has one entry on each line" in capsys.readouterr().err
    (folder / "in.jsonl").write_text('{"image": "a.jpg"}\n', encoding="utf-16")
    assert run(folder, "in.jsonl", "out.jsonl") == 2
    assert "line 1: cannot be read as JSON (it is written in UTF-16; save it as UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["in.json", "in.jsonl"])
def test_a_byte_order_mark_is_no_fault(folder, name):
    entry = {"depth": "a.png", "[[0, 0, 9, 9]]": CUP}
    lines = orjson.dumps({"image": "a.jpg", **entry} if name.endswith("l") else {"a.jpg": entry})
    (folder / name).write_bytes(codecs.BOM_UTF8 + lines)
    assert run(folder, name, "out.json") == 0
    assert orjson.loads((folder / "out.json").read_bytes())["a.jpg"]["levels"] == [["[[0, 0, 9, 9]]"]]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "nan"])
def test_a_number_that_json_has_not_is_named_and_costs_only_its_line(folder, capsys, number):
    entry = (
        '{"image": "%s.jpg", "depth": "a.png", "note": "NaN, \\"inf", "[[0, 0, 9, 9]]": ["cup", [1, 1, %s, 9]]}'
    )
    lines = [entry % item for item in (("a", 9), ("b", number), ("c", 9))]
    (folder / "in.jsonl").write_text("\n".join(lines))
    assert run(folder, "in.jsonl", "out.jsonl") == 1
    (line,) = map(orjson.loads, (folder / "out.jsonl.errors.jsonl").read_bytes().splitlines())
    assert line["image"] == "b.jpg" and f"{number.lstrip('-')} is not JSON" in line["reason"]
    done = [orjson.loads(line) for line in (folder / "out.jsonl").read_bytes().splitlines()]
    assert [len(entry["levels"]) if "levels" in entry else None for entry in done] == [1, None, 1]
    assert done[1] == orjson.loads(lines[1].replace(f", {number}, 9", ", null, 9"))
    (folder / "in.json").write_text(f'{{"a.jpg": {{}},\n "b.jpg": {{"note": [1, {number}]}}}}')
    assert run(folder, "in.json", "out.json") == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "in.json, line 2, column" in message and "is not JSON; write null" in message


def test_the_summary_counts_images_and_of_those_done_in_part_the_objects(folder, capsys):
    good = {"depth": "a.png", "[[0, 0, 9, 9]]": CUP}
    lost = {f"[[0, 0, 9, {i}]]": ["cup", [1, 1, 9, 9], "gone.png"] for i in range(3)}
    images = {
        "a.jpg": good,
        "b.jpg": good,
        "c.jpg": good | lost,
        "d.jpg": good | lost,
        "e.jpg": {**good, "depth": "e"},
    }
    (folder / "in.json").write_bytes(orjson.dumps(images))
    assert run(folder, "in.json", "out.json") == 1
    told = "2 images succeeded, 1 failed, 2 done in part (objects that failed: 6), see "
    assert (
        capsys.readouterr().err
        == f"layers_aggregation: {told}{folder / 'out.json.errors.jsonl'}; written to {folder / 'out.json'}\n"
    )
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": good}))
    assert run(folder, "in.json", "out.json") == 0
    assert "1 image succeeded, 0 failed; written to" in capsys.readouterr().out


@pytest.mark.parametrize(
    "value", [None, "cup", [], ["cup"], [7, [0, 0, 1, 1]], ["cup", [0, 0, 1]], {"label": "cup"}]
)
def test_a_malformed_object_stays_as_it_was_and_costs_no_other(folder, value):
    entry = {"depth": "a.png", "[[1, 1, 2, 2]]": value, "[[0, 0, 9, 9]]": CUP}
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(folder, "in.json", "out.json") == 1
    done = orjson.loads((folder / "out.json").read_bytes())["a.jpg"]
    assert done["[[1, 1, 2, 2]]"] == value and done["levels"] == [["[[0, 0, 9, 9]]"]]
    (failure,) = map(orjson.loads, (folder / "out.json.errors.jsonl").read_bytes().splitlines())
    assert (failure["image"], failure["object"]) == ("a.jpg", "[[1, 1, 2, 2]]") and "found" in failure["reason"]


@pytest.mark.parametrize(
    "key", ["[[bla", "[[1>2]]", "[[1, 2, 3]]", "[[1, 2, 3, 4], [5, 6, 7, 8]]", "[[0, 0, 1500, 9]]"]
)
def test_a_key_that_is_no_single_box_is_named_and_in_no_layer(folder, key):
    entry = {"depth": "a.png", key: CUP, "[[0, 0, 9, 9]]": CUP}
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(folder, "in.json", "out.json") == 1
    done = orjson.loads((folder / "out.json").read_bytes())["a.jpg"]
    assert done[key] == CUP and done["levels"] == [["[[0, 0, 9, 9]]"]]
    assert key in orjson.loads((folder / "out.json.errors.jsonl").read_bytes())["object"]


@pytest.mark.parametrize(
    "mask", [[], {}, [[]], [[1, 2]], "gone.png", 5, {"size": [60, 80]}, {"size": [9, 9], "counts": "0"}]
)
def test_an_unusable_mask_is_named_and_the_object_kept(folder, mask):
    entry = {"depth": "a.png", "[[0, 0, 9, 9]]": ["cup", [0.0, 0.0, 50.0, 50.0], mask]}
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(folder, "in.json", "out.json") == 1
    assert orjson.loads((folder / "out.json").read_bytes())["a.jpg"] == {**entry, "levels": []}
    assert b'"object":"[[0, 0, 9, 9]]"' in (folder / "out.json.errors.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"[[1, 1, 2, 2]]": ["cup" * 67, *CUP[1:]]}, "found a label of 201 characters, expected at most 200"),
        ({"[[1, 1, 2]]": "cup"}, "object [[1, 1, 2]]: its key must be its box as text"),
    ],
)
def test_stages_agree_on_what_is_no_object(folder, change, told):
    (key,) = change
    entry = {"depth": "a.png", "[[0, 0, 9, 9]]": ["c" * 200, *CUP[1:]], **change, "levels": [[key]]}
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    depth = cv2.imread(str(folder / "a.png"), cv2.IMREAD_UNCHANGED) / np.float32(1000)
    pointmaps.write_pointmap(folder / "a.npy", pointmaps.unproject(depth, camera.intrinsics_from_fov(80, 60, 60)))
    files = ["--input-file", str(folder / "in.json"), "--output-file", str(folder / "out.json")]
    for stage, where in ((layers_aggregation, "--depth-dir"), (multiview_layers, "--point-cloud-dir")):
        assert stage.main([*files, where, str(folder)]) == 1
        ((_, named, reason),) = reasons(folder)
        assert named == key and told in reason and reason.endswith("; it is in no layer")
        done = orjson.loads((folder / "out.json").read_bytes())["a.jpg"]
        assert done["levels"] == [["[[0, 0, 9, 9]]"]] and done[key] == change[key]


def test_a_box_of_corner_and_size_is_named(folder):
    entry = {"depth": "a.png", "[[500, 500, 750, 750]]": ["cup", [40, 30, 20, 15]], "[[0, 0, 9, 9]]": CUP}
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(folder, "in.json", "out.json") == 1
    ((_, key, reason),) = reasons(folder)
    assert key == "[[500, 500, 750, 750]]" and "[40, 30, 20, 15] ends before it begins" in reason
    assert orjson.loads((folder / "out.json").read_bytes())["a.jpg"]["levels"] == [["[[0, 0, 9, 9]]"]]


def test_an_empty_mask_says_so():
    with pytest.raises(InputError, match="empty"):
        masks.decode({"size": [4, 4], "counts": [16]}, 4, 4, None)


def test_an_entry_without_objects_has_no_layers_and_needs_no_depth(folder):
    (folder / "in.json").write_bytes(orjson.dumps({"none.jpg": {"caption_annotation": "sky"}}))
    assert run(folder, "in.json", "out.json") == 0
    assert orjson.loads((folder / "out.json").read_bytes())["none.jpg"]["levels"] == []


def test_one_image_twice_is_kept_in_lines_and_refused_in_one_object(folder, capsys):
    line = orjson.dumps({"image": "a.jpg", "depth": "a.png", "[[0, 0, 9, 9]]": CUP}) + b"\n"
    (folder / "in.jsonl").write_bytes(2 * line)
    assert run(folder, "in.jsonl", "in.jsonl", "--workers", "2") == 0
    assert len((folder / "in.jsonl").read_bytes().splitlines()) == 2
    assert run(folder, "in.jsonl", "out.json") == 2
    assert "a.jpg comes twice" in capsys.readouterr().err and not (folder / "out.json").exists()


def test_workers_are_never_far_ahead_of_what_is_taken():
    handed_out = []

    def items():
        for i in range(1000):
            handed_out.append(i)
            yield i

    results = batch.run(abs, items(), 2, None, "test")
    assert [next(results)[1] for _ in range(3)] == [0, 1, 2]
    assert len(handed_out) <= 3 + 2 * batch.QUEUED_PER_WORKER
    results.close()


def test_failures_without_number_are_kept_in_order():
    failures = batch.Failures()
    failures.extend({"image": str(i), "reason": "x" * 1000} for i in range(3000))
    assert len(failures) == 3000 and [f["image"] for f in failures] == [str(i) for i in range(3000)]


@pytest.mark.parametrize("output", ["in.json/out.json", "folder", "/dev/null", "/proc/out.json"])
def test_an_output_that_cannot_be_written_is_named_before_the_work(folder, capsys, monkeypatch, output):
    monkeypatch.setattr(layers_aggregation, "aggregate", lambda item, args: pytest.fail("the work began"))
    monkeypatch.chdir(folder)
    (folder / "folder").mkdir()
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": {"depth": "a.png", "[[0, 0, 9, 9]]": CUP}}))
    arguments = ["--input-file", "in.json", "--output-file", output, "--depth-dir", "."]
    assert layers_aggregation.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_in_the_place_of_the_list_of_failures_is_named(folder, capsys):
    (folder / "out.json.errors.jsonl").mkdir()
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": {}}))
    assert run(folder, "in.json", "out.json") == 2
    assert "out.json.errors.jsonl: is a folder" in capsys.readouterr().err


def test_an_interrupted_run_leaves_the_output_as_it_was(folder, capsys, monkeypatch):
    def stop(item, args):
        raise KeyboardInterrupt

    monkeypatch.setattr(layers_aggregation, "aggregate", stop)
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": {}}))
    (folder / "out.json").write_text("old")
    handlers = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    try:
        assert interrupts.run_main("layers", lambda: run(folder, "in.json", "out.json")) == 130
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err.count("\n") == 1 and (folder / "out.json").read_text() == "old"
    assert not list(folder.glob(".*"))


def reasons(folder):
    lines = map(orjson.loads, (folder / "out.json.errors.jsonl").read_bytes().splitlines())
    return [(line["image"], line.get("object"), line["reason"]) for line in lines]


def test_an_object_under_a_key_that_is_no_box_is_named_and_other_unknown_keys_are_left_alone(folder):
    entry = {"depth": "a.png", "note": ["seen", 3], "[1, 1, 2, 2]": CUP, "[[0, 0, 9, 9]]": CUP}
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(folder, "in.json", "out.json") == 1
    ((image, key, reason),) = reasons(folder)
    assert (image, key) == ("a.jpg", "[1, 1, 2, 2]") and "its key must be its box" in reason
    out = orjson.loads((folder / "out.json").read_bytes())["a.jpg"]
    assert out["[1, 1, 2, 2]"] == CUP and out["note"] == ["seen", 3] and out["levels"] == [["[[0, 0, 9, 9]]"]]


def test_images_that_share_a_stem_do_not_share_a_depth_map_unless_they_say_so(folder, capsys, monkeypatch):
    entry = {"[[0, 0, 9, 9]]": CUP}
    named = {"depth": "a.png", **entry}
    images = {"x/a.jpg": entry, "z/a.jpg": named, "w/a.jpg": {}}
    (folder / "in.json").write_bytes(orjson.dumps(images))
    assert run(folder, "in.json", "out.json") == 0
    (folder / "in.json").write_bytes(orjson.dumps({**images, "y/a.jpg": entry}))
    (folder / "out.json").unlink()
    monkeypatch.setattr(layers_aggregation, "aggregate", lambda item, args: pytest.fail("the work began"))
    assert run(folder, "in.json", "out.json") == 2
    told = (
        "in.json: x/a.jpg and y/a.jpg have the same stem, and neither entry names its depth map; rename one image"
    )
    assert told in capsys.readouterr().err and not (folder / "out.json").exists()


def test_a_faulty_entry_may_own_the_depth_map_of_its_stem(folder, capsys):
    key = b'"[[0, 0, 9, 9]]":["cup",[0,0,9,9]]'
    lines = [b'{"image":"x/a.jpg",%b,%b}' % (key, key), b'{"image":"y/a.jpg",%b}' % key]
    (folder / "in.jsonl").write_bytes(b"\n".join(lines))
    assert run(folder, "in.jsonl", "out.json") == 2
    assert "x/a.jpg and y/a.jpg have the same stem" in capsys.readouterr().err


@pytest.mark.parametrize(("last", "status"), [("x/a.jpg", 0), ("y/a.jpg", 2)])
def test_lines_from_a_pipe_are_read_once_and_stop_at_the_second_of_a_stem(folder, capsys, last, status):
    os.mkfifo(folder / "in.jsonl")
    entry = {"[[0, 0, 9, 9]]": CUP}
    images = [
        {"image": "x/a.jpg", **entry},
        {"image": "b.jpg", "depth": "a.png", **entry},
        {"image": last, **entry},
    ]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit((folder / "in.jsonl").write_bytes, b"\n".join(map(orjson.dumps, images)))
        assert run(folder, "in.jsonl", "out.jsonl") == status
    assert (folder / "out.jsonl").exists() == (status == 0)
    assert ("x/a.jpg and y/a.jpg have the same stem" in capsys.readouterr().err) == (status == 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"depth": 5}, '"depth" is 5'),
        ({"depth": "b.png"}, 'b.png: no such file; expected the depth map that the entry names as "depth", or'),
        ({"depth": "a\0.png"}, "cannot be read"),
        ({"[[0, 0, 9, 9]]": ["cup", [0, 0, 9, 9], ""]}, "name of its mask file is empty"),
        ({"[[0, 0, 9, 9]]": ["cup", [0, 0, 640, 40]]}, "beyond the depth map, whose width is 80"),
        ({"width": 640, "height": 60}, '"width" × "height" are 640 × 60, the depth map a.png\'s 80 × 60;'),
        ({"width": 60, "height": 80}, "the other way round"),
        ({"width": "80"}, "are '80' × ?, the depth map"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(folder, change, reason):
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": {"depth": "a.png", "[[0, 0, 9, 9]]": CUP, **change}}))
    assert run(folder, "in.json", "out.json") == 1
    assert reason in reasons(folder)[0][2] and "unexpected" not in reasons(folder)[0][2]


@pytest.mark.parametrize("mask", [CUP[2], None])
def test_an_object_of_a_map_without_any_depth_tells_of_the_map(folder, mask):
    np.save(folder / "a.npy", np.full((60, 80), -1.5, np.float32))  # z that points backwards
    entry = {"depth": "a.npy", "[[0, 0, 9, 9]]": ["cup", CUP[1], mask]}
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    assert run(folder, "in.json", "out.json") == 1
    assert "the whole map has none: is it empty or negative" in reasons(folder)[0][2]


@pytest.mark.parametrize(
    ("seen", "told"), [(7, "7 of 400, expected at least 10"), (20, "20 of 400, too few of them its")]
)
def test_an_object_with_little_depth_is_told_with_how_much_and_how_much_it_takes(folder, seen, told):
    depth_mm = np.full((60, 80), 1500, np.uint16)
    depth_mm[10:30, 10:30] = 0
    depth_mm[10, 10 : 10 + seen] = 1500  # a row of the wall
    cv2.imwrite(str(folder / "a.png"), depth_mm)
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": {"depth": "a.png", "[[0, 0, 9, 9]]": CUP}}))
    assert run(folder, "in.json", "out.json") == 1
    ((_, _, reason),) = reasons(folder)
    assert f"too few pixels with depth under the mask ({told}" in reason and "check whether it is on" in reason


def test_opencv_numbers_the_nearest_pixels_row_by_row():
    # Undocumented, and relied upon where depth is filled from the nearest pixel that has it.
    holes = np.random.default_rng(0).random((40, 60)) < 0.9
    _, labels = cv2.distanceTransformWithLabels(
        holes.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_PIXEL
    )
    assert (labels[~holes] == 1 + np.arange(np.count_nonzero(~holes))).all()
