from __future__ import annotations

from typing import Any

from realtime.clock import to_ns
from realtime.driver.feed import DriverFeed
from realtime.driver.settings import DriverSettings
from realtime.values import Face, Observation
from tests.driver_faces import GOOD_VIEW, times
from tests.test_measure import a_seen_face

STATE_KEYS = {
    "t", "frame", "event", "face", "state", "why", "calibration", "eyes", "eyes_why", "openness", "closed_s",
    "blinks_per_min", "blink_ms", "perclos", "mouth", "yawns", "head", "gaze", "zone", "off_road_s",
    "off_road_sum_s", "fatigue", "distraction", "speed_kmh", "speed_band", "quality", "level", "alerts",
}  # fmt: skip
ALERT_KEYS = {
    "t", "frame", "event", "face", "rule", "level", "reason", "audible", "acknowledged", "previous", "active",
    "value", "threshold", "window_s", "since", "speed_kmh", "speed_band", "quality",
}  # fmt: skip


def shut(face: Face) -> Face:
    landmarks = face.landmarks.copy()
    for upper, lower in ((160, 144), (158, 153), (385, 380), (387, 373)):
        landmarks[upper] = landmarks[lower]
    return Face(face.face_id, face.box_xyxy, landmarks, GOOD_VIEW)


class Told:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.feed = DriverFeed(DriverSettings(), self.events.append, origin_ns=to_ns(100))
        self.seq = 0

    def show(self, start_s: float, end_s: float, face: Face | None, fps: float = 30) -> None:
        for t_ns in times(100 + start_s, 100 + end_s, fps):
            self.feed.observe(Observation(self.seq, t_ns, () if face is None else (face,)))
            self.seq += 1

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == kind]


def test_states_come_five_times_a_second_and_alerts_at_once() -> None:
    told, face = Told(), a_seen_face()
    told.show(0, 10, face)
    assert 45 <= len(told.of("driver_state")) <= 60
    assert told.of("driver_alert") == []
    told.show(10, 12, shut(face))
    alerts = told.of("driver_alert")
    assert [each["reason"] for each in alerts] == ["eyes closed", "eyes closed", "microsleep"]
    assert [each["level"] for each in alerts] == ["note", "soft", "warning"]
    assert 11.4 < alerts[-1]["t"] < 11.6
    assert set(alerts[-1]) == ALERT_KEYS
    assert set(told.of("driver_state")[-1]) == STATE_KEYS
    assert told.of("driver_state")[-1]["alerts"][0]["reason"] == "microsleep"
    assert told.feed.status() == told.of("driver_state")[-1]


def test_requests_take_effect_at_the_next_frame() -> None:
    told, face = Told(), a_seen_face()
    told.show(0, 10, face)
    told.show(10, 12, shut(face))
    told.feed.acknowledge()
    told.feed.set_speed(to_ns(112), 72.0)
    told.show(12, 12.1, shut(face))
    assert told.of("driver_alert")[-1]["acknowledged"]
    assert not told.of("driver_alert")[-1]["audible"]
    state = told.of("driver_state")[-1]
    assert (state["speed_kmh"], state["speed_band"]) == (72.0, "fast")
    told.feed.recalibrate()
    told.show(13, 13.1, face)
    assert told.of("driver_state")[-1]["state"] == "CALIBRATING"


def test_another_source_begins_anew() -> None:
    told, face = Told(), a_seen_face()
    told.show(0, 10, face)
    assert told.of("driver_state")[-1]["state"] == "WATCHING"
    told.show(10, 12, shut(face))
    told.feed.restart()
    told.show(12, 12.1, None)
    last = told.of("driver_alert")[-1]
    assert (last["reason"], last["previous"], last["active"]) == ("microsleep", "warning", False)
    assert told.of("driver_state")[-1]["state"] == "UNCALIBRATED"
    assert told.of("driver_state")[-1]["openness"] is None
