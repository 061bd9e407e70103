"""Folders of text models, ours and the hub's, and how token states become a row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from heimdex.domain.errors import EmbedderUnavailable, ModelInvalid
from heimdex.embedding.text_local import LocalTextEmbedder, pool, read_text_folder
from heimdex.testing.tiny_models import DIM, write_tiny_text_model


def test_the_mean_is_over_unmasked_tokens() -> None:
    hidden = np.array([[[1, 1], [3, 5], [99, 99]]], dtype=np.float32)
    mask = np.array([[1, 1, 0]], dtype=np.int64)

    np.testing.assert_allclose(pool(hidden, mask, "mean"), [[2.0, 3.0]])
    np.testing.assert_allclose(pool(hidden, mask, "cls"), [[1.0, 1.0]])
    np.testing.assert_allclose(pool(hidden[:, 0], mask, "mean"), [[1.0, 1.0]])


def test_a_folder_says_what_it_is(tmp_path: Path) -> None:
    folder = read_text_folder(write_tiny_text_model(tmp_path / "tiny", languages=["en"], pooling="cls"))

    assert (folder.model.model_id, folder.model.dim, folder.pooling) == ("tiny", DIM, "cls")
    assert folder.model.languages == ("en",)


async def test_prefixes_tell_queries_from_passages(tmp_path: Path) -> None:
    plain = LocalTextEmbedder(write_tiny_text_model(tmp_path / "plain"))
    prefixed = LocalTextEmbedder(write_tiny_text_model(tmp_path / "p", query_prefix="red ", passage_prefix="blue "))

    expected = await plain.embed_passages(["red car", "blue car"], timeout_s=9)

    np.testing.assert_allclose(await prefixed.embed_queries(["car"], timeout_s=9), expected[:1], atol=1e-6)
    np.testing.assert_allclose(await prefixed.embed_passages(["car"], timeout_s=9), expected[1:], atol=1e-6)


async def test_a_hub_folder_takes_its_manner_from_the_registry(tmp_path: Path) -> None:
    folder = write_tiny_text_model(tmp_path / "multilingual-e5-small", dim=384)
    (folder / "text_model.json").unlink()
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx/model.onnx")

    found = read_text_folder(folder)

    assert (found.query_prefix, found.passage_prefix, found.model.dim) == ("query: ", "passage: ", 384)
    assert (await LocalTextEmbedder(folder).embed_queries(["car"], timeout_s=9)).shape == (1, 384)


def test_a_folder_of_unknown_manner_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_text_model(tmp_path / "unknown")
    (folder / "text_model.json").unlink()
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx/model.onnx")

    with pytest.raises(ModelInvalid, match=r"text_model\.json"):
        read_text_folder(folder)


@pytest.mark.parametrize("wrong", [{"dim": 0}, {"dim": "384"}, {"pooling": "max"}, {"max_tokens": 1}])
def test_manners_that_cannot_be_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    folder = write_tiny_text_model(tmp_path / "tiny")
    content = json.loads((folder / "text_model.json").read_text())
    (folder / "text_model.json").write_text(json.dumps(content | wrong))

    with pytest.raises(ModelInvalid):
        read_text_folder(folder)


async def test_a_dimension_that_the_graph_does_not_make_is_one_clear_error(tmp_path: Path) -> None:
    folder = write_tiny_text_model(tmp_path / "tiny")
    content = json.loads((folder / "text_model.json").read_text())
    (folder / "text_model.json").write_text(json.dumps(content | {"dim": DIM + 1}))

    with pytest.raises(ModelInvalid, match=str(DIM + 1)):
        await LocalTextEmbedder(folder).embed_queries(["car"], timeout_s=9)


async def test_a_damaged_graph_is_one_clear_error(tmp_path: Path) -> None:
    damaged = write_tiny_text_model(tmp_path / "damaged")
    (damaged / "model.onnx").write_bytes(b"not a graph")

    with pytest.raises(ModelInvalid, match="not a usable ONNX model"):
        await LocalTextEmbedder(damaged).embed_queries(["car"], timeout_s=9)


async def test_a_closed_embedder_is_unavailable(tmp_path: Path) -> None:
    embedder = LocalTextEmbedder(write_tiny_text_model(tmp_path / "tiny"))
    embedder.close()

    with pytest.raises(EmbedderUnavailable):
        await embedder.embed_queries(["car"], timeout_s=9)
