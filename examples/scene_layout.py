"""Where the objects of an example scene stand: rooms, open ground and streets, nothing inside anything else.

Level frame, of the whole scene and of its truth: origin at the camera, x right, y down along gravity, z forward
and horizontal (the camera's viewing direction laid onto the floor), metres.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from examples import scene_objects, small_objects, street_objects
from examples.scene_objects import Spot, Thing
from examples.scene_shapes import Mesh

WIDTH, HEIGHT, FOCAL = 640, 480, 525.0  # pixels, a Kinect's
INTRINSICS = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])
CLEARANCE = 0.02  # metres between any two objects that do not stand on each other
CUT_SHARE = 0.12  # of the draws that the image frame would cut are kept
BEHIND_SHARE = 0.35  # of the objects are put on the line of sight of another


class Placed(NamedTuple):
    """An object at its place."""

    label: str
    shape: str  # the builder's name
    mesh: Mesh  # vertices in the level frame
    corners: np.ndarray  # (4, 2) its rectangle seen from above, (x, z)
    top: float  # y of its highest point: the smallest
    bottom: float
    spots: tuple[tuple[Spot, np.ndarray], ...]  # each with the spot's middle in the level frame
    yaw: float


class Scene(NamedTuple):
    """What stands before the camera, and the camera's attitude."""

    objects: list[Placed]
    structure: list[Mesh]  # floor, walls, ceiling; never annotated
    camera_to_level: np.ndarray  # (3, 3): point_level = camera_to_level @ point_camera
    pitch_deg: float  # looking down is positive
    roll_deg: float
    camera_height: float  # metres above the floor


def attitude(pitch_deg: float, roll_deg: float) -> np.ndarray:
    """Return the (3, 3) camera-to-level rotation of a camera that looks down by pitch and is rolled."""
    pitch, roll = np.radians((-pitch_deg, roll_deg))
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return tilt @ turn


def about_vertical(points: np.ndarray, yaw: float) -> np.ndarray:
    """Return the (N, 3) points turned about the second axis by `yaw` radians."""
    c, s = np.cos(yaw), np.sin(yaw)
    return points @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def apart(a: np.ndarray, b: np.ndarray, margin: float) -> bool:
    """Return whether two (4, 2) rectangles are separated by a line with `margin` metres of room."""
    for shape in (a, b):
        for edge in (shape[1] - shape[0], shape[2] - shape[1]):
            normal = np.array((-edge[1], edge[0])) / (np.linalg.norm(edge) + 1e-12)
            pa, pb = a @ normal, b @ normal
            if pa.max() + margin < pb.min() or pb.max() + margin < pa.min():
                return True
    return False


def place(thing: Thing, shape: str, foot: np.ndarray, yaw: float) -> Placed:
    """Return the object with its local origin at `foot`, (x, y, z) in the level frame, turned by `yaw`."""

    def to_level(local: np.ndarray) -> np.ndarray:
        return about_vertical(np.atleast_2d(local) * (1, -1, 1), yaw) + foot

    vertices = to_level(thing.mesh.vertices)
    low, high = thing.mesh.vertices.min(axis=0), thing.mesh.vertices.max(axis=0)
    rectangle = np.array([(low[0], 0, low[2]), (high[0], 0, low[2]), (high[0], 0, high[2]), (low[0], 0, high[2])])
    spots = tuple((spot, to_level(np.array(spot.centre))[0]) for spot in thing.spots)
    mesh = thing.mesh._replace(vertices=vertices)
    corners = to_level(rectangle)[:, [0, 2]]
    return Placed(thing.label, shape, mesh, corners, vertices[:, 1].min(), vertices[:, 1].max(), spots, yaw)


class Room:
    """A rectangular room around the camera, turned about the vertical; any of its sides may be missing."""

    def __init__(self, rng: np.random.Generator, height: float, walled: bool, reach: float) -> None:
        self.yaw = rng.uniform(-0.6, 0.6) if rng.random() < 0.8 else 0.0
        self.left, self.right = -rng.uniform(1.6, 3.2), rng.uniform(1.6, 3.2)
        self.back, self.ceiling = rng.uniform(3.2, reach), height - rng.uniform(2.4, 2.9)
        self.has = {
            "back": walled,
            "left": walled and rng.random() < 0.6,
            "right": walled and rng.random() < 0.6,
            "ceiling": walled and rng.random() < 0.75,
        }

    def wall(self, name: str) -> tuple[np.ndarray, float, float]:
        """Return (middle of the wall's foot (3,) at y = 0, yaw of what has its back to it, half its length)."""
        middle = (self.left + self.right) / 2
        x, z, turn, half = {
            "back": (middle, self.back, 0.0, (self.right - self.left) / 2),
            "left": (self.left, self.back / 2, -np.pi / 2, self.back / 2),
            "right": (self.right, self.back / 2, np.pi / 2, self.back / 2),
        }[name]
        return about_vertical(np.array([[x, 0.0, z]]), self.yaw)[0], self.yaw + turn, half

    def holds(self, corners: np.ndarray) -> bool:
        """Return whether a (4, 2) rectangle lies within the walls that exist."""
        points = np.insert(corners, 1, 0.0, axis=1)
        local = about_vertical(points, -self.yaw)
        return not (
            (self.has["back"] and local[:, 2].max() > self.back - 0.004)
            or (self.has["left"] and local[:, 0].min() < self.left + 0.004)
            or (self.has["right"] and local[:, 0].max() > self.right - 0.004)
        )

    def meshes(self, rng: np.random.Generator, height: float, outdoor: bool) -> list[Mesh]:
        """Return floor, walls and ceiling."""
        shades = ((0.72, 0.66, 0.56), (0.55, 0.6, 0.66), (0.78, 0.77, 0.73), (0.5, 0.42, 0.34), (0.62, 0.66, 0.58))
        floor = (0.38, 0.38, 0.4) if outdoor else shades[rng.integers(len(shades))]
        size = 200.0 if outdoor else 14.0
        found = [_slab((-size, size), (height, height + 0.1), (-size, size), floor)]
        wall = np.array(shades[rng.integers(len(shades))]) * 1.15
        limits = (self.left - 0.1, self.right + 0.1, self.back + 0.1, self.ceiling)
        if self.has["back"]:
            found.append(_slab((limits[0], limits[1]), (self.ceiling, height), (self.back, limits[2]), wall))
        if self.has["left"]:
            found.append(_slab((limits[0], self.left), (self.ceiling, height), (-3, limits[2]), wall * 0.95))
        if self.has["right"]:
            found.append(_slab((self.right, limits[1]), (self.ceiling, height), (-3, limits[2]), wall * 0.95))
        if self.has["ceiling"]:
            found.append(_slab(limits[:2], (self.ceiling - 0.1, self.ceiling), (-3, limits[2]), (0.85,) * 3))
        return [mesh._replace(vertices=about_vertical(mesh.vertices, self.yaw)) for mesh in found]


def _slab(x: tuple, y: tuple, z: tuple, colour: tuple | np.ndarray) -> Mesh:
    unit = scene_objects.box(1, 1, 1, np.clip(colour, 0, 1), (0.5, 0, 0.5))
    low, high = np.array([x[0], y[0], z[0]]), np.array([x[1], y[1], z[1]])
    return unit._replace(vertices=low + unit.vertices * (high - low))


class Layout:
    """Places objects one by one, refusing those that would touch, hide the camera or leave the picture."""

    def __init__(self, rng: np.random.Generator, room: Room, height: float, rotation: np.ndarray) -> None:
        self.rng, self.room, self.height, self.rotation = rng, room, height, rotation
        self.placed: list[Placed] = []

    def pixels(self, points: np.ndarray) -> np.ndarray | None:
        """Return (N, 2) pixel positions of level points, None when one is not well before the camera."""
        seen = points @ self.rotation
        if seen[:, 2].min() < 0.3:
            return None
        return seen[:, :2] / seen[:, 2:] * FOCAL + INTRINSICS[:2, 2]

    def add(self, new: Placed, holder: Placed | None = None) -> bool:
        """Keep the object when it has room and is in the picture."""
        if np.linalg.norm(new.mesh.vertices, axis=1).min() < 0.7 or not self.room.holds(new.corners):
            return False
        if new.bottom > self.height + 1e-6 or (self.room.has["ceiling"] and new.top < self.room.ceiling - 1e-6):
            return False
        pixels = self.pixels(new.mesh.vertices)
        if pixels is None:
            return False
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        inside_low, inside_high = np.maximum(low, 0), np.minimum(high, (WIDTH - 1, HEIGHT - 1))
        share = np.prod(np.maximum(inside_high - inside_low, 0)) / np.prod(np.maximum(high - low, 1e-6))
        if share < 0.999 and (share < 0.5 or self.rng.random() > CUT_SHARE):
            return False
        for other in self.placed:
            level_apart = new.bottom <= other.top + 1e-6 or new.top >= other.bottom - 1e-6
            if other is not holder and not level_apart and not apart(new.corners, other.corners, CLEARANCE):
                return False
        self.placed.append(new)
        return True

    def on_ground(self, builder: scene_objects.Builder, near: float, far: float) -> bool:
        """Try once to put an object on the floor: against a wall, in line with another, or anywhere in view."""
        rng = self.rng
        thing, shape = builder(rng), builder.__name__.strip("_")
        walls = [name for name in ("back", "left", "right") if self.room.has[name]]
        if walls and builder in scene_objects.BACKED and rng.random() < 0.5:
            middle, yaw, half = self.room.wall(walls[rng.integers(len(walls))])
            away = -thing.mesh.vertices[:, 2].max() - 0.01
            local = np.array([[rng.uniform(-half, half), 0, away]])
            return self.add(place(thing, shape, middle + about_vertical(local, yaw)[0] + (0, self.height, 0), yaw))
        z = near * (far / near) ** rng.random()
        bearing = rng.uniform(-0.55, 0.55)
        if self.placed and rng.random() < BEHIND_SHARE:
            other = self.placed[rng.integers(len(self.placed))].corners.mean(axis=0)
            bearing = other[0] / max(other[1], 0.1) + rng.normal(0, 0.05)
            z = np.clip(other[1] + rng.choice((-1, 1)) * rng.uniform(0.12, 0.5) * other[1], near, far)
        yaw = rng.uniform(-np.pi, np.pi) if rng.random() < 0.7 else self.room.yaw + rng.integers(4) * np.pi / 2
        return self.add(place(thing, shape, np.array((bearing * z, self.height, z)), yaw))

    def on_object(self, builder: scene_objects.Builder) -> bool:
        """Try once to put a small thing on, in or under an object that has room for it."""
        holders = [p for p in self.placed if p.spots]
        if not holders:
            return False
        holder = holders[self.rng.integers(len(holders))]
        spot, middle = holder.spots[self.rng.integers(len(holder.spots))]
        thing = builder(self.rng)
        turn = self.rng.uniform(-np.pi, np.pi)
        # A hundredth of a millimetre of air keeps the two surfaces apart for the ray caster.
        local = place(thing, builder.__name__, np.array((0.0, 0.0, 0.0)), turn)
        half = np.abs(local.corners).max(axis=0)
        free = np.array((spot.width, spot.depth)) / 2 - half
        if free.min() < 0 or -local.top > spot.headroom:
            return False
        shift = np.array([[self.rng.uniform(-free[0], free[0]), 0, self.rng.uniform(-free[1], free[1])]])
        foot = middle + about_vertical(shift, holder.yaw)[0] + (0, -1e-5, 0)
        return self.add(place(thing, builder.__name__, foot, holder.yaw + turn), holder if spot.inside else None)

    def on_walls(self) -> bool:
        """Try once to hang something on a wall."""
        walls = [name for name in ("back", "left", "right") if self.room.has[name]]
        if not walls:
            return False
        middle, yaw, half = self.room.wall(walls[self.rng.integers(len(walls))])
        local = np.array([[self.rng.uniform(-half, half), self.height - self.rng.uniform(0.9, 1.9), -0.005]])
        foot = middle + about_vertical(local, yaw)[0]
        return self.add(place(small_objects.on_wall(self.rng), "on_wall", foot, yaw))

    def from_ceiling(self) -> bool:
        """Try once to hang something from the ceiling, or from a cord that comes from beyond the picture."""
        thing = small_objects.hanging(self.rng)
        z = self.rng.uniform(1.5, 5.0)
        # Never quite through the ceiling: what hangs must not pierce it.
        y = self.room.ceiling + thing.mesh.vertices[:, 1].max() + 1e-4
        return self.add(place(thing, "hanging", np.array((self.rng.uniform(-0.5, 0.5) * z, y, z)), 0.0))


def _repeat(tries: int, action: Callable[..., bool], *arguments: object) -> bool:
    return any(action(*arguments) for _ in range(tries))


def make_room(rng: np.random.Generator, pitch_deg: float, roll_deg: float) -> Scene:
    """Return a furnished room, or furniture on open ground, before a camera of this attitude."""
    height = rng.uniform(1.0, 1.6) + max(pitch_deg, 0) / 100
    rotation = attitude(pitch_deg, roll_deg)
    room = Room(rng, height, rng.random() < 0.65, 6.5)
    layout = Layout(rng, room, height, rotation)
    repeated = scene_objects.FLOOR[rng.integers(len(scene_objects.FLOOR))]
    for k in range(int(rng.integers(3, 6))):
        again = k in (1, 2) and rng.random() < 0.6
        builder = repeated if again else scene_objects.FLOOR[rng.integers(len(scene_objects.FLOOR))]
        _repeat(40, layout.on_ground, builder, 1.3, 5.5)
    small = small_objects.SMALL[rng.integers(len(small_objects.SMALL))]
    for _ in range(int(rng.integers(1, 5))):
        again = rng.random() < 0.4
        builder = small if again else small_objects.SMALL[rng.integers(len(small_objects.SMALL))]
        _repeat(15, layout.on_object, builder)
    for _ in range(int(rng.integers(0, 3))):
        _repeat(15, layout.on_walls)
    if room.has["ceiling"] and rng.random() < 0.6:
        _repeat(15, layout.from_ceiling)
    return Scene(layout.placed, room.meshes(rng, height, False), rotation, pitch_deg, roll_deg, height)


def make_street(rng: np.random.Generator) -> Scene:
    """Return a street with vehicles, people, poles and trees 5 to 50 m away."""
    height = rng.uniform(1.5, 1.75)
    rotation = attitude(0.0, 0.0)
    room = Room(rng, height, False, 60.0)
    room.yaw = rng.uniform(-0.12, 0.12) if rng.random() < 0.8 else rng.uniform(-0.8, 0.8)
    side = rng.random()
    room.left, room.right, room.back = -rng.uniform(7, 14), rng.uniform(7, 14), 75.0
    room.ceiling = -rng.uniform(5, 14)
    room.has.update(left=side < 0.4, right=0.25 < side < 0.6)  # house fronts
    layout = Layout(rng, room, height, rotation)
    for _ in range(int(rng.integers(6, 13))):
        builder = street_objects.STREET[rng.integers(len(street_objects.STREET))]
        _repeat(30, layout.on_ground, builder, 5.0, 48.0)
    return Scene(layout.placed, room.meshes(rng, height, True), rotation, 0.0, 0.0, height)
