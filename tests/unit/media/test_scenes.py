from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.media import Span
from heimdex.media.scenes import SceneSpans


def spans(
    boundaries: list[float], end_s: float, *, start_s: float = 0.0, step_s: float = 0.5
) -> list[tuple[float, float]]:
    scenes = SceneSpans(start_s, min_s=1.0, max_s=10.0)
    found: list[Span] = []
    now_s = start_s
    waiting = sorted(boundaries)
    while now_s < end_s:
        now_s = min(end_s, now_s + step_s)
        ready = [b for b in waiting if b <= now_s]
        waiting = waiting[len(ready) :]
        found += scenes.push(ready, certain_s=now_s)
    found += scenes.finish(end_s)
    return [(span.start_s, span.end_s) for span in found]


@pytest.mark.parametrize(
    ("boundaries", "end_s", "expected"),
    [
        ([], 5.0, [(0, 5)]),
        ([], 0.0, [(0, 0)]),
        ([2.0, 4.0], 6.0, [(0, 2), (2, 4), (4, 6)]),
        ([0.4, 3.0], 6.0, [(0, 3), (3, 6)]),
        ([2.0, 2.6, 4.0], 6.0, [(0, 2.6), (2.6, 4), (4, 6)]),
        ([2.0, 5.5], 6.0, [(0, 2), (2, 6)]),
        ([0.2, 0.4, 0.6], 0.8, [(0, 0.8)]),
        ([], 15.0, [(0, 7.5), (7.5, 15)]),
    ],
)
def test_short_scenes_join_and_long_ones_are_split(
    boundaries: list[float], end_s: float, expected: list[tuple[float, float]]
) -> None:
    assert spans(boundaries, end_s) == expected


@given(
    boundaries=st.lists(st.floats(0.01, 119), max_size=60),
    start_s=st.floats(0, 5),
    length_s=st.floats(0, 120),
    step_s=st.sampled_from([0.04, 1.0, 7.0]),
)
def test_scenes_cover_the_video_without_gap(
    boundaries: list[float], start_s: float, length_s: float, step_s: float
) -> None:
    end_s = start_s + length_s
    found = spans([b for b in boundaries if start_s < b < end_s], end_s, start_s=start_s, step_s=step_s)

    assert found[0][0] == start_s
    assert found[-1][1] == end_s
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(end - start <= 10.0 + 1e-6 for start, end in found)
    if len(found) > 1:
        assert all(end - start >= 1.0 - 1e-6 for start, end in found)


def test_a_video_without_a_cut_is_given_out_before_it_ends() -> None:
    scenes = SceneSpans(0, min_s=1, max_s=10)

    assert [s.end_s for s in scenes.push([], certain_s=35)] == [10, 20]
