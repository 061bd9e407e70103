"""Living, ready, and how much there is."""

from __future__ import annotations

from typing import Any

import httpx

from heimdex.domain.errors import StoreUnavailable


async def test_living_does_not_need_the_database(client: httpx.AsyncClient, library: Any) -> None:
    library.catalogue.error = StoreUnavailable("away")

    assert (await client.get("/health")).json() == {
        "status": "ok",
        "service": "heimdex",
        "version": "0.1.0",
        "instance": "abc",
    }
    assert (await client.get("/livez")).status_code == 200
    for path in ("/ready", "/readyz"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_ready(client: httpx.AsyncClient) -> None:
    for path in ("/ready", "/readyz"):
        assert (await client.get(path)).json() == {"status": "ready", "scenes": 1}


async def test_status_names_files_but_not_their_folders(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/status")

    assert answer.json()["hours"] == 1.0
    assert answer.json()["coverage"] == {"visual": 1}
    assert answer.json()["unreadable"][0]["reason"] == "empty"
    assert answer.json()["missing"] == ["gone.mp4"]
    assert "secret" not in answer.text
