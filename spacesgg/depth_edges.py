"""How sharp the edges of a depth map are.

Sensors and renderers change from one surface to the next within a pixel. Monocular networks, and maps that were
scaled with interpolation, lead over in a ramp of several pixels whose depths belong to neither surface: there a
rim inside each mask must not be trusted.
"""

import numpy as np

from spacesgg.quantiles import percentiles

ROW_STEP = 8  # every eighth row shows some hundred edges
SPAN_PX = 8
MIN_STEP_LOG = 0.15  # a change of depth by this over SPAN_PX is an edge; the steepest floors stay below
SHARP_SHARE = 0.6  # of an edge's step taken within one pixel: 0.9 and more by sensors, 0.3 by networks
MIN_EDGES = 30
EDGES = 400  # tell the median to some percent


def edges_are_soft(depth: np.ndarray) -> bool:
    """Return whether depth (H, W), larger = farther, 0 = none, crosses most of its edges in ramps.

    Valid pixels of a row are taken as neighbours across holes, which sensors leave along edges.
    """
    rows = np.ascontiguousarray(depth[ROW_STEP // 2 :: ROW_STEP])
    valid = np.flatnonzero(rows > 0)
    if len(valid) <= SPAN_PX:
        return False
    values = rows.ravel().take(valid)
    first, last = values[:-SPAN_PX], values[SPAN_PX:]
    edges = np.flatnonzero(np.maximum(first, last) > np.float32(np.exp(MIN_STEP_LOG)) * np.minimum(first, last))
    width = rows.shape[1]
    edges = edges[valid[edges] // width == valid[edges + SPAN_PX] // width]
    if len(edges) < MIN_EDGES:
        return False
    edges = edges[:: -(-len(edges) // EDGES)]
    profiles = np.log(values.take(edges + np.arange(SPAN_PX + 1)[:, None]))  # an edge a column
    largest = np.abs(profiles[1:] - profiles[:-1]).max(axis=0)
    return percentiles(largest / np.abs(profiles[-1] - profiles[0]), (50,))[0] < SHARP_SHARE
