"""The vision thread of a stream: newest frame in, observation out, rings filled on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from realtime.clock import now_ns
from realtime.slot import Fanout, Slot
from realtime.stats import Durations, Rate
from realtime.values import Frame, Observation
from realtime.vision.landmarks import Landmarker
from realtime.vision.ring import CropRing
from realtime.vision.stage import VisionStage
from realtime.worker import Worker


class Vision:
    """Runs a VisionStage on its own thread. The landmarker is made, used and closed there."""

    def __init__(
        self,
        name: str,
        make_landmarker: Callable[[], Landmarker],
        make_stage: Callable[[Landmarker], VisionStage],
        *,
        on_error: Callable[[str, BaseException], None],
    ) -> None:
        """Makes the thread without starting it.

        Args:
            name: of the thread.
            make_landmarker: called on the thread.
            make_stage: called on the thread with the landmarker.
            on_error: told the thread's name and its exception.
        """
        self.frames: Slot[Frame] = Slot()
        self.observations: Fanout[Observation] = Fanout()
        self.seen: Fanout[tuple[Frame, Observation]] = Fanout()  # each observation with its very frame
        self.durations = Durations()
        self.rate = Rate()
        self._make_landmarker, self._make_stage = make_landmarker, make_stage
        self._landmarker: Landmarker | None = None
        self._stage: VisionStage | None = None
        self._forget = threading.Event()
        self.worker = Worker(
            name,
            self._step,
            setup=self._setup,
            teardown=self._teardown,
            wake=self.frames.close,
            on_error=on_error,
        )

    def rings(self) -> tuple[CropRing, ...]:
        """The rings of the faces followed now; any thread."""
        return () if self._stage is None else self._stage.rings

    def forget(self) -> None:
        """Gives up all faces before the next frame, because the source changed; any thread."""
        self._forget.set()

    def _setup(self) -> None:
        self._landmarker = self._make_landmarker()
        self._stage = self._make_stage(self._landmarker)

    def _step(self) -> None:
        frame = self.frames.take(0.2)
        if frame is None or self._stage is None:
            return
        if self._forget.is_set():
            self._forget.clear()
            lost = self._stage.forget()
            self.observations.publish(Observation(frame.seq, frame.t_ns, (), (), lost))
        observation = self._stage.process(frame)
        self.durations.add_ns(round(observation.cost_ms * 1e6))
        self.rate.mark(now_ns())
        self.observations.publish(observation)
        self.seen.publish((frame, observation))

    def _teardown(self) -> None:
        if self._landmarker is not None:
            self._landmarker.close()
