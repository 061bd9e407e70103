"""The port Tags: what every implementation must do, and what a filter makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from heimdex.domain.errors import BadRequest, NotFound
from heimdex.domain.ids import SceneId, VideoId, uuid7
from heimdex.domain.query import Channel
from heimdex.ports import Catalogue, IndexedVideo, SceneIndex, Tags
from heimdex.search.filters import check_filter
from heimdex.store import Store
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.library import VISUAL_MODEL, axis, made_up_video
from heimdex.testing.scene_index import InMemorySceneIndex
from heimdex.testing.tags import InMemoryTags


@dataclass(frozen=True)
class Library:
    catalogue: Catalogue
    scenes: SceneIndex
    tags: Tags

    async def seen(self, written: dict[str, object]) -> set[SceneId]:
        found = await self.scenes.nearest(
            Channel.VISUAL, VISUAL_MODEL, axis(VISUAL_MODEL.dim, 0), limit=50, within=check_filter(written), timeout_s=5
        )
        return {candidate.scene_id for candidate in found.candidates}


@pytest.fixture(params=["memory", "postgres"])
def library(request: pytest.FixtureRequest) -> Library:
    if request.param == "memory":
        catalogue = InMemoryCatalogue()
        tags = InMemoryTags(catalogue.videos)
        return Library(catalogue, InMemorySceneIndex(catalogue.videos, tags.kept), tags)
    store: Store = request.getfixturevalue("store")
    return Library(store.catalogue, store.scenes, store.tags)


async def published(library: Library, *names: str) -> list[IndexedVideo]:
    videos = [made_up_video(["hello"], path=Path(f"/videos/{name}.mp4"), seed=n) for n, name in enumerate(names)]
    for video in videos:
        await library.catalogue.publish(video)
    return videos


def scenes(*videos: IndexedVideo) -> set[SceneId]:
    return {scene.scene_id for video in videos for scene in video.scenes}


async def test_tags_are_counted_and_compared_without_case(library: Library) -> None:
    one, two = await published(library, "one", "two")
    assert await library.tags.add("Holiday", [one.video_id, two.video_id]) == 2
    assert await library.tags.add(" holiday ", [one.video_id]) == 0
    assert await library.tags.add("#제주 여행", [two.video_id]) == 1
    assert await library.tags.every() == [("Holiday", 2), ("제주 여행", 1)]

    assert await library.tags.remove("HOLIDAY", [one.video_id]) == 1
    assert await library.tags.remove("HOLIDAY", [one.video_id]) == 0
    assert await library.tags.every() == [("Holiday", 1), ("제주 여행", 1)]


async def test_all_or_none_of_the_videos_are_tagged(library: Library) -> None:
    (one,) = await published(library, "one")

    with pytest.raises(NotFound):
        await library.tags.add("holiday", [one.video_id, VideoId(uuid7())])
    assert await library.tags.every() == []
    assert await library.tags.add("holiday", []) == 0


@pytest.mark.parametrize("tag", ["", "  ", "#", "a\x00b", "x" * 65])
async def test_what_is_no_tag_is_refused(library: Library, tag: str) -> None:
    (one,) = await published(library, "one")

    with pytest.raises(BadRequest):
        await library.tags.add(tag, [one.video_id])


async def test_filters_any_all_and_none_of_tags(library: Library) -> None:
    one, two, three = await published(library, "one", "two", "three")
    await library.tags.add("sea", [one.video_id, two.video_id])
    await library.tags.add("kids", [two.video_id])

    assert await library.seen({"tags": ["SEA"]}) == scenes(one, two)
    assert await library.seen({"tags": ["kids", "absent"]}) == scenes(two)
    assert await library.seen({"all": [{"tags": ["sea"]}, {"tags": ["kids"]}]}) == scenes(two)
    assert await library.seen({"none": [{"tags": ["kids"]}]}) == scenes(one, three)
    assert await library.seen({"any": [{"tags": ["kids"]}, {"folders": ["/videos/three.mp4"]}]}) == scenes(two, three)
    assert await library.seen({"tags": ["absent"]}) == set()


async def test_tags_stay_when_the_content_is_indexed_anew(library: Library) -> None:
    former = made_up_video(["hello"], content="same")
    await library.catalogue.publish(former)
    await library.tags.add("sea", [former.video_id])
    again = made_up_video(["hello", "there"], content="same", fingerprint="settings-2")
    await library.catalogue.publish(again)

    assert await library.tags.every() == [("sea", 1)]
    assert await library.seen({"tags": ["sea"]}) == scenes(again)
