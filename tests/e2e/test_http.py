"""The demo library over HTTP, by a real server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


@pytest.fixture
def http(served: Any) -> Any:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("query", ["red car", "빨간 자동차"])
def test_a_search_and_its_picture_and_its_film(http: httpx.Client, truth: Any, query: str) -> None:
    answer = http.post("/search", json={"query": query, "limit": 10}).json()
    first = answer["results"][0]

    assert any(shown.is_found_by(first) for shown in truth.showing("car", "red"))
    assert first["label"] in ("strong", "medium")
    picture = http.get(first["thumbnail_url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    part = http.get(first["stream_url"], headers={"Range": "bytes=0-99"})
    assert part.status_code == 206
    assert part.headers["content-type"] == "video/mp4"
    assert part.content[4:8] == b"ftyp"


def test_only_the_videos_that_were_asked_for(http: httpx.Client) -> None:
    videos = http.get("/v1/videos").json()
    chosen = videos[-1]["video_id"]
    body = {"query": "red car", "video_ids": [chosen], "include_weak": True}

    results = http.post("/v1/search", json=body).json()["results"]

    assert {result["video_id"] for result in results} == {chosen}


def test_ready_and_status(http: httpx.Client, truth: Any) -> None:
    assert http.get("/ready").json()["status"] == "ready"
    assert http.get("/v1/status").json()["videos"] == truth.videos


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": ""}, 422),
        ({"query": "a" * 100_000}, 413),
        ({"query": "red\0car"}, 422),
        ({"query": "red car", "limit": 0}, 422),
        ({"query": "red car", "limit": 10_000}, 422),
    ],
)
def test_bad_input_is_a_problem(http: httpx.Client, body: dict[str, Any], status: int) -> None:
    answer = http.post("/search", json=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]


def test_another_host_name_is_refused(http: httpx.Client) -> None:
    assert http.get("/v1/videos", headers={"Host": "evil.example"}).status_code == 421
