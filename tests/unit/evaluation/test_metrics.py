"""Metrics, with arithmetic that a reader can redo."""

from __future__ import annotations

import math

import numpy as np
import pytest

from heimdex.evaluation.metrics import (
    mean_reciprocal_rank,
    median_rank,
    ndcg_at,
    rank_of,
    ranks_of,
    recall_at,
    summarise,
)


def test_rank_counts_what_is_better() -> None:
    assert rank_of({"a": 0.9, "b": 0.5, "c": 0.1}, "b") == 2.0


def test_equal_scores_share_the_mean_of_their_places() -> None:
    # b, c and d share the places 2, 3 and 4
    assert rank_of({"a": 0.9, "b": 0.5, "c": 0.5, "d": 0.5}, "c") == 3.0
    # all equal among 5: a system that says nothing is neither first nor last
    assert rank_of(dict.fromkeys("abcde", 0.0), "a") == 3.0


def test_what_did_not_come_has_no_rank() -> None:
    assert rank_of({"a": 1.0}, "b") == math.inf
    assert rank_of({"a": 1.0, "b": math.nan}, "b") == math.inf


def test_ranks_of_many_queries_agree_with_one_at_a_time() -> None:
    random = np.random.default_rng(3)
    scores = random.integers(0, 6, (40, 12)).astype(np.float64)  # many ties
    scores[random.random(scores.shape) < 0.2] = -np.inf
    scores[random.random(scores.shape) < 0.1] = np.nan
    right = random.integers(0, 12, 40)

    expected = [
        rank_of({c: s for c, s in enumerate(row) if np.isfinite(s)}, int(r))
        for row, r in zip(scores, right, strict=True)
    ]

    assert ranks_of(scores, right).tolist() == expected


def test_recall_mrr_and_median() -> None:
    ranks = [1, 2, 4, math.inf]
    assert recall_at(ranks, 1) == 1 / 4
    assert recall_at(ranks, 5) == 3 / 4
    assert mean_reciprocal_rank(ranks) == (1 + 1 / 2 + 1 / 4 + 0) / 4
    assert median_rank(ranks) == 3.0
    assert median_rank([1, math.inf, math.inf]) == math.inf
    assert median_rank([1, 3, 8]) == 3.0


def test_a_tie_for_the_first_place_is_not_a_first_place() -> None:
    assert recall_at([rank_of({"a": 1.0, "b": 1.0}, "a")], 1) == 0.0


def test_ndcg_by_hand() -> None:
    # gains 3, 0, 2 at places 1, 2, 3; best order 3, 2
    got = 3 / math.log2(2) + 2 / math.log2(4)
    best = 3 / math.log2(2) + 2 / math.log2(3)
    assert ndcg_at([3, 0, 2]) == pytest.approx(got / best)
    # a relevant scene that never came lowers it
    assert ndcg_at([1], ideal=[1, 1]) == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert ndcg_at([0, 1], k=1) == 0.0
    assert ndcg_at([0, 0]) == 0.0
    assert ndcg_at([1, 0, 0]) == 1.0


def test_summary_agrees_with_its_parts() -> None:
    ranks = [1, 3, 11, math.inf]
    found = summarise(ranks)
    assert found.ndcg_10 == pytest.approx((1 / math.log2(2) + 1 / math.log2(4) + 0 + 0) / 4)
    one_by_one = [ndcg_at([0.0] * (min(int(r), 20) - 1) + [1.0], 10) if math.isfinite(r) else 0.0 for r in ranks]
    assert found.ndcg_10 == pytest.approx(sum(one_by_one) / 4)
    assert (found.queries, found.recall_1, found.recall_5, found.recall_10) == (4, 0.25, 0.5, 0.5)
    assert (found.mrr, found.median_rank) == (mean_reciprocal_rank(ranks), 7.0)


def test_nothing_cannot_be_summarised() -> None:
    with pytest.raises(ValueError, match="no ranks"):
        summarise([])
