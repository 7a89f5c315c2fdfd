"""Plain and square-padded boxes: the formula of FORMATS.md §3, and no loss on the way there and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacesgg import padded_boxes

SIZES = st.tuples(st.integers(16, 4000), st.integers(16, 4000)) | st.sampled_from(
    [(640, 480), (480, 640), (500, 500)]
)


@st.composite
def image_and_pixel_box(draw):
    width, height = draw(SIZES)
    x = sorted(draw(st.tuples(st.integers(0, width), st.integers(0, width))))
    y = sorted(draw(st.tuples(st.integers(0, height), st.integers(0, height))))
    return width, height, (x[0], y[0], x[1], y[1])


@given(image_and_pixel_box())
def test_padded_coordinates_follow_the_published_formula(case):
    width, height, box = case
    side, pad = max(width, height), (max(width, height) - min(width, height)) // 2
    pads = (0, pad, 0, pad) if width >= height else (pad, 0, pad, 0)
    expected = tuple(int((v + p) * 999 / side) for v, p in zip(box, pads, strict=True))
    assert padded_boxes.to_padded(box, width, height) == expected


@pytest.mark.parametrize(
    ("width", "height", "whole"),
    [(640, 480, (0, 124, 999, 874)), (480, 640, (124, 0, 874, 999)), (500, 500, (0, 0, 999, 999))],
)
def test_the_whole_image_in_its_padded_square(width, height, whole):
    assert padded_boxes.to_padded((0, 0, width, height), width, height) == whole
    assert padded_boxes.to_plain((0, 0, width, height), width, height) == (0, 0, 999, 999)
    assert padded_boxes.padded_to_plain(whole, width, height) == (0, 0, 999, 999)


@settings(max_examples=300)
@given(image_and_pixel_box())
def test_padded_boxes_survive_pixels_exactly_and_plain_ones_within_one(case):
    width, height, box = case
    padded = padded_boxes.to_padded(box, width, height)
    assert padded_boxes.to_padded(padded_boxes.from_padded(padded, width, height), width, height) == padded
    plain = padded_boxes.to_plain(box, width, height)
    assert padded_boxes.to_plain(padded_boxes.from_plain(plain, width, height), width, height) == plain
    again = padded_boxes.plain_to_padded(padded_boxes.padded_to_plain(padded, width, height), width, height)
    assert max(abs(a - b) for a, b in zip(again, padded, strict=True)) <= 1
