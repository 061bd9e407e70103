"""More like a scene, and search by picture, through the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import pytest
from tests.unit.search.library import FakeModel, engine
from tests.unit.search.test_query_language import LIBRARY, SeeingModel, index, pointing

from heimdex.domain.errors import BadRequest, EmbedderRejected, EmbedderUnavailable, NotFound
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel
from heimdex.domain.results import ChannelStatus, Label, SearchAnswer
from heimdex.search.evidence import recompute
from heimdex.search.request import check_alike

PICTURE = np.zeros((8, 8, 3), np.uint8)


@dataclass
class PictureModel(SeeingModel):
    """Sees in every picture what it was told."""

    shown: str = "beach"
    row: np.ndarray | None = field(default=None)

    async def embed_images(self, images: object, *, timeout_s: float) -> np.ndarray:
        return (pointing(self.shown) if self.row is None else self.row)[np.newaxis, :]


def ids(answer: SearchAnswer) -> list[int]:
    return [hit.scene.scene_id.int for hit in answer.hits]


async def similar(number: int, **options: object) -> SearchAnswer:
    request = check_alike(**options)  # type: ignore[arg-type]
    return await engine(index(), PictureModel()).similar(SceneId(UUID(int=number)), request)


async def test_the_nearest_scenes_come_first_and_the_scene_itself_does_not() -> None:
    answer = await similar(101)

    assert ids(answer)[0] == 102
    assert 101 not in ids(answer)
    assert answer.channels[Channel.VISUAL].status is ChannelStatus.OK
    assert answer.channels[Channel.LEXICAL].status is ChannelStatus.SKIPPED
    assert answer.exhaustive
    assert all(recompute(hit.matched) == pytest.approx(hit.score, abs=1e-6) for hit in answer.hits)


async def test_a_copy_is_a_strong_match() -> None:
    first = (await similar(104)).hits[0]

    assert first.scene.scene_id.int == 201
    assert first.label is Label.STRONG


async def test_filters_and_limits_hold() -> None:
    assert ids(await similar(101, filter={"folders": ["/v/2.mp4"]}, limit=1, per_video=1))[0] > 200
    assert len((await similar(101, limit=2)).hits) == 2
    assert len({hit.scene.video_id for hit in (await similar(101, per_video=1)).hits}) == 2


async def test_an_unknown_scene_is_not_found() -> None:
    with pytest.raises(NotFound):
        await similar(999)


async def by_picture(query: str = "", model: FakeModel | None = None, **options: object) -> SearchAnswer:
    request = check_alike(query, **options)
    return await engine(index(), model or PictureModel()).search_picture(PICTURE, request)


async def test_a_picture_finds_what_looks_like_it() -> None:
    answer = await by_picture()

    assert ids(answer)[:2] == [101, 102]
    assert answer.query == ""


async def test_words_count_for_half_beside_a_picture() -> None:
    answer = await by_picture('says:"three cheers"')

    assert {103, 202} <= set(ids(answer)[:3])
    assert 101 in ids(answer)[:3]
    for hit in answer.hits:
        assert recompute(hit.matched, hit.penalty) == pytest.approx(hit.score, abs=1e-6)
        assert 0 <= hit.score <= 1


async def test_a_picture_beside_a_sequence() -> None:
    answer = await by_picture('says:"cheers" then see:car within 20s', model=PictureModel(shown="nothing"))

    first = answer.hits[0]
    assert first.scene.scene_id.int == 103
    assert [step.scene.scene_id.int for step in first.then] == [104]
    assert recompute(first.matched, first.penalty) == pytest.approx(first.score, abs=1e-6)


async def test_a_share_of_each_video_is_counted_over_picture_and_words() -> None:
    answer = await by_picture('says:"three cheers"', per_video=1)

    assert len(answer.hits) == len({hit.scene.video_id for hit in answer.hits}) == 2


async def test_without_a_model_it_says_so() -> None:
    with pytest.raises(EmbedderUnavailable):
        await engine(index(), None).search_picture(PICTURE, check_alike())
    with pytest.raises(EmbedderUnavailable):
        await engine(index(), None).similar(LIBRARY[0].scenes[0].scene_id, check_alike())


@pytest.mark.parametrize("row", [np.zeros(4, np.float32), np.full(4, np.nan, np.float32), np.ones(3, np.float32)])
async def test_a_model_that_gives_no_unit_vector_is_refused(row: np.ndarray) -> None:
    with pytest.raises(EmbedderRejected):
        await by_picture(model=PictureModel(row=row))


def test_options_are_checked_without_words_too() -> None:
    with pytest.raises(BadRequest):
        check_alike(limit=0)
    assert check_alike("  ").query == ""
