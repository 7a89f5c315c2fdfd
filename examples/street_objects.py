"""Cars, people, poles, trees and signs of the example street scenes; frame and sizes as in scene_objects."""

import numpy as np

from examples.scene_objects import BLACK, GREEN, STEEL, Builder, Thing, paint, person
from examples.scene_shapes import box, cylinder, ellipsoid, frustum, lathe, merge, moved, rod

BARK = np.array((0.35, 0.25, 0.16))


def car(rng: np.random.Generator) -> Thing:
    """A car; its length lies along z."""
    length, width, height, colour = (
        rng.uniform(3.7, 4.7),
        rng.uniform(1.65, 1.85),
        rng.uniform(1.4, 1.6),
        paint(rng),
    )
    body = frustum((width, length), (width * 0.96, length * 0.96), 0.62, colour, (0, 0.22, 0))
    floor, roof = (width * 0.92, length * 0.62), (width * 0.75, length * 0.38)
    cabin = frustum(floor, roof, height - 0.84, colour * 0.5, (0, 0.84, 0.1))
    wheels = [
        rod((s * width * 0.38, 0.31, e * length * 0.32), (s * width * 0.49, 0.31, e * length * 0.32), 0.31, BLACK)
        for s in (-1, 1)
        for e in (-1, 1)
    ]
    return Thing("car", merge(body, cabin, *wheels))


def van(rng: np.random.Generator) -> Thing:
    """A van or a truck."""
    truck = rng.random() < 0.4
    length, width, height = (7.0, 2.3, 2.9) if truck else (5.0, 1.95, 2.1)
    colour = paint(rng)
    body = box(width, height - 0.3, length * 0.75, colour, (0, 0.3, length * 0.125))
    floor, roof = (width, length * 0.25), (width, length * 0.2)
    nose = frustum(floor, roof, height * 0.6, colour * 0.8, (0, 0.3, -length * 0.375))
    wheels = [
        rod((s * width * 0.38, 0.36, e * length * 0.33), (s * width * 0.49, 0.36, e * length * 0.33), 0.36, BLACK)
        for s in (-1, 1)
        for e in (-1, 1)
    ]
    return Thing("truck" if truck else "van", merge(body, nose, *wheels))


def pole(rng: np.random.Generator) -> Thing:
    """A thin lamp post or a bollard."""
    if rng.random() < 0.7:
        height = rng.uniform(3.5, 6.0)
        arm = rod((0, height, 0), (0.9, height + 0.15, 0), 0.05, STEEL)
        return Thing("street lamp", merge(cylinder(rng.uniform(0.06, 0.1), height, STEEL), arm))
    return Thing("bollard", cylinder(0.09, rng.uniform(0.8, 1.0), paint(rng)))


def sign(rng: np.random.Generator) -> Thing:
    """A round or square traffic sign on a thin pole."""
    height, radius = rng.uniform(2.2, 2.8), rng.uniform(0.28, 0.38)
    mast = cylinder(0.035, height, STEEL)
    if rng.random() < 0.5:
        plate = rod((0, height, -0.06), (0, height, -0.03), radius, paint(rng))
    else:
        plate = box(2 * radius, 2 * radius, 0.03, paint(rng), (0, height - radius, -0.05))
    return Thing("traffic sign", merge(mast, plate))


def tree(rng: np.random.Generator) -> Thing:
    """A tree with a round or a conical crown, or a bush."""
    crown = rng.uniform(1.0, 1.9)
    kind = rng.integers(3)
    if kind == 0:
        return Thing("bush", ellipsoid((crown * 0.7, crown * 0.5, crown * 0.6), GREEN, (0, crown * 0.5, 0)))
    trunk = rng.uniform(1.6, 2.6)
    stem = cylinder(rng.uniform(0.1, 0.22), trunk + 0.5, BARK)
    leaves = (
        ellipsoid((crown, crown * 1.1, crown), GREEN, (0, trunk + crown, 0))
        if kind == 1
        else lathe([(crown * 0.8, trunk * 0.6), (0.05, trunk + 2 * crown)], GREEN * 0.8)
    )
    return Thing("tree", merge(stem, leaves))


def bench(rng: np.random.Generator) -> Thing:
    """A street bench."""
    width, colour = rng.uniform(1.3, 1.9), BARK * 1.4
    sides = [box(0.06, 0.42, 0.45, STEEL * 0.6, (s * (width / 2 - 0.1), 0, 0)) for s in (-1, 1)]
    seat = merge(box(width, 0.05, 0.45, colour, (0, 0.42, 0)), box(width, 0.35, 0.05, colour, (0, 0.5, 0.2)))
    posts = [box(0.05, 0.45, 0.05, STEEL * 0.6, (s * (width / 2 - 0.1), 0.42, 0.2)) for s in (-1, 1)]
    return Thing("bench", merge(seat, *sides, *posts))


def street_bin(rng: np.random.Generator) -> Thing:
    """A wheeled bin or a traffic cone."""
    if rng.random() < 0.5:
        mesh = merge(frustum((0.45, 0.5), (0.58, 0.7), 1.0, paint(rng)), box(0.6, 0.06, 0.72, BLACK, (0, 1.0, 0)))
        return Thing("trash bin", mesh)
    orange = np.array((0.9, 0.35, 0.1))
    foot, tip = box(0.4, 0.03, 0.4, orange), moved(lathe([(0.15, 0), (0.03, 0.7)], orange), (0, 0.03, 0))
    return Thing("traffic cone", merge(foot, tip))


STREET: tuple[Builder, ...] = (
    car, car, car, car, van, person, person, person, pole, sign, tree, tree, bench, street_bin,
)  # fmt: skip
