"""Whether the camera sees the driver well enough, and what is wrong where it does not."""

from __future__ import annotations

from collections import Counter, deque

from realtime.clock import to_ns
from realtime.driver.settings import DriverSettings
from realtime.values import Quality

NO_FACE = "no face"
EYES_COVERED = "eyes covered"


def complaint(quality: Quality | None, settings: DriverSettings) -> str:
    """What makes one frame unusable, in fixed words; "" for a usable one. None: there is no face."""
    if quality is None:
        return NO_FACE
    if quality.size_px < settings.min_size_px:
        return "too far away"
    if quality.brightness < settings.min_brightness:
        return "too dark"
    if quality.brightness > settings.max_brightness:
        return "too bright"
    if quality.eye_light < settings.min_eye_light:
        return EYES_COVERED
    if quality.sharpness < settings.min_sharpness:
        return "blurred"
    return ""


class View:
    """Judges the last seconds: poor when too little of them was usable."""

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._window_ns, self._gap_ns = to_ns(settings.view_window_s), to_ns(settings.gap_s)
        self._spans: deque[tuple[int, int, str]] = deque()  # end, length, complaint
        self._last_ns: int | None = None
        self.poor = False
        self.reason = ""

    def update(self, t_ns: int, reason: str) -> None:
        """Takes one frame's complaint; `poor` and `reason` are true of the window that ends here."""
        if self._last_ns is not None:
            passed = t_ns - self._last_ns
            self._spans.append((t_ns, passed, reason if passed <= self._gap_ns else "no pictures"))
        self._last_ns = t_ns
        while self._spans and self._spans[0][0] <= t_ns - self._window_ns:
            self._spans.popleft()
        total = sum(length for _, length, _ in self._spans)
        if total < self._window_ns // 2:
            return  # too early to say
        lost: Counter[str] = Counter()
        for _, length, each in self._spans:
            if each:
                lost[each] += length
        usable = 1 - sum(lost.values()) / total
        if usable < self._settings.poor_below:
            self.poor = True
        elif usable > self._settings.good_above:
            self.poor = False
        self.reason = lost.most_common(1)[0][0] if self.poor and lost else ""
