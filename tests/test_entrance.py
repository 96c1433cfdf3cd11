"""The page over https with the token, in a real Chromium: in by the link, then everything as on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from realtime.chromium import chromium, find_chromium
from tests.site import Site, site
from tests.test_browser import LIVE, WATCH_PICTURES

pytestmark = pytest.mark.browser
if find_chromium() is None and not os.environ.get("CI"):
    pytest.skip("no Chromium on the PATH", allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream") as running:
        yield running


@pytest.fixture
def served() -> Iterator[Site]:
    with site(pictures=True, host="0.0.0.0", tls="auto") as made:
        yield made


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(ignore_https_errors=True)
    complaints: list[str] = []
    made = context.new_page()
    made.set_default_timeout(30_000)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    # 401 and 403 are looked for here; a policy that the page does not fit would be told in words
    made.on("console", lambda m: complaints.append(m.text) if "Failed to load" not in m.text else None)
    yield made
    context.close()
    assert [each for each in complaints if "Content Security Policy" in each or "Error" in each] == []


def test_the_link_lets_a_browser_in_and_everything_works(page: Any, browser: Any, served: Site) -> None:
    link = served.access.link
    page.goto(link)
    page.locator(LIVE).wait_for()
    assert page.url.rstrip("/") == served.url
    page.evaluate(WATCH_PICTURES, 10)
    page.locator(".face").wait_for()
    (cookie,) = page.context.cookies()
    assert cookie["name"] == served.access.cookie
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("isSecureContext && crossOriginIsolated")
    assert page.evaluate("""() => new Promise((resolve) => {
      const source = new EventSource("/events");
      source.onmessage = ({ data }) => { source.close(); resolve("t" in JSON.parse(data)); };
      setTimeout(() => resolve(false), 20000);
    })""")

    # the viewer's own camera, which browsers give to https alone
    page.get_by_label("Source").select_option("browser")
    page.get_by_role("button", name="Turn the camera on").click()
    page.locator("#camera-on").wait_for()
    for _ in range(100):
        if served.stream.pushed.put_count > 3:
            break
        page.wait_for_timeout(100)
    assert served.stream.pushed.put_count > 3

    # a reload needs no link, and another browser cannot use the same one
    page.reload()
    page.locator(LIVE).wait_for()
    other = browser.new_context(ignore_https_errors=True).new_page()
    other.goto(link)
    other.get_by_text("link: expected the newest one, unused").wait_for()
    other.get_by_label("Token").fill(served.bearer["Authorization"].removeprefix("Bearer "))
    other.get_by_role("button", name="Enter").click()
    other.locator(LIVE).wait_for()
    other.context.close()


def test_without_the_token_there_is_the_page_that_asks_for_it(page: Any, served: Site) -> None:
    page.goto(served.url)
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("token: expected the one that the program printed, got another").wait_for()
    assert page.locator("#video").count() == 0
    assert page.context.cookies() == []
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/enter.png")
