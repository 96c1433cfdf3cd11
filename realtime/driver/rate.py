"""How many frames a second there are, which bounds what may be said."""

from __future__ import annotations

from collections import deque

from realtime.clock import NS_PER_S, to_ns


class FrameRate:
    """The rate over the last seconds, from the frames' own times."""

    def __init__(self, span_s: float = 3.0) -> None:
        self._span_ns = to_ns(span_s)
        self._times: deque[int] = deque()

    def update(self, t_ns: int) -> float:
        """Takes a frame; the rate in 1/s, 0 before the second one."""
        self._times.append(t_ns)
        while self._times[0] < t_ns - self._span_ns:
            self._times.popleft()
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) * NS_PER_S / (t_ns - self._times[0])
