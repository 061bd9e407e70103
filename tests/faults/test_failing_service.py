"""What a failing embedding service is spared: retries, repeats, and most questions."""

from __future__ import annotations

import asyncio

import pytest
from tests.faults.stack import Stack

from heimdex.domain.errors import EmbedderUnavailable
from heimdex.embedding.breaker import Breaker
from heimdex.embedding.client import HttpEmbedder
from heimdex.search.request import check

_CALLS = 500
_AT_ONCE = 25


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class OpenDoor(Breaker):
    """A breaker that never breaks, so that the budget of retries stands alone."""

    def admits(self) -> bool:
        return True


async def ask_in_vain(embedder: HttpEmbedder, calls: int) -> None:
    async def one(number: int) -> None:
        with pytest.raises(EmbedderUnavailable):
            await embedder.embed_texts([f"car {number}"], timeout_s=30)

    for start in range(0, calls, _AT_ONCE):
        await asyncio.gather(*(one(start + number) for number in range(_AT_ONCE)))


@pytest.mark.parametrize("calls", [_CALLS, pytest.param(2000, marks=pytest.mark.slow)])
async def test_retries_add_at_most_a_tenth_to_the_load(stack: Stack, calls: int) -> None:
    embedder = stack.embedder
    embedder._breaker = OpenDoor()
    await stack.clip.spoil("503")
    before = len(stack.clip.asked)
    await ask_in_vain(embedder, calls)

    assert calls < len(stack.clip.asked) - before <= 1.1 * calls


async def test_the_breaker_spares_it_and_one_probe_brings_it_back(stack: Stack) -> None:
    embedder, clock = stack.embedder, Clock()
    embedder._breaker = Breaker(clock=clock)
    await stack.clip.spoil("503")
    before = len(stack.clip.asked)
    await ask_in_vain(embedder, _CALLS)
    assert len(stack.clip.asked) - before <= 2 * _AT_ONCE  # those already on their way when it opened

    await stack.clip.heal()
    still = len(stack.clip.asked)
    clock.now = 3.9
    assert (await stack.search("red car driving", mode="recall"))["degraded_reasons"] == ["clip_unavailable"]
    assert len(stack.clip.asked) == still
    clock.now = 6.1  # 5 s and a fifth
    assert not (await stack.search("red car driving", mode="recall"))["degraded"]
    assert len(stack.clip.asked) == still + 1


async def test_five_hundred_who_ask_the_same_ask_once(stack: Stack) -> None:
    stack.patience()
    before = len(stack.clip.asked)
    wanted = check("red car driving", limit=1, mode="recall", weights={"transcript": 0.0, "lexical": 0.0})
    answers = await asyncio.gather(*(stack.library.search.search(wanted) for _ in range(500)))

    assert len(stack.clip.asked) - before == 1
    assert not any(answer.degraded_reasons for answer in answers)
    assert len({tuple(hit.scene.scene_id for hit in answer.hits) for answer in answers}) == 1


async def test_a_new_process_that_five_hundred_ask_at_once_learns_the_model_once(stack: Stack) -> None:
    embedder = stack.embedder
    model, embedder._model = embedder._model, None
    before = len(stack.clip.asked)
    rows = await asyncio.gather(*(embedder.embed_texts([], timeout_s=30) for _ in range(100)))

    assert stack.clip.asked[before:] == ["/health"]
    assert embedder.model == model
    assert {row.shape for row in rows} == {(0, embedder.model.dim)}
