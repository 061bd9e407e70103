"""What every TextEmbedder keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.embedding.text_local import LocalTextEmbedder
from heimdex.ports import TextEmbedder
from heimdex.testing.embedder import WordEmbedder
from heimdex.testing.tiny_models import write_tiny_text_model

TIMEOUT_S = 60.0


def _tiny(folder: Path) -> TextEmbedder:
    return LocalTextEmbedder(write_tiny_text_model(folder / "tiny"), threads=1)


def _fake(_: Path) -> TextEmbedder:
    return WordEmbedder()


@pytest.fixture(scope="module", params=[_tiny, _fake], ids=lambda make: make.__name__.strip("_"))
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TextEmbedder:
    make: Callable[[Path], TextEmbedder] = request.param
    return make(tmp_path_factory.mktemp("models"))


async def test_rows_are_unit_and_in_order(embedder: TextEmbedder) -> None:
    for embed in (embedder.embed_queries, embedder.embed_passages):
        rows = await embed(["red car", "the blue dog", "red car"], timeout_s=TIMEOUT_S)

        assert rows.shape == (3, embedder.model.dim)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(rows[0], rows[2], atol=1e-5)
        assert np.abs(rows[0] - rows[1]).max() > 1e-4


async def test_a_passage_has_the_same_row_alone_and_in_any_company(embedder: TextEmbedder) -> None:
    texts = ["the red car and the blue dog " * (i % 5) + ("car" if i % 2 else "dog") for i in range(40)]
    rows = await embedder.embed_passages(texts, timeout_s=TIMEOUT_S)

    for index in (0, 17, 39):
        alone = await embedder.embed_passages([texts[index]], timeout_s=TIMEOUT_S)
        np.testing.assert_allclose(rows[index], alone[0], atol=1e-5)


async def test_a_burst_of_queries_loses_none(embedder: TextEmbedder) -> None:
    burst = await asyncio.gather(*(embedder.embed_queries([f"car {n}"], timeout_s=30) for n in range(32)))

    assert {rows.shape for rows in burst} == {(1, embedder.model.dim)}


async def test_nothing_in_nothing_out(embedder: TextEmbedder) -> None:
    assert (await embedder.embed_queries([], timeout_s=TIMEOUT_S)).shape == (0, embedder.model.dim)
    assert (await embedder.embed_passages([], timeout_s=TIMEOUT_S)).shape == (0, embedder.model.dim)


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "🚗", "red " * 5_000])
async def test_odd_texts_get_a_unit_row(embedder: TextEmbedder, text: str) -> None:
    rows = await embedder.embed_passages([text], timeout_s=TIMEOUT_S)

    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


async def test_no_time_means_unavailable(embedder: TextEmbedder) -> None:
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed_queries(["red car"], timeout_s=0)
