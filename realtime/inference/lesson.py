"""The guided minute of "teach it my face": which expression to make when, and what is kept of it.

Kept are the model's features of windows, never pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from realtime.clock import to_ns, to_s
from realtime.values import FloatArray, Quality

# from what everybody can do at once to what takes a moment's thought
ORDER = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear")
READY_SHARE = 0.3  # of each expression's time, to read what is wanted
SETTLE_SHARE = 0.08  # of the hold: the face is still on its way
HELD_BACK_SHARE = 1 / 3  # of the hold, its last part
MOST_WINDOWS = 400  # of one expression: a bound on memory, 50 a second for 8 s
MIN_TRAINING, MIN_HELD_BACK = 4, 2


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What a lesson gave.

    Attributes:
        features: (N,C) float32, what the head reads.
        logits: (N,K) float32, what the shipped head made of it.
        classes: (N,) int64, number of the expression that was asked for.
        held_back: (N,) bool, True for the windows that only measure.
    """

    features: FloatArray
    logits: FloatArray
    classes: npt.NDArray[np.int64]
    held_back: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Step:
    """Where a lesson stands: the expression, "ready" or "hold", seconds of that phase left, 0 to 1 in all."""

    label: str
    phase: str
    left_s: float
    progress: float


class Lesson:
    """Asks for each expression in turn and collects the windows that lie wholly inside its hold.

    The last third of each hold is held back: no window has frames of both parts, so that what is measured
    is not what was learnt, a moment later. One thread uses it at a time; times are arguments.
    """

    def __init__(self, labels: Sequence[str], begun_ns: int, *, seconds: float) -> None:
        """Begins.

        Args:
            labels: the model's classes; they are asked for in `ORDER`, others after.
            begun_ns: now.
            seconds: for all expressions together.
        """
        known = [name for name in ORDER if name in labels]
        self.order = (*known, *(name for name in labels if name not in known))
        self._labels = tuple(labels)
        self._begun_ns = begun_ns
        self._each_ns = to_ns(seconds) // len(self.order)
        self._ready_ns = round(self._each_ns * READY_SHARE)
        hold_ns = self._each_ns - self._ready_ns
        self._settle_ns = self._ready_ns + round(hold_ns * SETTLE_SHARE)
        self._split_ns = self._each_ns - round(hold_ns * HELD_BACK_SHARE)
        self._kept: dict[str, list[tuple[FloatArray, FloatArray, bool]]] = {name: [] for name in self.order}
        self._poor: dict[str, int] = dict.fromkeys(self.order, 0)

    def step(self, t_ns: int) -> Step | None:
        """Where the lesson stands; None when it is over."""
        passed_ns = max(0, t_ns - self._begun_ns)
        number = passed_ns // self._each_ns
        if number >= len(self.order):
            return None
        inside_ns = passed_ns - number * self._each_ns
        ready = inside_ns < self._ready_ns
        left_ns = (self._ready_ns if ready else self._each_ns) - inside_ns
        progress = passed_ns / (self._each_ns * len(self.order))
        return Step(self.order[number], "ready" if ready else "hold", to_s(left_ns), progress)

    def take(
        self, window_ns: tuple[int, int], logits: FloatArray, feature: FloatArray, quality: Quality
    ) -> None:
        """Takes one window of the face in, if it is of use.

        Args:
            window_ns: times of its oldest and newest crop.
            logits: (K,) of the shipped head.
            feature: (C,).
            quality: of the newest crop.
        """
        from_ns, to_ns_ = (each - self._begun_ns for each in window_ns)
        number = to_ns_ // self._each_ns
        if from_ns < 0 or not 0 <= number < len(self.order):
            return
        start = number * self._each_ns
        if from_ns < start + self._settle_ns:
            return
        held_back = from_ns >= start + self._split_ns
        if not held_back and to_ns_ > start + self._split_ns:
            return
        name = self.order[number]
        if not quality.ok:
            self._poor[name] += 1
        elif len(self._kept[name]) < MOST_WINDOWS:
            self._kept[name].append((feature, logits, held_back))

    def lacking(self) -> str:
        """Why nothing can be learnt, in words; empty when everything is there."""
        for name in self.order:
            held = sum(held_back for _, _, held_back in self._kept[name])
            training = len(self._kept[name]) - held
            if training < MIN_TRAINING or held < MIN_HELD_BACK:
                cause = "the picture was not good enough" if self._poor[name] else "too little was seen"
                return (
                    f"{name}: {cause}; expected {MIN_TRAINING} windows to learn from and {MIN_HELD_BACK} "
                    f"to measure, got {training} and {held}"
                )
        return ""

    def samples(self) -> Samples:
        """Everything that was collected."""
        rows = [(self._labels.index(name), *row) for name in self.order for row in self._kept[name]]
        return Samples(
            np.array([feature for _, feature, _, _ in rows], np.float32),
            np.array([logits for _, _, logits, _ in rows], np.float32),
            np.array([number for number, _, _, _ in rows], np.int64),
            np.array([held for _, _, _, held in rows], np.bool_),
        )
