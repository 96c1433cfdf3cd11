"""What one stream learns of the persons before it: their rest, and a head taught on their expressions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from realtime.clock import now_ns
from realtime.errors import NotNowError
from realtime.inference.binding import Binding
from realtime.inference.calibration import NEUTRAL, Neutral, RestCollector, from_json
from realtime.inference.engine import Engine, Reading
from realtime.inference.lesson import Lesson
from realtime.inference.personal import Adapter, fit, load
from realtime.inference.scores import Scores
from realtime.values import Observation
from realtime.vision.ring import Window
from realtime.worker import Worker, yield_to_others

log = logging.getLogger(__name__)

MOST_RESTS = 8  # calibrated faces kept at once; the oldest goes
NOBODY = "expected a face in view, got none"


class Persons:
    """Collects on the live path, adjusts each window's scores, and fits in a short-lived thread of its own.

    `observe` is called on the vision thread, `adjust` on the inference thread, the rest from any thread.
    Every call returns at once. Nothing here is kept longer than the run, and no picture at all.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        hz: float,
        span_s: float,
        calibrate_s: float = 8.0,
        teach_s: float = 60.0,
        person: str = "",
        name: str = "main",
        on_error: Callable[[str, BaseException], None] = lambda *_: None,
    ) -> None:
        """Makes it with nothing learnt.

        Args:
            engine: the model whose readings are adjusted.
            hz: windows a second of one face.
            span_s: time span of a window.
            calibrate_s: length of a calibration.
            teach_s: length of a lesson, all expressions together.
            person: path of a taught head to begin with; it goes to whichever face is alone in view.
            name: the stream's.
            on_error: told the fitting thread's name and its exception.

        Raises:
            WeightsError: `person` is no taught head of these weights.
        """
        self._spec, self._model = engine.spec, engine.fingerprint
        self._hz, self._span_s = hz, span_s
        self._calibrate_s, self._teach_s = calibrate_s, teach_s
        self._name, self._on_error = name, on_error
        self._lock = threading.Lock()
        self._newest: Observation | None = None
        # calibration
        self._rests: list[tuple[Neutral, Binding]] = []
        self._collecting: tuple[RestCollector, Binding] | None = None
        self._calibration_said = ""
        self._calibration_failed = ""
        # teaching
        self._lesson: tuple[Lesson, Binding] | None = None
        self._taught: tuple[Adapter, Binding] | None = None
        self._fitter: tuple[Worker, Binding] | None = None
        self._measured: Adapter | None = None  # also one that was not applied
        self._teach_said = ""
        self._teach_failed = False
        if person:
            head = getattr(engine.model, "head", None)
            width = head.in_features if isinstance(head, nn.Linear) else None
            adapter = load(Path(person), self._model, self._spec.labels, width)
            self._taught = (adapter, Binding(None, any_lone=True))
            self._measured = adapter
            self._teach_said = "A taught head was loaded for the face that is alone in view"

    # -- the live path ----------------------------------------------------------------------------------

    def observe(self, observation: Observation) -> None:
        """Takes what vision found in a frame; vision thread."""
        with self._lock:
            self._newest = observation
            for _, binding in self._rests:
                binding.observe(observation)
            if self._taught is not None:
                self._taught[1].observe(observation)
            if self._fitter is not None:
                self._fitter[1].observe(observation)
            if self._collecting is not None:
                collector, binding = self._collecting
                if binding.face_id in observation.lost:
                    collector.lost()
                collector.tick(observation.t_ns)
                self._collected()
            if self._lesson is not None:
                lesson, binding = self._lesson
                binding.observe(observation)
                if binding.face_id is None and observation.lost:
                    self._end_lesson("The face was lost: stay in view and try again")
                elif lesson.step(observation.t_ns) is None:
                    self._lesson_over()

    def adjust(self, face_id: int, window: Window, reading: Reading) -> Scores:
        """The scores of one window of a face, with what was learnt of it; inference thread."""
        with self._lock:
            adapter = rest = None
            if self._taught is not None and self._taught[1].face_id == face_id:
                adapter = self._taught[0]
            head = self._model if adapter is None else adapter.head
            logits = reading.logits if adapter is None else adapter.logits(reading.logits, reading.feature)
            for neutral, binding in self._rests:
                if binding.face_id == face_id and neutral.head == head:
                    rest = neutral
            window_ns = (int(window.t_ns[0]), int(window.t_ns[-1]))
            if self._collecting is not None and self._collecting[1].face_id == face_id:
                self._collecting[0].take(window_ns, logits, window.face.quality)
                self._collected()
            if self._lesson is not None and self._lesson[1].face_id == face_id:
                self._lesson[0].take(window_ns, reading.logits, reading.feature, window.face.quality)
        if rest is not None:
            scores = rest.scores(logits, self._spec)
            return Scores(scores.probabilities, scores.intensity, True, adapter is not None)
        if adapter is not None:
            return adapter.scores(reading.logits, reading.feature, self._spec)
        return Scores(reading.probabilities, reading.intensity)

    # -- calibration ------------------------------------------------------------------------------------

    def calibration(self) -> dict[str, Any]:
        """Where calibration stands, JSON-ready."""
        t_ns = now_ns()
        with self._lock:
            if self._collecting is not None:
                self._collecting[0].tick(t_ns)
                self._collected()
            if self._collecting is not None:
                collector, binding = self._collecting
                progress, left_s = collector.progress(t_ns), collector.left_s(t_ns)
                return _calibration("running", collector.message, binding.face_id, None, progress, left_s)
            newest = self._rests[-1] if self._rests else None
            neutral = None if newest is None else newest[0].to_json()
            face_id = None if newest is None else newest[1].face_id
            if self._calibration_failed:
                return {
                    **_calibration("failed", self._calibration_said, face_id, neutral, 0.0),
                    "reason": self._calibration_failed,
                }
            if newest is None:
                return _calibration("none", "", None, None, 0.0)
            message = self._calibration_said
            if face_id is None:
                message = "The calibrated face has left the picture; nobody else is measured from its rest"
            elif newest[0].head != self._head_of(face_id):
                message = "The head was changed after this calibration: calibrate again"
            elif newest[1].carried:
                message = "Carried over to the face that came back to the same place"
            return _calibration("ready", message, face_id, neutral, 1.0)

    def calibrate(self, face_id: int | None) -> None:
        """Begins to learn a face's rest; a calibration that runs is begun anew.

        Args:
            face_id: the face; None for the largest in view.

        Raises:
            NotNowError: no such face is in view, a lesson runs, or the weights have no neutral class.
        """
        with self._lock:
            self._need_neutral()
            if self._lesson is not None:
                raise NotNowError("calibration: expected no lesson to be running")
            face_id = self._in_view(face_id, "calibration")
            collector = RestCollector(
                self._head_of(face_id),
                self._spec,
                now_ns(),
                seconds=self._calibrate_s,
                span_s=self._span_s,
                hz=self._hz,
            )
            self._collecting = (collector, Binding(face_id))
            self._calibration_failed = ""

    def restore(self, value: object, face_id: int | None) -> None:
        """Takes a rest that was learnt before, for a face that someone says it belongs to.

        Args:
            value: what `calibration` gave under "neutral".
            face_id: the face; None for the only one in view.

        Raises:
            ValueError: it is no rest.
            NotNowError: it is one of other weights, or there is not one face in view.
        """
        self._need_neutral()
        neutral = from_json(value, self._spec.labels)
        with self._lock:
            if face_id is None and self._newest is not None and len(self._newest.faces) > 1:
                raise NotNowError("calibration: expected face_id, got more than one face in view")
            face_id = self._in_view(face_id, "calibration")
            if neutral.head != self._head_of(face_id):
                raise NotNowError(
                    "calibration: expected a rest learnt with this head of these weights, got another's; "
                    "calibrate again"
                )
            self._keep_rest(neutral, face_id, "A rest learnt before is taken into account")

    def forget_rest(self) -> None:
        """Cancels a calibration that runs; with none, forgets every rest."""
        with self._lock:
            if self._collecting is not None:
                self._collecting = None
                return
            self._rests.clear()
            self._calibration_said = self._calibration_failed = ""

    # -- teaching ---------------------------------------------------------------------------------------

    def teaching(self) -> dict[str, Any]:
        """Where teaching stands, JSON-ready."""
        t_ns = now_ns()
        with self._lock:
            if self._lesson is not None and self._lesson[0].step(t_ns) is None:
                self._lesson_over()
            answer: dict[str, Any] = {
                "state": "idle", "label": None, "phase": "ready", "left_s": 0.0, "progress": 0.0,
                "message": self._teach_said, "before": None, "after": None, "active": False, "face_id": None,
            }  # fmt: skip
            step = None if self._lesson is None else self._lesson[0].step(t_ns)
            if self._lesson is not None and step is not None:
                message = f"Get ready: {step.label}" if step.phase == "ready" else f"Hold: {step.label}"
                return answer | {
                    "state": "running", "label": step.label, "phase": step.phase, "message": message,
                    "left_s": round(step.left_s, 2), "progress": round(step.progress, 4),
                    "face_id": self._lesson[1].face_id,
                }  # fmt: skip
            if self._fitter is not None:
                return answer | {
                    "state": "fitting",
                    "progress": 1.0,
                    "message": "Learning from what was seen",
                }
            if self._measured is not None:
                answer |= {
                    "before": self._measured.before.to_json(),
                    "after": self._measured.after.to_json(),
                }
            if self._taught is not None:
                face_id = self._taught[1].face_id
                answer |= {"face_id": face_id, "active": face_id is not None, "progress": 1.0}
                if face_id is None and not self._teach_failed:
                    answer["message"] = "The taught face is not in view"
            if self._teach_failed:
                answer["state"] = "failed"
            elif self._measured is not None:
                answer |= {"state": "ready", "progress": 1.0}
            return answer

    def teach(self, face_id: int | None) -> None:
        """Begins the guided minute for a face; one that runs is begun anew.

        Args:
            face_id: the face; None for the largest in view.

        Raises:
            NotNowError: no such face is in view, or a calibration or a fit runs.
        """
        with self._lock:
            if self._collecting is not None:
                raise NotNowError("teach: expected no calibration to be running")
            if self._fitter is not None:
                raise NotNowError("teach: expected no fit to be running")
            face_id = self._in_view(face_id, "teach")
            self._lesson = (Lesson(self._spec.labels, now_ns(), seconds=self._teach_s), Binding(face_id))
            self._teach_failed = False

    def apply_taught(self, face_id: int | None) -> None:
        """Gives the taught head to a face that someone says it belongs to.

        Raises:
            NotNowError: nothing was taught, or there is not one such face in view.
        """
        with self._lock:
            if self._taught is None:
                raise NotNowError("teach: expected a taught head, got none")
            if face_id is None and self._newest is not None and len(self._newest.faces) > 1:
                raise NotNowError("teach: expected face_id, got more than one face in view")
            self._taught = (self._taught[0], Binding(self._in_view(face_id, "teach")))

    def forget_taught(self) -> None:
        """Cancels a lesson that runs; with none, forgets the taught head."""
        with self._lock:
            if self._lesson is not None:
                self._lesson = None
                return
            self._fitter = None  # what it gives is no longer wanted
            self._taught = self._measured = None
            self._teach_said, self._teach_failed = "", False

    def taught_file(self) -> bytes:
        """The taught head as a file.

        Raises:
            NotNowError: there is none.
        """
        with self._lock:
            if self._taught is None:
                raise NotNowError("teach: expected a taught head, got none")
            return self._taught[0].to_bytes()

    # -- life cycle -------------------------------------------------------------------------------------

    def restart(self) -> None:
        """The source has changed: whoever comes now is not known to be the same person; any thread."""
        with self._lock:
            if self._collecting is not None:
                self._collecting[0].fail("source", "The source was changed")
                self._collected()
            if self._lesson is not None:
                self._end_lesson("The source was changed")
            for _, binding in self._rests:
                binding.leave()
            for held in (self._taught, self._fitter):
                if held is not None:
                    held[1].leave()
            self._newest = None

    def stop(self) -> None:
        """Waits for a fit that runs; can be called twice."""
        fitter = self._fitter
        if fitter is not None:
            fitter[0].stop()

    # -- inside, with the lock held ---------------------------------------------------------------------

    def _need_neutral(self) -> None:
        if NEUTRAL not in self._spec.labels:
            raise NotNowError(f"calibration: expected weights with a class {NEUTRAL!r}, got none")

    def _in_view(self, face_id: int | None, what: str) -> int:
        faces = () if self._newest is None else self._newest.faces
        if not faces:
            raise NotNowError(f"{what}: {NOBODY}")
        if face_id is None:
            return max(faces, key=lambda each: each.quality.size_px).face_id
        if face_id not in [each.face_id for each in faces]:
            known = ", ".join(str(each.face_id) for each in faces)
            raise NotNowError(f"{what}: expected a face in view ({known}), got {face_id}")
        return face_id

    def _head_of(self, face_id: int | None) -> str:
        taught = self._taught
        return taught[0].head if taught is not None and taught[1].face_id == face_id else self._model

    def _collected(self) -> None:
        if self._collecting is None or not self._collecting[0].ended:
            return
        collector, binding = self._collecting
        self._collecting = None
        self._calibration_failed, self._calibration_said = collector.reason, collector.message
        if collector.neutral is not None and binding.face_id is not None:
            self._keep_rest(collector.neutral, binding.face_id, collector.message)

    def _keep_rest(self, neutral: Neutral, face_id: int, message: str) -> None:
        kept = [each for each in self._rests if each[1].face_id not in (None, face_id)]
        self._rests = [*kept, (neutral, Binding(face_id))][-MOST_RESTS:]
        self._calibration_failed, self._calibration_said = "", message
        self._collecting = None

    def _end_lesson(self, message: str) -> None:
        self._lesson = None
        self._teach_failed, self._teach_said = True, message

    def _lesson_over(self) -> None:
        assert self._lesson is not None
        lesson, binding = self._lesson
        lacking = lesson.lacking()
        if lacking:
            return self._end_lesson(lacking)
        self._lesson = None
        samples = lesson.samples()

        def work() -> None:
            adapter = fit(samples, self._model, self._spec)
            worker.request_stop()
            self._fitted(worker, adapter, binding)

        def failed(name: str, error: BaseException) -> None:
            with self._lock:
                self._fitter = None
                self._end_lesson(f"Learning failed: {error}")
            self._on_error(name, error)

        worker = Worker(f"teach-{self._name}", work, setup=yield_to_others, on_error=failed)
        self._fitter = (worker, binding)
        worker.start()

    def _fitted(self, worker: Worker, adapter: Adapter, binding: Binding) -> None:
        with self._lock:
            if self._fitter is None or self._fitter[0] is not worker:
                return  # forgotten meanwhile
            self._fitter = None
            self._measured = adapter
            was, now = f"{adapter.before.accuracy:.0%}", f"{adapter.after.accuracy:.0%}"
            if adapter.after.accuracy < adapter.before.accuracy:
                self._teach_said = f"Not applied: on held-back frames it fell from {was} to {now}"
                return
            self._taught = (adapter, binding)
            self._teach_said = f"On held-back frames: {was} before, {now} after"


def _calibration(
    state: str,
    message: str,
    face_id: int | None,
    neutral: dict[str, Any] | None,
    progress: float,
    left_s: float = 0.0,
) -> dict[str, Any]:
    return {
        "state": state,
        "progress": round(progress, 4),
        "left_s": round(left_s, 2),
        "message": message,
        "face_id": face_id,
        "neutral": neutral,
    }
