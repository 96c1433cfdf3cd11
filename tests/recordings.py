"""Recordings with known content, for what reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
HZ = 7.5
T0 = 100.0  # the program had run for a while


def a_reading(t: float, label: str, face: int = 1, **changes: Any) -> dict[str, Any]:
    """A prediction as `realtime.session.events.prediction_event` gives it."""
    scores = dict.fromkeys(LABELS, 0.05)
    scores[label if label in scores else "neutral"] = 0.7 if label in scores else 0.38
    return {
        "t": round(t, 4), "frame": round(t * 30), "face": face, "box": [200.0, 100.0, 400.0, 360.0],
        "label": label, "probabilities": scores, "confidence": max(scores.values()), "intensity": 0.6,
        "window": [round(t - 1, 4), round(t, 4)], "static_index": [0.0], "dynamic_index": [1.0],
        "quality": {
            "size_px": 160.0, "yaw_deg": 1.0, "pitch_deg": -5.0, "roll_deg": 0.0, "sharpness": 80.0,
            "brightness": 0.5, "hints": [], "eye_light": 0.9,
        },
        "cost_ms": 3.0, "trained": True, **changes,
    }  # fmt: skip


def figures(t: float) -> dict[str, Any]:
    """How the program does, as `figures_event` gives it."""
    wave = (t * 7) % 3
    return {
        "t": t, "event": "figures", "keeps_up": True, "faces": 1,
        "rates": {"capture_fps": 30.0, "picture_fps": 29.9, "prediction_hz": 7.5},
        "drops": {"source": 3 + int(t - T0) // 10, "vision": 0, "composer": 0},
        "latency_ms": {
            "vision": {"median": 5.0 + wave, "p95": 9.0 + wave}, "inference": {"median": 8.0, "p95": 14.0},
            "paint": {"median": 2.0, "p95": 3.0}, "frame_to_picture": {"median": 11.0 + wave, "p95": 19.0},
        },
    }  # fmt: skip


def start(name: str = "20260101-120000-abcd") -> dict[str, Any]:
    """A recording's first object."""
    return {
        "t": T0, "event": "session_start", "session": name, "schema": 1,
        "started": "2026-01-01T12:00:00+00:00",
        "source": {"source": "demo", "name": "demo.mp4 640x480"}, "profile": "expression",
        "model": {"name": "ifdd-stream", "trained": True, "labels": list(LABELS)},
    }  # fmt: skip


def end(t: float, events: int, name: str = "20260101-120000-abcd") -> dict[str, Any]:
    """A recording's last object."""
    return {
        "t": t, "event": "session_end", "session": name, "seconds": t - T0, "events": events, "dropped": 0,
        "interrupted": False,
    }  # fmt: skip


def write(path: Path, events: list[dict[str, Any]]) -> Path:
    """Writes objects, one a line."""
    path.write_text("".join(json.dumps(each, separators=(",", ":")) + "\n" for each in events))
    return path


def a_minute(seconds: float = 60.0, name: str = "20260101-120000-abcd") -> list[dict[str, Any]]:
    """Face 1 all the time, two seconds of each label in turn; face 2 for the second quarter, happy.

    Markers at a sixth and a half; from half to two thirds is left out.
    """
    made = [start(name)]
    count = round(seconds * HZ)
    for k in range(1, count):
        t = T0 + k / HZ
        label = (*LABELS, "unsure")[int((t - T0) / 2) % 8]
        dark = (t - T0) % 20 > 17
        changed = {"brightness": 0.1, "hints": ["too dark"]} if dark else {}
        reading = a_reading(t, label)
        made.append({**reading, "quality": {**reading["quality"], **changed}})
        if seconds / 4 <= t - T0 < seconds / 2:
            made.append(a_reading(t, "happy", 2, calibrated=True))
        if k % round(5 * HZ) == 0:
            made.append(figures(round(t, 4)))
        if k == count // 6:
            made.append({"t": round(t, 4), "event": "marker", "label": "clip <1> begins"})
        if k == count // 2:
            made.append({"t": round(t, 4), "event": "marker", "label": "=2+2"})
    low, high = T0 + seconds / 2, T0 + seconds * 2 / 3
    made.append({"t": T0 + seconds, "event": "excluded", "from": low, "to": high})
    made.append(end(T0 + seconds, len(made) - 1, name))
    return made
