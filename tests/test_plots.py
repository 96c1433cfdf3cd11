from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from realtime.session.plots import (
    WIDTH,
    TimeAxis,
    bands,
    bars,
    clock,
    flags,
    frame,
    line,
    stacked,
    strip,
    text,
)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00"), (36_061, "10:01:01")]
)
def test_times_are_told_as_on_a_clock(seconds: float, told: str) -> None:
    assert clock(seconds) == told


@pytest.mark.parametrize("seconds", [0.5, 3, 42, 600, 5400, 86_400, 400_000])
def test_ticks_are_few_and_round(seconds: float) -> None:
    ticks = TimeAxis(seconds).ticks()
    assert 1 <= len(ticks) <= 10
    assert ticks[0] == 0
    assert ticks[-1] <= seconds


def test_a_plot_is_whole_xml_and_tells_what_it_shows() -> None:
    axis = TimeAxis(60)
    edges = np.linspace(0, 60, 7)
    rows = np.array([[0.2, 0.8], [0.5, 0.5], [np.nan, np.nan], [1, 0], [0.9, 0.1], [np.nan, np.nan]])
    body = [
        *stacked(axis, edges, rows, 100),
        *strip(axis, edges, np.array([0, 0, -2, 1, -1, -2]), 20),
        *bands(axis, [(20, 30)], 100),
        *flags(axis, [1, 1.1, 50], 100, numbers=True),
        line(axis, edges[:6], rows[:, 0], 100, 0, 1, "one"),
    ]
    svg = ElementTree.fromstring(frame(axis, 'a "title" <x>', 100, body, y_ticks=((0, "0"), (1, "1"))))
    assert svg.attrib["aria-label"] == 'a "title" <x>'
    rects = [each.attrib["class"] for each in svg.iter("rect")]
    assert rects == ["c0", "c1", "unsure", "out"]
    areas = [each.attrib["d"] for each in svg.iter("path") if each.attrib["class"] == "c0"]
    assert areas[0].count("M") == 2  # two runs, and nothing between them
    assert [each.text for each in svg.iter("text") if each.attrib["class"] == "number"] == ["1", "3"]
    assert "nan" not in ElementTree.tostring(svg).decode().lower()
    numbers = [float(part) for part in areas[0].replace("M", " ").replace("Z", " ").split()]
    assert all(0 <= each <= WIDTH for each in numbers)


def test_bars_are_whole_xml_and_stay_within() -> None:
    svg = ElementTree.fromstring(bars([("happy", "c0", 0.5, "0:30"), ("<x>", "c1", 7.0, "&")], "time"))
    widths = [float(each.attrib["width"]) for each in svg.iter("rect")]
    assert widths == [330, 165, 330, 330]


def test_what_comes_from_outside_is_escaped() -> None:
    assert text("<script>\"'&") == "&lt;script&gt;&quot;&#x27;&amp;"
