"""Which returns of sparse depth (projected LiDAR) under an instance mask are the object's own."""

import numpy as np

MIN_SHARE = 0.4  # of the returns under a mask: with less than this it is not known which are the object's
SPACINGS = 3.5  # of the returns, if they lay evenly: scan lines are denser along than across
DEPTH_STEP = 0.035  # from one return to its neighbours on a car's side 40 m away, 2 m beside the road
# Of two surfaces under a mask the nearer is the object, for spill is behind it, unless it is less than this share
# of the larger.
RIVAL_SHARE = 0.4
# Returns just outside the mask for each one inside. The LiDAR stands above the camera and sees over what hides an
# object from it: of a car nearly hidden most returns under the mask may be those of the one before it.
BEYOND = 1.6


def find_returns(depth: np.ndarray, mask: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """Return the (h, w) bool pixels of the object's returns in `window` of depth (H, W) and mask (H, W) bool.

    They are the largest cluster by DBSCAN (scikit-learn), or a nearer one almost as large. Neighbours lie within
    some spacings of the returns in the picture and within DEPTH_STEP in depth: what shows through a window or past
    the edge lies farther off than the object's own returns from each other. A cluster that goes on outside the
    mask is another object's. None of the pixels where it cannot be told which returns are the object's.
    """
    from sklearn.cluster import DBSCAN  # two seconds to load, and only sparse depth needs it
    from sklearn.neighbors import NearestNeighbors

    inside = mask[window]
    rows, columns = np.nonzero(inside & (depth[window] > 0))
    values = depth[window][rows, columns]
    reach = SPACINGS * (np.count_nonzero(inside) / len(values)) ** 0.5  # pixels
    scale = np.array([1 / reach, 1 / reach, 1 / DEPTH_STEP])
    returns = np.column_stack([rows, columns, np.log(values)]) * scale
    labels = DBSCAN(eps=1.0, min_samples=3).fit_predict(returns)
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    pixels = np.zeros_like(inside)
    if sizes.max() < MIN_SHARE * len(values):
        return pixels
    beyond = np.zeros(len(sizes))
    outside = _around(depth, mask, window, int(np.ceil(reach)))
    if len(outside):
        distance, nearest = NearestNeighbors(n_neighbors=1).fit(returns).kneighbors(outside * scale)
        met = labels[nearest[:, 0]][distance[:, 0] < 1]
        beyond = np.bincount(met[met >= 0], minlength=len(sizes))
    own = np.flatnonzero(beyond <= BEYOND * sizes)
    if not len(own):
        return pixels
    rivals = own[sizes[own] >= RIVAL_SHARE * sizes[own].max()]
    chosen = labels == min(rivals, key=lambda label: float(np.median(values[labels == label])))
    pixels[rows[chosen], columns[chosen]] = True
    return pixels


def _around(depth: np.ndarray, mask: np.ndarray, window: tuple[slice, slice], pad: int) -> np.ndarray:
    """Return (n, 3) row and column in the window, and log depth, of the returns within `pad` pixels outside it."""
    top, left = max(window[0].start - pad, 0), max(window[1].start - pad, 0)
    wide = np.s_[top : window[0].stop + pad, left : window[1].stop + pad]
    rows, columns = np.nonzero(~mask[wide] & (depth[wide] > 0))
    values = depth[wide][rows, columns]
    return np.column_stack([rows + top - window[0].start, columns + left - window[1].start, np.log(values)])
