"""tools/detect_objects.py with a tiny Grounding DINO, and a tiny Florence-2 that was taught one picture."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tokenizers
import torch
import transformers

from spacesgg import annotations, detection_models, grounded_text, resume
from spacesgg.detection_models import Detection, Found
from tools import detect_objects

CPU = torch.device("cpu")
WORDS = ["cat", "dog", "red", "car", "table", "lamp"]
CAPTION = "A dog and a red car stand near two dogs."
GROUNDED = (
    "A dog<loc_100><loc_200><loc_499><loc_599>a red car<loc_300><loc_0><loc_999><loc_899>"
    "two dogs<loc_100><loc_200><loc_499><loc_599><loc_700><loc_700><loc_800><loc_900>"
)


def grounding_dino(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.GroundingDinoConfig(
        backbone_config=transformers.SwinConfig(
            image_size=64,
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            window_size=4,
            out_indices=[2, 3, 4],
        ),
        text_config=transformers.BertConfig(
            vocab_size=1100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
        ),
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        d_model=32,
        max_text_len=12,
    )
    model = transformers.GroundingDinoForObjectDetection(config)
    with torch.no_grad():  # untrained boxes would all be alike
        for head in (model.bbox_embed, model.model.decoder.bbox_embed):
            head[0].layers[-1].weight.normal_(0, 1)
    model.save_pretrained(folder)
    # The model knows the stop between phrases by its number in BERT's vocabulary.
    vocabulary = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012}
    vocabulary |= {word: 1020 + i for i, word in enumerate(WORDS)}
    numbers = {number: word for word, number in vocabulary.items()}
    (folder / "vocab.txt").write_text("\n".join(numbers.get(i, f"[unused{i}]") for i in range(1100)))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    size = {"shortest_edge": 64, "longest_edge": 96}
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": size}))
    return folder


def florence2(folder: Path) -> Path:
    """A tiny Florence-2, trained until it gives CAPTION and GROUNDED for any picture."""
    torch.manual_seed(0)
    texts = (CAPTION, GROUNDED, *detection_models.CAPTION_PROMPTS.values(), detection_models.GROUNDING_PROMPT)
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    special = ["<s>", "<pad>", "</s>", "<unk>", "<image>"]
    pieces = [*special, *" .,:?", *sorted(words)]
    core = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>")
    )
    core.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"\w+|[ .,:?]"), "isolated")
    core.decoder = tokenizers.decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    tokenizer.add_tokens([f"<loc_{i}>" for i in range(1000)])
    tokenizer.save_pretrained(folder)
    config = transformers.Florence2Config(
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_config={
            "depths": [1, 1, 1, 1],
            "embed_dim": [8, 8, 16, 16],
            "num_heads": [1, 1, 2, 2],
            "num_groups": [1, 1, 2, 2],
            "window_size": 2,
            "projection_dim": 32,
            "drop_path_rate": 0.0,
        },
        text_config={
            "model_type": "bart",
            "vocab_size": len(tokenizer),
            "d_model": 32,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "max_position_embeddings": 128,
            "dropout": 0.0,
            "bos_token_id": 0,
            "pad_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 2,
            "forced_eos_token_id": None,
        },
    )
    model = transformers.Florence2ForConditionalGeneration(config)
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2
    )
    with torch.no_grad():  # what it sees stays untrained; it learns to answer whatever it sees
        seen = model.get_image_features(torch.randn(8, 3, 64, 64)).pooler_output
    exchanges = [
        (detection_models.CAPTION_PROMPTS["detailed"], CAPTION),
        (detection_models.GROUNDING_PROMPT.format(CAPTION), GROUNDED),
    ]
    asked, answered = (
        tokenizer(
            [f"<s>{text}</s>" for text in texts], add_special_tokens=False, padding=True, return_tensors="pt"
        )
        for texts in zip(*exchanges, strict=True)
    )
    labels = answered["input_ids"].masked_fill(answered["attention_mask"] == 0, -100)
    mask = torch.cat([torch.ones(2, seen.shape[1], dtype=torch.long), asked["attention_mask"]], dim=1)
    optimiser = torch.optim.AdamW(model.model.language_model.parameters(), 1e-2)
    for step in range(60):
        words = model.get_input_embeddings()(asked["input_ids"])
        image = seen[[step % 8, (step + 1) % 8]]
        loss = model(inputs_embeds=torch.cat([image, words], dim=1), attention_mask=mask, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 64, "width": 64}}))
    return folder


@pytest.fixture(scope="module")
def dino(tmp_path_factory) -> Path:
    return grounding_dino(tmp_path_factory.mktemp("models") / "dino")


@pytest.fixture(scope="module")
def florence(tmp_path_factory) -> Path:
    return florence2(tmp_path_factory.mktemp("models") / "florence")


@pytest.fixture
def data(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for name, height, width in (("a.png", 72, 96), ("b.jpg", 96, 72), ("c.png", 72, 96)):
        cv2.imwrite(str(tmp_path / "images" / name), rng.integers(0, 255, (height, width, 3), dtype=np.uint8))
    return tmp_path


def run(data: Path, model: Path, *options: str, output: str = "out.json") -> int:
    arguments = [
        "--image-dir",
        data / "images",
        "--output-file",
        data / output,
        "--model",
        model,
        "--workers",
        "2",
    ]
    return detect_objects.main([str(argument) for argument in [*arguments, "--workers", "2", *options]])


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def direct(model: Path, path: Path, text: str, phrases: dict[str, slice]) -> list[tuple[str, list[float], float]]:
    """Label, pixel box and score of each query by calling the model itself on one image."""
    detector = detection_models.GroundingDino(str(model), CPU, torch.float32, ["cat"], 0.0)
    rgb = cv2.imread(str(path))[..., ::-1].copy()
    ids = transformers.AutoTokenizer.from_pretrained(model)(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        output = detector.model(pixel_values=detector.prepare(rgb)[None], input_ids=ids)
    found = []
    for logits, (x, y, w, h) in zip(output.logits[0].sigmoid(), output.pred_boxes[0].tolist(), strict=True):
        label = max(phrases, key=lambda phrase: logits[phrases[phrase]].max())
        box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]) * (rgb.shape[1::-1] * 2)
        found.append((label, box.clip(0, rgb.shape[1::-1] * 2).tolist(), float(logits[phrases[label]].max())))
    return found


def test_boxes_and_labels_are_the_models_own_in_pixels(dino, data):
    options = ("--labels", "cat, red car", "--threshold", "0", "--nms", "1")
    assert run(data, dino, *options) == 0
    output = load(data / "out.json")
    assert list(output) == ["a.png", "b.jpg", "c.png"]
    assert (output["b.jpg"]["width"], output["b.jpg"]["height"]) == (72, 96)
    for name, entry in output.items():
        # [CLS] cat . red car . [SEP]
        spans = {"cat": slice(1, 2), "red car": slice(3, 5)}
        expected = direct(dino, data / "images" / name, "cat. red car.", spans)
        found = [(thing.label, thing.box) for thing in annotations.objects(entry)]
        assert len(found) == 12
        for (label, box), (expected_label, expected_box, _) in zip(
            found, sorted(expected, key=lambda item: -item[2]), strict=True
        ):
            assert label == expected_label
            np.testing.assert_allclose(box, expected_box, atol=1e-2)


def test_more_labels_than_fit_into_one_prompt(dino, data):
    labels = ["cat", "dog", "red car", "table", "lamp", "red lamp"]
    detector = detection_models.GroundingDino(str(dino), CPU, torch.float32, labels, 0.0)
    assert len(detector.prompts) > 1
    assert all(ids.shape[1] <= 12 for ids, _ in detector.prompts)
    assert [label for _, spans in detector.prompts for label, _, _ in spans] == labels
    assert run(data, dino, "--labels", ",".join(labels), "--threshold", "0") == 0


def test_threshold_nms_and_maximum(dino, data):
    options = ("--labels", "cat, dog", "--nms", "1")
    assert run(data, dino, *options, "--threshold", "0") == 0
    everything = load(data / "out.json")["a.png"]
    spans = {"cat": slice(1, 2), "dog": slice(3, 4)}
    scores = sorted(score for *_, score in direct(dino, data / "images" / "a.png", "cat. dog.", spans))
    middle = (scores[5] + scores[6]) / 2
    assert run(data, dino, *options, "--threshold", str(middle), "--overwrite") == 0
    assert len(annotations.objects(load(data / "out.json")["a.png"])) == 6
    assert run(data, dino, *options, "--threshold", "0", "--max-objects", "2", "--overwrite") == 0
    best = annotations.objects(load(data / "out.json")["a.png"])
    assert best == annotations.objects(everything)[:2]


def test_duplicates_are_merged_and_the_better_kept():
    boxes = [(0, 0, 10, 10), (50, 50, 90, 90), (0, 0, 10, 9), (51, 50, 90, 90)]
    found = [Detection("a", box, score) for box, score in zip(boxes, (0.5, 0.9, 0.8, 0.4), strict=True)]
    assert detection_models.suppress_duplicates(found, 0.7) == [2, 1, 2, 1]
    assert detection_models.suppress_duplicates(found, 0.95) == [0, 1, 2, 1]
    assert detection_models.suppress_duplicates([], 0.7) == []


def test_two_objects_that_round_to_one_key_both_survive():
    picture = detect_objects.Picture(Path("a.jpg"), 4000, 6000)
    boxes = [(100.0, 100.0, 110.0, 110.0), (100.0, 100.0, 112.0, 110.0), (5000.0, -20.0, 6100.0, 300.0)]
    found = Found("", [Detection("nail", box, 0.5) for box in boxes])
    entry = detect_objects.entry_of(picture, found, nms=1.0, max_objects=9)
    things = annotations.objects(entry)
    assert [thing.box for thing in things] == [list(boxes[0]), list(boxes[1]), [5000.0, 0.0, 6000.0, 300.0]]
    assert len({thing.key for thing in things}) == 3
    assert all(0 <= number <= 999 for thing in things for number in grounded_text.boxes(thing.key)[0])


def test_florence_captions_and_grounds(florence, data):
    assert run(data, florence, "--beams", "2") == 0
    entry = load(data / "out.json")["a.png"]
    things = annotations.objects(entry)
    expected = [("dog", [100, 200, 499, 599]), ("red car", [300, 0, 999, 899]), ("two dogs", [700, 700, 800, 900])]
    assert [thing.label for thing in things] == [label for label, _ in expected]
    for thing, (_, bins) in zip(things, expected, strict=True):
        np.testing.assert_allclose(thing.box, (np.array(bins) + 0.5) / 1000 * [96, 72, 96, 72], atol=1e-6)
    caption = entry["caption_annotation"]
    parsed = grounded_text.parse(caption)
    assert parsed.faults == []
    assert grounded_text.plain(caption) == CAPTION
    # The second phrase names the dog of the first as well: the same box is one object.
    keys = [thing.key for thing in things]
    assert caption == (
        f"A {grounded_text.ref('dog', keys[0])} and a {grounded_text.ref('red car', keys[1])} stand near "
        f"{grounded_text.ref('two dogs', keys[0], keys[2])}."
    )


def test_more_labels_than_florence_reads_are_refused_before_any_image(florence, data, capsys):
    assert run(data, florence, "--labels", ",".join(f"cat {i}" for i in range(60))) == 2
    told = capsys.readouterr().err
    assert "--labels: 60 labels are" in told and "reads 128 in all" in told
    assert not (data / "out.json.partial.jsonl").exists()


def test_florence_answer_with_odd_parts():
    text = (
        "a man<loc_0><loc_0><loc_500><loc_999><loc_7>it<loc_1><loc_2><loc_3><loc_4>"
        "wall<loc_9><loc_9><loc_2><loc_20>x"
    )
    phrases = detection_models.grounded_phrases(text, 100, 200)
    assert [phrase for phrase, _ in phrases] == ["a man", "it", "wall"]
    np.testing.assert_allclose(phrases[0][1], [[0.1, 0.05, 100.1, 99.95]])
    assert phrases[2][1] == []  # its right edge is left of its left edge


def test_run_again_does_what_is_missing(dino, data, monkeypatch):
    options = ("--labels", "cat", "--threshold", "0")
    assert run(data, dino, *options) == 0
    first = (data / "out.json").read_bytes()
    prepared = []
    prepare = detection_models.GroundingDino.prepare
    monkeypatch.setattr(
        detection_models.GroundingDino, "prepare", lambda self, rgb: prepared.append(1) or prepare(self, rgb)
    )
    assert run(data, dino, *options) == 0
    assert prepared == []
    assert (data / "out.json").read_bytes() == first
    cv2.imwrite(str(data / "images" / "d.png"), np.zeros((72, 96, 3), np.uint8))
    assert run(data, dino, *options) == 0
    assert prepared == [1]
    assert list(load(data / "out.json")) == ["a.png", "b.jpg", "c.png", "d.png"]


def test_an_interrupted_run_goes_on(dino, data, monkeypatch):
    options = ("--labels", "cat", "--threshold", "0", "--batch-size", "1")
    assert run(data, dino, *options, output="whole.json") == 0
    entry_of = detect_objects.entry_of
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return entry_of(*arguments)

    monkeypatch.setattr(detect_objects, "entry_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(data, dino, *options)
    assert not (data / "out.json").exists()
    assert run(data, dino, "--labels", "dog", "--threshold", "0") == 2  # other options would mix two kinds
    assert run(data, dino, *options) == 0
    assert len(calls) == 4
    assert (data / "out.json").read_bytes() == (data / "whole.json").read_bytes()
    assert not resume.partial_path(data / "out.json").exists()


def test_images_that_exif_asks_to_turn_are_counted(dino, data, capsys):
    path = data / "images" / "b.jpg"
    content, block = (
        path.read_bytes(),
        b"Exif\0\0MM\0*" + bytes.fromhex("00000008 0001 0112 0003 00000001 0006 0000"),
    )
    path.write_bytes(content[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + content[2:])
    assert run(data, dino, "--labels", "cat", "--threshold", "0") == 0
    assert "by which viewers turn them: 1;" in capsys.readouterr().out
    entry = load(data / "out.json")["b.jpg"]
    assert (entry["width"], entry["height"]) == (72, 96)  # as stored


def test_other_labels_are_not_silently_the_earlier_ones(dino, data, capsys):
    assert run(data, dino, "--labels", "cat", "--threshold", "0") == 0
    capsys.readouterr()
    assert run(data, dino, "--labels", "dog", "--threshold", "0") == 2
    told = capsys.readouterr().err
    assert 'labels ["cat"], now ["dog"]' in told and "--overwrite" in told
    assert run(data, dino, "--labels", "dog", "--threshold", "0", "--overwrite") == 0
    labels = {thing.label for entry in load(data / "out.json").values() for thing in annotations.objects(entry)}
    assert labels == {"dog"}


def test_broken_image_is_named_and_the_rest_is_done(dino, data):
    (data / "images" / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    assert run(data, dino, "--labels", "cat", "--threshold", "0", output="out.jsonl") == 1
    assert [image for image, _ in annotations.read(data / "out.jsonl")] == ["a.png", "b.jpg", "c.png"]
    assert json.loads((data / "out.jsonl.errors.jsonl").read_text())["image"] == "broken.jpg"


def test_unusable_input_is_one_line(dino, data, capsys):
    empty = data / "empty"
    empty.mkdir()
    assert run(data, dino) == 2
    assert "--labels" in capsys.readouterr().err
    assert run(data, empty, "--labels", "cat") == 2
    assert "config.json" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        run(data, dino, "--labels", "cat", "--threshold", "7")
    assert stopped.value.code == 2


def test_half_precision_runs(dino, florence, data):
    assert run(data, dino, "--labels", "cat", "--threshold", "0", "--precision", "bfloat16") == 0
    assert run(data, florence, "--precision", "bfloat16", "--beams", "1", output="florence.json") == 0
    assert len(annotations.objects(load(data / "florence.json")["a.png"])) == 3


def test_a_file_of_labels_from_windows(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfcat\r\nred car\r\n")
    assert detect_objects.label_list(str(tmp_path / "labels.txt")) == ["cat", "red car"]
