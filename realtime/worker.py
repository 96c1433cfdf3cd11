"""A named thread that can be started once, stopped twice, and that keeps its first exception."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Worker:
    """Runs `step` again and again on its own thread until stopped.

    A step that raises ends the thread; the exception is kept in `error` and `on_error` is told, so that
    health reports can name it while the rest goes on. `setup` and `teardown` run on the thread too,
    because cameras, landmarkers and models want to be opened, used and closed by one thread.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], None],
        *,
        setup: Callable[[], None] | None = None,
        teardown: Callable[[], None] | None = None,
        wake: Callable[[], None] | None = None,
        on_error: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        """Makes the worker without starting it.

        Args:
            name: the thread's name, shown in health reports.
            step: does one bounded piece of work; must return within about a second when idle.
            setup: runs first, on the thread.
            teardown: runs last, on the thread, also after an error.
            wake: called by `stop` so that a waiting step returns at once (closing its slot, for instance).
            on_error: called on the thread with the name and the exception.
        """
        self.name = name
        self._step, self._setup, self._teardown = step, setup, teardown
        self._wake, self._on_error = wake, on_error
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.error: BaseException | None = None

    def start(self) -> None:
        """Starts the thread; a second call, or one after stop, has no effect."""
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()

    def request_stop(self) -> None:
        """Asks the thread to end, without waiting."""
        self._stop.set()
        if self._wake is not None:
            self._wake()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Asks the thread to end and waits for it; True if it has ended. Can be called twice."""
        self.request_stop()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout_s)
        if thread.is_alive():
            log.error("thread %s did not end within %.1f s", self.name, timeout_s)
            return False
        return True

    @property
    def stopping(self) -> bool:
        """True once a stop was asked for."""
        return self._stop.is_set()

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def wait_stop(self, timeout_s: float) -> bool:
        """Sleeps up to `timeout_s`, or until a stop is asked for; True if it was. For back-off."""
        return self._stop.wait(timeout_s)

    def _run(self) -> None:
        try:
            try:
                if self._setup is not None:
                    self._setup()
                while not self._stop.is_set():
                    self._step()
            finally:
                if self._teardown is not None:
                    self._teardown()
        except BaseException as error:
            self.error = error
            log.exception("thread %s ended with an error", self.name)
            if self._on_error is not None:
                self._on_error(self.name, error)


def yield_to_others(niceness: int = 10) -> None:
    """Lowers the calling thread's own priority, so that heavy work never holds the picture up.

    Linux alone gives threads priorities of their own; elsewhere, and in a sandbox that forbids it, nothing
    happens.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
