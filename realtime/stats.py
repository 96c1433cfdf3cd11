"""Rates, durations and counts of the live path, cheap enough to be always on."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from realtime.clock import NS_PER_S, to_ns


class Rate:
    """Events per second over the last `span_s` seconds. Any thread may mark or read."""

    def __init__(self, span_s: float = 3.0) -> None:
        self._span_ns = to_ns(span_s)
        self._marks: deque[int] = deque()
        self._lock = threading.Lock()
        self.count = 0

    def mark(self, t_ns: int) -> None:
        """Notes one event at `t_ns`."""
        with self._lock:
            self.count += 1
            self._marks.append(t_ns)
            self._trim(t_ns)

    def per_s(self, t_ns: int) -> float:
        """The rate at `t_ns` in 1/s, 0 where fewer than two events are in the span."""
        with self._lock:
            self._trim(t_ns)
            if len(self._marks) < 2 or self._marks[-1] == self._marks[0]:
                return 0.0
            return (len(self._marks) - 1) * NS_PER_S / (self._marks[-1] - self._marks[0])

    def _trim(self, t_ns: int) -> None:
        while self._marks and self._marks[0] < t_ns - self._span_ns:
            self._marks.popleft()


class Load:
    """Share of the last `span_s` seconds that a thread was busy. It notes, any thread may read."""

    def __init__(self, span_s: float = 3.0) -> None:
        self._span_ns = to_ns(span_s)
        self._busy: deque[tuple[int, int]] = deque()
        self._begun: int | None = None
        self._lock = threading.Lock()

    def begin(self, t_ns: int) -> None:
        """Notes that work begins."""
        with self._lock:
            self._begun = t_ns

    def end(self, t_ns: int) -> None:
        """Notes that the work begun last ends."""
        with self._lock:
            if self._begun is not None:
                self._busy.append((self._begun, t_ns))
            self._begun = None
            while self._busy and self._busy[0][1] < t_ns - self._span_ns:
                self._busy.popleft()

    def share(self, t_ns: int) -> float:
        """0 to 1, at `t_ns`, with the work that goes on."""
        since = t_ns - self._span_ns
        with self._lock:
            going_on = [] if self._begun is None else [(self._begun, t_ns)]
            busy = sum(max(0, ended - max(began, since)) for began, ended in [*self._busy, *going_on])
        return min(1.0, busy / self._span_ns)


# upper bounds of the histogram, seconds: a picture at 30/s has 0.033
BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.033, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Histogram:
    """All durations since the start.

    Attributes:
        counts: how many were at most each of BOUNDS_S, and how many in all, as Prometheus counts.
        sum_s: their sum, seconds.
    """

    counts: tuple[int, ...]
    sum_s: float


class Durations:
    """Median and 95th percentile of the newest `capacity` durations in ms. Any thread may add or read."""

    def __init__(self, capacity: int = 256) -> None:
        self._values: deque[float] = deque(maxlen=capacity)
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0
        self._lock = threading.Lock()

    def add_ns(self, duration_ns: int) -> None:
        """Notes one duration given in nanoseconds."""
        seconds = duration_ns / 1e9
        with self._lock:
            self._values.append(duration_ns / 1e6)
            self._buckets[bisect_left(BOUNDS_S, seconds)] += 1
            self._sum_s += seconds

    def histogram(self) -> Histogram:
        """All that was added."""
        with self._lock:
            return Histogram(tuple(accumulate(self._buckets)), self._sum_s)

    def summary(self) -> dict[str, float] | None:
        """`{"median": ms, "p95": ms}`, or None before the first duration."""
        with self._lock:
            if not self._values:
                return None
            values = np.fromiter(self._values, float)
        median, p95 = np.percentile(values, [50, 95])
        return {"median": round(float(median), 2), "p95": round(float(p95), 2)}
