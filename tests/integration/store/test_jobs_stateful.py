"""The queue on PostgreSQL does what the queue in memory does, whatever is asked of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from heimdex.domain.errors import LeaseLost
from heimdex.domain.jobs import FileOutcome, JobAction, JobEnd, JobId, JobState, Lease, NewJob, Status, Step, WorkerId
from heimdex.domain.media import FileStamp, Reason
from heimdex.ports.jobs import JobQueue
from heimdex.store import jobs as store_jobs
from heimdex.store import open_store
from heimdex.store.jobs import PostgresJobs
from heimdex.testing import jobs as testing_jobs
from heimdex.testing.jobs import InMemoryJobs

PATHS = [Path(f"/v/{name}.mp4") for name in "abc"]
WORKERS = [WorkerId(UUID(int=number)) for number in (1, 2)]
BATCHES = [UUID(int=number) for number in (3, 4)]
LATER_S = 1e6
Both = tuple[Any, Any]


class Queues(RuleBasedStateMachine):
    """Asks both queues the same; answers are compared without ids and tokens, which each makes itself."""

    real: JobQueue
    ask: Callable[[Coroutine[Any, Any, Any]], Any]
    clear: Callable[[], None]
    leases: Bundle[Any] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.clear()
        self.model = InMemoryJobs(max_attempts=2)

    def both(self, call: Callable[[JobQueue, int], Coroutine[Any, Any, Any]]) -> Both:
        """Do it on both; a lost lease is an answer too."""
        answers = []
        for side, queue in enumerate((self.real, self.model)):
            try:
                answers.append(self.ask(call(queue, side)))
            except LeaseLost:
                answers.append("lost")
        return answers[0], answers[1]

    def ids(self, path: Path) -> tuple[list[JobId], list[JobId]]:
        found = self.both(lambda queue, _: queue.find_paths([path]))
        return [job.job_id for job in found[0]], [job.job_id for job in found[1]]

    @rule(path=st.sampled_from(PATHS), batch=st.sampled_from(BATCHES), priority=st.integers(0, 1), forced=st.booleans())
    def enqueue(self, path: Path, batch: UUID, priority: int, forced: bool) -> None:
        self.both(lambda queue, _: queue.enqueue([NewJob(path, priority, forced)], batch))

    @rule(
        target=leases, step=st.sampled_from(Step), worker=st.sampled_from(WORKERS),
        batch=st.none() | st.sampled_from(BATCHES),
    )  # fmt: skip
    def claim(self, step: Step, worker: WorkerId, batch: UUID | None) -> Any:
        real, model = self.both(lambda queue, _: queue.claim(step, worker, batch=batch))
        assert (real is None) == (model is None)
        if real is None:
            return multiple()
        assert plain(real.job) == plain(model.job)
        return real, model

    @rule(lease=leases, content=st.sampled_from(["aa", "bb"]))
    def note_content(self, lease: tuple[Lease, Lease], content: str) -> None:
        stamp = FileStamp(lease[0].job.file.path, 1, 2, content)
        assert_same(self.both(lambda queue, side: queue.note_content(lease[side], stamp)))

    @rule(lease=leases, step=st.sampled_from(Step))
    def advance(self, lease: tuple[Lease, Lease], step: Step) -> None:
        assert_same(self.both(lambda queue, side: queue.advance(lease[side], step)))

    @rule(lease=leases, status=st.sampled_from([Status.INDEXED, Status.UNREADABLE]))
    def finish(self, lease: tuple[Lease, Lease], status: Status) -> None:
        outcome = FileOutcome(lease[0].job.file.path, status, Reason.EMPTY, "detail")
        assert_same(self.both(lambda queue, side: queue.finish(JobEnd(lease[side], outcome))))

    @rule(lease=leases, delay_s=st.sampled_from([0.0, LATER_S]))
    def postpone(self, lease: tuple[Lease, Lease], delay_s: float) -> None:
        assert_same(self.both(lambda queue, side: queue.postpone(lease[side], "later", delay_s=delay_s)))

    @rule(lease=leases)
    def give_back(self, lease: tuple[Lease, Lease]) -> None:
        assert_same(self.both(lambda queue, side: queue.give_back(lease[side], "back")))

    @rule(lease=leases)
    def fail(self, lease: tuple[Lease, Lease]) -> None:
        assert_same(self.both(lambda queue, side: queue.fail(lease[side], "bad")))

    @rule(lease=leases, progress=st.sampled_from([0.25, 0.5]))
    def renew(self, lease: tuple[Lease, Lease], progress: float) -> None:
        kept = self.both(lambda queue, side: queue.renew({lease[side].job.job_id: (lease[side], progress)}))
        assert len(kept[0]) == len(kept[1])

    @rule(worker=st.sampled_from(WORKERS))
    def die(self, worker: WorkerId) -> None:
        assert_same(self.both(lambda queue, _: queue.release_dead([worker])))

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.both(lambda queue, _: queue.pause(paused))

    @rule(action=st.sampled_from(JobAction), path=st.none() | st.sampled_from(PATHS))
    def change(self, action: JobAction, path: Path | None) -> None:
        if path is None and action is JobAction.PAUSE:
            return
        ids = (None, None) if path is None else self.ids(path)
        assert_same(self.both(lambda queue, side: queue.change(action, ids[side])))

    @rule(path=st.sampled_from(PATHS), batch=st.sampled_from(BATCHES))
    def adopt(self, path: Path, batch: UUID) -> None:
        ids = self.ids(path)
        self.both(lambda queue, side: queue.adopt(ids[side], batch))

    @rule(path=st.sampled_from(PATHS))
    def forget(self, path: Path) -> None:
        self.both(lambda queue, _: queue.forget([path]))

    @invariant()
    def same(self) -> None:
        real, model = self.both(lambda queue, _: queue.jobs(list(JobState), limit=9))
        assert [plain(job) for job in real] == [plain(job) for job in model]
        states = self.both(lambda queue, _: queue.state())
        assert (dict(states[0].counts), states[0].paused) == (dict(states[1].counts), states[1].paused)
        assert_same(self.both(lambda queue, _: queue.contents()))


def plain(job: Any) -> tuple[Any, ...]:
    return (
        job.file, job.step, job.state, job.priority, job.forced, job.attempts, job.failures, job.progress, job.problem,
        job.outcome,
    )  # fmt: skip


def assert_same(answers: Both) -> None:
    assert answers[0] == answers[1]


@pytest.fixture
def ordered_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids in the order in which they are made: both queues then hand out in the same order."""
    made = 0

    def next_id() -> UUID:
        nonlocal made
        made += 1
        return UUID(int=made)

    monkeypatch.setattr(store_jobs, "uuid7", next_id)
    monkeypatch.setattr(testing_jobs, "uuid7", next_id)


@pytest.mark.usefixtures("ordered_ids")
def test_both_queues_do_the_same(database_url: str, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        opened = open_store(database_url, tmp_path)
        store = runner.run(opened.__aenter__())

        async def empty() -> None:
            async def delete(connection: Any) -> None:
                await connection.execute("DELETE FROM job")
                await connection.execute("DELETE FROM queue")

            await store.database.run(delete)

        class OnPostgres(Queues):
            real = PostgresJobs(store.database, lease_s=LATER_S, max_attempts=2)
            ask = staticmethod(runner.run)
            clear = staticmethod(lambda: runner.run(empty()))

        checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
        run_state_machine_as_test(
            OnPostgres,
            settings=settings(
                max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=checks,
                derandomize=True, database=None,
            ),
        )  # fmt: skip
        runner.run(opened.__aexit__(None, None, None))
