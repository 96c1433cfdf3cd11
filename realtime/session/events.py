"""The one schema of what a run says: predictions and faces coming and going, as plain JSON objects.

The README documents these objects; they are a promise to programs that read them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from realtime.clock import to_s
from realtime.values import Observation, Prediction, Quality


def prediction_event(prediction: Prediction, origin_ns: int) -> dict[str, Any]:
    """The object for one prediction of one face.

    Args:
        prediction: what the model said.
        origin_ns: the time that counts as t = 0.
    """

    def seconds(t_ns: int) -> float:
        return round(to_s(t_ns - origin_ns), 4)

    return {
        "t": seconds(prediction.t_ns),
        "frame": prediction.seq,
        "face": prediction.face_id,
        "box": [round(each, 1) for each in prediction.face.box_xyxy],
        "label": prediction.label,
        "probabilities": {
            name: round(float(value), 4)
            for name, value in zip(prediction.labels, prediction.probabilities, strict=True)
        },
        "confidence": round(prediction.confidence, 4),
        "intensity": round(prediction.intensity, 4),
        "window": [seconds(each) for each in prediction.window_ns],
        "static_index": _rounded(prediction.static_index),
        "dynamic_index": _rounded(prediction.dynamic_index),
        "quality": _quality(prediction.face.quality),
        "cost_ms": round(prediction.cost_ms, 2),
        "trained": prediction.trained,
    }


def face_events(observation: Observation, origin_ns: int) -> list[dict[str, Any]]:
    """The objects for faces that came or went in one frame, lost ones first."""
    t = round(to_s(observation.t_ns - origin_ns), 4)
    return [
        {"t": t, "frame": observation.seq, "event": event, "face": face_id}
        for event, ids in (("face_lost", observation.lost), ("face_found", observation.found))
        for face_id in ids
    ]


def _rounded(index: Any) -> list[float] | None:
    return None if index is None else [round(float(each), 3) for each in index]


def _quality(quality: Quality) -> dict[str, Any]:
    values = dataclasses.asdict(quality)
    hints = values.pop("hints")
    return {**{name: round(value, 2) for name, value in values.items()}, "hints": list(hints)}
