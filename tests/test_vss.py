from __future__ import annotations

from typing import Any

import pytest

from realtime.driver.vss import read_speed, signals


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"eyes": "open", "zone": "road", "fatigue": 12.34, "distraction": 0.0},
         {"FatigueLevel": "12.3", "DistractionLevel": "0.0", "IsEyesOnRoad": "true"}),
        ({"eyes": "open", "zone": "left", "fatigue": 0.0, "distraction": 50.0},
         {"FatigueLevel": "0.0", "DistractionLevel": "50.0", "IsEyesOnRoad": "false"}),
        ({"eyes": "closed", "zone": "unknown", "fatigue": 80.0, "distraction": 0.0},
         {"FatigueLevel": "80.0", "IsEyesOnRoad": "false"}),
        ({"eyes": "unknown", "zone": "unknown", "fatigue": 0.0, "distraction": 0.0}, {}),
    ],
)  # fmt: skip
def test_what_is_known_becomes_signals(state: dict[str, Any], expected: dict[str, str]) -> None:
    assert signals(state) == {f"Vehicle/Driver/{name}": text for name, text in expected.items()}


def test_speed_is_a_number_or_an_object_with_one() -> None:
    assert read_speed(b"63.5") == 63.5
    assert read_speed(b'{"value": -12, "ts": "x"}') == 12
    for payload in (b"", b"fast", b"null", b"true", b'{"speed": 3}', b"NaN", b"\xff"):
        with pytest.raises(ValueError, match="expected a number"):
            read_speed(payload)
