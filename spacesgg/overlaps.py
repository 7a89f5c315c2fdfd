"""Pixels that several instance masks claim, and to which of the objects their depth cannot belong.

Masks are grown: where one object stands before another, both claim a seam along the edge between them. What an
object shows where it alone is claimed tells its depth, and so which side of the seam is not its own.
"""

from collections.abc import Iterable

import cv2
import numpy as np

from spacesgg.quantiles import percentiles, sample

MIN_ALONE = 0.15  # of the object's pixels; with less the rest cannot be judged by them
# With more of them the seams can be done without. But not where depth crosses edges in ramps: there a rim is left
# out of every mask anyway, and of a desk full of things little would remain.
ENOUGH_ALONE = 0.5
HARDLY_ALONE = 0.3  # of the mask
SPAN_PERCENTS = (5.0, 95.0)
SPAN_VALUES = 2000
FATTENED = np.ones((7, 7), np.uint8)
LESS_FATTENED = (np.ones((5, 5), np.uint8), np.ones((3, 3), np.uint8))
OCCLUDED = 0.1  # of the depth, by which what hides an object is nearer; what it touches is not
MIN_INNER = 20  # pixels
TOLERANCE = 0.01  # of the depth: a surface goes on a little under the seam


def count_claims(masks: Iterable[np.ndarray]) -> np.ndarray | None:
    """Return (H, W) uint8: how many of the (H, W) bool masks claim each pixel, 255 and more alike.

    None of no mask.
    """
    claims = None
    for mask in masks:
        claims = mask.view(np.uint8).copy() if claims is None else cv2.add(claims, mask.view(np.uint8), dst=claims)
    return claims


def judge_by_bare(
    claims: dict[str, np.ndarray], masks: dict[str, np.ndarray], bare: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return key → (H, W) `claims` on pixels, as `bare` masks make them within masks that have little alone.

    `bare` are the (H, W) bool masks without all by which they are grown: the mask of a table, grown, covers most
    of the cup before it.
    """
    bare_claims, found = count_claims(bare.values()), {}
    for key, mask in masks.items():
        others = claims[key] > mask.view(np.uint8)
        if np.count_nonzero(mask & ~others) < HARDLY_ALONE * np.count_nonzero(mask):
            others = (others & ~bare[key]) | (bare_claims > bare[key].view(np.uint8))
            found[key] = np.where(mask, others.view(np.uint8) + np.uint8(1), claims[key])
    return claims | found


def find_foreign(z: np.ndarray, seen: np.ndarray, overlap: np.ndarray, soft: bool) -> np.ndarray:
    """Return the (h, w) bool pixels of the overlap whose depth is not to be taken for the object's.

    `z` (h, w) is the depth in any unit, `seen` (h, w) bool the pixels of the mask that have depth, `overlap`
    (h, w) bool those that another mask claims too; `soft` says that depth crosses edges in ramps.
    """
    foreign = overlap & seen
    shared = np.count_nonzero(foreign)
    if not shared:
        return foreign
    total = np.count_nonzero(seen)
    if total - shared < MIN_ALONE * total:
        return np.zeros_like(seen)
    if soft or total - shared < ENOUGH_ALONE * total:
        alone = seen & ~foreign
        near, far = _span(z, alone, overlap, soft)
        foreign &= (z < np.float32(near * (1 - TOLERANCE))) | (z > np.float32(far * (1 + TOLERANCE)))
    return foreign


def _span(z: np.ndarray, alone: np.ndarray, overlap: np.ndarray, soft: bool) -> list[float]:
    """Return [near, far] of the pixels `alone` (h, w) bool that are not beside the `overlap` (h, w) bool.

    Stereo fattens what is near: next to the seam depth is the other's beyond its mask as well. Where too little is
    farther from it than that, what is less far tells whether the near end is the other's; but not in `soft` depth,
    whose ramps are wider.
    """
    inner = alone & (cv2.dilate(overlap.view(np.uint8), FATTENED) == 0)
    if np.count_nonzero(inner) >= MIN_INNER:
        return percentiles(sample(z, inner, SPAN_VALUES), SPAN_PERCENTS)
    near, far = percentiles(sample(z, alone, SPAN_VALUES), SPAN_PERCENTS)
    for kernel in () if soft else LESS_FATTENED:
        inner = alone & (cv2.dilate(overlap.view(np.uint8), kernel) == 0)
        if np.count_nonzero(inner) >= MIN_INNER:
            own = percentiles(sample(z, inner, SPAN_VALUES), SPAN_PERCENTS)[0]
            return [own if own > near * (1 + OCCLUDED) else near, far]
    return [near, far]
