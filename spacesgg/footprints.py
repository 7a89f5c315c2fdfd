"""Where a body of known size can stand, seen from above, when only some points on its near faces are known.

Of a car some tens of LiDAR returns lie on one or two faces, and the mask tells between which bearings it is seen.
All rectangles of the kind's sizes, at all headings and places, are held against both: what lies within one that
agrees may be the car. Their common bounds are as tight as the evidence allows, and no tighter.
"""

from typing import NamedTuple

import numpy as np

from spacesgg.sparse_returns import find_clusters
from spacesgg.street_sizes import SizeRange

HEADING_M = 0.35  # by so much the far end moves from one heading tried to the next
SIZES = (4, 3)  # lengths and widths tried of each heading, from what holds the returns to the largest
PLACES = 3  # tried along and across, between those where one end or the other is just behind the returns
OUTSIDE_M = 0.1  # a return may lie so far outside: mirrors, noise
STRAYS = 0.02  # of the returns on each side: those of something else
# Bodies are round, and boxes are drawn around them: so far the nearest return may lie behind a face of the box.
FACE_M = 0.12
FACE_NOISE = 0.008  # of the distance, in addition
HOOD_M = 1.7  # where the lower part is hidden: a vehicle's cabin begins so far behind its bumper
MIN_HOOD_LENGTH_M = 2.5  # shorter bodies have none
FACE_SHARE = 0.6  # of the low returns lie on a face that is seen
LOW_RETURNS = 5  # tell where the faces are
MAIN_SHARE = 0.6  # of the returns: with less it is not known which are the strays
LINK_M, LINK_NOISE = 0.25, 0.01  # metres, and of the distance in addition: returns so near hang together
SAMPLE = 40
CORNER_M = 0.12  # by as much rounded corners leave a silhouette narrower than the body's rectangle
NEAR_M = 0.3  # corners nearer to the camera, or behind it, have no bearing

CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.int8)  # at which end along and across, around


class Sight(NamedTuple):
    """What the picture tells of an object's sides: bearings are metres to the right per metre away."""

    left: float  # of the mask's edges
    right: float
    left_limit: float  # how far it may go on unseen; that of the edge where nothing hides it
    right_limit: float
    error: float  # of the edges


def find_bounds(
    points: np.ndarray, low: np.ndarray, sight: Sight, sizes: SizeRange
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (low, high), (2,) each, metres in x and z, of all rectangles that agree with what is known.

    `points` (2, N) are the returns' x and z, of which `low` (N,) bool lie on the lower part of the body, where its
    faces are upright. None where no rectangle agrees, nor any with most of the returns.
    """
    bounds = _bounds_of(points, low, sight, sizes)
    if bounds is None:
        main = _main_part(points)
        if main.mean() > MAIN_SHARE and not main.all():
            return _bounds_of(points[:, main], low[main], sight, sizes)
    return bounds


def _main_part(points: np.ndarray) -> np.ndarray:
    """Return (N,) bool: the largest part of the points (2, N) that hangs together."""
    from scipy.spatial import cKDTree  # half a second to load, and rarely needed

    link = LINK_M + LINK_NOISE * float(np.median(points[1]))
    labels = find_clusters(cKDTree(points.T).query_pairs(link, output_type="ndarray"), points.shape[1])
    found = labels[labels >= 0]
    return labels == np.bincount(found).argmax() if len(found) else labels < -1


def _bounds_of(
    points: np.ndarray, low: np.ndarray, sight: Sight, sizes: SizeRange
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what `find_bounds` does, of rectangles that hold all the points."""
    tolerance = FACE_M + FACE_NOISE * float(np.median(points[1]))
    tried = _Tried.around(points, sizes, tolerance)
    if tried is None:
        return None
    few = np.count_nonzero(low) < LOW_RETURNS
    body = tried.in_sight(sight)
    if not len(body.heading):
        # No such body ends where the mask does: more of it is hidden than the picture lets tell.
        sight = sight._replace(left_limit=-np.inf, right_limit=np.inf)
        body = tried.in_sight(sight)
    hood = few and sizes.longest > MIN_HOOD_LENGTH_M
    body = body.only(_tight(body, sight, HOOD_M if hood else tolerance, tolerance))
    if not few:
        chosen = points[:, np.flatnonzero(low)[:: max(1, np.count_nonzero(low) // SAMPLE)]]
        on_face = body.only(_on_faces(body, chosen, tolerance))
        body = on_face if len(on_face.heading) else body
    if not len(body.heading):
        return None
    corners = body.corners()
    return corners.min(axis=(1, 2)), corners.max(axis=(1, 2))


class _Rectangles(NamedTuple):
    """(n,) rectangles: their sides' directions, and where they begin and end along these."""

    heading: np.ndarray  # (n,) radians
    start: np.ndarray  # (n, 2) metres along the heading and across it
    size: np.ndarray  # (n, 2)
    reach: np.ndarray  # (n, 2, 2) the returns' least and greatest positions, [low/high, along/across]

    def only(self, chosen: np.ndarray) -> "_Rectangles":
        """Return those of the chosen (n,) bool."""
        return _Rectangles(*(part[chosen] for part in self))

    def corners(self) -> np.ndarray:
        """Return the (2, 4, n) x and z of the corners, one after the other around."""
        along, across = (self.start[:, axis] + self.size[:, axis] * CORNERS[:, axis, None] for axis in (0, 1))
        c, s = np.cos(self.heading), np.sin(self.heading)
        return np.stack([along * c - across * s, along * s + across * c])


class _Tried(NamedTuple):
    """All rectangles that are tried: at each of H headings all of L spans along it with all of W across it."""

    heading: np.ndarray  # (H,) radians
    along: np.ndarray  # (2, H, L) metres: where they begin and end
    across: np.ndarray  # (2, H, W)
    reach: np.ndarray  # (H, 2, 2), see _Rectangles

    @classmethod
    def around(cls, points: np.ndarray, sizes: SizeRange, tolerance: float) -> "_Tried | None":
        """Return rectangles of the sizes that hold the points (2, N), None where there are none.

        Each is tried where it begins, or ends, up to `tolerance` metres outside the points, and between.
        """
        quarter = int(np.ceil(np.pi / 2 * sizes.longest / HEADING_M))
        headings = np.arange(2 * quarter, dtype=np.float32) * np.float32(np.pi / 2 / quarter)
        positions = np.stack([np.cos(headings), np.sin(headings)], axis=1) @ points.astype(np.float32)
        positions.sort(axis=1)
        tail = int(STRAYS * points.shape[1])
        along = positions[:, [tail, points.shape[1] - 1 - tail]]
        # Across a heading is along the one a quarter on; half a turn on all runs backwards.
        across = np.concatenate([along[quarter:], -along[:quarter, ::-1]])
        reach = np.stack([along, across], axis=2)
        least = np.maximum(np.ptp(reach, axis=1) - OUTSIDE_M, (sizes.shortest, sizes.narrowest))
        most = (sizes.longest, sizes.widest)
        fits = (least <= most).all(axis=1)
        if not fits.any():
            return None
        headings, reach, least = headings[fits], reach[fits], least[fits]
        behind = (OUTSIDE_M / 2, -0.4 * tolerance, -0.9 * tolerance)
        spans = [_spans(reach[..., i], least[:, i], most[i], SIZES[i], behind) for i in (0, 1)]
        return cls(headings, *spans, reach)

    def in_sight(self, sight: Sight) -> _Rectangles:
        """Return the rectangles that are as wide as the mask, and go on only where they may be hidden."""
        c, s = np.cos(self.heading)[:, None], np.sin(self.heading)[:, None]
        left, right, away = np.float32(np.inf), np.float32(-np.inf), np.float32(0)
        for i, j in CORNERS:  # one after the other: so few numbers stay near at hand
            x = (self.along[i] * c)[:, :, None] - (self.across[j] * s)[:, None]
            z = (self.along[i] * s)[:, :, None] + (self.across[j] * c)[:, None]
            bearings = _bearings(x, z)
            left, right, away = np.minimum(left, bearings), np.maximum(right, bearings), away + z
        spare = np.float32(sight.error) + np.float32(CORNER_M) / np.maximum(away / len(CORNERS), 1)
        found = (left <= sight.left + sight.error) & (right >= sight.right - sight.error)
        found &= (left >= np.float32(sight.left_limit) - spare) & (right <= np.float32(sight.right_limit) + spare)
        number, i, j = found.nonzero()
        (first, last), (front, back) = self.along[:, number, i], self.across[:, number, j]
        start, size = np.stack([first, front], axis=1), np.stack([last - first, back - front], axis=1)
        return _Rectangles(self.heading[number], start, size, self.reach[number])


def _spans(reach: np.ndarray, least: np.ndarray, most: float, count: int, behind: tuple[float, ...]) -> np.ndarray:
    """Return (2, H, n) where spans begin and end that hold what reaches from reach[:, 0] to reach[:, 1] (H, 2).

    They are of `count` sizes, metres, from `least` (H,) to `most`, and begin or end a little outside, by as much
    as `behind` tells, or between.
    """
    size = (least[:, None] + (most - least)[:, None] * np.linspace(0, 1, count))[..., None]
    begins = np.broadcast_to(reach[:, :1, None] + np.array(behind), (*size.shape[:2], len(behind)))
    ends = reach[:, 1:, None] - np.array(behind) - size
    between = begins[..., :1] + (ends - begins)[..., :1] * np.linspace(0, 1, PLACES + 2)[1:-1]
    start = np.concatenate([begins, ends, between], axis=2)
    return np.stack([start, start + size]).reshape(2, len(reach), -1).astype(np.float32)


def _bearings(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the bearings (…) of places at x and z (…) metres."""
    bearings = x / np.maximum(z, np.float32(NEAR_M))
    behind = z <= NEAR_M
    if behind.any():
        bearings[behind] = np.sign(x[behind]) * 1e3
    return bearings


def _tight(body: _Rectangles, sight: Sight, at_ends: float, at_sides: float) -> np.ndarray:
    """Return (n,) bool: whether the returns reach up to each face that is seen, by so many metres."""
    bearings = _bearings(*body.corners())
    tight = np.ones(len(body.heading), bool)
    # The faces between which corners, on which axis, at its start or its end.
    for a, b, axis, end in ((3, 0, 0, 0), (1, 2, 0, 1), (0, 1, 1, 0), (2, 3, 1, 1)):
        position = body.start[:, axis] + end * body.size[:, axis]
        faces_camera = position > 0 if end == 0 else position < 0
        left, right = np.minimum(bearings[a], bearings[b]), np.maximum(bearings[a], bearings[b])
        shown = np.minimum(right, sight.right) - np.maximum(left, sight.left)
        gap = np.abs(body.reach[:, end, axis] - position)
        tight &= ~(faces_camera & (shown > 2 * sight.error)) | (gap <= (at_sides if axis else at_ends))
    return tight


def _on_faces(body: _Rectangles, points: np.ndarray, tolerance: float) -> np.ndarray:
    """Return (n,) bool: whether most of the points (2, M) lie on the faces that look to the camera."""
    c, s = np.cos(body.heading)[:, None], np.sin(body.heading)[:, None]
    x, z = points.astype(np.float32)
    first, last = body.start, body.start + body.size
    face = np.where(first > 0, first, np.where(last < 0, last, np.float32(np.inf)))  # no side where between them
    on = np.abs(c * x + s * z - face[:, :1]) <= tolerance
    on |= np.abs(c * z - s * x - face[:, 1:]) <= tolerance
    return np.count_nonzero(on, axis=1) >= FACE_SHARE * len(x)
