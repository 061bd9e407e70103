"""Which embedder the settings mean, and what happens when a service is down."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvicorn

from heimdex.domain.errors import EmbedderUnavailable, ModelInvalid, SettingsInvalid
from heimdex.embedding.keys import parse_keys
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.opening import open_embedder
from heimdex.embedding.server import create_embedding_app
from heimdex.testing.tiny_models import DIM, write_tiny_clip

SECRET = "s" * 32


@contextlib.asynccontextmanager
async def _service(folder: Path, listener: socket.socket) -> AsyncIterator[str]:
    """Serve the model over a real socket."""
    app = create_embedding_app(LocalEmbedder(folder), parse_keys(SECRET))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_clip(tmp_path / "models" / "tiny")


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - a file has no event to wait for
            await asyncio.sleep(0.01)


async def test_without_an_address_the_model_runs_here(folder: Path) -> None:
    async with open_embedder(url=None, secret=None, model="tiny", models_dir=folder.parent) as embedder:
        assert isinstance(embedder, LocalEmbedder)
        assert (await embedder.embed_texts(["car"], timeout_s=30)).shape == (1, DIM)


async def test_a_service_that_is_down_is_known_from_last_time(folder: Path) -> None:
    models = folder.parent
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        _service(folder, listener),
        open_embedder(url=url, secret=SECRET, model="tiny", models_dir=models) as embedder,
    ):
        rows = await embedder.embed_texts(["red car"], timeout_s=30)
        known = embedder.model
        await _until((models / "embedding-service.json").exists)
    listener.close()

    async with open_embedder(url=url, secret=SECRET, model="tiny", models_dir=models) as embedder:
        with pytest.raises(EmbedderUnavailable):
            await embedder.embed_texts(["red car"], timeout_s=5)
        assert embedder.model == known
        assert rows.shape == (1, known.dim)


async def test_a_service_that_hangs_at_the_first_contact_holds_nobody_up(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))  # the kernel accepts, nobody ever reads
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    async with open_embedder(url=url, secret=SECRET, model="tiny", models_dir=tmp_path) as embedder:
        asking = next(task for task in asyncio.all_tasks() if "_discover" in repr(task.get_coro()))
        assert not asking.done()  # opened while the question for the model is still open
        with pytest.raises(EmbedderUnavailable, match="timed out"):
            await embedder.embed_texts(["red car"], timeout_s=0.1)
        assert not asking.done()  # answered before that question was given up
    assert asking.done()
    listener.close()


async def test_a_service_that_never_answered_stops_nothing_but_what_needs_it(tmp_path: Path) -> None:
    async with open_embedder(url="http://127.0.0.1:9", secret=SECRET, model="tiny", models_dir=tmp_path) as embedder:
        with pytest.raises(EmbedderUnavailable, match="cannot be reached"):
            await embedder.embed_texts(["red car"], timeout_s=5)
        with pytest.raises(EmbedderUnavailable, match="not said yet which model"):
            _ = embedder.model


async def test_a_service_that_must_be_left_alone_is_not_asked(folder: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with open_embedder(url=url, secret=SECRET, model="x", models_dir=folder.parent, discover=False):
        pass
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()


async def test_another_services_model_is_not_recalled(folder: Path) -> None:
    models = folder.parent
    listener = socket.create_server(("127.0.0.1", 0))
    async with (
        _service(folder, listener) as url,
        open_embedder(url=url, secret=SECRET, model="tiny", models_dir=models),
    ):
        await _until((models / "embedding-service.json").exists)
    listener.close()

    async with open_embedder(url="http://127.0.0.1:9", secret=SECRET, model="tiny", models_dir=models) as embedder:
        with pytest.raises(EmbedderUnavailable):
            _ = embedder.model


async def test_what_cannot_be_is_refused_at_the_start(tmp_path: Path) -> None:
    for url, secret, error in (
        ("https://host", "short", SettingsInvalid),
        ("https://host", None, SettingsInvalid),
        ("host", SECRET, SettingsInvalid),
        (None, None, ModelInvalid),
    ):
        with pytest.raises(error):
            async with open_embedder(url=url, secret=secret, model="none", models_dir=tmp_path):
                pass
