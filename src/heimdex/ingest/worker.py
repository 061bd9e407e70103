"""A worker: takes jobs from the queue, does their next step, and hands the result in under its lease.

Each step has lanes of its own, so that one file is decoded while another is embedded. A worker may be
killed at any moment: what it held is handed out again, and a result that comes too late is not taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import UUID

import structlog

from heimdex.domain.errors import (
    EmbedderUnavailable,
    HeimdexError,
    LeaseLost,
    MediaRejected,
    StoreFull,
    StoreUnavailable,
)
from heimdex.domain.jobs import FileOutcome, JobId, Lease, Status, Step
from heimdex.ingest.decoding import FileDecoder, Stopped
from heimdex.ingest.leases import HeldJob, HeldLeases
from heimdex.ingest.presence import Presence
from heimdex.ingest.publishing import Publisher
from heimdex.ingest.space import DiskSpace, is_full
from heimdex.ports.jobs import JobQueue
from heimdex.telemetry import record

T = TypeVar("T")
_log = structlog.get_logger()
#: a failure that may pass is tried again after this, doubled each time, at most the second
_FIRST_DELAY_S, _LONGEST_DELAY_S = 5.0, 600.0
#: a database that is there and refuses one result so often does not refuse it by accident; nor does a disk
_TRIES = 5


@dataclass(frozen=True, slots=True)
class WorkRules:
    """How a worker goes about it."""

    #: files decoded at once
    concurrency: int = 1
    #: how often an idle worker looks for jobs
    poll_s: float = 1.0
    #: how long it waits for a database that does not answer
    patience_s: float = 60.0
    #: times that a step is put off before it counts as failed
    max_failures: int = 10


class WorkListener(Protocol):
    """What a worker tells; called from any thread."""

    def file(self, path: Path, fraction: float) -> None: ...

    def ended(self, outcome: FileOutcome) -> None: ...

    def notice(self, text: str) -> None:
        """Say why nothing goes on; empty when it does again."""
        ...


class Worker:
    """Runs until it is stopped, or until there is nothing left of what it was asked for."""

    def __init__(
        self, queue: JobQueue, decoder: FileDecoder, publisher: Publisher, space: DiskSpace, presence: Presence,
        rules: WorkRules, listener: WorkListener,
    ) -> None:  # fmt: skip
        self._queue, self._decoder, self._publisher = queue, decoder, publisher
        self._space, self._presence, self._rules, self._listener = space, presence, rules, listener
        self._stopping = threading.Event()
        self._leases = HeldLeases(queue, self._stopping)
        self._news: list[asyncio.Event] = []
        self._noticed = ""
        self._store_failures: Counter[JobId] = Counter()
        self._full: Counter[JobId] = Counter()

    def stop(self) -> None:
        """Take no further job and give back those in work."""
        self._stopping.set()
        self._wake()

    async def run(self, *, batch: UUID | None = None, is_done: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Work.

        Args:
            batch: take only the jobs of this request.
            is_done: asked whenever nothing is left to take; True ends the run.

        Raises:
            StoreUnavailable: the database did not come back in time; what was published stays.
        """
        self._presence.enter()
        try:
            await self._patiently(self._recover)
            async with self._leases.kept_alive(), asyncio.TaskGroup() as lanes:
                for step, count in ((Step.DECODE, self._rules.concurrency), (Step.PUBLISH, 1)):
                    for _ in range(count):
                        lanes.create_task(self._lane(step, batch, is_done))
        except ExceptionGroup as failed:
            raise _first(failed) from None
        finally:
            self._stopping.set()  # a thread that still decodes ends at its next sign of life
            self._presence.leave()

    async def _lane(self, step: Step, batch: UUID | None, is_done: Callable[[], Awaitable[bool]] | None) -> None:
        news = asyncio.Event()
        self._news.append(news)
        while not self._stopping.is_set():
            news.clear()
            if shortage := await asyncio.to_thread(self._space.shortage):
                self._notice(f"waiting for space on the disk: {shortage}. Free some, and it goes on.")
                await self._wait(news)
                continue
            lease = await self._patiently(lambda: self._queue.claim(step, self._presence.worker, batch=batch))
            if lease is not None:
                self._notice("")
                await self._work(lease)
                self._wake()
            elif is_done is not None and await self._patiently(is_done):
                self.stop()
            else:
                await self._patiently(self._recover)
                await self._wait(news)

    async def _work(self, lease: Lease) -> None:
        held = self._leases.hold(lease)
        try:
            outcome = await self._step(held)
        except asyncio.CancelledError:
            self._stopping.set()
            await asyncio.shield(self._give_back(lease))
            raise
        finally:
            self._leases.drop(held)
        if outcome is not None:
            self._listener.ended(outcome)

    async def _step(self, held: HeldJob) -> FileOutcome | None:
        """Do a step to its end, whatever it is; return how the file ended, if it did."""
        lease = held.lease
        path = lease.job.file.path

        def progress(fraction: float) -> None:
            held.progress(fraction)
            self._listener.file(path, fraction)

        try:
            if lease.job.step is Step.DECODE:
                outcome = await self._decoder.take(lease, progress)
            else:
                found = await self._decoder.recall(lease)
                outcome = None if found is None else await self._publisher.publish(lease, found, progress)
        except (Stopped, LeaseLost):
            if not held.lost.is_set():
                await self._give_back(lease)
            return None
        except Exception as error:
            return await self._failed(lease, error)
        is_refused = outcome is not None and outcome.status is Status.UNREADABLE
        record.ingested(lease.job.step.value, "quarantined" if is_refused else "done")
        return outcome

    async def _failed(self, lease: Lease, error: Exception) -> FileOutcome | None:
        """Let the job wait, or fail it: depends on what may pass."""
        match error:
            case StoreFull():
                await self._give_back(lease, error.message, delay_s=self._rules.poll_s)
            case StoreUnavailable() if self._store_failures[lease.job.job_id] < _TRIES:
                self._store_failures[lease.job.job_id] += 1
                await self._give_back(lease, error.message)
            case MediaRejected():  # the disk is full, unless this file alone writes more than one may
                self._full[lease.job.job_id] += 1
                is_roomy = await asyncio.to_thread(self._space.is_roomy)
                if is_roomy and self._full[lease.job.job_id] > _TRIES:
                    return await self._fail(lease, error.message, "It needs more space than one file may take.")
                await self._give_back(lease, error.message, delay_s=self._rules.poll_s)
            case OSError() if is_full(error):
                await self._give_back(lease, "the disk is full", delay_s=self._rules.poll_s)
            case OSError():
                return await self._put_off(lease, error.strerror or str(error), "Check the data folder.")
            case EmbedderUnavailable():
                return await self._put_off(lease, error.message, error.remedy)
            case HeimdexError():
                return await self._fail(lease, error.message, error.remedy)
            case _:
                _log.error("a job failed unexpectedly", file=str(lease.job.file.path), exc_info=error)
                return await self._fail(lease, f"{type(error).__name__}: {error}", "Report this with the log.")
        return None

    async def _put_off(self, lease: Lease, problem: str, remedy: str) -> FileOutcome | None:
        failures = lease.job.failures
        if failures + 1 >= self._rules.max_failures:
            return await self._fail(lease, problem, remedy)
        delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2**failures)
        await self._hand_in(self._queue.postpone, lease, problem, delay_s=delay_s)
        return FileOutcome(lease.job.file.path, Status.FAILED, None, problem, remedy or "Index it again.")

    async def _fail(self, lease: Lease, problem: str, remedy: str) -> FileOutcome | None:
        record.ingested(lease.job.step.value, "failed")
        await self._hand_in(self._queue.fail, lease, problem)
        return FileOutcome(lease.job.file.path, Status.FAILED, None, problem, remedy or "Index it again.")

    async def _give_back(self, lease: Lease, problem: str = "", *, delay_s: float = 0.0) -> None:
        if problem:
            self._notice(problem)
        await self._hand_in(self._queue.give_back, lease, problem, delay_s=delay_s)

    async def _hand_in(self, call: Callable[..., Awaitable[None]], lease: Lease, *args: object, **more: object) -> None:
        with contextlib.suppress(LeaseLost):
            await self._patiently(lambda: call(lease, *args, **more))

    async def _recover(self) -> None:
        """Put the jobs of dead workers back."""
        for worker in await asyncio.to_thread(self._presence.dead):
            await self._queue.release_dead([worker])
            await asyncio.to_thread(self._presence.bury, worker)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the database, again for a while when it does not answer."""
        since = time.monotonic()
        while True:
            try:
                return await ask()
            except StoreUnavailable as error:
                waited_s = time.monotonic() - since
                is_full = isinstance(error, StoreFull)
                if self._stopping.is_set() or (waited_s > self._rules.patience_s and not is_full):
                    raise
                self._notice(f"{error.message} Waiting for it.")
                await asyncio.sleep(min(self._rules.poll_s, 1.0))

    def _notice(self, text: str) -> None:
        if text != self._noticed:
            self._noticed = text
            self._listener.notice(text)

    def _wake(self) -> None:
        for news in self._news:
            news.set()

    async def _wait(self, news: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), self._rules.poll_s)


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that a person should see: one of ours before any other."""
    flat: list[BaseException] = []
    for error in failed.exceptions:
        flat += [_first(error)] if isinstance(error, BaseExceptionGroup) else [error]
    return next((error for error in flat if isinstance(error, HeimdexError)), flat[0])
