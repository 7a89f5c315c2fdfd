"""Ray casting of an example scene: exact depth, which object each pixel shows, and a shaded picture."""

from typing import NamedTuple

import numpy as np
import open3d as o3d

from examples.scene_layout import FOCAL, HEIGHT, INTRINSICS, WIDTH, Scene
from examples.scene_shapes import Mesh

LIGHT = np.array((-0.45, -0.8, -0.35)) / np.linalg.norm((-0.45, -0.8, -0.35))  # towards the lamp, level frame
FAR = 120.0  # metres; what is beyond counts as sky


class Render(NamedTuple):
    """What a perfect camera sees."""

    depth_m: np.ndarray  # (H, W) float32 z-depth, 0 where there is only sky
    owner: np.ndarray  # (H, W) int, index into the scene's objects, −1 elsewhere
    slant: np.ndarray  # (H, W) float32, |cosine| between ray and surface normal: 0 is grazing
    albedo: np.ndarray  # (H, W, 3) float, red green blue in 0-1
    picture: np.ndarray  # (H, W, 3) uint8, red green blue, lit and with cast shadows


class Caster:
    """The scene in Open3D's ray caster."""

    def __init__(self, scene: Scene) -> None:
        # One thread: workers are processes, and the hits do not depend on how a tree was built in parallel.
        self.caster = o3d.t.geometry.RaycastingScene(nthreads=1)
        self.meshes = [placed.mesh for placed in scene.objects] + scene.structure
        self.starts = np.cumsum([0] + [len(mesh.triangles) for mesh in self.meshes])
        self.colours = np.concatenate([mesh.colours for mesh in self.meshes])
        for mesh in self.meshes:
            _add(self.caster, mesh)
        # Shadows come from the objects only: under a closed ceiling the one lamp would leave the picture dark.
        self.shades = o3d.t.geometry.RaycastingScene(nthreads=1)
        for placed in scene.objects:
            _add(self.shades, placed.mesh)

    def cast(self, origin: np.ndarray, directions: np.ndarray) -> dict[str, np.ndarray]:
        """Return Open3D's answer as arrays for (..., 3) directions; t_hit counts in lengths of the direction."""
        return {name: value.numpy() for name, value in self.caster.cast_rays(_rays(origin, directions)).items()}

    def shadowed(self, points: np.ndarray) -> np.ndarray:
        """Return which (..., 3) points the lamp does not reach."""
        rays = np.concatenate([points, np.broadcast_to(LIGHT, points.shape)], axis=-1).astype(np.float32)
        return self.shades.test_occlusions(o3d.core.Tensor(rays), tnear=0.01, tfar=30.0).numpy()


def _add(caster: o3d.t.geometry.RaycastingScene, mesh: Mesh) -> None:
    caster.add_triangles(
        o3d.core.Tensor(mesh.vertices.astype(np.float32)), o3d.core.Tensor(mesh.triangles.astype(np.uint32))
    )


def _rays(origin: np.ndarray, directions: np.ndarray) -> o3d.core.Tensor:
    rays = np.empty((*directions.shape[:-1], 6), np.float32)
    rays[..., :3] = origin
    rays[..., 3:] = directions
    return o3d.core.Tensor(rays)


def pixel_directions(columns: np.ndarray, rows: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Return (rows, columns, 3) level directions whose length along the optical axis is 1: t is z-depth."""
    x = (columns - INTRINSICS[0, 2]) / FOCAL
    y = (rows - INTRINSICS[1, 2]) / FOCAL
    camera = np.stack([*np.meshgrid(x, y), np.ones((len(rows), len(columns)))], axis=-1)
    return camera @ rotation.T


def render(scene: Scene, caster: Caster) -> Render:
    """Return the picture and its exact depth."""
    directions = pixel_directions(np.arange(WIDTH), np.arange(HEIGHT), scene.camera_to_level)
    hit = caster.cast(np.zeros(3), directions)
    seen = hit["t_hit"] < FAR
    depth_m = np.where(seen, hit["t_hit"], 0).astype(np.float32)
    geometry = np.where(seen, hit["geometry_ids"], 0).astype(int)
    owner = np.where(seen & (geometry < len(scene.objects)), geometry, -1)
    normals = hit["primitive_normals"]
    cosine = (normals * directions).sum(-1) / np.linalg.norm(directions, axis=-1)
    normals = np.where((cosine > 0)[..., None], -normals, normals)

    triangle = caster.starts[geometry] + np.where(seen, hit["primitive_ids"], 0)
    albedo = np.where(seen[..., None], caster.colours[triangle], (0.62, 0.75, 0.9))
    points = directions * depth_m[..., None]
    ground = seen & (geometry == len(scene.objects))
    tiles = (np.floor(points[..., 0] / 0.5) + np.floor(points[..., 2] / 0.5)) % 2  # shows the floor's perspective
    albedo = np.where(ground[..., None], albedo * (0.9 + 0.12 * tiles[..., None]), albedo)
    lambert = np.maximum((normals * LIGHT).sum(-1), 0) * ~caster.shadowed(points + normals * 0.004)
    shade = np.where(seen, 0.5 + 0.25 * np.abs(normals[..., 2]) * 0.4 + 0.55 * lambert, 1.0)
    picture = np.clip(albedo * shade[..., None] * 255, 0, 255).astype(np.uint8)
    slant = np.where(seen, np.abs(cosine), 1).astype(np.float32)
    return Render(depth_m, owner, slant, albedo, picture)


def pixels_alone(mesh: Mesh, rotation: np.ndarray) -> tuple[int, bool]:
    """Return (pixels of the picture the object would fill with nothing before it, whether the frame cuts it)."""
    seen = mesh.vertices @ rotation
    pixels = seen[:, :2] / seen[:, 2:] * FOCAL + INTRINSICS[:2, 2]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    cut = bool((low < 0).any() or high[0] > WIDTH - 1 or high[1] > HEIGHT - 1)
    x0, y0 = np.clip(np.floor(low).astype(int), 0, (WIDTH - 1, HEIGHT - 1))
    x1, y1 = np.clip(np.ceil(high).astype(int), 0, (WIDTH - 1, HEIGHT - 1))
    alone = o3d.t.geometry.RaycastingScene(nthreads=1)
    _add(alone, mesh)
    directions = pixel_directions(np.arange(x0, x1 + 1), np.arange(y0, y1 + 1), rotation)
    hits = alone.cast_rays(_rays(np.zeros(3), directions))["t_hit"].numpy()
    return int(np.isfinite(hits).sum()), cut
