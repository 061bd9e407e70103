"""What must hold of every ranking, whatever the scores: 10,000 examples together with the other properties here.

The whole way of a search: raw scores of channels, also such as are no numbers, fused, then reordered by CLIP.
"""

from __future__ import annotations

import ast
import math
from itertools import pairwise
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel
from heimdex.domain.results import Candidate
from heimdex.ranking.fuse import Fused, fuse_min_max, fuse_rrf
from heimdex.ranking.normalize import finite, min_max
from heimdex.ranking.rerank import Outcome, Reranked, rerank

Scores = dict[SceneId, float]
Raw = dict[Channel, Scores]
Weights = dict[Channel, float]

SCENES = [SceneId(UUID(int=n)) for n in range(9)]
#: as a model gives them: any cosine, and now and then no number at all
COSINE = st.floats(-1, 1, width=32) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, -1.0])
COSINES = st.dictionaries(st.sampled_from(SCENES), COSINE, max_size=9)
#: scores of which no two lie so near that rounding decides between them
TIDY = st.dictionaries(st.sampled_from(SCENES), st.integers(0, 1000).map(lambda n: n / 1000), max_size=9)
RAW = st.dictionaries(st.sampled_from(list(Channel)), COSINES, min_size=1)
TIDY_RAW = st.dictionaries(st.sampled_from(list(Channel)), TIDY, min_size=1)
WEIGHTS = st.fixed_dictionaries({channel: st.sampled_from([0.0, 0.1, 0.25, 0.45, 1.0]) for channel in Channel})
CLIP_WEIGHT = st.sampled_from([0.0, 0.3, 0.7, 1.0])
POOL = st.integers(1, 12)
many = settings(max_examples=350, deadline=None)


def search(raw: Raw, weights: Weights, cosines: Scores, weight: float = 0.3, flat: float = 0.05, pool: int = 500) -> (
    tuple[Fused, Reranked]
):  # fmt: skip
    """Fuse the candidates that have a number, then let CLIP reorder them."""
    known = {
        channel: {c.scene_id: c.raw for c in finite([Candidate(scene, score) for scene, score in scores.items()])}
        for channel, scores in raw.items()
    }
    fused = fuse_min_max(known, weights)
    return fused, rerank(fused.order, cosines, clip_weight=weight, min_range=flat, pool_size=pool)


def places(order: list[tuple[SceneId, float]]) -> list[SceneId]:
    return [scene for scene, _ in order]


@many
@given(RAW, WEIGHTS, COSINES, CLIP_WEIGHT, POOL)
def test_no_order_has_a_score_that_is_no_number_and_none_loses_a_scene(
    raw: Raw, weights: Weights, cosines: Scores, weight: float, pool: int
) -> None:
    fused, reranked = search(raw, weights, cosines, weight, pool=pool)

    wanted = {
        scene
        for channel, scores in raw.items()
        for scene, score in scores.items()
        if weights[channel] > 0 and math.isfinite(score)
    }
    for order in (fused.order, reranked.order):
        assert all(math.isfinite(score) and score >= 0.0 for _, score in order)
        assert set(places(order)) == wanted
        assert len(order) == len(wanted)
        assert all(a >= b - 1e-12 for (_, a), (_, b) in pairwise(order))


@many
@given(RAW, WEIGHTS, COSINES, st.randoms(use_true_random=False))
def test_the_order_is_total_and_does_not_depend_on_the_order_of_arrival(
    raw: Raw, weights: Weights, cosines: Scores, chance: Random
) -> None:
    def shuffled(scores: Scores) -> Scores:
        items = list(scores.items())
        chance.shuffle(items)
        return dict(items)

    channels = list(raw)
    chance.shuffle(channels)
    again = search({c: shuffled(raw[c]) for c in channels}, shuffled_weights(weights, chance), shuffled(cosines))

    assert again == search(raw, weights, cosines)


def shuffled_weights(weights: Weights, chance: Random) -> Weights:
    items = list(weights.items())
    chance.shuffle(items)
    return dict(items)


@many
@given(TIDY, st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.integers(-8, 8))
def test_scale_and_origin_of_a_measure_do_not_matter(scores: Scores, scale: float, origin: int) -> None:
    moved = {scene: scale * score + origin for scene, score in scores.items()}

    assert min_max(moved) == pytest.approx(min_max(scores), abs=1e-9)


@many
@given(TIDY_RAW, WEIGHTS, TIDY, st.sampled_from([0.5, 2.0, 4.0]))
def test_the_scale_of_all_weights_does_not_matter(raw: Raw, weights: Weights, cosines: Scores, factor: float) -> None:
    scaled = {channel: weight * factor for channel, weight in weights.items()}

    assert dict(search(raw, scaled, cosines)[1].order) == pytest.approx(dict(search(raw, weights, cosines)[1].order))


@many
@given(RAW, WEIGHTS, COSINES, st.sampled_from(list(Channel)))
def test_a_channel_of_weight_zero_is_absent(raw: Raw, weights: Weights, cosines: Scores, gone: Channel) -> None:
    without = {channel: scores for channel, scores in raw.items() if channel is not gone}

    assert search(raw, {**weights, gone: 0.0}, cosines) == search(without, weights, cosines)


@many
@given(RAW, WEIGHTS, st.dictionaries(st.sampled_from(SCENES), st.floats(0.2, 0.2499), max_size=9), CLIP_WEIGHT, POOL)
def test_flat_cosines_leave_the_base_as_it_is(
    raw: Raw, weights: Weights, cosines: Scores, weight: float, pool: int
) -> None:
    fused, reranked = search(raw, weights, cosines, weight, pool=pool)
    scored = set(places(fused.order)[:pool]) & set(cosines)

    if len(scored) == 1:
        assert places(reranked.order) == places(fused.order)
    else:
        assert reranked.order == fused.order
        assert reranked.outcome is (Outcome.FLAT if scored else Outcome.UNSCORED)


@many
@given(RAW, WEIGHTS, POOL)
def test_no_cosine_or_no_weight_leaves_the_base_order(raw: Raw, weights: Weights, pool: int) -> None:
    fused, unscored = search(raw, weights, dict.fromkeys(SCENES, math.nan), pool=pool)
    assert unscored.order == fused.order

    _, weightless = search(raw, weights, {scene: n / 10 for n, scene in enumerate(SCENES)}, 0.0, pool=pool)
    assert places(weightless.order) == places(fused.order)


@many
@given(TIDY_RAW, WEIGHTS, st.data())
def test_a_better_score_never_costs_a_place(raw: Raw, weights: Weights, data: st.DataObject) -> None:
    channel = data.draw(st.sampled_from(sorted(raw)))
    assume(raw[channel] and weights[channel] > 0)
    scene = data.draw(st.sampled_from(sorted(raw[channel])))
    more = data.draw(st.integers(1, 500)) / 1000
    before = dict(fuse_min_max(raw, weights).order)
    after = dict(fuse_min_max({**raw, channel: {**raw[channel], scene: raw[channel][scene] + more}}, weights).order)

    for other, score in before.items():
        if before[scene] > score + 1e-9:
            assert after[scene] >= after[other] - 1e-9


@many
@given(TIDY_RAW, WEIGHTS, TIDY, st.data())
def test_a_better_cosine_never_costs_a_place_in_the_pool(
    raw: Raw, weights: Weights, cosines: Scores, data: st.DataObject
) -> None:
    fused, before = search(raw, weights, cosines, flat=0.0)
    known = sorted(set(places(fused.order)) & set(cosines))
    assume(len(known) > 1)
    scene = data.draw(st.sampled_from(known))
    more = data.draw(st.integers(1, 500)) / 1000
    _, after = search(raw, weights, {**cosines, scene: cosines[scene] + more}, flat=0.0)

    old, new = dict(before.order), dict(after.order)
    for other, score in old.items():
        if old[scene] > score + 1e-9:
            assert new[scene] >= new[other] - 1e-9


@many
@given(TIDY_RAW, WEIGHTS, TIDY, st.data())
def test_a_scene_that_loses_its_vector_is_judged_by_its_base_alone(
    raw: Raw, weights: Weights, cosines: Scores, data: st.DataObject
) -> None:
    fused, _ = search(raw, weights, cosines)
    assume(fused.order)
    scene = data.draw(st.sampled_from(places(fused.order)))
    _, after = search(raw, weights, {s: c for s, c in cosines.items() if s != scene})

    best = fused.order[0][1]
    if after.outcome is Outcome.APPLIED and best > 0:
        assert dict(after.order)[scene] == pytest.approx(dict(fused.order)[scene] / best)


@many
@given(st.sampled_from(list(Channel)), st.sampled_from(SCENES), st.floats(-1, 1), TIDY_RAW, WEIGHTS)
def test_a_lone_hit_is_worth_the_whole_weight_of_its_channel(
    channel: Channel, scene: SceneId, score: float, raw: Raw, weights: Weights
) -> None:
    assume(weights[channel] > 0)
    fused = fuse_min_max({**raw, channel: {scene: score}}, weights)

    assert dict(fused.order)[scene] >= fused.weights[channel] - 1e-12


@many
@given(TIDY_RAW, WEIGHTS, st.integers(1, 100))
def test_reciprocal_ranks_keep_the_order_of_a_single_channel(raw: Raw, weights: Weights, k: int) -> None:
    for channel, scores in raw.items():
        ranking = sorted(scores, key=lambda scene: (-scores[scene], scene))
        fused = fuse_rrf({channel: ranking}, weights, k=k)
        assert places(fused.order) == (ranking if weights[channel] > 0 else [])


def test_the_properties_have_ten_thousand_examples() -> None:
    """Count what the files of this folder and the query language's ask for: a default of 100 where none is said."""
    folder = Path(__file__).parent
    files = [*folder.glob("test_*.py"), *(folder.parent / "search").glob("test_*.py")]
    assert sum(examples(file) for file in files) >= 10_000


def examples(file: Path) -> int:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    named = {
        target.id: most
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name)
        if (most := _most(node.value)) is not None
    }
    total = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            if any(mark.startswith("given(") for mark in marks):
                said = [_most(mark) or named.get(ast.unparse(mark)) for mark in node.decorator_list]
                total += next((most for most in said if most is not None), 100)
    return total


def _most(call: ast.expr) -> int | None:
    """Return what ``settings(max_examples=…)`` asks for."""
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "settings":
        return None
    return next((k.value.value for k in call.keywords if k.arg == "max_examples"), None)  # type: ignore[attr-defined]
