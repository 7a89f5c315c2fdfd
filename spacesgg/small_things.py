"""How far away a small thing is, told by how large it looks: of some kinds all specimens are of about one size."""

import numpy as np

from spacesgg import footing
from spacesgg.footing import View
from spacesgg.frame import Frame
from spacesgg.label_kinds import words_of
from spacesgg.quantiles import percentiles

# Metres: the longer side of the silhouette of the smallest and of the largest specimens, from wherever they are
# seen. Common ones are at least half as large again as the smallest, and the largest as these.
SIZES_M = {
    **dict.fromkeys(("cup", "mug", "teacup"), (0.045, 0.2)),
    **dict.fromkeys(("apple", "orange", "lemon", "pear", "peach", "donut"), (0.035, 0.16)),
    **dict.fromkeys(("bottle", "wineglass"), (0.08, 0.6)),
    "glass": (0.045, 0.35),
    **dict.fromkeys(("bowl", "plate"), (0.065, 0.55)),
    "book": (0.065, 0.6),
    "laptop": (0.15, 0.7),
    "keyboard": (0.1, 0.8),
}
SEEN_SHARE = 0.5  # of what is next to it must have depth
NEAR_PERCENT = 2.0  # of that: single ones are strays


def distances(frame: Frame, view: View, label: str) -> tuple[float, float]:
    """Return how near and how far, in levelled metres, the nearest and the farthest of a small thing can be.

    0 and infinity of other kinds. What would hide a part of it is nearer yet: it is at least as far away as its
    size tells, or as the nearest that is seen around it.
    """
    size = next((SIZES_M[word] for word in words_of(label)[-1:] if word in SIZES_M), None)
    if size is None:
        return 0.0, np.inf
    least, most = size
    slopes = view.rays[:2] / view.rays[2]
    pixel = float(np.hypot(*(slopes[:, 0, 1] - slopes[:, 0, 0])))
    inside = slopes[:, view.inside]
    across = float(np.ptp(inside, axis=1).max()) + pixel
    bare = across - 2 * footing.GROWTH_PX[1] * pixel
    farthest = most * (1 / bare + 1) if bare > 0 else np.inf
    if footing.is_cut(frame, view):
        return 0.0, farthest
    ring = view.ring()
    around = view.away[ring & (view.away > 0)]
    if len(around) < max(SEEN_SHARE * np.count_nonzero(ring), 1):
        return 0.0, farthest
    return min(least * (1 / across - 1), percentiles(around, (NEAR_PERCENT,))[0]), farthest
