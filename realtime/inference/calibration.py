"""A person's own rest: learnt in some guided seconds, then taken into account in that face's scores.

All quantities here are log-odds against the neutral class in nats: (logit_k - logit_neutral) / temperature.
The package's README has the formula, what it does to expressions, and its limits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.spec import ModelSpec
from realtime.clock import to_ns, to_s
from realtime.inference.scores import Scores, intensity_of, probabilities_of
from realtime.values import FloatArray, Quality

NEUTRAL = "neutral"
# At rest no class comes nearer to neutral than this: with one class there and the others far below, neutral
# has 0.82, with all six there 0.43, which is still the largest.
LEAD = 1.5
# An expression that rises by this much above the person's rest keeps its whole margin.
FADE = 1.5
# No class is lowered by more than this, however the rest looked.
BOUND = 6.0
LIMIT = 100.0  # of a stored log-odds

STILL_DEG = 8.0  # a head within this of its median is still
STEADY = 1.5  # log-odds within this of their median are one and the same face
MIN_WINDOWS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Neutral:
    """One person's rest, as one head of one model sees it.

    Attributes:
        head: fingerprint of the weights, and of the taught head where one was in use.
        labels: class names in the order of `rest`.
        rest: (K,) float32, log-odds of each class against neutral at rest, 0 for neutral itself.
    """

    head: str
    labels: tuple[str, ...]
    rest: FloatArray

    def scores(self, logits: FloatArray, spec: ModelSpec) -> Scores:
        """The scores of one window, measured from this rest.

        Args:
            logits: (K,) float32.
            spec: of the model that gave them.
        """
        neutral = self.labels.index(NEUTRAL)
        odds = (logits - logits[neutral]) / spec.temperature
        rise = odds - self.rest
        excess = np.clip(self.rest + LEAD, 0, BOUND)
        excess[neutral] = 0
        faded = excess * (1 - np.clip(rise / FADE, 0, 1) ** 2)
        adjusted = (logits - faded * spec.temperature).astype(np.float32)
        probabilities = probabilities_of(adjusted, spec)
        best = int(adjusted.argmax())
        if best != neutral:  # intensity counts from the person's rest, too
            second = float(np.partition(adjusted, -2)[-2])
            adjusted[best] = min(float(adjusted[best]), second + float(rise[best]) * spec.temperature)
            adjusted[best] = max(float(adjusted[best]), second)
        return Scores(probabilities, intensity_of(adjusted, spec), calibrated=True)

    def to_json(self) -> dict[str, Any]:
        """A small JSON object that `from_json` takes."""
        rest = {name: round(float(value), 3) for name, value in zip(self.labels, self.rest, strict=True)}
        return {"head": self.head, "rest": rest}


def from_json(value: object, labels: tuple[str, ...]) -> Neutral:
    """A rest that `Neutral.to_json` gave.

    Raises:
        ValueError: it is none, or one of other classes; the text says expected and got.
    """
    if not isinstance(value, Mapping) or set(value) != {"head", "rest"}:
        raise ValueError(f"expected keys head and rest, got {_short(value)}")
    head, rest = value["head"], value["rest"]
    if not isinstance(head, str) or not 0 < len(head) <= 100:
        raise ValueError(f"expected head to be a text, got {_short(head)}")
    if not isinstance(rest, Mapping) or set(rest) != set(labels):
        raise ValueError(f"expected rest to have {', '.join(labels)}, got {_short(rest)}")
    numbers = []
    for name in labels:
        number = rest[name]
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise ValueError(f"expected rest {name} to be a number, got {_short(number)}")
        if abs(number) > LIMIT or (name == NEUTRAL and number != 0):
            raise ValueError(f"expected rest {name} to be within its range, got {number}")
        numbers.append(float(number))
    return Neutral(head, labels, np.array(numbers, np.float32))


def _short(value: object) -> str:
    return repr(value)[:80]


class RestCollector:
    """Collects one face's windows for some seconds and makes a Neutral of them, or says why not.

    One thread uses it at a time; times are arguments.

    Attributes:
        message: what to tell the person.
        reason: "" while all is well, else "lost", "moved", "unsteady", "quality" or "few".
        neutral: the result, once there is one.
    """

    def __init__(
        self, head: str, spec: ModelSpec, begun_ns: int, *, seconds: float, span_s: float, hz: float
    ) -> None:
        """Begins.

        Args:
            head: see Neutral.
            spec: of the model.
            begun_ns: now; windows that began earlier do not count.
            seconds: how long to collect.
            span_s: time span of a window.
            hz: windows a second that are expected.
        """
        self._head, self._spec = head, spec
        self._neutral = spec.labels.index(NEUTRAL)
        self._begun_ns, self._span_ns = begun_ns, to_ns(seconds)
        self._need = max(MIN_WINDOWS, round(0.15 * max(0.0, seconds - span_s) * hz))
        self._odds: list[FloatArray] = []
        self._angles: list[tuple[float, float]] = []
        self._seen = 0
        self._hints: Counter[str] = Counter()
        self._ended = False
        self.message = "Rest your face and look at the camera"
        self.reason = ""
        self.neutral: Neutral | None = None

    @property
    def ended(self) -> bool:
        """True once there is a result or a reason."""
        return self._ended

    def progress(self, t_ns: int) -> float:
        """0 to 1: how much of the time is over."""
        return min(1.0, max(0.0, (t_ns - self._begun_ns) / self._span_ns))

    def left_s(self, t_ns: int) -> float:
        """Seconds to go."""
        return 0.0 if self._ended else to_s(max(0, self._begun_ns + self._span_ns - t_ns))

    def take(self, window_ns: tuple[int, int], logits: FloatArray, quality: Quality) -> None:
        """Takes one window of the face in.

        Args:
            window_ns: times of its oldest and newest crop.
            logits: (K,) of the head in use.
            quality: of the newest crop.
        """
        if self._ended or window_ns[0] < self._begun_ns:
            return
        self._seen += 1
        self._hints.update(quality.hints)
        if quality.ok:
            self._odds.append((logits - logits[self._neutral]) / np.float32(self._spec.temperature))
            self._angles.append((quality.yaw_deg, quality.pitch_deg))
        self.tick(window_ns[1])

    def tick(self, t_ns: int) -> None:
        """Ends when the time is over, whether windows come or not."""
        if not self._ended and t_ns - self._begun_ns >= self._span_ns:
            self._finish()

    def lost(self) -> None:
        """The face has gone."""
        self.fail("lost", "The face was lost: stay in view and try again")

    def fail(self, reason: str, message: str) -> None:
        """Ends without a result."""
        if not self._ended:
            self._ended, self.reason, self.message = True, reason, message

    def _finish(self) -> None:
        good = len(self._odds)
        if self._seen >= self._need and good < 0.7 * self._seen:
            hint = self._hints.most_common(1)[0][0]
            return self.fail("quality", f"The picture was not good enough: {hint}")
        if good < self._need:
            return self.fail("few", f"Too little was seen: expected {self._need} windows or more, got {good}")
        angles, odds = np.array(self._angles), np.array(self._odds)
        still = (np.abs(angles - np.median(angles, axis=0)) <= STILL_DEG).all(axis=1)
        if still.mean() < 0.7:
            return self.fail("moved", "The head moved: hold it still and try again")
        odds = odds[still]
        steady = (np.abs(odds - np.median(odds, axis=0)) <= STEADY).all(axis=1)
        if steady.mean() < 0.7:
            return self.fail("unsteady", "The face changed: keep it at rest and try again")
        # above most of what rest looks like, so that its own flicker stays neutral
        rest = np.quantile(odds[steady], 0.8, axis=0).clip(-LIMIT, LIMIT).astype(np.float32)
        rest[self._neutral] = 0
        self._ended, self.message = True, "Your rest is taken into account"
        self.neutral = Neutral(self._head, self._spec.labels, rest)
