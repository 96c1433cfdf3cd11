"""Time for the live path: monotonic nanoseconds, and the two conversions that everything uses."""

from __future__ import annotations

import time

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def now_ns() -> int:
    """Monotonic time in nanoseconds; not related to the wall clock, never steps back."""
    return time.monotonic_ns()


def to_ns(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * NS_PER_S)


def to_s(nanoseconds: int) -> float:
    """Nanoseconds as seconds."""
    return nanoseconds / NS_PER_S
