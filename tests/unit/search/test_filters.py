"""Filters as they are written: what they mean, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.unit.search.library import FakeModel, Planted, engine, library, text_model

from heimdex.domain.errors import BadRequest
from heimdex.domain.query import SearchFilter
from heimdex.search.filters import MAX_CONDITIONS, check_filter
from heimdex.search.request import check

SEOUL = timezone(timedelta(hours=9))


def test_every_condition_is_read() -> None:
    found = check_filter(
        {
            "video_ids": [str(UUID(int=5))],
            "folders": ["/videos/2024/"],
            "after": "2024-05-01",
            "before": "2024-05-31T18:00:00+09:00",
            "min_duration_s": 5,
            "max_duration_s": 60.5,
            "languages": ["EN", "pt_BR"],
            "has_speech": False,
            "any": [{"has_speech": True}],
            "none": [{"folders": ["/x"]}, {}],
            "all": [],
        }
    )

    assert found == SearchFilter(
        video_ids=frozenset({UUID(int=5)}),  # type: ignore[arg-type]
        folders=(Path("/videos/2024"),),
        recorded_from=datetime(2024, 5, 1, tzinfo=UTC),
        recorded_before=datetime(2024, 5, 31, 18, tzinfo=SEOUL),
        min_duration_s=5.0,
        max_duration_s=60.5,
        languages=frozenset({"en", "pt-br"}),
        has_speech=False,
        any_of=(SearchFilter(has_speech=True),),
        none_of=(SearchFilter(folders=(Path("/x"),)), SearchFilter()),
    )
    assert not found.is_empty
    assert check_filter({"folders": None}).is_empty


def deep(levels: int) -> dict[str, Any]:
    return {"any": [deep(levels - 1)]} if levels else {"has_speech": True}


@pytest.mark.parametrize(
    "written",
    [
        {"tag": ["x"]},
        {"video_ids": ["x"]},
        {"video_ids": []},
        {"video_ids": "x"},
        {"folders": ["relative"]},
        {"folders": ["/a/../b"]},
        {"folders": ["/a\0b"]},
        {"folders": []},
        {"after": "yesterday"},
        {"after": 20240501},
        {"before": "0001-01-01T00:00:00+14:00"},
        {"after": "2024-05-02", "before": "2024-05-02"},
        {"min_duration_s": -1},
        {"max_duration_s": float("nan")},
        {"max_duration_s": True},
        {"languages": ["englisch!"]},
        {"languages": [""]},
        {"has_speech": 1},
        {"any": {"has_speech": True}},
        {"any": [3]},
        deep(5),
        {"any": [{"has_speech": True}] * (MAX_CONDITIONS + 1)},
        {"languages": ["en"] * 1001},
    ],
)
def test_what_cannot_be_meant_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        check_filter(written)
    assert refused.value.remedy


def test_videos_beside_a_filter_narrow_it() -> None:
    found = check("x", video_ids=[UUID(int=1)], filter={"video_ids": [str(UUID(int=2))]}).filter

    assert found.video_ids == {UUID(int=2)}
    assert found.all_of == (SearchFilter(frozenset({UUID(int=1)})),)  # type: ignore[arg-type]
    assert check("x", video_ids=[UUID(int=1)]).filter == SearchFilter(frozenset({UUID(int=1)}))  # type: ignore[arg-type]


async def test_a_search_answers_only_what_its_filter_admits() -> None:
    search = engine(library(Planted("red car", seen=0.8), Planted(seen=0.9)), FakeModel(), text_model())

    async def found(**written: Any) -> list[int]:
        answer = await search.search(check("red car", filter=written))
        assert answer.exhaustive
        return [hit.scene.scene_id.int for hit in answer.hits]

    assert await found(has_speech=True) == [1]
    assert await found(has_speech=False) == [2]
    assert await found(folders=["/videos"], none=[{"has_speech": True}]) == [2]
    assert await found(folders=["/elsewhere"]) == []
