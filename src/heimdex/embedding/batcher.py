"""Requests that arrive while the model is busy are answered together.

An idle model starts at once, and what comes meanwhile is the next batch. After a batch of several, the
next waits a moment for those who were just answered and ask again: otherwise the first of them would
go alone, and every second batch would be of one. What
cannot be answered in its time is refused when it comes, so that an overloaded model works for those
who still wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from heimdex.domain.errors import EmbedderRejected, EmbedderTimeout, HeimdexError
from heimdex.ports import Matrix

T = TypeVar("T")

#: how much the batches before the newest still count in the cost of an item
_FADE = 0.7
#: how long a batch waits for company: of the time of one, and at most in seconds
_GATHER_SHARE, _MOST_GATHER_S = 0.04, 0.004
#: of a caller's time that the queue and the model may take; the rest is for reading, signing and the way
_QUEUE_SHARE = 0.6


class Overloaded(HeimdexError):
    """More work waits than will be done in time."""

    code = "overloaded"
    http_status = 503

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, remedy="Try again in a second.")
        #: ``queue_full`` or ``too_late``
        self.reason = reason


@dataclass(eq=False, slots=True)
class _Job(Generic[T]):
    items: Sequence[T]
    until: float
    answer: asyncio.Future[tuple[Matrix, float]]
    since: float


class Batcher(Generic[T]):
    """A bounded queue before one model. Use it within one event loop."""

    def __init__(
        self,
        embed: Callable[[Sequence[T], float], Awaitable[Matrix]],
        *,
        most_items: int,
        capacity: int,
        clock: Callable[[], float] = time.monotonic,
        on_batch: Callable[[int], None] = lambda items: None,
    ) -> None:
        """Keep the model.

        Args:
            embed: items and seconds -> (len(items), dim) rows.
            most_items: of one batch; a larger request goes alone.
            capacity: items that may wait; more are refused.
            on_batch: told the items of every batch.
        """
        self._embed = embed
        self._most = most_items
        self._capacity = capacity
        self._clock = clock
        self._on_batch = on_batch
        #: seconds and items of the batches so far, older ones counting less and less
        self._spent_s = 0.0
        self._done = 0.0
        #: items of the running batch, and when it began
        self._in_hand = 0
        self._began = 0.0
        self._waiting: deque[_Job[T]] = deque()
        self._ahead = 0
        self._running: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Items in the queue."""
        return self._ahead

    @property
    def _item_s(self) -> float:
        """What one item costs at the batch sizes of late; 0 before the first batch."""
        return self._spent_s / self._done if self._done else 0.0

    async def submit(self, items: Sequence[T], *, timeout_s: float) -> tuple[Matrix, float]:
        """Return (len(items), dim) rows and the seconds that the items waited.

        Raises:
            Overloaded: the queue is full, or so long that the answer would come too late.
            EmbedderTimeout: the time was over before the model was asked.
        """
        self.check_room(len(items), timeout_s=timeout_s)
        now = self._clock()
        job = _Job(items, now + timeout_s, asyncio.get_running_loop().create_future(), now)
        self._waiting.append(job)
        self._ahead += len(items)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._work())
        return await job.answer

    def check_room(self, items: int, *, timeout_s: float) -> None:
        """Raise Overloaded when ``items`` would not fit or be answered too late; cheap, to be asked before anything."""
        if self._running is None or self._running.done():
            return  # an idle model takes anything
        ahead = self._ahead
        if ahead and ahead + items > self._capacity:
            raise Overloaded("queue_full", "The embedding service has more work than it can do.")
        wait_s = (self._in_hand + ahead + items) * self._item_s - (self._clock() - self._began)
        if wait_s > _QUEUE_SHARE * timeout_s:
            raise Overloaded("too_late", "The embedding service cannot answer in time: too much waits already.")

    async def _work(self) -> None:
        while batch := self._next_batch():
            company = len(batch)
            try:
                await self._answer(batch)
            except EmbedderRejected as error:
                await self._apart(batch, error)
            except Exception as error:  # whatever it is belongs to those who asked
                _fail(batch, error)
            self._in_hand = 0
            if 0 < len(self._waiting) < company:
                await asyncio.sleep(min(_GATHER_SHARE * company * self._item_s, _MOST_GATHER_S))

    def _next_batch(self) -> list[_Job[T]]:
        batch: list[_Job[T]] = []
        items = 0
        while self._waiting and (not batch or items + len(self._waiting[0].items) <= self._most):
            job = self._waiting.popleft()
            self._ahead -= len(job.items)
            if job.answer.done():
                continue  # its caller went away
            if job.until <= self._clock():
                _fail([job], EmbedderTimeout("The deadline passed before the model was asked."))
                continue
            batch.append(job)
            items += len(job.items)
        return batch

    async def _answer(self, batch: Sequence[_Job[T]]) -> None:
        started = self._clock()
        # the most patient one decides: the others have gone by themselves
        timeout_s = max(job.until for job in batch) - started
        items = [item for job in batch for item in job.items]
        self._on_batch(len(items))
        self._in_hand, self._began = len(items), started
        rows = await self._embed(items, timeout_s)
        self._spent_s = _FADE * self._spent_s + self._clock() - started
        self._done = _FADE * self._done + len(items)
        ends = np.cumsum([len(job.items) for job in batch])
        for job, part in zip(batch, np.split(rows, ends[:-1]), strict=True):
            if not job.answer.done():
                job.answer.set_result((part, started - job.since))

    async def _apart(self, batch: Sequence[_Job[T]], error: EmbedderRejected) -> None:
        """Find out whose item the model refused; nobody else pays for it."""
        if len(batch) == 1:
            _fail(batch, error)
            return
        for job in batch:
            try:
                await self._answer([job])
            except Exception as own:  # as above
                _fail([job], own)


def _fail(batch: Sequence[_Job[T]], error: Exception) -> None:
    for job in batch:
        if not job.answer.done():
            job.answer.set_exception(error)
