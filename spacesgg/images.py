"""Image files: which of a folder's files belong to which stem, and decoding them with one error for all faults."""

import stat
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np

from spacesgg import library_words
from spacesgg.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png")
_OF_WINDOWS = ("thumbs.db", "desktop.ini")  # which hides them, though their names do not say so
_NAMED = 3  # of the files that are passed over
# Turned by its EXIF flag, an image would no longer lie over its depth map and under its boxes.
AS_STORED_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_PNG = b"\x89PNG\r\n\x1a\n"  # how its files begin
_COLOUR_TYPE, _IHDR_END = 25, 33  # places in them
_GREY, _INDEXED = b"\0", 3  # colour types
_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_TIFF_OR_EXR = (b"II*\0", b"MM\0*", b"v/1\x01")
AGAIN = "copy or make it again, or take it out"


def files_by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return stem → file, sorted by stem. Raises InputError when a stem stands for two files.

    Hidden files are left out: macOS puts a ._NAME.jpg beside each NAME.jpg on foreign disks and in archives.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.stem):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            if path.stem in found:
                raise InputError(f"{path}: {found[path.stem].name} has the same stem; keep one of them")
            found[path.stem] = path
    return found


def in_folder(folder: Path) -> dict[str, Path]:
    """Return stem → image, sorted by stem. Raises InputError when there is none, or a stem stands for two."""
    found = files_by_stem(folder, SUFFIXES)
    if not found:
        there = f", only {others}" if (others := _others(folder, SUFFIXES)) else ""
        raise InputError(
            f"{folder}: no {', '.join(SUFFIXES)} files{there}; what is in folders inside it is not read"
        )
    return found


def tell_unread(what: str, folder: Path, suffixes: tuple[str, ...], known: tuple[str, ...] = ()) -> None:
    """Print what the command `what` passes over in a folder of which it reads files of these suffixes.

    Hidden files are passed over without a word, and so are those of a `known` name.
    """
    if others := _others(folder, suffixes, known):
        print(f"{what}: {folder}: not read (only {', '.join(suffixes)} files are): {others}", file=sys.stderr)


def _others(folder: Path, suffixes: tuple[str, ...], known: tuple[str, ...] = ()) -> str:
    """Return how many files and folders there are of other suffixes, and the names of the first."""
    names = sorted(
        f"{path.name}/" if path.is_dir() else path.name
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and path.name.lower() not in (*_OF_WINDOWS, *known)
        and path.suffix.lower() not in suffixes
    )
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def refuse_pipe(path: Path, expected: str) -> None:
    """Raise InputError where `path` is a pipe or a device, OSError where nothing is there.

    To open a pipe may take for ever, and no signal ends the work on an image before its end.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path}: is no regular file, expected {expected}; put one in its place, or take it out")


def decode(path: Path, flags: int, indices: bool = False, if_missing: str = "") -> np.ndarray:
    """Return the image at `path` as OpenCV decodes it with `flags`. Raises InputError when it cannot.

    With `indices` a PNG that has a palette gives its indices (H, W), which OpenCV would put into colours.
    `if_missing` says what to do where no file is there.
    Decoded from bytes: imread hides the reason of a failure and stumbles over non-ASCII paths.
    """
    try:
        refuse_pipe(path, "an image")
        content = np.fromfile(path, np.uint8)
        content = without_palette(content) if indices else content
        fault = png_fault(content)
        image, words = None, ""
        if len(content) and not fault:
            image, words = library_words.listen(cv2.imdecode, content, flags)
    except (OSError, ValueError, cv2.error, MemoryError) as error:
        raise InputError(f"{path}: {why_unread(error, if_missing)}") from error
    if image is None:
        fault = fault or _why_undecoded(content) + (f" ({words})" if words else "")
        raise InputError(f"{path}: cannot be decoded; {fault}, expected a whole image; {AGAIN}")
    if words:
        print(f"{path}: {words}", file=sys.stderr)
    return image


def _why_undecoded(content: np.ndarray) -> str:
    """Return what is wrong with the bytes of what should have been an image."""
    start, end = content[:16].tobytes(), content[-2:].tobytes()
    if not start:
        return "the file is empty"
    if start.startswith(_JPEG) and end != _JPEG_END:
        return "the file is truncated"
    if start.startswith((_PNG, _JPEG, *_TIFF_OR_EXR)):
        return "the file is damaged or of a kind that is not read here"
    return f"the file begins with {start!r}, as no image does"


def without_palette(content: np.ndarray) -> np.ndarray:
    """Return the bytes of a PNG with a palette as those of one in grey, whose values are the indices.

    Indices of less than 8 bits are stretched over 0–255 when that is decoded, 0 stays 0. Other bytes are returned
    as they are.
    """
    if len(content) < _IHDR_END or content[: len(_PNG)].tobytes() != _PNG or content[_COLOUR_TYPE] != _INDEXED:
        return content
    whole = content.tobytes()
    header = b"IHDR" + whole[len(_PNG) + 8 : _COLOUR_TYPE] + _GREY + whole[_COLOUR_TYPE + 1 : _IHDR_END - 4]
    kept = [whole[: len(_PNG) + 4], header, zlib.crc32(header).to_bytes(4, "big")]
    place = _IHDR_END
    while place < len(whole):
        end = place + 12 + int.from_bytes(whole[place : place + 4], "big")
        if whole[place + 4 : place + 8] in (b"IDAT", b"IEND"):  # neither colours nor transparency
            kept.append(whole[place:end])
        place = end
    return np.frombuffer(b"".join(kept), np.uint8)


def png_fault(content: np.ndarray) -> str:
    """Return what is wrong with the bytes of a PNG: it is cut off, or a part is damaged; "" where nothing is.

    Looked for before decoding, which tells of some of these by words that mean little to who has the file, and of
    damage to what is behind the last row not at all. Other bytes than a PNG's have no such fault.
    """
    if content[: len(_PNG)].tobytes() != _PNG:
        return ""
    whole = memoryview(content)
    place, kind = len(_PNG), b""
    while kind != b"IEND":
        end = place + 12 + int.from_bytes(whole[place : place + 4], "big")
        if len(whole) < end:
            return "the file is truncated"
        kind = bytes(whole[place + 4 : place + 8])
        if kind in (b"IHDR", b"IDAT") and zlib.crc32(whole[place + 4 : end - 4]) != int.from_bytes(
            whole[end - 4 : end], "big"
        ):
            return f"the file is damaged: its checksum of {kind.decode()} at byte {place} is wrong"
        place = end
    return ""


def why_unread(error: Exception, if_missing: str = "") -> str:
    """Return what kept a file from being read: without its path, which the system repeats, and in one line.

    `if_missing` says what to do where no file is there.
    """
    if isinstance(error, FileNotFoundError):
        return f"no such file; {if_missing}" if if_missing else "no such file"
    return f"cannot be read ({getattr(error, 'strerror', None) or getattr(error, 'err', None) or error})"


def tell_turned(what: str, count: int) -> None:
    """Print how many images the command `what` took as stored although EXIF asks viewers to turn them."""
    if count:
        print(
            f"{what}: images with an EXIF orientation, by which viewers turn them: {count}; here their pixels are "
            "taken as stored, so left, right, up and down are the unturned picture's. Turn the pixels once, for "
            "example by ImageMagick's mogrify -auto-orient, and run again with --overwrite"
        )
