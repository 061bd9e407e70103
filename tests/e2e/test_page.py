"""The search page in a real browser."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(chromium: str, served: Any) -> Iterator[Page]:
    options = ["--autoplay-policy=no-user-gesture-required"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        page = browser.new_page()
        page.set_default_timeout(20_000)
        page.set_viewport_size({"width": 1280, "height": 900})
        yield page
        browser.close()


@pytest.fixture(autouse=True)
def complaints(page: Page, served: Any) -> Iterator[list[str]]:
    """What the page complains about; a test that expects none finds none."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: (
            found.append(request.url) if not request.url.removeprefix("blob:").startswith(served.url) else None
        ),
    )
    page.goto(served.url)
    yield found
    assert found == []


def _search(page: Page, text: str) -> None:
    page.locator("#query").fill(text)
    page.keyboard.press("Enter")


def _wait(page: Page, condition: str) -> None:
    """Wait until a JavaScript expression holds, asked from outside: the page's policy forbids ``eval`` inside."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"never: {condition}"
        page.wait_for_timeout(50)


def test_a_moment_is_found_seen_and_played(page: Page, truth: Any) -> None:
    expect(page.locator("#query")).to_be_focused()
    _search(page, "red car")
    first = page.locator(".card").first
    expect(first).to_be_visible()
    expect(first.locator(".label")).to_have_text(re.compile("strong|medium"))
    expect(first.locator(".tag").first).to_have_text("seen")
    _wait(page, "document.querySelector('.card img').naturalWidth > 0")
    expect(page.locator("#summary")).to_contain_text("recall")

    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_be_visible()
    _wait(page, "video.currentTime > 0 && !video.paused")
    expect(page).to_have_url(re.compile(r"\?q=red\+car&v=[0-9a-f-]+#t=[\d.]+,[\d.]+$"))

    # it stops where the moment ends, and says so
    page.evaluate("video.currentTime = Number(location.hash.split(',')[1]) - 0.3")
    expect(page.locator("#ended")).to_be_visible()
    end = page.evaluate("[video.paused, video.currentTime - Number(location.hash.split(',')[1])]")
    assert end[0] is True
    assert abs(end[1]) < 0.3
    page.locator("#continue").click()
    _wait(page, "!video.paused && video.currentTime > Number(location.hash.split(',')[1])")

    page.keyboard.press("Escape")
    expect(page.locator("#stage")).to_be_hidden()
    expect(first).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#query")).to_be_focused()


def test_pointing_at_a_card_shows_what_happens_in_it(page: Page) -> None:
    _search(page, "red car")
    card = page.locator(".card").first
    expect(card).to_be_visible()
    box = card.locator(".picture").bounding_box()
    assert box is not None
    sprite = card.locator(".sprite")
    expect(sprite).to_be_hidden()

    places = []
    for part in (0.02, 0.98):
        page.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] / 2)
        expect(sprite).to_be_visible()
        page.wait_for_timeout(100)
        places.append(sprite.evaluate("layer => [layer.style.backgroundImage, layer.style.backgroundPosition]"))
    assert "sprites.jpg" in places[0][0]
    assert places[0][1] != places[1][1]
    page.mouse.move(2, 2)
    expect(sprite).to_be_hidden()


def test_a_link_opens_the_same_moment(page: Page) -> None:
    _search(page, "빨간 자동차")
    page.locator(".card").first.click()
    expect(page.locator("#stage")).to_be_visible()
    address, title, time = page.url, page.text_content("#about-title"), page.text_content("#about-time")

    page.goto("about:blank")
    page.goto(address)

    expect(page.locator("#about-title")).to_have_text(title or "")
    expect(page.locator("#about-time")).to_have_text(time or "")
    expect(page.locator("#query")).to_have_value("빨간 자동차")


def test_no_good_match_is_said_and_the_nearest_are_offered(page: Page) -> None:
    _search(page, "submarine periscope")
    expect(page.get_by_role("heading", name="No good match")).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)

    page.get_by_role("button", name="Show the nearest scenes anyway").click()
    expect(page.locator(".card").first).to_be_visible()


def test_more_like_a_moment(page: Page) -> None:
    _search(page, "see:red car")
    card = page.locator(".card").first
    card.click()
    address = page.locator("#results img").first.get_attribute("src")
    page.get_by_role("button", name="More like this").click()

    expect(page.locator("#summary")).to_contain_text("Asked for: a scene")
    expect(page.locator("#stage")).to_be_hidden()
    expect(card).to_be_visible()
    assert address not in [image.get_attribute("src") for image in page.locator("#results img").all()]
    card.click()
    expect(page.locator("#stage")).to_be_visible()


def test_what_follows_is_shown_with_its_time(page: Page) -> None:
    _search(page, "see:red car then see:yellow bus within 10s")
    expect(page.locator(".card .time").first).to_contain_text("→ 0:12")


def test_text_is_never_markup(page: Page) -> None:
    _search(page, "<img src=x onerror=alert(1)>")
    expect(page.locator("#summary")).to_contain_text("moment")
    assert page.locator("img[src='x']").count() == 0


def test_what_the_model_does_not_know_is_said(page: Page) -> None:
    _search(page, "red car")
    expect(page.locator(".note.info").first).to_be_visible()


def test_the_words_that_were_said_are_marked(page: Page) -> None:
    _search(page, "two spoons of honey")
    first = page.locator(".card").first
    expect(first.locator("mark").first).to_be_visible()
    expect(first.locator(".tags")).to_contain_text("words")
