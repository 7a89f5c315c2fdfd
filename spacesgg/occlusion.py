"""Where an object may go on out of sight: behind what stands before it, and beyond the picture's border.

Along rows and columns of an object's pixels the picture is followed outwards. While something nearer is met,
the object may go on behind it; the first pixel that shows something as far away as the object proves that it
has ended there.
"""

import numpy as np

from spacesgg.frame import Frame
from spacesgg.surfaces import Surface

EDGE_PX = 3  # next to an edge neither mask nor depth is reliable
NEARER = 0.05  # a neighbour nearer by this share occludes the object
SCAN_LINES = 24  # rows or columns of each object that are followed
MIN_HIDDEN_LINES = 3
OPEN_M = 1e4  # stands for a bound that the picture does not show; finite, so that axes can be turned


def widen(box: np.ndarray, frame: Frame, surface: Surface, depth: np.ndarray) -> np.ndarray:
    """Return the (2, 3) box in levelled metres, widened to where the object may go on out of sight.

    `depth` (h, w) holds the object's depth at `surface.pixels` within its window.
    """
    box = box.copy()
    whole = frame.points[..., 2]
    top, left = surface.window[0].start, surface.window[1].start
    for vertical in (False, True):
        pixels, own, scene = (a.T if vertical else a for a in (surface.pixels, depth, whole))
        first_line, first_position = (left, top) if vertical else (top, left)
        lines = np.flatnonzero(pixels.any(axis=1))
        lines = lines[:: max(1, len(lines) // SCAN_LINES)]
        for forward in (False, True):
            flip = slice(None) if forward else slice(None, None, -1)
            end = (
                pixels.shape[1] - 1 - pixels[lines, ::-1].argmax(axis=1)
                if forward
                else pixels[lines].argmax(axis=1)
            )
            z = own[lines, end]
            size = scene.shape[1]
            start = first_position + end if forward else size - 1 - first_position - end
            reach = _reach(scene[lines + first_line][:, flip], start, z)
            hidden = reach > start
            if np.count_nonzero(hidden) < MIN_HIDDEN_LINES:
                continue
            axis = int(vertical)
            if (reach[hidden] >= size).any():
                box[int(forward), axis] = OPEN_M if forward else -OPEN_M
                continue
            along = reach[hidden] if forward else size - 1 - reach[hidden]
            across = lines[hidden] + first_line
            columns, rows = (across, along) if vertical else (along, across)
            there = frame.levelled(columns, rows, z[hidden])[:, axis]
            box[0, axis] = min(box[0, axis], there.min())
            box[1, axis] = max(box[1, axis], there.max())
    return box


def _reach(scene: np.ndarray, start: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return, per line of `scene` (n, length), the position up to which the object may go on unseen.

    It is `start` itself where the object visibly ends, and the length of the line where nothing proves an end.
    """
    length = scene.shape[1]
    beyond = np.arange(length) > (start + EDGE_PX)[:, None]
    proof = beyond & (scene >= (z * (1 - NEARER))[:, None])
    cover = beyond & (scene > 0) & ~proof
    end = np.where(proof.any(axis=1), proof.argmax(axis=1), length)
    covered = cover.any(axis=1) & (cover.argmax(axis=1) < end)
    cut = start + EDGE_PX >= length - 1
    return np.where(cut, length, np.where(covered, end, start))
