"""The degradation matrix, cell by cell, over real sockets: a real server, database and embedding service."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.faults.chaos import FAULTS
from tests.faults.stack import BRISK_S, HASTY_S, PATIENT_S, Stack

from heimdex.ranking.intent import route

MODES = ("recall", "rerank", "skip", "auto")
#: the router sends them to recall, rerank and skip
QUERIES = ("red car driving", "a person in the crowd", "he says good morning", "빨간 자동차", "red car and violin")
LASTING = {"blackhole", "slow", "dripping"}
REASONS = {
    "clip_timeout": LASTING,
    "clip_invalid": {"garbage", "dimension", "nan", "zero", "long", "model", "revision"},
    "clip_auth": {"401", "unsigned", "tampered"},
    "clip_unavailable": {"down", "reset", "truncated", "noise", "429", "429 later", "500", "503"},
}


def ranking(answer: dict[str, Any]) -> list[tuple[str, float]]:
    return [(result["scene_id"], result["score"]) for result in answer["results"]]


def test_every_fault_has_a_cell() -> None:
    assert set().union(*REASONS.values()) == set(FAULTS)
    assert [route(query).mode.value for query in QUERIES[:3]] == ["recall", "rerank", "skip"]


async def test_healthy_every_channel_answers(stack: Stack) -> None:
    for mode in MODES:
        answer = await stack.search("red car driving", mode=mode)
        assert not answer["degraded"]
        assert answer["degraded_reasons"] == []
        assert answer["mode"]["requested"] == mode
        assert answer["mode"]["used"] == ("recall" if mode == "auto" else mode)
        assert answer["channels"]["visual"]["status"] == ("skipped" if mode == "skip" else "ok")
        assert answer["channels"]["transcript"]["status"] == "ok"
        assert answer["channels"]["lexical"]["status"] in ("ok", "empty")
        assert len(answer["results"]) > 10


async def test_clip_changes_the_order_when_it_answers(stack: Stack) -> None:
    skip = ranking(await stack.search("red car driving", mode="skip"))
    for mode in ("recall", "rerank"):
        assert ranking(await stack.search("red car driving", mode=mode)) != skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", FAULTS)
async def test_with_clip_failing_the_answer_is_that_of_skip_and_says_so(stack: Stack, fault: str, mode: str) -> None:
    wanted = [await stack.search(query, mode="skip") for query in QUERIES]
    await stack.clip.spoil(fault)
    stack.patience(clip_s=HASTY_S if fault in LASTING else PATIENT_S)
    before = len(stack.clip.asked)
    answers = await asyncio.gather(*(stack.search(query, mode=mode) for query in QUERIES))

    asked = [mode != "skip" and not (mode == "auto" and route(query).mode == "skip") for query in QUERIES]
    for query, answer, skip, is_asked in zip(QUERIES, answers, wanted, asked, strict=True):
        assert ranking(answer) == ranking(skip), query
        assert answer["mode"]["requested"] == mode
        assert answer["mode"]["used"] == "skip"
        assert answer["degraded"] is is_asked
        (reason,) = [reason for reason, faults in REASONS.items() if fault in faults]
        assert answer["degraded_reasons"] == ([reason] if is_asked else [])
        status = "timeout" if fault in LASTING else "error"
        assert answer["channels"]["visual"]["status"] == (status if is_asked else "skipped")
        assert answer["channels"]["visual"]["weight"] == 0.0
        assert answer["channels"]["transcript"]["status"] == "ok"
        assert answer["channels"]["lexical"]["status"] in ("ok", "empty")
    if mode == "skip":
        assert len(stack.clip.asked) == before


@pytest.mark.parametrize("fault", ["503", "reset", "truncated", "429"])
async def test_one_hiccup_is_mended_by_the_retry(stack: Stack, fault: str) -> None:
    await stack.clip.spoil(fault, times=1)
    answer = await stack.search("red car driving", mode="recall")

    assert not answer["degraded"]
    assert answer["mode"]["used"] == "recall"


@pytest.mark.parametrize("fault", ["down", "slow", "nan", "zero", "dimension"])
@pytest.mark.parametrize("mode", MODES)
async def test_without_the_text_model_the_words_and_the_pictures_answer(stack: Stack, fault: str, mode: str) -> None:
    stack.text.fault = fault
    stack.patience(channel_s=BRISK_S if fault == "slow" else PATIENT_S)
    answer = await stack.search("red car and violin", mode=mode)

    reason = {"down": "text_unavailable", "slow": "text_timeout"}.get(fault, "text_invalid")
    assert answer["degraded_reasons"] == [reason]
    assert answer["mode"]["used"] == ("recall" if mode == "auto" else mode)
    assert answer["channels"]["transcript"]["status"] == ("timeout" if fault == "slow" else "error")
    assert answer["channels"]["transcript"]["weight"] == 0.0
    assert answer["channels"]["visual"]["status"] == ("skipped" if mode == "skip" else "ok")


@pytest.mark.parametrize("mode", MODES)
async def test_without_both_models_the_words_alone_answer(stack: Stack, mode: str) -> None:
    stack.text.fault = "down"
    await stack.clip.spoil("503")
    answer = await stack.search("red car and violin", mode=mode)

    expected = {"text_unavailable"} if mode == "skip" else {"text_unavailable", "clip_unavailable"}
    assert set(answer["degraded_reasons"]) == expected
    assert {match["channel"] for result in answer["results"] for match in result["matched"]} <= {"lexical"}
    assert answer["channels"]["lexical"]["status"] == "ok"
    assert answer["results"]


async def test_an_answer_comes_while_the_service_still_drips(stack: Stack) -> None:
    await stack.clip.spoil("dripping")
    stack.patience(clip_s=HASTY_S)
    finished, asked = stack.clip.finished, len(stack.clip.asked)
    answer = await stack.search("red car and violin", mode="recall")

    assert answer["degraded_reasons"] == ["clip_timeout"]
    assert len(stack.clip.asked) > asked
    assert stack.clip.finished == finished  # not one answer of the service had come to its end


async def test_an_expired_vector_keeps_the_mode_and_is_told(stack: Stack) -> None:
    fresh = await stack.search("red car and violin", mode="recall")
    stack.library.search._visual_cache._ttl_s = 0.0
    await stack.clip.spoil("down")
    stale = await stack.search("red car and violin", mode="recall")

    assert stale["degraded_reasons"] == ["stale_embedding"]
    assert stale["mode"]["used"] == "recall"
    assert ranking(stale) == ranking(fresh)


async def test_a_known_query_needs_no_service(stack: Stack) -> None:
    fresh = await stack.search("red car and violin", mode="recall")
    await stack.clip.spoil("down")

    assert not (again := await stack.search("red car and violin", mode="recall"))["degraded"]
    assert ranking(again) == ranking(fresh)
