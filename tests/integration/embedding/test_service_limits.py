"""What the embedding service tells about itself, and what it refuses before it costs anything."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from heimdex.domain.errors import EmbedderRejected
from heimdex.embedding import pictures, wire
from heimdex.embedding.client import HttpEmbedder
from heimdex.embedding.gate import Gate
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.pictures import read_pictures
from heimdex.embedding.server import EmbeddingService, create_embedding_app
from heimdex.embedding.signing import Key, Request, new_nonce, sign
from heimdex.embedding.wire import describe, image_batches, read_model
from heimdex.ports import Calibration
from heimdex.testing.tiny_models import write_tiny_clip

KEY = Key("new", b"n" * 32)
CUT_OFFS = {"weak": 0.2, "medium": 0.25, "strong": 0.3}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalEmbedder:
    folder = write_tiny_clip(tmp_path_factory.mktemp("m") / "tiny", config={"languages": ["en", "ko"]})
    (folder / "calibration.json").write_text(json.dumps(CUT_OFFS))
    return LocalEmbedder(folder, threads=1)


@pytest.fixture
async def http(local: LocalEmbedder) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_embedding_app(local, [KEY]))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def _headers(body: bytes, method: str = "POST", path: str = "/v1/embed/text") -> dict[str, str]:
    kind = "application/json" if body else ""
    signed = sign(KEY, Request(method, path.encode(), b"", kind, body), timestamp=int(time.time()), nonce=new_nonce())
    return signed | ({"Content-Type": kind} if body else {})


async def test_a_service_tells_all_that_its_vectors_are_judged_by(local: LocalEmbedder, http: Any) -> None:
    client = HttpEmbedder("http://service", [KEY], transport=http._transport)

    found = await client.discover(timeout_s=30)

    assert found == local.model
    assert found.calibration == Calibration(0.2, 0.25, 0.3)
    assert found.languages == ("en", "ko")
    listed = await http.get("/v1/models", headers=_headers(b"", "GET", "/v1/models"))
    assert read_model(listed.json()) == local.model


@pytest.mark.parametrize(
    "said",
    [
        {"calibration": {"weak": 0.3, "medium": 0.2, "strong": 0.4}}, {"calibration": {"weak": 0.3}},
        {"calibration": {"weak": "nan", "medium": 0.2, "strong": 0.4}}, {"calibration": [0.1, 0.2, 0.3]},
        {"calibration": {"weak": -2, "medium": 0.2, "strong": 0.4}}, {"languages": "en"}, {"languages": [1]},
    ],
)  # fmt: skip
def test_cut_offs_that_cannot_be_are_not_believed(local: LocalEmbedder, said: dict[str, object]) -> None:
    with pytest.raises(EmbedderRejected):
        read_model(describe(local.model) | said)


async def test_metrics_say_what_was_asked_and_nothing_of_what_it_was(http: httpx.AsyncClient) -> None:
    body = b'{"text":"a very private query"}'
    before = (await http.get("/metrics")).text
    await http.post("/v1/embed/text", content=body, headers=_headers(body))
    await http.post("/v1/embed/text", content=body)
    after = (await http.get("/metrics")).text

    def value(text: str, series: str) -> float:
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(series + " ")), 0.0)

    for series, more in (
        ('heimdex_embed_requests_total{kind="text",outcome="ok"}', 1),
        ('heimdex_embed_requests_total{kind="text",outcome="refused"}', 1),
        ('heimdex_embed_key_requests_total{key="new"}', 1),
        ('heimdex_embed_batch_items_count{kind="text"}', 1),
    ):
        assert value(after, series) - value(before, series) == more, series
    assert value(after, "heimdex_embed_nonces") == 1
    assert "private" not in after


async def test_signed_headers_come_once(http: httpx.AsyncClient) -> None:
    body = b'{"text":"car"}'
    twice = [*_headers(body).items(), ("VS-Nonce", new_nonce())]

    assert (await http.post("/v1/embed/text", content=body, headers=twice)).status_code == 400


async def test_a_question_has_no_body(http: httpx.AsyncClient) -> None:
    headers = _headers(b"", "GET", "/v1/models")

    assert (await http.request("GET", "/v1/models", content=b"x", headers=headers)).status_code == 413


async def test_a_body_that_drips_is_not_waited_for(local: LocalEmbedder) -> None:
    async def drip() -> dict[str, Any]:
        await asyncio.sleep(3600)
        raise AssertionError

    service = EmbeddingService(local, Gate([KEY], body_timeout_s=0.05), device="cpu")
    scope = {"type": "http", "method": "POST", "path": "/v1/embed/text", "headers": [(b"content-length", b"9")]}
    from starlette.requests import Request as HttpRequest

    from heimdex.embedding.gate import Refused

    with pytest.raises(Refused) as refused:
        await asyncio.wait_for(service.embed_text(HttpRequest(scope, drip)), 30)
    assert refused.value.http_status == 408


async def test_more_requests_than_there_is_room_for_are_told_to_come_back(local: LocalEmbedder) -> None:
    app = create_embedding_app(local, [KEY])
    waiting = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        await waiting.wait()

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        slow = [
            asyncio.ensure_future(
                client.post("/v1/embed/image", content=body(), headers={"Content-Length": "2", "Content-Type": "a/b"})
            )
            for _ in range(8)
        ]
        await asyncio.sleep(0.2)
        one_more = await client.post("/v1/embed/image", content=b"xx")
        waiting.set()
        for task in slow:
            assert (await task).status_code == 401

        assert (one_more.status_code, one_more.headers["retry-after"]) == (429, "1")
        assert (await client.post("/v1/embed/image", content=b"xx")).status_code == 401


def test_client_and_service_agree_on_the_pixels_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_PIXELS", 100 * 100)
    monkeypatch.setattr(pictures, "_WORST_PIXELS", 100 * 100)
    images = [np.zeros((side, side, 3), np.uint8) for side in (80, 80, 300, 40, 40)]

    batches = list(image_batches(images))

    assert [len(batch) for batch in batches] == [1, 1, 1, 2]
    for batch in batches:
        read_pictures(batch)
    with pytest.raises(EmbedderRejected, match="too large"):  # small files, many pixels
        read_pictures(batches[0] + batches[1])


async def test_a_remembered_model_keeps_its_cut_offs(local: LocalEmbedder, tmp_path: Path) -> None:
    from heimdex.embedding.opening import _recall, _remember

    _remember(tmp_path / "known.json", "http://service", local.model)

    assert _recall(tmp_path / "known.json", "http://service") == local.model
    assert _recall(tmp_path / "known.json", "http://other") is None
