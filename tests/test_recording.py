from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.errors import OutputError
from realtime.session.recording import is_excluded, join, read
from tests.recordings import T0, a_minute, a_reading, write


def test_a_recording_is_read_without_what_was_left_out(tmp_path: Path) -> None:
    made = read(write(tmp_path / "x.jsonl", a_minute(60)))
    assert made.excluded == [(T0 + 30, T0 + 40)]
    assert (made.first_t, made.last_t) == (T0, T0 + 60)
    assert sorted(made.faces) == [1, 2]
    one, two = made.faces[1], made.faces[2]
    times = np.asarray(one.t) - T0
    assert not ((times >= 30) & (times <= 41)).any()  # the second after it, too: its window reaches back
    assert len(one.t) == pytest.approx((30 + 19) * 7.5, abs=3)
    assert made.left_out == pytest.approx(11 * 7.5, abs=3)
    assert len(one.scores) == 7 * len(one.t)
    assert one.shown[0] == 0
    assert -1 in one.shown
    assert one.hints["too dark"] == pytest.approx(0.12 * len(one.t), abs=len(one.t) * 0.05)
    assert one.good + one.hints["too dark"] == len(one.t)
    assert (two.calibrated, one.calibrated) == (len(two.t), 0)
    assert [label for _, label in made.markers] == ["clip <1> begins"], "the other one was left out"
    assert len(made.figures) == pytest.approx(10, abs=2)
    assert made.start["session"] == made.end["session"]
    assert made.broken == 0


def test_a_file_of_events_without_a_beginning_is_read_as_well(tmp_path: Path) -> None:
    found = {"t": 0.0, "frame": 0, "event": "face_found", "face": 1}
    made = read(write(tmp_path / "x.jsonl", [found, a_reading(1.0, "happy")]))
    assert (made.start, made.end, len(made.faces[1].t)) == ({}, {}, 1)


def test_lines_that_are_no_events_are_counted_and_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [a_reading(1.0, "happy")])
    bad = b'{"t": 2\n[]\nnot json\n{"t": "x"}\n{"t": 3}\n\xff\xfe\n\n' + b"[" * 100_000 + b"\n"
    other = b'{"t":4,"face":1,"label":"a","probabilities":{"a":1},"quality":{},"confidence":1}\n'
    path.write_bytes(path.read_bytes() + bad + other)
    made = read(path)
    assert made.broken == 8
    assert len(made.faces[1].t) == 1


def test_what_holds_no_event_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "x.jsonl"
    empty.write_bytes(b"")
    with pytest.raises(OutputError, match="got none"):
        read(empty)
    with pytest.raises(OutputError, match="expected a file to read"):
        read(tmp_path / "none")


def test_ranges_that_touch_become_one() -> None:
    assert join([(5, 6), (1, 3), (2, 4), (4, 4.5), (8, 9)]) == [(1, 4.5), (5, 6), (8, 9)]


def test_a_prediction_is_left_out_as_soon_as_its_window_reaches_into_a_range() -> None:
    ranges = [(10.0, 20.0)]
    assert not is_excluded(a_reading(9.9, "happy"), ranges)
    assert is_excluded(a_reading(10.0, "happy"), ranges)
    assert is_excluded(a_reading(20.9, "happy"), ranges)
    assert not is_excluded(a_reading(21.1, "happy"), ranges)
    assert is_excluded({"t": 15.0, "event": "marker"}, ranges)
    assert not is_excluded({"t": 15.0, "event": "session_end"}, ranges)
