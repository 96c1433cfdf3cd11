"""The composer thread of a stream: paints each frame once, on time, whatever the model does."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from realtime.clock import now_ns, to_ns
from realtime.driver.state import DriverState
from realtime.picture.compose import Painter
from realtime.picture.privacy import fits
from realtime.slot import Fanout, Slot
from realtime.stats import Durations, Rate
from realtime.supervise import Life, Supervised
from realtime.values import Frame, Observation, Picture, Prediction
from realtime.view import View

# a picture that is not painted after so long hangs; one takes 1 to 20 ms
PATIENCE_S = 10.0
# predictions that wait for the next picture; more than all faces have in the patience would be too many
MOST_PENDING = 256


class Composer:
    """Paints the newest frame with what is known of it and publishes the picture.

    A frame waits for its own observation for `grace_s` at most, so that boxes sit on the frame they belong
    to; when vision is behind or dead the frame goes out with the newest observation there is, unless that
    is older than `stale_s`. Without a subscriber to `pictures` nothing is painted. A painter that fails is
    made anew.

    In a guarded view a frame comes from vision only, together with its own observation. What vision has not
    seen is never painted: the picture before it stays, and after `frozen_s` a covered one follows.
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
        message: Callable[[], str] = str,
        expressions: bool = True,
        view: Callable[[], View] = View,
        grace_s: float = 0.025,
        frozen_s: float = 1.0,
        stale_s: float = 1.0,
        patience_s: float = PATIENCE_S,
        stream: str = "",
    ) -> None:
        """Makes the thread without starting it.

        Args:
            name: of the thread.
            blank_wh: size of the picture before there is a frame.
            source_notice: why there is no fresh frame ("camera lost ..."), "" while the source is fine.
            notices: other lines to show.
            on_error: told the thread's name and its exception, at each failure.
            on_recovered: told the name when it paints again.
            message: what a picture without a camera says in its middle.
            expressions: whether expressions are read, which have their labels and strip.
            view: what is shown now.
            grace_s: how long a frame waits for its observation.
            frozen_s: without a frame for this long the picture says so.
            stale_s: an observation this much older than the frame is not shown any more.
            patience_s: a picture that takes longer hangs.
            stream: whose it is, for log lines.
        """
        self.frames: Slot[Frame] = Slot()
        self.pictures: Fanout[Picture] = Fanout()
        self.durations = Durations()
        self.ages = Durations()  # from the frame's time to the finished picture
        self.rate = Rate()
        self._expressions = expressions
        self._size_wh = blank_wh
        self._source_notice, self._notices, self._message = source_notice, notices, message
        self._view = view
        self._seen_frames: Slot[tuple[Frame, Observation]] = Slot()
        self._grace_s, self._frozen_ns, self._stale_ns = grace_s, to_ns(frozen_s), to_ns(stale_s)
        self._known = threading.Condition()
        self._observation: Observation | None = None
        self._pending: deque[Prediction] = deque(maxlen=MOST_PENDING)
        self._driver: DriverState | None = None
        self._last: Frame | None = None
        self._last_ns = now_ns()
        self.worker = Supervised(
            name,
            self._make,
            wake=self._close,
            on_error=on_error,
            on_recovered=on_recovered,
            patience_s=patience_s,
            stream=stream,
        )

    def offer(self, frame: Frame) -> None:
        """Takes a frame of the source; called on the capture thread."""
        if self._view().guarded:
            self._size_wh = frame.size_wh  # all that is taken of it
        else:
            self.frames.put(frame)

    def see(self, seen: tuple[Frame, Observation]) -> None:
        """Takes a frame with its own observation; called on the vision thread."""
        if self._view().guarded:
            self._seen_frames.put(seen)

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

    def _make(self, life: Life) -> _Painting:
        return _Painting(self, Painter(expressions=self._expressions), life)

    def compose(self, painter: Painter, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Waits for a frame and publishes its picture; True if one was painted. On the composer's thread.

        Args:
            painter: paints.
            wanted: asked when it has painted; False: nothing is published.
        """
        view = self._view()
        taken = self._take_seen(view) if view.guarded else self._take()
        now = now_ns()
        live = taken is not None
        if taken is None:
            frame = self._stand_in(now, view)
            if frame is None:
                return False
            observation = None
        else:
            frame, observation = taken
            self._last, self._last_ns, self._size_wh = frame, now, frame.size_wh
        with self._known:
            pending = list(self._pending)
            self._pending.clear()
            driver = self._driver
        for prediction in pending:
            painter.note(prediction)
        if not len(self.pictures):
            return False
        if driver is not None:
            painter.watch_driver(driver)
        if live and not view.guarded:
            observation = self._observation_of(frame)
        started_ns = now_ns()
        notices, message = self._notices(), ""
        if not live:
            hidden = "face tracking gives nothing, picture hidden" if view.guarded else "no picture"
            message = self._message()
            notices = notices if message else (self._source_notice() or hidden, *notices)
        picture = painter.paint(frame, observation, notices, live=live, view=view, message=message)
        if not wanted():
            return False
        ended_ns = now_ns()
        self.durations.add_ns(ended_ns - started_ns)
        if live:
            self.ages.add_ns(ended_ns - frame.t_ns)
            self.rate.mark(ended_ns)
        self.pictures.publish(picture)
        return True

    def _take(self) -> tuple[Frame, Observation | None] | None:
        frame = self.frames.take(0.2)
        return None if frame is None else (frame, None)

    def _take_seen(self, view: View) -> tuple[Frame, Observation | None] | None:
        """A frame with an observation that says what this view must know; None if none came."""
        seen = self._seen_frames.take(0.2)
        return seen if seen is not None and fits(view, seen[1]) else None

    def _close(self) -> None:
        self.frames.close()
        self._seen_frames.close()

    def _stand_in(self, now: int, view: View) -> Frame | None:
        """The last frame again, or an empty one, when the source gives nothing; None if it is only slow.

        A guarded view never shows the last frame.
        """
        if not self._source_notice() and now - self._last_ns < self._frozen_ns:
            return None
        if self._last is not None and not view.guarded and not self._message():
            return Frame(self._last.seq, now, self._last.image_rgb)
        width, height = self._size_wh
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

    def __init__(self, composer: Composer, painter: Painter, life: Life) -> None:
        self._composer, self._painter, self._life = composer, painter, life

    def step(self) -> bool:
        return self._composer.compose(self._painter, lambda: self._life.in_charge)

    def close(self) -> None:
        """A painter holds nothing that must be given back."""
