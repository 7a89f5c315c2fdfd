"""Small ray-cast scenes for the tests: boxes in a level world, seen by one camera."""

import numpy as np
import open3d as o3d

WIDTH, HEIGHT, FOCAL = 320, 240, 260.0


def tilt(pitch_deg, roll_deg=0.0):
    """Return the (3, 3) rotation from level axes to the camera's; positive pitch looks down."""
    p, r = np.radians([pitch_deg, roll_deg])
    pitch = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    roll = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return roll @ pitch


def render(extents, rotation=None, walls=()):
    """Return the (H, W, 3) float32 point map and (H, W) ids: which of the boxes, −1 for none, is seen where.

    `extents` and `walls` are [[min], [max]] in metres in level axes with the camera at the origin.
    """
    rotation = np.eye(3) if rotation is None else rotation
    scene = o3d.t.geometry.RaycastingScene()
    for low, high in [*extents, *walls]:
        low, high = np.array(low, float), np.array(high, float)
        box = o3d.geometry.TriangleMesh.create_box(*(high - low)).translate(low)
        scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(box.rotate(rotation, center=(0, 0, 0))))
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rays = np.stack([(columns - WIDTH / 2) / FOCAL, (rows - HEIGHT / 2) / FOCAL, np.ones_like(columns)], axis=-1)
    cast = scene.cast_rays(
        o3d.core.Tensor(np.concatenate([np.zeros_like(rays), rays], axis=-1).astype(np.float32))
    )
    depth = cast["t_hit"].numpy()  # the rays have z = 1, so that the hit distance is the depth
    ids = cast["geometry_ids"].numpy().astype(np.int64)
    hit = np.isfinite(depth)
    points = (rays * np.where(hit, depth, 0)[..., None]).astype(np.float32)
    return points, np.where(hit & (ids < len(extents)), ids, -1)
