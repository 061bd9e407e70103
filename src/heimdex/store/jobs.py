"""The port JobQueue on PostgreSQL. Contract: tests/contract/test_jobs.py.

Why a table of our own, and not a library: docs/why/jobs.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import sql

from heimdex.domain.ids import uuid7
from heimdex.domain.jobs import (
    Job,
    JobAction,
    JobEnd,
    JobId,
    JobState,
    Lease,
    NewJob,
    QueueState,
    Step,
    WorkerId,
    outcome_from_json,
)
from heimdex.domain.media import FileStamp, Reason
from heimdex.store.database import Connection, Database
from heimdex.store.files import note_unreadable
from heimdex.store.queries import load_queries
from heimdex.store.rows import path_bytes, path_key, to_path
from heimdex.store.settling import Settlement, finish, lost, settle

_SQL = load_queries("jobs")
_COLUMNS = sql.SQL(
    "job_id, path, size_bytes, mtime_ns, sha256, step, state, priority, forced, attempts, failures, progress,"
    " problem, outcome"
)


class PostgresJobs:
    """The queue of the tenant of the database."""

    def __init__(self, database: Database, *, lease_s: float = 60.0, max_attempts: int = 3) -> None:
        """
        Args:
            lease_s: time after which a job whose worker was not heard of is handed out again.
            max_attempts: times that a job is handed out without an answer before it is quarantined.
        """
        self._database = database
        self._tenant = database.tenant
        self._lease_s = lease_s
        self._max_attempts = max_attempts

    @property
    def lease_s(self) -> float:
        return self._lease_s

    async def enqueue(self, jobs: Sequence[NewJob], batch: UUID) -> dict[Path, JobId]:
        ids = sorted(uuid7() for _ in jobs)  # handed out in the order in which they were asked for
        rows: list[dict[str, Any]] = [
            {
                "tenant": self._tenant, "job_id": job_id, "path_key": path_key(job.path), "path": path_bytes(job.path),
                "step": Step.DECODE.value, "priority": job.priority, "batch": batch, "forced": job.forced,
            }
            for job_id, job in zip(ids, jobs, strict=True)
        ]  # fmt: skip
        # always in the same order, so that two who ask for the same files do not wait for each other in a circle
        rows.sort(key=lambda row: row["path_key"])

        async def work(connection: Connection) -> dict[Path, JobId]:
            async with connection.cursor() as cursor:
                await cursor.executemany(_SQL["enqueue"], rows, returning=True)
                found_ids = {}
                for row in rows:
                    found = await cursor.fetchone()
                    assert found is not None  # noqa: S101 an upsert returns its row
                    found_ids[to_path(row["path"])] = found[0]
                    cursor.nextset()
                return found_ids

        return await self._database.run(work) if rows else {}

    async def adopt(self, ids: Sequence[JobId], batch: UUID) -> None:
        await self._count("adopt", {"ids": list(ids), "batch": batch})

    async def claim(self, step: Step, worker: WorkerId, *, batch: UUID | None = None) -> Lease | None:
        token = uuid7()
        values = {
            "tenant": self._tenant, "step": step.value, "batch": batch, "attempts": self._max_attempts,
            "token": token, "worker": worker, "lease_s": self._lease_s,
            "problem": f"the program died {self._max_attempts} times on it",
        }  # fmt: skip
        tries = 0

        async def work(connection: Connection) -> Job | None:
            nonlocal tries
            tries += 1
            if tries > 1:  # the answer to the first commit may have been lost
                row = await (await connection.execute(_with_columns("taken"), values)).fetchone()
                if row is not None:
                    return _job(row)
            await connection.execute(_SQL["relaxed"])
            await self._quarantine(connection, values)
            if await (await connection.execute(_SQL["is_paused"], values)).fetchone() is not None:
                return None
            due = await (await connection.execute(_SQL["due"], values)).fetchone()
            if due is None:
                return None
            cursor = await connection.execute(_with_columns("take"), {**values, "job_id": due[0]})
            row = await cursor.fetchone()
            assert row is not None  # noqa: S101 it is locked
            return _job(row)

        job = await self._database.run(work)
        return None if job is None else Lease(job, token)

    async def _quarantine(self, connection: Connection, values: Mapping[str, Any]) -> None:
        cursor = await connection.execute(_SQL["worn_out"], values)
        for path, size_bytes, mtime_ns, sha256 in await cursor.fetchall():
            file = FileStamp(to_path(path), size_bytes, mtime_ns, sha256)
            await note_unreadable(
                connection, self._tenant, file, Reason.WORKER_CRASH, values["problem"], fingerprint=""
            )

    async def note_content(self, lease: Lease, file: FileStamp) -> bool:
        values = {
            "tenant": self._tenant, "job_id": lease.job.job_id, "token": lease.token,
            "size_bytes": file.size_bytes, "mtime_ns": file.mtime_ns, "sha256": file.sha256,
        }  # fmt: skip

        async def note(connection: Connection) -> None:
            await connection.execute(_SQL["relaxed"])
            if await (await connection.execute(_SQL["note_content"], values)).fetchone() is None:
                raise lost(lease)

        async def is_alone(connection: Connection) -> bool:
            return await (await connection.execute(_SQL["same_content"], values)).fetchone() is None

        # in two transactions: of two who note at once, at least one sees the other
        await self._database.run(note)
        return await self._database.run(is_alone)

    async def advance(self, lease: Lease, step: Step) -> None:
        await self._settle(lease, Settlement(JobState.PENDING, next_step=step), relaxed=True)

    async def finish(self, end: JobEnd) -> None:
        async def work(connection: Connection) -> None:
            await finish(connection, self._tenant, end)

        await self._database.run(work)

    async def give_back(self, lease: Lease, problem: str = "", *, delay_s: float = 0.0) -> None:
        await self._settle(lease, Settlement(JobState.PENDING, problem=problem, uncounted=True, delay_s=delay_s))

    async def postpone(self, lease: Lease, problem: str, *, delay_s: float) -> None:
        await self._settle(
            lease, Settlement(JobState.PENDING, problem=problem, uncounted=True, failed=True, delay_s=delay_s)
        )

    async def fail(self, lease: Lease, problem: str) -> None:
        await self._settle(lease, Settlement(JobState.FAILED, problem=problem, failed=True))

    async def renew(self, leases: Mapping[JobId, tuple[Lease, float]]) -> set[JobId]:
        values = {
            "tenant": self._tenant, "lease_s": self._lease_s, "ids": list(leases),
            "tokens": [lease.token for lease, _ in leases.values()],
            "progress": [progress for _, progress in leases.values()],
        }  # fmt: skip

        async def work(connection: Connection) -> set[JobId]:
            await connection.execute(_SQL["relaxed"])
            return {row[0] for row in await (await connection.execute(_SQL["renew"], values)).fetchall()}

        return await self._database.run(work) if leases else set()

    async def release_dead(self, workers: Sequence[WorkerId]) -> int:
        return await self._count("release_dead", {"workers": list(workers)})

    async def find(self, ids: Sequence[JobId]) -> list[Job]:
        return await self._jobs("find", {"ids": list(ids)})

    async def find_paths(self, paths: Sequence[Path]) -> list[Job]:
        return await self._jobs("find_paths", {"path_keys": [path_key(path) for path in paths]})

    async def jobs(self, states: Sequence[JobState], *, limit: int) -> list[Job]:
        return await self._jobs("list", {"states": [state.value for state in states], "limit": limit})

    async def state(self) -> QueueState:
        async def work(connection: Connection) -> QueueState:
            values = {"tenant": self._tenant}
            rows = await (await connection.execute(_SQL["counts"], values)).fetchall()
            paused = await (await connection.execute(_SQL["is_paused"], values)).fetchone()
            oldest = await (await connection.execute(_SQL["oldest"], values)).fetchone()
            assert oldest is not None  # noqa: S101 an aggregate always has a row
            return QueueState({JobState(state): count for state, count in rows}, paused is not None, oldest[0])

        return await self._database.run(work)

    async def contents(self) -> set[str]:
        async def work(connection: Connection) -> set[str]:
            cursor = await connection.execute(_SQL["contents"], {"tenant": self._tenant})
            return {row[0] for row in await cursor.fetchall()}

        return await self._database.run(work)

    async def pause(self, paused: bool) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute(_SQL["pause_queue"], {"tenant": self._tenant, "paused": paused})

        await self._database.run(work)

    async def forget(self, paths: Sequence[Path]) -> None:
        async def work(connection: Connection) -> None:
            values = {"tenant": self._tenant, "path_keys": [path_key(path) for path in paths]}
            await connection.execute(_SQL["forget"], values)

        await self._database.run(work)

    async def change(self, action: JobAction, ids: Sequence[JobId] | None) -> int:
        if action is JobAction.PAUSE and ids is None:
            raise ValueError("to pause everything, pause the queue")
        values = {"ids": None if ids is None else list(ids), "step": Step.DECODE.value}
        return await self._count(action.value, values)

    async def _settle(self, lease: Lease, settlement: Settlement, *, relaxed: bool = False) -> None:
        async def work(connection: Connection) -> None:
            if relaxed:
                await connection.execute(_SQL["relaxed"])
            await settle(connection, self._tenant, lease, settlement)

        await self._database.run(work)

    async def _count(self, query: str, values: Mapping[str, Any]) -> int:
        async def work(connection: Connection) -> int:
            cursor = await connection.execute(_SQL[query], {"tenant": self._tenant, **values})
            return len(await cursor.fetchall())

        return await self._database.run(work)

    async def _jobs(self, query: str, values: Mapping[str, Any]) -> list[Job]:
        async def work(connection: Connection) -> list[Job]:
            cursor = await connection.execute(_with_columns(query), {"tenant": self._tenant, **values})
            return [_job(row) for row in await cursor.fetchall()]

        return await self._database.run(work)


def _with_columns(query: str) -> sql.Composed:
    return sql.SQL(_SQL[query]).format(columns=_COLUMNS)


def _job(row: tuple[Any, ...]) -> Job:
    (job_id, stored, size_bytes, mtime_ns, sha256, step, state, priority, forced, attempts, failures, progress, problem,
     outcome) = row  # fmt: skip
    path = to_path(stored)
    return Job(
        job_id, FileStamp(path, size_bytes, mtime_ns, sha256), Step(step), JobState(state), priority, forced, attempts,
        failures, progress, problem, None if outcome is None else outcome_from_json(path, outcome),
    )  # fmt: skip
