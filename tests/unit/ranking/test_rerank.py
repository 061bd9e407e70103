"""The guide's rerank, step by step and by properties."""

from __future__ import annotations

import math
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimdex.domain.ids import SceneId
from heimdex.ranking.fuse import Ranking, in_order
from heimdex.ranking.rerank import Outcome, Reranked, rerank

SCENES = [SceneId(UUID(int=n)) for n in range(10)]
BASES = st.dictionaries(st.sampled_from(SCENES), st.integers(0, 100).map(lambda n: n / 100), min_size=1).map(in_order)
COSINES = st.dictionaries(
    st.sampled_from(SCENES), st.one_of(st.integers(-100, 100).map(lambda n: n / 100), st.just(math.nan))
)
many = settings(max_examples=250, deadline=None)


def run(
    base: Ranking, cosines: dict[SceneId, float], weight: float = 0.3, flat: float = 0.05, pool: int = 500
) -> Reranked:
    return rerank(base, cosines, clip_weight=weight, min_range=flat, pool_size=pool)


def test_the_blend_by_hand() -> None:
    a, b, c = SCENES[:3]
    found = run([(a, 0.8), (b, 0.6), (c, 0.4)], {a: 0.20, b: 0.30, c: 0.25})

    assert found.outcome is Outcome.APPLIED
    assert dict(found.order) == pytest.approx({a: 0.7, b: 0.7 * 0.75 + 0.3, c: 0.7 * 0.5 + 0.15})
    assert [scene for scene, _ in found.order] == [b, a, c]


def test_flat_cosines_leave_the_base_order_alone() -> None:
    base = [(SCENES[0], 0.8), (SCENES[1], 0.6)]
    found = run(base, {SCENES[0]: 0.71, SCENES[1]: 0.75})

    assert found.outcome is Outcome.FLAT
    assert found.order == base
    assert found.score_range == pytest.approx(0.04)


def test_one_candidate_is_not_flat() -> None:
    found = run([(SCENES[0], 0.4)], {SCENES[0]: 0.2})

    assert found.outcome is Outcome.APPLIED
    assert found.order == [(SCENES[0], 1.0)]


def test_a_scene_without_a_vector_keeps_its_base_score() -> None:
    a, b, c = SCENES[:3]
    found = run([(a, 1.0), (b, 0.9), (c, 0.8)], {b: 0.1, c: 0.3})

    assert dict(found.order)[a] == 1.0
    assert found.scored == 2


def test_a_lone_vector_moves_nothing() -> None:
    base = [(SCENES[0], 1.0), (SCENES[1], 0.9), (SCENES[2], 0.8)]

    assert [s for s, _ in run(base, {SCENES[2]: 0.9}).order] == SCENES[:3]


def test_no_vector_at_all_leaves_the_base() -> None:
    base = [(SCENES[0], 1.0), (SCENES[1], 0.9)]
    found = run(base, {SCENES[0]: math.nan})

    assert (found.outcome, found.order) == (Outcome.UNSCORED, base)


def test_what_lies_outside_the_pool_stays_behind_it_in_order() -> None:
    base = [(scene, 1.0 - n / 10) for n, scene in enumerate(SCENES[:6])]
    found = run(base, {scene: n / 10 for n, scene in enumerate(SCENES)}, weight=0.9, pool=3)

    assert [s for s, _ in found.order] == [*reversed(SCENES[:3]), *SCENES[3:6]]


def test_silent_scenes_alone_are_ordered_by_clip() -> None:
    found = run([(SCENES[0], 0.0), (SCENES[1], 0.0)], {SCENES[0]: 0.1, SCENES[1]: 0.9})

    assert [s for s, _ in found.order] == [SCENES[1], SCENES[0]]


@many
@given(BASES, COSINES, st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(1, 12))
def test_nothing_is_lost_nothing_is_no_number_and_the_receipt_adds_up(
    base: Ranking, cosines: dict[SceneId, float], weight: float, pool: int
) -> None:
    found = run(base, cosines, weight, pool=pool)

    assert sorted(s for s, _ in found.order) == sorted(s for s, _ in base)
    assert all(math.isfinite(score) for _, score in found.order)
    scores = [score for _, score in found.order]
    assert all(a >= b - 1e-12 for a, b in pairwise(scores))
    for scene, blended in found.blended.items():
        assert blended.score == pytest.approx(dict(found.order)[scene], abs=1e-6)


@many
@given(BASES, COSINES)
def test_weight_zero_is_the_base_order(base: Ranking, cosines: dict[SceneId, float]) -> None:
    assert [s for s, _ in run(base, cosines, weight=0.0).order] == [s for s, _ in base]


@many
@given(BASES, COSINES, st.sampled_from([0.5, 2.0]))
def test_the_scale_of_the_base_changes_nothing(base: Ranking, cosines: dict[SceneId, float], factor: float) -> None:
    scaled = [(scene, score * factor) for scene, score in base]

    assert [s for s, _ in run(scaled, cosines).order] == [s for s, _ in run(base, cosines).order]


@many
@given(BASES, COSINES, st.data())
def test_a_better_cosine_never_hurts(base: Ranking, cosines: dict[SceneId, float], data: st.DataObject) -> None:
    known = [s for s, _ in base if math.isfinite(cosines.get(s, math.nan))]
    if len(known) < 3:
        return
    scene = data.draw(st.sampled_from(sorted(known)))
    before = run(base, cosines, flat=0.0)
    after = run(base, {**cosines, scene: cosines[scene] + 0.5}, flat=0.0)

    assert dict(after.order)[scene] >= dict(before.order)[scene] - 1e-9


@many
@given(BASES, COSINES)
def test_losing_its_vector_never_takes_a_scene_below_its_base(base: Ranking, cosines: dict[SceneId, float]) -> None:
    found = run(base, cosines)
    best = max(score for _, score in base)
    for scene, score in found.order:
        if scene not in cosines and found.outcome is Outcome.APPLIED and best > 0:
            assert score == pytest.approx(dict(base)[scene] / best)
