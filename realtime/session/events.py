"""The one schema of what a run says: predictions and faces coming and going, as plain JSON objects.

The README documents these objects; they are a promise to programs that read them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from realtime.clock import to_s
from realtime.values import Observation, Prediction, Quality

SCHEMA = 1  # rises when a key changes its meaning, which it should not


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
        **({"calibrated": True} if prediction.calibrated else {}),
        **({"taught": True} if prediction.taught else {}),
    }


def face_events(observation: Observation, origin_ns: int) -> list[dict[str, Any]]:
    """The objects for faces that came or went in one frame, lost ones first."""
    t = round(to_s(observation.t_ns - origin_ns), 4)
    return [
        {"t": t, "frame": observation.seq, "event": event, "face": face_id}
        for event, ids in (("face_lost", observation.lost), ("face_found", observation.found))
        for face_id in ids
    ]


def session_start(
    session: str, started: str, about: Mapping[str, Any], t_ns: int, origin_ns: int
) -> dict[str, Any]:
    """The first object of a recording.

    Args:
        session: the recording's name.
        started: date and time, ISO 8601 in UTC.
        about: source, profile and model, as the status tells them.
        t_ns: now.
        origin_ns: the time that counts as t = 0.
    """
    t = round(to_s(t_ns - origin_ns), 4)
    return {
        "t": t,
        "event": "session_start",
        "session": session,
        "schema": SCHEMA,
        "started": started,
        **{key: about.get(key) for key in ("source", "profile", "model")},
    }


def session_end(t: float, session: str, seconds: float, events: int, dropped: int) -> dict[str, Any]:
    """The last object of a recording: how long it was, objects between first and last, and those dropped."""
    return {
        "t": round(t, 4),
        "event": "session_end",
        "session": session,
        "seconds": round(seconds, 3),
        "events": events,
        "dropped": dropped,
        "interrupted": False,
    }


def marker_event(label: str, t_ns: int, origin_ns: int) -> dict[str, Any]:
    """The object for a mark that somebody set."""
    return {"t": round(to_s(t_ns - origin_ns), 4), "event": "marker", "label": label}


def excluded_event(from_t: float, to_t: float, t_ns: int, origin_ns: int) -> dict[str, Any]:
    """The object for a range that somebody left out: its first and last time, on the clock of `t`."""
    return {
        "t": round(to_s(t_ns - origin_ns), 4),
        "event": "excluded",
        "from": round(from_t, 4),
        "to": round(to_t, 4),
    }


def figures_event(status: Mapping[str, Any], t_ns: int, origin_ns: int) -> dict[str, Any]:
    """The object for how the program itself is doing: rates, drops, latencies."""
    keys = ("rates", "drops", "latency_ms", "keeps_up", "faces")
    return {
        "t": round(to_s(t_ns - origin_ns), 4),
        "event": "figures",
        **{key: status[key] for key in keys if key in status},
    }


def _rounded(index: Any) -> list[float] | None:
    return None if index is None else [round(float(each), 3) for each in index]


def _quality(quality: Quality) -> dict[str, Any]:
    values = dataclasses.asdict(quality)
    hints = values.pop("hints")
    return {**{name: round(value, 2) for name, value in values.items()}, "hints": list(hints)}
