"""Saved weights and tags over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from heimdex.domain.query import Channel

VIDEO = "00000000-0000-0000-0000-000000000001"
ADDRESS = "/v1/preferences/search"


async def test_weights_are_saved_read_and_forgotten(client: httpx.AsyncClient, library: Any) -> None:
    assert (await client.get(ADDRESS)).json()["weights"] == {}
    told = (await client.put(ADDRESS, json={"weights": {"visual": 1, "lexical": 0}})).json()

    assert told["weights"] == {"visual": 1.0, "lexical": 0.0}
    assert told["in_force"]["visual"] == {"value": 1.0, "source": "saved"}
    assert told["in_force"]["transcript"] == {"value": 0.45, "source": "settings"}
    assert library.preferences.saved == {Channel.VISUAL: 1.0, Channel.LEXICAL: 0.0}
    assert (await client.get(ADDRESS)).json() == told

    assert (await client.delete(ADDRESS)).json()["weights"] == {}
    assert library.preferences.saved == {}


async def test_a_preset_is_saved_by_name_and_balanced_forgets(client: httpx.AsyncClient, library: Any) -> None:
    told = (await client.put(ADDRESS, json={"preset": "exact"})).json()
    assert told["weights"] == told["presets"]["exact"] == {"visual": 0, "transcript": 0, "summary": 0, "lexical": 1}

    assert (await client.put(ADDRESS, json={"preset": "balanced"})).json()["weights"] == {}


@pytest.mark.parametrize(
    "body",
    [{}, {"weights": {"visual": 1}, "preset": "seen"}, {"preset": "loud"}, {"weights": {"visual": 2}},
     {"weights": {"visual": 0, "transcript": 0, "summary": 0, "lexical": 0}}, {"weight": 1}],
)  # fmt: skip
async def test_what_cannot_be_saved_is_refused(client: httpx.AsyncClient, library: Any, body: dict[str, Any]) -> None:
    answer = await client.put(ADDRESS, json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert library.preferences.saved == {}


async def test_a_request_may_leave_them_out(client: httpx.AsyncClient, library: Any) -> None:
    await client.post("/v1/search", json={"query": "red car", "use_saved_preferences": False})
    assert library.search.asked[-1].use_saved_preferences is False


async def test_a_video_is_tagged_and_untagged(client: httpx.AsyncClient) -> None:
    assert (await client.put(f"/v1/videos/{VIDEO}/tags/%EC%A0%9C%EC%A3%BC%2Fsea")).status_code == 200
    assert (await client.get("/v1/tags")).json() == [{"tag": "제주/sea", "videos": 1}]
    assert (await client.delete(f"/v1/videos/{VIDEO}/tags/제주/sea")).status_code == 200
    assert (await client.get("/v1/tags")).json() == []

    assert (await client.put(f"/v1/videos/{VIDEO}/tags/{'x' * 65}")).status_code == 422
    assert (await client.put("/v1/videos/00000000-0000-0000-0000-000000000009/tags/sea")).status_code == 404


async def test_tags_filter(client: httpx.AsyncClient, library: Any) -> None:
    body = {"query": "red car", "filter": {"tags": ["Sea"], "none": [{"tags": ["kids"]}]}}
    assert (await client.post("/v1/search", json=body)).status_code == 200
    assert library.search.asked[-1].filter.tags == {"sea"}
    assert library.search.asked[-1].filter.none_of[0].tags == {"kids"}
