"""Makes traces: a made driver whose eyes, head and mouth follow a script, measured as landmarks would be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from realtime.clock import NS_PER_S
from realtime.driver.measure import FaceMeasure
from realtime.driver.trace import Expected, Row, Trace
from realtime.values import Quality

IRIS_DEG = 143.0  # one eye width of iris movement, as settings.iris_deg


@dataclass(frozen=True, slots=True)
class _Act:
    """One channel's value from start to end, reached and left in `ramp_s`."""

    channel: str
    start_s: float
    end_s: float
    value: float
    ramp_s: float

    def weight(self, t_s: float) -> float:
        if not self.start_s < t_s < self.end_s:
            return 0.0
        if self.ramp_s <= 0:
            return 1.0
        x = min(1.0, (t_s - self.start_s) / self.ramp_s, (self.end_s - t_s) / self.ramp_s)
        return x * x * (3 - 2 * x)


REST = {
    "openness": 1.0,
    "yaw": 0.0,
    "pitch": 0.0,
    "eye_yaw": 0.0,
    "eye_pitch": 0.0,
    "mouth": 0.05,
    "brightness": 0.5,
    "eye_light": 0.75,
    "size": 180.0,
    "present": 1.0,
    "closed_share": 0.2,
    "speed": math.nan,
    "passenger": 0.0,
}


class Actor:
    """A driver with a script. Times are seconds from the trace's start.

    The measures carry what spoils real ones: noise, an eye aspect ratio that rises with yaw and falls when
    the gaze goes down (0.85 % per degree), and frames that come at uneven times.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        *,
        fps: float = 30.0,
        jitter: float = 0.0,
        seed: int = 1,
        noise: float = 1.0,
        ear: float = 0.27,
        neutral_deg: tuple[float, float, float] = (4.0, -8.0, 3.0),
    ) -> None:
        """Makes an actor who looks ahead with open eyes.

        Args:
            name: of the trace.
            seconds: its length.
            fps: frame rate, 1/s.
            jitter: standard deviation of a frame's time, in frame intervals.
            seed: of noise and jitter.
            noise: factor on the usual noise.
            ear: aspect ratio of the open eyes.
            neutral_deg: yaw, pitch, roll at which the camera sees this driver look ahead.
        """
        self._name, self._seconds, self._fps, self._jitter = name, seconds, fps, jitter
        self._random = np.random.default_rng(seed)
        self._noise, self._ear, self._neutral = noise, ear, neutral_deg
        self._acts: list[_Act] = []
        self._expected: list[Expected] = []
        self._words: list[tuple[str, float]] = []

    # -- the script -------------------------------------------------------------------------------------

    def act(self, channel: str, start_s: float, seconds: float, value: float, ramp_s: float = 0.0) -> Actor:
        """Moves one channel (a key of REST) to a value and back."""
        if channel not in REST:
            raise ValueError(f"channel: expected one of {', '.join(REST)}, got {channel!r}")
        self._acts.append(_Act(channel, start_s, start_s + seconds, value, ramp_s))
        return self

    def blink(self, start_s: float, seconds: float = 0.2) -> Actor:
        """One blink."""
        return self.act("openness", start_s, seconds, 0.0, seconds * 0.35)

    def blinks(self, start_s: float, end_s: float, each_s: float = 3.7) -> Actor:
        """Blinks again and again, a little unevenly."""
        t_s = start_s + each_s / 2
        while t_s < end_s:
            self.blink(t_s)
            t_s += each_s * (0.8 + 0.4 * float(self._random.random()))
        return self

    def close(self, start_s: float, seconds: float) -> Actor:
        """Eyes fully closed from `start_s` for `seconds`; the lids move before and after, 0.1 s each."""
        return self.act("openness", start_s - 0.1, seconds + 0.2, 0.0, 0.1)

    def look(
        self, start_s: float, seconds: float, yaw: float = 0.0, pitch: float = 0.0, eyes: float = 0.4
    ) -> Actor:
        """A glance of `seconds` between half ways; `eyes` is the eyes' share of the angle."""
        ramp = 0.12
        for name, angle in (("yaw", yaw), ("pitch", pitch)):
            self.act(name, start_s - ramp / 2, seconds + ramp, angle * (1 - eyes), ramp)
            self.act(f"eye_{name}", start_s - ramp / 2, seconds + ramp, angle * eyes, ramp)
        return self

    def talk(self, start_s: float, end_s: float) -> Actor:
        """Syllables: the mouth opens to very different ratios, four times a second."""
        t_s = start_s
        while t_s < end_s:
            seconds = 0.12 + 0.25 * float(self._random.random())
            self.act("mouth", t_s, seconds, 0.1 + 0.55 * float(self._random.random()), seconds / 2)
            t_s += seconds * 1.1
        return self

    def laugh(self, start_s: float, seconds: float) -> Actor:
        """Laughter: the mouth open, the eyes narrowed, the head shaking."""
        self.act("openness", start_s, seconds, 0.42, 0.2).act("mouth", start_s, seconds, 0.55, 0.15)
        return self.act("pitch", start_s, seconds, 4.0, 0.3)

    def yawn(self, start_s: float, seconds: float = 4.5) -> Actor:
        """A yawn with narrowed eyes and the head a little back."""
        self.act("mouth", start_s, seconds, 0.9, 1.0).act("pitch", start_s, seconds, 5.0, 1.0)
        return self.act("openness", start_s + 0.8, seconds - 1.6, 0.1, 0.5)

    def expect(self, rule: str, level: str, t_s: float, tolerance_s: float = 0.2) -> Actor:
        """Says that an alert should begin or rise at a time."""
        self._expected.append(Expected(rule, level, round(t_s, 3), tolerance_s))
        return self

    def expect_closure(self, start_s: float, seconds: float) -> Actor:
        """Expects the closure ladder as far as a closure of `seconds` climbs it."""
        ladder = ((0.5, "note"), (1.0, "soft"), (1.5, "warning"), (3.0, "urgent"), (6.0, "emergency"))
        for rung_s, level in ladder:
            if seconds > rung_s + 0.1:
                self.expect("closure", level, start_s + rung_s)
        return self

    def expect_word(self, word: str, by_s: float) -> Actor:
        """Says that a state word must be shown at a time."""
        self._words.append((word, by_s))
        return self

    # -- the trace --------------------------------------------------------------------------------------

    def trace(self) -> Trace:
        """The trace of the script."""
        count = int(self._seconds * self._fps)
        times_s = np.arange(count) / self._fps
        times_s = times_s + self._random.normal(0, self._jitter / self._fps, count)
        times_s = np.sort(times_s - times_s.min())
        # every act touches few frames: collect them by frame, not by looking through all acts each time
        values = {name: np.full(count, rest) for name, rest in REST.items()}
        for act in self._acts:
            first, last = np.searchsorted(times_s, (act.start_s, act.end_s))
            channel = values[act.channel]
            for index in range(int(first), int(last)):
                weight = act.weight(float(times_s[index]))
                rest = channel[index]
                channel[index] = act.value if math.isnan(rest) else rest + weight * (act.value - rest)
        noise = self._random.normal(0, self._noise, (count, 8))
        rows = []
        for index in range(count):
            now = {name: float(channel[index]) for name, channel in values.items()}
            rows.append(self._row(round(float(times_s[index]) * NS_PER_S), now, noise[index]))
        return Trace(self._name, rows, self._expected, self._words)

    def _row(self, t_ns: int, now: dict[str, float], noise: np.ndarray) -> Row:  # type: ignore[type-arg]
        faces = []
        if now["present"] > 0.5:
            quality = Quality(
                now["size"], 0.0, 0.0, 0.0, 60.0, now["brightness"], (), eye_light=now["eye_light"]
            )
            faces.append((self._measure(now, noise), quality))
        if now["passenger"] > 0.5:  # smaller, eyes shut, head turned: nobody's business
            faces.append((FaceMeasure(9, 0.05, 0.05, 0.8, 40, -20, 0, 0, 0), Quality(100, 0, 0, 0, 60, 0.5)))
        speed = now["speed"]
        return Row(t_ns, tuple(faces), None if math.isnan(speed) else speed)

    def _measure(self, now: dict[str, float], noise: np.ndarray) -> FaceMeasure:  # type: ignore[type-arg]
        down = max(0.0, -(now["pitch"] + now["eye_pitch"]))
        share = now["closed_share"] + (1 - now["closed_share"]) * now["openness"]
        ear = self._ear * share * max(0.0, 1 - 0.0085 * down)
        yaw = math.radians(now["yaw"])
        near, far = 1 / math.cos(yaw), 1 / math.cos(min(1.2, abs(yaw) * 1.6))
        right, left = (near, far) if yaw > 0 else (far, near)
        return FaceMeasure(
            face_id=1,
            eye_right=ear * right + 0.006 * float(noise[0]),
            eye_left=ear * left + 0.006 * float(noise[1]),
            mouth=max(0.0, now["mouth"] + 0.01 * float(noise[2])),
            yaw_deg=self._neutral[0] + now["yaw"] + 0.5 * float(noise[3]),
            pitch_deg=self._neutral[1] + now["pitch"] + 0.6 * float(noise[4]),
            roll_deg=self._neutral[2] + 0.3 * float(noise[5]),
            iris_x=now["eye_yaw"] / IRIS_DEG + 0.006 * float(noise[6]),
            iris_y=-0.05 - now["eye_pitch"] / IRIS_DEG + 0.006 * float(noise[7]),
        )
