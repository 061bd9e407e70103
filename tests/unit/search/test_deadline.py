"""Deadlines that hold."""

from __future__ import annotations

import asyncio

import pytest

from heimdex.search.deadline import Deadline, within


async def test_work_in_time_gives_its_result_or_its_error() -> None:
    async def fails() -> None:
        raise ValueError("no")

    assert await within(5.0, asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="no"):
        await within(5.0, fails())


async def test_work_that_takes_longer_is_not_waited_for() -> None:
    with pytest.raises(TimeoutError):
        await within(0.01, asyncio.sleep(2.0))


async def test_work_that_ignores_its_cancellation_is_left_behind() -> None:
    released = asyncio.Event()
    ended = asyncio.Event()

    async def stubborn() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        ended.set()

    asyncio.get_running_loop().call_later(3.0, released.set)  # who waits for it all the same gets its result
    with pytest.raises(TimeoutError):
        await within(0.01, stubborn())
    assert not ended.is_set()
    released.set()
    await ended.wait()


def test_what_is_left_is_never_negative_and_never_more_than_allowed() -> None:
    assert Deadline(-1.0).left_s() == 0.0
    assert Deadline(100.0).left_s(1.5) == 1.5
