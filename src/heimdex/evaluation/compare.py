"""Whether one system is better than another on the same queries, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: resamples drawn at a time: bounds the memory at this many times the number of clusters
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of (ours - theirs) and the bounds between which it lies with the asked confidence."""

    mean: float
    low: float
    high: float
    queries: int
    clusters: int

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def paired_bootstrap(
    ours: Sequence[float] | NDArray[np.float64],
    theirs: Sequence[float] | NDArray[np.float64],
    clusters: Sequence[object] | NDArray[np.generic],
    *,
    rounds: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Return the mean difference of two systems and its percentile interval, resampling whole clusters.

    Queries about one video (or from one simulated world) are alike, so that they are drawn or left
    out together; drawing single queries would make the interval too narrow.

    Args:
        ours, theirs: one figure per query, the same queries in the same order, such as 1 / rank.
        clusters: what each query belongs to. All in one cluster tell nothing about others:
            the interval is then infinite.
        confidence: probability mass between the bounds, in (0, 1).

    Raises:
        ValueError: lengths differ, there is no query, or a figure is not finite.

    Source: Efron & Tibshirani 1993, chapter 13; cluster resampling as in Field & Welsh, JRSS B 2007.
    """
    gains = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    if not (len(ours) == len(theirs) == len(clusters)) or gains.size == 0:
        raise ValueError("ours, theirs and clusters need one entry per query, and at least one")
    if not np.all(np.isfinite(gains)):
        raise ValueError("a figure is not finite")
    _, member = np.unique(np.asarray([str(cluster) for cluster in clusters]), return_inverse=True)
    sums, sizes = np.bincount(member, weights=gains), np.bincount(member).astype(np.float64)
    mean = float(gains.mean())
    if len(sums) == 1:
        return Difference(mean, float("-inf"), float("inf"), gains.size, 1)
    means = _resampled_means(sums.astype(np.float64), sizes, rounds, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(mean, float(low), float(high), gains.size, len(sums))


def _resampled_means(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], rounds: int, random: np.random.Generator
) -> NDArray[np.float64]:
    blocks = []
    for start in range(0, rounds, _BLOCK):
        drawn = random.integers(0, len(sums), (min(_BLOCK, rounds - start), len(sums)))
        blocks.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(blocks)
