"""Recording over real HTTP, and the report in a real Chromium."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.chromium import chromium, find_chromium
from realtime.clock import now_ns
from realtime.session.library import Library
from realtime.session.recorder import Recorder
from tests.recordings import a_minute, write
from tests.test_app import Running, request, wait_for

JSON = {"Content-Type": "application/json"}
NAME = "20260101-120000-abcd"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    made = Running()
    yield made
    made.stop()


@pytest.fixture
def running(server: Running, tmp_path: Path) -> Iterator[Running]:
    stream = server.stream
    recorder = Recorder(
        "main", stream.events, Library(tmp_path / "sessions"), stream.status, origin_ns=now_ns()
    )
    stream.recorder = recorder  # type: ignore[attr-defined]
    yield server
    recorder.stop()


@pytest.fixture
def library(running: Running) -> Library:
    recorder: Recorder = running.stream.recorder  # type: ignore[attr-defined]
    return recorder.library


def ask(running: Running, path: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    status, headers, text = request(f"{running.url}/api/{path}", method, data, JSON)
    return status, json.loads(text) if headers["Content-Type"].startswith("application/json") else text


def test_a_session_from_start_to_deleting(running: Running, library: Library) -> None:
    off = ask(running, "session")[1]
    assert (off["state"], off["id"], off["markers"]) == ("off", None, [])
    assert off["folder"] == str(library.folder)
    assert ask(running, "sessions") == (200, {"sessions": []})
    status, begun = ask(running, "session/start", "POST", {"agreed": True})
    assert (status, begun["state"]) == (200, "recording")
    assert ask(running, "session/start", "POST", {"agreed": True})[0] == 409
    wait_for(lambda: ask(running, "session")[1]["events"] >= 5)
    assert ask(running, "session/marker", "POST", {"label": "clip begins"})[1]["markers"][0]["label"]
    excluded = ask(running, "session/exclude", "POST", {"from": 0.0, "to": 0.01})[1]["excluded"]
    assert excluded == [{"from": 0.0, "to": 0.01}]
    status, stopped = ask(running, "session/stop", "POST")
    assert (status, stopped["state"], stopped["dropped"]) == (200, "off", 0)
    assert ask(running, "session/stop", "POST")[0] == 200
    (session,) = ask(running, "sessions")[1]["sessions"]
    assert session["id"] == begun["id"]
    assert session["events"] >= 7
    base = f"sessions/{session['id']}"
    events = [json.loads(line) for line in ask(running, f"{base}/events.jsonl")[1].splitlines()]
    assert len(events) == session["events"] + 2
    assert events[0]["model"]["name"] == "pattern"
    rows = list(csv.DictReader(io.StringIO(ask(running, f"{base}/events.csv")[1])))
    assert len(rows) == sum("label" in each and "face" in each for each in events)
    report = ask(running, f"{base}/report.html")[1]
    assert "clip begins" in report
    gone = ask(running, base, "DELETE")
    assert gone == (
        200,
        {"id": session["id"], "deleted": [f"{session['id']}.jsonl"], "bytes": session["bytes"]},
    )
    assert ask(running, "sessions") == (200, {"sessions": []})
    assert list(library.folder.iterdir()) == []


def test_downloads_say_what_they_are(running: Running, library: Library) -> None:
    write(library.new_path(NAME), a_minute(20))
    for kind, content, how in (
        ("events.jsonl", "application/x-ndjson", "attachment"), ("events.csv", "text/csv", "attachment"),
        ("report.html", "text/html", "inline"),
    ):  # fmt: skip
        status, headers, text = request(f"{running.url}/api/sessions/{NAME}/{kind}")
        assert status == 200
        assert headers["Content-Type"].startswith(content)
        assert headers["Content-Disposition"].startswith(how)
        assert NAME in headers["Content-Disposition"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert text


def test_a_large_recording_comes_whole(running: Running, library: Library) -> None:
    path = write(library.new_path(NAME), [each for each in a_minute(300) if each.get("event") != "excluded"])
    assert request(f"{running.url}/api/sessions/{NAME}/events.jsonl")[2] == path.read_text()


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "words"),
    [
        ("session/start", "POST", {}, 400, "expected agreed to be true, got null"),
        ("session/start", "POST", {"agreed": "yes"}, 400, 'expected agreed to be true, got "yes"'),
        ("session/start", "POST", {"agreed": True, "x": 1}, 400, "expected no keys but agreed"),
        ("session/marker", "POST", {"label": "x"}, 409, "expected a recording to be running"),
        ("session/marker", "POST", {"label": 1}, 400, "expected label to be a text, got 1"),
        ("session/marker", "POST", {"label": "a\nb"}, 400, "label: expected one line"),
        ("session/marker", "POST", {"label": "x" * 5000}, 400, "label: expected one line"),
        ("session/exclude", "POST", {"from": 0, "to": 1}, 409, "expected a recording to be running"),
        ("session/exclude", "POST", {"from": 0}, 400, "expected to to be a number, got null"),
        ("session/exclude", "POST", {"from": 2, "to": 1}, 400, "expected 0 <= from < to"),
        ("session/exclude", "POST", {"from": True, "to": 1}, 400, "expected from to be a number"),
        ("sessions/none", "DELETE", None, 404, "expected one of those listed, got 'none'"),
        ("sessions/none/events.csv", "GET", None, 404, "expected one of those listed"),
        (f"sessions/{NAME}/events.txt", "GET", None, 404, "expected one of events.jsonl, events.csv, report"),
        ("sessions/..%2F..%2Fetc%2Fpasswd/events.csv", "GET", None, 404, "expected one of those listed"),
        ("sessions/..%5C..%5Cx", "DELETE", None, 404, "expected one of those listed"),
        (f"sessions/{NAME}%00/report.html", "GET", None, 404, "expected one of those listed"),
        (f"sessions/{NAME}%0d%0aX-Evil:1/report.html", "GET", None, 404, "expected one of those listed"),
    ],
)
def test_what_does_not_fit_is_one_line(
    running: Running, path: str, method: str, body: Any, status: int, words: str
) -> None:
    got, text = ask(running, path, method, body)
    assert got == status
    assert words in text
    assert text.count("\n") == 1


def test_other_sites_may_not_change_anything_and_a_stream_without_recorder_says_so(
    running: Running, library: Library
) -> None:
    write(library.new_path(NAME), a_minute(5))
    evil = {**JSON, "Origin": "http://evil.example"}
    assert request(f"{running.url}/api/session/start", "POST", b'{"agreed": true}', evil)[0] == 403
    assert request(f"{running.url}/api/sessions/{NAME}", "DELETE", None, evil)[0] == 403
    assert library.path(NAME).is_file()
    assert ask(running, "session")[1]["state"] == "off"
    running.stream.recorder = None  # type: ignore[attr-defined]
    assert ask(running, "session") == (409, "session: expected a stream that can be recorded\n")


@pytest.mark.browser
def test_the_report_opens_in_a_browser_from_disk_and_from_here(
    running: Running, library: Library, tmp_path: Path
) -> None:
    if find_chromium() is None and not os.environ.get("CI"):
        pytest.skip("no Chromium on this machine")
    write(library.new_path(NAME), a_minute(60))
    url = f"{running.url}/api/sessions/{NAME}/report.html"
    saved = tmp_path / "report.html"
    saved.write_text(request(url)[2], encoding="utf-8")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        asked: list[str] = []
        page.on("request", lambda sent: asked.append(sent.url))
        for address in (url, saved.as_uri()):
            page.goto(address)
            assert page.locator("h1").inner_text() == "IFDD Live: a recording"
            assert page.locator("svg[role=img]").count() >= 9
            # the style sheet is let in by its hash, and nothing is wider than a phone
            corner = "getComputedStyle(document.querySelector('section')).borderRadius"
            assert page.evaluate(corner) == "12px"
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            fill = "getComputedStyle(document.querySelector('rect.c3')).fill"
            assert page.evaluate(fill) == "rgb(230, 184, 0)"
        assert asked == [url, saved.as_uri()]
        assert said == []
