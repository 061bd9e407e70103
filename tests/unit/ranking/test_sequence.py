"""Chains of scenes: in order, in time, in one video."""

from __future__ import annotations

from itertools import product
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import Span
from heimdex.ranking.sequence import GAP_WEIGHT, Step, find_chains, gap_s


def step(start: float, score: float = 1.0, *, video: int = 1, length: float = 5.0) -> Step:
    number = video * 100_000 + int(start * 10)
    return Step(SceneId(UUID(int=number)), VideoId(UUID(int=video)), Span(start, start + length), score)


def starts(sides: list[list[Step]], within: list[float]) -> list[tuple[float, ...]]:
    return [tuple(s.span.start_s for s in chain.steps) for chain in find_chains(sides, within)]


def test_b_must_come_after_a_within_the_window() -> None:
    assert starts([[step(0)], [step(10)]], [20]) == [(0, 10)]
    assert starts([[step(10)], [step(0)]], [20]) == []
    assert starts([[step(0)], [step(26)]], [20]) == []
    assert starts([[step(0)], [step(25)]], [20]) == [(0, 25)]  # from the end of the one to the start of the other


def test_one_scene_is_not_before_itself_and_another_video_does_not_count() -> None:
    assert starts([[step(0)], [step(0)]], [20]) == []
    assert starts([[step(0)], [step(10, video=2)]], [20]) == []


def test_a_side_without_a_scene_gives_nothing() -> None:
    assert find_chains([[step(0)], []], [20]) == []
    assert find_chains([], []) == []


def test_neighbours_need_no_time() -> None:
    assert starts([[step(0)], [step(5)]], [0]) == [(0, 5)]
    assert starts([[step(0)], [step(5.1)]], [0]) == []


def test_the_score_is_the_mean_less_the_gap() -> None:
    (chain,) = find_chains([[step(0, 0.8)], [step(15, 0.4)]], [20])

    assert chain.penalty == pytest.approx(GAP_WEIGHT * 0.5 / 2)
    assert chain.score == pytest.approx(0.6 - chain.penalty)


def test_the_better_and_the_nearer_is_taken_and_each_scene_once() -> None:
    assert starts([[step(0, 0.5), step(10, 0.9)], [step(20, 1.0)]], [30]) == [(10, 20)]
    assert starts([[step(0, 0.9), step(10, 0.9)], [step(20, 1.0)]], [30]) == [(10, 20)]
    assert starts([[step(0), step(40)], [step(10), step(50)]], [20]) == [(0, 10), (40, 50)]


def test_three_sides_are_three_scenes_in_a_row() -> None:
    assert starts([[step(0)], [step(10)], [step(20)]], [10, 10]) == [(0, 10, 20)]
    assert starts([[step(0)], [step(20)], [step(10)]], [60, 60]) == []


def test_a_chain_is_judged_as_part_of_the_whole() -> None:
    # among two scenes the first would win, among three the nearer does
    sides = [[step(25.0, 0.78125), step(40.0, 0.71875)], [step(45.0, 0.0)], [step(50.0, 0.0)]]
    (found,) = find_chains(sides, [17, 17])

    assert found.steps[0].span.start_s == 40.0


STEPS = st.lists(
    st.builds(step, st.integers(0, 12).map(lambda n: n * 5.0), st.floats(0, 1), video=st.integers(1, 2)),
    max_size=6, unique_by=lambda s: s.scene_id,
)  # fmt: skip


@settings(max_examples=300)
@given(STEPS, STEPS, STEPS, st.integers(0, 40))
def test_the_best_chain_is_that_of_brute_force(a: list[Step], b: list[Step], c: list[Step], window: int) -> None:
    found = find_chains([a, b, c], [window, window])

    scores = []
    for chain in product(a, b, c):
        gaps = [gap_s(chain[0].span, chain[1].span), gap_s(chain[1].span, chain[2].span)]
        if len({s.video_id for s in chain}) > 1 or any(gap is None or gap > window for gap in gaps):
            continue
        share = sum((gap or 0.0) / window if window else 0.0 for gap in gaps)
        scores.append(sum(s.score for s in chain) / 3 - GAP_WEIGHT * share / 3)
    assert bool(found) == bool(scores)
    if scores:
        assert found[0].score == pytest.approx(max(scores))
    assert [chain.score for chain in found] == sorted((chain.score for chain in found), reverse=True)
    used = [s.scene_id for chain in found for s in chain.steps]
    assert len(set(used)) == len(used)
