"""Keeps inference apart from the event loop, and one model's trouble apart from the rest."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from heimdex.domain.errors import EmbedderTimeout, EmbedderUnavailable

T = TypeVar("T")

#: query embeddings that may wait: as many as the server takes searches at once, so that none of a burst loses a channel
QUERIES_AT_ONCE = 32


class Bulkhead:
    """One worker thread and a short queue before it; usable from several event loops.

    One thread, because a session already uses every core that it may; a short queue, because a
    caller that would wait longer than its deadline is better told so at once.
    """

    def __init__(self, name: str, *, capacity: int = 8) -> None:
        self._name = name
        self._capacity = capacity
        self._inside = 0
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"heimdex-{name}")

    async def run(self, work: Callable[[Callable[[], bool]], T], *, timeout_s: float) -> T:
        """Run ``work`` on the worker thread.

        Work gets a function that tells whether it is still wanted, and should ask between batches.

        Raises:
            EmbedderUnavailable: the queue is full, or no answer within ``timeout_s``.
        """
        self._enter()
        until = time.monotonic() + timeout_s
        try:
            future = self._worker.submit(lambda: work(lambda: time.monotonic() < until))
        except RuntimeError:  # the executor's word for: closed
            self._leave()
            raise EmbedderUnavailable(f"The {self._name} model is shutting down.") from None
        # counted until the work itself ends, not until the caller gives up on it
        future.add_done_callback(lambda _: self._leave())
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise EmbedderTimeout(
                f"The {self._name} model did not answer within {timeout_s:g} s.",
                remedy="Try again, or allow more time (CLIP_TEXT_EMBEDDING_TIMEOUT_S).",
            ) from None

    def close(self) -> None:
        """Drop waiting work and let the running one end."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _enter(self) -> None:
        with self._lock:
            if self._inside >= self._capacity:
                raise EmbedderUnavailable(
                    f"The {self._name} model already has {self._capacity} requests waiting.",
                    remedy="Try again in a moment.",
                )
            self._inside += 1

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
