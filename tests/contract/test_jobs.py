"""The port JobQueue: what every implementation must do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from heimdex.domain.errors import LeaseLost
from heimdex.domain.ids import uuid7
from heimdex.domain.jobs import FileOutcome, JobAction, JobEnd, JobId, JobState, Lease, NewJob, Status, Step, WorkerId
from heimdex.domain.media import FileStamp, Reason
from heimdex.ports.jobs import JobQueue
from heimdex.store import Store
from heimdex.store.jobs import PostgresJobs
from heimdex.testing.jobs import InMemoryJobs

LEASE_S = 0.3
BATCH = UUID(int=1)
OTHER = UUID(int=2)
ME, YOU = WorkerId(UUID(int=3)), WorkerId(UUID(int=4))
A, B, C = (Path(f"/videos/{name}.mp4") for name in "abc")


@pytest.fixture(params=["postgres", "memory"])
def queue(request: pytest.FixtureRequest, store: Store) -> JobQueue:
    queues: dict[str, Callable[[], JobQueue]] = {
        "postgres": lambda: PostgresJobs(store.database, lease_s=LEASE_S),
        "memory": lambda: InMemoryJobs(lease_s=LEASE_S),
    }
    return queues[request.param]()


async def add(queue: JobQueue, *paths: Path, priority: int = 0, batch: UUID = BATCH) -> list[JobId]:
    ids = []
    for path in paths:  # one by one, so that their order is known
        ids.append((await queue.enqueue([NewJob(path, priority)], batch))[path])
        await asyncio.sleep(0.002)
    return ids


async def claim(queue: JobQueue, step: Step = Step.DECODE, worker: WorkerId = ME) -> Lease:
    lease = await queue.claim(step, worker)
    assert lease is not None
    return lease


def stamp(path: Path, sha256: str = "ab" * 32) -> FileStamp:
    return FileStamp(path, 10, 20, sha256)


def end(lease: Lease, status: Status = Status.INDEXED) -> JobEnd:
    reason = Reason.NOT_MEDIA if status is Status.UNREADABLE else None
    return JobEnd(lease, FileOutcome(lease.job.file.path, status, reason, "de\0tail", "remedy", 2, 3, ("a note",)))


async def state(queue: JobQueue, job_id: JobId) -> JobState:
    return (await queue.find([job_id]))[0].state


async def test_a_job_goes_from_step_to_step_to_its_outcome(queue: JobQueue) -> None:
    (job_id,) = await add(queue, A)
    lease = await claim(queue)
    assert (lease.job.job_id, lease.job.file.path, lease.job.attempts) == (job_id, A, 1)
    assert await queue.claim(Step.DECODE, YOU) is None
    assert await queue.note_content(lease, stamp(A))
    await queue.advance(lease, Step.PUBLISH)

    assert await queue.claim(Step.DECODE, ME) is None
    lease = await claim(queue, Step.PUBLISH)
    assert (lease.job.file, lease.job.attempts) == (stamp(A), 1)
    await queue.finish(end(lease))
    (job,) = await queue.find([job_id])
    assert (job.state, job.attempts) == (JobState.DONE, 0)
    assert job.outcome is not None
    assert (job.outcome.status, job.outcome.scenes, job.outcome.notes) == (Status.INDEXED, 2, ("a note",))
    assert await queue.claim(Step.PUBLISH, ME) is None


async def test_the_most_urgent_is_first_then_the_oldest(queue: JobQueue) -> None:
    await add(queue, A, B)
    await add(queue, C, priority=5)

    assert [(await claim(queue)).job.file.path for _ in range(3)] == [C, A, B]


async def test_a_request_may_take_only_its_own_jobs(queue: JobQueue) -> None:
    await add(queue, A, batch=OTHER)
    await add(queue, B)

    lease = await queue.claim(Step.DECODE, ME, batch=BATCH)
    assert lease is not None
    assert lease.job.file.path == B
    assert await queue.claim(Step.DECODE, ME, batch=BATCH) is None


async def test_jobs_that_another_request_took_over_are_taken_back(queue: JobQueue) -> None:
    (job_id,) = await add(queue, A)
    await add(queue, A, batch=OTHER)
    assert await queue.claim(Step.DECODE, ME, batch=BATCH) is None
    await queue.adopt([job_id], BATCH)

    assert await queue.claim(Step.DECODE, ME, batch=BATCH) is not None


async def test_a_path_has_one_job_however_often_it_is_asked_for(queue: JobQueue) -> None:
    (first,) = await add(queue, A)
    assert await add(queue, A, priority=3, batch=OTHER) == [first]
    lease = await claim(queue)
    assert await add(queue, A) == [first]
    assert await state(queue, first) is JobState.RUNNING

    await queue.finish(end(lease))
    assert await add(queue, A) == [first]
    (job,) = await queue.find([first])
    assert (job.state, job.step, job.outcome, job.priority) == (JobState.PENDING, Step.DECODE, None, 0)


async def test_an_expired_lease_is_handed_out_again_and_its_result_is_refused(queue: JobQueue) -> None:
    await add(queue, A)
    zombie = await claim(queue)
    assert await queue.claim(Step.DECODE, YOU) is None
    await asyncio.sleep(LEASE_S + 0.1)
    lease = await claim(queue, worker=YOU)

    assert lease.job.attempts == 2
    for late in (
        lambda: queue.finish(end(zombie)),
        lambda: queue.advance(zombie, Step.PUBLISH),
        lambda: queue.give_back(zombie),
        lambda: queue.postpone(zombie, "x", delay_s=0),
        lambda: queue.fail(zombie, "x"),
        lambda: queue.note_content(zombie, stamp(A)),
    ):
        with pytest.raises(LeaseLost):
            await late()
    assert await queue.renew({zombie.job.job_id: (zombie, 0.5)}) == set()
    await queue.finish(end(lease))


async def test_a_lease_that_is_renewed_does_not_expire(queue: JobQueue) -> None:
    (job_id,) = await add(queue, A)
    lease = await claim(queue)
    for _ in range(4):
        await asyncio.sleep(LEASE_S / 2)
        assert await queue.renew({job_id: (lease, 0.5)}) == {job_id}

    assert await queue.claim(Step.DECODE, YOU) is None
    assert (await queue.find([job_id]))[0].progress == 0.5


async def test_three_deaths_quarantine_a_job(queue: JobQueue) -> None:
    (job_id,) = await add(queue, A)
    for attempt in range(1, 4):
        assert (await claim(queue)).job.attempts == attempt
        assert await queue.release_dead([ME]) == 1
        await asyncio.sleep(0.01)
    assert await queue.claim(Step.DECODE, YOU) is None
    (job,) = await queue.find([job_id])
    assert (job.state, job.problem) == (JobState.QUARANTINED, "the program died 3 times on it")

    assert await queue.change(JobAction.RETRY, None) == 1
    assert (await claim(queue)).job.attempts == 1


async def test_what_a_living_worker_gives_back_does_not_count_as_a_death(queue: JobQueue) -> None:
    await add(queue, A)
    for _ in range(5):
        await queue.give_back(await claim(queue), "stopped")
    lease = await claim(queue)
    assert (lease.job.attempts, lease.job.failures, lease.job.problem) == (1, 0, "stopped")


async def test_deaths_are_counted_across_what_was_given_back(queue: JobQueue) -> None:
    await add(queue, A)
    await claim(queue)
    await queue.release_dead([ME])
    await queue.give_back(await claim(queue))

    assert (await claim(queue)).job.attempts == 2


async def test_a_step_that_is_done_forgets_the_deaths_before_it(queue: JobQueue) -> None:
    await add(queue, A)
    await claim(queue)
    await queue.release_dead([ME])
    await queue.advance(await claim(queue), Step.PUBLISH)

    assert (await claim(queue, Step.PUBLISH)).job.attempts == 1


async def test_the_jobs_of_the_living_stay_with_them(queue: JobQueue) -> None:
    await add(queue, A, B)
    mine = await claim(queue)
    yours = await claim(queue, worker=YOU)
    assert await queue.release_dead([ME]) == 1

    await queue.finish(end(yours))
    assert (await claim(queue, worker=YOU)).job.job_id == mine.job.job_id


async def test_what_was_put_off_waits_its_time(queue: JobQueue) -> None:
    await add(queue, A)
    await queue.postpone(await claim(queue), "the model is away", delay_s=0.3)
    assert await queue.claim(Step.DECODE, ME) is None
    await asyncio.sleep(0.4)
    lease = await claim(queue)
    assert (lease.job.failures, lease.job.problem) == (1, "the model is away")


async def test_asking_again_ends_the_wait(queue: JobQueue) -> None:
    await add(queue, A)
    await queue.postpone(await claim(queue), "the model is away", delay_s=60)
    await add(queue, A)

    assert (await claim(queue)).job.failures == 0


async def test_handing_in_twice_does_no_harm(queue: JobQueue) -> None:
    """The answer to a commit may be lost: the work is then done once more."""
    (job_id,) = await add(queue, A)
    lease = await claim(queue)
    await queue.advance(lease, Step.PUBLISH)
    await queue.advance(lease, Step.PUBLISH)
    assert (await queue.find([job_id]))[0].step is Step.PUBLISH
    lease = await claim(queue, Step.PUBLISH)
    await queue.finish(end(lease))
    await queue.finish(end(lease))

    assert await state(queue, job_id) is JobState.DONE


async def test_copies_of_one_content_take_turns(queue: JobQueue) -> None:
    await add(queue, A, B)
    first, second = await claim(queue), await claim(queue, worker=YOU)
    assert await queue.note_content(first, stamp(A))
    assert not await queue.note_content(second, stamp(B))
    await queue.give_back(second)
    assert await queue.claim(Step.DECODE, YOU) is None
    await queue.advance(first, Step.PUBLISH)
    assert await queue.claim(Step.DECODE, YOU) is None
    await queue.finish(end(await claim(queue, Step.PUBLISH)))

    assert (await claim(queue)).job.file == stamp(B)


async def test_pause_holds_everything_back_and_resume_lets_go(queue: JobQueue) -> None:
    await add(queue, A, B)
    lease = await claim(queue)
    await queue.pause(True)
    assert (await queue.state()).paused
    assert await queue.claim(Step.DECODE, ME) is None
    await queue.finish(end(lease))
    await queue.pause(False)

    assert (await claim(queue)).job.file.path == B


async def test_single_jobs_are_paused_and_resumed(queue: JobQueue) -> None:
    (job_id,) = await add(queue, A)
    lease = await claim(queue)
    assert await queue.change(JobAction.PAUSE, [job_id]) == 1
    with pytest.raises(LeaseLost):
        await queue.finish(end(lease))
    assert await queue.claim(Step.DECODE, ME) is None
    assert await queue.change(JobAction.RESUME, None) == 1

    assert (await claim(queue)).job.attempts == 1


async def test_a_cancelled_job_is_taken_from_its_worker(queue: JobQueue) -> None:
    (job_id,) = await add(queue, A)
    lease = await claim(queue)
    assert await queue.change(JobAction.CANCEL, [job_id]) == 1
    assert await queue.renew({job_id: (lease, 0.1)}) == set()
    with pytest.raises(LeaseLost):
        await queue.finish(end(lease))
    assert await queue.change(JobAction.RETRY, None) == 0  # what a person cancelled is not tried again by accident

    assert await queue.change(JobAction.RETRY, [job_id]) == 1
    assert (await claim(queue)).job.forced


async def test_an_unreadable_file_is_retried_when_it_is_named(queue: JobQueue) -> None:
    (job_id,) = await add(queue, A)
    await queue.finish(end(await claim(queue), Status.UNREADABLE))
    assert await queue.change(JobAction.RETRY, None) == 0

    assert await queue.change(JobAction.RETRY, [job_id]) == 1
    assert (await claim(queue)).job.forced
    assert await queue.change(JobAction.RETRY, [job_id]) == 0


async def test_a_failed_job_stays_until_it_is_retried(queue: JobQueue) -> None:
    (job_id,) = await add(queue, A)
    await queue.fail(await claim(queue), "the model refuses it")
    assert await queue.claim(Step.DECODE, ME) is None
    assert [job.problem for job in await queue.jobs([JobState.FAILED], limit=9)] == ["the model refuses it"]
    assert await queue.change(JobAction.RETRY, None) == 1

    assert (await claim(queue)).job.job_id == job_id


async def test_the_list_counts_and_orders(queue: JobQueue) -> None:
    await add(queue, A, B)
    await add(queue, C, priority=1)
    lease = await claim(queue)
    found = await queue.jobs([JobState.PENDING, JobState.RUNNING], limit=2)
    assert [job.file.path for job in found] == [C, A]
    assert (await queue.state()).counts == {JobState.RUNNING: 1, JobState.PENDING: 2}
    assert [job.job_id for job in await queue.find_paths([C])] == [lease.job.job_id]


async def test_contents_that_are_still_needed(queue: JobQueue) -> None:
    await add(queue, A, B)
    first, second = await claim(queue), await claim(queue)
    await queue.note_content(first, stamp(A, "aa"))
    await queue.note_content(second, stamp(B, "bb"))
    await queue.fail(second, "x")
    assert await queue.contents() == {"aa", "bb"}
    await queue.finish(end(first))

    assert await queue.contents() == {"bb"}


async def test_a_forgotten_job_is_lost(queue: JobQueue) -> None:
    await add(queue, A)
    lease = await claim(queue)
    await queue.forget([A])
    with pytest.raises(LeaseLost):
        await queue.finish(end(lease))
    assert await queue.find([lease.job.job_id]) == []


async def test_a_job_that_nobody_has_is_no_job(queue: JobQueue) -> None:
    assert await queue.find([JobId(uuid7())]) == []
    assert await queue.change(JobAction.CANCEL, [JobId(uuid7())]) == 0


async def test_the_oldest_that_waits_has_an_age(queue: JobQueue) -> None:
    assert (await queue.state()).oldest_s == 0
    await add(queue, A)
    await asyncio.sleep(0.1)
    await add(queue, B)
    assert 0.1 <= (await queue.state()).oldest_s < 60

    await queue.finish(end(await claim(queue)))  # A
    assert (await queue.state()).oldest_s < 0.1 + 60
    await queue.finish(end(await claim(queue)))
    assert (await queue.state()).oldest_s == 0


async def test_a_file_that_is_asked_for_again_waits_from_then_on(queue: JobQueue) -> None:
    await add(queue, A)
    await queue.finish(end(await claim(queue)))
    await asyncio.sleep(0.3)
    before = time.monotonic()
    await add(queue, A)

    assert (await queue.state()).oldest_s <= time.monotonic() - before + 0.05
