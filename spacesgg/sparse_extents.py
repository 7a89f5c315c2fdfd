"""Extents of objects of which projected LiDAR shows some tens of points.

So few points outline nothing. What they and the mask leave possible is bounded by what is known of the kind: the
sizes of vehicles and people (footprints.py), the round crown of a tree, the arm of a street lamp.
"""

import numpy as np

from spacesgg import footprints, known_kinds, label_kinds, occlusion, size_priors, street_sizes
from spacesgg.frame import Frame
from spacesgg.outlines import Edges, Outline
from spacesgg.quantiles import percentiles
from spacesgg.surfaces import Surface

EDGE_PX = 3.0  # masks are grown, or come from a coarse grid; LiDAR is registered to some pixels
EDGE_SHARE = 0.02  # of the mask's width, in addition
LOW_M = (0.2, 0.9)  # above the ground the faces of vehicles are upright
OWN_WIDTH = 0.5  # returns over less of the mask's width lie on a trunk or pole, not on what it carries
ROUNDNESS = 1.15  # crowns and bushes are not quite round
CUT_GROWTH = 1.3  # of a width that may be larger above the picture
BORDER_PX = 3
ABOVE = 0.2  # of the height: where the scan lines end so far below the top
ABOVE_SHARE = 0.3  # of half the width: by as much a crown may come nearer above them
# Limbs of people do not hide each other as the faces of a car do: where their legs return, so far before the
# nearest of their returns, and behind the farthest, is the rest of them.
LIMB_M = (0.45, 0.6)
LEG_RETURNS = 5
STRAY_PERCENTS = (2.0, 98.0)
FRONT_PERCENT = 20.0  # of the returns: behind this share of them the middle of what is round is counted from


def find_box(
    seen: np.ndarray,
    frame: Frame,
    surface: Surface,
    outline: Outline,
    edges: Edges,
    points: np.ndarray,
    label: str,
) -> np.ndarray:
    """Return the (2, 3) box that an object called `label` may fill, of which `seen` (2, 3) is seen.

    `edges` are (1, 4, n) pixels of its outline; the points (3, M), like the boxes, are in levelled metres.
    """
    sizes = street_sizes.size_range(label)
    longest = sizes.longest if sizes else size_priors.longest(label)
    box = occlusion.widen(seen[None], frame, edges, known_kinds.unknown_kinds([longest]), [True])[0]
    if sizes is not None:
        sight = _sight(box, seen, frame, surface, outline, percentiles(points[2], (50,))[0])
        bounds = footprints.find_bounds(points[::2], _low(frame, points), sight, sizes)
        if bounds is None:  # an odd one, or returns of something else: it may go on by its length all around
            box[0, ::2] -= sizes.longest
            box[1, ::2] += sizes.longest
        else:
            box[:, ::2] = bounds
        if street_sizes.is_person(label) and np.count_nonzero(_low(frame, points)) >= LEG_RETURNS:
            near, far = percentiles(points[2], STRAY_PERCENTS)
            box[0, 2], box[1, 2] = max(box[0, 2], near - LIMB_M[0]), min(box[1, 2], far + LIMB_M[1])
        return box
    cut = int(outline.rows.min()) * surface.step + surface.window[0].start <= BORDER_PX
    width = float(np.ptp(box[:, 0]))
    half = ROUNDNESS * width / 2 * (CUT_GROWTH if cut else 1)
    front, middle = percentiles(points[2], (FRONT_PERCENT, 50))
    left, right = percentiles(points[0], STRAY_PERCENTS)
    overhang = street_sizes.overhang(label)
    if overhang:
        half = max(half, overhang)
        if cut:
            box[:, 0] = min(box[0, 0], right - half), max(box[1, 0], left + half)
    if overhang or right - left < OWN_WIDTH * np.ptp(seen[:, 0]):
        box[:, 2] = min(box[0, 2], middle - half), max(box[1, 2], middle + half)
    elif label_kinds.is_round(label):
        if points[1].min() > seen[0, 1] + ABOVE * np.ptp(seen[:, 1]):
            box[0, 2] -= ABOVE_SHARE * half
        box[1, 2] = max(box[1, 2], front + 2 * half)
    box[1, 2] = max(box[1, 2], box[0, 2] + size_priors.least_depth(label, width))
    return box


def _low(frame: Frame, points: np.ndarray) -> np.ndarray:
    """Return (N,) bool: which of the points (3, N) are on the lower part of a vehicle."""
    ground = float(points[1].max()) if frame.ground_height is None else frame.ground_height
    above = ground - points[1]
    return (above > LOW_M[0]) & (above < LOW_M[1])


def _sight(
    box: np.ndarray, seen: np.ndarray, frame: Frame, surface: Surface, outline: Outline, away: float
) -> footprints.Sight:
    """Return between which bearings the object is seen, and may go on, from its box and its mask's outline."""
    columns = outline.columns * surface.step + surface.window[1].start
    x, _, z = frame.directions(outline.rows * surface.step + surface.window[0].start, columns)
    left, right = float((x / z).min()), float((x / z).max())
    pixel = (right - left) / max(int(np.ptp(columns)), 1)
    hidden = np.maximum((seen[0, 0] - box[0, 0], box[1, 0] - seen[1, 0]), 0) / away
    error = EDGE_PX * pixel + EDGE_SHARE * (right - left)
    return footprints.Sight(left, right, left - hidden[0], right + hidden[1], error)
