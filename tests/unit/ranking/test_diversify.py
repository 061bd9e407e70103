"""Neighbours that are one shot, and videos that would fill the page."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import Span
from heimdex.domain.query import Channel
from heimdex.ranking.diversify import Placed, diversify, is_same_shot

SEEN, WORDS = Channel.VISUAL, Channel.LEXICAL


def placed(number: int, *, video: int = 1, start: float | None = None, **evidence: float) -> Placed:
    begins = 10.0 * number if start is None else start
    return Placed(
        SceneId(UUID(int=video * 1000 + number)), VideoId(UUID(int=video)), Span(begins, begins + 10.0),
        {Channel(name): raw for name, raw in (evidence or {"visual": 0.3}).items()},
    )  # fmt: skip


def ids(*scenes: Placed) -> list[SceneId]:
    return [scene.scene_id for scene in scenes]


def test_neighbours_with_the_same_evidence_are_one() -> None:
    one, two, three = placed(1), placed(2), placed(3)

    assert diversify([one, three, two]) == {
        one.scene_id: (two.scene_id,), three.scene_id: (),
    }  # fmt: skip
    assert diversify([two, one, three]) == {two.scene_id: (one.scene_id, three.scene_id)}


@pytest.mark.parametrize(
    "other",
    [
        placed(2, visual=0.31),
        placed(3),
        placed(2, video=2),
        placed(2, visual=0.3, lexical=1.0),
    ],
)
def test_what_differs_stays_apart(other: Placed) -> None:
    assert not is_same_shot(placed(1), other)
    assert len(diversify([placed(1), other])) == 2


def test_words_alone_do_not_make_one_shot() -> None:
    assert not is_same_shot(placed(1, lexical=2.0), placed(2, lexical=2.0))
    assert is_same_shot(placed(1, visual=0.3, lexical=2.0), placed(2, visual=0.3, lexical=2.0))
    assert not is_same_shot(placed(1, visual=0.3, lexical=2.0), placed(2, visual=0.3, lexical=2.5))


def test_a_video_gives_no_more_than_asked_and_merged_scenes_do_not_count() -> None:
    order = [placed(1), placed(2), placed(7), placed(9), placed(1, video=2)]

    assert list(diversify(order, per_video=1)) == ids(placed(1), placed(1, video=2))
    assert list(diversify(order, per_video=2)) == ids(placed(1), placed(7), placed(1, video=2))


SCENES = st.tuples(st.integers(0, 9), st.integers(1, 3), st.sampled_from([0.3, 0.301, 0.4]))


@given(st.lists(SCENES, unique_by=lambda t: t[:2]), st.integers(1, 4) | st.none(), st.integers(0, 30))
def test_every_scene_is_there_once_in_order_and_a_prefix_decides_its_own(
    scenes: list[tuple[int, int, float]], per_video: int | None, length: int
) -> None:
    order = [placed(number, video=video, visual=raw) for number, video, raw in scenes]
    kept = diversify(order, per_video=per_video)

    shown = [*kept, *(scene for merged in kept.values() for scene in merged)]
    assert len(set(shown)) == len(shown)
    assert list(kept) == [scene.scene_id for scene in order if scene.scene_id in kept]
    if per_video is None:
        assert set(shown) == set(ids(*order))
    prefix = list(diversify(order[:length], per_video=per_video))
    assert prefix == list(kept)[: len(prefix)]
