"""What is said of masks and files that cannot be used: what was found and what was expected, in one line."""

import concurrent.futures
import os
import struct
import zlib

import cv2
import numpy as np
import pytest

from spacesgg import depth, images, library_words, masks
from spacesgg.errors import InputError

HEIGHT, WIDTH = 60, 80
PYTHON = ("NoneType", "object", "attribute", "iterable", "Errno", "None", "codec", "not supported", "OpenCV(")


def said(what, *arguments):
    with pytest.raises(InputError) as caught:
        what(*arguments)
    reason = str(caught.value)
    assert not [word for word in PYTHON if word in reason] and "\n" not in reason
    return reason


@pytest.mark.parametrize(
    ("mask", "parts"),
    [
        (5, ("is 5", "file name", "run lengths", "[[x0, y0, x1, y1, …], …]")),
        (0, ("is 0", "file name")),
        (True, ("is true", "file name")),
        ({"size": [HEIGHT, WIDTH], "counts": None}, ('"counts" is null', "run lengths: a list")),
        ({"size": [HEIGHT, WIDTH]}, ('"counts" is null', "run lengths: a list")),
        ({"size": [HEIGHT, WIDTH], "counts": 4800}, ('"counts" is 4800', "run lengths: a list")),
        ({"counts": [HEIGHT * WIDTH]}, ("size [height, width] is null", "[60, 80]")),
        ([1, 2, 30, 4, 5, 50], ("a polygon of the mask is 1,", "[[x0, y0, x1, y1, …], …]")),
        (["abcdefgh"], ('a polygon of the mask is "abcdefgh"', "[[x0, y0, x1, y1, …], …]")),
        ([[1, 2, 30, 4, "x", 50]], ('holds "x"', "expected numbers")),
        ([[1, 2, 30, 4, None, 50]], ("holds null", "expected numbers")),
        ([[[1, 2], [30, 4], [5, 50]]], ("holds [1, 2]", "flat coordinates: polygons [[x0, y0, x1, y1, …], …]")),
        ([[1, 2], [30, 4], [5, 50]], ("three corners", "2 coordinates", "6 or more", "[[x0, y0, x1, y1, …], …]")),
        ({"size": [HEIGHT, WIDTH], "counts": [5, -9, 4804]}, ("0 or more", "one of the 3 is -9", "write null")),
        ({"size": [HEIGHT, WIDTH], "counts": []}, ("no run lengths", "add up to 4800 pixels", "write null")),
        (
            {"size": [HEIGHT, WIDTH], "counts": [9]},
            ("cover 9 pixels, the image has 4800; mend it, or write null",),
        ),
        ({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}, ("none of 4800 pixels is in", "write null")),
        ([], ("is empty ([])", "[[x0, y0, x1, y1, …], …]", "write null in its place to go by the box")),
        ({}, ("is empty ({})", "run lengths")),
        ([[0, 0, 10**400, 0, 0, 9]], ("neither COCO run lengths nor polygons",)),
    ],
)
def test_a_mask_of_the_wrong_form_says_what_it_is_and_what_it_should_be(mask, parts):
    reason = said(masks.decode, mask, HEIGHT, WIDTH, None)
    for part in parts:
        assert part in reason


def test_whole_and_broken_numbers_make_the_same_polygon():
    polygon = [10, 10, 30, 10, 30, 40, 10, 40]
    whole = masks.decode([polygon, [1, 2]], HEIGHT, WIDTH, None)
    assert whole.any() and (whole == masks.decode([[float(n) for n in polygon]], HEIGHT, WIDTH, None)).all()


def test_a_mask_image_without_a_folder_tells_of_mask_dir(tmp_path):
    assert said(masks.decode, "gone.png", HEIGHT, WIDTH, None).startswith("gone.png: no such file; give")
    assert "--mask-dir" in said(masks.decode, "gone.png", HEIGHT, WIDTH, None)
    path = str(tmp_path / "mask.png")
    cv2.imwrite(path, np.full((HEIGHT, WIDTH), 255, np.uint8))
    assert masks.decode(path, HEIGHT, WIDTH, None).all()


def test_an_empty_mask_image_is_named(tmp_path):
    cv2.imwrite(str(tmp_path / "cup.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
    told = said(masks.decode, "cup.png", HEIGHT, WIDTH, tmp_path)
    assert told.startswith("the mask cup.png is empty: none of 4800 pixels is in it; mend it")


@pytest.mark.parametrize("what", ["depth map", "point map"])
def test_a_mask_of_another_size_says_than_what(what):
    _, faults = masks.decode_all({"cup": {"size": [9, 9], "counts": [81]}}, HEIGHT, WIDTH, None, what)
    assert f"is [9, 9], the {what}'s [60, 80]; both must have the image's size" in str(faults["cup"])


@pytest.mark.parametrize(
    ("stored", "parts"),
    [
        (np.zeros((1, HEIGHT, WIDTH), np.uint16), ("(1, 60, 80) of uint16", "expected (height, width)")),
        (np.zeros((HEIGHT, WIDTH, 0)), ("(60, 80, 0) of float64",)),
        (np.zeros((HEIGHT, WIDTH), bool), ("(60, 80) of bool", "integers or floats")),
        (np.dstack([np.eye(9)] + 2 * [np.ones((9, 9))]), ("(9, 9, 3)", "a colour-mapped depth picture cannot")),
    ],
)
def test_what_is_no_depth_map_says_what_it_is(tmp_path, stored, parts):
    np.save(tmp_path / "a.npy", stored)
    reason = said(depth.read_raw, tmp_path / "a.npy")
    for part in parts:
        assert part in reason
    assert ("colour" in reason) == (len(parts[0]) == 9)


def test_an_object_may_be_cut_out_by_an_alpha_channel(tmp_path):
    picture = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    picture[:, 30:, 3] = 0
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    found = masks.decode("mask.png", HEIGHT, WIDTH, tmp_path)
    assert found[:, :30].all() and not found[:, 30:].any()


def palette_png(indices, bits, colours, extra=b""):
    """Return an indexed PNG of (h, w) `indices`, of so many bits a pixel, with a row of RGB for each index."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = indices.shape
    whole = np.unpackbits(indices.astype(np.uint8)[..., None], axis=2)[..., -bits:].reshape(height, -1)
    rows = np.hstack([np.zeros((height, 1), np.uint8), np.packbits(whole, axis=1)])
    header = struct.pack(">IIBBBBB", width, height, bits, 3, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"PLTE", bytes(colours)) + extra
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "colours", [(255, 255, 255, 0, 0, 0), (0, 0, 0, 255, 0, 0), (0, 0, 0, 0, 0, 0)], ids=["white", "voc", "black"]
)
def test_of_a_mask_with_a_palette_the_index_counts_and_not_the_colour(tmp_path, bits, colours):
    indices = np.zeros((HEIGHT, WIDTH - 3), np.uint8)
    indices[10:20, 5:40] = 1
    see_through = struct.pack(">I", 1) + b"tRNS\0" + struct.pack(">I", zlib.crc32(b"tRNS\0"))
    for extra in (b"", see_through):
        (tmp_path / "mask.png").write_bytes(palette_png(indices, bits, colours, extra))
        assert (masks.decode("mask.png", HEIGHT, WIDTH - 3, tmp_path) == (indices > 0)).all()


def test_a_mask_with_a_palette_that_is_cut_off_is_named(tmp_path):
    whole = palette_png(np.eye(HEIGHT, WIDTH, dtype=np.uint8), 8, (0, 0, 0, 9, 9, 9))
    for end in (20, 33, 40, 60):
        (tmp_path / "mask.png").write_bytes(whole[:end])
        assert "cannot be decoded" in said(masks.decode, "mask.png", HEIGHT, WIDTH, tmp_path)


def test_of_a_mask_that_is_cut_off_or_damaged_only_the_line_with_its_name_is_told(tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH), np.uint8) * 255
    whole = cv2.imencode(".png", noise)[1].tobytes()
    path = tmp_path / "mask.png"
    broken = [whole[:end] for end in (10, 33, 60, len(whole) - 14, len(whole) - 1)]
    for place, part in ((18, "IHDR at byte 8"), (60, "IDAT at byte 33")):
        broken.append(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        path.write_bytes(broken[-1])
        told = f"the file is damaged: its checksum of {part} is wrong"
        assert said(masks.decode, "mask.png", HEIGHT, WIDTH, tmp_path) == undecoded(path, told)
    for content in broken[:5]:
        path.write_bytes(content)
        told = undecoded(path, "the file is truncated")
        assert said(masks.decode, "mask.png", HEIGHT, WIDTH, tmp_path) == told
    assert capfd.readouterr().err == ""  # which libpng writes to, past Python's stream
    path.write_bytes(whole + b"something after it")
    assert (masks.decode("mask.png", HEIGHT, WIDTH, tmp_path) == (noise > 0)).all()


def test_what_a_library_prints_of_a_file_is_told_with_its_name_alone(tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    png, jpeg = (bytearray(cv2.imencode(suffix, noise)[1].tobytes()) for suffix in (".png", ".jpg"))
    end = png.index(b"IEND") - 8  # where the checksum of the one part with pixels begins
    png[43:end] = bytes(byte ^ 255 for byte in png[43:end])
    png[end : end + 4] = zlib.crc32(png[png.index(b"IDAT") : end]).to_bytes(4, "big")
    path = tmp_path / "a.png"
    path.write_bytes(png)
    fault = "the file is damaged or of a kind that is not read here (libpng error: "
    assert said(images.decode, path, cv2.IMREAD_COLOR).startswith(f"{path}: cannot be decoded; {fault}")
    assert capfd.readouterr().err == ""
    jpeg[len(jpeg) // 2 : len(jpeg) // 2 + 4] = b"\xff\xd9\xff\xd9"
    path.write_bytes(jpeg)
    assert images.decode(path, cv2.IMREAD_COLOR).shape == noise.shape
    error = capfd.readouterr().err
    assert error.startswith(f"{path}: Corrupt JPEG data: ") and error.count("\n") == 1
    path.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    assert (images.decode(path, cv2.IMREAD_COLOR) == noise).all() and capfd.readouterr().err == ""


def test_what_is_of_no_library_and_what_other_threads_hear_is_passed_on(capfd):
    assert library_words.listen(os.write, 2, b"one\n two\none\n") == (13, "one; two")
    assert library_words.listen(os.write, 2, b"\rbar 5%") == (7, "")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(library_words.listen, os.write, 2, b" heard").result() == (6, "")
    assert capfd.readouterr().err == "\rbar 5% heard"
    with pytest.raises(ZeroDivisionError):
        library_words.listen(divmod, 1, 0)
    os.write(2, b"as before")
    assert capfd.readouterr().err == "as before"


def undecoded(path, fault):
    return f"{path}: cannot be decoded; {fault}, expected a whole image; copy or make it again, or take it out"


def test_of_a_file_that_is_no_whole_image_is_said_what_it_is(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    path = tmp_path / "a.jpg"
    whole = cv2.imencode(".jpg", noise)[1].tobytes()
    other = "the file is damaged or of a kind that is not read here"
    for content, fault in (
        (b"", "the file is empty"),
        *((whole[:end], "the file is truncated") for end in (3, 300, len(whole) // 2, len(whole) - 1)),
        (b"<html> no such picture", "the file begins with b'<html> no such p', as no image does"),
        (b"II*\0" + bytes(99), other),
        (b"\xff\xd8\xff\xd9", other),
    ):
        path.write_bytes(content)
        assert said(images.decode, path, cv2.IMREAD_COLOR) == undecoded(path, fault)


def test_a_missing_file_is_named_once(tmp_path):
    told = f"{tmp_path / 'gone.png'}: no such file; check --mask-dir, or its name"
    assert said(masks.decode, "gone.png", HEIGHT, WIDTH, tmp_path) == told
    for suffix in depth.SUFFIXES:
        path = tmp_path / f"gone{suffix}"
        assert said(depth.read_raw, path) == f"{path}: no such file"
        assert said(depth.read_raw, path, "do this") == f"{path}: no such file; do this"


def test_a_folder_in_the_place_of_a_file_is_named_once(tmp_path):
    for suffix in (".png", ".npy"):
        path = tmp_path / f"folder{suffix}"
        path.mkdir()
        assert said(depth.read_raw, path) == f"{path}: cannot be read (Is a directory)"
    assert said(images.decode, tmp_path, cv2.IMREAD_COLOR).count(str(tmp_path)) == 1


def test_a_pipe_is_no_mask(tmp_path):
    """To open it would take for ever."""
    os.mkfifo(tmp_path / "mask.png")
    told = f"{tmp_path / 'mask.png'}: is no regular file, expected an image; put one in its place, or take it out"
    assert said(masks.decode, "mask.png", 4, 4, tmp_path) == told
