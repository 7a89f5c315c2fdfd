"""tools/check_dataset.py: training files by any writer, held against the annotation file."""

import codecs
import random
import sys
from pathlib import Path

import orjson
import pytest

sys.path += [str(Path(__file__).parent), str(Path(__file__).parent.parent / "tools")]
import check_dataset
from test_offline_writer import KINDS, random_entry

from spacesgg import training_record
from spacesgg.errors import InputError
from spacesgg.scene import Scene


@pytest.fixture
def folder(tmp_path):
    """Twenty scenes, and a training file with a record of each form for each of them."""
    entries = {f"data/images/{seed:06d}.jpg": random_entry(seed, 6) for seed in range(20)}
    records = []
    for image, entry in entries.items():
        for function in KINDS:
            try:
                prompt = function(Scene.from_entry(image, entry), random.Random(image))
                reply = prompt.offline(random.Random(image))
            except InputError:
                continue
            name = Path(image).name
            identifier = f"{name}_{function.__name__}"
            records.append(
                training_record.make(identifier, name, reply, prompt.form, "someone", random.Random(image))
            )
    (tmp_path / "annotations.json").write_bytes(orjson.dumps(entries))
    (tmp_path / "training.json").write_bytes(orjson.dumps(records))
    return tmp_path


def run(folder, data="training.json", *flags):
    return check_dataset.main(
        ["--data-path", str(folder / data), "--anno-file", str(folder / "annotations.json"), *flags]
    )


def test_a_true_file_has_no_faults(folder, capsys):
    assert run(folder) == 0
    assert "0 with faults, 0 not checked" in capsys.readouterr().out


@pytest.mark.parametrize("workers", ["1", "2"])
def test_faults_are_listed_by_record_and_counted_by_kind(folder, capsys, workers):
    records = orjson.loads((folder / "training.json").read_bytes())
    answer = records[0]["conversations"][-1]
    answer["value"] += " A giraffe is behind it. The picture follows the caption."
    records[1]["conversations"][1]["value"] += "</s>"
    records[2]["image"] = "absent.jpg"
    (folder / "bad.jsonl").write_bytes(b"\n".join(map(orjson.dumps, records)))
    assert run(folder, "bad.jsonl", "--output-file", str(folder / "out.jsonl"), "--workers", workers) == 1
    lines = [orjson.loads(line) for line in (folder / "out.jsonl").read_bytes().splitlines()]
    assert [line["id"] for line in lines] == [record["id"] for record in records[:3]]
    assert any("giraffe" in fault for fault in lines[0]["faults"])
    assert any("caption" in fault for fault in lines[0]["faults"])
    assert any("</s>" in fault for fault in lines[1]["faults"])
    assert "no entry for its image: absent.jpg" in lines[2]["faults"][0]
    said = capsys.readouterr().out
    assert "2 with faults, 1 not checked" in said
    assert "1 × not checked: the annotation file has no entry for its image" in said
    assert "1 × an object that is not in the image" in said


def test_unusable_input_is_one_clear_line(folder, capsys):
    (folder / "broken.json").write_text("{")
    assert run(folder, "broken.json") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_an_input_is_refused_as_output(folder, capsys):
    for name in ("training.json", "annotations.json", ""):
        assert run(folder, "training.json", "--output-file", str(folder / name)) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_records_that_llava_cannot_load_are_faults_of_their_own(folder, capsys):
    records = orjson.loads((folder / "training.json").read_bytes())
    records[0]["conversations"] = None
    records[1]["conversations"][1]["value"] = 5
    records[2]["id"] = None
    records[3]["conversations"] = ["a"]
    (folder / "bad.jsonl").write_bytes(b"\n".join(map(orjson.dumps, records)))
    assert run(folder, "bad.jsonl", "--output-file", str(folder / "out.jsonl")) == 1
    lines = [orjson.loads(line)["faults"] for line in (folder / "out.jsonl").read_bytes().splitlines()]
    assert len(lines) == 4 and all("not" in faults[0] for faults in lines)
    capsys.readouterr()
    (folder / "torn.jsonl").write_bytes((folder / "bad.jsonl").read_bytes()[:-9])
    assert run(folder, "torn.jsonl") == 2
    assert f"torn.jsonl, line {len(records)}: " in capsys.readouterr().err


@pytest.mark.parametrize("request_text", training_record.DESCRIPTION_REQUESTS)
def test_a_description_of_one_sentence_is_no_list_from_near_to_far(folder, capsys, request_text):
    image, entry = next(iter(orjson.loads((folder / "annotations.json").read_bytes()).items()))
    keys = [key for key in entry if key.startswith("[[")][:2]
    tags = " and ".join(f"a <ref>{entry[key][0]}</ref><box>{key}</box>" for key in keys)
    value = f"There is only one layer of depth here, and it holds {tags}."
    same = {f"{keys[0]}>{keys[1]}": [0, 0, 0]}
    entry = {key: entry[key] for key in keys}
    entry |= {"levels": [keys], "order_list": same}
    entry["views"] = {view: {"levels": [keys], "order_list": same} for view in ("left", "right", "back")}
    (folder / "annotations.json").write_bytes(orjson.dumps({image: entry}))
    turns = [{"from": "human", "value": f"<image>\n{request_text}"}, {"from": "gpt", "value": value}]
    record = {"id": "0", "image": Path(image).name, "conversations": turns}
    (folder / "training.json").write_bytes(orjson.dumps([record]))
    assert run(folder) == 0
    assert "0 with faults, 0 not checked" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["bom.json", "bom.jsonl"])
def test_a_byte_order_mark_is_no_fault(folder, name):
    records = orjson.loads((folder / "training.json").read_bytes())[:2]
    text = orjson.dumps(records) if name.endswith("n") else b"\r\n".join(map(orjson.dumps, records))
    (folder / name).write_bytes(codecs.BOM_UTF8 + text)
    assert run(folder, name) == 0


@pytest.mark.parametrize("lacking", [("order_list", "views"), ("order_list", "views", "levels")])
def test_what_was_never_measured_contradicts_nothing(folder, capsys, lacking):
    entries = orjson.loads((folder / "annotations.json").read_bytes())
    entries = {
        image: {key: value for key, value in entry.items() if key not in lacking}
        for image, entry in entries.items()
    }
    (folder / "annotations.json").write_bytes(orjson.dumps(entries))
    records = orjson.loads((folder / "training.json").read_bytes())
    described = [record["id"].endswith("create_layer_prompt") for record in records]
    kept = [record for record, layers in zip(records, described, strict=True) if not layers or len(lacking) == 3]
    (folder / "kept.json").write_bytes(orjson.dumps(kept))
    assert run(folder, "kept.json", "--output-file", str(folder / "faults.jsonl")) == 1
    said = capsys.readouterr().out
    assert f"0 with faults, {len(kept)} not checked" in said
    assert 'not checked: "order_list" is missing\n' in said and "contradicts" not in said
    assert ('not checked: "levels" is missing\n' in said) == (len(lacking) == 3)
    assert "run multiview_layers.py on the annotation file first" in (folder / "faults.jsonl").read_text()
