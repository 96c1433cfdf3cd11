"""`GET /metrics` for Prometheus: read from what the program counts anyway, when it is asked for.

Names begin with `ifdd_`, times are in seconds; the only labels are `stream` ("" where it is the process's),
`stage` and `reason`, and no value says anything about a person. What the event loop owns is read on the loop,
the text is made beside it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from realtime.logs import say
from realtime.measures import Measures
from realtime.serving.context import CONTEXT, Context
from realtime.serving.operation import Operation
from realtime.stats import BOUNDS_S, Durations

log = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# name: help, labels; a counter's name ends in _total
COUNTERS = {
    "ifdd_frames": ("Frames that a stage has finished", ("stream", "stage")),
    "ifdd_frames_dropped": ("Frames and pictures left out, by what left them out", ("stream", "reason")),
    "ifdd_windows_dropped": ("Windows that Ray did not read in time, by why", ("reason",)),
    "ifdd_predictions": ("Predictions published", ("stream",)),
    "ifdd_alerts": ("Alerts of the driver profile that began, by rule", ("stream", "reason")),
    "ifdd_results_sent": ("Results sent to viewers over data channels", ("stream",)),
    "ifdd_results_dropped": ("Results that a viewer's full data channel did not take", ("stream",)),
    "ifdd_pictures_sent": ("Encoded pictures sent to viewers", ("stream",)),
    "ifdd_keyframes": ("Keyframes made by the encoders that run", ("stream", "stage")),
    "ifdd_viewers_ended": ("Viewers gone, by why", ("stream", "reason")),
    "ifdd_refusals": (
        "Requests refused, by HTTP status; viewers without a place",
        ("reason",),
    ),
    "ifdd_source_losses": ("How often the source was lost", ("stream",)),
    "ifdd_published_pictures": ("Encoded pictures published to a media server", ("stream",)),
    "ifdd_publish_reconnects": ("Connections to the media server after the first", ("stream",)),
    "ifdd_publish_failures": ("Connections to the media server lost or not made", ("stream",)),
    "ifdd_part_failures": ("Failures of parts, by the part's name", ("stream", "stage")),
    "ifdd_loop_values_dropped": ("Values dropped on the way to the server's loop", ()),
}
GAUGES = {
    "ifdd_viewers": ("Viewers connected", ("stream",)),
    "ifdd_publish_live": ("1 while the stream is published, 0 while it should be", ("stream",)),
    "ifdd_senders": ("Browsers that send a camera", ("stream",)),
    "ifdd_event_readers": ("Readers of /events", ("stream",)),
    "ifdd_faces": ("Faces followed", ("stream",)),
    "ifdd_source_live": ("1 while the source gives pictures", ("stream",)),
    "ifdd_model_load_ratio": ("Share of the last seconds that the model was at work", ("stream",)),
    "ifdd_keeps_up": ("1 while predictions come as often as wanted", ("stream",)),
    "ifdd_part_failing": ("1 for each part that does not work now", ("stream", "stage")),
    "ifdd_healthy": ("1 while every part works", ()),
    "ifdd_ready": ("1 once pictures came through", ()),
    "ifdd_threads": ("Threads of the process", ()),
}
HISTOGRAMS = {
    "ifdd_stage_duration_seconds": ("Time of one piece of work of a stage", ("stream", "stage")),
    "ifdd_frame_age_seconds": ("From a frame's time to its finished picture", ("stream",)),
}

OPERATIONS = (Operation("get", "/metrics", "Counts for Prometheus", {200: "text/plain"}),)

Sample = tuple[str, tuple[str, ...], float]


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the route of this module."""
    router.add_get("/metrics", metrics)


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: the process's counts in Prometheus's text format."""
    context = request.app[CONTEXT]
    snapshot = Snapshot(context)
    loop = asyncio.get_running_loop()
    text = await loop.run_in_executor(context.executor, render, snapshot)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})


async def note_refusal(request: web.Request, response: web.StreamResponse) -> None:
    """Counts and logs each refused request; for `on_response_prepare`."""
    if response.status < 400:
        return
    refusals = request.app[CONTEXT].refusals
    reason = str(response.status)
    refusals[reason] = refusals.get(reason, 0) + 1
    resource = request.match_info.route.resource
    # the pattern, not the path: a path can hold a session's secret name
    route = "unknown" if resource is None else resource.canonical
    text = f"refused {request.method} {route}: {reason}"
    say(log, "refused", text, method=request.method, route=route, status=response.status)


class Snapshot(Collector):
    """What is counted at one moment. Made on the loop, read by Prometheus's code on another thread."""

    def __init__(self, context: Context) -> None:
        """Reads what the loop owns."""
        self._samples: list[Sample] = []
        self._durations: list[tuple[str, tuple[str, ...], Durations]] = []
        for name, broadcast in context.broadcasts.items():
            measures = getattr(broadcast.stream, "measures", None)
            if measures is not None:
                self._take_stream(name, measures())
            viewers, senders = context.viewers.of_stream(name), context.senders.of_stream(name)
            self._add("ifdd_viewers", len(viewers), name)
            self._add("ifdd_senders", len(senders), name)
            totals = context.viewers.totals(name)
            for key in ("results_sent", "results_dropped", "pictures_sent"):
                self._add(f"ifdd_{key}", totals.get(key, 0), name)
            self._add("ifdd_frames_dropped", totals.get("pictures_dropped", 0), name, "viewer")
            encoders = broadcast.encoders
            self._add("ifdd_frames_dropped", sum(each.dropped for each in encoders.values()), name, "encoder")
            for codec, encoder in encoders.items():
                stage = f"encode_{codec.lower()}"
                self._durations.append(("ifdd_stage_duration_seconds", (name, stage), encoder.encode_ms))
                self._add("ifdd_frames", encoder.rate.count, name, stage)
                self._add("ifdd_keyframes", encoder.keyframes, name, stage)
            self._add("ifdd_event_readers", context.event_streams.of_stream(name), name)
        for name, publisher in context.publishers.items():
            self._add("ifdd_publish_live", publisher.state == "live", name)
            self._add("ifdd_publish_reconnects", publisher.reconnects, name)
            self._add("ifdd_publish_failures", publisher.failures, name)
            self._add("ifdd_published_pictures", publisher.total("sent"), name)
            self._add("ifdd_frames_dropped", publisher.total("dropped"), name, "publish")
        ended: Counter[tuple[str, str]] = Counter()
        for (name, text), count in context.viewers.ended_of.items():
            ended[name, text.partition(":")[0]] += count  # what follows is an error's own text
        for (name, reason), count in ended.items():
            self._add("ifdd_viewers_ended", count, name, reason)
        for reason, count in {**context.refusals, "viewers": context.viewers.refused}.items():
            self._add("ifdd_refusals", count, reason)
        health = context.health()
        owners = {part: name for name, parts in health["streams"].items() for part in parts}
        owners |= getattr(context.served, "part_streams", {})
        for part in health.get("parts", {}):
            self._add("ifdd_part_failing", 1, owners.get(part, ""), part)
        for part, count in getattr(context.served, "failures", {}).items():
            self._add("ifdd_part_failures", count, owners.get(part, ""), part)
        for reason, count in getattr(context.served, "windows_dropped", {}).items():
            self._add("ifdd_windows_dropped", count, reason)
        self._add("ifdd_healthy", health["ok"])
        self._add("ifdd_ready", context.served.ready())
        self._add("ifdd_loop_values_dropped", context.hub.dropped)
        self._add("ifdd_threads", threading.active_count())

    def collect(self) -> Iterable[Metric]:
        """The families with their samples; those without samples, too, so that a panel is never unknown."""
        yield from self._families(COUNTERS, CounterMetricFamily)
        yield from self._families(GAUGES, GaugeMetricFamily)
        bounds = [*(str(each) for each in BOUNDS_S), "+Inf"]
        for name, (text, labels) in HISTOGRAMS.items():
            family = HistogramMetricFamily(name, text, labels=labels)
            for owner, values, durations in self._durations:
                if owner == name:
                    found = durations.histogram()
                    buckets = list(zip(bounds, map(float, found.counts), strict=True))
                    family.add_metric(values, buckets, found.sum_s)
            yield family

    def _families(
        self,
        table: dict[str, tuple[str, tuple[str, ...]]],
        kind: type[CounterMetricFamily] | type[GaugeMetricFamily],
    ) -> Iterator[Metric]:
        for name, (text, labels) in table.items():
            family = kind(name, text, labels=labels)
            for owner, values, value in self._samples:
                if owner == name:
                    family.add_metric(values, value)
            yield family

    def _take_stream(self, name: str, found: Measures) -> None:
        for stage, durations in found.durations.items():
            self._durations.append(("ifdd_stage_duration_seconds", (name, stage), durations))
        self._durations.append(("ifdd_frame_age_seconds", (name,), found.frame_age))
        for stage, count in found.frames.items():
            self._add("ifdd_frames", count, name, stage)
        for reason, count in found.dropped.items():
            self._add("ifdd_frames_dropped", count, name, reason)
        for rule, count in found.alerts.items():
            self._add("ifdd_alerts", count, name, rule)
        self._add("ifdd_predictions", found.predictions, name)
        self._add("ifdd_source_losses", found.source_losses, name)
        self._add("ifdd_source_live", found.source_live, name)
        self._add("ifdd_faces", found.faces, name)
        self._add("ifdd_model_load_ratio", found.model_load, name)
        self._add("ifdd_keeps_up", found.keeps_up, name)

    def _add(self, name: str, value: Any, *labels: str) -> None:
        self._samples.append((name, labels, float(value)))


def render(snapshot: Snapshot) -> bytes:
    """The text of a snapshot with the process's own figures (CPU, memory, descriptors)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(snapshot)
    ProcessCollector(registry=registry)
    return generate_latest(registry)
