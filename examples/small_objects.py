"""What stands on furniture, hangs on walls or from the ceiling in the example rooms; frame as in scene_objects."""

import numpy as np

from examples.scene_objects import BLACK, GREEN, STEEL, WOODS, Builder, Spot, Thing, paint
from examples.scene_shapes import box, cylinder, ellipsoid, frustum, lathe, merge, rod


def cup(rng: np.random.Generator) -> Thing:
    """A cup or a bowl."""
    if rng.random() < 0.6:
        return Thing("cup", cylinder(rng.uniform(0.035, 0.05), rng.uniform(0.08, 0.12), paint(rng)))
    radius = rng.uniform(0.08, 0.14)
    return Thing("bowl", lathe([(radius * 0.4, 0), (radius * 0.8, 0.04), (radius, 0.08)], paint(rng)))


def bottle(rng: np.random.Generator) -> Thing:
    """A bottle or a vase."""
    height = rng.uniform(0.22, 0.34)
    if rng.random() < 0.5:
        profile = [(0.035, 0), (0.037, 0.6 * height), (0.013, 0.75 * height), (0.013, height)]
        return Thing("bottle", lathe(profile, paint(rng)))
    radius = rng.uniform(0.07, 0.12)
    profile = [(radius * 0.6, 0), (radius, 0.4 * height), (radius * 0.4, 0.8 * height), (radius * 0.55, height)]
    return Thing("vase", lathe(profile, paint(rng)))


def book(rng: np.random.Generator) -> Thing:
    """A book, lying or upright."""
    size = (0.15, 0.03, 0.22) if rng.random() < 0.5 else (0.035, 0.22, 0.16)
    return Thing("book", box(*(np.array(size) * rng.uniform(0.85, 1.3, 3)), paint(rng)))


def screen(rng: np.random.Generator) -> Thing:
    """A monitor on its foot, or an open laptop."""
    if rng.random() < 0.5:
        width, height = rng.uniform(0.45, 0.65), rng.uniform(0.28, 0.38)
        foot = merge(box(0.2, 0.015, 0.16, BLACK), box(0.04, 0.16, 0.03, BLACK, (0, 0, 0.02)))
        return Thing("monitor", merge(foot, box(width, height, 0.03, BLACK, (0, 0.12, 0))))
    width = rng.uniform(0.3, 0.37)
    lid = box(width, 0.22, 0.012, STEEL * 0.4, (0, 0.01, 0.115))
    return Thing("laptop", merge(box(width, 0.018, 0.24, STEEL * 0.9), lid))


def table_lamp(rng: np.random.Generator) -> Thing:
    """A table lamp."""
    height, radius = rng.uniform(0.3, 0.5), rng.uniform(0.09, 0.15)
    shade = lathe([(radius, height * 0.55), (radius * 0.6, height)], paint(rng))
    return Thing("lamp", merge(cylinder(0.07, 0.02, STEEL), cylinder(0.012, height * 0.6, STEEL), shade))


def small_ball(rng: np.random.Generator) -> Thing:
    """A ball, an apple or an orange."""
    radius = rng.uniform(0.035, 0.09)
    label = "ball" if radius > 0.055 else ("apple", "orange")[rng.integers(2)]
    return Thing(label, ellipsoid((radius,) * 3, paint(rng), (0, radius, 0)))


def parcel(rng: np.random.Generator) -> Thing:
    """A small box or a bag."""
    size = rng.uniform(0.1, 0.26, 3)
    if rng.random() < 0.5:
        return Thing("box", box(*size, np.array((0.66, 0.5, 0.32)) * rng.uniform(0.7, 1.1)))
    return Thing("bag", frustum((size[0], size[2]), (size[0] * 0.8, size[2] * 0.2), size[1] * 1.3, paint(rng)))


def on_wall(rng: np.random.Generator) -> Thing:
    """A picture, a mirror, a television, a clock or a board on the wall; its back is at z = 0."""
    label = ("picture", "picture", "mirror", "television", "clock", "shelf")[rng.integers(6)]
    if label == "clock":
        radius = rng.uniform(0.12, 0.2)
        return Thing(label, rod((0, radius, -0.04), (0, radius, 0), radius, paint(rng)))
    if label == "shelf":
        width, depth = rng.uniform(0.5, 1.1), rng.uniform(0.18, 0.28)
        mesh = box(width, 0.03, depth, paint(rng, WOODS), (0, 0, -depth / 2))
        return Thing(label, mesh, (Spot((0, 0.03, -depth / 2), width, depth - 0.02, 0.4, False),))
    width, height = rng.uniform(0.3, 0.8), rng.uniform(0.3, 0.7)
    if label == "television":
        width, height = rng.uniform(0.9, 1.3), rng.uniform(0.5, 0.7)
        return Thing(label, box(width, height, 0.06, BLACK, (0, 0, -0.03)))
    inner = box(width * 0.85, height * 0.85, 0.005, paint(rng), (0, height * 0.075, -0.0275))
    return Thing(label, merge(box(width, height, 0.025, paint(rng, WOODS), (0, 0, -0.0125)), inner))


def hanging(rng: np.random.Generator) -> Thing:
    """A pendant lamp or a hanging plant on its cord; up = 0 is its lowest point, the cord ends at its top."""
    cord = rng.uniform(0.3, 0.9)
    if rng.random() < 0.65:
        radius, height = rng.uniform(0.12, 0.25), rng.uniform(0.14, 0.25)
        body = lathe([(radius, 0), (radius * 0.2, height)], paint(rng))
        return Thing("pendant lamp", merge(body, cylinder(0.006, cord, BLACK, (0, height - 0.01, 0))))
    body = merge(ellipsoid((0.2, 0.14, 0.2), GREEN, (0, 0.24, 0)), lathe([(0.08, 0), (0.12, 0.18)], paint(rng)))
    return Thing("hanging plant", merge(body, cylinder(0.006, cord, BLACK, (0, 0.3, 0))))


SMALL: tuple[Builder, ...] = (cup, bottle, book, screen, table_lamp, small_ball, parcel, cup, bottle)
