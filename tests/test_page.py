"""Every control of the page in a real Chromium: one browser and one server for the whole module.

The pictures and results come from a real server; the personal, session, view and consent endpoints are
answered in memory (tests/page_contract.py), so that a guided minute takes a second.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.chromium import chromium
from realtime.clock import now_ns
from realtime.config import Config
from realtime.serving.app import Server
from tests.page_contract import Contract, ContractStream
from tests.picture_producer import ProducerServed, result
from tests.test_browser import new_page, pytestmark, watch  # noqa: F401  (the module's mark)
from tests.test_page_js import need

SHOTS = Path(__file__).resolve().parents[1] / "out" / "screenshots"


class Site:
    """A server whose stream shows the contract's view, and which can publish results of more faces."""

    def __init__(self) -> None:
        self.contract = Contract()
        self.stream = ContractStream(self.contract)
        self.stream.start()
        self.server = Server(ProducerServed(self.stream), Config(port=0))
        self.server.start()
        self.url = self.server.url
        self.extra: dict[int, dict[str, Any]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def renew(self) -> None:
        self.contract = self.stream.contract = Contract()
        self.extra = {}
        self.stream.quiet = False

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.13):
            number += 1
            for face, more in list(self.extra.items()):
                self.stream.events.publish({**result(number, now_ns(), face), **more})

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        assert self.server.stop()
        self.stream.stop()


@pytest.fixture(scope="module")
def whole() -> Iterator[Site]:
    made = Site()
    yield made
    made.stop()


@pytest.fixture
def site(whole: Site) -> Site:
    whole.renew()
    return whole


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream") as running:
        yield running


class open_page:  # noqa: N801  (used as a with statement)
    """A page that watches, with the contract's endpoints."""

    def __init__(self, browser: Any, site: Site, **options: Any) -> None:
        self._made, self._site = new_page(browser, **options), site

    def __enter__(self) -> Any:
        page = self._made.__enter__()
        self._site.contract.install(page)
        watch(page, self._site.url)
        page.locator("#tab-session:not([hidden])").wait_for()
        return page

    def __exit__(self, *error: object) -> None:
        self._made.__exit__(*error)


def shot(page: Any, name: str) -> None:
    """Keeps a picture of the page, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def wait_for(page: Any, expression: str, arg: object = None) -> None:
    """Waits until it is true in the page; Playwright's own way needs eval, which the policy forbids."""
    for _ in range(300):
        if page.evaluate(expression, arg):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within 15 s: {expression}")


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def fetched(page: Any, link: Any) -> str:
    """What a link leads to; it must be one that the browser saves."""
    assert link.get_attribute("download") is not None
    address = link.get_attribute("href")
    return str(page.evaluate("(address) => fetch(address).then((answer) => answer.text())", address))


def asked(site: Site, method: str, path: str) -> int:
    return site.contract.asked.count((method, path))


# -- picture and results ---------------------------------------------------------------------------------


def test_layers_are_asked_of_the_server_for_everyone(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        for name in ("Box", "Mesh", "Bars", "Strip", "Mirror"):
            button = page.get_by_role("button", name=name, exact=True)
            before = button.get_attribute("aria-pressed")
            assert "everyone" in button.get_attribute("title")
            button.click()
            wait_for(
                page,
                "([name, before]) => document.querySelector(`[data-layer=${name}]`).ariaPressed !== before",
                arg=[name.lower(), before],
            )
            assert site.contract.view[name.lower()] is (before == "false")
        page.keyboard.press("g")
        page.locator("[data-layer=mesh][aria-pressed=false]").wait_for()
        assert site.contract.view["mesh"] is False


def test_what_the_command_line_fixed_cannot_be_pressed(browser: Any, site: Site) -> None:
    site.contract.view |= {"locked": ["box", "picture"], "picture": "mesh"}
    with open_page(browser, site) as page:
        page.locator("[data-layer=box]:disabled").wait_for()
        page.keyboard.press("b")
        tab(page, "Privacy")
        assert page.get_by_label("The camera's picture").is_disabled()
        assert page.locator("#privacy .locked").is_visible()
        page.get_by_label("Only the mesh").check()
        wait_for(page, "document.querySelector('[value=\"mesh-only\"]').checked")
        assert site.contract.view["picture"] == "mesh-only"
        assert site.contract.view["box"] is True


def test_full_screen_and_picture_in_picture(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.get_by_role("button", name="Full screen").click()
        wait_for(page, "document.fullscreenElement?.id === 'screen'")
        page.keyboard.press("f")
        wait_for(page, "document.fullscreenElement === null")
        if page.evaluate("document.pictureInPictureEnabled"):
            page.get_by_role("button", name="Picture in picture").click()
            wait_for(page, "document.pictureInPictureElement?.id === 'video'")
            page.keyboard.press("p")
            wait_for(page, "document.pictureInPictureElement === null")
        else:
            assert not page.get_by_role("button", name="Picture in picture").is_visible()


def test_two_faces_have_a_panel_and_a_colour_each(browser: Any, site: Site) -> None:
    site.extra = {1: {}, 2: {"label": "unsure", "quality": {"hints": ["come closer"]}}}
    site.stream.quiet = True
    with open_page(browser, site) as page:
        second = page.locator(".face[data-face='2']")
        second.wait_for()
        first = page.locator(".face[data-face='1']")
        first.wait_for()
        colours = [each.evaluate("(e) => getComputedStyle(e).borderLeftColor") for each in (first, second)]
        assert colours[0] != colours[1]
        assert second.locator(".label.unsure").inner_text().lower() == "unsure"
        assert "No facial expression leads clearly" in second.inner_text()
        assert "come closer" in second.locator(".hints").inner_text()
        assert "medium" in first.locator(".strength").inner_text()
        assert page.locator("#legend li").count() == 2
        page.locator("#issm select").select_option("2")
        shot(page, "two-faces")


def test_values_fade_after_a_second_and_go(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.locator(".face:not(.stale)").wait_for()
        site.stream.quiet = True
        page.locator(".face.stale").wait_for()
        assert page.locator(".face .label").inner_text() == "–"
        assert page.locator(".bars .strongest").count() == 0
        page.locator("#nobody").wait_for()
        assert page.locator(".face").count() == 0


def test_the_timeline_scrolls_tells_values_and_rests_when_hidden(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        chart = page.locator("#chart")
        chart.wait_for()
        drawn = "() => document.querySelector('.plot canvas').toDataURL()"
        page.wait_for_timeout(1500)
        before = page.evaluate(drawn)
        wait_for(page, "(before) => (" + drawn + ")() !== before", arg=before)
        chart.focus()
        page.keyboard.press("ArrowLeft")
        wait_for(page, "/[0-9]%/.test(document.getElementById('chart').ariaValueText)")
        assert chart.get_attribute("aria-valuenow") == "-1"
        page.keyboard.press("Home")
        assert "no reading" in chart.get_attribute("aria-valuetext")
        page.keyboard.press("Escape")
        assert not page.locator(".tip").is_visible()
        page.locator(".plot").hover(position={"x": 5, "y": 40})
        assert page.locator(".tip").is_visible()
        page.evaluate(
            "() => { Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )
        still = page.evaluate(drawn)
        page.wait_for_timeout(700)
        assert page.evaluate(drawn) == still, "painted though nobody can see it"


def test_issm_is_explained_and_its_matrix_is_shown_on_demand(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.locator("#issm").wait_for()
        assert page.locator("#issm rect").count() == 16
        assert page.locator("#issm path.static").count() == 8
        assert "moving one" in page.locator("#issm .explain").first.inner_text()
        assert page.locator(".matrix canvas").is_hidden()
        page.get_by_role("button", name="Show how alike").click()
        page.locator(".matrix canvas").wait_for()
        assert "0.25 to 1.00" in page.locator(".matrix figcaption").inner_text()
        page.locator(".matrix canvas").hover(position={"x": 60, "y": 60})
        assert "moments" in page.locator(".matrix figcaption").inner_text()


# -- personal -------------------------------------------------------------------------------------------


def test_neutral_face_is_guided_kept_by_choice_and_forgotten(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        tab(page, "Personal")
        panel = page.locator("#neutral")
        panel.get_by_role("button", name="Start, 8 seconds").click()
        page.locator("#guide:has-text('Relax your face')").wait_for()
        assert re.search(r"[1-8] s", page.locator(".guide-left").inner_text())
        shot(page, "calibration")
        panel.get_by_role("button", name="Cancel").click()
        page.locator("#guide").wait_for(state="hidden")
        assert asked(site, "DELETE", "/api/calibration") == 1

        site.contract.quick = 8.0
        panel.get_by_label("Keep it in this browser").check()
        panel.get_by_role("button", name="Start, 8 seconds").click()
        panel.get_by_text("against your resting face").wait_for()
        kept = json.loads(page.evaluate("localStorage['ifdd-live.neutral']"))
        assert kept["neutral"] == site.contract.neutral
        panel.get_by_role("button", name="Forget it").click()
        panel.get_by_text("Not set").wait_for()
        assert site.contract.neutral is None
        panel.get_by_role("button", name="Use it").click()
        panel.get_by_text("against your resting face").wait_for()
        assert site.contract.neutral == kept["neutral"]
        panel.get_by_role("button", name="Delete it here").click()
        assert page.evaluate("localStorage['ifdd-live.neutral']") is None


def test_teaching_is_guided_and_tells_before_and_after(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        tab(page, "Personal")
        panel = page.locator("#teach")
        panel.get_by_role("button", name="Start, one minute").click()
        page.locator("#guide:has-text('Angry')").wait_for()
        page.locator("#guide:has-text('Get ready')").wait_for()
        page.locator("#guide:has-text('Hold')").wait_for()
        site.contract.quick = 40.0
        panel.locator(".compare").wait_for()
        page.locator("#guide").wait_for(state="hidden")
        assert "55% right of 42" in panel.inner_text()
        assert "81% right of 42" in panel.inner_text()
        assert "26 percentage points better" in panel.inner_text()
        assert fetched(page, panel.get_by_role("link", name="Download the file")) == '{"person": 1}\n'
        panel.get_by_role("button", name="Forget it").click()
        panel.get_by_text("Not taught").wait_for()
        site.contract.taught, site.contract.in_view = True, False
        panel.get_by_role("button", name="This is me").click()
        panel.get_by_text("26 percentage points better").wait_for()
        site.contract.gain = (0.8, 0.7)
        panel.get_by_text("10 percentage points worse, so nothing was changed").wait_for()
        assert not panel.get_by_role("link", name="Download the file").is_visible()


# -- session --------------------------------------------------------------------------------------------


def test_a_recording_from_agreement_to_deletion(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        tab(page, "Session")
        panel = page.locator("#session")
        panel.get_by_text("Off. Nothing is stored.").wait_for()
        assert "time, face, probabilities" in panel.inner_text()
        assert "~/ifdd-live/sessions" in panel.inner_text()
        start = panel.get_by_role("button", name="Start recording")
        assert start.is_disabled(), "it was not agreed to"
        panel.get_by_label("I agree").check()
        start.click()
        page.locator("#recording-on").wait_for()

        panel.get_by_label("Name of the next marker").fill("smile m")
        panel.get_by_role("button", name="Set (M)").click()
        panel.locator(".notes:has-text('smile m')").wait_for()
        page.locator("h1").click()
        page.keyboard.press("m")
        panel.locator(".notes:has-text('marker 2')").wait_for()
        page.keyboard.press("7")
        panel.locator(".notes:has-text('key 7')").wait_for()
        page.keyboard.press("x")
        panel.locator(".excluding").wait_for()
        page.keyboard.press("x")
        panel.locator(".notes:has-text('left out')").wait_for()
        panel.get_by_role("button", name="Leave out the last 10 s").click()
        wait_for(page, "document.querySelectorAll('.notes li').length === 5")
        times = [each["t"] for each in site.contract.session["markers"]]
        spans = [each["to"] - each["from"] for each in site.contract.session["excluded"]]
        assert len(times) == 3
        assert spans[0] > 0
        assert 0 < spans[1] <= 10
        shot(page, "recording")

        panel.get_by_role("button", name="Stop recording").click()
        page.locator("#recording-on").wait_for(state="hidden")
        item = page.locator(".recordings li")
        item.wait_for()
        for name, file in (("CSV", "events.csv"), ("JSONL", "events.jsonl"), ("Report", "report.html")):
            assert fetched(page, item.get_by_role("link", name=name)) == f"{file} of s1\n"
        item.get_by_role("button", name="Delete").click()
        assert site.contract.recordings, "one press asks only"
        item.get_by_role("button", name="Delete for good").click()
        item.wait_for(state="detached")
        assert site.contract.recordings == {}


def test_markers_without_a_recording_are_refused_in_words(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.keyboard.press("m")
        page.locator("#announce:has-text('Start a recording')").wait_for(state="attached")
        assert asked(site, "POST", "/api/session/marker") == 0


# -- consent and privacy --------------------------------------------------------------------------------


def test_no_camera_opens_before_purpose_and_consent(browser: Any, site: Site) -> None:
    site.contract.consent["needed"] = True
    with open_page(browser, site) as page:
        form = page.locator("#consent")
        form.wait_for()
        assert "/dev/video0" in form.inner_text()
        yes = form.get_by_role("button", name="Turn the camera on")
        assert yes.is_disabled()
        form.get_by_role("button", name="Not now").click()
        form.wait_for(state="hidden")
        page.get_by_role("button", name="Use a camera…").click()
        page.get_by_label("What is this for?").select_option("research")
        assert asked(site, "POST", "/api/consent") == 0
        yes.click()
        form.wait_for(state="hidden")
        assert site.contract.consent["given"] is True
        assert site.contract.consent["purpose"] == "research"


@pytest.mark.parametrize("purpose", ["workplace", "education"])
def test_at_work_and_in_education_nothing_is_read(browser: Any, site: Site, purpose: str) -> None:
    site.contract.consent["needed"] = True
    with open_page(browser, site) as page:
        page.locator("#consent").wait_for()
        page.get_by_label("What is this for?").select_option(purpose)
        assert "article 5(1)(f)" in page.locator("#purpose-off").inner_text()
        page.get_by_role("button", name="Turn the camera on").click()
        site.stream.quiet = True
        page.locator("#expressions-off:has-text('not read')").wait_for()
        assert "Faces tracked: 1" in page.locator("#expressions-off").inner_text()
        assert page.locator("#tab-personal").is_hidden()
        assert page.locator("[data-layer=bars]").is_hidden()
        assert page.locator("[data-layer=mesh]").is_visible()
        assert page.locator("#video").is_visible(), "the rest works on"
        tab(page, "Privacy")
        assert "until the program is started again" in page.locator(".purpose").inner_text()


def test_the_browsers_camera_is_told_of_and_visible(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.evaluate(
            "() => { window.opened = 0; const real = navigator.mediaDevices.getUserMedia;"
            " navigator.mediaDevices.getUserMedia = function (wish) { window.opened += 1;"
            " return real.call(this, wish); } }"
        )
        page.get_by_label("Source").select_option("browser")
        page.get_by_label("What is this for?").select_option("personal")
        assert page.evaluate("opened") == 0, "before it was agreed to"
        page.get_by_role("button", name="Turn the camera on").click()
        page.locator("#camera-on").wait_for()
        assert page.evaluate("opened") == 1
        assert site.contract.consent["purpose"] == "personal"
        assert site.contract.consent["given"] is False, "the server's own camera was not agreed to"
        page.get_by_label("Source").select_option("demo")
        page.locator("#camera-on").wait_for(state="hidden")


def test_what_viewers_see_can_be_made_stricter(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.locator(".face").wait_for()
        tab(page, "Privacy")
        page.get_by_label("A drawn mesh").check()
        page.get_by_label("Blurred and never read").check()
        page.get_by_label("The one who is read").select_option("0")
        wait_for(page, "document.querySelector('.chosen select').value === '0'")
        seen = {name: site.contract.view[name] for name in ("picture", "bystanders", "chosen")}
        assert seen == {"picture": "mesh", "bystanders": "blur", "chosen": 0}
        assert "no viewer can undo it" in page.locator("#privacy").inner_text()


# -- for everyone ---------------------------------------------------------------------------------------


def test_help_keys_theme_and_language(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.keyboard.press("?")
        page.locator("#help[open]").wait_for()
        assert page.locator("#help kbd:visible").count() == 17, "and none for streams where there is one"
        page.get_by_label("Single keys work").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.keyboard.press("?")
        assert not page.locator("#help[open]").is_visible(), "single keys are off"
        assert site.contract.view["mesh"] is False
        page.get_by_role("button", name="Help and keys").click()
        page.get_by_label("Single keys work").check()
        page.get_by_role("button", name="Close").click()

        page.keyboard.press("d")
        page.keyboard.press("d")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.keyboard.press("l")
        page.get_by_role("tab", name="Jetzt").wait_for()
        assert page.evaluate("document.documentElement.lang") == "de"
        page.get_by_role("button", name="Stopp").wait_for()
        page.reload()
        page.get_by_role("tab", name="Jetzt").wait_for()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
        page.get_by_role("button", name="EN: English").click()
        page.get_by_role("button", name="Stop", exact=True).wait_for()


def test_tabs_follow_the_arrows(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.get_by_role("tab", name="Now").focus()
        page.keyboard.press("ArrowRight")
        page.locator("#panel-personal").wait_for()
        page.keyboard.press("End")
        page.locator("#panel-status").wait_for()
        assert page.evaluate("document.activeElement.id") == "tab-status"
        assert page.locator("[role=tabpanel]:visible").count() == 1


def test_screen_readers_hear_states_and_what_they_ask_for(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.locator("#announce:has-text('Live')").wait_for(state="attached")
        page.locator(".face").wait_for()
        said = page.evaluate(
            """() => new Promise((resolve) => {
              let count = 0;
              new MutationObserver(() => { count += 1; }).observe(document.getElementById("announce"),
                { childList: true, characterData: true, subtree: true });
              setTimeout(() => resolve(count), 2500);
            })"""
        )
        assert said == 0, "results chatter"
        page.keyboard.press("h")
        page.locator("#announce:has-text('Face 0:')").wait_for(state="attached")
        assert "60%" in page.locator("#announce").text_content()


def test_an_answer_of_no_is_told_in_words(browser: Any, site: Site) -> None:
    with open_page(browser, site) as page:
        page.evaluate("document.querySelector('[data-do=agree]').checked = true")
        site.contract.view["locked"] = ["mesh"]
        page.locator("[data-layer=mesh]").evaluate("(each) => each.click()")
        page.locator("#message:has-text('fixed on the command line')").wait_for()


def test_nothing_serious_for_axe(browser: Any, site: Site) -> None:
    path = Path(__file__).parent / "web" / "node_modules" / "axe-core" / "axe.min.js"
    need(path.is_file(), "no axe-core: run `npm ci` in tests/web")
    site.contract.consent["needed"] = True
    site.extra = {2: {"label": "unsure", "quality": {"hints": ["too dark"]}}}
    site.contract.recordings["s1"] = {"id": "s1", "started": 1_790_000_000, "seconds": 9, "events": 3}
    site.contract.recordings["s1"]["bytes"] = 999
    site.contract.taught, site.contract.neutral = True, {"scores": [1]}
    with open_page(browser, site) as page:
        page.evaluate(path.read_text(encoding="utf-8"))
        page.locator(".face[data-face='2']").wait_for()
        page.get_by_role("button", name="Show how alike").click()
        page.locator(".matrix").wait_for()
        for theme in ("light", "dark"):
            page.keyboard.press("d")
            assert page.evaluate("document.documentElement.dataset.theme") == theme
            for name in ("Now", "Personal", "Session", "Privacy", "Status"):
                tab(page, name)
                if name == "Session":
                    page.locator(".recordings li").wait_for()
                assert axe(page, theme) == [], name
                shot(page, f"{name.lower()}-{theme}")
            page.get_by_role("button", name="Help and keys").click()
            assert axe(page, theme) == []
            shot(page, f"help-{theme}")
            page.keyboard.press("Escape")


def axe(page: Any, theme: str) -> list[str]:
    """What axe-core finds that is serious or critical, one line each; in the dark only what differs there."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if theme == "dark":
        options["runOnly"] = ["color-contrast"]
    found = page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary'][:160]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_it_fits_narrow_screens(browser: Any, site: Site, locale: str) -> None:
    site.contract.consent["needed"] = True
    options = {"viewport": {"width": 360, "height": 780}, "locale": locale, "color_scheme": "dark"}
    with open_page(browser, site, **options) as page:
        page.locator(".face").wait_for()
        shot(page, f"phone-{locale[:2]}")
        for name in ("now", "personal", "session", "privacy", "status"):
            page.locator(f"#tab-{name}").click()
            for width in (320, 360, 768):
                page.set_viewport_size({"width": width, "height": 780})
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{name} is {wide} wide, expected at most {width}"


def test_less_motion_where_it_is_wished(browser: Any, site: Site) -> None:
    with open_page(browser, site, reduced_motion="reduce") as page:
        page.locator(".face").wait_for()
        moving = "[...document.querySelectorAll('*')].filter((e) => e.getAnimations().length).length"
        assert page.evaluate(moving) == 0
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.meter i')).transitionDuration") == "0s"
        )
