"""The cache of query vectors."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from heimdex.ports import EmbeddingModel, Matrix
from heimdex.search.embed_queries import QueryEmbeddings, checked
from heimdex.search.losses import InvalidVector

MODEL = EmbeddingModel("m", "1", 3)
UNIT = np.array([[1.0, 0.0, 0.0]], np.float32)


class Model:
    def __init__(self) -> None:
        self.calls = 0
        self.rows: Matrix = UNIT
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def __call__(self, text: str) -> Matrix:
        self.calls += 1
        if self.gate:
            await self.gate.wait()
        if self.error:
            raise self.error
        return self.rows


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_second_time_comes_from_the_cache_whatever_the_composition_of_the_text() -> None:
    cache, model = QueryEmbeddings(), Model()
    first = await cache.embed("caf\u00e9", MODEL, model)
    second = await cache.embed("cafe\u0301", MODEL, model)

    assert (model.calls, first.cached, second.cached) == (1, False, True)
    np.testing.assert_array_equal(first.vector, second.vector)


async def test_vectors_of_two_models_never_mix() -> None:
    cache, model = QueryEmbeddings(), Model()
    await cache.embed("a", MODEL, model)
    await cache.embed("a", EmbeddingModel("m", "2", 3), model)

    assert model.calls == 2


async def test_many_who_wait_ask_once_and_one_who_leaves_does_not_spoil_it() -> None:
    cache, model = QueryEmbeddings(), Model()
    model.gate = asyncio.Event()
    waiting = [asyncio.ensure_future(cache.embed("a", MODEL, model)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    model.gate.set()
    found = await asyncio.gather(*waiting[1:])

    assert model.calls == 1
    assert len(found) == 4


async def test_after_an_hour_it_is_asked_again() -> None:
    clock = Clock()
    cache, model = QueryEmbeddings(clock=clock), Model()
    await cache.embed("a", MODEL, model)
    clock.now = 3599.0
    await cache.embed("a", MODEL, model)
    assert model.calls == 1
    clock.now = 3601.0
    await cache.embed("a", MODEL, model)
    assert model.calls == 2


async def test_an_expired_vector_stands_in_for_a_model_that_fails_but_not_for_ever() -> None:
    clock = Clock()
    cache, model = QueryEmbeddings(clock=clock), Model()
    await cache.embed("a", MODEL, model)
    model.error = RuntimeError("down")
    clock.now = 7200.0
    assert (await cache.embed("a", MODEL, model)).stale
    clock.now = 25 * 3600.0
    with pytest.raises(RuntimeError):
        await cache.embed("a", MODEL, model)


async def test_the_oldest_entry_goes_when_it_is_full() -> None:
    cache, model = QueryEmbeddings(max_entries=2), Model()
    for text in ("a", "b", "a", "c", "a", "b"):
        await cache.embed(text, MODEL, model)

    assert len(cache) == 2
    assert model.calls == 4


@pytest.mark.parametrize(
    "rows",
    [
        np.ones((1, 4), np.float32) / 2,
        np.zeros((1, 3), np.float32),
        np.array([[np.nan, 0, 0]], np.float32),
        np.array([[2.0, 0, 0]], np.float32),
        np.ones((2, 3), np.float32),
        np.array([1.0, 0, 0], np.float32),
    ],
)
async def test_only_unit_vectors_of_the_right_shape_are_kept(rows: Matrix) -> None:
    with pytest.raises(InvalidVector):
        checked(rows, 3)
    cache, model = QueryEmbeddings(), Model()
    model.rows = rows
    with pytest.raises(InvalidVector):
        await cache.embed("a", MODEL, model)
    model.rows = UNIT
    assert not (await cache.embed("a", MODEL, model)).cached
