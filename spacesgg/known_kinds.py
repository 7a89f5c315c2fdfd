"""What the labels of a frame's objects tell of their shapes and sizes, for all of them at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spacesgg import label_kinds, size_priors


class Kinds(NamedTuple):
    """What is known of the shapes of n objects by their kinds."""

    longest: np.ndarray  # (n,) metres that they may be wide where they are hidden, 0 where nothing is known
    tallest: np.ndarray  # (n,) metres that they may be high where their tops are hidden, 0 where nothing is known
    level: np.ndarray  # (n,) bool: their tops are as high everywhere
    upright: np.ndarray  # (n,) bool: their sides are upright from top to bottom
    symmetry: np.ndarray  # (n,) how many times as far from their axes they go on one side as on another, or 0
    widest: np.ndarray  # (n,) metres: none are wider
    highest: np.ndarray  # (n,) metres: none are higher, ...
    ball: np.ndarray  # (n,) bool: ... and these no higher than wide
    hung: np.ndarray  # (n,) bool: they do not stand on the ground


def kinds_of(labels: Sequence[str]) -> Kinds:
    """Return what is known of things called `labels`."""
    longest = [size_priors.longest(label) for label in labels]
    tallest = [size_priors.tallest(label) for label in labels]
    level = [label_kinds.has_level_top(label) for label in labels]
    upright = [label_kinds.has_upright_sides(label) for label in labels]
    symmetry = [label_kinds.symmetry(label) for label in labels]
    widest = [size_priors.most_wide(label) for label in labels]
    highest = [size_priors.most_high(label) for label in labels]
    ball = [label_kinds.is_ball(label) for label in labels]
    hung = [label_kinds.hangs(label) for label in labels]
    return Kinds(*map(np.array, (longest, tallest, level, upright, symmetry, widest, highest, ball, hung)))


def unknown_kinds(longest: Sequence[float]) -> Kinds:
    """Return what is known of things of which nothing but how long (n,) metres they may be is."""
    nothing = np.zeros(len(longest))
    endless, no = nothing + np.inf, nothing > 0
    return Kinds(np.array(longest), nothing, no, no, nothing, endless, endless, no, no)
