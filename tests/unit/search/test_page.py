"""Pages of one search: nothing twice, nothing left out, the same hits in either order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.unit.search.library import FakeModel, Planted, engine, library, text_model

from heimdex.domain.errors import BadRequest
from heimdex.domain.ids import SceneId, VideoId
from heimdex.domain.media import Span
from heimdex.domain.query import Place, SearchRequest, Sort
from heimdex.domain.results import Hit, Label, SceneDetails
from heimdex.search.engine import SearchEngine
from heimdex.search.page import cut_page
from heimdex.search.request import check
from heimdex.testing.scene_index import InMemorySceneIndex

DAY = datetime(2024, 5, 1, tzinfo=UTC)


def many(count: int = 70) -> InMemorySceneIndex:
    return library(*(Planted("red car", seen=0.4 + number * 0.005) for number in range(count)))


def searching(index: InMemorySceneIndex) -> SearchEngine:
    return engine(index, FakeModel(), text_model())


async def pages(search: SearchEngine, **options: Any) -> list[list[int]]:
    found: list[list[int]] = []
    cursor = None
    while True:
        answer = await search.search(check("red car", cursor=cursor, **options))
        assert [hit.rank for hit in answer.hits] == list(
            range(sum(map(len, found)) + 1, sum(map(len, found)) + len(answer.hits) + 1)
        )
        found.append([hit.scene.scene_id.int for hit in answer.hits])
        cursor = answer.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("sort", ["relevance", "time"])
@pytest.mark.parametrize("limit", [7, 35, 70, 100])
async def test_the_pages_make_up_the_whole_answer(sort: str, limit: int) -> None:
    found = await pages(searching(many()), limit=limit, sort=sort)

    flat = [scene for page in found for scene in page]
    expected = range(70, 0, -1) if sort == "relevance" else range(1, 71)
    assert flat == list(expected)
    assert all(len(page) == limit for page in found[:-1])
    assert len(found) == -(-70 // limit)


async def test_one_page_has_no_cursor() -> None:
    assert (await searching(many(3)).search(check("red car"))).next_cursor is None


async def test_a_video_gives_no_more_scenes_than_asked() -> None:
    assert await pages(searching(many()), per_video=3) == [[70, 69, 68]]


async def test_scenes_that_are_one_shot_are_one_hit() -> None:
    index = library(Planted(seen=0.8), Planted(seen=0.8), Planted(seen=0.5), Planted(seen=0.8))
    (first, second, third) = (await searching(index).search(check("red car"))).hits

    assert [hit.scene.scene_id.int for hit in (first, second, third)] == [1, 4, 3]
    assert first.merged == (SceneId(UUID(int=2)),)
    assert second.merged == third.merged == ()


def hit(number: int, *, day: int | None, video: int = 1) -> Hit:
    recorded = None if day is None else DAY + timedelta(days=day)
    scene = SceneDetails(
        SceneId(UUID(int=number)), VideoId(UUID(int=video)), "a", Path(f"/{video}.mp4"), Span(number, number + 1),
        60.0, 25.0, (), (), recorded,
    )  # fmt: skip
    return Hit(0, scene, 1.0 / number, Label.STRONG, float(number), (), "")


def test_time_goes_by_the_moment_of_recording_and_undated_videos_come_last() -> None:
    hits = [hit(1, day=None, video=3), hit(5, day=2), hit(3, day=2), hit(9, day=1), hit(2, day=None, video=2)]
    page = cut_page(hits, SearchRequest("x", sort=Sort.TIME))

    assert [h.scene.scene_id.int for h in page.hits] == [9, 3, 5, 2, 1]


def test_a_date_without_a_time_zone_is_taken_as_utc() -> None:
    naive = hit(1, day=0)
    naive = replace(naive, scene=replace(naive.scene, recorded_at=datetime(2024, 4, 30)))  # noqa: DTZ001

    page = cut_page([hit(2, day=0), naive], SearchRequest("x", sort=Sort.TIME))
    assert [h.scene.scene_id.int for h in page.hits] == [1, 2]


def test_a_page_begins_behind_its_scene_wherever_that_stands_now() -> None:
    hits = [hit(number, day=0) for number in (1, 2, 3, 4, 5)]
    request = SearchRequest("x", limit=2, after=Place(SceneId(UUID(int=3)), 2))  # a better one has come before it

    assert [h.scene.scene_id.int for h in cut_page(hits, request).hits] == [4, 5]


def test_when_its_scene_is_gone_a_page_begins_behind_as_many_as_were_shown() -> None:
    hits = [hit(number, day=0) for number in (1, 3, 4, 5)]
    request = SearchRequest("x", limit=2, after=Place(SceneId(UUID(int=2)), 2))

    assert [h.scene.scene_id.int for h in cut_page(hits, request).hits] == [4, 5]
    assert cut_page(hits, replace(request, after=Place(SceneId(UUID(int=2)), 9))).hits == ()


@pytest.mark.parametrize("options", [{"per_video": 0}, {"per_video": -1}, {"sort": "date"}, {"cursor": "x"}])
def test_senseless_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        check("red car", **options)
