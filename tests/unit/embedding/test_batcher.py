"""Requests are answered together, and those that would come too late are refused when they come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from heimdex.domain.errors import EmbedderRejected, EmbedderUnavailable
from heimdex.embedding.batcher import Batcher, Overloaded
from heimdex.ports import Matrix


class Model:
    """Answers when told to, each batch in ``seconds`` of a clock that it moves itself."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.batches: list[list[str]] = []
        self.go = asyncio.Event()

    async def embed(self, items: Sequence[str], timeout_s: float) -> Matrix:
        self.batches.append(list(items))
        await self.go.wait()
        self.now += self.seconds
        if "bad" in items:
            raise EmbedderRejected("no")
        return np.array([[len(item), 1] for item in items], np.float32)


def _batcher(model: Model, *, most: int = 4, capacity: int = 8) -> Batcher[str]:
    return Batcher(model.embed, most_items=most, capacity=capacity, clock=lambda: model.now)


async def _begun(*coroutines: object) -> list[asyncio.Task[tuple[Matrix, float]]]:
    tasks = []
    for one in coroutines:
        tasks.append(asyncio.ensure_future(one))  # type: ignore[call-overload]
        for _ in range(3):
            await asyncio.sleep(0)
    return tasks


async def test_what_comes_while_the_model_is_busy_is_one_batch() -> None:
    model = Model()
    batcher = _batcher(model)
    tasks = await _begun(*(batcher.submit([word], timeout_s=60) for word in ("a", "bb", "ccc", "dddd")))
    assert (model.batches, batcher.waiting) == ([["a"]], 3)

    model.go.set()
    rows = [(await task)[0][0, 0] for task in tasks]

    assert rows == [1, 2, 3, 4]
    assert model.batches == [["a"], ["bb", "ccc", "dddd"]]


async def test_a_full_queue_refuses() -> None:
    model = Model()
    batcher = _batcher(model, capacity=2)
    tasks = await _begun(*(batcher.submit([word], timeout_s=60) for word in "abc"))

    with pytest.raises(Overloaded) as refused:
        await asyncio.wait_for(batcher.submit(["d"], timeout_s=60), 5)
    assert refused.value.reason == "queue_full"
    model.go.set()
    await asyncio.gather(*tasks)


async def test_what_would_be_answered_too_late_is_refused_when_it_comes() -> None:
    model = Model(seconds=1.0)
    batcher = _batcher(model, most=1, capacity=100)
    model.go.set()
    await batcher.submit(["learns that a batch takes a second"], timeout_s=60)
    model.go.clear()
    tasks = await _begun(*(batcher.submit([word], timeout_s=60) for word in "abc"))

    # one runs, two wait: its own would be the fourth second, and six tenths of its time are for that
    with pytest.raises(Overloaded) as refused:
        await asyncio.wait_for(batcher.submit(["hurried"], timeout_s=6.0), 5)
    assert refused.value.reason == "too_late"
    patient = await _begun(batcher.submit(["patient"], timeout_s=7.0))
    model.go.set()
    await asyncio.gather(*tasks, *patient)
    assert ["hurried"] not in model.batches


async def test_an_idle_model_takes_anything_however_slow_it_was() -> None:
    model = Model(seconds=9.0)
    batcher = _batcher(model)
    model.go.set()
    await batcher.submit(["slow"], timeout_s=60)

    assert (await batcher.submit(["x"], timeout_s=1))[0].shape == (1, 2)


async def test_expired_work_never_reaches_the_model() -> None:
    model = Model(seconds=5.0)
    batcher = _batcher(model)
    first, late = await _begun(batcher.submit(["a"], timeout_s=60), batcher.submit(["late"], timeout_s=2))
    model.go.set()

    await first
    with pytest.raises(EmbedderUnavailable, match="deadline"):
        await late
    assert model.batches == [["a"]]


async def test_nobody_pays_for_the_bad_item_of_another() -> None:
    model = Model()
    batcher = _batcher(model)
    tasks = await _begun(*(batcher.submit([word], timeout_s=60) for word in ("a", "good", "bad")))
    model.go.set()

    assert (await tasks[1])[0][0, 0] == 4
    with pytest.raises(EmbedderRejected):
        await tasks[2]
