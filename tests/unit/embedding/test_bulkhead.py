"""The worker thread and its queue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.embedding.bulkhead import Bulkhead


async def test_work_runs_off_the_event_loop() -> None:
    name = await Bulkhead("x").run(lambda _: threading.current_thread().name, timeout_s=5)

    assert name.startswith("heimdex-x")


async def test_late_work_is_unavailable_and_learns_that_it_is_unwanted() -> None:
    bulkhead, go_on, told = Bulkhead("x"), threading.Event(), threading.Event()

    def work(wanted: Callable[[], bool]) -> None:
        go_on.wait(10)
        if not wanted():
            told.set()

    with pytest.raises(EmbedderUnavailable):
        await bulkhead.run(work, timeout_s=0.01)
    go_on.set()

    assert await asyncio.to_thread(told.wait, 10)


async def test_a_full_queue_is_refused_at_once_and_empties_again() -> None:
    bulkhead, go_on = Bulkhead("x", capacity=2), threading.Event()
    first = asyncio.create_task(bulkhead.run(lambda _: go_on.wait(10), timeout_s=10))
    second = asyncio.create_task(bulkhead.run(lambda _: 2, timeout_s=10))
    await asyncio.sleep(0)

    with pytest.raises(EmbedderUnavailable, match="waiting"):
        await bulkhead.run(lambda _: 3, timeout_s=10)
    go_on.set()

    assert [await first, await second] == [True, 2]
    assert await bulkhead.run(lambda _: 4, timeout_s=10) == 4


async def test_work_that_the_caller_gave_up_on_still_counts_until_it_ends() -> None:
    bulkhead, go_on = Bulkhead("x", capacity=1), threading.Event()
    with pytest.raises(EmbedderUnavailable, match="within"):
        await bulkhead.run(lambda _: go_on.wait(10), timeout_s=0.01)

    with pytest.raises(EmbedderUnavailable, match="waiting"):
        await bulkhead.run(lambda _: 3, timeout_s=10)
    go_on.set()


async def test_work_that_still_waits_when_its_time_is_over_never_runs() -> None:
    bulkhead, go_on, ran = Bulkhead("x"), threading.Event(), threading.Event()
    first = asyncio.create_task(bulkhead.run(lambda _: go_on.wait(10), timeout_s=10))
    await asyncio.sleep(0)
    with pytest.raises(EmbedderUnavailable):
        await bulkhead.run(lambda _: ran.set(), timeout_s=0.01)
    go_on.set()
    await first
    await bulkhead.run(lambda _: None, timeout_s=10)

    assert not ran.is_set()


async def test_errors_of_the_work_come_through() -> None:
    def work(_: Callable[[], bool]) -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        await Bulkhead("x").run(work, timeout_s=5)
