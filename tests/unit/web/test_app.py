"""The application as a whole."""

from __future__ import annotations

import re

import httpx

from heimdex.web.app import UI, describe


def test_the_description_needs_no_library() -> None:
    paths = describe()["paths"]

    assert {"/search", "/v1/search", "/health", "/ready", "/v1/videos/{video_id}/stream"} <= set(paths)


async def test_the_page_is_served(client: httpx.AsyncClient) -> None:
    page = await client.get("/")

    assert page.headers["content-type"].startswith("text/html")
    for path in re.findall(r'(?:href|src)="(/ui/[^"]+)"', page.text):
        assert (await client.get(path)).status_code == 200


def test_the_page_loads_nothing_from_elsewhere_and_makes_no_markup_from_text() -> None:
    for file in UI.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(
            r"https?://|innerHTML|insertAdjacentHTML|document\.write|eval\(|\sstyle=|\son\w+=", text
        ), file
