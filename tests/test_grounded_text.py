"""Grounded text: what is written is read back, and what readers of the format stumble over is named."""

import pytest

from spacesgg import grounded_text

CHAIR, DESK, LAMP = "[[10, 20, 300, 400]]", "[[500, 20, 700, 400]]", "[[1, 2, 3, 999]]"


def test_what_is_written_is_read_back():
    text = (
        f"The {grounded_text.ref('chair', CHAIR)} stands "
        f"{grounded_text.pred('to the left of', CHAIR, DESK)} the {grounded_text.ref('desk', DESK)}."
    )
    parsed = grounded_text.parse(text)
    assert parsed.faults == []
    assert [(found.label, found.boxes) for found in parsed.refs] == [
        ("chair", ((10, 20, 300, 400),)),
        ("desk", ((500, 20, 700, 400),)),
    ]
    (found,) = parsed.preds
    assert (found.predicate, found.subjects, found.objects) == (
        "to the left of",
        ((10, 20, 300, 400),),
        ((500, 20, 700, 400),),
    )
    assert text[found.start : found.end] == grounded_text.pred("to the left of", CHAIR, DESK)
    assert grounded_text.plain(text) == "The chair stands to the left of the desk."


def test_several_keys_make_one_box_list():
    text = grounded_text.ref("chairs", CHAIR, DESK)
    assert text.endswith("<box>[[10, 20, 300, 400], [500, 20, 700, 400]]</box>")
    assert grounded_text.parse(text).refs[0].boxes == ((10, 20, 300, 400), (500, 20, 700, 400))


@pytest.mark.parametrize("label", ["a <b> c", "two\nlines", "</ref>x", "tv\r\nset"])
def test_no_label_can_break_the_tags(label):
    assert grounded_text.parse(grounded_text.ref(label, CHAIR)).faults == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("if 3 < 4, the chair", "stray"),
        ("<ref>chair</ref>", "needs 1 <box>"),
        ("<ref>chair</ref> <box>[[1, 2, 3, 4]]</box>", "without spaces"),
        ("<ref>chair</ref><box>[1, 2, 3, 4]</box>", "single brackets"),
        ("<ref>chair\n</ref><box>[[1, 2, 3, 4]]</box>", "line break"),
        ("<ref>chair</ref><box>[[1, 2, 3,\n 4]]</box>", "line break"),
        ("<ref>chair</ref><box>[[1.5, 2, 3, 4]]</box>", "whole numbers"),
        ("<ref>chair<box>[[1, 2, 3, 4]]</box>", "no partner"),
        ("chair</ref><box>[[1, 2, 3, 4]]</box>", "no partner"),
        ("<ref>chair</ref><box>[[1, 2, 3, 4]]", "no partner"),
        ("<ref></ref><box>[[1, 2, 3, 4]]</box>", "empty"),
        ("<ref>chair</ref><box>[[1, 2, 3, 1004]]</box>", "outside"),
        (f"{grounded_text.ref('a', CHAIR)}<pred>left of</pred><box>{CHAIR}</box>", "needs 2 <box>"),
        (f"{grounded_text.ref('a', CHAIR)} {grounded_text.pred('left of', CHAIR, DESK)}", "no <ref> names"),
    ],
)
def test_what_spoils_a_text_is_named(text, told):
    faults = grounded_text.parse(text).faults
    assert faults
    assert any(told in fault for fault in faults), faults


def test_one_broken_tag_does_not_hide_the_sound_ones():
    text = f"<ref>chair</ref> and {grounded_text.ref('desk', DESK)} and {grounded_text.ref('lamp', LAMP)}"
    parsed = grounded_text.parse(text)
    assert [found.label for found in parsed.refs] == ["desk", "lamp"]
    assert len(parsed.faults) == 1
