"""The first answer of a new process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from heimdex.cli.warm import search_cold, warm_up
from heimdex.domain.errors import EmbedderUnavailable


class ColdLibrary:
    """Degraded by ``reason`` until its model is in memory."""

    text_embedder = None
    loads_clip = True

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.is_warm = False
        self.searches = 0
        self.embedder = self.search = self

    async def embed_texts(self, _texts: list[str], *, timeout_s: float) -> None:
        assert timeout_s > 10
        self.is_warm = True

    async def search_once(self, _wanted: object) -> Any:
        self.searches += 1
        return SimpleNamespace(degraded_reasons=() if self.is_warm else (self.reason,))


@pytest.mark.parametrize(("reason", "searches"), [("clip_timeout", 2), ("clip_auth", 1), ("lexical_error", 1)])
async def test_only_a_model_that_was_late_is_waited_for(reason: str, searches: int) -> None:
    library = ColdLibrary(reason)
    library.search = SimpleNamespace(search=library.search_once)  # type: ignore[assignment]

    answer = await search_cold(library, None)  # type: ignore[arg-type]

    assert library.searches == searches
    assert bool(answer.degraded_reasons) is (searches == 1)


async def test_a_service_elsewhere_is_not_waited_for() -> None:
    library = ColdLibrary("clip_timeout")
    library.search = SimpleNamespace(search=library.search_once)  # type: ignore[assignment]
    library.loads_clip = False

    await search_cold(library, None)  # type: ignore[arg-type]

    assert (library.searches, library.is_warm) == (1, False)


async def test_a_model_that_fails_does_not_stop_the_start() -> None:
    class Broken:
        text_embedder = None
        loads_clip = True

        async def embed_texts(self, _texts: list[str], *, timeout_s: float) -> None:
            raise EmbedderUnavailable("away")

    broken: Any = Broken()
    broken.embedder = broken

    await warm_up(broken)
