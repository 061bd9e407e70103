"""Texts of scenes into vectors of their meaning."""

from __future__ import annotations

from collections.abc import Sequence

from heimdex.ports import TextEmbedder, Vector
from heimdex.ranking.languages import can_read


async def vectors_of(
    texts: Sequence[str], embedder: TextEmbedder | None, *, batch_size: int, timeout_s: float
) -> list[Vector | None]:
    """Return a vector for each text that is there and that the model can read, None for the others.

    Args:
        timeout_s: for one batch.
    """
    vectors: list[Vector | None] = [None] * len(texts)
    if embedder is None:
        return vectors
    languages = embedder.model.languages
    readable = [number for number, text in enumerate(texts) if text and can_read(languages, text)]
    for first in range(0, len(readable), batch_size):
        batch = readable[first : first + batch_size]
        rows = await embedder.embed_passages([texts[number] for number in batch], timeout_s=timeout_s)
        for number, row in zip(batch, rows, strict=True):
            vectors[number] = row
    return vectors
