"""The furniture of the example rooms, each piece with sizes drawn at random."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from examples.scene_shapes import Mesh, box, cylinder, ellipsoid, grounded, lathe, merge, rod

WOODS = ((0.55, 0.36, 0.2), (0.72, 0.53, 0.33), (0.36, 0.22, 0.13), (0.85, 0.82, 0.76), (0.3, 0.3, 0.32))
PAINTS = (
    (0.75, 0.16, 0.14),
    (0.14, 0.32, 0.65),
    (0.15, 0.5, 0.28),
    (0.9, 0.7, 0.15),
    (0.5, 0.28, 0.6),
    (0.88, 0.88, 0.86),
    (0.1, 0.1, 0.11),
    (0.85, 0.45, 0.15),
    (0.25, 0.6, 0.65),
    (0.55, 0.55, 0.58),
)
STEEL = np.array((0.6, 0.62, 0.65))
BLACK = np.array((0.08, 0.08, 0.09))
GREEN = np.array((0.2, 0.45, 0.16))


class Spot(NamedTuple):
    """A level rectangle of an object on which others can stand."""

    centre: tuple[float, float, float]  # (x, up, z) in the object's frame, metres
    width: float
    depth: float
    headroom: float  # metres
    inside: bool  # what stands here lies within the bounding box of its holder


class Thing(NamedTuple):
    """An object in its own frame, standing on up = 0 with its back towards +z."""

    label: str
    mesh: Mesh
    spots: tuple[Spot, ...] = ()


Builder = Callable[[np.random.Generator], Thing]


def paint(rng: np.random.Generator, palette: tuple = PAINTS) -> np.ndarray:
    """Return a colour of the palette, varied a little."""
    return np.clip(np.array(palette[rng.integers(len(palette))]) + rng.uniform(-0.05, 0.05, 3), 0.03, 1)


def legs(width: float, depth: float, height: float, thick: float, colour: np.ndarray) -> Mesh:
    """Return four square legs within a width × depth rectangle."""
    x, z = (width - thick) / 2, (depth - thick) / 2
    return merge(*(box(thick, height, thick, colour, (sx * x, 0, sz * z)) for sx in (-1, 1) for sz in (-1, 1)))


def table(rng: np.random.Generator) -> Thing:
    """A dining table, desk or coffee table with four legs."""
    label = ("table", "desk", "coffee table")[rng.integers(3)]
    height = rng.uniform(0.38, 0.48) if label == "coffee table" else rng.uniform(0.7, 0.78)
    width, depth, colour = rng.uniform(0.8, 1.7), rng.uniform(0.5, 0.85), paint(rng, WOODS)
    thick, leg = rng.uniform(0.02, 0.05), rng.uniform(0.03, 0.07)
    mesh = merge(
        box(width, thick, depth, colour, (0, height - thick, 0)), legs(width, depth, height - thick, leg, colour)
    )
    below = Spot((0, 0, 0), width - 2 * leg - 0.02, depth - 2 * leg - 0.02, height - thick - 0.02, True)
    return Thing(label, mesh, (Spot((0, height, 0), width, depth, 1.0, False), below))


def round_table(rng: np.random.Generator) -> Thing:
    """A round table on one column."""
    radius, height, colour = rng.uniform(0.35, 0.6), rng.uniform(0.65, 0.78), paint(rng, WOODS)
    mesh = merge(
        cylinder(radius, 0.03, colour, (0, height - 0.03, 0)),
        cylinder(0.04, height - 0.04, colour * 0.8, (0, 0.01, 0)),
        cylinder(radius * 0.55, 0.03, colour * 0.8),
    )
    return Thing("round table", mesh, (Spot((0, height, 0), 1.3 * radius, 1.3 * radius, 1.0, False),))


def chair(rng: np.random.Generator) -> Thing:
    """A chair: seat, four legs, and a back of two posts with slats or one board."""
    width, seat, top = rng.uniform(0.4, 0.5), rng.uniform(0.43, 0.48), rng.uniform(0.8, 1.0)
    colour, leg = paint(rng, WOODS + PAINTS), rng.uniform(0.025, 0.045)
    parts = [
        box(width, 0.04, width, colour, (0, seat - 0.04, 0)),
        legs(width, width, seat - 0.04, leg, colour * 0.8),
    ]
    z = (width - leg) / 2
    if rng.random() < 0.5:
        parts.append(box(width, top - seat, leg, colour, (0, seat, z)))
    else:
        parts += [box(leg, top - seat, leg, colour, (s * (width - leg) / 2, seat, z)) for s in (-1, 1)]
        parts += [box(width, 0.07, leg * 0.6, colour, (0, top - 0.07 - k * 0.15, z)) for k in range(2)]
    return Thing("chair", merge(*parts), (Spot((0, seat, -0.03), width - 0.08, width - 0.1, 0.4, True),))


def stool(rng: np.random.Generator) -> Thing:
    """A stool: a disc on three slanted legs."""
    radius, height, colour = rng.uniform(0.15, 0.2), rng.uniform(0.42, 0.7), paint(rng, WOODS + PAINTS)
    feet = np.array([(np.cos(a), np.sin(a)) for a in np.arange(3) * 2 * np.pi / 3])
    high = height - 0.02
    parts = [rod((1.1 * x, 0.0, 1.1 * z), (0.6 * x, high, 0.6 * z), 0.016, colour) for x, z in feet * radius]
    mesh = grounded(merge(cylinder(radius, 0.04, colour, (0, height - 0.04, 0)), *parts))
    height = mesh.vertices[:, 1].max()  # slanted legs end a little below the floor, so grounding lifts the seat
    return Thing("stool", mesh, (Spot((0, height, 0), radius, radius, 0.5, False),))


def sofa(rng: np.random.Generator) -> Thing:
    """A sofa or an armchair."""
    label = ("sofa", "armchair")[rng.integers(2)]
    width = rng.uniform(1.5, 2.1) if label == "sofa" else rng.uniform(0.75, 0.95)
    depth, seat, colour = rng.uniform(0.75, 0.9), rng.uniform(0.38, 0.45), paint(rng)
    back = rng.uniform(0.75, 0.95)
    parts = [
        box(width, seat, depth, colour),
        box(width, back - seat, 0.2, colour * 0.93, (0, seat, depth / 2 - 0.1)),
        *(box(0.16, 0.2, depth, colour * 0.9, (s * (width / 2 - 0.08), seat, 0)) for s in (-1, 1)),
    ]
    return Thing(label, merge(*parts), (Spot((0, seat, -0.1), width - 0.36, depth - 0.24, 0.6, True),))


def cabinet(rng: np.random.Generator) -> Thing:
    """A closed box on the floor: cabinet, wardrobe or drawer unit."""
    label = ("cabinet", "wardrobe", "drawer")[rng.integers(3)]
    height = {
        "cabinet": rng.uniform(0.7, 1.2),
        "wardrobe": rng.uniform(1.6, 2.0),
        "drawer": rng.uniform(0.5, 0.8),
    }[label]
    width, depth, colour = rng.uniform(0.45, 1.1), rng.uniform(0.35, 0.6), paint(rng, WOODS)
    parts = [box(width, height, depth, colour)]
    parts += [box(0.02, 0.12, 0.02, STEEL, (s * 0.04, height * 0.55, -depth / 2 - 0.01)) for s in (-1, 1)]
    top = Spot((0, height, 0), width, depth, 0.6, False)
    return Thing(label, merge(*parts), () if height > 1.5 else (top,))


def bookshelf(rng: np.random.Generator) -> Thing:
    """An open shelf unit with or without a back, whose boards hold things."""
    width, depth, height = rng.uniform(0.6, 1.0), rng.uniform(0.26, 0.36), rng.uniform(1.2, 1.9)
    colour, boards = paint(rng, WOODS), int(rng.integers(3, 5))
    ups = np.linspace(0.05, height - 0.03, boards + 1)
    parts = [box(0.03, height, depth, colour, (s * (width / 2 - 0.015), 0, 0)) for s in (-1, 1)]
    parts += [box(width, 0.025, depth, colour, (0, up, 0)) for up in ups]
    if rng.random() < 0.6:
        parts.append(box(width, height, 0.012, colour * 0.8, (0, 0, depth / 2 - 0.006)))
    room = ups[1] - ups[0] - 0.05
    spots = tuple(Spot((0, up + 0.025, 0), width - 0.08, depth - 0.04, room, True) for up in ups[:-1])
    return Thing("bookshelf", merge(*parts), spots)


def floor_lamp(rng: np.random.Generator) -> Thing:
    """A floor lamp: a disc, a thin pole and a conical shade."""
    height, radius, colour = rng.uniform(1.3, 1.75), rng.uniform(0.13, 0.22), paint(rng)
    mesh = merge(
        cylinder(rng.uniform(0.12, 0.16), 0.025, BLACK),
        cylinder(rng.uniform(0.008, 0.015), height - 0.2, STEEL * 0.8, (0, 0.02, 0)),
        lathe([(radius, height - 0.27), (radius * 0.6, height)], colour),
    )
    return Thing("floor lamp", mesh)


def coat_rack(rng: np.random.Generator) -> Thing:
    """A thin pole on three feet with short arms at its top."""
    height, colour = rng.uniform(1.5, 1.8), paint(rng, WOODS)
    angles = np.arange(3) * 2 * np.pi / 3 + 0.3
    parts = [rod((0, 0.05, 0), (0.22 * np.cos(a), 0.02, 0.22 * np.sin(a)), 0.015, colour) for a in angles]
    low, high = height - 0.15, height - 0.03
    parts += [rod((0, low, 0), (0.15 * np.cos(a), high, 0.15 * np.sin(a)), 0.01, colour) for a in angles]
    return Thing("coat rack", merge(cylinder(0.018, height, colour), *parts))


def tripod(rng: np.random.Generator) -> Thing:
    """A camera on a tripod: three thin slanted legs."""
    height, spread = rng.uniform(0.9, 1.4), rng.uniform(0.25, 0.4)
    angles = np.arange(3) * 2 * np.pi / 3 + rng.uniform(0, 2)
    parts = [rod((spread * np.cos(a), 0.0, spread * np.sin(a)), (0, height, 0), 0.012, BLACK) for a in angles]
    head = box(0.14, 0.1, 0.12, BLACK + 0.08, (0, height - 0.02, 0))
    return Thing("tripod", grounded(merge(head, *parts)))


def plant(rng: np.random.Generator) -> Thing:
    """A potted plant with a round or a conical crown."""
    pot, stem, crown, green = rng.uniform(0.11, 0.2), rng.uniform(0.1, 0.5), rng.uniform(0.18, 0.35), GREEN
    up = 1.6 * pot + stem
    if rng.random() < 0.5:
        leaves = ellipsoid((crown, crown * rng.uniform(0.8, 1.5), crown), green, (0, up + crown * 0.7, 0))
    else:
        leaves = lathe([(crown, up), (0.02, up + crown * 3)], green)
    stalk = cylinder(0.015, up + 0.05, np.array((0.35, 0.25, 0.15)))
    return Thing("plant", merge(lathe([(pot * 0.7, 0), (pot, 1.6 * pot)], paint(rng)), stalk, leaves))


def bin_(rng: np.random.Generator) -> Thing:
    """A trash can or a bucket."""
    radius, height = rng.uniform(0.12, 0.2), rng.uniform(0.28, 0.55)
    mesh = lathe([(radius * 0.75, 0), (radius, height)], paint(rng))
    return Thing(("trash can", "bucket")[rng.integers(2)], mesh)


def carton(rng: np.random.Generator) -> Thing:
    """A cardboard box, a crate or a suitcase on the floor."""
    label = ("box", "crate", "suitcase")[rng.integers(3)]
    size = (0.22, 0.6, 0.42) if label == "suitcase" else rng.uniform(0.22, 0.55, 3)
    colour = paint(rng) if label == "suitcase" else np.array((0.66, 0.5, 0.32)) * rng.uniform(0.7, 1.1)
    top = (Spot((0, size[1], 0), size[0], size[2], 0.5, False),) if label != "suitcase" else ()
    return Thing(label, box(*size, np.clip(colour, 0, 1)), top)


def ball(rng: np.random.Generator) -> Thing:
    """A ball."""
    radius = rng.uniform(0.09, 0.3)
    return Thing("ball", ellipsoid((radius,) * 3, paint(rng), (0, radius, 0)))


def person(rng: np.random.Generator) -> Thing:
    """A standing person."""
    height, shirt, trousers = rng.uniform(1.5, 1.9), paint(rng), paint(rng)
    skin, hip, sway = np.array((0.8, 0.6, 0.48)), 0.48 * height, rng.uniform(0.0, 0.2)
    parts = [ellipsoid((0.085, 0.12, 0.1), skin, (0, height - 0.12, 0))]
    parts.append(cylinder(0.05, 0.25, skin, (0, height - 0.42, 0)))
    parts.append(ellipsoid((0.21, 0.19 * height, 0.13), shirt, (0, hip + 0.15 * height, 0)))
    for s in (-1, 1):
        parts.append(rod((s * 0.1, 0.0, s * sway), (s * 0.09, hip + 0.04, 0), 0.07, trousers))
        parts.append(rod((s * 0.2, 0.78 * height, 0), (s * 0.27, 0.45 * height, -s * sway), 0.04, shirt))
    return Thing("person", grounded(merge(*parts)))


FLOOR: tuple[Builder, ...] = (
    table, table, round_table, chair, chair, stool, sofa, cabinet, bookshelf, floor_lamp, coat_rack, tripod, plant,
    bin_, carton, ball, person,
)  # fmt: skip
BACKED: tuple[Builder, ...] = (sofa, cabinet, bookshelf)  # often stand with their back to a wall
