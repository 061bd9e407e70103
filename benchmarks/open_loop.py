"""Load that does not wait for answers: requests leave when they are due, as those of many people do.

A closed loop slows down with the server and hides its queues (coordinated omission). Here latency counts
from the moment a request was due, so a stalled server or a late generator shows.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it was due (seconds since the start), how long its answer took from then, its status."""

    due_s: float
    took_s: float
    #: of the answer; 0 when there was none
    status: int


async def open_loop(send: Callable[[], Awaitable[int]], *, rate: float, seconds: float, seed: int = 0) -> list[Sample]:
    """Send at ``rate`` a second with Poisson arrivals for ``seconds``; wait for the last answer.

    Args:
        send: makes one request and returns its status.
    """
    chance = random.Random(seed)
    samples: list[Sample] = []
    started = time.perf_counter()

    async def one(due_s: float) -> None:
        status = await send()
        samples.append(Sample(due_s, time.perf_counter() - started - due_s, status))

    running: list[asyncio.Task[None]] = []
    due_s = chance.expovariate(rate)
    while due_s < seconds:
        if (wait_s := due_s - (time.perf_counter() - started)) > 0:
            await asyncio.sleep(wait_s)
        running.append(asyncio.create_task(one(due_s)))
        due_s += chance.expovariate(rate)
    await asyncio.gather(*running)
    return sorted(samples, key=lambda sample: sample.due_s)


def percentile_ms(samples: Sequence[Sample], share: float) -> float:
    """Return the latency that ``share`` of the answered requests kept, in milliseconds."""
    took = sorted(sample.took_s for sample in samples if sample.status == 200)
    return took[min(len(took) - 1, int(share * len(took)))] * 1000 if took else float("nan")


def statuses(samples: Sequence[Sample]) -> dict[int, int]:
    """Return how many answers had which status."""
    return dict(sorted(Counter(sample.status for sample in samples).items()))
