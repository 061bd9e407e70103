"""Ranges as RFC 9110 section 14 has them, one at a time."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from heimdex.web.files import Unsatisfiable, one_range

STREAM = "/v1/videos/00000000-0000-0000-0000-000000000001/stream"
SIZE = 1024


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, SIZE)),
        ("bytes=10-19", (10, 20)),
        ("BYTES=10-19", (10, 20)),
        ("bytes=1000-5000", (1000, SIZE)),
        ("bytes=-24", (1000, SIZE)),
        ("bytes=-5000", (0, SIZE)),
        # what is no range of bytes is ignored
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=a-b", None),
        ("items=0-5", None),
        ("bytes=" + "9" * 400 + "-", None),
    ],
)
def test_one_range(header: str | None, expected: tuple[int, int] | None) -> None:
    assert one_range(header, SIZE) == expected


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=5000-6000", "bytes=-0", "bytes=0-1,5-6", "bytes=0-,0-,0-"])
def test_ranges_outside_and_several_ranges_are_refused(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        one_range(header, SIZE)


def test_a_range_of_an_empty_file_is_refused() -> None:
    with pytest.raises(Unsatisfiable):
        one_range("bytes=0-", 0)


async def test_the_whole_video(client: httpx.AsyncClient) -> None:
    answer = await client.get(STREAM)

    assert answer.status_code == 200
    assert answer.content == bytes(range(256)) * 4
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("inline; filename*=utf-8''%EB%B9%84")


async def test_a_part_of_the_video(client: httpx.AsyncClient) -> None:
    answer = await client.get(STREAM, headers={"Range": "bytes=250-260"})

    assert answer.status_code == 206
    assert answer.headers["content-range"] == "bytes 250-260/1024"
    assert answer.headers["content-length"] == "11"
    assert answer.content == (bytes(range(256)) * 4)[250:261]


async def test_head_says_the_same_without_a_body(client: httpx.AsyncClient) -> None:
    whole, part = await client.head(STREAM), await client.head(STREAM, headers={"Range": "bytes=0-9"})

    assert (whole.status_code, whole.headers["content-length"], whole.content) == (200, "1024", b"")
    assert (part.status_code, part.headers["content-length"], part.content) == (206, "10", b"")


async def test_an_impossible_range_is_416_with_the_size(client: httpx.AsyncClient) -> None:
    answer = await client.get(STREAM, headers={"Range": "bytes=4096-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */1024"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_copy_that_is_still_good_is_not_sent_again(client: httpx.AsyncClient) -> None:
    etag = (await client.head(STREAM)).headers["etag"]

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        assert (await client.get(STREAM, headers={"If-None-Match": known})).status_code == 304
    assert (await client.get(STREAM, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_part_of_another_version_is_not_mixed_in(client: httpx.AsyncClient) -> None:
    etag = (await client.head(STREAM)).headers["etag"]

    same = await client.get(STREAM, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = await client.get(STREAM, headers={"Range": "bytes=0-9", "If-Range": '"other"'})

    assert (same.status_code, other.status_code) == (206, 200)


async def test_a_video_whose_file_is_gone_is_not_found(client: httpx.AsyncClient, library: Any) -> None:
    library.shelf.kept.path.unlink()

    answer = await client.get(STREAM)

    assert answer.status_code == 404
    assert "drive" in answer.json()["remedy"]


async def test_a_folder_is_never_streamed(client: httpx.AsyncClient, library: Any) -> None:
    library.shelf.show(library.artefacts)

    assert (await client.get(STREAM)).status_code == 404
