"""The queue in memory: the port JobQueue for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from heimdex.domain.errors import LeaseLost
from heimdex.domain.ids import uuid7
from heimdex.domain.jobs import Job, JobAction, JobEnd, JobId, JobState, Lease, NewJob, QueueState, Step, WorkerId
from heimdex.domain.media import FileStamp

_OPEN = {JobState.PENDING, JobState.RUNNING}


@dataclass(slots=True)
class _Row:
    job: Job
    batch: UUID
    asked_at: float
    not_before: float = 0.0
    token: UUID | None = None
    worker: WorkerId | None = None
    lease_until: float = 0.0


@dataclass(slots=True)
class InMemoryJobs:
    """Keeps jobs in a dictionary, with the rules that the real queue has. Files are listed nowhere."""

    lease_s: float = 60.0
    max_attempts: int = 3
    now: Callable[[], float] = time.monotonic
    rows: dict[JobId, _Row] = field(default_factory=dict)
    paused: bool = False

    async def enqueue(self, jobs: Sequence[NewJob], batch: UUID) -> dict[Path, JobId]:
        ids = sorted(uuid7() for _ in jobs)
        return {new.path: self._enqueue(new, batch, JobId(job_id)) for new, job_id in zip(jobs, ids, strict=True)}

    def _enqueue(self, new: NewJob, batch: UUID, job_id: JobId) -> JobId:
        row = next((row for row in self.rows.values() if row.job.file.path == new.path), None)
        if row is None:
            job = Job(job_id, FileStamp(new.path, 0, 0), Step.DECODE, JobState.PENDING, new.priority, new.forced)
            self.rows[job_id] = _Row(job, batch, self.now())
            return job_id
        job, row.batch, row.not_before = row.job, batch, 0.0
        if job.state in _OPEN:
            job = replace(job, priority=max(job.priority, new.priority))
        else:
            job = replace(job, priority=new.priority, attempts=0)
        goes_on = job.state in _OPEN | {JobState.PAUSED}
        job = replace(job, forced=new.forced or (job.forced and goes_on))
        if not goes_on:
            row.asked_at = self.now()
            job = replace(job, step=Step.DECODE, file=FileStamp(new.path, 0, 0))
        if job.state is not JobState.RUNNING:
            job = replace(job, state=JobState.PENDING, failures=0, problem="", outcome=None, progress=0.0)
        row.job = job
        return job.job_id

    async def adopt(self, ids: Sequence[JobId], batch: UUID) -> None:
        for row in [self.rows[job_id] for job_id in ids if job_id in self.rows]:
            if row.job.state in _OPEN:
                row.batch = batch

    async def claim(self, step: Step, worker: WorkerId, *, batch: UUID | None = None) -> Lease | None:
        for row in self.rows.values():
            if self._is_abandoned(row) and row.job.attempts >= self.max_attempts:
                self._take_away(row, JobState.QUARANTINED)
                row.job = replace(row.job, problem=f"the program died {self.max_attempts} times on it")
        due = [row for row in self.rows.values() if self._is_due(row, step, batch)]
        if self.paused or not due:
            return None
        row = min(due, key=lambda row: (-row.job.priority, row.job.job_id))
        row.job = replace(row.job, state=JobState.RUNNING, attempts=row.job.attempts + 1, progress=0.0)
        row.token, row.worker, row.lease_until = uuid7(), worker, self.now() + self.lease_s
        return Lease(row.job, row.token)

    def _is_due(self, row: _Row, step: Step, batch: UUID | None) -> bool:
        waits = row.job.state is JobState.PENDING and row.not_before <= self.now()
        return (
            row.job.step is step
            and batch in {None, row.batch}
            and (waits or self._is_abandoned(row))
            and not self._copy_in_work(row.job)
        )

    def _is_abandoned(self, row: _Row) -> bool:
        return row.job.state is JobState.RUNNING and row.lease_until < self.now()

    def _copy_in_work(self, job: Job) -> bool:
        return any(
            row.job.file.sha256 == job.file.sha256 != ""
            and row.job.job_id != job.job_id
            and (
                (row.job.state is JobState.RUNNING and not self._is_abandoned(row))
                or (row.job.state in _OPEN and row.job.job_id < job.job_id)
            )
            for row in self.rows.values()
        )

    async def note_content(self, lease: Lease, file: FileStamp) -> bool:
        row = self._held(lease)
        row.job = replace(row.job, file=file)
        return not self._copy_in_work(row.job)

    async def advance(self, lease: Lease, step: Step) -> None:
        self._settle(lease, JobState.PENDING, step=step, attempts=0, failures=0)

    async def finish(self, end: JobEnd) -> None:
        self._settle(end.lease, JobState.DONE, attempts=0, failures=0, outcome=end.outcome, forced=False)

    async def give_back(self, lease: Lease, problem: str = "", *, delay_s: float = 0.0) -> None:
        self._settle(lease, JobState.PENDING, delay_s, attempts=lease.job.attempts - 1, problem=problem)

    async def postpone(self, lease: Lease, problem: str, *, delay_s: float) -> None:
        failures = lease.job.failures + 1
        attempts = lease.job.attempts - 1
        self._settle(lease, JobState.PENDING, delay_s, attempts=attempts, failures=failures, problem=problem)

    async def fail(self, lease: Lease, problem: str) -> None:
        self._settle(lease, JobState.FAILED, attempts=0, failures=lease.job.failures + 1, problem=problem)

    async def renew(self, leases: Mapping[JobId, tuple[Lease, float]]) -> set[JobId]:
        kept = set()
        for job_id, (lease, progress) in leases.items():
            row = self.rows.get(job_id)
            if row is not None and row.token == lease.token and row.job.state is JobState.RUNNING:
                row.lease_until, row.job = self.now() + self.lease_s, replace(row.job, progress=progress)
                kept.add(job_id)
        return kept

    async def release_dead(self, workers: Sequence[WorkerId]) -> int:
        dead = [row for row in self.rows.values() if row.job.state is JobState.RUNNING and row.worker in workers]
        for row in dead:
            row.lease_until = float("-inf")
        return len(dead)

    async def find(self, ids: Sequence[JobId]) -> list[Job]:
        return [self.rows[job_id].job for job_id in sorted(ids) if job_id in self.rows]

    async def find_paths(self, paths: Sequence[Path]) -> list[Job]:
        return [row.job for _, row in sorted(self.rows.items()) if row.job.file.path in paths]

    async def jobs(self, states: Sequence[JobState], *, limit: int) -> list[Job]:
        order = [JobState.RUNNING, JobState.PENDING, JobState.PAUSED, JobState.FAILED, JobState.QUARANTINED,
                 JobState.CANCELLED, JobState.DONE]  # fmt: skip
        found = [row.job for row in self.rows.values() if row.job.state in states]
        return sorted(found, key=lambda job: (order.index(job.state), -job.priority, job.job_id))[:limit]

    async def state(self) -> QueueState:
        states = [row.job.state for row in self.rows.values()]
        waiting = [row.asked_at for row in self.rows.values() if row.job.state is JobState.PENDING]
        oldest_s = self.now() - min(waiting) if waiting else 0.0
        return QueueState({state: states.count(state) for state in dict.fromkeys(states)}, self.paused, oldest_s)

    async def contents(self) -> set[str]:
        needed = _OPEN | {JobState.PAUSED, JobState.FAILED}
        return {row.job.file.sha256 for row in self.rows.values() if row.job.state in needed} - {""}

    async def pause(self, paused: bool) -> None:
        self.paused = paused

    async def change(self, action: JobAction, ids: Sequence[JobId] | None) -> int:
        if action is JobAction.PAUSE and ids is None:
            raise ValueError("to pause everything, pause the queue")
        rows = [row for job_id, row in self.rows.items() if ids is None or job_id in ids]
        rows = [row for row in rows if _admits(action, row.job, named=ids is not None)]
        for row in rows:
            self._change(action, row)
        return len(rows)

    def _change(self, action: JobAction, row: _Row) -> None:
        if action is JobAction.PAUSE:
            attempts = row.job.attempts - (row.job.state is JobState.RUNNING)
            self._take_away(row, JobState.PAUSED)
            row.job = replace(row.job, attempts=max(attempts, 0))
        elif action is JobAction.CANCEL:
            self._take_away(row, JobState.CANCELLED)
        elif action is JobAction.RESUME:
            row.job, row.not_before = replace(row.job, state=JobState.PENDING), 0.0
        else:
            self._take_away(row, JobState.PENDING)
            row.not_before = 0.0
            row.job = replace(
                row.job, step=Step.DECODE, attempts=0, failures=0, problem="", outcome=None, forced=True,
                file=replace(row.job.file, sha256=""),
            )  # fmt: skip

    async def forget(self, paths: Sequence[Path]) -> None:
        for job_id, row in list(self.rows.items()):
            if row.job.file.path in paths:
                del self.rows[job_id]

    def _held(self, lease: Lease) -> _Row:
        row = self.rows.get(lease.job.job_id)
        if row is None or row.token != lease.token or row.job.state is not JobState.RUNNING:
            raise LeaseLost("The job was handed to another worker.")
        return row

    def _settle(self, lease: Lease, state: JobState, delay_s: float = 0.0, **changes: object) -> None:
        row = self.rows.get(lease.job.job_id)
        if row is not None and row.token == lease.token and row.job.state is not JobState.RUNNING:
            return  # handed in before
        row = self._held(lease)
        row.job = replace(row.job, **{"state": state, "problem": "", "progress": 0.0, **changes})  # type: ignore[arg-type]
        row.worker, row.not_before = None, self.now() + delay_s if delay_s else 0.0

    def _take_away(self, row: _Row, state: JobState) -> None:
        row.job = replace(row.job, state=state, progress=0.0)
        row.token = row.worker = None


def _admits(action: JobAction, job: Job, *, named: bool) -> bool:
    match action:
        case JobAction.PAUSE:
            return job.state in _OPEN
        case JobAction.RESUME:
            return job.state is JobState.PAUSED
        case JobAction.CANCEL:
            return job.state in _OPEN | {JobState.PAUSED, JobState.FAILED}
    is_refused = job.outcome is not None and job.outcome.status.value == "unreadable"
    return (
        job.state in {JobState.FAILED, JobState.QUARANTINED}
        or (job.state is JobState.PENDING and job.failures > 0)
        or (named and (job.state is JobState.CANCELLED or (job.state is JobState.DONE and is_refused)))
    )
