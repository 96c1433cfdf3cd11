"""The composer thread of a stream: paints each frame once, on time, whatever the model does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from realtime.clock import now_ns, to_ns
from realtime.driver.state import DriverState
from realtime.picture.compose import Painter
from realtime.slot import Fanout, Slot
from realtime.stats import Durations, Rate
from realtime.supervise import Life, Supervised
from realtime.values import Frame, Observation, Picture, Prediction


class Composer:
    """Paints the newest frame with what is known of it and publishes the picture.

    A frame waits for its own observation for `grace_s` at most, so that boxes sit on the frame they belong
    to; when vision is behind the frame goes out with the newest observation there is, unless that is older
    than `stale_s`. Without a subscriber to `pictures` nothing is painted. A painter that fails is made anew.
    """

    def __init__(
        self,
        name: str,
        *,
        blank_wh: tuple[int, int],
        source_notice: Callable[[], str],
        notices: Callable[[], tuple[str, ...]],
        on_error: Callable[[str, BaseException], None],
        on_recovered: Callable[[str], None] | None = None,
        expressions: bool = True,
        grace_s: float = 0.025,
        frozen_s: float = 1.0,
        stale_s: float = 1.0,
    ) -> None:
        """Makes the thread without starting it.

        Args:
            name: of the thread.
            blank_wh: size of the picture before there is a frame.
            source_notice: why there is no fresh frame ("camera lost ..."), "" while the source is fine.
            notices: other lines to show.
            on_error: told the thread's name and its exception, at each failure.
            on_recovered: told the name when it paints again.
            expressions: whether expressions are read, which have their labels and strip.
            grace_s: how long a frame waits for its observation.
            frozen_s: without a frame for this long the picture says so.
            stale_s: an observation this much older than the frame is not shown any more.
        """
        self.frames: Slot[Frame] = Slot()
        self.pictures: Fanout[Picture] = Fanout()
        self.durations = Durations()
        self.ages = Durations()  # from the frame's time to the finished picture
        self.rate = Rate()
        self._expressions = expressions
        self._blank_wh = blank_wh
        self._source_notice, self._notices = source_notice, notices
        self._grace_s, self._frozen_ns, self._stale_ns = grace_s, to_ns(frozen_s), to_ns(stale_s)
        self._known = threading.Condition()
        self._observation: Observation | None = None
        self._pending: list[Prediction] = []
        self._driver: DriverState | None = None
        self._last: Frame | None = None
        self._last_ns = now_ns()
        self.worker = Supervised(
            name, self._make, wake=self.frames.close, on_error=on_error, on_recovered=on_recovered
        )

    def observe(self, observation: Observation) -> None:
        """Takes vision's newest observation; called on the vision thread."""
        with self._known:
            self._observation = observation
            self._known.notify_all()

    def predict(self, prediction: Prediction) -> None:
        """Takes a prediction; called on the inference thread."""
        with self._known:
            self._pending.append(prediction)

    def watch_driver(self, state: DriverState) -> None:
        """Takes the driver's newest state; called on the vision thread."""
        with self._known:
            self._driver = state

    def _make(self, _life: Life) -> _Painting:
        return _Painting(self, Painter(expressions=self._expressions))

    def compose(self, painter: Painter) -> bool:
        """Waits for a frame and publishes its picture; True if one was painted. On the composer's thread."""
        frame = self.frames.take(0.2)
        now = now_ns()
        live = frame is not None
        if frame is None:
            frame = self._stand_in(now)
            if frame is None:
                return False
        else:
            self._last, self._last_ns = frame, now
        with self._known:
            pending, self._pending = self._pending, []
            driver = self._driver
        for prediction in pending:
            painter.note(prediction)
        if not len(self.pictures):
            return False
        if driver is not None:
            painter.watch_driver(driver)
        observation = self._observation_of(frame) if live else None
        started_ns = now_ns()
        notices = self._notices() if live else (self._source_notice() or "no picture", *self._notices())
        picture = painter.paint(frame, observation, notices, live=live)
        ended_ns = now_ns()
        self.durations.add_ns(ended_ns - started_ns)
        if live:
            self.ages.add_ns(ended_ns - frame.t_ns)
            self.rate.mark(ended_ns)
        self.pictures.publish(picture)
        return True

    def _stand_in(self, now: int) -> Frame | None:
        """The last frame again, or an empty one, when the source gives nothing; None if it is only slow."""
        if not self._source_notice() and now - self._last_ns < self._frozen_ns:
            return None
        if self._last is not None:
            return Frame(self._last.seq, now, self._last.image_rgb)
        width, height = self._blank_wh
        return Frame(0, now, np.full((height, width, 3), 48, np.uint8))

    def _observation_of(self, frame: Frame) -> Observation | None:
        with self._known:
            newest = self._observation
            if newest is not None and newest.seq == frame.seq - 1:  # vision keeps up: its answer is near
                self._known.wait_for(lambda: self._seen(frame.seq), self._grace_s)
            newest = self._observation
            return None if newest is None or frame.t_ns - newest.t_ns > self._stale_ns else newest

    def _seen(self, seq: int) -> bool:
        return self._observation is not None and self._observation.seq >= seq


class _Painting:
    """The supervised part: a painter while it works."""

    def __init__(self, composer: Composer, painter: Painter) -> None:
        self._composer, self._painter = composer, painter

    def step(self) -> bool:
        return self._composer.compose(self._painter)

    def close(self) -> None:
        """A painter holds nothing that must be given back."""
