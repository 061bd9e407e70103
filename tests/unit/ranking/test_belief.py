"""What was found moves the prior and the weights, and never more than it says."""

from __future__ import annotations

import math
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.ids import SceneId
from heimdex.domain.query import UNIFORM, Channel, Prior
from heimdex.ranking.belief import LEAST_CANDIDATES, Relief, emphasised, relief, updated

SCENES = [SceneId(UUID(int=n)) for n in range(60)]


def even(best: float, count: int = 40) -> dict[SceneId, float]:
    """Scores from 0 to 0.1, and one scene at ``best``."""
    rest = {scene: 0.1 * n / count for n, scene in enumerate(SCENES[1:count])}
    return {SCENES[0]: best, **rest}


def test_a_height_is_the_distance_from_the_also_rans_in_standard_deviations() -> None:
    scores = even(0.5)
    found = relief(Channel.VISUAL, scores)

    assert found is not None
    ordered = sorted(scores.values(), reverse=True)
    middle = sum(ordered[5:25]) / 20
    mean = sum(ordered) / len(ordered)
    unit = math.sqrt(sum((s - mean) ** 2 for s in ordered) / len(ordered))
    assert found.heights[SCENES[0]] == pytest.approx((0.5 - middle) / unit)
    assert found.range == pytest.approx((0.5 - min(ordered)) / unit)


def test_words_are_measured_from_nothing_said() -> None:
    found = relief(Channel.LEXICAL, {SCENES[0]: 6.0})

    assert found is not None
    assert (found.heights[SCENES[0]], found.absent, found.range) == (6.0, 0.0, 6.0)


@pytest.mark.parametrize(
    ("channel", "scores"),
    [
        (Channel.VISUAL, even(0.5, LEAST_CANDIDATES - 1)),
        (Channel.VISUAL, dict.fromkeys(SCENES, 0.3)),
        (Channel.VISUAL, dict.fromkeys(SCENES, math.nan)),
        (Channel.LEXICAL, {}),
    ],
)
def test_too_little_is_no_evidence(channel: Channel, scores: dict[SceneId, float]) -> None:
    assert relief(channel, scores) is None


def reliefs(visual: float, transcript: float) -> dict[Channel, Relief]:
    found = {
        Channel.VISUAL: relief(Channel.VISUAL, even(visual)),
        Channel.TRANSCRIPT: relief(Channel.TRANSCRIPT, even(transcript)),
    }
    return {channel: each for channel, each in found.items() if each is not None}


def test_what_towers_is_what_was_sought() -> None:
    seen, said = updated(UNIFORM, reliefs(0.9, 0.1)), updated(UNIFORM, reliefs(0.1, 0.9))

    assert seen.visual > UNIFORM.visual > seen.transcript
    assert said.transcript > UNIFORM.transcript > said.visual


def test_one_side_alone_is_no_comparison() -> None:
    prior = Prior(0.2, 0.5, 0.3)
    both = reliefs(0.9, 0.1)

    assert updated(prior, {Channel.VISUAL: both[Channel.VISUAL]}) == prior
    assert updated(prior, {Channel.TRANSCRIPT: both[Channel.TRANSCRIPT]}) == prior


def test_strength_zero_leaves_the_prior() -> None:
    prior = updated(Prior(0.2, 0.5, 0.3), reliefs(0.9, 0.1), strength=0.0)

    assert (prior.visual, prior.transcript, prior.both) == pytest.approx((0.2, 0.5, 0.3))


numbers = st.lists(st.floats(-1, 1), min_size=0, max_size=60)


@given(numbers, numbers, st.lists(st.floats(0, 30), max_size=30), st.tuples(*[st.floats(0, 1)] * 3))
def test_a_prior_stays_one(
    visual: list[float], said: list[float], words: list[float], start: tuple[float, float, float]
) -> None:
    total = sum(start) or 1.0
    prior = Prior(*(share / total for share in start)) if sum(start) else UNIFORM
    scores = {Channel.VISUAL: visual, Channel.TRANSCRIPT: said, Channel.LEXICAL: words}
    found = {c: relief(c, dict(zip(SCENES, values, strict=False))) for c, values in scores.items()}
    known = {c: each for c, each in found.items() if each is not None}

    after = updated(prior, known)
    weights = emphasised(dict.fromkeys(Channel, 0.25), known)

    assert after.visual + after.transcript + after.both == pytest.approx(1)
    assert min(after.visual, after.transcript, after.both) >= 0
    assert all(math.isfinite(weight) and weight >= 0 for weight in weights.values())


@given(st.floats(0.01, 100), st.floats(-5, 5))
def test_the_scale_of_cosines_does_not_matter(scale: float, shift: float) -> None:
    scores = even(0.5)
    moved = {scene: scale * score + shift for scene, score in scores.items()}
    before, after = relief(Channel.VISUAL, scores), relief(Channel.VISUAL, moved)

    assert before is not None
    assert after is not None
    assert after.range == pytest.approx(before.range, rel=1e-6)


def test_a_channel_that_barely_rises_counts_for_less() -> None:
    weights = emphasised({Channel.VISUAL: 0.5, Channel.LEXICAL: 0.5}, reliefs(0.9, 0.1))
    flat = emphasised({Channel.VISUAL: 0.5, Channel.LEXICAL: 0.5}, reliefs(0.11, 0.9))

    assert weights[Channel.VISUAL] > flat[Channel.VISUAL]
    assert weights[Channel.LEXICAL] == 0.5
