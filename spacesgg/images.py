"""Decoding image files of every kind, with one error for all that can be wrong with them."""

from pathlib import Path

import cv2
import numpy as np

from spacesgg.errors import InputError


def decode(path: Path, flags: int) -> np.ndarray:
    """Return the image at `path` as OpenCV decodes it with `flags`. Raises InputError when it cannot.

    Decoded from bytes: imread hides the reason of a failure and stumbles over non-ASCII paths.
    """
    try:
        content = np.fromfile(path, np.uint8)
        image = cv2.imdecode(content, flags) if len(content) else None
    except (OSError, ValueError, cv2.error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if image is None:
        raise InputError(f"{path}: cannot be decoded; the file is empty, truncated or not an image")
    return image
