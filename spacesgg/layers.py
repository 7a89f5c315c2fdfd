"""Objects clustered by depth into layers, nearest first.

Method: complete-linkage agglomerative clustering (scikit-learn) of the objects' depth intervals, the
distance of two intervals being the gap between them in log depth. Complete linkage, because it alone
promises that no two objects further apart than the threshold share a cluster; chaining methods (single
linkage, DBSCAN) join everything through one long table. Log depth, because sensor and monocular errors
grow with depth, and because the result is then the same in metres, millimetres or any other unit.

Each cluster has one reference depth: the middle of what its members share, or of what parts them. An
object stands in its own cluster's layer and in every layer whose reference depth its interval contains.
Two objects with a gap above the threshold therefore never share a layer, and all layers of the nearer one
come before all layers of the farther one.
"""

import numpy as np
from sklearn.cluster import AgglomerativeClustering

MIN_GAP = 0.05  # of the depth: 10 cm at 2 m, what a depth sensor or a sharp monocular map still resolves


def cluster_layers(
    depth_ranges: dict[str, list[float]], min_gap: float = MIN_GAP, inverse: bool = False
) -> list[list[str]]:
    """Return layers of keys, nearest first, from key → [near, far], positive, in any one unit.

    `min_gap` is a fraction of the depth. With `inverse` the ranges are inverse depth (larger = nearer).
    """
    if not depth_ranges:
        return []
    keys = list(depth_ranges)
    ends = np.log(np.array([depth_ranges[key] for key in keys], np.float64))
    if inverse:
        ends = -ends
    near, far = ends.T
    labels = np.zeros(len(keys), int)
    if len(keys) > 1:
        gaps = np.maximum(near[:, None], near[None, :]) - np.minimum(far[:, None], far[None, :])
        clustering = AgglomerativeClustering(
            n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=np.log1p(min_gap)
        )
        labels = clustering.fit_predict(np.maximum(gaps, 0))
    clusters = range(labels.max() + 1)
    reference = np.array([(near[labels == c].max() + far[labels == c].min()) / 2 for c in clusters])
    layers: list[list[str]] = []
    for c in np.argsort(reference, kind="stable"):
        inside = (labels == c) | ((near <= reference[c]) & (reference[c] <= far))
        layer = [key for key, member in zip(keys, inside, strict=True) if member]
        if not layers or layer != layers[-1]:
            layers.append(layer)
    return layers
