"""What a stream measures of itself, read when somebody asks; the live path only counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from realtime.stats import Durations


@dataclass(frozen=True, slots=True)
class Measures:
    """Counts since the start and present states of one stream.

    Attributes:
        durations: by stage; "inference" is the process's one inference thread.
        frame_age: from a frame's time to its finished picture.
        frames: by stage: how many it has finished.
        dropped: by reason: frames that went no further.
        predictions: published.
        alerts: of the driver profile that began, by rule.
        faces: followed now.
        source_live: the source gives pictures.
        source_losses: how often it was lost.
        model_load: share of the last seconds that the model was at work, 0 to 1.
        keeps_up: False when predictions come later than wanted.
    """

    durations: dict[str, Durations]
    frame_age: Durations
    frames: dict[str, int]
    dropped: dict[str, int]
    predictions: int
    alerts: dict[str, int]
    faces: int
    source_live: bool
    source_losses: int
    model_load: float
    keeps_up: bool


class Tally:
    """Counts results by their kind; a subscriber of a stream's events."""

    def __init__(self) -> None:
        self.predictions = 0
        self.alerts: Counter[str] = Counter()

    def count(self, event: dict[str, Any]) -> None:
        """Takes one result object."""
        if "label" in event:
            self.predictions += 1
        elif event.get("event") == "driver_alert" and event.get("active"):
            self.alerts[str(event.get("rule", ""))] += 1
