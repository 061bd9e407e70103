"""Search by picture and by scene over HTTP: what reaches the search, and what never does."""

from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from tests.unit.web.conftest import SCENE

from heimdex.web.alike import LARGE_BODIES


def picture(size: tuple[int, int] = (40, 30), kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, "red").save(stream, kind, **options)
    return stream.getvalue()


async def test_more_like_a_scene(client: httpx.AsyncClient, library: Any) -> None:
    by_body = await client.post("/v1/similar", json={"scene_id": str(SCENE), "limit": 3, "per_video": 1})
    by_address = await client.get(f"/v1/scenes/{SCENE}/similar", params={"limit": 4})

    assert by_body.status_code == by_address.status_code == 200
    assert [asked.limit for asked in library.search.asked] == [3, 4]
    assert library.search.asked[0].per_video == 1
    assert by_body.json()["results"][0]["title"] == "Traffic"


@pytest.mark.parametrize("address", [f"/v1/scenes/{uuid4()}/similar", "/v1/scenes/nonsense/similar"])
async def test_an_unknown_scene_is_not_found(client: httpx.AsyncClient, address: str) -> None:
    assert (await client.get(address)).status_code == 404


async def test_a_picture_reaches_the_search_with_its_words(client: httpx.AsyncClient, library: Any) -> None:
    answer = await client.post(
        "/v1/search/image", files={"image": ("a.png", picture())}, data={"query": "at night", "limit": "5"}
    )

    assert answer.status_code == 200
    assert library.search.pictures[0].shape == (30, 40, 3)
    assert (library.search.asked[0].query, library.search.asked[0].limit) == ("at night", 5)


async def test_a_picture_larger_than_other_bodies_is_taken(client: httpx.AsyncClient) -> None:
    noise = Image.effect_noise((600, 600), 100)
    stream = io.BytesIO()
    noise.save(stream, "PNG")

    assert len(stream.getvalue()) > 64 * 1024
    answer = await client.post("/v1/search/image", files={"image": ("a.png", stream.getvalue())})
    assert answer.status_code == 200
    assert (await client.post("/v1/search", content=stream.getvalue())).status_code == 413


async def test_a_picture_that_is_too_large_is_refused(client: httpx.AsyncClient, library: Any) -> None:
    too_large = b"x" * (LARGE_BODIES["/v1/search/image"] + 1)
    answer = await client.post("/v1/search/image", files={"image": ("a.png", too_large)})

    assert answer.status_code == 413
    assert library.search.pictures == []


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a" + bytes(50), b"<svg/>", picture()[:60], picture(kind="JPEG")[:200], b"\x89PNG\r\n\x1a\n"]
)
async def test_what_is_no_picture_is_a_problem(client: httpx.AsyncClient, library: Any, content: bytes) -> None:
    answer = await client.post("/v1/search/image", files={"image": ("a.png", content)})

    assert answer.status_code == 422
    assert answer.json()["remedy"]
    assert library.search.pictures == []


async def test_a_form_without_a_picture_is_a_problem(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/search/image", data={"query": "x"})).status_code == 422
    assert (
        await client.post("/v1/search/image", files={"image": ("a", picture())}, data={"limit": "0"})
    ).status_code == 422
