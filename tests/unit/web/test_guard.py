"""What never reaches a handler, and what every answer carries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from heimdex.web.guard import MAX_BODY_BYTES, host_name
from heimdex.web.headers import SECURITY_HEADERS


@pytest.mark.parametrize(
    ("header", "expected"),
    [("127.0.0.1:8765", "127.0.0.1"), ("LocalHost", "localhost"), ("[::1]:8765", "::1"), ("[::1]", "::1"), ("", "")],
)
def test_host_name(header: str, expected: str) -> None:
    assert host_name(header) == expected


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8765", "", "[::2]", "localhost.evil.example"])
async def test_a_name_that_was_bound_to_our_address_is_refused(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.get("/v1/videos", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.json()["code"] == "wrong_host"


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8765"])
async def test_our_own_names_are_answered(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/health", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/ui/app.js", "/v1/videos"])
async def test_every_answer_keeps_the_browser_honest(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_a_large_body_is_refused(client: httpx.AsyncClient, library: Any) -> None:
    answer = await client.post("/search", content=b" " * (MAX_BODY_BYTES + 1))

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert library.search.asked == []


async def test_a_large_body_without_a_length_is_refused(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    assert (await client.post("/search", content=endless())).status_code == 413


async def test_a_fault_of_ours_carries_the_headers_too(client: httpx.AsyncClient, library: Any) -> None:
    library.search.error = RuntimeError()

    answer = await client.post("/search", json={"query": "red car"})

    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
