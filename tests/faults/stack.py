"""The whole of heimdex on real sockets: server, PostgreSQL, embedding service, and chaos between them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from starlette.types import ASGIApp
from tests.faults.chaos import ChaosProxy, chaos_proxy

import heimdex
from heimdex.domain.errors import EmbedderUnavailable
from heimdex.embedding.breaker import Breaker, RetryBudget
from heimdex.embedding.client import HttpEmbedder
from heimdex.embedding.keys import parse_keys
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.registry import pocket_folder
from heimdex.embedding.server import create_embedding_app
from heimdex.ports import EmbeddingModel, Matrix, TextEmbedder
from heimdex.search.embed_queries import QueryEmbeddings
from heimdex.settings import load_settings
from heimdex.testing.tiny_models import write_tiny_text_model
from heimdex.web.app import create_app
from heimdex.wiring import Library, open_library

DEMO = Path(heimdex.__file__).parent / "demo"
VIDEOS = ("City morning", "우리 동네")
SECRET = "c" * 32
#: for answers that must come, on a machine that may be busy
PATIENT_S = 30.0
#: for CLIP where its answer never comes
HASTY_S = 0.25
#: for a channel that never answers, while the others must on a busy machine
BRISK_S = 1.5


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[tuple[str, int]]:
    """Serve ``app`` on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="on")
        )
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.01)
        try:
            yield listener.getsockname()[:2]
        finally:
            server.should_exit = True
            await running


@dataclass
class SpoiltText:
    """The real model for the meaning of text, of which one thing is wrong."""

    inner: TextEmbedder
    fault: str = ""

    @property
    def model(self) -> EmbeddingModel:
        return self.inner.model

    async def embed_queries(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        rows = await self.inner.embed_queries(texts, timeout_s=PATIENT_S)
        match self.fault:
            case "down":
                raise EmbedderUnavailable("Connection refused.")
            case "slow":
                await asyncio.sleep(PATIENT_S)
            case "nan":
                return np.full_like(rows, np.nan)
            case "zero":
                return np.zeros_like(rows)
            case "dimension":
                return rows[:, :-1]
        return rows

    async def embed_passages(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        return await self.inner.embed_passages(texts, timeout_s=timeout_s)


@dataclass
class Stack:
    """What a test drives: the HTTP interface, and the places where things can go wrong."""

    http: httpx.AsyncClient
    library: Library
    clip: ChaosProxy
    text: SpoiltText
    database_url: str

    def patience(self, *, clip_s: float = PATIENT_S, channel_s: float = PATIENT_S) -> None:
        """Give CLIP and each channel this many seconds."""
        search = self.library.search
        search.reconfigure(
            replace(search.config, clip_timeout_s=clip_s, channel_timeout_s=channel_s, deadline_s=2 * PATIENT_S)
        )

    async def restore(self) -> None:
        """Forget everything: faults, caches, what the breaker learned."""
        self.text.fault = ""
        await self.clip.heal()
        self.forget()
        self.patience()

    @property
    def embedder(self) -> HttpEmbedder:
        """The client of the embedding service."""
        embedder = self.library.embedder
        assert isinstance(embedder, HttpEmbedder)
        return embedder

    @property
    def breaker_is_open(self) -> bool:
        return self.embedder._breaker.is_open

    def forget(self) -> None:
        """Empty the caches and close the breaker."""
        search, embedder = self.library.search, self.embedder
        search._visual_cache, search._text_cache = QueryEmbeddings(), QueryEmbeddings()
        embedder._breaker, embedder._budget, embedder._refusal = Breaker(), RetryBudget(), None

    async def search(self, query: str, **options: Any) -> dict[str, Any]:
        """Search over HTTP; anything but 200 is a failure."""
        answer = await self.http.post("/search", json={"query": query, "limit": 50, "include_weak": True, **options})
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content


@asynccontextmanager
async def embedding_service() -> AsyncIterator[tuple[str, int]]:
    """Serve the built-in CLIP model, signed, as `heimdex embed-service` does."""
    local = LocalEmbedder(pocket_folder(), threads=1)
    try:
        async with served(create_embedding_app(local, parse_keys(SECRET))) as address:
            yield address
    finally:
        local.close()


@asynccontextmanager
async def open_stack(folder: Path, database_url: str | None) -> AsyncIterator[Stack]:
    """Index two demo videos through the proxy and serve them."""
    text_model = write_tiny_text_model(folder / "models" / "tiny-text")
    async with embedding_service() as address, chaos_proxy(address, parse_keys(SECRET)[0]) as proxy:
        settings = load_settings(
            data_dir=folder, database_url=database_url, clip_runpod_url=proxy.url, clip_runpod_secret=SECRET,
            embedding={"text_model": str(text_model), "threads": 1},
        )  # fmt: skip
        async with open_library(settings) as library:
            report = await library.index.run([DEMO / f"{name}.mp4" for name in VIDEOS], lambda _: None)
            assert len(report.outcomes) == len(VIDEOS)
            search = library.search
            assert search._text_embedder is not None
            text = search._text_embedder = SpoiltText(search._text_embedder)
            async with (
                served(create_app(library)) as (host, port),
                httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=2 * PATIENT_S) as http,
            ):
                yield Stack(http, library, proxy, text, database_url or "")
