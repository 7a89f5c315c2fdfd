"""Objects clustered by depth into layers, nearest first.

Method: complete-linkage agglomerative clustering (scikit-learn) of the objects' depth intervals, the
distance of two intervals being the gap between them in log depth, negative where they overlap. Complete
linkage, because it alone promises that no two objects further apart than the threshold share a cluster;
chaining methods (single linkage, DBSCAN) join everything through one long table. Log depth, because sensor
and monocular errors grow with depth, and because the result is then the same in metres, millimetres or any
other unit. Loading scikit-learn takes longer than reading the depth and masks of a hundred images, so images
of up to CROWD objects are merged here, by the same rule; a test holds the two to the same clusters.

Each cluster has one reference depth: the middle of what its members share, or of what parts them. An
object stands in its own cluster's layer and in every layer whose reference depth its interval contains.
Two objects with a gap above the threshold therefore never share a layer, and all layers of the nearer one
come before all layers of the farther one.

The other method is the containment rule of LLaVA-SpaceSGG's first pipeline: an object whose depth range
contains no other object's makes a layer, and every object whose range contains that range joins it.
"""

import numpy as np

MIN_GAP = 0.05  # of the depth: 10 cm at 2 m, what a depth sensor or a sharp monocular map still resolves
CROWD = 64  # objects; up to here the plain merging below is as fast as scikit-learn's


def cluster_layers(
    depth_ranges: dict[str, list[float]], min_gap: float = MIN_GAP, inverse: bool = False
) -> list[list[str]]:
    """Return layers of keys, nearest first, from key → [near, far], positive, in any one unit.

    `min_gap` is a fraction of the depth. With `inverse` the ranges are inverse depth (larger = nearer).
    """
    if not depth_ranges:
        return []
    keys = list(depth_ranges)
    ends = np.log(np.array(list(depth_ranges.values()), np.float64))
    near, far = (-ends if inverse else ends).T
    gaps = np.maximum.outer(near, near) - np.minimum.outer(far, far)
    labels = (merge_in_crowd if len(keys) > CROWD else merge)(gaps, float(np.log1p(min_gap))).tolist()
    near, far = near.tolist(), far.tolist()
    clusters: dict[int, list[int]] = {}
    for i, label in enumerate(labels):
        clusters.setdefault(label, []).append(i)
    references = {c: (max(near[i] for i in own) + min(far[i] for i in own)) / 2 for c, own in clusters.items()}
    layers: list[list[str]] = []
    for c, reference in sorted(references.items(), key=lambda item: (item[1], item[0])):
        inside = (labels[i] == c or near[i] <= reference <= far[i] for i in range(len(keys)))
        layer = [key for key, member in zip(keys, inside, strict=True) if member]
        if not layers or layer != layers[-1]:
            layers.append(layer)
    return layers


def merge(distances: np.ndarray, threshold: float) -> np.ndarray:
    """Return a cluster number for each of the n objects of an (n, n) distance matrix: complete linkage.

    The two clusters whose farthest members are closest are merged, until none are closer than `threshold`.
    """
    count = len(distances)
    labels = np.arange(count)
    linkage = np.where(np.isnan(distances), np.inf, distances)  # what has no distance is merged with nothing
    np.fill_diagonal(linkage, np.inf)
    while True:
        a, b = divmod(int(linkage.argmin()), count)
        if not linkage[a, b] < threshold:  # so written, it also ends where the threshold is NaN
            return labels
        linkage[a] = linkage[:, a] = np.maximum(linkage[a], linkage[b])
        linkage[b] = linkage[:, b] = np.inf
        labels[labels == b] = a


def merge_in_crowd(distances: np.ndarray, threshold: float) -> np.ndarray:
    """Return the same as `merge`, by scikit-learn, whose time grows by the square of n only."""
    from sklearn.cluster import AgglomerativeClustering  # two seconds to load: see the module's docstring

    least = distances.min()  # scikit-learn takes no negative distances
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=threshold - least
    )
    return clustering.fit_predict(distances - least)


def containment_layers(depth_ranges: dict[str, list[float]], inverse: bool = False) -> list[list[str]]:
    """Return layers of keys by the containment rule, nearest core first, from key → [near, far].

    Objects of one and the same range make one layer. The cores of two layers may overlap in depth: unlike
    `cluster_layers` this promises no order between them.
    """
    sign = -1 if inverse else 1
    spans = {key: (sign * near, sign * far) for key, (near, far) in depth_ranges.items()}

    def contains(outer: str, inner: str) -> bool:
        return spans[outer][0] <= spans[inner][0] and spans[outer][1] >= spans[inner][1]

    cores = {
        spans[key]: key
        for key in spans
        if not any(contains(key, other) and spans[other] != spans[key] for other in spans)
    }
    nearest_first = sorted(cores, key=lambda span: (span[0] + span[1], span))
    return [[key for key in spans if contains(key, cores[span])] for span in nearest_first]
