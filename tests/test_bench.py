from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from realtime import barcode
from realtime.bench import __main__ as command_line
from realtime.bench import browser, fanout, live, model, report, startup
from realtime.chromium import find_chromium
from realtime.config import Config
from realtime.errors import IfddLiveError, OutputError
from realtime.inference.engine import Engine
from realtime.serving.app import Server
from realtime.serving.served import Served
from realtime.serving.stock import StockServer
from tests.picture_producer import ProducerServed, ProducerStream
from tests.test_engine import filled_ring, request

NEEDS_CHROMIUM = pytest.mark.skipif(
    find_chromium() is None and not os.environ.get("CI"), reason="no Chromium on the PATH"
)


def shown(count: int, age_ms: float, offset_ms: float, start_ns: int = 10**12) -> list[list[Any]]:
    """What the browser would report of pictures of one age, 33 ms apart."""
    found: list[list[Any]] = []
    for number in range(count):
        t_ns = start_ns + number * 33_000_000 + 50_000  # the middle of a tick
        grey = [235 if cell else 16 for cell in barcode.cells(t_ns)]
        shown_ms = t_ns / 1e6 + age_ms + offset_ms
        found.append([shown_ms, shown_ms - 5, number + 1, grey])
    return found


def test_the_age_is_the_callback_minus_the_barcode_on_our_clock() -> None:
    found = browser.summary(shown(31, age_ms=20, offset_ms=-5000), offset_ms=-5000)
    assert found["latency_ms"] == {"median": 20.0, "p95": 20.0, "max": 20.0}
    assert found["received_ms"] == {"median": 15.0, "p95": 15.0}
    assert found["fps"] == pytest.approx(1000 / 33, abs=0.01)
    assert found["callbacks_per_s"] == found["fps"]
    assert (found["pictures"], found["unreadable"]) == (31, 0)
    assert found["longest_gap_ms"] == 33.0


def test_the_barcode_may_start_again_meanwhile() -> None:
    wrap_ns = barcode.TICKS * barcode.TICK_NS * 3
    found = browser.summary(shown(31, 20, 0, start_ns=wrap_ns - 500_000_000), 0)
    assert found["latency_ms"]["max"] == 20.0


def test_pictures_presented_are_told_from_callbacks_and_from_barcodes_read() -> None:
    pictures = shown(11, 20, 0)
    pictures[4][3] = [90] * barcode.CELLS
    del pictures[6:8]
    found = browser.summary(pictures, 0)
    assert (found["pictures"], found["unreadable"]) == (8, 1)
    assert found["fps"] == pytest.approx(1000 / 33, abs=0.01)
    assert found["callbacks_per_s"] == pytest.approx(7 / 0.33, abs=0.01)


def test_no_barcode_is_one_clear_line() -> None:
    with pytest.raises(IfddLiveError, match="expected pictures with a barcode, got 0 of 1"):
        browser.summary([[1.0, 1.0, 1, [90] * barcode.CELLS]], 0)


@pytest.fixture
def producer() -> Iterator[ProducerServed]:
    stream = ProducerStream().start()
    yield ProducerServed(stream)
    stream.stop()
    assert len(stream.pictures) == 0, "the server took its subscriptions back"


@pytest.mark.browser
@NEEDS_CHROMIUM
@pytest.mark.parametrize("server", [Server, StockServer])
def test_a_measurement_through_a_real_browser(producer: ProducerServed, server: type[browser.Serves]) -> None:
    found = browser.measure_latency(producer, Config(port=0), 2, server)
    assert found["pictures"] > 20
    assert found["unreadable"] <= found["pictures"] // 10
    assert 0 < found["received_ms"]["median"] <= found["latency_ms"]["median"] < 2000
    assert found["click_to_picture_ms"]["max"] > 10
    text = report.table({"latency": found})
    assert "capture to browser" in text
    assert ("stage: encode H264" in text) == (server is Server)


@pytest.mark.parametrize("server", [Server, StockServer])
def test_viewers_are_counted_in_a_process_of_their_own(
    producer: ProducerServed, server: Callable[[Served, Config], browser.Serves]
) -> None:
    rows = fanout.measure(server(producer, Config(port=0)), 1.0, (1, 3))
    assert [row["viewers"] for row in rows] == [1, 3]
    for row in rows:
        assert row["fps"]["lowest"] > 5, "each of them gets pictures"
        assert 0 < row["cpu_percent"] < 1000
        assert row["packets_per_s"] >= row["fps"]["median"]


def test_viewers_that_are_refused_are_said(producer: ProducerServed) -> None:
    rows = fanout.measure(Server(producer, Config(port=0, viewers=1)), 0.2, (1, 2))
    assert "cpu_percent" in rows[0]
    assert rows[1]["viewers"] == 2
    assert "503" in rows[1]["error"]
    assert "2 viewers  failed: " in report.table({"viewers": {"viewers": rows}})


def test_a_model_off_reads_nothing_and_a_slow_one_reads_the_same() -> None:
    made = models.create_model("ifdd-stream")
    assert isinstance(made, models.StreamingModel)
    calls = []
    made.encoder.register_forward_hook(lambda *_: calls.append(1))  # type: ignore[union-attr]
    asked = request(filled_ring())
    slow = Engine(live.Repeated(made, 5), "cpu").read([asked])[0]
    assert len(calls) == 5
    normal = Engine(made, "cpu").read([asked])[0]
    assert slow is not None
    assert normal is not None
    np.testing.assert_array_equal(slow.probabilities, normal.probabilities)
    assert live.Off(made, "cpu").read([asked]) == [None]


def test_cached_features_are_cheaper_and_the_same() -> None:
    found = model.cached(Config(), 0.1)
    assert found["largest_difference"] < 1e-4
    assert found["new_crops_a_window"] == 2
    cost = found["window_ms"]
    assert cost["all_cached"] < cost["recomputed"]
    assert found["recomputed_against_all_cached"] == pytest.approx(
        cost["recomputed"] / cost["all_cached"], abs=0.06
    )


@pytest.mark.browser
@NEEDS_CHROMIUM
def test_start_up_is_timed_in_order() -> None:
    found = startup.start_up(Config(source="demo"), 1)
    assert 0 < found["to_address_s"] <= found["to_ready_s"] < found["to_picture_s"]
    assert found["memory_mb"] is None or found["memory_mb"] > 50


def test_ratios_are_of_what_was_measured() -> None:
    on = {"latency_ms": {"median": 20.0, "p95": 40.0}}
    plain = {"latency_ms": {"median": 50.0, "p95": 60.0}}
    rows = {"viewers": [{"viewers": 1, "cpu_percent": 40.0}, {"viewers": 4, "cpu_percent": 42.0}]}
    stock = {"viewers": [{"viewers": 1, "cpu_percent": 60.0}, {"viewers": 4, "cpu_percent": 126.0}]}
    for row in (rows, stock):
        row["percent_per_added_viewer"] = 1  # type: ignore[assignment]
    found = report.ratios(
        {"latency": on, "stock": plain, "slow": on, "viewers": rows, "stock-viewers": stock}
    )
    assert found == {
        "latency_median_stock_over_ours": 2.5,
        "latency_p95_stock_over_ours": 1.5,
        "cpu_1_viewers_stock_over_ours": 1.5,
        "cpu_4_viewers_stock_over_ours": 3.0,
        "cpu_per_added_viewer_stock": 22.0,
        "latency_median_slow_model_minus_normal_ms": 0.0,
    }
    assert report.ratios({"latency": on}) == {}


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    report.write_json(tmp_path / "out.json", {"fps": 30})
    assert json.loads((tmp_path / "out.json").read_text()) == {"fps": 30}
    with pytest.raises(OutputError, match="expected a file that can be written"):
        report.write_json(tmp_path / "nowhere" / "out.json", {})
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]


def test_a_part_by_name_prints_a_table_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Config] = []

    def part(config: Config, _seconds: float) -> dict[str, Any]:
        given.append(config)
        return {"window_ms": {"all_cached": 2.5}}

    monkeypatch.setitem(command_line.PARTS, "model", (part, "x"))
    options = ["--json", str(tmp_path / "out.json"), "--precision", "bfloat16", "--device", "cpu"]
    assert command_line.main(["model", *options]) == 0
    assert (given[0].precision, given[0].device, given[0].loop) == ("bfloat16", "cpu", True)
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == ["MODEL", "window ms  all_cached 2.5"]
    found = json.loads(last)
    assert found["model"] == {"window_ms": {"all_cached": 2.5}}
    assert set(found) == {"machine", "model"}
    assert json.loads((tmp_path / "out.json").read_text()) == found


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["latency", "--seconds", "0"], "bench: --seconds: expected more than 0, got 0.0\n"),
        (["soup"], f"bench: part: expected one of {', '.join(command_line.PARTS)}, got 'soup'\n"),
    ],
)
def test_a_bad_option_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert command_line.main(arguments) == 2
    assert capsys.readouterr().err == line
