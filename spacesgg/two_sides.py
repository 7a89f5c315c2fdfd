"""The two upright sides that a rectangular thing turns to the camera, seen from above.

They meet in its near corner; across from that lies the hidden one, which nothing but the two tell.
"""

from typing import NamedTuple

import numpy as np

FACE_PX = 12  # wide: of a narrower face the depth is mostly lost
MOST_OF_FACE = 1.5  # times as long as its points show, a face is up to its silhouette's end
CORNER_MARGIN_M = 0.06
OPPOSITE = 3  # two corners whose numbers add up to it face each other
LONG_M = 0.3  # noise turns the rectangles of smaller things


class TwoSides(NamedTuple):
    """The left and the right side of n rectangular things, in metres: x and z in levelled axes."""

    there: np.ndarray  # (n,) bool: whether there is a rectangle
    two: np.ndarray  # (n,) bool: whether it turns a corner, not a single side, to the camera, and both are wide
    front: np.ndarray  # (n,) 0 or 1: the longer one of them, or the single one
    near: np.ndarray  # (n, 2) the corner in which they meet, the nearer one of a single side
    # (n, 2, 2) from there to the other ends that the points show; of a single one the second is out of sight
    sides: np.ndarray
    reach: np.ndarray  # (n, 2) times as long they are up to the silhouette's ends, at least 1

    @property
    def seen(self) -> np.ndarray:
        """Return (n,) bool: whether both sides are seen."""
        return self.two & (self.reach <= MOST_OF_FACE).all(axis=1)

    def hidden_corners(self) -> np.ndarray:
        """Return (n,) how far away the hidden corners are, infinity where no two sides are seen to their ends."""
        far = self.near[:, 1] + (self.reach * self.sides[..., 1]).sum(axis=1) + CORNER_MARGIN_M
        return np.where(self.seen, far, np.inf)

    @property
    def lengths(self) -> np.ndarray:
        """Return the (n, 2) lengths of the sides that the points show."""
        return np.hypot(self.sides[..., 0], self.sides[..., 1])

    def backs(self, depth: np.ndarray) -> np.ndarray:
        """Return how far away (n,) things end that go back by `depth` (n,) metres from their fronts.

        −infinity where both sides are seen, and of small things.
        """
        count = np.arange(len(depth))
        front, other = self.sides[count, self.front], self.sides[count, 1 - self.front]
        lengths = np.hypot(*other.T)
        turned = np.divide(other[:, 1], lengths, out=np.zeros_like(lengths), where=lengths > 0)
        far = self.near[:, 1] + np.maximum(front[:, 1], 0) + np.maximum(depth, lengths) * turned
        return np.where(self.there & ~self.seen & (np.hypot(*front.T) > LONG_M), far, -np.inf)

    def go_on(self, number: int, box: np.ndarray, seen: np.ndarray, longest: tuple[float, float]) -> np.ndarray:
        """Return the (2, 3) box of a thing, widened in x, widened in z to where its sides go on at their angles.

        `seen` (2, 3) is the box before it was widened. No side goes on to be longer than its `longest` metres.
        """
        near, sides, reach = self.near[number], self.sides[number], self.reach[number].copy()
        lengths = self.lengths[number]
        for i in range(2):
            aside = sides[i, 0] * (2 * i - 1)
            if box[i, 0] != seen[i, 0] and aside > 0:
                up_to = min((box[i, 0] - near[0]) / sides[i, 0], longest[i] / lengths[i])
                reach[i] = max(reach[i], up_to)
        steps = reach * sides[:, 1]
        box = box.copy()
        box[0, 2] = min(seen[0, 2], near[1] + steps.min())
        box[1, 2] = max(seen[1, 2], near[1] + steps.max(), near[1] + steps.sum()) + CORNER_MARGIN_M
        return box


def find(corners: np.ndarray, bearings: np.ndarray, pixel: float) -> TwoSides:
    """Return the two sides of the rectangles with these `corners` (n, 4, 2) that are turned to the camera.

    They end at the silhouettes' ends, whose `bearings` (n, 2) are in metres aside per metre away, as is a `pixel`.
    """
    sight = corners[:, :, 0] / corners[:, :, 1]
    count = np.arange(len(corners))
    ends = np.stack([sight.argmin(axis=1), sight.argmax(axis=1)], axis=1)
    two = ends.sum(axis=1) == OPPOSITE
    others = corners[:, :, 1].copy()
    others[count[:, None], ends] = np.inf
    # Of two sides the nearer one of the two other corners is in sight. A single one leads from end to end.
    nearer = ends[count, corners[count[:, None], ends, 1].argmin(axis=1)]
    middle = np.where(two, others.argmin(axis=1), nearer)
    last = ends.sum(axis=1) - nearer
    outer = np.where(two[:, None], ends, np.stack([last, OPPOSITE - last], axis=1))
    near = corners[count, middle]
    sides = corners[count[:, None], outer] - near[:, None]
    widths = np.abs(sight[count[:, None], outer] - sight[count, middle][:, None])
    # Where sight meets near + t · side: x = bearing z.
    meets = sides[..., 0] - bearings * sides[..., 1]
    reach = np.divide(bearings * near[:, 1:] - near[:, :1], meets, out=np.ones_like(meets), where=meets != 0)
    wide = (widths >= FACE_PX * pixel).all(axis=1)
    front = np.where(two, np.hypot(sides[..., 0], sides[..., 1]).argmax(axis=1), 0)
    return TwoSides(np.isfinite(near).all(axis=1), two & wide, front, near, sides, np.maximum(reach, 1))
