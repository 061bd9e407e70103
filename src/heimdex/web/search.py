"""``/search`` and ``/v1/search``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from heimdex.search.request import check
from heimdex.telemetry import record
from heimdex.web.library import OpenLibrary
from heimdex.web.problems import Busy
from heimdex.web.schemas import AnswerOut, SearchBody

router = APIRouter(tags=["search"])
#: searches at once; the next one is told to come back
SLOTS = 32


async def _slot(request: Request) -> AsyncIterator[None]:
    slots: asyncio.Semaphore = request.app.state.slots
    if slots.locked():
        record.shed("busy")
        raise Busy("The server is busy.", remedy="Try again in a second.")
    async with slots:
        yield


Slot = Depends(_slot)


@router.post("/search", dependencies=[Slot], operation_id="search")
@router.post("/v1/search", dependencies=[Slot], operation_id="search_v1")
async def search(body: SearchBody, library: OpenLibrary) -> AnswerOut:
    """Find scenes that show or say the query."""
    wanted = check(
        body.query,
        limit=body.limit,
        mode=body.mode,
        weights=body.weights,
        use_saved_preferences=body.use_saved_preferences,
        video_ids=body.video_ids,
        filter=body.filter.model_dump(exclude_none=True) if body.filter else None,
        explain=body.explain,
        include_weak=body.include_weak,
        per_video=1 if body.group_by and body.per_video is None else body.per_video,
        sort=body.sort,
        cursor=body.cursor,
    )
    return AnswerOut.of(await library.search.search(wanted))


@router.get("/v1/search", dependencies=[Slot], operation_id="search_by_address")
async def search_by_address(
    library: OpenLibrary,
    q: Annotated[str, Query(description="What is seen or said.")],
    limit: int = 10,
    mode: str = "auto",
    include_weak: bool = False,
    per_video: int | None = None,
    sort: str = "relevance",
    cursor: str | None = None,
) -> AnswerOut:
    """Find scenes that show or say ``q``."""
    body = SearchBody(
        query=q, limit=limit, mode=mode, include_weak=include_weak, per_video=per_video, sort=sort, cursor=cursor
    )
    return await search(body, library)
