"""What all commands answer to flags that name nothing: one line and status 2, never a traceback."""

import itertools

import cv2
import numpy as np
import orjson
import pytest

import d2p
import layers_aggregation
import llm_based_query
import multiview_layers
from examples import draw_layers, make_scenes
from spacesgg import text_input
from tools import check_dataset, detect_objects, estimate_depth, prepare_annotations, segment_objects

SCENE = {"levels": [], "order_list": {}, "views": {}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text_input.warn_once.cache_clear()  # a process is one command
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "in.json").write_bytes(orjson.dumps({"a.jpg": SCENE}))
    (tmp_path / "training.json").write_text("[]")
    return tmp_path


WRITERS = {
    "stage 2": (layers_aggregation, "--input-file in.json --depth-dir ."),
    "stage 3": (multiview_layers, "--input-file in.json --point-cloud-dir ."),
    "stage 4": (llm_based_query, "--anno-file in.json --prompt-function create_layer_prompt"),
    "annotations": (prepare_annotations, "--format lvis --input-file in.json"),
    "check": (check_dataset, "--data-path training.json --anno-file in.json"),
}
MODELS = {
    "boxes": (detect_objects, "--model none --image-dir . --labels cup"),
    "masks": (segment_objects, "--model none --image-dir . --input-file in.json"),
}


def run(command, *flags):
    """Return the exit status of a command, as the shell sees it."""
    try:
        return command.main([*flags])
    except SystemExit as exit_:
        return exit_.code


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("output", [".", "./", "..", "/"])
def test_a_folder_in_the_place_of_an_output_file_is_named(folder, capsys, name, output):
    command, flags = WRITERS[name]
    assert run(command, *flags.split(), "--output-file", output) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "is a folder; name a file to write" in said


@pytest.mark.parametrize("name", [*WRITERS, "boxes", "masks"])
@pytest.mark.parametrize("output", ["new/", "new/.", "in.json/", "a/b/"])
def test_a_name_that_ends_as_a_folder_s_is_no_output_file(folder, capsys, name, output):
    command, flags = (WRITERS | MODELS)[name]
    assert run(command, *flags.split(), "--output-file", output) == 2
    said = capsys.readouterr().err
    assert f"argument --output-file: '{output}' names a folder; name a file to write, such as " in said
    assert sorted(path.name for path in folder.iterdir()) == ["in.json", "training.json"]


@pytest.mark.parametrize("name", [*WRITERS, "boxes", "masks"])
def test_an_output_replaces_no_file_that_is_not_named_as_one_of_json(folder, capsys, name):
    command, flags = (WRITERS | MODELS)[name]
    (folder / "depth.png").write_text("picture")
    (folder / "link.json").symlink_to("depth.png")
    (folder / "link.png").symlink_to("in.json")
    for output in ("depth.png", "link.json", "link.png"):
        assert run(command, *flags.split(), "--output-file", output) == 2
        said = capsys.readouterr().err
        assert "png is there already, and by its name it is no .json or .jsonl file" in said
    assert (folder / "depth.png").read_text() == "picture" and (folder / "link.json").is_symlink()
    assert orjson.loads((folder / "in.json").read_bytes()) == {"a.jpg": SCENE}


def test_a_folder_without_a_name_is_none_for_pictures(folder, capsys):
    assert run(draw_layers, "--anno-file", "in.json", "--output-dir", "/") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "/: the list of failures is named after it, and it has no name" in said


NEEDED = {
    "d2p": (d2p, "--dataset-path ."),
    "stage 2": (layers_aggregation, "--input-file in.json --output-file out.json --depth-dir . --mask-dir ."),
    "stage 3": (multiview_layers, "--input-file in.json --output-file out.json --point-cloud-dir . --mask-dir ."),
    "stage 4": (llm_based_query, f"{WRITERS['stage 4'][1]} --output-file out.json --model m --write-batch ."),
    "annotations": (
        prepare_annotations,
        "--format psg --input-file in.json --output-file out.json --image-dir . --panoptic-dir . --mask-dir .",
    ),
    "boxes": (detect_objects, f"{MODELS['boxes'][1]} --output-file out.json"),
    "masks": (segment_objects, f"{MODELS['masks'][1]} --output-file out.json --mask-dir ."),
    "depth": (estimate_depth, "--model none --image-dir . --output-dir ."),
    "pictures": (draw_layers, "--anno-file in.json --output-dir . --mask-dir ."),
    "scenes": (make_scenes, "--scenes 1 --output-dir ."),
}


@pytest.mark.parametrize("name", NEEDED)
def test_an_empty_name_is_no_folder(folder, capsys, name):
    command, flags = NEEDED[name]
    given = flags.split()
    places = [place for place, flag in enumerate(given) if flag == "."]
    for place, empty in itertools.product(places, ("", " ")):
        assert run(command, *given[:place], empty, *given[place + 1 :]) == 2
        said = f'argument {given[place - 1]}: is empty ({empty!r}): name a folder, or "." for the one you are in\n'
        assert capsys.readouterr().err.endswith(said)
    assert sorted(path.name for path in folder.iterdir()) == ["in.json", "training.json"]


@pytest.mark.parametrize("name", ["stage 2", "stage 3", "stage 4", "masks"])
@pytest.mark.parametrize("flag", ["--input-file", "--output-file"])
def test_an_empty_name_is_no_file(folder, capsys, name, flag):
    command, flags = NEEDED[name]
    given = flags.replace("--anno-file", "--input-file").split()
    place = given.index(flag)
    named = "--anno-file" if name == "stage 4" and flag == "--input-file" else flag
    given[place : place + 2] = [named, ""]
    if name == "stage 4":
        given = ["--anno-file" if part == "--input-file" else part for part in given]
    assert run(command, *given) == 2
    assert f"argument {named}: is empty (''): name a file to " in capsys.readouterr().err


def test_masks_may_go_into_the_folder_one_is_in(folder):
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0}
    polygon = {**box, "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]]}
    source = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
        "annotations": [polygon],
        "categories": [{"id": 1, "name": "cup"}],
    }
    (folder / "coco.json").write_bytes(orjson.dumps(source))
    flags = "--format coco-instances --input-file coco.json --output-file out.json --mask-dir ."
    assert run(prepare_annotations, *flags.split()) == 0
    assert len(list(folder.glob("a_*.png"))) == 1


@pytest.mark.parametrize("command", [make_scenes, draw_layers])
def test_a_file_in_the_place_of_a_folder_is_named(folder, capsys, command):
    flags = {make_scenes: ["--scenes", "1"], draw_layers: ["--anno-file", "in.json"]}[command]
    assert run(command, *flags, "--output-dir", "in.json") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "in.json" in said and "a file" in said


@pytest.mark.parametrize("flag", ["--voxel-size 1", "--outlier-neighbours 9", "--outlier-std 1"])
def test_clouds_that_are_not_written_are_not_cleaned_either(folder, capsys, flag):
    assert run(d2p, "--dataset-path", ".", "--no-ply", *flag.split()) == 2
    assert f"{flag.split()[0]} changes the clouds only, and --no-ply writes none" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["seed", "workers", "check", "max-tokens", "attempts", "concurrency", "timeout"])
def test_the_help_of_the_texts_says_what_holds_where_a_flag_is_not_given(capsys, flag):
    assert run(llm_based_query, "--help") == 0
    told = " ".join(capsys.readouterr().out.split()).rpartition(f" --{flag} ")[2].partition(" --")[0]
    assert "(default: " in told or "Not given, " in told


@pytest.mark.parametrize("name", ["stage 2", "stage 3", "stage 4", "annotations"])
def test_the_ending_of_an_output_that_is_not_what_is_written_is_told(folder, capsys, name):
    command, flags = WRITERS[name]
    assert run(command, *flags.split(), "--output-file", "out.jsonl.gz") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "nothing is compressed here; name a .json or .jsonl file" in said
    run(command, *flags.split(), "--output-file", "out.txt")
    assert capsys.readouterr().err.startswith("out.txt: written as .json, for its ending is neither that nor")
    run(command, *flags.split(), "--output-file", "out.JSON")
    assert "ending" not in capsys.readouterr().err


def test_what_was_written_is_told_where_something_failed_too(folder, capsys):
    assert run(llm_based_query, *WRITERS["stage 4"][1].split(), "--output-file", "out.json") == 1
    assert capsys.readouterr().err.endswith(
        "0 images succeeded, 1 failed, see out.json.errors.jsonl; written to out.json\n"
    )
    (folder / "out.json").write_text("[1]")
    assert run(llm_based_query, *WRITERS["stage 4"][1].split(), "--output-file", "out.json") == 1
    assert "written to" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["stage 2", "stage 3", "stage 4", "check"])
@pytest.mark.parametrize(("file", "content"), [("in.json", "{}"), ("in.jsonl", ""), ("in.jsonl", " \n\n")])
@pytest.mark.parametrize("shuffle", [False, True])
def test_an_input_without_an_image_is_no_success(folder, capsys, name, file, content, shuffle):
    (folder / file).write_text(content)
    command, flags = WRITERS[name]
    more = ["--shuffle"] if shuffle and name == "stage 4" else []
    flags = flags.replace("in.json", file).split()
    for model in ([], ["--model", "m", "--base-url", "http://127.0.0.1:9/v1"])[: 1 + (name == "stage 4")]:
        assert run(command, *flags, "--output-file", "out.json", *more, *model) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and said.endswith(f".py: {file}: no image in it\n")
    assert not list(folder.glob("out.json*"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_base_that_no_image_path_starts_with_is_told_once_where_paths_matter(folder, capsys, workers):
    flags = [*WRITERS["stage 4"][1].split(), "--output-file", "out.json", "--workers", workers]
    draw = ["--anno-file", "in.json", "--output-dir", "pictures", "--workers", workers]
    (folder / "in.json").write_bytes(orjson.dumps({"/data/a.jpg": SCENE, "/data/b.jpg": SCENE}))
    for base, told in (("/other/", 1), ("/dat", 1), ("/data", 0), ("/data/", 0), ("", 0)):
        for command, given in ((llm_based_query, flags), (draw_layers, draw)):
            run(command, *given, "--dataset-base", base)
            said = f"--dataset-base {base}: none of the image paths is in a folder of that name; nothing is taken "
            said += "off any of them, such as /data/a.jpg; give the folder that the paths start with\n"
            assert capsys.readouterr().err.count(said) == told


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_base_that_only_some_image_paths_start_with_is_told_once_with_their_number(folder, capsys, workers):
    flags = [*WRITERS["stage 4"][1].split(), "--output-file", "out.json", "--workers", workers]
    draw = ["--anno-file", "in.json", "--output-dir", "pictures", "--workers", workers]
    paths = ("/data/a.jpg", "/old/b.jpg", "/data/c.jpg", "/old/d.jpg", "/data/e.jpg")
    (folder / "in.json").write_bytes(orjson.dumps(dict.fromkeys(paths, SCENE)))
    whole = (
        "--dataset-base /data: 2 of 5 image paths are not in a folder of that name; nothing is taken off those, "
    )
    whole += "such as /old/b.jpg; give the folder that the paths start with, "
    whole += "and do the other images in a run of their own\n"
    for command, given in ((llm_based_query, flags), (draw_layers, draw)):
        run(command, *given, "--dataset-base", "/data")
        said = capsys.readouterr().err
        assert said.count(whole) == 1 and said.count("--dataset-base") == 1


def test_a_base_that_is_an_image_path_is_told_to_be_one(folder, capsys):
    flags = [*WRITERS["stage 4"][1].split(), "--output-file", "out.json"]
    (folder / "in.json").write_bytes(orjson.dumps({"/data/a.jpg": SCENE, "/data/b.jpg": SCENE}))
    for base in ("/data/b.jpg", "/data/b.jpg/"):
        run(llm_based_query, *flags, "--dataset-base", base)
        said = f"--dataset-base {base}: none of the image paths is in a folder of that name; it is an image path "
        said += (
            "itself; nothing is taken off any of them, such as /data/a.jpg; give the folder that the paths start"
        )
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("box", [[5000.0, 5000.0, 6000.0, 6000.0], [-1e30, -1e30, 1e30, 1e30]])
def test_where_there_is_a_mask_a_box_outside_the_image_is_only_carried_along(folder, box):
    key = "[[0, 0, 500, 500]]"
    cup = ["cup", box, [[5, 5, 40, 5, 40, 40, 5, 40]]]
    (folder / "in.json").write_bytes(orjson.dumps({"a.jpg": {key: cup}}))
    cv2.imwrite("a.png", np.full((60, 80), 1500, np.uint16))
    cv2.imwrite("a.jpg", np.full((60, 80, 3), 200, np.uint8))
    assert run(layers_aggregation, *WRITERS["stage 2"][1].split(), "--output-file", "out.json") == 0
    done = orjson.loads((folder / "out.json").read_bytes())["a.jpg"]
    assert done["levels"] == [[key]] and done[key] == [*cup, [1500.0, 1500.0]]
    assert run(draw_layers, "--anno-file", "out.json", "--output-dir", "pictures") == 0
