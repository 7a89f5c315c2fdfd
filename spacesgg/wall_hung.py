"""What hangs on a wall and returned no depth: a mirror, a window, the dark glass of a picture or a television.

Where all that is seen around such a thing is one upright plane, on all its sides, nothing else can carry it.
"""

import numpy as np

from spacesgg import label_kinds
from spacesgg.footing import View

SIDE_PX = 3  # of the ring, on each side of the mask, at least
MIN_SEEN = 0.7  # of the ring's pixels on each side must have depth
ON_PLANE = 0.9  # of these must lie on the wall
TOLERANCE = 0.03  # of the distance
LEAN = 0.3  # the sine of what a wall may lean by, noise included
MARGIN = 0.01  # of the distance


def find_box(view: View, label: str) -> np.ndarray | None:
    """Return the (2, 3) bounds, in levelled metres, of a thing on the wall around it, None where there is none."""
    out = label_kinds.off_wall(label)
    sides = _sides(view) if out else []
    if not sides:
        return None
    ring = np.any(sides, axis=0) & (view.away > 0)
    x, y = view.rays[0] / view.rays[2], view.rays[1] / view.rays[2]
    # Inverse depth is linear along the picture of any plane; its coefficients are the plane's normal.
    rays = np.column_stack([x[ring], y[ring], np.ones(np.count_nonzero(ring))])
    inverse = 1 / view.away[ring]
    chosen = np.ones(len(inverse), bool)
    for _ in range(3):
        normal = np.linalg.lstsq(rays[chosen], inverse[chosen], rcond=None)[0]
        chosen = np.abs(rays @ normal / inverse - 1) < TOLERANCE
        if np.count_nonzero(chosen) < ON_PLANE * len(chosen):
            return None
    length = float(np.linalg.norm(normal))
    on_plane = np.zeros_like(ring)
    on_plane[ring] = chosen
    if abs(normal[1]) > LEAN * length or out * length >= 1:
        return None
    if any(np.count_nonzero(side & on_plane) < ON_PLANE * np.count_nonzero(side & ring) for side in sides):
        return None
    edge = view.outline.rows, view.outline.columns
    across, down = x[edge], y[edge]
    wall = 1 / (normal[0] * across + normal[1] * down + normal[2])
    away = np.concatenate([wall * (1 + MARGIN), wall * (1 - out * length - MARGIN)])
    points = np.array([np.tile(across, 2) * away, np.tile(down, 2) * away, away])
    return np.array([points.min(axis=1), points.max(axis=1)]) if (wall > 0).all() else None


def _sides(view: View) -> list[np.ndarray]:
    """Return the (h, w) bool pixels next to the mask on its four sides; none where one is out of sight."""
    ring = view.ring()
    rows, columns = np.nonzero(view.inside)
    top, left, bottom, right = rows.min(), columns.min(), rows.max(), columns.max()
    sides = []
    for part in np.s_[:top], np.s_[bottom + 1 :], np.s_[:, :left], np.s_[:, right + 1 :]:
        side = np.zeros_like(ring)
        side[part] = ring[part]
        if np.count_nonzero(side & (view.away > 0)) < max(MIN_SEEN * np.count_nonzero(side), SIDE_PX):
            return []
        sides.append(side)
    return sides
