"""A fake of the ports Embedder and TextEmbedder: colours and words instead of meaning."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.ports import EmbeddingModel, Image, Matrix

_COLOURS = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (220, 30, 30),
    "green": (30, 160, 50), "blue": (40, 60, 220), "yellow": (240, 220, 40), "orange": (240, 140, 20),
}  # fmt: skip


class ColourEmbedder:
    """Puts a picture near the names of the colours that it shows. A fake: it knows nothing else."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        #: how many images each call brought
        self.calls: list[int] = []

    @property
    def model(self) -> EmbeddingModel:
        return EmbeddingModel("fake-colours", "1", len(_COLOURS), notice="A fake for tests: it sees colours only.")

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        self._check(timeout_s)
        rows = [[float(name in text.casefold()) for name in _COLOURS] for text in texts]
        return _unit(np.array(rows, np.float32).reshape(len(texts), len(_COLOURS)))

    async def embed_images(self, images: Sequence[Image], *, timeout_s: float) -> Matrix:
        self._check(timeout_s)
        self.calls.append(len(images))
        return _unit(np.array([_shares(image) for image in images], np.float32).reshape(len(images), len(_COLOURS)))

    def _check(self, timeout_s: float) -> None:
        if self.fails or timeout_s <= 0:
            raise EmbedderUnavailable("The fake embedder was told to fail.", remedy="Tell it not to.")


class WordEmbedder:
    """Puts texts near each other that share words. A fake: it understands nothing."""

    dim = 64

    @property
    def model(self) -> EmbeddingModel:
        return EmbeddingModel("fake-words", "1", self.dim, notice="A fake for tests: it compares words.")

    async def embed_queries(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        return self._embed(texts, timeout_s)

    async def embed_passages(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        return self._embed(texts, timeout_s)

    def _embed(self, texts: Sequence[str], timeout_s: float) -> Matrix:
        if timeout_s <= 0:
            raise EmbedderUnavailable("The fake text embedder was given no time.", remedy="Give it some.")
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.casefold().split():
                row[hashlib.sha256(word.encode("utf-8", "replace")).digest()[0] % self.dim] += 1
        return _unit(rows)


def _shares(image: Image) -> list[float]:
    """Return which part of the picture is nearest to each colour."""
    points = image[:: max(1, image.shape[0] // 32), :: max(1, image.shape[1] // 32)].reshape(-1, 1, 3)
    distances = np.abs(points.astype(np.int32) - np.array(list(_COLOURS.values()))).sum(axis=2)
    return list(np.bincount(distances.argmin(axis=1), minlength=len(_COLOURS)) / len(points))


def _unit(rows: Matrix) -> Matrix:
    """Return rows of length 1; one of zeros points everywhere alike."""
    rows = np.where(np.abs(rows).sum(axis=1, keepdims=True) > 0, rows, np.float32(1))
    unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit
