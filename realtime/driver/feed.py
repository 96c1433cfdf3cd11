"""From vision's observations to the driver's events: chooses the face, measures it, runs the monitor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from realtime.clock import to_ns
from realtime.driver.alerts import Alert
from realtime.driver.events import alert_event, state_event
from realtime.driver.measure import measure
from realtime.driver.monitor import DriverMonitor
from realtime.driver.seat import Seat
from realtime.driver.settings import DriverSettings
from realtime.driver.speed import SpeedInput
from realtime.driver.state import DriverState
from realtime.values import Observation

STATE_EVERY_S = 0.2


class DriverFeed:
    """Runs the driver rules on the vision thread; requests from other threads wait for its next frame."""

    def __init__(
        self, settings: DriverSettings, publish: Callable[[dict[str, Any]], None], *, origin_ns: int = 0
    ) -> None:
        """Makes the feed.

        Args:
            settings: the thresholds.
            publish: takes each event, on the thread that calls `observe`.
            origin_ns: the time that counts as t = 0 in events.
        """
        self.settings = settings
        self._publish, self._origin_ns = publish, origin_ns
        self._monitor, self._seat = DriverMonitor(settings), Seat(settings.seat_s)
        self._lock = threading.Lock()
        self._speed = SpeedInput(settings)
        self._wants: set[str] = set()
        self._told: tuple[object, ...] = ()
        self._told_ns = -to_ns(STATE_EVERY_S)
        self._newest: dict[str, Any] | None = None

    def observe(self, observation: Observation) -> DriverState:
        """Takes what vision found in a frame, publishes what follows, and returns the state."""
        t_ns, seq = observation.t_ns, observation.seq
        with self._lock:
            speed_kmh, wants, self._wants = self._speed.at(t_ns), self._wants, set()
        ended: tuple[Alert, ...] = ()
        if "restart" in wants:
            ended = self._monitor.end()
            self._monitor, self._seat = DriverMonitor(self.settings), Seat(self.settings.seat_s)
        if "recalibrate" in wants:
            self._monitor.recalibrate()
        faces = {face.face_id: face for face in observation.faces}
        chosen = self._seat.choose(t_ns, {key: face.quality.size_px for key, face in faces.items()})
        answered = self._monitor.acknowledge() if "acknowledge" in wants else ()
        face = None if chosen is None else faces[chosen]
        update = self._monitor.update(
            t_ns,
            None if face is None else measure(face),
            None if face is None else face.quality,
            speed_kmh,
        )
        state = update.state
        for alert in (*ended, *answered, *update.changes):
            self._publish(alert_event(alert, state, seq, self._origin_ns))
        key = (state.word, state.zone, state.eyes, state.level)
        if key != self._told or answered or update.changes or t_ns - self._told_ns >= to_ns(STATE_EVERY_S):
            self._told, self._told_ns = key, t_ns
            event = state_event(state, seq, self._origin_ns, self.settings)
            self._newest = event
            self._publish(event)
        return state

    def acknowledge(self) -> None:
        """The driver answers to what is sounding; any thread."""
        with self._lock:
            self._wants.add("acknowledge")

    def recalibrate(self) -> None:
        """Has the baseline learnt anew; any thread."""
        with self._lock:
            self._wants.add("recalibrate")

    def restart(self) -> None:
        """Forgets the driver, because the source changed; any thread."""
        with self._lock:
            self._wants.add("restart")

    def set_speed(self, t_ns: int, speed_kmh: float) -> None:
        """Takes the vehicle's speed; any thread.

        Raises:
            ValueError: it is not 0 to 400 km/h.
        """
        with self._lock:
            self._speed.put(t_ns, speed_kmh)

    def status(self) -> dict[str, Any] | None:
        """The newest state event; None before the first frame. Any thread."""
        return self._newest
