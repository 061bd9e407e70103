"""Query embeddings: cached for an hour, asked for once however many wait, checked before they are used."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from heimdex.ports import EmbeddingModel, Matrix, Vector
from heimdex.search.losses import InvalidVector

TTL_S = 3600.0
#: an older vector is better than none when the model does not answer
STALE_S = 24 * 3600.0
MAX_ENTRIES = 10_000
_NORM_TOLERANCE = 1e-3

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A query vector, (dim,) float32 of unit norm, and where it came from."""

    vector: Vector
    took_ms: float
    cached: bool = False
    stale: bool = False


def checked(rows: Matrix, dim: int) -> Vector:
    """Return the single row of a model's answer.

    Raises:
        InvalidVector: another shape, a value that is no number, or a norm that is not 1.
    """
    array = np.asarray(rows)
    if array.shape != (1, dim):
        raise InvalidVector(f"the model gave an array of shape {array.shape}, not (1, {dim})")
    vector: Vector = np.array(array[0], dtype=np.float32)
    if not np.isfinite(vector).all():
        raise InvalidVector("the model gave values that are no numbers")
    norm = float(np.linalg.norm(vector))
    if abs(norm - 1.0) > _NORM_TOLERANCE:
        raise InvalidVector(f"the model gave a vector of norm {norm:.4f}, not 1")
    vector.flags.writeable = False
    return vector


class QueryEmbeddings:
    """A cache in front of one embedding function. Only checked vectors enter it."""

    def __init__(
        self,
        *,
        ttl_s: float = TTL_S,
        stale_s: float = STALE_S,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_s = ttl_s
        self._stale_s = stale_s
        self._max_entries = max_entries
        self._clock = clock
        self._known: OrderedDict[Key, tuple[float, Vector]] = OrderedDict()
        self._running: dict[Key, asyncio.Task[Vector]] = {}
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._known)

    async def embed(self, text: str, model: EmbeddingModel, ask: Callable[[str], Awaitable[Matrix]]) -> Embedded:
        """Return the vector of ``text``, from the cache or from ``ask``.

        Args:
            ask: gives (1, dim) for a text; its failure is raised unless an expired vector is left.
        """
        text = unicodedata.normalize("NFC", text)
        key = (model.model_id, model.revision, text)
        started = self._clock()
        if (known := self._known.get(key)) and started - known[0] < self._ttl_s:
            self.hits += 1
            self._known.move_to_end(key)
            return Embedded(known[1], 0.0, cached=True)
        self.misses += 1
        leader = self._running.get(key)
        if leader is None:
            leader = asyncio.ensure_future(self._ask(key, text, model, ask))
            self._running[key] = leader
            leader.add_done_callback(lambda task: self._ended(key, task))
        try:
            # shielded: one who gives up waiting does not take the answer from the others
            vector = await asyncio.shield(leader)
        except Exception:
            if known and self._clock() - known[0] < self._stale_s:
                return Embedded(known[1], 0.0, cached=True, stale=True)
            raise
        return Embedded(vector, (self._clock() - started) * 1000)

    def stale(self, text: str, model: EmbeddingModel) -> Embedded | None:
        """Return an expired vector that is not too old, for one who cannot wait any longer."""
        known = self._known.get((model.model_id, model.revision, unicodedata.normalize("NFC", text)))
        if known and self._clock() - known[0] < self._stale_s:
            return Embedded(known[1], 0.0, cached=True, stale=True)
        return None

    async def _ask(self, key: Key, text: str, model: EmbeddingModel, ask: Callable[[str], Awaitable[Matrix]]) -> Vector:
        vector = checked(await ask(text), model.dim)
        self._known[key] = (self._clock(), vector)
        self._known.move_to_end(key)
        while len(self._known) > self._max_entries:
            self._known.popitem(last=False)
        return vector

    def _ended(self, key: Key, task: asyncio.Task[Vector]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # looked at here, so that a failure nobody waits for stays quiet
