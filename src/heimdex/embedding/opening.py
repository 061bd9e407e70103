"""The CLIP model that the settings mean: in this process, or behind an address."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from heimdex.domain.errors import EmbedderRejected, HeimdexError, ModelInvalid
from heimdex.embedding.client import HttpEmbedder
from heimdex.embedding.keys import parse_keys
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.precision import Precision
from heimdex.embedding.registry import resolve_model
from heimdex.embedding.schemes import SchemeName
from heimdex.embedding.wire import describe, read_model
from heimdex.ports import Embedder, EmbeddingModel

log = structlog.get_logger()

_DISCOVER_TIMEOUT_S = 5.0
_REMEMBERED = "embedding-service.json"


@asynccontextmanager
async def open_embedder(
    *,
    url: str | None,
    secret: str | None,
    keys: str = "",
    scheme: SchemeName = "v1",
    max_retries: int = 1,
    model: str,
    models_dir: Path,
    threads: int = 0,
    batch_size: int = 16,
    precision: Precision = "auto",
    discover: bool = True,
) -> AsyncIterator[Embedder]:
    """Yield the embedder: over HTTP when ``url`` is set, otherwise the folder that ``model`` means.

    A service is never waited for here: it is asked for its model beside what the caller does next, and
    a text to embed meanwhile waits within its own time. One that is down or hangs does not stop
    anything: its model is remembered from the time before, beside the other models, or stays
    unknown, and searches degrade until it is back.

    Args:
        scheme: how the service is asked; for ``legacy``, ``model`` embeds the pictures when it is the same.
        discover: ask a service at once which model it runs; otherwise its first embedding asks.

    Raises:
        ModelInvalid: no such model. SettingsInvalid: an address or a key that cannot be.
    """
    if not url:
        folder = resolve_model(model, models_dir)
        local = LocalEmbedder(folder, threads=threads, batch_size=batch_size, precision=precision)
        try:
            yield local
        finally:
            local.close()
        return
    file = models_dir / _REMEMBERED
    known = await asyncio.to_thread(_recall, file, url)
    pictures = _here(model, models_dir, threads, batch_size) if scheme == "legacy" else None
    remote = HttpEmbedder(
        url, parse_keys(secret, keys), max_retries=max_retries, remembered=known, scheme=scheme, pictures=pictures
    )
    asking = asyncio.create_task(_discover(remote, file, url)) if discover else None
    try:
        yield remote
    finally:
        if asking is not None:
            asking.cancel()
            await asyncio.wait({asking})
        await remote.aclose()
        if pictures is not None:
            pictures.close()


def _here(model: str, models_dir: Path, threads: int, batch_size: int) -> LocalEmbedder | None:
    try:
        return LocalEmbedder(resolve_model(model, models_dir), threads=threads, batch_size=batch_size)
    except ModelInvalid:  # searching does without; indexing says what to do
        return None


async def _discover(remote: HttpEmbedder, file: Path, url: str) -> None:
    try:
        found = await remote.discover(timeout_s=_DISCOVER_TIMEOUT_S)
        await asyncio.to_thread(_remember, file, url, found)
    except HeimdexError as error:
        log.warning("CLIP text embedding failed: the service does not say its model", reason=error.message)


def _remember(file: Path, url: str, model: EmbeddingModel) -> None:
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({"url": url, "model": describe(model)}))
        fresh.replace(file)


def _recall(file: Path, url: str) -> EmbeddingModel | None:
    try:
        content = json.loads(file.read_text())
        return read_model(content["model"]) if content["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EmbedderRejected):
        return None
