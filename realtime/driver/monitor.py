"""The driver monitor: one frame's measures in, the driver's state and what changed of the alerts out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from realtime.clock import to_ns
from realtime.driver.alerts import NONE, NOTE, SOFT, WARNING, Alert, Alerts, Condition
from realtime.driver.blink import Blinks
from realtime.driver.calibration import Baseline, Calibration, Upkeep
from realtime.driver.closure import Closure
from realtime.driver.distraction import LongGlance, ManyGlances
from realtime.driver.gaze import ROAD, UNKNOWN, Gaze, Zones, read_gaze
from realtime.driver.measure import FaceMeasure
from realtime.driver.nod import Nods
from realtime.driver.openness import Eyes, LookDown, read_eyes
from realtime.driver.perclos import Drowsiness, Perclos
from realtime.driver.rate import FrameRate
from realtime.driver.settings import DriverSettings
from realtime.driver.speed import speed_band
from realtime.driver.state import CALIBRATING, POOR_VIEW, UNCALIBRATED, WATCHING, DriverState
from realtime.driver.view import View, complaint
from realtime.driver.yawn import Yawns
from realtime.values import Quality

CLOSURE_WORDS = ("", "eyes closed", "eyes closed", "microsleep", "sleep", "unresponsive")
FATIGUE_OF_LEVEL = (0.0, 0.0, 25.0, 50.0, 75.0, 100.0)  # at least, while such an alert stands
BLINK_HOLDS_ZONE_S = 0.5  # a blink does not move the gaze


@dataclass(frozen=True, slots=True)
class Update:
    """What one frame brought: the state, and the alerts that began, changed or ended with it."""

    state: DriverState
    changes: tuple[Alert, ...] = ()


class DriverMonitor:
    """Composes the driver rules. Time comes in with each frame; one thread uses it."""

    def __init__(self, settings: DriverSettings | None = None) -> None:
        """Makes a monitor that has seen nothing yet.

        Args:
            settings: the thresholds; the documented defaults if None.
        """
        self._rules = rules = settings or DriverSettings()
        self._rate, self._view, self._zones = FrameRate(), View(rules), Zones(rules)
        self._calibration: Calibration | None = Calibration(rules)
        self._calibration_reason = ""
        self._upkeep: Upkeep | None = None
        self._closure, self._lookdown, self._blinks = Closure(rules), LookDown(rules), Blinks(rules)
        self._perclos, self._drowsiness = Perclos(rules), Drowsiness(rules)
        self._yawns, self._nods = Yawns(rules), Nods(rules)
        self._glance, self._glances = LongGlance(rules), ManyGlances(rules)
        self._alerts = Alerts()
        self._eyes_open_ns = self._seen_ns = 0
        self._wide_ns: int | None = None
        self._state = DriverState(-1)

    @property
    def baseline(self) -> Baseline | None:
        """This driver's baseline, once there is one."""
        return None if self._upkeep is None else self._upkeep.baseline

    def recalibrate(self, reason: str = "asked for") -> None:
        """Learns the baseline anew; the one before serves until then."""
        self._calibration, self._calibration_reason = Calibration(self._rules), reason

    def acknowledge(self) -> tuple[Alert, ...]:
        """The driver answers to what is sounding; the alerts that fall silent."""
        self._drowsiness.acknowledge()
        return self._alerts.acknowledge()

    def end(self) -> tuple[Alert, ...]:
        """Ends every alert: another source, another scene. The alerts that ended."""
        return self._alerts.end_all()

    def update(
        self, t_ns: int, face: FaceMeasure | None, quality: Quality | None, speed: float | None = None
    ) -> Update:
        """Takes one frame.

        Args:
            t_ns: its time; a frame that is not later than the one before changes nothing.
            face: the driver's face, None where it is not found.
            quality: of that face's picture, None without a face.
            speed: of the vehicle in km/h, None while unknown.
        """
        if t_ns <= self._state.t_ns:
            return Update(self._state)
        rules, fps = self._rules, self._rate.update(t_ns)
        band = speed_band(speed, rules)
        wrong = complaint(quality if face is not None else None, rules)
        self._view.update(t_ns, wrong)
        if face is not None:
            if t_ns - self._seen_ns > to_ns(rules.absent_s) and self.baseline is not None:
                self._upkeep = None
                self.recalibrate("another driver")
            self._seen_ns = t_ns
        usable = face if not wrong else None
        self._calibrate(t_ns, usable)
        eyes = self._read_eyes(t_ns, usable, wrong)
        if self._upkeep is not None:
            self._upkeep.update(t_ns, eyes.share, fps >= rules.blink_fps)
            if self._upkeep.glasses_changed and self._calibration is None:
                self.recalibrate("glasses")
        self._follow_eyes(t_ns, usable, eyes, fps)
        gaze = self._follow_gaze(t_ns, usable, eyes, band)
        changes = self._alerts.update(t_ns, self._conditions(speed))
        self._state = self._describe(t_ns, face, eyes, gaze, speed, band, fps)
        return Update(self._state, changes)

    # -- the steps of one frame -------------------------------------------------------------------------

    def _calibrate(self, t_ns: int, usable: FaceMeasure | None) -> None:
        if self._calibration is None:
            return
        baseline = self._calibration.update(t_ns, usable)
        if baseline is not None:
            before = self._upkeep  # the same driver's: what blinks taught of the closed eye still holds
            if before is not None:
                baseline = dataclasses.replace(baseline, closed_share=before.baseline.closed_share)
            self._upkeep = Upkeep(baseline, self._rules, learnt=before is not None and before.learnt)
            self._calibration, self._calibration_reason = None, ""

    def _read_eyes(self, t_ns: int, usable: FaceMeasure | None, wrong: str) -> Eyes:
        baseline = self.baseline
        if usable is None:
            return Eyes(None, None, wrong)
        if baseline is None:
            return Eyes(None, None, "not calibrated")
        closing = self._closure.started_ns is not None
        eyes = read_eyes(usable, baseline, self._rules, closing=closing)
        if eyes.openness is None:
            return eyes
        pitch = usable.pitch_deg - baseline.pitch_deg
        if self._lookdown.update(t_ns, pitch, eyes.openness, closing=closing):
            return dataclasses.replace(eyes, openness=None, reason="looking down")
        return eyes

    def _follow_eyes(self, t_ns: int, usable: FaceMeasure | None, eyes: Eyes, fps: float) -> None:
        self._yawns.update(t_ns, None if usable is None else usable.mouth)
        if self._yawns.wide:
            self._wide_ns = t_ns
        yawning = self._wide_ns is not None and t_ns - self._wide_ns < to_ns(self._rules.gap_s)
        self._closure.update(t_ns, eyes.openness, yawning=yawning)
        self._blinks.update(t_ns, eyes.openness, fps)
        self._perclos.update(t_ns, self._closure.closed, fps)
        self._drowsiness.update(t_ns, self._perclos.short, self._perclos.long)
        known = usable is not None and eyes.openness is not None and self.baseline is not None
        pitch = usable.pitch_deg - self.baseline.pitch_deg if known and usable and self.baseline else None
        closing = self._closure.started_ns is not None
        self._nods.update(t_ns, pitch, self._closure.closed_s, closed=closing)

    def _follow_gaze(self, t_ns: int, usable: FaceMeasure | None, eyes: Eyes, band: str) -> Gaze | None:
        gaze = None
        if usable is not None and self.baseline is not None:
            eyes_open = eyes.openness is not None and eyes.openness >= self._rules.blink_open_at
            gaze = read_gaze(usable, self.baseline, self._rules, eyes_open=eyes_open)
        if not self._closure.closed:
            self._eyes_open_ns = t_ns
            self._zones.update(t_ns, gaze)
        elif t_ns - self._eyes_open_ns > to_ns(BLINK_HOLDS_ZONE_S):
            self._zones.update(t_ns, None)  # closed eyes look nowhere
        zone = self._zones.zone
        on_road = None if zone == UNKNOWN else zone == ROAD
        self._glance.update(t_ns, on_road, self._zones.since_ns, band)
        self._glances.update(t_ns, on_road, self._zones.since_ns, band)
        return gaze

    def _conditions(self, speed: float | None) -> tuple[Condition, ...]:
        rules, closure, glance, glances = self._rules, self._closure, self._glance, self._glances
        awake = speed is not None and speed < rules.closure_min_kmh  # standing still, eyes may rest
        drowsy = self._drowsiness.level
        return (
            Condition(
                "closure",
                NONE if awake else closure.level,
                CLOSURE_WORDS[closure.level],
                closure.closed_s,
                closure.threshold_s,
            ),
            Condition(
                "perclos",
                NONE if awake else drowsy,
                "drowsy" if drowsy >= WARNING else "signs of drowsiness",
                self._perclos.short or 0.0,
                rules.perclos_short if drowsy >= WARNING else rules.perclos_advice,
                rules.perclos_short_s,
                cooldown_s=rules.drowsy_cooldown_s,
            ),
            Condition(
                "nod",
                SOFT if self._nods.active and not awake else NONE,
                "nod",
                self._nods.drop_deg,
                rules.nod_deg,
                cooldown_s=rules.yawn_cooldown_s,
            ),
            Condition(
                "glance",
                glance.level,
                "eyes off the road",
                glance.off_s,
                glance.threshold_s,
                silenced=glance.silenced,
            ),
            Condition(
                "glances",
                glances.level,
                "eyes often off the road",
                glances.sum_s,
                rules.often_s,
                rules.often_window_s,
                silenced=glances.silenced,
                cooldown_s=rules.often_cooldown_s,
            ),
            Condition(
                "yawn",
                NOTE if self._yawns.active else NONE,
                "yawn",
                self._yawns.wide_s,
                rules.yawn_s,
                cooldown_s=rules.yawn_cooldown_s,
            ),
        )

    def _word(self) -> tuple[str, str]:
        if self._view.poor:
            return POOR_VIEW, self._view.reason
        calibration = self._calibration
        if calibration is None:
            return WATCHING, ""
        if self.baseline is None and (calibration.late or calibration.progress == 0):
            return UNCALIBRATED, "keep your eyes open and look ahead" if calibration.late else "no face yet"
        return CALIBRATING, self._calibration_reason or "look ahead"

    def _describe(
        self,
        t_ns: int,
        face: FaceMeasure | None,
        eyes: Eyes,
        gaze: Gaze | None,
        speed: float | None,
        band: str,
        fps: float,
    ) -> DriverState:
        rules, closure, baseline = self._rules, self._closure, self.baseline
        word, word_reason = self._word()
        state = "unknown" if closure.closed is None else "closed" if closure.closed else "open"
        head: tuple[float | None, float | None, float | None] = (None, None, None)
        if face is not None and baseline is not None:
            head = (
                face.yaw_deg - baseline.yaw_deg,
                face.pitch_deg - baseline.pitch_deg,
                face.roll_deg - baseline.roll_deg,
            )
        fatigue = max(
            (self._perclos.short or 0.0) / rules.perclos_short * 50,
            closure.closed_s / rules.microsleep_s * 75,
            # what stands is not lowered by what has become unknown
            FATIGUE_OF_LEVEL[max(self._drowsiness.level, closure.level)],
        )
        distraction = max(self._glance.off_s / self._glance.threshold_s, self._glances.sum_s / rules.often_s)
        return DriverState(
            t_ns=t_ns,
            word=word,
            word_reason=word_reason,
            progress=1.0 if self._calibration is None else self._calibration.progress,
            face_id=None if face is None else face.face_id,
            eyes=state,
            eyes_reason=eyes.reason,
            openness=eyes.openness,
            closed_s=closure.closed_s,
            blinks_per_min=self._blinks.per_min,
            blink_ms=self._blinks.duration_ms,
            perclos_short=self._perclos.short,
            perclos_long=self._perclos.long,
            mouth=None if face is None else face.mouth,
            yawns=self._yawns.count(t_ns),
            yaw_deg=head[0],
            pitch_deg=head[1],
            roll_deg=head[2],
            gaze_yaw_deg=None if gaze is None else gaze.yaw_deg,
            gaze_pitch_deg=None if gaze is None else gaze.pitch_deg,
            zone=self._zones.zone,
            off_road_s=self._glance.off_s,
            off_road_sum_s=self._glances.sum_s,
            fatigue=min(100.0, fatigue),
            distraction=min(100.0, 100 * distraction),
            speed_kmh=speed,
            speed_band=band,
            fps=fps,
            alerts=self._alerts.active,
        )
