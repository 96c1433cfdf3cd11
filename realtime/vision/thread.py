"""The vision thread of a stream: newest frame in, observation out, rings filled on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from realtime.clock import now_ns
from realtime.slot import Fanout, Slot
from realtime.stats import Durations, Rate
from realtime.supervise import Life, Supervised
from realtime.values import Frame, Observation
from realtime.vision.landmarks import Landmarker
from realtime.vision.ring import CropRing
from realtime.vision.stage import VisionStage

# a landmarker that gives no answer for so long hangs; it takes 4 to 40 ms a picture
PATIENCE_S = 10.0


class Vision:
    """Runs a VisionStage on its own thread. The landmarker is made, used and closed there.

    A landmarker that fails or hangs is made anew; its faces are given up, and their ids are not reused.
    """

    def __init__(
        self,
        name: str,
        make_landmarker: Callable[[], Landmarker],
        make_stage: Callable[[Landmarker], VisionStage],
        *,
        on_error: Callable[[str, BaseException], None],
        on_recovered: Callable[[str], None] | None = None,
        patience_s: float = PATIENCE_S,
        stream: str = "",
    ) -> None:
        """Makes the thread without starting it.

        Args:
            name: of the thread.
            make_landmarker: called on the thread.
            make_stage: called on the thread with the landmarker.
            on_error: told the thread's name and its exception, at each failure.
            on_recovered: told the name when it works again.
            patience_s: a picture that takes longer hangs.
            stream: whose it is, for log lines.
        """
        self.frames: Slot[Frame] = Slot()
        self.observations: Fanout[Observation] = Fanout()
        self.seen: Fanout[tuple[Frame, Observation]] = Fanout()  # each observation with its very frame
        self.durations = Durations()
        self.rate = Rate()
        self._make_landmarker, self._make_stage = make_landmarker, make_stage
        self._stage: VisionStage | None = None
        self._forget = threading.Event()
        self._lost: tuple[int, ...] = ()  # faces of a stage that failed, to be told with the next frame
        self.worker = Supervised(
            name,
            self._make,
            wake=self.frames.close,
            on_error=on_error,
            on_recovered=on_recovered,
            patience_s=patience_s,
            stream=stream,
        )

    def rings(self) -> tuple[CropRing, ...]:
        """The rings of the faces followed now; any thread."""
        return () if self._stage is None else self._stage.rings

    def forget(self) -> None:
        """Gives up all faces before the next frame, because the source changed; any thread."""
        self._forget.set()

    def _make(self, life: Life) -> _Landmarks:
        landmarker = self._make_landmarker()
        before, self._stage = self._stage, self._make_stage(landmarker)
        if before is not None:
            self._lost += self._stage.succeed(before)
        return _Landmarks(self, landmarker, self._stage, life)

    def see(self, stage: VisionStage, life: Life) -> bool:
        """Waits for a frame and publishes what is in it; True if there was one. On the vision thread."""
        frame = self.frames.take(0.2)
        if frame is None:
            return False
        lost, self._lost = self._lost, ()
        if self._forget.is_set():
            self._forget.clear()
            lost += stage.forget()
        if lost:
            self.observations.publish(Observation(frame.seq, frame.t_ns, (), (), lost))
        observation = stage.process(frame)
        if not life.in_charge:
            return False
        self.durations.add_ns(round(observation.cost_ms * 1e6))
        self.rate.mark(now_ns())
        self.observations.publish(observation)
        self.seen.publish((frame, observation))
        return True


class _Landmarks:
    """The supervised part: a landmarker and its stage while they work."""

    def __init__(self, vision: Vision, landmarker: Landmarker, stage: VisionStage, life: Life) -> None:
        self._vision, self._landmarker, self._stage, self._life = vision, landmarker, stage, life

    def step(self) -> bool:
        return self._vision.see(self._stage, self._life)

    def close(self) -> None:
        self._landmarker.close()
