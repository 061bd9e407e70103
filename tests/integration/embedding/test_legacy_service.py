"""The client against an older deployment: a small stand-in written from the description of its wire format."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from heimdex.domain.errors import EmbedderRejected, EmbedderUnavailable
from heimdex.embedding.client import HttpEmbedder
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.signing import Key
from heimdex.testing.tiny_models import write_tiny_clip

SECRET = b"s" * 40
KEY = Key("default", SECRET)


class OldService:
    """``{text, request_id?, normalize, auth{ts,sig}}`` in, ``embedding`` out; errors under ``error``."""

    def __init__(self, local: LocalEmbedder, *, pretrained: str = "openai", fails: int = 0) -> None:
        self.local = local
        self.pretrained = pretrained
        self.fails = fails
        self.seen: list[dict[str, Any]] = []

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/embed/text" or request.method != "POST":
            return httpx.Response(404, json={"detail": "Not Found"})
        body = json.loads(request.content)
        self.seen.append(body)
        text, auth = body["text"], body.get("auth") or {}
        if not 1 <= len(text) <= 10_000:
            return httpx.Response(422, json={"detail": [{"msg": "string too short"}]})
        named = hashlib.sha256(text.encode("utf-8")).hexdigest()
        message = f"POST|/v1/embed/text|{named}|{auth.get('ts')}"
        expected = hmac.new(SECRET, message.encode(), hashlib.sha256).hexdigest()
        if abs(int(auth.get("ts", 0)) - time.time()) > 120 or not hmac.compare_digest(expected, auth.get("sig", "")):
            error = {"code": "AUTH_FAILED", "message": "Invalid signature", "request_id": body.get("request_id")}
            return httpx.Response(401, json={"detail": {"error": error}})
        if self.fails:
            self.fails -= 1
            return httpx.Response(503, json={"error": {"code": "INFERENCE_ERROR", "message": "busy"}})
        row = (await self.local.embed_texts([text], timeout_s=30))[0]
        return httpx.Response(
            200,
            json={
                "request_id": body.get("request_id"), "embedding": row.tolist(), "dim": len(row), "device": "cuda",
                "model_name": "tiny", "pretrained": self.pretrained, "normalized": body["normalize"],
                "timings": {"download_ms": 0, "inference_ms": 3, "total_ms": 4},
            },
        )  # fmt: skip

    def client(self, key: Key | None = KEY, pictures: LocalEmbedder | None = None) -> HttpEmbedder:
        transport = httpx.MockTransport(self.answer)
        return HttpEmbedder(
            "http://127.0.0.1:9", [key] if key else [], scheme="legacy", transport=transport, pictures=pictures
        )


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalEmbedder:
    return LocalEmbedder(write_tiny_clip(tmp_path_factory.mktemp("m") / "tiny__openai"), threads=1)


async def test_texts_are_embedded_one_a_request_each_with_its_own_signature(local: LocalEmbedder) -> None:
    service = OldService(local)
    texts = ["red car", "빨간 자동차", "it's | odd"]

    rows = await service.client().embed_texts(texts, timeout_s=30)

    np.testing.assert_allclose(rows, await local.embed_texts(texts, timeout_s=30), atol=1e-6)
    asked = service.seen[1:]  # the first one asked for the model
    assert [body["text"] for body in asked] == texts
    assert len({body["auth"]["sig"] for body in asked}) == 3
    assert all(body["normalize"] is True for body in asked)


async def test_the_model_is_named_as_the_registry_names_it(local: LocalEmbedder) -> None:
    model = await OldService(local).client().discover(timeout_s=30)

    assert (model.model_id, model.dim, model.revision) == ("tiny__openai", local.model.dim, "")


async def test_pictures_are_embedded_here_by_the_same_model(local: LocalEmbedder) -> None:
    picture = np.zeros((9, 9, 3), np.uint8)
    service = OldService(local)
    client = service.client(pictures=local)

    rows = await client.embed_images([picture], timeout_s=30)

    np.testing.assert_allclose(rows, await local.embed_images([picture], timeout_s=30), atol=1e-6)
    # one space: what was indexed here is what the service's queries look into
    assert client.model == local.model
    assert (await client.embed_texts(["red car"], timeout_s=30)).shape == (1, local.model.dim)


async def test_pictures_without_the_same_model_are_refused_with_a_way_out(local: LocalEmbedder) -> None:
    picture = np.zeros((9, 9, 3), np.uint8)
    for client in (OldService(local).client(), OldService(local, pretrained="laion").client(pictures=local)):
        with pytest.raises(EmbedderRejected, match="takes no pictures") as refused:
            await client.embed_images([picture], timeout_s=30)
        assert "heimdex models pull tiny__" in refused.value.remedy


async def test_a_wrong_secret_says_401_once(local: LocalEmbedder) -> None:
    service = OldService(local)
    client = service.client(Key("default", b"x" * 40))

    for _ in range(3):
        with pytest.raises(EmbedderRejected, match=r"^401 AUTH_FAILED Invalid signature"):
            await client.embed_texts(["car"], timeout_s=30)
    assert len(service.seen) == 1


async def test_a_busy_service_is_asked_once_more(local: LocalEmbedder) -> None:
    service = OldService(local, fails=1)
    client = service.client()
    service.fails = 0
    await client.discover(timeout_s=30)
    service.fails = 1

    assert (await client.embed_texts(["car"], timeout_s=30)).shape == (1, local.model.dim)
    service.fails = 100
    with pytest.raises(EmbedderUnavailable, match="503"):
        await client.embed_texts(["car"], timeout_s=30)


async def test_a_text_that_it_refuses_is_not_asked_again(local: LocalEmbedder) -> None:
    service = OldService(local)
    client = service.client()
    await client.discover(timeout_s=30)

    with pytest.raises(EmbedderRejected, match="422"):
        await client.embed_texts([""], timeout_s=30)
    assert len(service.seen) == 2


async def test_the_settings_choose_the_scheme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from heimdex.settings import load_settings
    from heimdex.wiring import open_clip

    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l"))
        asked.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    monkeypatch.setenv("CLIP_RUNPOD_URL", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    monkeypatch.setenv("CLIP_RUNPOD_SECRET", SECRET.decode())
    monkeypatch.setenv("CLIP_AUTH_SCHEME", "legacy")
    async with open_clip(load_settings(data_dir=tmp_path, visual_mode="recall")) as embedder:
        with pytest.raises(EmbedderUnavailable):
            await embedder.embed_texts(["red car"], timeout_s=5)
    server.close()
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert b"vs-signature" not in head.lower()
    assert set(json.loads(body)["auth"]) == {"ts", "sig"}
