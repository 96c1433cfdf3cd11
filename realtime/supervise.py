"""Parts of the live path that fail are made again: one supervised thread each, and one watchdog for all.

A part is made, used and closed on its own thread. When it raises, it is closed and made anew after a
back-off; when it hangs, its thread is given up (Python cannot end it) and a new one takes over. What a
thread that was given up still says is not published.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from typing import Protocol

from realtime.clock import NS_PER_S, now_ns
from realtime.logs import say
from realtime.worker import Worker

log = logging.getLogger(__name__)

FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.25, 8.0
WATCH_S = 0.5
# A hung thread keeps what it holds; with more of them than this the part stays down until one returns.
MOST_HUNG = 2


class HungError(RuntimeError):
    """A part did not come back from its work."""


class Part(Protocol):
    """What a supervised thread runs. Made, used and closed by one thread."""

    def step(self) -> bool:
        """Does one bounded piece of work; True if there was something to do. At most a second when idle."""

    def close(self) -> None:
        """Gives back what the part holds; called once, also after an error."""


class Life:
    """One thread's time with a part. Its maker and the part ask it what happened before.

    Attributes:
        failures: failures in a row before this making.
        after_hang: the part before this one hangs, and its thread still uses what it was made of.
    """

    def __init__(self, owner: Supervised, failures: int, after_hang: bool) -> None:
        self.failures, self.after_hang = failures, after_hang
        self.in_charge = True  # False once the thread was given up: publish nothing
        self.turns = 0  # for the watchdog: rises with each step, and odd while one goes on
        self.making = True
        self.worker = Worker(owner.name, self._step, teardown=self._close)
        self._owner = owner
        self._part: Part | None = None

    def _step(self) -> None:
        self.turns += 1
        try:
            if self._part is None:
                self.making = True
                self._part = self._owner.make(self)
                self.making = False
            worked = self._part.step()
        except Exception as error:
            self.turns += 1
            self._close()
            if self.in_charge:
                self.failures += 1
                self.after_hang = False
                self.worker.wait_stop(self._owner.failed(error, self.failures))
            return
        self.turns += 1
        if worked and self.in_charge:
            self.failures = 0
            self._owner.worked()

    def _close(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            try:
                part.close()
            except Exception:  # what has failed may well fail to close; it is replaced anyway
                log.debug("%s: closing failed", self._owner.name, exc_info=True)


class Supervised:
    """A part on its own thread that is made again when it fails or hangs. Used like a Worker."""

    def __init__(
        self,
        name: str,
        make: Callable[[Life], Part],
        *,
        wake: Callable[[], None] | None = None,
        on_error: Callable[[str, BaseException], None] | None = None,
        on_recovered: Callable[[str], None] | None = None,
        patience_s: float = math.inf,
        making_s: float = 180.0,
        stream: str = "",
    ) -> None:
        """Makes it without starting.

        Args:
            name: of the thread, shown in health reports.
            make: makes the part, on its thread; called again after each failure.
            wake: called by `stop` so that a waiting step returns at once.
            on_error: told the name and the exception of each failure, on the thread that failed or the
                watchdog's.
            on_recovered: told the name when the part works again, on its thread.
            patience_s: a step that takes longer hangs; needs a Watchdog.
            making_s: the same for making.
            stream: whose part it is, for log lines; "" for the process's.
        """
        self.name, self.make = name, make
        self.failures = self.hangs = 0  # since the start
        self.error: BaseException | None = None  # what failed last; None once it works again
        self._wake, self._on_error, self._on_recovered = wake, on_error, on_recovered
        self._patience_s, self._making_s = patience_s, making_s
        self._about = {"part": name, **({"stream": stream} if stream else {})}
        self._lock = threading.Lock()
        self._life = Life(self, 0, after_hang=False)
        self._hung: list[Worker] = []
        self._stuck: tuple[Life, int, float] = (self._life, -1, 0.0)  # whose, which turn, for how long
        self._stopping = False

    def start(self) -> None:
        """Starts the thread; a second call, or one after stop, has no effect."""
        self._life.worker.start()

    def request_stop(self) -> None:
        """Asks the thread to end, without waiting."""
        with self._lock:
            self._stopping = True
            self._life.worker.request_stop()
        if self._wake is not None:
            self._wake()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Asks the thread to end and waits for it; True if it has ended. Can be called twice."""
        self.request_stop()
        return self._life.worker.stop(timeout_s)

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._life.worker.alive

    @property
    def stopping(self) -> bool:
        """True once a stop was asked for."""
        return self._stopping

    def failed(self, error: BaseException, failures: int) -> float:
        """Notes a failure; the seconds to wait before the next try. Called by the life."""
        wait_s = min(FIRST_BACK_OFF_S * 2.0 ** min(failures - 1, 30), LONGEST_BACK_OFF_S)
        text = f"{self.name} failed ({type(error).__name__}: {error}), trying again in {wait_s:g} s"
        trace = error if failures == 1 else None  # the others of a row say the same
        say(log, "fault", text, logging.WARNING, trace, failures=failures, **self._about)
        self._note(error)
        return wait_s

    def worked(self) -> None:
        """Notes that the part works. Called by the life."""
        if self.error is not None:
            self.error = None
            say(log, "recovered", f"{self.name} works again", logging.WARNING, None, **self._about)
            if self._on_recovered is not None:
                self._on_recovered(self.name)

    def watch(self, elapsed_s: float) -> None:
        """Gives up a thread that hangs and starts another; called by the Watchdog.

        Args:
            elapsed_s: seconds since the last call in which this process surely ran. A process that was
                suspended or starved of its cores must not take that for a hang.
        """
        with self._lock:
            life, turn = self._life, self._life.turns
            same = self._stuck[0] is life and self._stuck[1] == turn and turn % 2 == 1
            stuck_s = self._stuck[2] + elapsed_s if same else 0.0
            self._stuck = (life, turn, stuck_s)
            limit_s = self._making_s if life.making else self._patience_s
            if stuck_s < limit_s or self._stopping or not life.worker.alive:
                return
            self._hung = [each for each in self._hung if each.alive]
            if len(self._hung) >= MOST_HUNG:
                return
            self._hung.append(life.worker)
            life.in_charge = False
            life.worker.request_stop()
            self._life = Life(self, life.failures + 1, after_hang=True)
            self.hangs += 1
        error = HungError(f"no answer for {stuck_s:.1f} s")
        text = f"{self.name} hangs ({error}), a new thread takes over"
        say(log, "hang", text, logging.WARNING, None, hung=len(self._hung), **self._about)
        self._note(error)
        self._life.worker.start()

    def _note(self, error: BaseException) -> None:
        self.failures += 1
        self.error = error
        if self._on_error is not None:
            self._on_error(self.name, error)


class Watchdog:
    """One thread that looks after supervised parts twice a second."""

    def __init__(self, *parts: Supervised, every_s: float = WATCH_S) -> None:
        """Makes it without starting."""
        self._parts, self._every_s = parts, every_s
        self._last_ns = now_ns()
        self.worker = Worker("watchdog", self._step)

    def add(self, part: Supervised) -> None:
        """Looks after one more part; any thread."""
        self._parts = (*self._parts, part)

    def _step(self) -> None:
        if self.worker.wait_stop(self._every_s):
            return
        t_ns = now_ns()
        elapsed_s, self._last_ns = (t_ns - self._last_ns) / NS_PER_S, t_ns
        for part in self._parts:
            part.watch(min(elapsed_s, 2 * self._every_s))
