"""The meaning of text, by an ONNX encoder in this process.

Two layouts of a folder are read:

- ours: ``model.onnx``, ``tokenizer.json`` and ``text_model.json`` (`TextFolder`);
- a model hub's: ``onnx/model.onnx``, ``tokenizer.json``, with the rest taken from the registry.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heimdex.domain.errors import EmbedderTimeout, ModelInvalid
from heimdex.embedding.bulkhead import QUERIES_AT_ONCE, Bulkhead
from heimdex.embedding.checksum import files_revision
from heimdex.embedding.folder import BRING_AGAIN, read_calibration, read_json, require_files
from heimdex.embedding.registry import find_known
from heimdex.embedding.rows import unit_rows
from heimdex.embedding.session import Tower, tower
from heimdex.embedding.tokenise import open_tokenizer, pad_rows
from heimdex.ports import EmbeddingModel, Matrix

TEXT_MODEL_FILE = "text_model.json"
_BATCH = 16


@dataclass(frozen=True, slots=True)
class TextFolder:
    """What ``text_model.json`` says, checked."""

    path: Path
    graph: Path
    model: EmbeddingModel
    pooling: Literal["mean", "cls"]
    query_prefix: str
    passage_prefix: str
    max_tokens: int


def read_text_folder(path: Path) -> TextFolder:
    """Read and check everything but the graph. Raises ModelInvalid."""
    ours = (path / TEXT_MODEL_FILE).is_file()
    graph_name = "model.onnx" if ours else "onnx/model.onnx"
    require_files(path, (graph_name, "tokenizer.json"))
    says = dict(read_json(path / TEXT_MODEL_FILE)) if ours else _from_registry(path)
    dim, pooling, length = says.get("dim"), says.get("pooling", "mean"), says.get("max_tokens", 512)
    if not (isinstance(dim, int) and dim > 0 and isinstance(length, int) and length > 2 and pooling in ("mean", "cls")):
        raise ModelInvalid(
            f"{path / TEXT_MODEL_FILE}: dim {dim!r}, pooling {pooling!r}, max_tokens {length!r} cannot be used.",
            remedy="dim and max_tokens are whole numbers, pooling is mean or cls.",
        )
    graph = path / graph_name
    deciding = [graph, path / "tokenizer.json", *graph.parent.glob("*data")]
    return TextFolder(
        path=path,
        graph=graph,
        model=EmbeddingModel(
            model_id=str(says.get("model_id") or path.resolve().name),
            revision=files_revision(path, deciding),
            dim=dim,
            notice=str(says.get("notice", "")),
            calibration=read_calibration(path),
            languages=tuple(says.get("languages", ())),
        ),
        pooling=pooling,
        query_prefix=str(says.get("query_prefix", "")),
        passage_prefix=str(says.get("passage_prefix", "")),
        max_tokens=length,
    )


class LocalTextEmbedder:
    """Satisfies `heimdex.ports.TextEmbedder`. The graph is opened at the first call."""

    def __init__(self, folder: Path, *, threads: int = 0) -> None:
        """Read and check ``folder``. Raises ModelInvalid."""
        self._folder = read_text_folder(folder)
        self._graph: Tower = tower(self._folder.graph, threads)
        # a query must not wait behind the passages of a film
        self._queries, self._passages = Bulkhead("query", capacity=QUERIES_AT_ONCE), Bulkhead("passage")
        self._tokenizer: Any = None
        self._opening = threading.Lock()

    @property
    def model(self) -> EmbeddingModel:
        """The space of the rows."""
        return self._folder.model

    async def embed_queries(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        """Return (len(texts), dim) float32 unit rows. Raises EmbedderUnavailable, EmbedderRejected, ModelInvalid."""
        return await self._embed(self._queries, self._folder.query_prefix, texts, timeout_s)

    async def embed_passages(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        """Return (len(texts), dim) float32 unit rows; what exceeds the model's length is cut off."""
        return await self._embed(self._passages, self._folder.passage_prefix, texts, timeout_s)

    def providers(self) -> tuple[str, ...]:
        """Return what the graph runs on, for `heimdex models verify` and `heimdex doctor`."""
        return self._graph.providers()

    def close(self) -> None:
        """Drop what waits."""
        self._queries.close()
        self._passages.close()

    async def _embed(self, worker: Bulkhead, prefix: str, texts: Sequence[str], timeout_s: float) -> Matrix:
        if not texts:
            return np.empty((0, self.model.dim), dtype=np.float32)
        prefixed = [prefix + text.encode("utf-8", "replace").decode() for text in texts]
        return await worker.run(lambda wanted: self._rows(prefixed, wanted), timeout_s=timeout_s)

    def _rows(self, texts: list[str], wanted: Callable[[], bool]) -> Matrix:
        """Embed in batches of like length, so that little padding is computed; rows come in the order of ``texts``."""
        encoded = [encoding.ids for encoding in self._open_tokenizer().encode_batch(texts)]
        by_length = sorted(range(len(texts)), key=lambda index: len(encoded[index]))
        rows = np.empty((len(texts), self.model.dim), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            if not wanted():
                raise EmbedderTimeout("The deadline passed before the model was asked.", remedy="Allow more time.")
            batch = by_length[start : start + _BATCH]
            rows[batch] = self._run([encoded[index] for index in batch])
        return rows

    def _run(self, rows: list[list[int]]) -> Matrix:
        length = max(1, *(len(row) for row in rows))
        mask = pad_rows([[1] * len(row) for row in rows], length, 0)
        given = {"input_ids": pad_rows(rows, length, 0), "attention_mask": mask, "token_type_ids": np.zeros_like(mask)}
        unknown = [name for name in self._graph.input_names if name not in given]
        if unknown:
            raise ModelInvalid(
                f"{self._graph.file} wants {', '.join(unknown)}, which we do not know.", remedy=BRING_AGAIN
            )
        hidden = self._graph.run({name: given[name] for name in self._graph.input_names})
        pooled = pool(hidden, mask, self._folder.pooling)
        return unit_rows(pooled, count=len(rows), dim=self.model.dim, source=str(self._graph.file))

    def _open_tokenizer(self) -> Any:
        with self._opening:
            if self._tokenizer is None:
                file = self._folder.path / "tokenizer.json"
                try:
                    tokenizer = open_tokenizer(file)
                except ValueError as error:
                    raise ModelInvalid(f"{file} cannot be used: {error}.", remedy=BRING_AGAIN) from None
                tokenizer.no_padding()
                tokenizer.enable_truncation(max_length=self._folder.max_tokens)
                self._tokenizer = tokenizer
            return self._tokenizer


def pool(hidden: NDArray[np.float32], mask: NDArray[np.int64], pooling: Literal["mean", "cls"]) -> NDArray[np.float32]:
    """Reduce (N, L, D) token states to (N, D): the mean over unmasked tokens, or the first token.

    Source of the mean: Reimers & Gurevych, Sentence-BERT, EMNLP 2019. A graph that pools itself,
    (N, D), is passed through.
    """
    if hidden.ndim == 2:
        return hidden
    if pooling == "cls":
        return np.ascontiguousarray(hidden[:, 0])
    weights = mask[:, :, np.newaxis].astype(np.float32)
    return np.asarray((hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0), dtype=np.float32)


def _from_registry(path: Path) -> dict[str, Any]:
    known = find_known(path.resolve().name)
    if known is None or known.kind != "text":
        raise ModelInvalid(
            f"{path} has no {TEXT_MODEL_FILE} and is no model that heimdex knows by name.",
            remedy=f'Write {TEXT_MODEL_FILE}: {{"model_id", "dim", "pooling", "query_prefix", "passage_prefix"}}.',
        )
    return {
        "model_id": known.id, "dim": known.dim, "pooling": known.pooling, "max_tokens": known.max_tokens,
        "query_prefix": known.query_prefix, "passage_prefix": known.passage_prefix, "languages": known.languages,
    }  # fmt: skip
