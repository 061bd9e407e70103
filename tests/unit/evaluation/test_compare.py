"""The paired bootstrap: sure where it may be, and only there."""

from __future__ import annotations

import math

import numpy as np
import pytest

from heimdex.evaluation.compare import paired_bootstrap


def test_a_constant_gain_has_no_doubt() -> None:
    found = paired_bootstrap([0.6, 0.7, 0.8], [0.5, 0.6, 0.7], ["a", "b", "c"])
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (found.queries, found.clusters) == (3, 3)


def test_only_the_differences_count() -> None:
    random = np.random.default_rng(1)
    theirs, gain = random.random(60), random.normal(0.1, 0.1, 60)
    far = paired_bootstrap(theirs + gain, theirs, range(60))
    near = paired_bootstrap(gain, np.zeros(60), range(60))
    assert (far.mean, far.low, far.high) == pytest.approx((near.mean, near.low, near.high))


def test_two_clusters_by_hand() -> None:
    # cluster a: one query, gain 1; cluster b: three queries, gain 0. A resample draws aa, ab, ba or bb:
    # means 1, 1/4, 1/4, 0, so that the outer 2.5 % on each side are 1 and 0
    found = paired_bootstrap([1, 0, 0, 0], [0, 0, 0, 0], ["a", "b", "b", "b"])
    assert (found.mean, found.low, found.high) == (0.25, 0.0, 1.0)


def test_queries_of_one_cluster_are_not_independent_evidence() -> None:
    random = np.random.default_rng(2)
    of_cluster = random.normal(0.05, 0.2, 10)
    gains = np.repeat(of_cluster, 50)  # fifty copies of each say no more than one
    clustered = paired_bootstrap(gains, np.zeros(500), np.repeat(np.arange(10), 50))
    single = paired_bootstrap(gains, np.zeros(500), np.arange(500))
    assert clustered.high - clustered.low > 4 * (single.high - single.low)
    assert clustered.low < 0 < single.low


def test_one_cluster_proves_nothing() -> None:
    found = paired_bootstrap([1.0, 1.0], [0.0, 0.0], ["a", "a"])
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        gains = np.repeat(random.normal(0.0, 1.0, 40), 3) + random.normal(0.0, 0.5, 120)
        found = paired_bootstrap(gains, np.zeros(120), np.repeat(np.arange(40), 3), rounds=300, seed=seed)
        covered += found.low <= 0.0 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_same_seed_same_interval() -> None:
    gains = np.random.default_rng(4).random(30)
    assert paired_bootstrap(gains, np.zeros(30), range(30)) == paired_bootstrap(gains, np.zeros(30), range(30))


@pytest.mark.parametrize(
    ("ours", "theirs", "clusters"),
    [([], [], []), ([1.0], [1.0], [1, 2]), ([math.nan, 1.0], [1.0, 1.0], [1, 2]), ([math.inf], [1.0], [1])],
)
def test_what_cannot_be_compared_is_refused(ours: list[float], theirs: list[float], clusters: list[int]) -> None:
    with pytest.raises(ValueError, match=r"per query|not finite"):
        paired_bootstrap(ours, theirs, clusters)
