"""What a stream says of itself: its status for people and programs, its counts for `/metrics`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from realtime.clock import now_ns
from realtime.config import Config
from realtime.inference.stage import Feed
from realtime.inference.thread import Inference
from realtime.measures import Measures, Tally
from realtime.picture.thread import Composer
from realtime.vision.thread import Vision


@dataclass(frozen=True, slots=True)
class Report:
    """Reads a stream's parts when somebody asks; any thread, every call returns at once.

    Attributes:
        config: the stream's settings.
        vision, composer: its threads.
        inference, feed: the process's inference thread and the stream's place in it; None where no
            expressions are read.
        tally: what it has published.
    """

    config: Config
    vision: Vision
    composer: Composer
    inference: Inference | None
    feed: Feed | None
    tally: Tally

    def status(self, capture: dict[str, Any], *, reads: bool) -> dict[str, Any]:
        """Model, rates, drops and latencies, JSON-ready.

        Args:
            capture: what the capture says.
            reads: whether expressions are read now.
        """
        t_ns = now_ns()
        inference, feed = (self.inference, self.feed) if reads else (None, None)
        engine = None if inference is None else inference.engine
        spec = None if engine is None else engine.spec
        return {
            "model": None
            if engine is None or spec is None
            else {
                "name": spec.name,
                "device": engine.device_name,
                "trained": spec.trained,
                "labels": list(spec.labels),
                "window_s": self.config.window_seconds,
                "frames": spec.frames,
            },
            "keeps_up": inference is None or feed is None or inference.keeps_up(feed),
            "rates": {
                "capture_fps": round(capture["fps"], 1),
                "vision_fps": round(self.vision.rate.per_s(t_ns), 1),
                "picture_fps": round(self.composer.rate.per_s(t_ns), 1),
                "prediction_hz": 0.0 if feed is None else round(feed.rate.per_s(t_ns), 1),
                "prediction_hz_wanted_a_face": 0.0
                if inference is None or feed is None
                else round(inference.wanted_hz(feed), 1),
                "model_load": 0.0 if inference is None else round(inference.load, 2),
            },
            "drops": {
                "source": capture["dropped"],
                "vision": self.vision.frames.dropped,
                "composer": self.composer.frames.dropped,
            },
            "latency_ms": {
                "vision": self.vision.durations.summary(),
                "inference": None if inference is None else inference.durations.summary(),
                "paint": self.composer.durations.summary(),
                "frame_to_picture": self.composer.ages.summary(),
            },
        }

    def measures(self, capture: dict[str, Any], *, frames: int, losses: int, faces: int) -> Measures:
        """The counts.

        Args:
            capture: what the capture says.
            frames: captured since the start, of all sources.
            losses: how often a source was lost since the start.
            faces: followed now.
        """
        inference, feed = self.inference, self.feed
        durations = {"vision": self.vision.durations, "paint": self.composer.durations}
        if inference is not None:
            durations["inference"] = inference.durations
        return Measures(
            durations=durations,
            frame_age=self.composer.ages,
            frames={
                "capture": frames,
                "vision": self.vision.rate.count,
                "picture": self.composer.rate.count,
            },
            dropped={
                "source": capture["dropped"],
                "unusable": capture["unusable"],
                "vision": self.vision.frames.dropped,
                "composer": self.composer.frames.dropped,
            },
            predictions=self.tally.predictions,
            alerts=dict(self.tally.alerts),
            faces=faces,
            source_live=capture["state"] == "live",
            source_losses=losses,
            model_load=0.0 if inference is None else inference.load,
            keeps_up=inference is None or feed is None or inference.keeps_up(feed),
        )
