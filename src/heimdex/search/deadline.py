"""Time limits that hold even when the work does not listen to its cancellation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """A point in time, in seconds of the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left_s(self, at_most: float = float("inf")) -> float:
        """Return the seconds that remain, never less than 0 and never more than ``at_most``."""
        return max(0.0, min(at_most, self._at - time.monotonic()))


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of ``work``, or stop waiting for it after ``seconds``.

    `asyncio.wait_for` waits until a cancelled task has ended; a driver that swallows the
    cancellation would hold the search up. Here the task is cancelled and left behind.

    Raises:
        TimeoutError: the time is over.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise TimeoutError(f"no answer within {seconds:.2f} s")
    return task.result()


def _abandon(task: asyncio.Future[Any]) -> None:
    # a late failure has nobody left to tell
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    task.cancel()
