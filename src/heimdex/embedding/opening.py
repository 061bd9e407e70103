"""The CLIP model that the settings mean: in this process, or behind an address."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.embedding.client import HttpEmbedder
from heimdex.embedding.keys import parse_keys
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.registry import resolve_model
from heimdex.ports import Embedder, EmbeddingModel

_DISCOVER_TIMEOUT_S = 5.0
_REMEMBERED = "embedding-service.json"


@asynccontextmanager
async def open_embedder(
    *,
    url: str | None,
    secret: str | None,
    keys: str = "",
    max_retries: int = 1,
    model: str,
    models_dir: Path,
    threads: int = 0,
    batch_size: int = 16,
) -> AsyncIterator[Embedder]:
    """Yield the embedder: over HTTP when ``url`` is set, otherwise the folder that ``model`` means.

    A service that is down at the start does not stop anything when it was reached before: its model
    is remembered beside the other models, and searches degrade until it is back.

    Raises:
        ModelInvalid: no such model. SettingsInvalid: an address or a key that cannot be.
        EmbedderUnavailable: the service has never answered yet.
    """
    if not url:
        local = LocalEmbedder(resolve_model(model, models_dir), threads=threads, batch_size=batch_size)
        try:
            yield local
        finally:
            local.close()
        return
    file = models_dir / _REMEMBERED
    remote = HttpEmbedder(url, parse_keys(secret, keys), max_retries=max_retries)
    try:
        found = await remote.discover(timeout_s=_DISCOVER_TIMEOUT_S)
        await asyncio.to_thread(_remember, file, url, found)
    except EmbedderUnavailable:
        known = await asyncio.to_thread(_recall, file, url)
        if known is None:
            await remote.aclose()
            raise
        remote.assume(known)
    try:
        yield remote
    finally:
        await remote.aclose()


def _remember(file: Path, url: str, model: EmbeddingModel) -> None:
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        known = {name: getattr(model, name) for name in ("model_id", "revision", "dim", "notice")}
        fresh.write_text(json.dumps({"url": url, "model": known}))
        fresh.replace(file)


def _recall(file: Path, url: str) -> EmbeddingModel | None:
    try:
        content = json.loads(file.read_text())
        return EmbeddingModel(**content["model"]) if content["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
