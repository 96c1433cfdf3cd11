"""The driver's state in the words of the COVESA Vehicle Signal Specification, and speed out of them."""

from __future__ import annotations

import json
import math
from typing import Any

FATIGUE = "Vehicle/Driver/FatigueLevel"  # float, percent
DISTRACTION = "Vehicle/Driver/DistractionLevel"  # float, percent
EYES_ON_ROAD = "Vehicle/Driver/IsEyesOnRoad"  # boolean
SPEED = "Vehicle/Speed"  # float, km/h


def signals(state: dict[str, Any]) -> dict[str, str]:
    """The signals of one driver_state event, as text by path. What is unknown is not there.

    AttentiveProbability is left out: nothing here is a probability.
    """
    out: dict[str, str] = {}
    if state["eyes"] != "unknown":
        out[FATIGUE] = f"{state['fatigue']:.1f}"
    if state["zone"] != "unknown":
        out[DISTRACTION] = f"{state['distraction']:.1f}"
    if state["eyes"] == "closed":
        out[EYES_ON_ROAD] = "false"
    elif state["zone"] != "unknown":
        out[EYES_ON_ROAD] = "true" if state["zone"] == "road" else "false"
    return out


def read_speed(payload: bytes) -> float:
    """The speed in km/h in a message: a number, or an object with "value".

    Raises:
        ValueError: it is neither.
    """
    try:
        value = json.loads(payload)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError(f"speed: expected a number, got {payload[:40]!r}") from None
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"speed: expected a number, got {payload[:40]!r}")
    return abs(float(value))  # VSS: negative in reverse
