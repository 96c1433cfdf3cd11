"""The page says where the picture is published, before and while it is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from realtime.chromium import chromium, find_chromium
from tests.janus import free_port
from tests.media_server import MediaServer
from tests.page_contract import Contract, ContractStream
from tests.site import Site
from tests.test_browser import LIVE, new_page
from tests.test_page import shot, tab

pytestmark = pytest.mark.browser
if find_chromium() is None and not os.environ.get("CI"):
    pytest.skip("no Chromium on the PATH", allow_module_level=True)


def look(page: Any, site: Site, contract: Contract, wanted: str) -> None:
    contract.install(page)
    page.goto(site.url)
    page.locator(LIVE).wait_for()
    page.locator(f"#published:has-text('{wanted}')").wait_for()


def test_the_page_tells_where_the_picture_goes() -> None:
    contract = Contract()
    contract.consent["needed"] = True
    stream = ContractStream(contract)
    stream.start()
    with chromium() as browser, MediaServer() as media:
        host = media.url.removeprefix("http://")
        site = Site(stream, publish=media.whip)
        try:
            with new_page(browser) as page:
                look(page, site, contract, f"Published to {host}")
                page.locator("#consent").wait_for()
                assert f"sends the picture to {host}" in page.locator("#consent").inner_text()
                page.locator("#announce", has_text="Published to").wait_for(state="attached")
                shot(page, "published-consent")
                assert "Nothing leaves" not in page.locator("footer").inner_text()
                tab(page, "Privacy")
                assert f"sends the picture to {host}" in page.locator("#panel-privacy").inner_text()
                page.locator("#language").click()
                assert page.locator("#published").inner_text() == f"Veröffentlicht an {host}"
                assert f"schickt das Bild auch an {host}" in page.locator("#consent").inner_text()
        finally:
            assert site.server.stop()
        with_nobody_there = Site(stream, publish=f"http://127.0.0.1:{free_port()}/whip")
        try:
            with new_page(browser, viewport={"width": 390, "height": 844}) as page:
                look(page, with_nobody_there, contract, "To be published to 127.0.0.1")
                shot(page, "published-phone")
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= 390, "the mark makes a phone scroll sideways"
        finally:
            assert with_nobody_there.server.stop()
        private = Site(stream)
        try:
            with new_page(browser) as page:
                contract.install(page)
                page.goto(private.url)
                page.locator("footer:has-text('Nothing leaves')").wait_for()
                assert page.locator("#published").is_hidden()
        finally:
            assert private.server.stop()
    stream.stop()
