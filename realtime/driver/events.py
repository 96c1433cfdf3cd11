"""What a run says of the driver, as plain JSON objects; the package's README documents them."""

from __future__ import annotations

import math
from typing import Any

from realtime.clock import to_s
from realtime.driver.alerts import LEVELS, Alert
from realtime.driver.settings import DriverSettings
from realtime.driver.state import POOR_VIEW, DriverState


def state_event(state: DriverState, seq: int, origin_ns: int, settings: DriverSettings) -> dict[str, Any]:
    """The object of the driver's state."""
    return {
        "t": round(to_s(state.t_ns - origin_ns), 4),
        "frame": seq,
        "event": "driver_state",
        "face": state.face_id,
        "state": state.word,
        "why": state.word_reason,
        "calibration": round(state.progress, 2),
        "eyes": state.eyes,
        "eyes_why": state.eyes_reason,
        "openness": _round(state.openness, 3),
        "closed_s": round(state.closed_s, 2),
        "blinks_per_min": _round(state.blinks_per_min, 1),
        "blink_ms": _round(state.blink_ms, 0),
        "perclos": [
            {"window_s": window_s, "share": _round(share, 4), "limit": limit}
            for window_s, share, limit in (
                (settings.perclos_short_s, state.perclos_short, settings.perclos_short),
                (settings.perclos_long_s, state.perclos_long, settings.perclos_long),
            )
        ],
        "mouth": _round(state.mouth, 3),
        "yawns": state.yawns,
        "head": _angles(state.yaw_deg, state.pitch_deg, state.roll_deg),
        "gaze": _angles(state.gaze_yaw_deg, state.gaze_pitch_deg),
        "zone": state.zone,
        "off_road_s": round(state.off_road_s, 2),
        "off_road_sum_s": round(state.off_road_sum_s, 2),
        "fatigue": round(state.fatigue, 1),
        "distraction": round(state.distraction, 1),
        "speed_kmh": _round(state.speed_kmh, 1),
        "speed_band": state.speed_band,
        "quality": _quality(state),
        "level": LEVELS[state.level],
        "alerts": [_standing(alert) for alert in state.alerts],
    }


def alert_event(alert: Alert, state: DriverState, seq: int, origin_ns: int) -> dict[str, Any]:
    """The object of one change of one alert."""
    condition = alert.condition
    return {
        "t": round(to_s(state.t_ns - origin_ns), 4),
        "frame": seq,
        "event": "driver_alert",
        "face": state.face_id,
        **_standing(alert),
        "previous": LEVELS[alert.previous],
        "active": alert.active,
        "value": round(condition.value, 3),
        "threshold": condition.threshold,
        "window_s": condition.window_s,
        "since": round(to_s(alert.since_ns - origin_ns), 4),
        "speed_kmh": _round(state.speed_kmh, 1),
        "speed_band": state.speed_band,
        "quality": _quality(state),
    }


def _standing(alert: Alert) -> dict[str, Any]:
    condition = alert.condition
    return {
        "rule": condition.rule,
        "level": LEVELS[condition.level],
        "reason": condition.reason,
        "audible": alert.audible,
        "acknowledged": alert.acknowledged,
    }


def _quality(state: DriverState) -> dict[str, Any]:
    poor = state.word == POOR_VIEW
    return {
        "view": "poor" if poor else "good",
        "why": state.word_reason if poor else state.eyes_reason,
        "fps": round(state.fps, 1),
    }


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _angles(*values: float | None) -> list[float] | None:
    known = [each for each in values if each is not None and math.isfinite(each)]
    return [round(each, 1) for each in known] if len(known) == len(values) else None
