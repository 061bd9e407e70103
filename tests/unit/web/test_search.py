"""The search address: the names of the contract, and what it refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from heimdex.domain.errors import StoreUnavailable
from heimdex.domain.query import Channel, Mode
from heimdex.web.search import SLOTS


@pytest.mark.parametrize("path", ["/search", "/v1/search"])
async def test_the_answer_has_the_names_of_the_contract(client: httpx.AsyncClient, path: str) -> None:
    answer = (await client.post(path, json={"query": "red car", "limit": 5})).json()

    assert {
        "query", "results", "took_ms", "mode", "degraded", "degraded_reasons", "channels", "exhaustive", "next_cursor",
    } <= set(answer)  # fmt: skip
    assert answer["mode"] == {
        "requested": "auto",
        "used": "recall",
        "confidence": 0.9,
        "reason": "Strong visual intent: object:car",
    }
    assert answer["channels"]["visual"] == {
        "status": "ok",
        "candidates": 1,
        "weight": 0.5,
        "took_ms": 2.0,
        "reason": "",
    }
    assert "total" not in answer


async def test_a_result_has_the_names_of_the_contract(client: httpx.AsyncClient) -> None:
    (result,) = (await client.post("/search", json={"query": "red car"})).json()["results"]

    assert result == {
        "rank": 1,
        "scene_id": "00000000-0000-0000-0000-000000000002",
        "video_id": "00000000-0000-0000-0000-000000000001",
        "title": "Traffic",
        "start_s": 12.5,
        "end_s": 18.0,
        "moment_s": 12.5,
        "start_tc": "00:00:12.500",
        "thumbnail_url": "/v1/scenes/00000000-0000-0000-0000-000000000002/thumbnail",
        "stream_url": "/v1/videos/00000000-0000-0000-0000-000000000001/stream",
        "link": "/?q=red%20car&v=00000000-0000-0000-0000-000000000001#t=12.500,18.000",
        "score": 0.5,
        "label": "strong",
        "matched": [
            {"channel": "visual", "rank": 1, "raw": 0.31, "normalised": 1.0, "weight": 0.5, "label": "strong",
             "frame_s": 13.0, "text": None, "by": "fusion", "side": 0}
        ],
        "snippet": "the red car",
        "merged": [],
        "then": [],
        "penalty": 0.0,
    }  # fmt: skip


async def test_all_fields_reach_the_search(client: httpx.AsyncClient, library: Any) -> None:
    body = {
        "query": "red car",
        "limit": 3,
        "mode": "skip",
        "weights": {"lexical": 0.7},
        "video_ids": ["00000000-0000-0000-0000-000000000001"],
        "explain": True,
        "include_weak": True,
    }
    await client.post("/search", json=body)

    (asked,) = library.search.asked
    assert (asked.query, asked.limit, asked.mode) == ("red car", 3, Mode.SKIP)
    assert asked.weights == {Channel.LEXICAL: 0.7}
    assert [str(v) for v in asked.filter.video_ids] == body["video_ids"]
    assert asked.explain
    assert asked.include_weak


async def test_a_search_by_address(client: httpx.AsyncClient, library: Any) -> None:
    answer = await client.get("/v1/search", params={"q": "빨간 자동차", "limit": 2})

    assert answer.json()["query"] == "빨간 자동차"
    assert library.search.asked[0].limit == 2


@pytest.mark.parametrize(
    "body",
    [
        {"query": ""},
        {"query": "   "},
        {"query": "a" * 60_000},
        {"query": "red\0car"},
        {"query": "red\x1bcar"},
        {"query": "red car", "limit": 0},
        {"query": "red car", "limit": 10_000},
        {"query": "red car", "limit": "many"},
        {"query": "red car", "mode": "magic"},
        {"query": "red car", "weights": {"smell": 1}},
        {"query": "red car", "weights": {"visual": 7}},
        {"query": "red car", "video_ids": ["../etc"]},
        {"query": "red car", "limt": 3},
        {"query": None},
        {},
        [],
    ],
)
async def test_what_cannot_mean_anything_is_a_problem(client: httpx.AsyncClient, library: Any, body: object) -> None:
    answer = await client.post("/search", json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "bad_request"
    assert problem["type"].endswith("bad_request")
    assert problem["status"] == 422
    assert problem["detail"]
    assert problem["remedy"]
    assert library.search.asked == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"query": "\\ud800"}',
        b"[" * 60_000,
        b'{"query": NaN}',
        b"\xff\xfe",
        b'{"query": "a", "weights": {"visual": NaN}}',
        b'{"query": "caf\xe9"}',
        b'{"query": "a", "limit": ' + b"9" * 5000 + b"}",
        b'{"query": "a", "' + b"x" * 5000 + b'": 1}',
    ],
)
async def test_what_is_not_json_is_a_problem(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/search", content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]
    assert len(answer.content) < 1000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
async def test_a_body_that_is_declared_as_something_else_is_told_what_to_say(
    client: httpx.AsyncClient, kind: str
) -> None:
    answer = await client.post("/search", content=b'{"query": "red car"}', headers={"Content-Type": kind})

    assert answer.status_code == 415
    assert "application/json" in answer.json()["remedy"]


async def test_a_query_of_100_000_characters_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post("/search", json={"query": "a" * 100_000})

    assert answer.status_code == 413


@pytest.mark.parametrize("params", [{}, {"q": ""}, {"q": "a", "limit": "0"}, {"q": "a\0b"}, {"q": "a", "limit": "x"}])
async def test_a_bad_search_by_address_is_a_problem(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    answer = await client.get("/v1/search", params=params)

    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_a_database_that_is_away_is_503_and_says_when_to_come_back(
    client: httpx.AsyncClient, library: Any
) -> None:
    library.search.error = StoreUnavailable("The database does not answer.", remedy="See `heimdex doctor`.")

    answer = await client.post("/search", json={"query": "red car"})

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["remedy"] == "See `heimdex doctor`."


async def test_a_fault_of_ours_does_not_show_its_inside(client: httpx.AsyncClient, library: Any) -> None:
    library.search.error = RuntimeError("the password is 1234")

    answer = await client.post("/search", json={"query": "red car"})

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "1234" not in answer.text


async def test_a_wrong_method_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/search")

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"


async def test_more_searches_than_the_server_takes_are_told_to_come_back(
    client: httpx.AsyncClient, library: Any
) -> None:
    gate = asyncio.Event()
    answer_at_once = library.search.search

    async def answer_later(request: Any) -> Any:
        await gate.wait()
        return await answer_at_once(request)

    library.search.search = answer_later
    running = [asyncio.ensure_future(client.post("/search", json={"query": "a"})) for _ in range(SLOTS + 1)]
    first, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    gate.set()
    statuses = sorted([(await one).status_code for one in running])

    assert [one.result().status_code for one in first] == [503]
    assert statuses == [200] * SLOTS + [503]


async def test_a_filter_reaches_the_search(client: httpx.AsyncClient, library: Any) -> None:
    body = {"query": "x", "filter": {"has_speech": True, "none": [{"languages": ["ko"]}]}, "group_by": "video"}
    assert (await client.post("/v1/search", json=body)).status_code == 200
    asked = library.search.asked[-1]
    assert asked.filter.has_speech is True
    assert asked.filter.none_of[0].languages == {"ko"}
    assert asked.per_video == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"filter": {"tag": ["x"]}},
        {"filter": {"after": "soon"}},
        {"filter": []},
        {"group_by": "folder"},
        {"per_video": 0},
        {"sort": "date"},
        {"cursor": "garbage"},
    ],
)
async def test_senseless_options_are_a_clear_problem(client: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    answer = await client.post("/v1/search", json={"query": "x", **wrong})

    assert answer.status_code == 422
    assert answer.json()["remedy"]


async def test_a_filter_of_a_thousand_levels_is_refused(client: httpx.AsyncClient) -> None:
    body = '{"query": "x", "filter": ' + '{"any": [' * 2000 + '{"has_speech": true}' + "]}" * 2000 + "}"
    answer = await client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})

    assert 400 <= answer.status_code < 500
