from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from realtime.session.export import CHUNK_BYTES, KINDS
from tests.recordings import LABELS, T0, a_minute, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "x.jsonl", a_minute(60))


def rows_of(path: Path) -> list[dict[str, str]]:
    text = b"".join(KINDS["events.csv"](path)).decode()
    return list(csv.DictReader(io.StringIO(text)))


def events_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(KINDS["events.jsonl"](path)).splitlines()]


def test_csv_has_a_row_for_each_prediction_outside_the_ranges(path: Path) -> None:
    rows = rows_of(path)
    times = [float(each["session_s"]) for each in rows]
    assert times == sorted(times)
    assert not [each for each in times if 30 <= each <= 41]
    assert {each["face"] for each in rows} == {"1", "2"}
    first = rows[0]
    assert float(first["t"]) == pytest.approx(T0 + 0.1333, abs=1e-3)
    assert (first["label"], first["score_angry"], first["size_px"]) == ("angry", "0.7", "160.0")
    assert [key for key in first if key.startswith("score_")] == [f"score_{name}" for name in LABELS]
    assert {each["calibrated"] for each in rows if each["face"] == "2"} == {"1"}
    assert first["box"] == "200.0 100.0 400.0 360.0"


def test_markers_stand_in_the_row_after_them(path: Path) -> None:
    marked = [each for each in rows_of(path) if each["markers"]]
    assert [each["markers"] for each in marked] == ["clip <1> begins"]
    assert float(marked[0]["session_s"]) == pytest.approx(10.13, abs=0.02)


def test_a_cell_is_never_a_formula(tmp_path: Path) -> None:
    events = a_minute(10)
    events.insert(1, {"t": T0, "event": "marker", "label": '=HYPERLINK("http://x")'})
    rows = rows_of(write(tmp_path / "y.jsonl", events))
    assert rows[0]["markers"] == '\'=HYPERLINK("http://x")'


def test_jsonl_is_what_was_written_with_what_was_left_out_marked(path: Path) -> None:
    before, after = a_minute(60), events_of(path)
    assert [{**each, "excluded": None} for each in after] == [{**each, "excluded": None} for each in before]
    marked = [each for each in after if each.get("excluded")]
    assert min(each["t"] for each in marked) >= T0 + 30
    assert max(each["t"] for each in marked) <= T0 + 41
    assert len(marked) == pytest.approx(11 * 7.5, abs=6)


def test_without_ranges_jsonl_is_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "y.jsonl", [each for each in a_minute(20) if each.get("event") != "excluded"])
    assert b"".join(KINDS["events.jsonl"](path)) == path.read_bytes()


def test_it_comes_in_parts(tmp_path: Path) -> None:
    path = write(tmp_path / "y.jsonl", a_minute(200))
    parts = list(KINDS["events.jsonl"](path))
    assert len(parts) > 2
    assert all(len(each) < CHUNK_BYTES + 5000 for each in parts)


def test_a_recording_without_faces_exports_nothing_but_its_frame(tmp_path: Path) -> None:
    events = [each for each in a_minute(10) if "event" in each]
    path = write(tmp_path / "y.jsonl", events)
    assert rows_of(path) == []
    assert b"No facial expressions were read" in b"".join(KINDS["report.html"](path))
