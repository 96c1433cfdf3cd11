"""The report as its readers get it; tests/test_session_api.py opens it in a real Chromium."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from realtime.session import report
from realtime.session.recording import Recording, read
from realtime.session.report_style import policy
from tests.recordings import T0, a_minute, a_reading, end, start, write

VOID = {"meta", "br", "line", "path", "rect", "circle", "link", "img", "input"}


class Page(HTMLParser):
    """Whole tags, and the words and what they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(tmp_path: Path, events: list[dict[str, Any]]) -> tuple[Page, str]:
    text = report.build(read(write(tmp_path / "x.jsonl", events)), "20260101-120000-abcd")
    return Page(text), text


def test_it_has_what_was_asked_for(tmp_path: Path) -> None:
    found, _ = page(tmp_path, a_minute(60))
    for words in (
        "1 January 2026, 12:00 UTC", "ifdd-stream, trained weights", "Face 1", "Face 2",
        "Time in each expression", "Changes of the label shown", "happy → neutral", "Timeline", "Markers",
        "clip <1> begins", "Picture quality", "too dark", "Latency of each stage", "face tracking",
        "dropped before source", "left out", "facial expression",
        "measured from the person's own rest in 100%",
    ):  # fmt: skip
        assert words in found.text, words
    assert "=2+2" not in found.text, "it lies in what was left out"
    facts = dict(reversed(list(zip(found.words, found.words[1:], strict=False))))
    assert facts["length"] == "1:00"
    assert facts["left out"] == "0:10"


def test_it_needs_nothing_from_outside_and_runs_nothing(tmp_path: Path) -> None:
    found, text = page(tmp_path, a_minute(60))
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "a", "form"}
    assert not re.search(r"(?:https?:)?//", text)
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "style")]
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    told = next(a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert told == policy(style)
    assert "default-src 'none'" in (told or "")


def test_what_people_typed_is_text_and_nothing_else(tmp_path: Path) -> None:
    nasty = "</style><script>alert(1)</script>\"'&<img src=x>"
    events = [
        {**start(), "source": {"name": nasty}, "model": {"name": nasty, "trained": True}, "started": nasty},
        {"t": T0 + 0.1, "event": "marker", "label": nasty},
        {**a_reading(T0 + 1, "happy"), "quality": {**a_reading(1, "happy")["quality"], "hints": [nasty]}},
        {**a_reading(T0 + 2, "happy", 2), "probabilities": {nasty: 0.5, "happy": 0.5}},
        end(T0 + 3, 2),
    ]
    found, text = page(tmp_path, events)
    assert not {tag for tag, _ in found.tags} & {"script", "img"}
    assert "alert(1)</script>" not in text
    assert found.text.count("alert(1)") >= 3


def test_a_long_one_is_no_larger_than_some_minutes(tmp_path: Path) -> None:
    _, minutes = page(tmp_path, a_minute(240))
    found, hour = page(tmp_path, a_minute(2400))
    assert len(hour) < 400_000
    assert len(hour) < 2.5 * len(minutes)
    assert "40:00" in found.text


def test_times_add_up(tmp_path: Path) -> None:
    events = [start()]
    events += [a_reading(T0 + k / 10, "happy" if k <= 32 else "sad") for k in range(1, 41)]
    found, _ = page(tmp_path, [*events, end(T0 + 4, 40)])
    assert "seen for 0:04" in found.text
    assert "0:03 (80%)" in found.text
    assert "0:01 (20%)" in found.text
    assert "1 in all" in found.text


@pytest.mark.parametrize(
    "events",
    [
        [start()],
        [start(), end(T0, 0)],
        [a_reading(1.0, "unsure")],
        [{**start(), "source": None, "model": 7}, a_reading(T0, "happy")],
        [start(), {"t": T0, "event": "figures"}],
        [start(), {"t": T0 + 9, "event": "figures", "latency_ms": {"vision": None}}],
        [start(), {"t": T0, "event": "figures", "drops": {"x": "y"}, "rates": []}],
        [{**start(), "started": "yesterday"}],
    ],
)  # fmt: skip
def test_little_is_enough(tmp_path: Path, events: list[dict[str, Any]]) -> None:
    found, text = page(tmp_path, events)
    assert "IFDD Live: a recording" in found.text
    assert "nan" not in re.sub(r"<style>.*</style>", "", text, flags=re.S).lower()


def test_an_interrupted_recording_says_so(tmp_path: Path) -> None:
    events = [*a_minute(10)[:-1], {**end(T0 + 10, 3), "interrupted": True, "dropped": 5}]
    found, _ = page(tmp_path, events)
    assert "ended while it recorded" in found.text
    assert "dropped 5" in found.text


def test_many_faces_are_not_all_drawn(tmp_path: Path) -> None:
    events = [a_reading(T0 + k / 10, "happy", face) for face in range(12) for k in range(face + 2)]
    found, _ = page(tmp_path, sorted(events, key=lambda each: each["t"]))
    assert "4 more faces" in found.text
    assert "Face 11" in found.text
    assert "Face 0" not in found.text


def test_the_command_line_makes_one_of_any_file_of_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = write(tmp_path / "x.jsonl", [a_reading(1.0, "happy")]), tmp_path / "x.html"
    assert report.main([str(source), str(target)]) == 0
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert report.main([str(tmp_path / "none"), str(target)]) == 4
    assert report.main([str(source), str(tmp_path / "none" / "x")]) == 4
    assert report.main([]) == 2
    assert capsys.readouterr().err.count("\n") == 3


def test_an_empty_recording_is_no_crash() -> None:
    assert "No facial expressions" in report.build(Recording(), "x")
