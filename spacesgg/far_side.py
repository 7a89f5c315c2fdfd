"""Where an object may go on out of sight: to its sides, to its back, and down to its feet.

Occluders and the picture's edge are in occlusion.py, what the silhouette's edges tell in edge_rays.py, and the
sizes of kinds in size_priors.py; here they are put together.
"""

import numpy as np

from spacesgg import edge_rays, label_kinds, occlusion, size_priors
from spacesgg.completion import Face, single_face
from spacesgg.frame import Frame
from spacesgg.surfaces import Surface
from spacesgg.visible import MAX_ARC_M, Visible

TOP_OF_WIDTH = 1.2  # where more of the top than its far edge has lost its depth, its height is not known well
HIDDEN_SEAT_M = 0.3  # above the ground: seats are higher, and seen only where less than that is hidden
HIDDEN_FOOT_M = 0.15
SPREAD_M = 0.08  # that feet out of sight may stand out farther than what is seen of the legs
ROUND_MARGIN_M = 0.03  # of the far side of a circle, told by its near side


def go_on(frame: Frame, surface: Surface, visible: Visible, label: str) -> np.ndarray:
    """Return the (2, 3) bounds, in levelled metres, of where the object called `label` may go on out of sight."""
    seen, outline, body = visible.box, visible.outline, visible.round_body
    box = occlusion.widen(seen, frame, surface, outline, visible.edge_depth, size_priors.longest(label))
    box = _no_wider(box, seen, body)
    whole = bool((box[:, 0] == seen[:, 0]).all() and box[0, 1] == seen[0, 1])  # but for its foot
    box = occlusion.follow_slope(box, seen, visible.points)
    back = _back(box, label, edge_rays.top_reach(frame, surface, outline, visible.top), visible.behind)
    if body is not None and label_kinds.is_round(label):
        back = min(back, body[1][1] + ROUND_MARGIN_M)
    box[1, 2] = max(box[1, 2], back)
    if body is None:
        box = _with_body(box, single_face(visible.points), label, visible.behind)
    if label_kinds.has_flat_top(label):
        end = edge_rays.top_end(frame, surface, outline, visible.top, whole)
        box[1, 2] = max(seen[1, 2], min(box[1, 2], end))
    return box


def go_down(box: np.ndarray, seen: np.ndarray, ground_height: float, label: str) -> np.ndarray:
    """Return the (2, 3) box of an object of which `seen` (2, 3) is seen, with its feet, seat and bottom.

    Nothing goes on below the ground, `ground_height` metres below the camera, however much hides its foot.
    """
    box[1, 1] = max(seen[1, 1], min(box[1, 1], ground_height))
    if label_kinds.stands_on_ground(label):
        if ground_height - seen[1, 1] > HIDDEN_SEAT_M:
            box = _with_seat(box, seen, size_priors.seat(label))
        box[1, 1] = max(box[1, 1], ground_height)
    if label_kinds.has_legs(label) and box[1, 1] > seen[1, 1] + HIDDEN_FOOT_M:
        box += SPREAD_M * np.array([[-1, 0, -1], [1, 0, 1]])
    return box


def _no_wider(box: np.ndarray, seen: np.ndarray, body: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    """Return the (2, 3) box, which may go on unseen, no wider than the round body that its points lie on."""
    if body is not None:
        box[0, 0] = max(box[0, 0], min(seen[0, 0], body[0][0] - MAX_ARC_M))
        box[1, 0] = min(box[1, 0], max(seen[1, 0], body[1][0] + MAX_ARC_M))
    return box


def _back(box: np.ndarray, label: str, reach: float, behind: float) -> float:
    """Return how far back, in levelled metres, the object may go on behind the face it shows.

    Where only a front is seen nothing tells the depth of the body; things are rarely much flatter than wide,
    unless they hang on, or stand against, the surface that is seen around them, `behind` metres away.
    """
    width, front = float(np.ptp(box[:, 0])), float(box[0, 2])
    possible = max(front + size_priors.least_depth(label, width), min(reach, front + TOP_OF_WIDTH * width))
    return min(possible, behind)


def _with_body(box: np.ndarray, face: Face | None, label: str, behind: float) -> np.ndarray:
    """Return the (2, 3) box widened by the body behind a single face, which goes back along the face's normal.

    Not beyond the surface that is seen around it, `behind` metres away.
    """
    if face is None:
        return box
    depth = size_priors.least_depth(label, face.length)
    low, high = face.body(depth)
    high[1] = min(high[1], behind)
    box[0, 0], box[1, ::2] = min(box[0, 0], low[0]), np.maximum(box[1, ::2], high)
    return box


def _with_seat(box: np.ndarray, seen: np.ndarray, size: float) -> np.ndarray:
    """Return the (2, 3) box widened to all places of a seat of `size` metres whose back alone is `seen` (2, 3)."""
    if size:
        box[0, ::2] = np.minimum(box[0, ::2], seen[1, ::2] - size)
        box[1, ::2] = np.maximum(box[1, ::2], seen[0, ::2] + size)
    return box
