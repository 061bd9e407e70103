"""Videos and pictures by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from heimdex.web.videos import media_type

VIDEO = "00000000-0000-0000-0000-000000000001"
SCENE = "00000000-0000-0000-0000-000000000002"
UNKNOWN = "00000000-0000-0000-0000-00000000ffff"


async def test_a_video_is_described_without_its_place_on_the_disk(client: httpx.AsyncClient, tmp_path: Path) -> None:
    one, all_ = await client.get(f"/v1/videos/{VIDEO}"), await client.get("/v1/videos")

    assert one.json()["title"] == "Traffic"
    assert one.json()["stream_url"] == f"/v1/videos/{VIDEO}/stream"
    assert all_.json() == [one.json()]
    assert str(tmp_path) not in one.text


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/videos/{UNKNOWN}",
        f"/v1/videos/{UNKNOWN}/stream",
        f"/v1/scenes/{UNKNOWN}/thumbnail",
        f"/v1/scenes/{UNKNOWN}/sprites.jpg",
        f"/v1/scenes/{SCENE}/sprites.vtt",
        "/v1/videos/..%2f..%2fetc%2fpasswd/stream",
        "/v1/videos/%2e%2e/stream",
        "/v1/scenes/a.jpg/thumbnail",
        "/ui/../app.py",
        "/ui/%2e%2e/app.py",
        "/ui/..%2fapp.py",
        "/nothing",
        "/docs",
        "/redoc",
    ],
)
async def test_what_is_not_ours_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_thumbnail_is_a_jpeg(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/v1/scenes/{SCENE}/thumbnail")

    assert answer.content == b"\xff\xd8jpeg"
    assert answer.headers["content-type"] == "image/jpeg"


async def test_sprites_lie_beside_the_thumbnail(client: httpx.AsyncClient, library: Any) -> None:
    library.shelf.picture = "ab/content/settings/000001-1.jpg"
    folder = library.artefacts / "ab/content/settings"
    folder.mkdir(parents=True)
    (folder / "sprites.jpg").write_bytes(b"\xff\xd8sheet")
    (folder / "sprites.vtt").write_text("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsprites.jpg#xywh=0,0,160,90\n")
    sheet, index = [await client.get(f"/v1/scenes/{SCENE}/sprites.{ending}") for ending in ("jpg", "vtt")]

    assert (sheet.content, sheet.headers["content-type"]) == (b"\xff\xd8sheet", "image/jpeg")
    assert index.text.startswith("WEBVTT")
    assert index.headers["content-type"].startswith("text/vtt")


@pytest.mark.parametrize("picture", ["../secret.jpg", "/etc/hostname"])
async def test_a_picture_outside_of_the_artefacts_is_not_found(
    client: httpx.AsyncClient, library: Any, picture: str
) -> None:
    library.shelf.picture = picture

    assert (await client.get(f"/v1/scenes/{SCENE}/thumbnail")).status_code == 404


@pytest.mark.parametrize(
    ("name", "container", "expected"),
    [
        ("a.mp4", "mov,mp4,m4a,3gp,3g2,mj2", "video/mp4"),
        ("a.MOV", "mov,mp4,m4a,3gp,3g2,mj2", "video/quicktime"),
        ("a.webm", "matroska,webm", "video/webm"),
        ("a.mkv", "matroska,webm", "video/x-matroska"),
        ("a.html", "mov,mp4,m4a,3gp,3g2,mj2", "video/mp4"),
        ("a.webm", "avi", "video/x-msvideo"),
        ("a.html", "unheard_of", "application/octet-stream"),
    ],
)
def test_the_container_decides_the_media_type(name: str, container: str, expected: str) -> None:
    assert media_type(Path(name), container) == expected
