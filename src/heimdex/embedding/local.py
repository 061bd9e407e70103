"""A CLIP model in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from heimdex.domain.errors import EmbedderTimeout, ModelInvalid
from heimdex.embedding.bulkhead import QUERIES_AT_ONCE, Bulkhead
from heimdex.embedding.folder import BRING_AGAIN, read_clip_folder
from heimdex.embedding.pictures import as_picture
from heimdex.embedding.precision import Precision, graph_file
from heimdex.embedding.preprocess import preprocess
from heimdex.embedding.rows import unit_rows
from heimdex.embedding.session import Tower, tower
from heimdex.embedding.tokenise import ClipTokeniser
from heimdex.ports import EmbeddingModel, Image, Matrix

#: texts embedded at once; more only makes the padding longer
_TEXT_BATCH = 32

T = TypeVar("T")


class LocalEmbedder:
    """Satisfies `heimdex.ports.Embedder` with the two ONNX graphs of a model folder.

    The graphs are opened at the first call. Texts and pictures have a worker thread each, so that
    a query does not wait behind the keyframes of a film.
    """

    def __init__(self, folder: Path, *, threads: int = 0, batch_size: int = 16, precision: Precision = "auto") -> None:
        """Read and check ``folder``. Raises ModelInvalid."""
        self._folder = read_clip_folder(folder)
        self._batch_size = batch_size
        revision = self._folder.model.revision
        self._visual = tower(graph_file(folder, "visual", precision, revision), threads)
        self._textual = tower(graph_file(folder, "textual", precision, revision), threads)
        self._visual_worker = Bulkhead("image")
        self._textual_worker = Bulkhead("text", capacity=QUERIES_AT_ONCE)
        self._tokeniser: ClipTokeniser | None = None
        self._opening = threading.Lock()

    @property
    def model(self) -> EmbeddingModel:
        """The space of the rows."""
        return self._folder.model

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        """Return (len(texts), dim) float32 unit rows. Raises EmbedderUnavailable, EmbedderRejected, ModelInvalid."""
        if not texts:
            return self._nothing()
        asked = list(texts)
        return await self._textual_worker.run(lambda wanted: self._texts(asked, wanted), timeout_s=timeout_s)

    async def embed_images(self, images: Sequence[Image], *, timeout_s: float) -> Matrix:
        """Return (len(images), dim) float32 unit rows. Raises EmbedderUnavailable, EmbedderRejected, ModelInvalid."""
        if len(images) == 0:
            return self._nothing()
        pictures = [as_picture(image) for image in images]
        return await self._visual_worker.run(lambda wanted: self._images(pictures, wanted), timeout_s=timeout_s)

    def providers(self) -> tuple[str, ...]:
        """Return what the image graph runs on, for `/health` and `heimdex doctor`."""
        return self._visual.providers()

    def close(self) -> None:
        """Drop what waits."""
        self._visual_worker.close()
        self._textual_worker.close()

    def _texts(self, texts: list[str], wanted: Callable[[], bool]) -> Matrix:
        graph, rows = self._textual, []
        _one_input(graph)
        tokeniser = self._open_tokeniser()
        for batch in _batches(texts, _TEXT_BATCH, graph.input_size(0)):
            _still(wanted)
            rows.append(self._run(graph, tokeniser.ids(batch, length=graph.input_size(1)), len(batch)))
        return np.concatenate(rows)

    def _images(self, pictures: list[PillowImage.Image], wanted: Callable[[], bool]) -> Matrix:
        graph, rows = self._visual, []
        _one_input(graph)
        batches = list(_batches(pictures, self._batch_size, graph.input_size(0)))
        # the next pictures are scaled while these are embedded: Pillow and ONNX Runtime both let go of the interpreter
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="heimdex-scale") as beside:
            ready = self._prepare(batches[0])
            for number, batch in enumerate(batches):
                _still(wanted)
                pixels = ready
                following = batches[number + 1 : number + 2]
                coming = [beside.submit(self._prepare, each) for each in following]
                rows.append(self._run(graph, pixels, len(batch)))
                if coming:
                    ready = coming[0].result()
        return np.concatenate(rows)

    def _prepare(self, batch: list[PillowImage.Image]) -> NDArray[np.float32]:
        return np.stack([preprocess(picture, self._folder.preprocessing) for picture in batch])

    def _run(self, graph: Tower, stacked: NDArray[Any], count: int) -> Matrix:
        """Run one batch; a graph that is fixed to N rows gets its last batch filled up with repeats."""
        fixed = graph.input_size(0)
        if fixed is not None and fixed > count:
            stacked = np.concatenate([stacked, np.repeat(stacked[-1:], fixed - count, axis=0)])
        raw = graph.run({graph.input_names[0]: stacked})
        return unit_rows(raw[:count], count=count, dim=self.model.dim, source=str(graph.file))

    def _open_tokeniser(self) -> ClipTokeniser:
        with self._opening:
            if self._tokeniser is None:
                file = self._folder.path / "textual" / "tokenizer.json"
                try:
                    self._tokeniser = ClipTokeniser(file, self._folder.tokenising)
                except ValueError as error:
                    raise ModelInvalid(f"{file} cannot be used: {error}.", remedy=BRING_AGAIN) from None
            return self._tokeniser

    def _nothing(self) -> Matrix:
        return np.empty((0, self.model.dim), dtype=np.float32)


def _batches(items: list[T], at_once: int, fixed: int | None) -> Iterator[list[T]]:
    size = fixed or at_once
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _still(wanted: Callable[[], bool]) -> None:
    if not wanted():
        raise EmbedderTimeout("The deadline passed before the model was asked.", remedy="Allow more time.")


def _one_input(graph: Tower) -> None:
    if len(graph.input_names) != 1:
        raise ModelInvalid(
            f"{graph.file} takes the inputs {', '.join(graph.input_names)}; one was due.",
            remedy="Use an export with separate visual/ and textual/ graphs, as the organisation immich-app publishes.",
        )
