"""The jobs that a worker holds: prolonged while it works, given up when they are lost."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from heimdex.domain.errors import StoreUnavailable
from heimdex.domain.jobs import JobId, Lease
from heimdex.ingest.decoding import Stopped
from heimdex.ports.jobs import JobQueue

#: a job that was cancelled is dropped within this time, however long its lease is
_PULSE_S = 5.0


@dataclass(slots=True)
class HeldJob:
    """A job in work; `progress` is the listener of its step."""

    lease: Lease
    stopping: threading.Event
    lost: threading.Event = field(default_factory=threading.Event)
    fraction: float = 0.0

    def progress(self, fraction: float) -> None:
        """Note how far the step is. Raises `Stopped` when the job was lost or the worker ends."""
        if self.lost.is_set() or self.stopping.is_set():
            raise Stopped
        self.fraction = max(self.fraction, min(1.0, fraction))


class HeldLeases:
    """All jobs of one worker, kept alive by one task."""

    def __init__(self, queue: JobQueue, stopping: threading.Event) -> None:
        self._queue = queue
        self._stopping = stopping
        self._held: dict[JobId, HeldJob] = {}

    def hold(self, lease: Lease) -> HeldJob:
        held = HeldJob(lease, self._stopping)
        self._held[lease.job.job_id] = held
        return held

    def drop(self, held: HeldJob) -> None:
        self._held.pop(held.lease.job.job_id, None)

    @contextlib.asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Prolong what is held for as long as the block runs."""
        task = asyncio.create_task(self._pulse())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _pulse(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(min(_PULSE_S, self._queue.lease_s / 4))
            held = dict(self._held)
            try:
                kept = await self._queue.renew({i: (job.lease, job.fraction) for i, job in held.items()})
                last = time.monotonic()
            except StoreUnavailable:
                # whether the leases still hold is known when the database is back; results are fenced anyway
                if time.monotonic() - last < self._queue.lease_s:
                    continue
                kept = set()
            for job_id, job in held.items():
                if job_id not in kept and self._held.get(job_id) is job:
                    job.lost.set()
