"""A server knows whether its embedding service lives even when nobody searches: for the metric ``heimdex_clip_up``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heimdex.embedding.client import HttpEmbedder
    from heimdex.ports import Embedder
    from heimdex.settings import Settings

_EVERY_S = 15.0
_TIMEOUT_S = 5.0


@asynccontextmanager
async def clip_watched(embedder: Embedder, settings: Settings, *, every_s: float = _EVERY_S) -> AsyncIterator[None]:
    """Ask the service's `/health` now and then; one that no search may call is left alone, and so is a model here."""
    from heimdex.embedding.client import HttpEmbedder

    if not isinstance(embedder, HttpEmbedder) or not settings.calls_clip:
        yield
        return
    watching = asyncio.create_task(_watch(embedder, every_s))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _watch(embedder: HttpEmbedder, every_s: float) -> None:
    from heimdex.telemetry import record

    while True:
        record.clip_alive(await embedder.alive(timeout_s=_TIMEOUT_S))
        await asyncio.sleep(every_s)
