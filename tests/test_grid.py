"""The page with several streams, in a real browser: the grid, and one of them large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from realtime.chromium import chromium
from realtime.config import Config
from realtime.serving.app import Server
from tests.picture_producer import ProducerServed, ProducerStream
from tests.test_browser import LIVE, WATCH_PICTURES, new_page, pytestmark  # noqa: F401  (the module's mark)
from tests.test_page import axe, shot, wait_for
from tests.test_page_js import CHECKS, need

AXE = CHECKS / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("door", "yard", "seat")


class Streamed(ProducerStream):
    """A producer whose source can be lost."""

    lost = False

    def status(self) -> dict[str, Any]:
        told = super().status()
        if self.lost:
            told["source"] = {**told["source"], "state": "lost", "problem": "no such device"}
        return {**told, "faces": 1}


class Several:
    """A server with three streams whose pictures have sizes of their own."""

    def __init__(self) -> None:
        sizes = ((320, 240), (352, 288), (256, 192))
        self.streams = {
            name: Streamed(name, size_wh=size, fps=8.0) for name, size in zip(NAMES, sizes, strict=True)
        }
        for each in self.streams.values():
            each.start()
        self.server = Server(ProducerServed(*self.streams.values()), Config(port=0))
        self.server.start()

    def viewers(self) -> dict[str, int]:
        return {name: len(each.pictures) for name, each in self.streams.items()}

    def stop(self) -> None:
        assert self.server.stop()
        for each in self.streams.values():
            each.stop()


@pytest.fixture(scope="module")
def several() -> Iterator[Several]:
    made = Several()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def opened(page: Any, several: Several, query: str = "") -> Any:
    page.goto(several.server.url + query)
    page.locator(LIVE).wait_for()
    page.locator("#streams .tile").nth(2).wait_for()
    return page


def large(page: Any) -> str:
    return str(page.locator(".tile[aria-pressed=true]").get_attribute("data-stream"))


def is_large(page: Any, name: str, width: int) -> None:
    """Waits until a stream is the large one, by its picture's width."""
    wait_for(page, "(width) => document.getElementById('video').videoWidth === width", arg=width)
    wait_for(page, "document.getElementById('state').dataset.state === 'live'")
    assert large(page) == name
    assert f"stream={name}" in page.url


def test_every_stream_is_seen_small_and_one_large(browser: Any, several: Several) -> None:
    with new_page(browser) as blank:
        page = opened(blank, several)
        wait_for(
            page,
            "[...document.querySelectorAll('.tile video')].every((each) => each.videoWidth > 0)",
        )
        is_large(page, "door", 320)
        # words: name, state, and the newest label with the face's number
        for name in NAMES:
            wait_for(
                page,
                "(name) => /^0Face 0: +[a-z]/"
                ".test(document.querySelector(`[data-stream=${name}] .badge`)?.textContent)",
                arg=name,
            )
            tile = page.get_by_role("button", name=name)
            assert "Live" in tile.inner_text()
        # the large one's picture is fetched once, and each stream is encoded once
        assert several.viewers() == dict.fromkeys(NAMES, 1)
        assert page.evaluate(
            "document.querySelector('[data-stream=door] video').srcObject === video.srcObject"
        )
        status = page.evaluate("fetch('/api/status?stream=door').then((answer) => answer.json())")
        assert status["viewers"]["now"] == 1

        # a click, with the requests that follow it
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.get_by_role("button", name="yard").click()
        is_large(page, "yard", 352)
        wait_for(page, "document.querySelector('[data-stream=door] video').videoWidth === 320")
        wait_for(page, "document.querySelectorAll('.face').length === 1")
        page.evaluate(WATCH_PICTURES, 3)
        of_streams = [
            each for each in asked if "/api/" in each and not each.endswith("/api/streams?stream=yard")
        ]
        assert of_streams
        assert all("stream=yard" in each for each in of_streams)

        # keys: next, before, and Tab with Enter
        page.locator("h1").click()
        page.keyboard.press(".")
        is_large(page, "seat", 256)
        page.keyboard.press(".")
        is_large(page, "door", 320)
        page.keyboard.press(",")
        is_large(page, "seat", 256)
        page.locator("[data-stream=door]").focus()
        page.keyboard.press("Enter")
        is_large(page, "door", 320)

        # loading the page again keeps the choice; another language says everything
        page.get_by_role("button", name="yard").click()
        is_large(page, "yard", 352)
        page.reload()
        page.locator(LIVE).wait_for()
        is_large(page, "yard", 352)
        page.locator("#language").click()
        page.locator("h2:has-text('Datenströme')").wait_for()
        shot(page, "streams-german")
        page.locator("#language").click()


def test_a_lost_camera_is_told_in_its_tile_and_the_others_go_on(browser: Any, several: Several) -> None:
    with new_page(browser) as blank:
        page = opened(blank, several, "?stream=yard")
        is_large(page, "yard", 352)
        several.streams["seat"].lost = True
        page.locator("[data-stream=seat][data-state=lost]:has-text('Camera lost')").wait_for()
        assert "Live" in page.locator("[data-stream=door]").inner_text()
        shot(page, "streams-lost")
        several.streams["seat"].lost = False
        page.locator("[data-stream=seat][data-state=live]").wait_for()


def test_small_pictures_out_of_sight_are_not_fetched(browser: Any, several: Several) -> None:
    with new_page(browser) as blank:
        page = opened(blank, several)
        wait_for(page, "[...document.querySelectorAll('.tile video')].every((each) => each.videoWidth > 0)")
        page.evaluate(
            "() => { Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )
        wait_for(page, "document.querySelectorAll('.tile[data-state=paused]').length === 2")
        for _ in range(100):
            if several.viewers() == {"door": 1, "yard": 0, "seat": 0}:
                break
            page.wait_for_timeout(50)
        assert several.viewers() == {"door": 1, "yard": 0, "seat": 0}, "the large one goes on"
        page.evaluate(
            "() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }"
        )
        wait_for(page, "document.querySelectorAll('.tile[data-state=live]').length === 3")
        # and nothing at all once watching is stopped
        page.get_by_role("button", name="Stop").click()
        for _ in range(100):
            if sum(several.viewers().values()) == 0:
                break
            page.wait_for_timeout(50)
        assert sum(several.viewers().values()) == 0


def test_the_grid_has_no_accessibility_faults_and_fits_a_phone(browser: Any, several: Several) -> None:
    need(AXE.is_file(), "no axe-core: run `npm ci` in tests/web")
    with new_page(browser, viewport={"width": 360, "height": 740}) as blank:
        page = opened(blank, several)
        page.locator(".badge").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shot(page, "streams-phone")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for theme in ("light", "dark"):
            page.keyboard.press("d")
            assert axe(page, theme) == []
        shot(page, "streams-phone-dark")
