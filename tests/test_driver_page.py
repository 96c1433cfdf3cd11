"""The driver view in a real headless Chromium, fed with real driver events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from realtime.chromium import chromium
from realtime.driver.actor import Actor
from realtime.driver.events import alert_event, state_event
from realtime.driver.monitor import DriverMonitor
from realtime.driver.settings import DriverSettings
from tests.test_browser import Site, new_page, pytestmark, watch  # noqa: F401  (the module's mark)
from tests.test_driver_api import Driver


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium("--autoplay-policy=user-gesture-required") as running:
        yield running


@pytest.fixture(scope="module")
def played() -> list[dict[str, Any]]:
    """What the monitor says of a driver who looks aside and then falls asleep."""
    events: list[dict[str, Any]] = []
    monitor, rules = DriverMonitor(), DriverSettings()
    actor = Actor("page", 30, fps=15).blinks(0, 12).look(15, 2, yaw=40).close(20, 2.2)
    for number, row in enumerate(actor.trace().rows):
        update = monitor.update(row.t_ns, *row.faces[0])
        events += [alert_event(alert, update.state, number, 0) for alert in update.changes]
        if number % 3 == 0:
            events.append(state_event(update.state, number, 0, rules))
    return events


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.stream.quiet = True
    made.stream.driver = Driver()
    made.stream.profile = "driver"
    yield made
    made.stop()


class Feeder:
    """Publishes events again and again, since a data channel may open late and may lose some."""

    def __init__(self, site: Site) -> None:
        self._site, self._events = site, list[dict[str, Any]]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def show(self, events: list[dict[str, Any]]) -> None:
        self._events = list(events)

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            for event in self._events:
                self._site.stream.events.publish(event)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)


@pytest.fixture
def feeder(site: Site) -> Iterator[Feeder]:
    made = Feeder(site)
    yield made
    made.stop()


def at(played: list[dict[str, Any]], t_s: float, back_s: float = 0.25) -> list[dict[str, Any]]:
    return [each for each in played if t_s - back_s < each["t"] <= t_s and each["event"] == "driver_state"]


def test_the_view_follows_calibration_gaze_and_alert(
    browser: Any, site: Site, feeder: Feeder, played: list[dict[str, Any]]
) -> None:
    with new_page(browser) as page:
        watch(page, site.url)
        panel = page.locator("#driver")
        feeder.show(at(played, 4))
        page.locator("#driver[data-word=CALIBRATING]").wait_for()
        progress = int(panel.locator(".word small").inner_text().split()[-1].rstrip("%"))
        assert 40 < progress < 60, "four of eight seconds"
        feeder.show(at(played, 16.5, 3.0))
        page.locator(".zones [data-zone=left].now").wait_for()
        assert page.locator(".zones .now").count() == 1
        assert not page.locator("#nobody").is_visible(), "expressions are not read"
        page.locator(".trace path[d*=L]").wait_for(state="attached")
        feeder.show(at(played, 21.8))
        page.locator(".alarm[data-level=warning]:has-text('microsleep')").wait_for()
        assert page.locator(".log li:has-text('microsleep')").count() == 1
        assert "not yet" in page.locator(".gauges").inner_text()
        feeder.show(at(played, 29))
        page.locator(".log li:has-text('ended')").wait_for()
        assert not page.locator(".alarm").is_visible()


def test_buttons_reach_the_server_and_sound_waits_for_a_click(
    browser: Any, site: Site, feeder: Feeder, played: list[dict[str, Any]]
) -> None:
    with new_page(browser) as page:
        page.add_init_script(
            "window.tones = []; const start = OscillatorNode.prototype.start;"
            "OscillatorNode.prototype.start = function (when) {"
            " window.tones.push(this.frequency.value); return start.call(this, when); };"
        )
        watch(page, site.url)
        feeder.show(at(played, 21.8))
        page.locator(".alarm[data-level=warning]").wait_for()
        assert page.evaluate("tones.length") == 0
        page.get_by_role("button", name="Sound on").click()
        page.wait_for_function("tones.length >= 3")
        assert set(page.evaluate("tones")) == {1175}
        page.get_by_role("button", name="Acknowledge").click()
        page.get_by_role("button", name="Recalibrate").click()
        driver = site.stream.driver
        assert isinstance(driver, Driver)
        wait_until(page, lambda: driver.told == ["acknowledge", "recalibrate"])


def test_old_figures_do_not_look_like_now(
    browser: Any, site: Site, feeder: Feeder, played: list[dict[str, Any]]
) -> None:
    with new_page(browser) as page:
        watch(page, site.url)
        feeder.show(at(played, 21.8))
        page.locator(".alarm[data-level=warning]").wait_for()
        feeder.show([])
        page.locator("#driver[data-word='NO DATA']").wait_for()
        assert page.locator(".alarm").is_visible(), "silence does not end an alert"


def test_every_kind_of_alert_has_its_own_sound(browser: Any, site: Site) -> None:
    with new_page(browser) as page:
        watch(page, site.url)
        kinds = page.evaluate(
            """async () => {
              const { kindOf } = await import("/web/view/sounds.js");
              const asked = [["closure", "soft"], ["closure", "warning"], ["closure", "urgent"],
                             ["perclos", "warning"], ["glance", "warning"], ["glance", "emergency"]];
              return asked.map(([rule, level]) => kindOf({ rule, level }));
            }"""
        )
        assert kinds == ["soft", "microsleep", "alarm", "drowsy", "distraction", "alarm"]


def wait_until(page: Any, condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("not within 5 s")


def test_the_view_fits_a_phone(
    browser: Any, site: Site, feeder: Feeder, played: list[dict[str, Any]]
) -> None:
    with new_page(browser, viewport={"width": 360, "height": 780}) as page:
        watch(page, site.url)
        feeder.show(at(played, 21.8))
        page.locator(".alarm").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
