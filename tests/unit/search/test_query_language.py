"""The query language through the whole engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from tests.unit.search.library import CLIP, DIM, FakeModel, engine

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import FileStamp, Keyframe, MediaFacts, Scene, Segment, Span
from heimdex.domain.query import Channel, Mode
from heimdex.domain.results import ChannelStatus, Label, SearchAnswer
from heimdex.ports import IndexedScene, IndexedVideo, Matrix
from heimdex.search.evidence import recompute
from heimdex.search.request import check
from heimdex.testing.scene_index import InMemorySceneIndex

AXES = {"beach": 0, "people": 1, "car": 2, "nothing": 3}


def pointing(words: str) -> np.ndarray:
    """Return the unit vector between the axes of the words."""
    vector = np.zeros(DIM, np.float32)
    for word in words.split():
        vector[AXES.get(word, 3)] += 1
    unit: np.ndarray = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


class SeeingModel(FakeModel):
    """Sees what the words of a scene name."""

    failing: str = ""

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        self.asked += texts
        if self.failing in texts:
            raise EmbedderUnavailable("no")
        return np.stack([pointing(text) for text in texts])


def video(number: int, *scenes: tuple[str, str]) -> IndexedVideo:
    """Return a video of ten-second scenes, each (what it shows, what is said); ids are 100 · number + 1, 2, …"""
    made, segments = [], []
    for place, (shown, said) in enumerate(scenes):
        span = Span(10.0 * place, 10.0 * place + 10)
        if said:
            segments.append(Segment(Span(span.start_s + 2, span.start_s + 4), said, "sidecar"))
        frame = Keyframe(span.start_s + 5, 1.0, Path("x.jpg"))
        scene_id = SceneId(UUID(int=100 * number + place + 1))
        made.append(IndexedScene(scene_id, Scene(span, (frame,)), said, pointing(shown)[np.newaxis, :], None))
    return IndexedVideo(
        VideoId(UUID(int=number)), FileStamp(Path(f"/v/{number}.mp4"), 1, 1, str(number)), str(number),
        MediaFacts(10.0 * len(scenes), 640, 360, 25.0, "mp4", "h264"), tuple(made), tuple(segments), "f", CLIP,
    )  # fmt: skip


LIBRARY = (
    video(1, ("beach", ""), ("beach people", ""), ("nothing", "three cheers"), ("car", ""), ("nothing", "goodbye")),
    video(2, ("car", "look at the people on the beach"), ("nothing", "three cheers"), ("nothing", ""), ("nothing", "")),
)


def index() -> InMemorySceneIndex:
    return InMemorySceneIndex({each.video_id: each for each in LIBRARY})


async def ask(query: str, model: SeeingModel | None = None, **options: object) -> SearchAnswer:
    return await engine(index(), model or SeeingModel()).search(check(query, **options))  # type: ignore[arg-type]


def ids(answer: SearchAnswer) -> list[int]:
    return [hit.scene.scene_id.int for hit in answer.hits]


async def test_see_asks_only_the_picture() -> None:
    answer = await ask("see:beach")

    assert ids(answer) == [101, 102]
    assert answer.mode_used is Mode.RECALL
    assert answer.channels[Channel.LEXICAL].status is ChannelStatus.SKIPPED
    assert answer.channels[Channel.LEXICAL].reason == "the query asks for the picture only"


async def test_says_asks_only_the_words_and_calls_no_clip() -> None:
    model = SeeingModel()
    answer = await ask("says:beach", model)

    assert ids(answer) == [201]
    assert model.asked == []
    assert answer.channels[Channel.VISUAL].reason == "the query asks for words only"


async def test_a_quoted_phrase_that_nobody_says_is_not_found() -> None:
    assert ids(await ask('says:"beach on the people"')) == []
    assert ids(await ask('says:"people on the beach"')) == [201]


async def test_without_takes_away_what_shows_it_and_what_says_it() -> None:
    plain = await ask("beach")
    answer = await ask("beach without people", explain=True)

    assert {102, 201} <= set(ids(plain))
    assert ids(answer) == [101]
    answer = await ask("beach without people", explain=True, include_weak=True)
    before = {hit.scene.scene_id.int: hit.matched[0].raw for hit in plain.hits}
    taken = answer.explanation["hits"]["00000000-0000-0000-0000-000000000066"]["without"]["people"]  # type: ignore[index]
    after = {hit.scene.scene_id.int: hit.matched[0].raw for hit in answer.hits}
    assert taken > 0
    assert after[102] == pytest.approx(before[102] - taken)
    assert after[101] == before[101]


@pytest.mark.parametrize("mode", ["recall", "rerank", "auto"])
async def test_without_counts_in_every_mode_that_sees(mode: str) -> None:
    found = {
        hit.scene.scene_id.int: hit for hit in (await ask("beach without people", mode=mode, include_weak=True)).hits
    }
    assert 201 not in found or all(match.channel is Channel.VISUAL for match in found[201].matched)


async def test_without_something_said_leaves_the_pictures_alone() -> None:
    answer = await ask('car without "look at"', mode="recall")

    assert set(ids(answer)) == {104, 201}
    assert all(match.channel is Channel.VISUAL for hit in answer.hits for match in hit.matched)


async def test_an_unwanted_thing_that_cannot_be_asked_for_is_reported() -> None:
    model = SeeingModel()
    model.failing = "people"
    answer = await ask("beach without people", model)

    assert 101 in ids(answer)
    assert "without_ignored" in answer.degraded_reasons
    assert answer.degraded


async def test_what_is_said_and_then_seen() -> None:
    answer = await ask('says:"cheers" then see:car within 20s', explain=True)

    (hit,) = answer.hits
    assert hit.scene.scene_id.int == 103
    assert [step.scene.scene_id.int for step in hit.then] == [104]
    assert hit.then[0].moment_s == 30.0
    assert hit.moment_s == 22.0
    assert hit.label is not Label.NONE
    assert recompute(hit.matched, hit.penalty) == pytest.approx(hit.score, abs=1e-6)
    assert {match.channel for match in hit.matched} == {Channel.LEXICAL, Channel.VISUAL}
    assert len(answer.explanation["sides"]) == 2  # type: ignore[arg-type]
    assert answer.channels[Channel.VISUAL].status is ChannelStatus.OK


async def test_the_other_way_round_is_found_only_where_it_happened() -> None:
    answer = await ask('see:car then says:"cheers" within 20s')

    assert [(hit.scene.scene_id.int, hit.then[0].scene.scene_id.int) for hit in answer.hits] == [(201, 202)]
    assert (await ask('says:"goodbye" then see:car within 60s')).hits == ()


async def test_what_comes_too_late_is_not_found() -> None:
    assert ids(await ask('see:beach then says:"goodbye" within 20s')) == [102]
    assert ids(await ask('see:beach then says:"goodbye" within 19s')) == []


async def test_a_time_between_costs_a_little() -> None:
    (hit,) = (await ask('see:beach then says:"goodbye" within 40s')).hits

    assert hit.penalty > 0
    assert recompute(hit.matched, hit.penalty) == pytest.approx(hit.score, abs=1e-6)


async def test_sequences_have_pages_and_filters_too() -> None:
    both = LIBRARY[0], replace(video(3, *[("nothing", "three cheers"), ("car", "")] * 3))
    search = engine(InMemorySceneIndex({each.video_id: each for each in both}), SeeingModel())
    query = 'says:"cheers" then see:car within 5s'
    first = await search.search(check(query, limit=3))
    second = await search.search(check(query, limit=3, cursor=first.next_cursor))

    assert len({*ids(first), *ids(second)}) == 4
    assert second.next_cursor is None
    assert len((await search.search(check(query, per_video=1))).hits) == 2
    assert ids(await search.search(check(query, video_ids=[UUID(int=1)]))) == [103]
