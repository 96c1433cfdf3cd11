"""The source that stands where a camera may not be opened yet."""

from __future__ import annotations

import threading

from realtime.capture.source import NoPicture, Reading


class WaitingSource:
    """Gives no picture and touches no device; the stream replaces it once somebody has agreed."""

    def __init__(self, camera: str, *, wait_s: float = 0.25) -> None:
        """Makes it.

        Args:
            camera: what would be opened, for people.
            wait_s: how long a read waits before it says that there is no picture.
        """
        self.live, self.choice_reason, self.dropped = True, "", 0
        self.description = f"{camera}, not opened yet"
        self._wait_s = wait_s
        self._closed = threading.Event()

    def read(self) -> Reading:
        """That there is no picture; see Source.read."""
        return None if self._closed.wait(self._wait_s) else NoPicture.NO_SENDER

    def close(self) -> None:
        """Ends it and wakes a waiting read; can be called twice. Any thread."""
        self._closed.set()
