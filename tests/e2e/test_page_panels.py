"""What stands beside the words on the search page: weights, filters and tags, a picture, more moments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect
from tests.e2e.test_page import _search, _wait, complaints, page

pytestmark = pytest.mark.browser
__all__ = ["complaints", "page"]


@pytest.fixture(autouse=True)
def nothing_stays(served: Any) -> Iterator[None]:
    """The library is shared: weights and tags that a test leaves are taken away."""
    yield
    httpx.delete(f"{served.url}/v1/preferences/search")
    for video in httpx.get(f"{served.url}/v1/videos").json():
        for tag in video["tags"]:
            httpx.delete(f"{served.url}/v1/videos/{video['video_id']}/tags/{tag}")


def asked(page: Page) -> list[dict[str, Any]]:
    """What the page sends to the search from now on."""
    bodies: list[dict[str, Any]] = []
    page.on(
        "request",
        lambda request: bodies.append(json.loads(request.post_data or "{}"))
        if request.url.endswith("/v1/search") else None,
    )  # fmt: skip
    return bodies


def test_a_preset_counts_at_once_and_stays_when_it_is_saved(page: Page) -> None:
    bodies = asked(page)
    _search(page, "the soup needs more salt")
    expect(page.locator(".card .tag").first).to_have_text("words")
    assert "weights" not in bodies[-1]

    page.locator("#open-weights").click()
    page.get_by_role("radio", name="What is seen").check()
    expect(page.locator("#weights-now")).to_have_text("what is seen")
    _wait(page, "document.querySelectorAll('.card .tag.words').length === 0")
    assert bodies[-1]["weights"] == {"visual": 1, "transcript": 0, "summary": 0.2, "lexical": 0}
    page.locator("#save-weights").click()
    expect(page.locator("#weights-told")).to_have_text("Saved for every search.")

    page.reload()
    expect(page.locator("#weights-now")).to_have_text("what is seen")
    page.locator("#open-weights").click()
    page.locator("#forget-weights").click()
    expect(page.locator("#weights-now")).to_have_text("balanced")
    expect(page.locator(".card .tag").first).to_have_text("words")


def test_a_slider_moves_with_the_keyboard(page: Page) -> None:
    _search(page, "red car")
    expect(page.locator(".card").first).to_be_visible()
    bodies = asked(page)
    page.locator("#open-weights").press("Enter")
    page.locator("#weight-visual").press("End")
    expect(page.locator("#weight-visual-now")).to_have_text("100")
    expect(page.locator("#weights-now")).to_have_text("your own")
    page.locator("#weight-lexical").press("Home")
    _wait(page, "true")
    page.locator("#weight-lexical").press("Escape")
    expect(page.locator("#weights")).to_be_hidden()
    expect(page.locator("#open-weights")).to_be_focused()
    assert bodies[-1]["weights"]["visual"] == 1
    assert bodies[-1]["weights"]["lexical"] == 0


def test_a_tag_is_given_in_the_player_and_filters(page: Page) -> None:
    _search(page, "see:red car")
    page.locator(".card").first.click()
    page.locator("#tag-new").fill("겨울 Trip")
    page.keyboard.press("Enter")
    expect(page.locator("#about-tags li")).to_contain_text("겨울 Trip")
    page.keyboard.press("Escape")

    page.locator("#open-filters").click()
    page.get_by_role("checkbox", name="겨울 Trip").check()
    expect(page.locator("#filters-now")).to_have_text("1")
    expect(page.locator(".card")).to_have_count(1)
    address = page.url
    assert "tag=" in address
    page.locator("#filter-speech").select_option("no")
    expect(page.get_by_role("heading", name="No good match")).to_be_visible()
    expect(page.locator(".nothing")).to_contain_text("filters")
    page.locator("#clear-filters").click()
    _wait(page, "document.querySelectorAll('.card').length > 1")

    page.goto(address)
    expect(page.locator(".card")).to_have_count(1)


def test_a_picture_is_searched_with_and_without_words(page: Page, served: Any, tmp_path: Path) -> None:
    found = httpx.post(f"{served.url}/v1/search", json={"query": "see:red car"}).json()["results"][0]
    picture = tmp_path / "car.jpg"
    picture.write_bytes(httpx.get(served.url + found["thumbnail_url"]).content)
    page.locator("#picture-file").set_input_files(picture)

    expect(page.locator("#picture-chosen")).to_be_visible()
    expect(page.locator(".card strong").first).to_have_text(found["title"])
    expect(page.locator("#summary")).to_contain_text("Asked for: a picture")
    _search(page, "two spoons of honey")
    expect(page.locator(".card .tag.words").first).to_be_visible()
    page.locator("#drop-picture").click()
    expect(page.locator("#picture-chosen")).to_be_hidden()
    expect(page.locator(".card")).to_have_count(1)


def test_more_moments_follow_below(page: Page) -> None:
    page.route("**/v1/search", _three_at_a_time)
    _search(page, "street")
    expect(page.locator(".card")).to_have_count(3)
    page.get_by_role("button", name="More moments").click()
    _wait(page, "document.querySelectorAll('.card').length > 3")
    expect(page.locator(".card").nth(3)).to_be_focused()
    names = [card.get_attribute("aria-label") for card in page.locator(".card").all()]
    assert [name.split(".")[0] for name in names if name] == [str(n) for n in range(1, len(names) + 1)]
    page.unroute("**/v1/search")


def _three_at_a_time(route: Route) -> None:
    route.continue_(post_data={**json.loads(route.request.post_data or "{}"), "limit": 3, "include_weak": True})


def test_what_did_not_answer_is_said_in_words(page: Page) -> None:
    def degraded(route: Route) -> None:
        response = route.fetch()
        changed = {**response.json(), "degraded": True, "degraded_reasons": ["clip_timeout", "preferences_unread"]}
        route.fulfill(response=response, json=changed)

    page.route("**/v1/search", degraded)
    _search(page, "red car")
    expect(page.locator(".note.bad")).to_contain_text("pictures: too slow, saved weights")
    page.unroute("**/v1/search")


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#open-weights").click()
    page.locator("#open-filters").click()
    _search(page, "빨간 자동차")
    page.locator(".card").first.click()
    expect(page.locator("#stage")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert all(image.get_attribute("alt") for image in page.locator(".card img").all())
    page.set_viewport_size({"width": 1280, "height": 900})
