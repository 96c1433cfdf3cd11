"""`/metrics` as Prometheus reads it, and the dashboard that shows it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from realtime.measures import Measures, Tally
from realtime.stats import Durations
from tests.test_app import Running, request, running, status_of, wait_for  # noqa: F401  (a fixture)
from tests.webrtc_client import watcher

ROOT = Path(__file__).resolve().parents[1]
LABELS = {"stream", "stage", "reason", "le"}
DASHBOARD = ROOT / "assets" / "grafana" / "ifdd-live.json"


def read(url: str) -> tuple[dict[str, float], dict[str, str]]:
    """Each sample's value by its name and labels, and each family's type."""
    status, headers, text = request(url + "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples, kinds = {}, {}
    for family in text_string_to_metric_families(text):
        kinds[family.name] = family.type
        for sample in family.samples:
            assert set(sample.labels) <= LABELS or not sample.name.startswith("ifdd_")
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}"] = sample.value
    return samples, kinds


def durations(*ms: float) -> Durations:
    made = Durations()
    for each in ms:
        made.add_ns(round(each * 1e6))
    return made


def measured() -> Measures:
    return Measures(
        durations={"vision": durations(4, 4, 40)},
        frame_age=durations(12, 12),
        frames={"capture": 31, "picture": 29},
        dropped={"source": 2, "unusable": 0},
        predictions=7,
        alerts={"microsleep": 1},
        faces=1,
        source_live=True,
        source_losses=3,
        model_load=0.25,
        keeps_up=True,
    )


def test_what_a_stream_measures_is_there_in_base_units(running: Running) -> None:  # noqa: F811
    running.stream.measures = measured  # type: ignore[attr-defined]
    samples, kinds = read(running.url)
    assert samples["ifdd_frames_total{stage=capture,stream=main}"] == 31
    assert samples["ifdd_frames_dropped_total{reason=source,stream=main}"] == 2
    assert samples["ifdd_predictions_total{stream=main}"] == 7
    assert samples["ifdd_alerts_total{reason=microsleep,stream=main}"] == 1
    assert samples["ifdd_source_losses_total{stream=main}"] == 3
    assert samples["ifdd_stage_duration_seconds_count{stage=vision,stream=main}"] == 3
    assert samples["ifdd_stage_duration_seconds_sum{stage=vision,stream=main}"] == pytest.approx(0.048)
    assert samples["ifdd_stage_duration_seconds_bucket{le=0.005,stage=vision,stream=main}"] == 2
    assert samples["ifdd_stage_duration_seconds_bucket{le=+Inf,stage=vision,stream=main}"] == 3
    assert samples["ifdd_frame_age_seconds_bucket{le=0.02,stream=main}"] == 2
    assert kinds["ifdd_stage_duration_seconds"] == "histogram"
    assert samples["ifdd_healthy{}"] == samples["ifdd_ready{}"] == 1
    assert samples["process_resident_memory_bytes{}"] > 1e7


def test_viewers_are_counted_while_they_are_there_and_after_they_left(running: Running) -> None:  # noqa: F811
    async def main() -> dict[str, float]:
        async with watcher(running.url, "H264") as viewer:
            await viewer.frames(5)
            during, _ = await asyncio.to_thread(read, running.url)
            assert await viewer.delete() == 200
        return during

    during = asyncio.run(main())
    assert during["ifdd_viewers{stream=main}"] == 1
    assert during["ifdd_frames_total{stage=encode_h264,stream=main}"] >= 5
    assert during["ifdd_keyframes_total{stage=encode_h264,stream=main}"] >= 1
    wait_for(lambda: status_of(running)["viewers"]["now"] == 0)
    after, _ = read(running.url)
    assert after["ifdd_viewers{stream=main}"] == 0
    assert (
        after["ifdd_pictures_sent_total{stream=main}"] >= during["ifdd_pictures_sent_total{stream=main}"] > 0
    )
    assert after["ifdd_viewers_ended_total{reason=ended by the peer,stream=main}"] == 1


def test_refusals_are_counted_by_their_status(running: Running) -> None:  # noqa: F811
    request(running.url + "/whep", "POST", b"v=0", {"Content-Type": "text/plain"})
    request(running.url + "/nothing/secret")
    request(running.url + "/nothing")
    samples, _ = read(running.url)
    assert samples["ifdd_refusals_total{reason=415}"] == 1
    assert samples["ifdd_refusals_total{reason=404}"] == 2


def test_parts_that_fail_are_named(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    report = {"ok": False, "state": "degraded", "problems": ["x"], "parts": {"inference": "degraded"}}
    monkeypatch.setattr(running.served, "health", lambda: report)
    running.served.failures = {"inference": 4}  # type: ignore[attr-defined]
    samples, _ = read(running.url)
    assert samples["ifdd_part_failing{stage=inference,stream=}"] == 1
    assert samples["ifdd_part_failures_total{stage=inference,stream=}"] == 4
    assert samples["ifdd_healthy{}"] == 0


def test_every_metric_of_the_dashboard_exists(running: Running) -> None:  # noqa: F811
    _, kinds = read(running.url)
    known = {f"{name}_total" if kind == "counter" else name for name, kind in kinds.items()}
    known |= {f"{name}_bucket" for name, kind in kinds.items() if kind == "histogram"}
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [each["query"] for each in dashboard["templating"]["list"]]
    named = {name for text in expressions for name in re.findall(r"\b(?:ifdd|process)_\w+", text)}
    assert len(named) > 20
    assert named <= known
    shown = {re.sub("_bucket$", "", name) for name in named}
    assert {name for name in known if name.startswith("ifdd_") and not name.endswith("_bucket")} <= shown, (
        "a metric that no panel shows"
    )


def test_results_are_counted_by_their_kind() -> None:
    tally = Tally()
    for event in (
        {"label": "happy"},
        {"event": "face_found"},
        {"event": "driver_alert", "rule": "sleep", "active": True},
        {"event": "driver_alert", "rule": "sleep", "active": False},
    ):
        tally.count(event)
    assert (tally.predictions, dict(tally.alerts)) == (1, {"sleep": 1})
