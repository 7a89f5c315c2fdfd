"""The surfaces of all objects of an image: what one object shows tells what the others cannot."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from spacesgg import annotations, boxes, label_kinds, mask_growth, masks, sparse_returns, street_sizes
from spacesgg.errors import InputError
from spacesgg.overlaps import SPAN_PERCENTS, count_claims, judge_by_bare
from spacesgg.sparse_returns import Road
from spacesgg.surfaces import MIN_POINTS, MIN_RETURNS, Surface, find_surface

CONTESTED_SHARE = 0.5  # of an object's returns
BETTER_FILLED = 0.1  # of the returns under a mask
SAME_DEPTH = 0.03
SEAM_SHARE = 0.25  # of the pixels that are a seam or apart from it
SEAM_HALF_PX = 2.5  # of its width: matching windows spread what is near by no more; what is wider may be a body
CONTINUED_SHARE = 0.5  # of a seam's pixels
SEAM_REACH_PX = 8  # beyond the object's window: how wide a seam of two grown masks is
FAR_BEHIND = 1.25
APART_SHARE = 0.4  # of the pixels under a mask
STRAY_SHARE = 0.01  # of a mask: so few pixels of what has lost its depth may be something else's
STRAY_SHARE_AT_RANGE = 0.02  # of thin things hardly more is left
MOSTLY_SEEN = 0.6  # of the pixels of a picture have depth, or much of it is out of the sensor's range


def find_masks(
    objects: list[annotations.Object],
    entry: dict[str, Any],
    shape: tuple[int, int],
    lidar: bool,
    folder: Path | None,
    what: str,
) -> tuple[dict[str, np.ndarray], dict[str, InputError]]:
    """Return key → (H, W) bool mask of an entry's objects, and key → what is wrong with it.

    The `what`, a depth map or a point map, has the `shape` (H, W). An object that has only a box is left out. But
    where depth is that of `lidar` its box is its mask: the few returns in the middle of a box tell less than those
    that its whole gathers.
    """
    decoded, faults = masks.decode_all({thing.key: thing.mask for thing in objects}, *shape, folder, what)
    if lidar:
        for thing in objects:
            try:
                if thing.mask is None:
                    boxes.check_size(entry, thing.box, shape, what)
                    decoded[thing.key] = boxes.filled(shape, thing.box)
            except InputError as error:
                faults[thing.key] = error
    return decoded, faults


def shortage(depth: np.ndarray, mask: np.ndarray, lidar: bool) -> str:
    """Return how many pixels under the (H, W) bool mask of an object without a surface have depth, of how many."""
    seen, area = np.count_nonzero(depth[mask] > 0), np.count_nonzero(mask)
    least = MIN_RETURNS if lidar else MIN_POINTS
    if seen < least:
        return f"{seen} of {area}, expected at least {least}"
    return f"{seen} of {area}, too few of them its own"


def find_surfaces(
    depth: np.ndarray,
    masks: dict[str, np.ndarray],
    soft: bool,
    lidar: bool,
    labels: dict[str, str],
    road: Road | None,
) -> dict[str, Surface | None]:
    """Return key → surface, None where there is none to be told, of key → (H, W) bool mask in depth (H, W).

    `soft` says that depth crosses edges in ramps (depth_edges.py), `lidar` that it is projected LiDAR's
    (sparse_returns.is_sparse), `labels` what the objects are called, `road` where the ground of LiDAR's depth is.
    """
    whole, growth = masks, 0.0
    if soft:
        growth = mask_growth.find_growth(depth, masks.values())
        masks = {key: mask_growth.trimmed(mask, growth) for key, mask in masks.items()}
    # The ground and walls are what objects' masks spill on, whether they have masks themselves or not.
    things = {key: mask for key, mask in masks.items() if not label_kinds.is_backdrop(labels.get(key, ""))}
    claims = dict.fromkeys(masks, count_claims(things.values()))
    for key in masks.keys() - things.keys():
        claims[key] = count_claims([*things.values(), masks[key]])
    if growth:
        bare = {key: mask_growth.trimmed(mask, growth + mask_growth.SPARE_PX) for key, mask in whole.items()}
        claims = judge_by_bare(claims, masks, bare)
    if road is not None and masks:
        depth = sparse_returns.standing(depth, road, np.logical_or.reduce(list(masks.values())))
    standing = {key for key in masks if lidar and street_sizes.size_range(labels.get(key, ""))}
    strays = 0.0 if lidar else _stray_share(depth, soft)
    found = {
        key: find_surface(depth, mask, soft, claims[key], road, key in standing, strays)
        for key, mask in masks.items()
    }
    if not lidar:
        tried = [] if soft else [key for key, surface in found.items() if surface is not None]
        seams = [key for key in tried if _is_seam(key, depth, masks, claims[key], found[key])]
        return found | dict.fromkeys(seams)
    contested = {key for key in masks if found[key] is None or _is_contested(key, depth, masks, found)}
    # Of boxes in a crowd nothing is seen alone: then others' returns are told first.
    crowded = {key for key in masks if key not in contested and _is_shared(found[key], claims[key])}
    sure = {key: surface for key, surface in found.items() if key not in contested | crowded}
    for key in contested | crowded:
        left = _without_others(depth, key, masks, sure)
        again = find_surface(left, masks[key], soft, claims[key], road, key in standing)
        if again is not None or key in contested:
            found[key] = again
    return found


def _stray_share(depth: np.ndarray, soft: bool) -> float:
    """Return on how much of its mask the few pixels are strays that an object has which lost its depth (H, W).

    At a sensor's range what flies between something near and something lost is all that is left of the latter.
    """
    if cv2.countNonZero(depth) < MOSTLY_SEEN * depth.size:
        return STRAY_SHARE_AT_RANGE
    return 0.0 if soft else STRAY_SHARE


def _is_seam(
    key: str, depth: np.ndarray, masks: dict[str, np.ndarray], claims: np.ndarray, surface: Surface
) -> bool:
    """Return whether the surface found for an object is but the edge of another that stands before it.

    Little of the mask is that surface, a narrow strip, most of it claimed by the other's mask, too, and at the
    depth that the other has next to it, where it alone is claimed. And much of the mask has lost its depth, as
    what is beside an edge has, or shows what is far behind; of the masks of things that touch, little does.
    """
    pixels, window = surface.pixels, surface.window
    count, own = np.count_nonzero(pixels), masks[key][window]
    area = np.count_nonzero(own)
    if count >= SEAM_SHARE * area or 2 * np.count_nonzero(pixels & (claims[window] > 1)) <= count:
        return False
    inwards = cv2.distanceTransform(np.pad(pixels.view(np.uint8), 1), cv2.DIST_L2, 3)
    if inwards.max() * surface.step > SEAM_HALF_PX:
        return False
    z = depth[window]
    far = np.percentile(z[pixels], SPAN_PERCENTS[1])
    apart = np.count_nonzero(own & ((z <= 0) | (z > far * FAR_BEHIND)))
    if apart < APART_SHARE * area or count >= SEAM_SHARE * (count + apart):
        return False
    reach = SEAM_REACH_PX * surface.step
    wide = tuple(
        slice(max(side.start - reach, side.start % surface.step), side.stop + reach, side.step) for side in window
    )
    places = tuple((side.start - more.start) // surface.step for side, more in zip(window, wide, strict=True))
    for other, mask in masks.items():
        if other == key or 2 * np.count_nonzero(pixels & mask[window]) <= count:
            continue
        theirs = mask[wide] & (claims[wide] <= 1) & (depth[wide] > 0)
        if np.count_nonzero(theirs) >= MIN_POINTS:
            rows, columns = pixels.nonzero()
            next_to = _nearest(depth[wide], theirs)[rows + places[0], columns + places[1]]
            alike = np.abs(next_to - z[rows, columns]) < SAME_DEPTH * next_to
            if np.count_nonzero(alike) >= CONTINUED_SHARE * count:
                return True
    return False


def _nearest(z: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return (h, w): for each pixel the depth z (h, w) of the nearest of the `known` (h, w) bool, if any."""
    _, numbers = cv2.distanceTransformWithLabels(
        (~known).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    depths = np.zeros(numbers.max() + 1, z.dtype)
    depths[numbers[known]] = z[known]
    return depths[numbers]


def _is_shared(surface: Surface, claims: np.ndarray) -> bool:
    """Return whether an object's returns lie where several masks do, of `claims` (H, W)."""
    alone = np.count_nonzero(surface.pixels & (claims[surface.window] <= 1))
    return alone < sparse_returns.ALONE_SHARE * np.count_nonzero(surface.pixels)


def _is_contested(
    key: str, depth: np.ndarray, masks: dict[str, np.ndarray], found: dict[str, Surface | None]
) -> bool:
    """Return whether the returns found for an object are another's, whose mask they fill better."""
    own = found[key]
    count = np.count_nonzero(own.pixels)
    for other, surface in found.items():
        if other == key or surface is None:
            continue
        if np.count_nonzero(own.pixels & masks[other][own.window]) <= CONTESTED_SHARE * count:
            continue
        if np.count_nonzero(own.pixels & _returns(depth.shape, surface)[own.window]) > CONTESTED_SHARE * count:
            filled, better = (
                np.count_nonzero(part.pixels) / np.count_nonzero(mask & (depth > 0))
                for part, mask in ((own, masks[key]), (surface, masks[other]))
            )
            if better > filled + BETTER_FILLED:
                return True
    return False


def _returns(shape: tuple[int, int], surface: Surface) -> np.ndarray:
    """Return the (H, W) bool pixels of a surface in the image."""
    whole = np.zeros(shape, bool)
    whole[surface.window] = surface.pixels
    return whole


def _without_others(
    depth: np.ndarray, key: str, masks: dict[str, np.ndarray], found: dict[str, Surface]
) -> np.ndarray:
    """Return the (H, W) depth without the returns that the objects found explain.

    These are the returns at their depth under their masks, and all those under their masks alone: LiDAR sees over
    what stands before an object, and what it sees there of the object must not look like one that goes on outside
    its mask.
    """
    left, own = depth.copy(), masks[key]
    for other, surface in found.items():
        near, far = np.percentile(depth[surface.window][surface.pixels], (2, 98))
        at_depth = (depth > near * (1 - SAME_DEPTH)) & (depth < far * (1 + SAME_DEPTH))
        left[masks[other] & (~own | at_depth)] = 0
    return left
