"""``/metrics`` for Prometheus, and what the page reports: that somebody played a hit."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heimdex.domain.errors import HeimdexError
from heimdex.telemetry import record
from heimdex.web.library import Library, OpenLibrary

router = APIRouter(tags=["state"])
#: what the library holds is asked for at most this often, however many scrape
_EVERY_S = 15.0
_TIMEOUT_S = 2.0
#: whatever makes backups touches this file in the data folder when one is complete
BACKUP_STAMP = "last-backup"


@dataclass(slots=True)
class Told:
    """When the library was last asked what it holds."""

    at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class OpenedBody(BaseModel):
    """A hit that was played."""

    mode: Literal["recall", "rerank", "skip"] = Field(description="Mode that found the hit, as its answer said.")


@router.get("/metrics", response_class=Response)
async def metrics(library: OpenLibrary, request: Request) -> Response:
    """Tell Prometheus, in its text format, what was counted and what the library holds."""
    from heimdex.telemetry import metrics as catalogue

    await _ask(library, request.app.state.told)
    return Response(catalogue.exposition(catalogue.SERVER), media_type=catalogue.CONTENT_TYPE)


@router.post("/v1/opened", status_code=204)
async def opened(body: OpenedBody) -> None:
    """Count that somebody played a hit."""
    record.hit_opened(body.mode)


async def _ask(library: Library, told: Told) -> None:
    """Take over what the library holds; one that does not answer in time is down."""
    async with told.lock:
        if time.monotonic() - told.at < _EVERY_S:
            return
        told.at = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                record.library(await library.catalogue.status())
                record.pending((await library.queue.state()).oldest_s)
        except (HeimdexError, TimeoutError):
            record.library(None)
        await asyncio.to_thread(_look_at_disk, library.artefacts.parent)


def _look_at_disk(folder: Path) -> None:
    with suppress(OSError):
        usage = shutil.disk_usage(folder)
        record.disk(free_bytes=usage.free, size_bytes=usage.total)
    try:
        record.backup((folder / BACKUP_STAMP).stat().st_mtime)
    except OSError:
        record.backup(0.0)


class Counted:
    """ASGI middleware that counts answers by the class of their status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.responded(message["status"])
            await send(message)

        await self._app(scope, receive, counting)
