"""Scenes that lie near to every query are held back by what they are near to for no reason."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from heimdex.domain.ids import SceneId
from heimdex.ranking.lexicon import load

#: share of the background that a scene is compared with: the part that it is nearest to
NEAREST = 0.25


def background_captions() -> list[str]:
    """Return the generic captions that ship with heimdex, 64 in English and 64 in Korean."""
    return [*load("background")["en"], *load("background")["ko"]]


def nearness(
    background: NDArray[np.float32],
    frames: NDArray[np.float32],
    owner: NDArray[np.int64],
    *,
    nearest: float = NEAREST,
) -> NDArray[np.float64]:
    """Return how near each scene is to captions that describe nothing in particular, in [-1, 1].

    near_j = mean of the k greatest cosines of scene j to the background, k = nearest · its size; the
    cosine of a scene is that of its best keyframe.

    Args:
        background: (captions, dim) unit rows, at least one; never the queries that are measured.
        frames: (rows, dim) unit rows; the rows of one scene stand together.
        owner: (rows,) number of the scene that a row belongs to: 0, 0, 1, 2, 2, … without a gap.

    Source: nearest-neighbour normalisation, Chowdhury et al., EMNLP 2024.
    """
    if len(owner) == 0:
        return np.zeros(0)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    cosines = np.maximum.reduceat(frames @ background.T, starts, axis=0)
    k = max(1, round(nearest * len(background)))
    near: NDArray[np.float64] = np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1, dtype=np.float64)
    return near


def surplus(near: Mapping[SceneId, float], alpha: float) -> dict[SceneId, float]:
    """Return what to take off the cosine of each scene: alpha · (near - median of those given).

    Against the median, so that cosines stay what labels and the flatness test know; a scene that is
    nearer to nothing than others gains. The order is that of cosine - alpha · near.
    """
    known = {scene: value for scene, value in near.items() if math.isfinite(value)}
    if not known:
        return {}
    middle = statistics.median(known.values())
    return {scene: alpha * (value - middle) for scene, value in known.items()}
