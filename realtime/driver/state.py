"""What the monitor knows after a frame, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.driver.alerts import NONE, Alert

WATCHING, CALIBRATING, UNCALIBRATED, POOR_VIEW = "WATCHING", "CALIBRATING", "UNCALIBRATED", "POOR VIEW"


@dataclass(frozen=True, slots=True)
class DriverState:
    """The driver at one time.

    Attributes:
        t_ns: the frame's time.
        word: "WATCHING", "CALIBRATING", "UNCALIBRATED" or "POOR VIEW".
        word_reason: why, in words; "" where there is nothing to add.
        progress: of the calibration, 0 to 1.
        face_id: the driver's face; None while it is not seen.
        eyes: "open", "closed" or "unknown".
        eyes_reason: why unknown, "" otherwise.
        openness: 0 to about 1; None while unknown.
        closed_s: length of the closure going on.
        blinks_per_min, blink_ms: of the last minute; None while not measured.
        perclos_short, perclos_long: shares 0 to 1; None while not valid.
        mouth: mouth ratio; None without a face.
        yawns: in the last ten minutes.
        yaw_deg, pitch_deg, roll_deg: of the head against neutral; None while unknown.
        gaze_yaw_deg, gaze_pitch_deg: of head and eyes together; None while unknown.
        zone: see `gaze.Zones`.
        off_road_s, off_road_sum_s: this glance, and in the last half minute.
        fatigue, distraction: 0 to 100, how near the rules are to their alerts; no probability.
        speed_kmh, speed_band: see `speed`.
        fps: frame rate that the rules see.
        alerts: those that stand, the most important first.
    """

    t_ns: int
    word: str = UNCALIBRATED
    word_reason: str = ""
    progress: float = 0.0
    face_id: int | None = None
    eyes: str = "unknown"
    eyes_reason: str = ""
    openness: float | None = None
    closed_s: float = 0.0
    blinks_per_min: float | None = None
    blink_ms: float | None = None
    perclos_short: float | None = None
    perclos_long: float | None = None
    mouth: float | None = None
    yawns: int = 0
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    gaze_yaw_deg: float | None = None
    gaze_pitch_deg: float | None = None
    zone: str = "unknown"
    off_road_s: float = 0.0
    off_road_sum_s: float = 0.0
    fatigue: float = 0.0
    distraction: float = 0.0
    speed_kmh: float | None = None
    speed_band: str = "unknown"
    fps: float = 0.0
    alerts: tuple[Alert, ...] = ()

    @property
    def level(self) -> int:
        """Level of the most important alert."""
        return self.alerts[0].condition.level if self.alerts else NONE
