"""How sharp the edges of a depth map are.

Sensors and renderers change from one surface to the next within a pixel. Monocular networks, and maps that were
scaled with interpolation, lead over in a ramp of several pixels whose depths belong to neither surface: there a
rim inside each mask must not be trusted.
"""

import numpy as np

ROW_STEP = 8  # every eighth row shows some hundred edges
SPAN_PX = 8
MIN_STEP_LOG = 0.15  # a change of depth by this over SPAN_PX is an edge; the steepest floors stay below
SHARP_SHARE = 0.6  # of an edge's step taken within one pixel: 0.9 and more by sensors, 0.3 by networks
MIN_EDGES = 30


def edges_are_soft(depth: np.ndarray) -> bool:
    """Return whether depth (H, W), larger = farther, 0 = none, crosses most of its edges in ramps.

    Valid pixels of a row are taken as neighbours across holes, which sensors leave along edges.
    """
    rows = np.ascontiguousarray(depth[ROW_STEP // 2 :: ROW_STEP])
    valid = np.flatnonzero(rows > 0)
    if len(valid) <= SPAN_PX:
        return False
    values = np.log(rows.ravel().take(valid))
    spans = np.abs(values[SPAN_PX:] - values[:-SPAN_PX])
    edges = np.flatnonzero(spans > MIN_STEP_LOG)
    width = rows.shape[1]
    edges = edges[valid[edges] // width == valid[edges + SPAN_PX] // width]
    if len(edges) < MIN_EDGES:
        return False
    steps = np.abs(values[1:] - values[:-1])
    largest = np.lib.stride_tricks.sliding_window_view(steps, SPAN_PX)[edges].max(axis=1)
    return float(np.median(largest / spans[edges])) < SHARP_SHARE
