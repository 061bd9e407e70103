"""What every Embedder keeps: in the process over a tiny and over the built-in model, over HTTP, the fake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from heimdex.domain.errors import EmbedderRejected, EmbedderUnavailable
from heimdex.embedding.client import HttpEmbedder
from heimdex.embedding.keys import parse_keys
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.registry import pocket_folder
from heimdex.embedding.server import create_embedding_app
from heimdex.ports import Embedder
from heimdex.testing.embedder import ColourEmbedder
from heimdex.testing.tiny_models import write_tiny_clip

TIMEOUT_S = 60.0


def _tiny(folder: Path) -> Embedder:
    return LocalEmbedder(write_tiny_clip(folder / "tiny"), threads=1)


def _fixed(folder: Path) -> Embedder:
    """A graph that takes one picture or text of one length at a time, as many public exports do."""
    return LocalEmbedder(write_tiny_clip(folder / "fixed", batch=1, length=12), threads=1)


def _pocket(_: Path) -> Embedder:
    if not (pocket_folder() / "config.json").is_file():
        pytest.skip("the built-in model has not been trained yet")
    return LocalEmbedder(pocket_folder(), threads=1)


def _http(folder: Path) -> Embedder:
    """The tiny model behind the signed service."""
    local, keys = LocalEmbedder(write_tiny_clip(folder / "served"), threads=1), parse_keys("s" * 32)
    transport = httpx.ASGITransport(create_embedding_app(local, keys))
    return HttpEmbedder("http://service", keys, model=local.model, transport=transport)


def _fake(_: Path) -> Embedder:
    return ColourEmbedder()


@pytest.fixture(
    scope="module", params=[_tiny, _fixed, _pocket, _http, _fake], ids=lambda make: make.__name__.strip("_")
)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    make: Callable[[Path], Embedder] = request.param
    return make(tmp_path_factory.mktemp("models"))


def _picture(height: int, width: int, seed: int = 0) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


async def test_rows_are_unit_and_in_order(embedder: Embedder) -> None:
    rows = await embedder.embed_texts(["red car", "빨간 자동차", "red car"], timeout_s=TIMEOUT_S)

    assert rows.shape == (3, embedder.model.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows[0], rows[2], atol=1e-5)
    assert np.abs(rows[0] - rows[1]).max() > 1e-4


async def test_a_text_has_the_same_row_alone_and_in_any_company(embedder: Embedder) -> None:
    together = await embedder.embed_texts(["car", "the red car the blue dog the red dog", "dog"], timeout_s=TIMEOUT_S)
    alone = await embedder.embed_texts(["car"], timeout_s=TIMEOUT_S)

    np.testing.assert_allclose(together[0], alone[0], atol=1e-5)


async def test_many_texts_come_back_in_order(embedder: Embedder) -> None:
    texts = [f"{'red' if i % 2 else 'blue'} {'car' if i % 3 else 'dog'}" for i in range(70)]
    rows = await embedder.embed_texts(texts, timeout_s=TIMEOUT_S)

    again = await embedder.embed_texts([texts[i] for i in (0, 33, 69)], timeout_s=TIMEOUT_S)
    np.testing.assert_allclose(rows[[0, 33, 69]], again, atol=1e-5)


async def test_a_burst_of_queries_loses_none(embedder: Embedder) -> None:
    burst = await asyncio.gather(*(embedder.embed_texts([f"car {n}"], timeout_s=30) for n in range(32)))

    assert {rows.shape for rows in burst} == {(1, embedder.model.dim)}


async def test_nothing_in_nothing_out(embedder: Embedder) -> None:
    assert (await embedder.embed_texts([], timeout_s=TIMEOUT_S)).shape == (0, embedder.model.dim)
    assert (await embedder.embed_images([], timeout_s=TIMEOUT_S)).shape == (0, embedder.model.dim)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (7, 5), (480, 640), (641, 479), (1080, 1920)])
async def test_pictures_of_any_shape_get_a_unit_row(embedder: Embedder, size: tuple[int, int]) -> None:
    rows = await embedder.embed_images([_picture(*size)], timeout_s=TIMEOUT_S)

    assert rows.shape == (1, embedder.model.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


async def test_many_pictures_of_different_sizes_come_back_in_order(embedder: Embedder) -> None:
    pictures = [_picture(20 + i, 40 - i, seed=i) for i in range(19)]
    rows = await embedder.embed_images(pictures, timeout_s=TIMEOUT_S)

    again = await embedder.embed_images([pictures[i] for i in (0, 16, 18)], timeout_s=TIMEOUT_S)
    np.testing.assert_allclose(rows[[0, 16, 18]], again, atol=1e-4)


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "🚗", "a" * 20_000, "red " * 5_000, "<end>", "&lt;b&gt;"])
async def test_odd_texts_get_a_unit_row_or_a_refusal_never_nan(embedder: Embedder, text: str) -> None:
    try:
        rows = await embedder.embed_texts([text], timeout_s=TIMEOUT_S)
    except EmbedderRejected:
        return

    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


async def test_no_time_means_unavailable(embedder: Embedder) -> None:
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed_texts(["red car"], timeout_s=0)
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed_images([_picture(8, 8)], timeout_s=0)


async def test_the_space_is_named(embedder: Embedder) -> None:
    assert embedder.model.model_id
    assert embedder.model.revision
    assert embedder.model.dim > 0
