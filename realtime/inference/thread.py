"""The one inference thread of the process: it owns the model and serves every stream's faces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from realtime.clock import now_ns
from realtime.inference.engine import Engine
from realtime.inference.issm import Details
from realtime.inference.stage import Feed, InferenceStage
from realtime.slot import Slot
from realtime.stats import Durations, Load, Rate
from realtime.worker import Worker, yield_to_others

# a thread that is busy for more than this share of the time has no rest left between two hops
FULL_LOAD = 0.95
# questions that wait at once; those about the same face share one answer
MOST_QUESTIONS = 16

Answer = tuple[int, Details] | None  # the time of the window's newest crop, and what ISSM did in it


class Inference:
    """Runs an InferenceStage whenever vision has seen a frame, at most as often as hops are due."""

    def __init__(
        self, engine: Engine, stage: InferenceStage, *, on_error: Callable[[str, BaseException], None]
    ) -> None:
        """Makes the thread without starting it.

        Args:
            engine: the model, for its description.
            stage: what is run.
            on_error: told the thread's name and its exception.
        """
        self.engine = engine
        self.durations = Durations()
        self.rate = Rate()
        self._load = Load()
        self._stage = stage
        self._feeds: tuple[Feed, ...] = ()
        self._lock = threading.Lock()
        self._due: Slot[bool] = Slot()
        self._questions: dict[tuple[str, int], Future[Answer]] = {}
        self.worker = Worker(
            "inference", self._step, setup=self._setup, wake=self._due.close, on_error=on_error
        )

    def add(self, feed: Feed) -> None:
        """Serves one more stream; any thread."""
        with self._lock:
            self._feeds = (*self._feeds, feed)

    def remove(self, name: str) -> None:
        """Stops serving a stream; any thread."""
        with self._lock:
            self._feeds = tuple(each for each in self._feeds if each.name != name)

    def wake(self) -> None:
        """Says that there may be a window due; any thread, returns at once."""
        self._due.put(True)

    def inspect(self, name: str, face_id: int) -> Future[Answer] | None:
        """Asks what ISSM does in a face's newest window; answered after the next batch.

        Any thread, returns at once: None where too many ask already.
        """
        with self._lock:
            asked = self._questions.get((name, face_id))
            if asked is None:
                if len(self._questions) >= MOST_QUESTIONS:
                    return None
                asked = self._questions[name, face_id] = Future()
        self.wake()
        return asked

    @property
    def wanted_hz(self) -> float:
        """Predictions a second of one face, where the machine is fast enough; any thread."""
        return self._stage.wanted_hz

    @property
    def load(self) -> float:
        """Share of the last seconds that the model was at work, 0 to 1; any thread."""
        return self._load.share(now_ns())

    @property
    def keeps_up(self) -> bool:
        """False when the machine is too slow, so that predictions come later than wanted; any thread."""
        t_ns = now_ns()
        return self.load < FULL_LOAD and 2 * self._stage.late.per_s(t_ns) <= self.rate.per_s(t_ns)

    def _setup(self) -> None:
        yield_to_others()
        self.engine.warm_up()

    def _step(self) -> None:
        if self._due.take(0.5) is None:
            return
        started_ns = now_ns()
        self._load.begin(started_ns)
        published = self._stage.step(self._feeds)
        ended_ns = now_ns()
        self._answer()
        self._load.end(now_ns())
        if published:
            self.durations.add_ns(ended_ns - started_ns)
            for _ in range(published):
                self.rate.mark(ended_ns)

    def _answer(self) -> None:
        with self._lock:
            questions, self._questions = self._questions, {}
        for (name, face_id), asked in questions.items():
            asked.set_result(self._stage.inspect(self._feeds, name, face_id))
