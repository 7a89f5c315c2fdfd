"""Which returns of sparse depth (projected LiDAR) under an instance mask are the object's own."""

import itertools
from typing import NamedTuple

import numpy as np

from spacesgg.ground import find_ground
from spacesgg.parts import in_groups
from spacesgg.quantiles import percentiles

SPARSE_COVERAGE = 0.25  # below this share of valid pixels the depth is projected LiDAR: no neighbours to compare
SCATTERED_SHARE = 0.6  # of the valid pixels have another below them: between scan lines lie empty rows
MIN_SHARE = 0.25  # of the returns that may be the object's: with less it is not known which are
SPACINGS = 3.5  # of the returns, if they lay evenly: scan lines are denser along than across
DEPTH_STEP = 0.035  # from one return to its neighbours on a car's side 40 m away, 2 m beside the road
MIN_CLUSTER = 3
# Of two surfaces under a mask the nearer is the object, for spill is behind it, unless it is less than this share
# of the larger.
RIVAL_SHARE = 0.4
# Returns just outside the mask for each one inside. The LiDAR stands above the camera and sees over what hides an
# object from it: of a car nearly hidden most returns under the mask may be those of the one before it.
BEYOND = 1.6
ALONE_SHARE = 0.15  # of a cluster's returns; with less in the mask's own part it is the other mask's
SHARED_WEIGHT = 0.25  # of a return that two masks claim
FOOT_PX, FOOT_SHARE = 4, 0.1  # by as much, or this share of their height, masks may reach below an object's foot
UNEVEN = 0.05  # of the distance: how much nearer or farther than its plane the ground may be
FALLING = 0.2  # the same where the road falls off to a side, if nothing else is the object
UPRIGHT_PX = (8, 2)  # above and aside: there the next scan line is
SAME_DEPTH = 0.015  # of the depth: so little do returns of what is upright differ from one scan line to the next
ROAD_HEIGHT = 0.1  # of the camera's height above the ground: what is lower is road, or a kerb


def is_sparse(depth: np.ndarray) -> bool:
    """Return whether the valid pixels of depth (H, W), 0 = none, are few and scattered: projected LiDAR.

    A room of which a depth camera reaches only a corner has few as well, but side by side.
    """
    valid = depth > 0
    count = np.count_nonzero(valid)
    if not 0 < count < SPARSE_COVERAGE * depth.size:
        return False
    return np.count_nonzero(valid[1:] & valid[:-1]) < SCATTERED_SHARE * count


class Road(NamedTuple):
    """The ground's plane: its inverse depth at a pixel is along[row] + across[column], of any camera."""

    along: np.ndarray  # (H,)
    across: np.ndarray  # (W,)


def find_road(depth: np.ndarray) -> Road | None:
    """Return the ground's plane in sparse depth, None where none is found.

    Depth (H, W) is larger = farther, 0 = none, in any unit. No intrinsics are needed.
    """
    height, width = depth.shape
    rows, columns = np.indices(depth.shape, np.float32)
    rays = np.stack([(columns - width / 2) / width, (rows - height / 2) / width, np.ones_like(rows)], axis=-1)
    ground = find_ground(rays * depth[..., None], np.count_nonzero(depth))
    if ground is None or ground.height is None:
        return None
    right, down, forward = ground.rotation[1] / ground.height
    return Road(rays[:, 0, 1] * down + forward, rays[0, :, 0] * right)


def standing(depth: np.ndarray, road: Road, claimed: np.ndarray) -> np.ndarray:
    """Return the (H, W) depth without the returns of the ground.

    Boxes and grown masks hold much of it, and its scan lines lead from one object to the next. What is upright is
    no ground: where the road falls off to a side, cars stand at the height that it would have. Asked is where
    objects are, `claimed` (H, W) bool.
    """
    rows, columns = depth.nonzero()
    expected = road.along[rows] + road.across[columns]
    ground = np.abs(1 / depth[rows, columns] - expected) < ROAD_HEIGHT * expected
    left = depth.copy()
    left[rows[ground], columns[ground]] = 0
    chosen = ground & claimed[rows, columns]
    rows, columns, expected = rows[chosen], columns[chosen], expected[chosen]
    for up, aside in itertools.product(range(2, UPRIGHT_PX[0] + 1), range(-UPRIGHT_PX[1], UPRIGHT_PX[1] + 1)):
        above = np.maximum(rows - up, 0), np.clip(columns + aside, 0, depth.shape[1] - 1)
        same = np.abs(depth[above] - depth[rows, columns]) < SAME_DEPTH * depth[rows, columns]
        same &= expected > (1 + 3 * SAME_DEPTH) * (road.along[above[0]] + road.across[above[1]])
        for place in (rows[same], columns[same]), (above[0][same], above[1][same]):
            left[place] = depth[place]
    return left


def find_returns(
    depth: np.ndarray,
    mask: np.ndarray,
    window: tuple[slice, slice],
    overlap: np.ndarray | None = None,
    road: Road | None = None,
    stands: bool = False,
) -> np.ndarray:
    """Return the (h, w) bool pixels of the object's returns in `window` of depth (H, W) and mask (H, W) bool.

    `overlap` (H, W) bool are the pixels that other masks claim too, `road` is the ground, whose own returns are
    not in the depth; `stands` says that the object stands on it. The returns are clustered: neighbours lie within
    some spacings of the returns in the picture and within DEPTH_STEP in depth. A cluster is another object's when
    it goes on outside the mask, lies where another mask claims it, or lies behind the ground that is seen at the
    mask's foot, or before it without reaching down to its own foot. Those left are grouped where they follow each
    other in depth; the object is the largest group, or a nearer one almost as large. None of the pixels where it
    cannot be told which returns are the object's.
    """
    from scipy.spatial import cKDTree  # half a second to load, and only sparse depth needs it

    inside = mask[window]
    rows, columns = np.nonzero(inside & (depth[window] > 0))
    values = depth[window][rows, columns]
    pixels = np.zeros_like(inside)
    if len(values) < MIN_CLUSTER:
        return pixels
    spacing = (_scanned(inside, rows) / len(values)) ** 0.5  # pixels
    scale = np.array([1 / (SPACINGS * spacing), 1 / (SPACINGS * spacing), 1 / DEPTH_STEP])
    tree = cKDTree(np.column_stack([rows, columns, np.log(values)]) * scale)
    labels = find_clusters(tree.query_pairs(1.0, output_type="ndarray"), len(values))
    count = int(labels.max()) + 1
    if not count:
        return pixels
    sizes = np.bincount(labels[labels >= 0])
    outside = _around(depth, mask, window, int(np.ceil(SPACINGS * spacing)))
    _, nearest = tree.query(outside * scale, distance_upper_bound=1.0)
    met = labels[nearest[nearest < len(values)]]
    beyond = np.bincount(met[met >= 0], minlength=count)
    alone = np.ones(len(values), bool) if overlap is None else ~overlap[window][rows, columns]
    weights = np.bincount(labels[labels >= 0], np.where(alone, 1, SHARED_WEIGHT)[labels >= 0])
    weights *= np.maximum(1 - beyond / (BEYOND * sizes), 0)
    own = beyond <= BEYOND * sizes
    members = [values[labels == number] for number in range(count)]
    if road is not None:
        near, far = _foot(mask, window, road)
        fronts = np.array([part.min() for part in members])
        seen = own & (fronts <= far * (1 + UNEVEN))
        own = seen if seen.any() else own & (fronts <= far * (1 + FALLING))
        if stands:
            least = min(near * (1 - UNEVEN), _nearest_below(outside, inside, spacing) * (1 + UNEVEN))
            floats = np.array([percentiles(part, (50,))[0] for part in members]) < least
            if weights[own & ~floats].sum() >= RIVAL_SHARE * weights[own].sum():
                own &= ~floats
    shown = np.bincount(labels[alone & (labels >= 0)], minlength=count) >= ALONE_SHARE * sizes
    certain = shown[own].any()
    if certain:
        own &= shown
    groups = in_groups({number: percentiles(members[number], (5, 95)) for number in np.flatnonzero(own)})
    if not groups:
        return pixels
    totals = [weights[group].sum() for group in groups]
    chosen = next(i for i, total in enumerate(totals) if total >= RIVAL_SHARE * max(totals))
    rivals = sum(total >= RIVAL_SHARE * max(totals) for total in totals)
    if totals[chosen] >= MIN_SHARE * sum(totals) and (certain or rivals == 1):
        kept = np.isin(labels, groups[chosen])
        pixels[rows[kept], columns[kept]] = True
    return pixels


def find_clusters(pairs: np.ndarray, count: int) -> np.ndarray:
    """Return (count,) the number of each point's cluster, −1 of strays; `pairs` (n, 2) of the points are near.

    They are those of DBSCAN: points with neighbours enough make clusters, and what is next to them is theirs.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    dense = np.bincount(pairs.ravel(), minlength=count) >= MIN_CLUSTER - 1
    inner = pairs[dense[pairs].all(axis=1)]
    graph = coo_array((np.ones(len(inner), bool), inner.T), (count, count))
    labels = np.where(dense, connected_components(graph, directed=False)[1], -1)
    for first, second in (pairs.T, pairs[:, ::-1].T):
        edge = dense[first] & ~dense[second]
        labels[second[edge]] = labels[first[edge]]
    found = labels >= 0
    labels[found] = np.unique(labels[found], return_inverse=True)[1]
    return labels


def _scanned(inside: np.ndarray, rows: np.ndarray) -> float:
    """Return how many pixels of a mask (h, w) bool the scan lines cover, whose returns are in `rows` (n,).

    They end below the top of what is tall.
    """
    lines = len(np.unique(rows))
    covered = np.count_nonzero(inside[rows.min() : rows.max() + 1]) * lines / max(lines - 1, 0.5)
    return min(covered, np.count_nonzero(inside))


def _foot(mask: np.ndarray, window: tuple[slice, slice], road: Road) -> tuple[float, float]:
    """Return how far away at least, and at most, the ground is that is seen at the mask's lower edge.

    It may be next to the camera where the picture cuts the mask.
    """
    rows = np.flatnonzero(mask[window].any(axis=1)) + window[0].start
    spare = max(FOOT_PX, round(FOOT_SHARE * (rows[-1] - rows[0])))
    ends = [max(int(rows[-1]) - spare, 0), min(int(rows[-1]) + spare, len(mask) - 1)]
    inverses = road.along[ends] + road.across[window[1]].max()
    far, near = (1 / inverse if inverse > 0 else np.inf for inverse in inverses.tolist())
    return 0.0 if rows[-1] >= len(mask) - FOOT_PX else near, far


def _nearest_below(outside: np.ndarray, inside: np.ndarray, spacing: float) -> float:
    """Return how far away the nearest thing is that is seen right below a mask and may hide its foot.

    `outside` (n, 3) are the rows, columns and log depths of returns around the mask (h, w) bool, `spacing` pixels
    apart.
    """
    columns, lowest = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))[-1]
    row, column, value = outside.T
    below = (row > lowest - FOOT_PX) & (row <= lowest + spacing) & (column >= columns[0]) & (column <= columns[-1])
    return float(np.exp(value[below].min(initial=np.inf)))


def _around(depth: np.ndarray, mask: np.ndarray, window: tuple[slice, slice], pad: int) -> np.ndarray:
    """Return (n, 3) row and column in the window, and log depth, of the returns within `pad` pixels outside it."""
    top, left = max(window[0].start - pad, 0), max(window[1].start - pad, 0)
    wide = np.s_[top : window[0].stop + pad, left : window[1].stop + pad]
    rows, columns = np.nonzero(~mask[wide] & (depth[wide] > 0))
    values = depth[wide][rows, columns]
    return np.column_stack([rows + top - window[0].start, columns + left - window[1].start, np.log(values)])
