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
from realtime.supervise import Life, Supervised
from realtime.worker import yield_to_others

# a thread that is busy for more than this share of the time has no rest left between two hops
FULL_LOAD = 0.95
# a model that gives no answer for so long hangs; the slowest one measured takes 0.9 s a window on a CPU
PATIENCE_S = 15.0
# after so many failures in a row the engine is made anew, from the file
REBUILD_AFTER = 3
# questions that wait at once; those about the same face share one answer
MOST_QUESTIONS = 16

Answer = tuple[int, Details] | None  # the time of the window's newest crop, and what ISSM did in it


class Inference:
    """Runs an InferenceStage whenever vision has seen a frame, at most as often as hops are due.

    A model that fails is tried again with all it remembered forgotten, from the third time on with a new
    engine; one that hangs is replaced by a new engine on a new thread.
    """

    def __init__(
        self,
        engine: Engine,
        stage: InferenceStage,
        *,
        on_error: Callable[[str, BaseException], None],
        on_recovered: Callable[[str], None] | None = None,
        rebuild: Callable[[], tuple[Engine, InferenceStage]] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Makes the thread without starting it.

        Args:
            engine: the model, for its description.
            stage: what is run.
            on_error: told the thread's name and its exception, at each failure.
            on_recovered: told the name when predictions can be made again.
            rebuild: makes an engine and its stage anew, on the inference thread; None: the same are used.
            patience_s: a batch that takes longer hangs.
        """
        self.engine = engine
        self.durations = Durations()
        self.rate = Rate()
        self._load = Load()
        self._stage = stage
        self._feeds: tuple[Feed, ...] = ()
        self._lock = threading.Lock()
        self._due: Slot[bool] = Slot()
        self._rebuild = rebuild
        self._questions: dict[tuple[str, int], Future[Answer]] = {}
        self.worker = Supervised(
            "inference",
            self._make,
            wake=self._due.close,
            on_error=on_error,
            on_recovered=on_recovered,
            patience_s=patience_s,
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

    def wanted_hz(self, feed: Feed) -> float:
        """Predictions a second of one face of a stream, where the machine is fast enough; any thread."""
        return (feed.rhythm or self._stage.rhythm).wanted_hz

    @property
    def load(self) -> float:
        """Share of the last seconds that the model was at work, 0 to 1; any thread."""
        return self._load.share(now_ns())

    def keeps_up(self, feed: Feed) -> bool:
        """False when the machine is too slow for a stream: its predictions are late, or do not come.

        Any thread. A model that is busy all the time is too slow for those of several streams whose
        predictions are late; for one alone it always is.
        """
        t_ns = now_ns()
        rate = feed.rate.per_s(t_ns)
        if self.load >= FULL_LOAD and (len(self._feeds) < 2 or rate == 0):
            return False
        return 2 * feed.late.per_s(t_ns) <= rate

    def _make(self, life: Life) -> _Model:
        yield_to_others()
        if self._rebuild is not None and (life.after_hang or life.failures >= REBUILD_AFTER):
            before = self.engine
            self.engine, self._stage = self._rebuild()
            self.engine.encoded, self.engine.windows = before.encoded, before.windows
        elif life.failures:
            self._stage.forget()
        self.engine.warm_up()
        return _Model(self, self._stage, life)

    def predict(self, stage: InferenceStage, life: Life) -> bool:
        """Waits for a wake-up and predicts; True if windows were read. On the inference thread."""
        if self._due.take(0.5) is None:
            return False
        started_ns = now_ns()
        self._load.begin(started_ns)
        try:
            published = stage.step(self._feeds, lambda: life.in_charge)
            ended_ns = now_ns()
            if stage.left_over:
                self.wake()
            self._answer(stage)
        finally:
            self._load.end(now_ns())
        if published:
            self.durations.add_ns(ended_ns - started_ns)
            for _ in range(published):
                self.rate.mark(ended_ns)
        return published > 0

    def _answer(self, stage: InferenceStage) -> None:
        with self._lock:
            questions, self._questions = self._questions, {}
        for (name, face_id), asked in questions.items():
            try:
                asked.set_result(stage.inspect(self._feeds, name, face_id))
            except BaseException as error:
                asked.set_exception(error)
                raise


class _Model:
    """The supervised part: an engine and its stage while they work."""

    def __init__(self, inference: Inference, stage: InferenceStage, life: Life) -> None:
        self._inference, self._stage, self._life = inference, stage, life

    def step(self) -> bool:
        return self._inference.predict(self._stage, self._life)

    def close(self) -> None:
        if self._life.in_charge:
            self._stage.forget()  # what it cached may be what is broken, or what fills the memory
