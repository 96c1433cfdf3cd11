"""Every threshold of the driver profile: its name, default, unit, range, meaning and source."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.config import read_toml
from realtime.errors import ConfigError

OWN = "own choice, not validated"
NCAP = "Euro NCAP Driver Engagement v1.1 (2025), 1.3.3 to 1.3.5"


def rule(default: float, unit: str, text: str, source: str, low: float, high: float) -> Any:
    """A field with what the settings table says of it."""
    return dataclasses.field(
        default=default, metadata={"unit": unit, "text": text, "source": source, "low": low, "high": high}
    )


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """The thresholds of all driver rules; times in seconds, never in frames.

    What each means and where its number comes from is in the field's metadata and, as a table, in the
    package's README.

    Raises:
        ConfigError: a value is no number or out of range.
    """

    # samples
    gap_s: float = rule(
        0.5, "s", "a longer gap between two frames is time in which nothing is known", OWN, 0.1, 5
    )
    eye_yaw_deg: float = rule(
        20,
        "deg",
        "head turned further from neutral: eyes unknown",
        "blink detection fails beyond 20 to 22 deg (1j01/tracky-mouse issue 98); others stop at 15",
        5,
        45,
    )
    eye_pitch_deg: float = rule(
        25, "deg", "head raised or lowered further: eyes unknown, unless they closed before", OWN, 5, 45
    )
    pitch_loss_per_deg: float = rule(
        0.008,
        "1/deg",
        "share of the eye aspect ratio lost for each degree the head goes down; compensated",
        "0.75 to 0.93 % per degree (secondary)",
        0,
        0.02,
    )
    unknown_s: float = rule(
        2,
        "s",
        "after longer without knowledge a closure or glance in progress is counted anew; no level is lowered",
        OWN,
        0.2,
        30,
    )
    # view
    min_size_px: float = rule(
        70, "px", "smaller face: view unusable", "lids are then about 4 px apart; own choice", 20, 500
    )
    min_brightness: float = rule(0.10, "0 to 1", "darker face: view unusable", OWN, 0, 1)
    max_brightness: float = rule(0.95, "0 to 1", "brighter face: view unusable", OWN, 0, 1)
    min_sharpness: float = rule(3, "variance", "more blurred face: view unusable", OWN, 0, 1000)
    min_eye_light: float = rule(
        0.37,
        "ratio",
        "eyes darker against the cheeks: covered, as by sunglasses",
        "lowest of 566 photographs: sunglasses 0.23, 0.33, 0.36, 0.39, bare eyes 0.38; own choice",
        0,
        1,
    )
    view_window_s: float = rule(
        8, "s", "span over which the view is judged", "Euro NCAP: tell the driver within 10 s", 2, 60
    )
    poor_below: float = rule(0.5, "share", "less usable time: POOR VIEW", OWN, 0, 1)
    good_above: float = rule(0.8, "share", "more usable time ends POOR VIEW", OWN, 0, 1)
    # calibration
    calibrate_s: float = rule(
        8,
        "s",
        "usable, still time that makes a baseline",
        "8 to 60 s; openpilot 60 s; own choice within",
        3,
        120,
    )
    calibrate_limit_s: float = rule(
        60, "s", "without a baseline by then: UNCALIBRATED is shown, and it goes on trying", OWN, 10, 600
    )
    still_deg: float = rule(
        10, "deg", "head angles within this of their median make the baseline", OWN, 1, 45
    )
    min_open_ear: float = rule(
        0.13,
        "ratio",
        "a lower open-eye aspect ratio is no baseline",
        "27 drivers: mean 0.257, SD 0.021 (PMC12899127), and six SD below",
        0.05,
        0.4,
    )
    closed_share: float = rule(
        0.25,
        "share",
        "closed against open eye aspect ratio until blinks were seen",
        "0.07 bare to 0.44 with glasses (archledger/irlume issue 173)",
        0,
        0.5,
    )
    max_closed_share: float = rule(
        0.5, "share", "largest learnt value of it", "as closed_share, with a margin", 0, 0.7
    )
    rise_window_s: float = rule(
        60,
        "s",
        "the frozen baseline only rises, towards this span's upper quartile",
        "a running median follows the driver into drowsiness (US10740633B2)",
        10,
        600,
    )
    rise_most: float = rule(0.25, "share", "by at most this much in all", OWN, 0, 1)
    glasses_shift: float = rule(
        0.12,
        "share",
        "closed share of the last blinks that differs by more: glasses went on or off, calibrate again",
        "glasses: 0.07 to 0.44 (archledger/irlume issue 173); own choice",
        0.05,
        0.5,
    )
    glasses_blinks: float = rule(8, "blinks", "how many blinks that takes", OWN, 3, 50)
    absent_s: float = rule(30, "s", "a face back after longer is a new driver: calibrate again", OWN, 2, 3600)
    seat_s: float = rule(
        2, "s", "the driver's face must be gone for this long before another one is the driver", OWN, 0, 60
    )
    # closure, blinks
    closed_at: float = rule(
        0.2, "openness", "closed: at least 80 % shut (P80)", "PERCLOS P80, FHWA-MCRT-98-006", 0.05, 0.5
    )
    reopened_at: float = rule(
        0.3,
        "openness",
        "a closure ends above this",
        "hysteresis 0.3 (US10740633B2); 0.5 would take laughing for sleep",
        0.1,
        0.8,
    )
    reopened_s: float = rule(0.1, "s", "for this long", OWN, 0, 1)
    note_s: float = rule(
        0.5, "s", "closure: note, silent", "blinks over 0.5 s are of the drowsy type (Johns 2003)", 0.3, 5
    )
    soft_s: float = rule(1.0, "s", "closure: soft sound", f"{NCAP}: microsleep 1 to 2 s", 0.4, 5)
    microsleep_s: float = rule(
        1.5,
        "s",
        "closure: microsleep, loud",
        "1.5 s in Guardian's and Bosch's systems; Euro NCAP 1 to 2 s",
        0.5,
        5,
    )
    sleep_s: float = rule(3, "s", "closure: sleep", f"{NCAP}: at least 3 s", 1, 10)
    unresponsive_s: float = rule(6, "s", "closure: unresponsive", f"{NCAP}: at least 6 s", 2, 30)
    closure_clear_s: float = rule(0.5, "s", "eyes seen open for this long clear a closure alert", OWN, 0, 10)
    closure_min_kmh: float = rule(
        10,
        "km/h",
        "known to be slower: no drowsiness alert",
        "Kia manual: eyes closed over 2 s at 10 km/h or more",
        0,
        130,
    )
    blink_closed_at: float = rule(
        0.3, "openness", "a blink goes below this", "US10740633B2: enter 0.3", 0.05, 0.6
    )
    blink_open_at: float = rule(
        0.5, "openness", "and begins and ends here", "half amplitude; US10740633B2: exit 0.5", 0.3, 0.9
    )
    blink_fps: float = rule(
        14,
        "1/s",
        "slower: blinks are not counted",
        "blink detection 51 % at 10 Hz, 95 % at 30 Hz (arXiv 2511.19519); 15, less jitter",
        5,
        60,
    )
    long_blink_s: float = rule(0.5, "s", "longer closures are no blinks", "Johns 2003", 0.3, 2)
    lookdown_deg: float = rule(
        5,
        "deg",
        "lids that fall after the head went down by more are a glance down, not a closure",
        "US11144756B2: 5 deg (1 to 10)",
        1,
        20,
    )
    lookdown_s: float = rule(1.0, "s", "how long before that may have been", OWN, 0.2, 5)
    # PERCLOS
    perclos_short_s: float = rule(
        60, "s", "short window", "modern operating point 15 % over 60 s (NSTSCE 25-UI-177)", 10, 600
    )
    perclos_long_s: float = rule(
        180, "s", "long window", "1 min misses 16.8 % of what 3 min finds (NSTSCE 24-UI-134)", 30, 1800
    )
    perclos_short_valid_s: float = rule(30, "s", "usable time before the short one counts", OWN, 5, 600)
    perclos_long_valid_s: float = rule(90, "s", "usable time before the long one counts", OWN, 5, 1800)
    perclos_blink_s: float = rule(
        0.25, "s", "shorter closures are left out of the numerator", "Abe 2023", 0, 1
    )
    perclos_short: float = rule(
        0.15,
        "share",
        "drowsy: short window at least this ...",
        "Wierwille 1994: drowsy above 0.15",
        0.02,
        0.9,
    )
    perclos_long: float = rule(
        0.10,
        "share",
        "... and long window at least this",
        "on-road 10 % (JOV/VSS 2012); two conditions cut false alarms (NSTSCE 26-UI-182)",
        0.02,
        0.9,
    )
    perclos_advice: float = rule(
        0.08,
        "share",
        "advisory: both windows at least this",
        "US field system: 8 % over 1 min (DOT HS 811 117)",
        0.02,
        0.9,
    )
    perclos_clear: float = rule(
        0.02, "share", "below its threshold by this much before a level is lowered", OWN, 0, 0.2
    )
    perclos_fps: float = rule(8, "1/s", "slower: no PERCLOS", "at least 10, less jitter", 2, 60)
    # yawns and nods
    yawn_ratio: float = rule(
        0.65,
        "ratio",
        "inner mouth height over width: wide open",
        "0.5 to 0.6 sustained in the literature; above, because surprise reaches 0.6 (demo clip)",
        0.3,
        1.5,
    )
    yawn_end_ratio: float = rule(0.5, "ratio", "and no longer", OWN, 0.2, 1.5)
    yawn_s: float = rule(
        1.5,
        "s",
        "wide open for this long: a yawn, talking is shorter",
        "yawns last 3.5 to 6.3 s on average, accepted from 1.5 s",
        0.5,
        5,
    )
    yawn_most_s: float = rule(12, "s", "longer: no yawn", "1.5 to 12 s", 5, 60)
    nod_deg: float = rule(
        12,
        "deg",
        "head drop while the eyes are closed",
        "12 to 20 deg, ordinary 2 to 8 (Bergasa 2006)",
        5,
        45,
    )
    nod_closed_s: float = rule(0.3, "s", "eyes closed for this long in it", "Bergasa 2006", 0.1, 2)
    # gaze
    off_yaw_deg: float = rule(
        14,
        "deg",
        "head and eyes further to a side: off the road",
        "openpilot 23; lower, because solvePnP reads 16 of the demo clip's 23 deg; own choice",
        5,
        60,
    )
    off_down_deg: float = rule(
        12, "deg", "further down: off the road", "openpilot 18; lower for the same reason", 5, 60
    )
    off_up_deg: float = rule(20, "deg", "further up: off the road", OWN, 5, 60)
    back_share: float = rule(0.8, "share", "of these angles ends it", "hysteresis, own choice", 0.3, 1)
    zone_s: float = rule(0.1, "s", "a zone must last this long to count, from its beginning", OWN, 0, 0.5)
    iris_deg: float = rule(
        143,
        "deg per eye width",
        "eye rotation for an iris that moves by one eye width",
        "30 mm wide eye, 12 mm radius",
        50,
        300,
    )
    # distraction
    glance_fast_s: float = rule(
        3.5,
        "s",
        "single glance off the road above 50 km/h, or at unknown speed",
        "Regulation (EU) 2023/2590 (secondary sources)",
        1,
        20,
    )
    glance_slow_s: float = rule(6, "s", "from 20 to 50 km/h", "as above", 1, 30)
    glance_more_s: float = rule(3, "s", "longer by this: urgent", "UN R171: escalate after 3 s", 0.5, 30)
    glance_most_s: float = rule(
        10, "s", "longer by this: emergency", "UN R171: unavailable after 10 s", 1, 60
    )
    engaged_s: float = rule(
        0.2,
        "s",
        "eyes on the road for this long silence the alert and end a glance",
        "UN R171: at least 200 ms",
        0.05,
        2,
    )
    engaged_clear_s: float = rule(
        2, "s", "and for this long clear it", "Kia manual, one Euro NCAP implementer (another: 4 s)", 0.2, 10
    )
    often_s: float = rule(10, "s", "off the road in sum ...", "Euro NCAP VATS: 10 s in 30 s", 2, 60)
    often_window_s: float = rule(30, "s", "... within this", "Euro NCAP VATS", 5, 120)
    distraction_min_kmh: float = rule(
        20, "km/h", "known to be slower: no distraction alert", "Regulation (EU) 2023/2590; Euro NCAP", 0, 130
    )
    fast_kmh: float = rule(50, "km/h", "faster: the shorter glance", "Regulation (EU) 2023/2590", 10, 200)
    speed_stale_s: float = rule(
        5,
        "s",
        "an older speed is unknown, which takes the strictest band",
        "Android VHAL sends 1 Hz; own choice",
        0.5,
        60,
    )
    # alerts
    drowsy_urgent_s: float = rule(
        120, "s", "drowsy for this long without acknowledgement: urgent", OWN, 10, 3600
    )
    drowsy_cooldown_s: float = rule(
        120, "s", "after a drowsiness alert was acknowledged or cleared, no equal or lower one", OWN, 0, 3600
    )
    often_cooldown_s: float = rule(5, "s", "the same for glances in sum", OWN, 0, 3600)
    yawn_cooldown_s: float = rule(5, "s", "the same for yawns and nods", OWN, 0, 3600)

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value, low, high = getattr(self, each.name), each.metadata["low"], each.metadata["high"]
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(f"{each.name}: expected a number, got {type(value).__name__} {value!r}")
            if not low <= value <= high:
                raise ConfigError(
                    f"{each.name}: expected {low} to {high} {each.metadata['unit']}, got {value}"
                )


def from_mapping(values: Mapping[str, Any]) -> DriverSettings:
    """Settings from names and values.

    Raises:
        ConfigError: an unknown name, no number, or one out of range.
    """
    known = typing.get_type_hints(DriverSettings)
    for name in values:
        if name not in known:
            raise ConfigError(f"driver settings: unknown name {name!r}; see realtime/driver/README.md")
    return DriverSettings(**values)


def load(path: str) -> DriverSettings:
    """The settings in a TOML file of `name = number` lines; the defaults for an empty path.

    Raises:
        ConfigError: the file cannot be read, or as `from_mapping`.
    """
    return from_mapping(read_toml(Path(path))) if path else DriverSettings()


def table() -> str:
    """The settings as the README's Markdown table."""
    lines = ["| setting | default | unit | meaning | source |", "| --- | --- | --- | --- | --- |"]
    for each in dataclasses.fields(DriverSettings):
        data = each.metadata
        lines.append(
            f"| `{each.name}` | {each.default:g} | {data['unit']} | {data['text']} | {data['source']} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
