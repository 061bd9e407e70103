"""The server knows whether its embedding service lives, though nobody searches."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from heimdex.cli.watch_clip import clip_watched
from heimdex.embedding.client import HttpEmbedder
from heimdex.settings import load_settings
from heimdex.telemetry import metrics, record


def _up() -> str:
    lines = metrics.exposition(metrics.SERVER).decode().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("heimdex_clip_up "))


@pytest.mark.parametrize(
    ("settings", "asks"), [({}, True), ({"visual_mode": "skip"}, False), ({"weight_visual": 0}, False)]
)
async def test_a_service_is_asked_whether_it_lives_unless_no_search_may_call_it(
    tmp_path: Path, settings: dict[str, object], asks: bool
) -> None:
    asked: list[str] = []
    status = 200

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(status)

    async def until(value: str) -> None:
        async with asyncio.timeout(30):
            while _up() != value:  # noqa: ASYNC110 - the metric has no event to wait for
                await asyncio.sleep(0.01)

    record.count_here()
    record.clip_alive(False)
    client = HttpEmbedder("http://127.0.0.1:9", [], transport=httpx.MockTransport(answer))
    async with clip_watched(client, load_settings(data_dir=tmp_path, **settings), every_s=0.01):
        if asks:
            await until("1.0")
            status = 503
            await until("0.0")
        else:
            await asyncio.sleep(0.1)
    await client.aclose()

    assert set(asked) == ({"/health"} if asks else set())
