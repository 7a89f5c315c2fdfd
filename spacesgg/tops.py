"""Objects that stand on the tops of others: they end there, however much hides their feet.

No body goes through a table. What is seen above its top, at a place that is well inside the table's outline as seen
from above, ends on it at the latest. What stands before or behind the table is at another place.
"""

import cv2
import numpy as np

from spacesgg import completion, label_kinds, size_priors
from spacesgg.quantiles import percentiles
from spacesgg.visible import Visible

HIDDEN_M = 0.05  # so far bodies must be taken to go on below what is seen of them to be worth a look
BAND_M = 0.06  # of a top's points below its highest, beside the noise: a mask's edge is no part of it
TOP_M = 0.03  # what stands on a top reaches no farther down than that
MIN_POINTS = 20  # of a top, in sight
INSIDE_M = 0.04  # from the outline, beside the noise: what is nearer to it may stand before or behind it
SOFT_INSIDE = 0.02  # of the distance, where depth drifts
ABOVE_M = 0.05  # lower ends of what stands on a top may seem to be lower by the pixels that masks are grown
BACK_SHARE = 0.6  # of the common depth of a kind: few are flatter than that


def end_on(boxes: np.ndarray, visible: Visible, labels: list[str], soft: bool) -> np.ndarray:
    """Return the (n, 2, 3) boxes, in levelled metres, of objects called `labels`, which end where tops carry them.

    `soft` says whether their depth drifts.
    """
    seen, points, boxes = visible.boxes, visible.points, boxes.copy()
    hidden = boxes[:, 1, 1] > seen[:, 1, 1] + HIDDEN_M
    hidden &= [not (label_kinds.stands_on_ground(label) or label_kinds.has_legs(label)) for label in labels]
    if not hidden.any():
        return boxes
    places, faces = np.median(points[::2], axis=2).T, completion.single_faces(visible.lines, visible.fresh)
    for i in [i for i, label in enumerate(labels) if label_kinds.carries(label)]:
        above = hidden & (seen[:, 1, 1] <= visible.tops[i] + ABOVE_M)
        above[i] = False
        outline, height = _top(visible, faces, i, labels[i]) if above.any() else (None, 0.0)
        if outline is None:
            continue
        for j in above.nonzero()[0].tolist():
            margin = INSIDE_M + visible.sigmas[i] + visible.sigmas[j] + (SOFT_INSIDE * places[j, 1] if soft else 0)
            if cv2.pointPolygonTest(outline, tuple(places[j].tolist()), True) > margin:
                boxes[j, 1, 1] = min(boxes[j, 1, 1], max(seen[j, 1, 1], height + TOP_M))
    return boxes


def _top(visible: Visible, faces: completion.Faces, i: int, label: str) -> tuple[np.ndarray | None, float]:
    """Return the outline (k, 1, 2) in x and z of the top of an object called `label`, and how far down it is.

    No outline where too little shows. Of boxes the sides tell it as well: their tops may be as high as the camera.
    """
    x, y, z = visible.points[:, i, visible.fresh[i]]
    level = y < visible.tops[i] + BAND_M + visible.sigmas[i]
    enough = np.count_nonzero(level) >= MIN_POINTS
    height = percentiles(y[level], (50,))[0] if enough else float(visible.tops[i])
    parts = [np.column_stack([x[level], z[level]])] if enough else []
    if label_kinds.is_box(label):
        sides = visible.sides
        if sides.seen[i]:
            left, right = sides.reach[i, :, None] * sides.sides[i]
            parts.append(sides.near[i] + np.array([0 * left, left, right, left + right]))
        elif faces.there[i]:
            back = BACK_SHARE * size_priors.depth_behind(label, faces.lengths.item(i)) * faces.normal[i]
            parts.append(np.concatenate([faces.ends[i], faces.ends[i] + back]))
    return (cv2.convexHull(np.concatenate(parts).astype(np.float32)) if parts else None), height
