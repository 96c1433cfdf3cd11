from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from realtime import barcode, bench
from realtime.chromium import find_chromium
from realtime.config import Config
from realtime.errors import IfddLiveError, OutputError
from tests.picture_producer import ProducerServed, ProducerStream

NEEDS_CHROMIUM = pytest.mark.skipif(
    find_chromium() is None and not os.environ.get("CI"), reason="no Chromium on the PATH"
)


def shown(count: int, age_ms: float, offset_ms: float, start_ns: int = 10**12) -> list[list[Any]]:
    """What the browser would report of pictures of one age, 33 ms apart."""
    found: list[list[Any]] = []
    for number in range(count):
        t_ns = start_ns + number * 33_000_000 + 50_000  # the middle of a tick
        grey = [235 if cell else 16 for cell in barcode.cells(t_ns)]
        found.append([t_ns / 1e6 + age_ms + offset_ms, number + 1, grey])
    return found


def test_the_age_is_the_callback_minus_the_barcode_on_our_clock() -> None:
    found = bench.summary(shown(31, age_ms=20, offset_ms=-5000), offset_ms=-5000)
    assert found["latency_ms"] == {"median": 20.0, "p95": 20.0, "max": 20.0}
    assert found["fps"] == pytest.approx(1000 / 33, abs=0.01)
    assert found["callbacks_per_s"] == found["fps"]
    assert (found["pictures"], found["unreadable"]) == (31, 0)
    assert found["longest_gap_ms"] == 33.0


def test_the_barcode_may_start_again_meanwhile() -> None:
    wrap_ns = barcode.TICKS * barcode.TICK_NS * 3
    found = bench.summary(shown(31, 20, 0, start_ns=wrap_ns - 500_000_000), 0)
    assert found["latency_ms"]["max"] == 20.0


def test_pictures_presented_are_told_from_callbacks_and_from_barcodes_read() -> None:
    pictures = shown(11, 20, 0)
    pictures[4][2] = [90] * barcode.CELLS
    del pictures[6:8]
    found = bench.summary(pictures, 0)
    assert (found["pictures"], found["unreadable"]) == (8, 1)
    assert found["fps"] == pytest.approx(1000 / 33, abs=0.01)
    assert found["callbacks_per_s"] == pytest.approx(7 / 0.33, abs=0.01)


def test_no_barcode_is_one_clear_line() -> None:
    with pytest.raises(IfddLiveError, match="expected pictures with a barcode, got 0 of 1"):
        bench.summary([[1.0, 1, [90] * barcode.CELLS]], 0)


@pytest.mark.browser
@NEEDS_CHROMIUM
def test_a_measurement_through_a_real_browser() -> None:
    stream = ProducerStream().start()
    try:
        found = bench.measure_latency(ProducerServed(stream), Config(port=0), seconds=2)
    finally:
        stream.stop()
    assert found["pictures"] > 30
    assert found["unreadable"] <= found["pictures"] // 10
    assert 0 < found["latency_ms"]["median"] < 1000
    text = bench.table(found)
    assert "capture to browser, median" in text
    assert "stage: encode H264" in text
    assert len(stream.pictures) == 0


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    bench.write_json(tmp_path / "out.json", {"fps": 30})
    assert json.loads((tmp_path / "out.json").read_text()) == {"fps": 30}
    with pytest.raises(OutputError, match="expected a file that can be written"):
        bench.write_json(tmp_path / "nowhere" / "out.json", {})
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]


def test_a_bad_option_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["latency", "--seconds", "0"]) == 2
    assert capsys.readouterr().err == "bench: --seconds: expected more than 0, got 0.0\n"
