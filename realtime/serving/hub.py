"""The one crossing from the program's threads to the server's event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


class Hub:
    """Carries values from any thread to functions that run on the loop, in order.

    A wake-up is posted to the loop only when none is pending, so a busy loop is not made busier by
    those who wait for it. What waits is bounded: over `capacity` the oldest value is dropped and
    counted. Whoever needs an unbroken series notices by the numbers in it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int = 512) -> None:
        self._loop = loop
        self._capacity = capacity
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._pending = False
        self._closed = False
        self.dropped = 0
        self.wakeups = 0

    def post(self, sink: Callable[[Any], None], value: Any) -> None:
        """Has `sink(value)` called on the loop soon; returns at once. Ignored once closed. Any thread."""
        with self._lock:
            if self._closed:
                return
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append((sink, value))
            if not self._pending:
                self._pending = True
                self.wakeups += 1
                self._loop.call_soon_threadsafe(self._deliver)

    def close(self) -> None:
        """Forgets what waits and ignores later posts; must come before the loop closes."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def _deliver(self) -> None:
        with self._lock:
            ready, self._waiting = self._waiting, deque()
            self._pending = False
        for sink, value in ready:
            try:
                sink(value)
            except Exception:
                log.exception("a receiver on the server's loop failed")
