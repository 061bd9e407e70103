"""Figures for a search with one right answer per query, from the rank at which it came.

Ranks are 1-based. An answer that tied scores leave among several places has the mean of them, so
that no order of equal scores flatters a system; one that did not come at all has rank infinity.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)


def rank_of(scores: Mapping[Key, float], right: Key) -> float:
    """Return the rank of ``right`` by falling score: (better + (better + equal)) / 2 + 1/2, inf if it has none.

    A score that is no number counts as missing.
    """
    own = scores.get(right, math.nan)
    if math.isnan(own):
        return math.inf
    better = sum(score > own for score in scores.values())
    equal = sum(score == own for score in scores.values())
    return better + (equal + 1) / 2


def ranks_of(scores: NDArray[np.floating], right: NDArray[np.integer]) -> Ranks:
    """Return `rank_of` for each row at once.

    Args:
        scores: (queries, scenes); -inf or nan where a scene did not come.
        right: (queries,) column of the right scene.
    """
    known = np.where(np.isnan(scores), -np.inf, scores)
    own = known[np.arange(len(right)), right][:, None]
    ranks = (known > own).sum(axis=1) + ((known == own).sum(axis=1) + 1) / 2
    return np.where(np.isneginf(own[:, 0]), np.inf, ranks)


def recall_at(ranks: Sequence[float] | Ranks, k: int) -> float:
    """Return the share of queries whose answer is among the first ``k`` (R@k), 0 to 1."""
    return float(np.mean(np.asarray(ranks) <= k))


def reciprocal_ranks(ranks: Sequence[float] | Ranks) -> Ranks:
    """Return 1 / rank for each query; their mean is the MRR (Voorhees, TREC-8 1999)."""
    return 1.0 / np.asarray(ranks, dtype=np.float64)


def mean_reciprocal_rank(ranks: Sequence[float] | Ranks) -> float:
    """Return the mean of 1 / rank, 0 to 1."""
    return float(np.mean(reciprocal_ranks(ranks)))


def median_rank(ranks: Sequence[float] | Ranks) -> float:
    """Return the median rank (MdR); inf where half of the answers did not come."""
    ordered = np.sort(np.asarray(ranks, dtype=np.float64))
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(low if low == high else (low + high) / 2)


def ndcg_at(gains: Sequence[float], k: int = 10, *, ideal: Iterable[float] | None = None) -> float:
    """Return nDCG@k of one query, 0 to 1; 0 where nothing is relevant.

    DCG@k = Σ_i gain_i / log2(i + 1), i 1-based, over the best possible DCG@k.

    Args:
        gains: relevance >= 0 of what came, in the order it came.
        ideal: relevances of everything that is relevant, in any order; ``gains`` when all of it came.

    Source: Järvelin & Kekäläinen, TOIS 2002, with the discount of every rank.
    """
    best = _dcg(sorted(gains if ideal is None else ideal, reverse=True)[:k])
    return _dcg(gains[:k]) / best if best > 0.0 else 0.0


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))


@dataclass(frozen=True, slots=True)
class Summary:
    """The usual figures of one system over some queries."""

    queries: int
    recall_1: float
    recall_5: float
    recall_10: float
    mrr: float
    ndcg_10: float
    median_rank: float


def summarise(ranks: Sequence[float] | Ranks) -> Summary:
    """Return the figures; with one right answer, nDCG@10 is 1 / log2(rank + 1) up to rank 10 and else 0."""
    values = np.asarray(ranks, dtype=np.float64)
    if values.size == 0:
        raise ValueError("no ranks to summarise")
    gained = np.where(values <= 10, 1.0 / np.log2(values + 1.0), 0.0)
    return Summary(
        queries=values.size,
        recall_1=recall_at(values, 1),
        recall_5=recall_at(values, 5),
        recall_10=recall_at(values, 10),
        mrr=mean_reciprocal_rank(values),
        ndcg_10=float(np.mean(gained)),
        median_rank=median_rank(values),
    )
