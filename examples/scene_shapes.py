"""Triangle meshes of the primitives that the example scenes' objects are made of.

Local frame of an object: x and z on the floor, up in between (x, up, z), metres; it stands on up = 0.
"""

from typing import NamedTuple

import numpy as np

SIDES = 28  # of round things; their truth is the extent of this mesh, so any number is exact


class Mesh(NamedTuple):
    """Triangles with one colour each."""

    vertices: np.ndarray  # (N, 3) float64, metres
    triangles: np.ndarray  # (M, 3) int, rows of `vertices`
    colours: np.ndarray  # (M, 3) float64, red green blue in 0-1


def _painted(vertices: np.ndarray, triangles: np.ndarray, colour: np.ndarray) -> Mesh:
    return Mesh(vertices, triangles, np.tile(np.asarray(colour, float), (len(triangles), 1)))


def merge(*meshes: Mesh) -> Mesh:
    """Return one mesh of all the parts."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.colours for mesh in meshes]),
    )


def moved(mesh: Mesh, shift: tuple[float, float, float]) -> Mesh:
    """Return the mesh moved by (x, up, z)."""
    return mesh._replace(vertices=mesh.vertices + np.asarray(shift, float))


def grounded(mesh: Mesh) -> Mesh:
    """Return the mesh with its lowest point on up = 0."""
    return moved(mesh, (0, -mesh.vertices[:, 1].min(), 0))


def frustum(size: tuple, top: tuple, height: float, colour: np.ndarray, at: tuple = (0.0, 0.0, 0.0)) -> Mesh:
    """Return a block whose floor rectangle `size` and top rectangle `top`, (width, depth), share their middle."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 2
    vertices = np.zeros((8, 3))
    for i, ((width, depth), up) in enumerate(((size, 0.0), (top, height))):
        vertices[4 * i : 4 * i + 4, 0] = corners[:, 0] * width
        vertices[4 * i : 4 * i + 4, 1] = up
        vertices[4 * i : 4 * i + 4, 2] = corners[:, 1] * depth
    quads = [(0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    return _painted(vertices + np.asarray(at, float), triangles, colour)


def box(width: float, height: float, depth: float, colour: np.ndarray, at: tuple = (0.0, 0.0, 0.0)) -> Mesh:
    """Return a box; `at` is the middle of its bottom face."""
    return frustum((width, depth), (width, depth), height, colour, at)


def lathe(profile: list[tuple[float, float]], colour: np.ndarray, at: tuple = (0.0, 0.0, 0.0)) -> Mesh:
    """Return a solid of revolution about the vertical from (radius, up) pairs; closed at both ends."""
    profile = [(0.0, profile[0][1]), *profile, (0.0, profile[-1][1])]
    angles = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    ring = np.stack([np.cos(angles), np.zeros(SIDES), np.sin(angles)], axis=1)
    vertices = np.concatenate([ring * radius + (0, up, 0) for radius, up in profile])
    i = np.arange(SIDES)
    j = (i + 1) % SIDES
    triangles = []
    for row in range(len(profile) - 1):
        low, high = row * SIDES, (row + 1) * SIDES
        triangles += [np.stack([low + i, low + j, high + j], 1), np.stack([low + i, high + j, high + i], 1)]
    return _painted(vertices + np.asarray(at, float), np.concatenate(triangles), colour)


def cylinder(radius: float, height: float, colour: np.ndarray, at: tuple = (0.0, 0.0, 0.0)) -> Mesh:
    """Return an upright cylinder; `at` is the middle of its bottom face."""
    return lathe([(radius, 0.0), (radius, height)], colour, at)


def ellipsoid(radii: tuple[float, float, float], colour: np.ndarray, at: tuple = (0.0, 0.0, 0.0)) -> Mesh:
    """Return an ellipsoid with its middle at `at`."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, 15)
    ball = lathe(list(zip(np.cos(angles), np.sin(angles), strict=True)), colour)
    return ball._replace(vertices=ball.vertices * radii + np.asarray(at, float))


def rod(start: tuple, end: tuple, radius: float, colour: np.ndarray) -> Mesh:
    """Return a round rod between two points in any direction."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = end - start
    length = np.linalg.norm(along)
    along = along / length
    side = np.cross(along, (1.0, 0, 0) if abs(along[0]) < 0.9 else (0, 1.0, 0))
    side /= np.linalg.norm(side)
    upright = cylinder(radius, length, colour)
    axes = np.stack([side, along, np.cross(side, along)])
    return upright._replace(vertices=upright.vertices @ axes + start)
