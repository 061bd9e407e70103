"""A process that just started has no model in memory yet; its first answer should not suffer from that."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from heimdex.domain.errors import HeimdexError

if TYPE_CHECKING:
    from heimdex.domain.query import SearchRequest
    from heimdex.domain.results import SearchAnswer
    from heimdex.wiring import Library, Models

#: reading a large model from a slow disk
_LOAD_S = 120.0


async def warm_up(library: Library) -> None:
    """Bring the models for queries into memory; a model that fails will say so in the answers.

    A service elsewhere is not asked: it loads its model itself, and may not answer at all.
    """
    with suppress(HeimdexError):
        await warm(library, loads_clip=library.loads_clip)


async def warm(models: Library | Models, *, loads_clip: bool) -> None:
    """Let both models answer once. Raises what they raise, after both were asked."""
    asked = [models.embedder.embed_texts(["warm up"], timeout_s=_LOAD_S)] if loads_clip else []
    if models.text_embedder:
        asked.append(models.text_embedder.embed_queries(["warm up"], timeout_s=_LOAD_S))
    for result in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def search_cold(library: Library, wanted: SearchRequest) -> SearchAnswer:
    """Search; when a model was still loading at its deadline, let it load and search again.

    Most models load in time, and a query that needs none should not wait for one: therefore not
    warm first.
    """
    answer = await library.search.search(wanted)
    loading = {"text_timeout", "clip_timeout"} if library.loads_clip else {"text_timeout"}
    if loading.intersection(answer.degraded_reasons):
        await warm_up(library)
        answer = await library.search.search(wanted)
    return answer
