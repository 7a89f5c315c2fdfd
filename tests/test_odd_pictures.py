"""Whatever depth and masks come, stages 2 and 3 give numbers or reasons, never a fault of arithmetic."""

from argparse import Namespace

import cv2
import numpy as np
import pytest

import layers_aggregation
import multiview_layers
from spacesgg import annotations, extents, layers, masks

LABELS = (
    "chair",
    "person",
    "table",
    "cup",
    "picture",
    "car",
    "sky",
    "lamp",
    "plant",
    "box",
    "sofa",
    "ball",
    "pole",
)
PICTURES = 40  # a group


def draw_depth(rng):
    """Return an (H, W) float32 map of few pixels: planes, steps, noise, holes, strays, absurd scales."""
    height, width = rng.integers(1, 90), rng.integers(1, 120)
    rows, columns = np.indices((height, width))
    depth = (
        np.full((height, width), rng.uniform(0.3, 9)),
        1 / np.maximum(0.05, 0.2 + 0.3 * rows / height + rng.normal(0, 0.2) * columns / width),
        rng.uniform(0.2, 10, (height, width)),
        np.where((columns // 7 + rows // 5) % 2, 2.0, 5.0),
        np.zeros((height, width)),
        cv2.resize(rng.uniform(0.5, 6, (4, 5)), (int(width), int(height))),
    )[rng.integers(6)]
    if rng.random() < 0.5:
        depth = depth * (1 + 0.02 * cv2.GaussianBlur(rng.normal(size=depth.shape), (0, 0), rng.uniform(0.3, 4)))
    if rng.random() < 0.5:
        depth = np.where(rng.random(depth.shape) < rng.choice([0.05, 0.5, 0.96, 0.99]), 0, depth)
    return (np.maximum(depth, 0) * rng.choice([1, 1, 1, 1, 1e-3, 1e3])).astype(np.float32)


def draw_mask(rng, shape):
    mask = np.zeros(shape, np.uint8)
    row, column = (int(rng.integers(size)) for size in shape)
    kind = rng.integers(6)
    if kind == 0:
        mask[row : row + rng.integers(1, 40), column : column + rng.integers(1, 40)] = 1
    elif kind == 1:
        mask[:, column] = 1
    elif kind == 2:
        mask[rng.choice([0, -1])] = 1
    elif kind == 3:
        mask[row, column] = 1
    elif kind == 4:
        mask[rng.random(shape) < 0.3] = 1
    else:
        cv2.circle(mask, (column, row), int(rng.integers(1, 30)), 1, -1)
    return mask > 0


def draw(rng, folder):
    """Return an entry whose depth map and point map lie in the folder."""
    depth = draw_depth(rng)
    height, width = depth.shape
    rows, columns = np.indices(depth.shape)
    focal = rng.uniform(20, 200)
    points = np.stack([(columns - width / 2) / focal * depth, (rows - height / 2) / focal * depth, depth], axis=-1)
    np.save(folder / "depth" / "a.npy", depth)
    np.save(folder / "points" / "a.npy", points.astype(np.float32))
    entry = {"depth": "a.npy", "width": int(width), "height": int(height)}
    for number in range(rng.integers(1, 6)):
        mask = draw_mask(rng, depth.shape)
        stored = masks.encode(mask) if rng.random() < 0.9 else None
        box = [0.0, 0.0, float(width), float(height)]
        entry[f"[[{number}, 0, 999, 999]]"] = [str(rng.choice(LABELS)), box, stored]
    return entry


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("group", range(10))
def test_odd_pictures_give_numbers_or_reasons(tmp_path, monkeypatch, group):
    found, find_extents = [], extents.find_extents

    def kept(*args):
        found.append(find_extents(*args))
        return found[-1]

    monkeypatch.setattr(extents, "find_extents", kept)
    for name in ("depth", "points"):
        (tmp_path / name).mkdir()
    common = {"mask_dir": None, "min_gap": layers.MIN_GAP}
    flat = Namespace(
        depth_dir=tmp_path / "depth", scale_factor=None, inverse_depth=False, method="clustering", **common
    )
    solid = Namespace(point_cloud_dir=tmp_path / "points", no_level=False, **common)
    for picture in range(PICTURES):
        entry = draw(np.random.default_rng([group, picture]), tmp_path)
        keys = {thing.key for thing in annotations.objects(entry)}
        done, failures = layers_aggregation.aggregate(("a.jpg", entry), flat)
        done, more = multiview_layers.order(("a.jpg", done), solid)
        named = {failure["object"] for failure in failures}
        assert {key for layer in done["levels"] for key in layer} == keys - named
        assert all(failure["reason"] for failure in failures + more)
        assert all(sign in (-1, 0, 1) for signs in done["order_list"].values() for sign in signs)
    assert any(found)
    assert not any(np.isnan(part).any() for things in found for extent in things for part in extent[:3])
