from __future__ import annotations

import json

from realtime.clock import to_ns
from realtime.session.events import face_events, prediction_event
from realtime.values import Observation
from tests.test_picture import LABELS, a_prediction

KEYS = {
    "t", "frame", "face", "box", "label", "probabilities", "confidence", "intensity", "window",
    "static_index", "dynamic_index", "quality", "cost_ms", "trained",
}  # fmt: skip


def test_a_prediction_has_the_promised_keys_and_is_json() -> None:
    event = prediction_event(a_prediction(face_id=2, t_ns=to_ns(12.5)), origin_ns=to_ns(10))
    assert set(event) == KEYS
    assert event["t"] == 2.5
    assert event["window"] == [1.5, 2.5]
    assert event["label"] == "happy"
    assert list(event["probabilities"]) == list(LABELS)
    assert event["static_index"] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert event["quality"]["hints"] == []
    assert json.loads(json.dumps(event, allow_nan=False)) == event


def test_faces_that_go_come_before_faces_that_come() -> None:
    events = face_events(Observation(7, to_ns(3), (), found=(4,), lost=(1, 2)), origin_ns=to_ns(1))
    assert events == [
        {"t": 2.0, "frame": 7, "event": "face_lost", "face": 1},
        {"t": 2.0, "frame": 7, "event": "face_lost", "face": 2},
        {"t": 2.0, "frame": 7, "event": "face_found", "face": 4},
    ]
