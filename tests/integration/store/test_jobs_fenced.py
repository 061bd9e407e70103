"""A worker that was taken for dead comes back: its results are not taken, whenever it tries."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from pathlib import Path

import pytest

from heimdex.domain.errors import LeaseLost
from heimdex.domain.ids import uuid7
from heimdex.domain.jobs import FileOutcome, JobEnd, Lease, NewJob, Status, Step, WorkerId
from heimdex.store import Store
from heimdex.testing.library import made_up_video

ZOMBIE, OWNER = WorkerId(uuid7()), WorkerId(uuid7())


async def publish(store: Store, lease: Lease, words: str) -> bool:
    """Publish a video that says who made it; return whether it was taken."""
    video = made_up_video([words], path=lease.job.file.path, content="one", meaning_model=None)
    try:
        end = JobEnd(lease, FileOutcome(lease.job.file.path, Status.INDEXED, detail=words))
        await store.catalogue.publish(dataclasses.replace(video, title=words), end=end)
    except LeaseLost:
        return False
    return True


async def held(store: Store) -> list[str]:
    async def read(connection: object) -> list[str]:
        cursor = await connection.execute("SELECT transcript FROM scene")  # type: ignore[attr-defined]
        return [text for (text,) in await cursor.fetchall()]

    return await store.database.run(read)


async def _race(store: Store, rounds: int) -> int:
    """Let a zombie and a new owner publish at about the same time; return how often the zombie was refused."""
    chance = random.Random(rounds)
    refused = 0
    path = Path("/v/one.mp4")
    for number in range(rounds):
        (job_id,) = (await store.jobs.enqueue([NewJob(path, forced=True)], uuid7())).values()
        zombie = await store.jobs.claim(Step.DECODE, ZOMBIE)
        assert zombie is not None

        async def late(lease: Lease, number: int = number) -> bool:
            await asyncio.sleep(chance.uniform(0, 0.02))
            return await publish(store, lease, f"zombie {number}")

        async def takeover(number: int = number) -> bool:
            await asyncio.sleep(chance.uniform(0, 0.01))
            await store.jobs.release_dead([ZOMBIE])
            lease = await store.jobs.claim(Step.DECODE, OWNER)
            return lease is not None and await publish(store, lease, f"owner {number}")

        taken, owned = await asyncio.gather(late(zombie), takeover())
        assert taken != owned, number  # one of both, never both: whoever held the lease when it committed
        assert await held(store) == [f"{'owner' if owned else 'zombie'} {number}"]
        (job,) = await store.jobs.find([job_id])
        assert job.outcome is not None
        assert job.outcome.detail == f"{'owner' if owned else 'zombie'} {number}"
        assert not owned or not await publish(store, zombie, "stale")
        refused += owned
    return refused


async def test_of_a_zombie_and_its_successor_one_commits(store: Store) -> None:
    assert await _race(store, 25) > 0


@pytest.mark.slow
async def test_a_thousand_zombies(store: Store) -> None:
    refused = await _race(store, 1000)
    print(f"{refused} of 1000 zombies came too late and were refused, 0 stale commits")


async def test_every_late_result_is_refused_with_all_that_belongs_to_it(store: Store) -> None:
    path = Path("/v/one.mp4")
    await store.jobs.enqueue([NewJob(path)], uuid7())
    zombie = await store.jobs.claim(Step.DECODE, ZOMBIE)
    assert zombie is not None
    await store.jobs.release_dead([ZOMBIE])
    lease = await store.jobs.claim(Step.DECODE, OWNER)
    assert lease is not None
    assert await publish(store, lease, "owner")
    assert not await publish(store, zombie, "zombie")
    known = await store.catalogue.known_file(path)
    assert known is not None
    assert known.video_id is not None
    end = JobEnd(zombie, FileOutcome(path, Status.LINKED))
    with pytest.raises(LeaseLost):
        await store.catalogue.link_file(dataclasses.replace(known.file, mtime_ns=1), known.video_id, end=end)
    assert await store.catalogue.known_file(path) == known
    assert await held(store) == ["owner"]
