"""Normalising and fusing, by properties."""

from __future__ import annotations

import math
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel
from heimdex.domain.results import Candidate
from heimdex.ranking.fuse import fuse_min_max, fuse_rrf, in_order
from heimdex.ranking.normalize import finite, is_flat, min_max

Scores = dict[SceneId, float]
Raw = dict[Channel, Scores]
Weights = dict[Channel, float]

SCENES = [SceneId(UUID(int=n)) for n in range(8)]
SCORE = st.integers(0, 1000).map(lambda n: n / 1000)
SCORES = st.dictionaries(st.sampled_from(SCENES), SCORE, max_size=8)
RAW = st.dictionaries(st.sampled_from(list(Channel)), SCORES, min_size=1)
WEIGHTS = st.fixed_dictionaries({channel: st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) for channel in Channel})
many = settings(max_examples=250, deadline=None)


@many
@given(SCORES)
def test_normalised_scores_lie_between_zero_and_one_and_the_best_is_one(scores: Scores) -> None:
    normalised = min_max(scores)

    assert normalised.keys() == scores.keys()
    assert all(0.0 <= score <= 1.0 for score in normalised.values())
    assert not scores or max(normalised.values()) == 1.0


def test_a_lone_or_equal_score_is_one() -> None:
    a, b = SCENES[:2]

    assert min_max({a: 0.3}) == {a: 1.0}
    assert min_max({a: 0.3, b: 0.3}) == {a: 1.0, b: 1.0}
    assert min_max({a: 0.3}, floor=0.0) == {a: 1.0}


def test_a_floor_keeps_close_scores_close() -> None:
    a, b = SCENES[:2]

    assert min_max({a: 5.1, b: 5.0})[b] == 0.0
    assert min_max({a: 5.1, b: 5.0}, floor=0.0)[b] == pytest.approx(5.0 / 5.1)


def test_no_number_gets_through() -> None:
    a, b, c = SCENES[:3]

    assert min_max({a: math.nan, b: 1.0, c: math.inf}) == {b: 1.0}
    assert [c.raw for c in finite([Candidate(a, math.nan), Candidate(b, 0.1), Candidate(b, 0.2)])] == [0.2]


@pytest.mark.parametrize(
    ("cosines", "flat"),
    [([0.72, 0.73, 0.71, 0.72], True), ([0.20, 0.25], False), ([0.2], False), ([], False), ([0.5, math.nan], False)],
)
def test_flatness_is_strict_and_needs_two(cosines: list[float], flat: bool) -> None:
    assert is_flat(dict(zip(SCENES, cosines, strict=False)), 0.05) is flat


def test_a_range_of_exactly_the_threshold_is_not_flat() -> None:
    assert not is_flat({SCENES[0]: 0.5, SCENES[1]: 0.25}, 0.25)


@many
@given(RAW, WEIGHTS)
def test_every_candidate_of_a_weighted_channel_comes_out_once(raw: Raw, weights: Weights) -> None:
    fused = fuse_min_max(raw, weights)

    expected = {scene for channel, scores in raw.items() if weights[channel] > 0 for scene in scores}
    assert {scene for scene, _ in fused.order} == expected
    assert fused.order == in_order(dict(fused.order))
    assert all(math.isfinite(score) and 0.0 <= score <= 1.0 + 1e-9 for _, score in fused.order)
    assert not fused.order or sum(fused.weights.values()) == pytest.approx(1.0)


@many
@given(RAW, WEIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(raw: Raw, weights: Weights, random: object) -> None:
    items = list(raw.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    shuffled = {channel: dict(reversed(scores.items())) for channel, scores in items}

    assert fuse_min_max(shuffled, weights).order == fuse_min_max(raw, weights).order


@many
@given(RAW, WEIGHTS, st.sampled_from([0.5, 2.0, 4.0]))
def test_the_scale_of_a_channel_changes_nothing(raw: Raw, weights: Weights, factor: float) -> None:
    scaled = {channel: {scene: score * factor for scene, score in scores.items()} for channel, scores in raw.items()}

    assert fuse_min_max(scaled, weights).order == fuse_min_max(raw, weights).order


@many
@given(RAW, WEIGHTS, st.sampled_from(list(Channel)))
def test_weight_zero_is_as_if_the_channel_were_absent(raw: Raw, weights: Weights, gone: Channel) -> None:
    without = {channel: scores for channel, scores in raw.items() if channel is not gone}

    assert fuse_min_max(raw, {**weights, gone: 0.0}) == fuse_min_max(without, weights)


@many
@given(RAW, WEIGHTS)
def test_an_empty_channel_leaves_its_weight_to_the_others(raw: Raw, weights: Weights) -> None:
    emptied = {**raw, Channel.SUMMARY: {}}
    without: Raw = {channel: scores for channel, scores in raw.items() if channel is not Channel.SUMMARY}

    assert fuse_min_max(emptied, weights) == fuse_min_max(without, weights)


@many
@given(RAW, WEIGHTS, st.data())
def test_a_better_score_never_hurts(raw: Raw, weights: Weights, data: st.DataObject) -> None:
    channel = data.draw(st.sampled_from(sorted(raw)))
    if not raw[channel]:
        return
    scene = data.draw(st.sampled_from(sorted(raw[channel])))
    better = {**raw, channel: {**raw[channel], scene: raw[channel][scene] + 0.5}}

    def place(order: list[tuple[SceneId, float]]) -> int:
        return [s for s, _ in order].index(scene) if scene in dict(order) else -1

    before, after = fuse_min_max(raw, weights), fuse_min_max(better, weights)
    others = set(raw[channel]) - {scene}
    # another scene alone on top before, then equal at 1.0, is the one case where places may tie
    if len(others) > 1:
        assert dict(after.order).get(scene, 0.0) >= dict(before.order).get(scene, 0.0) - 1e-9
    assert place(after.order) <= max(place(before.order), 0) or len(others) <= 1


@many
@given(st.dictionaries(st.sampled_from(list(Channel)), st.permutations(SCENES[:5]), min_size=1), WEIGHTS)
def test_reciprocal_ranks_order_totally(rankings: dict[Channel, list[SceneId]], weights: Weights) -> None:
    fused = fuse_rrf(rankings, weights, k=60)

    assert fused.order == fuse_rrf(dict(reversed(rankings.items())), weights, k=60).order
    assert all(0.0 < score <= 1 / 61 + 1e-12 for _, score in fused.order)


def test_reciprocal_rank_by_hand() -> None:
    a, b = SCENES[:2]
    fused = fuse_rrf({Channel.VISUAL: [a, b], Channel.LEXICAL: [b]}, {Channel.VISUAL: 1.0, Channel.LEXICAL: 1.0}, k=2)

    assert dict(fused.order) == pytest.approx({a: 0.5 / 3, b: 0.5 / 4 + 0.5 / 3})
