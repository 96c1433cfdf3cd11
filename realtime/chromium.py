"""A real browser for measuring and testing: the system's Chromium, without window and without network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from realtime.errors import IfddLiveError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The one that Playwright would fetch for itself has no H.264.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-breakpad",
    "--force-color-profile=srgb",
)


def find_chromium() -> str | None:
    """The path of the system's Chromium or Chrome, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A running browser, closed at the end; `more` are further command line arguments.

    Raises:
        IfddLiveError: Playwright or Chromium is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise IfddLiveError(
            "playwright: expected to be installed, got none; pip install -e '.[dev]'"
        ) from None
    path = find_chromium()
    if path is None:
        raise IfddLiveError(f"browser: expected one of {', '.join(NAMES)} on the PATH, got none")
    arguments: Sequence[str] = [*ARGUMENTS, *more]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
