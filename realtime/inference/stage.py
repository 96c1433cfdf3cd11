"""What inference does when it is woken: find the windows that are due, read them in one batch, smooth."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from realtime.clock import NS_PER_S, now_ns, to_ns
from realtime.inference.engine import Ahead, Engine, Reading, Request
from realtime.inference.issm import Details
from realtime.inference.scores import Scores
from realtime.inference.smoothing import Smoother
from realtime.stats import Rate
from realtime.values import Prediction
from realtime.vision.ring import CropRing, Window


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """One stream as inference sees it.

    Attributes:
        name: the stream's name.
        rings: the rings of the faces followed now; called on the inference thread.
        publish: takes each prediction; called on the inference thread, must return at once.
        adjust: gives a reading's scores for its face, where persons may have taught theirs; called on the
            inference thread, must return at once.
    """

    name: str
    rings: Callable[[], tuple[CropRing, ...]]
    publish: Callable[[Prediction], None]
    adjust: Callable[[int, Window, Reading], Scores] | None = None


@dataclass(slots=True)
class _FaceState:
    smoother: Smoother
    grid_ns: int | None = None  # last grid point that was predicted
    asked_ns: int | None = None  # last grid point that was predicted or is being read


class InferenceStage:
    """Has the due windows of all faces of all streams read in one batch. One thread calls `step`."""

    def __init__(
        self,
        engine: Engine,
        make_smoother: Callable[[tuple[str, ...]], Smoother],
        *,
        hop_s: float,
        span_s: float,
    ) -> None:
        """Makes the stage.

        Args:
            engine: the model.
            make_smoother: gives a new face's smoother for the model's labels.
            hop_s: time between two predictions of one face, seconds.
            span_s: time span of a window, seconds.
        """
        self._engine = engine
        self._make_smoother = make_smoother
        # windows end on grid points only, so a hop is due once it is nearer than half a grid step
        step_ns = to_ns(span_s) // (engine.spec.frames - 1)
        self._due_ns = to_ns(hop_s) - step_ns // 2
        # what that comes to: predictions a second of one face
        self.wanted_hz = NS_PER_S / (step_ns * max(1, math.ceil(self._due_ns / step_ns)))
        self.late = Rate()  # predictions that came half a hop or more after they were wanted
        self._late_ns = round(1.5 * NS_PER_S / self.wanted_hz)
        self._faces: dict[Hashable, _FaceState] = {}

    def forget(self) -> None:
        """Drops all that is remembered of faces: their features, averages and times."""
        self._faces.clear()
        self._engine.forget()

    def step(self, feeds: tuple[Feed, ...], wanted: Callable[[], bool] = lambda: True) -> int:
        """Predicts for every face whose hop is over; the number of predictions published.

        Args:
            feeds: the streams.
            wanted: asked when the model has answered; False: nothing is published.
        """
        requests: list[Request] = []
        owners: dict[Hashable, Feed] = {}
        ahead: list[Ahead] = []
        alive: set[Hashable] = set()
        for feed in feeds:
            for ring in feed.rings():
                key = (feed.name, ring.face_id)
                alive.add(key)
                owners[key] = feed
                state = self._faces.get(key)
                last_ns = state.asked_ns if state else None
                window = ring.window(None if last_ns is None else last_ns + self._due_ns - 1)
                if window is not None:
                    requests.append(Request(key, window, ring))
                elif (serial := ring.newest_choice()) is not None:
                    ahead.append((key, ring, serial))  # now, and not in a burst when the hop is over
        self._faces = {key: state for key, state in self._faces.items() if key in alive}
        self._engine.retain(alive)
        for request in requests:
            self._face(request.key).asked_ns = request.window.grid_ns
        published = 0
        answers = self._engine.answers(requests, ahead)
        if not wanted():
            return 0
        for request, reading in answers:
            owner = owners.get(request.key)
            if owner is None:  # the face has gone meanwhile
                continue
            prediction = None if reading is None else self._predict(request, reading, owner)
            if prediction is not None:
                owner.publish(prediction)
                published += 1
            else:
                state = self._face(request.key)
                if state.asked_ns == request.window.grid_ns:
                    state.asked_ns = state.grid_ns  # so that the newest window is asked for next
        return published

    def inspect(self, feeds: tuple[Feed, ...], name: str, face_id: int) -> tuple[int, Details] | None:
        """What ISSM does in a face's newest window, and the time of its newest crop.

        None where there is no such window, or the model has no ISSM.
        """
        for feed in feeds:
            for ring in feed.rings() if feed.name == name else ():
                window = ring.window() if ring.face_id == face_id else None
                if window is None:
                    continue
                details = self._engine.inspect(Request((name, face_id), window, ring))
                return None if details is None else (int(window.t_ns[-1]), details)
        return None

    def _face(self, key: Hashable) -> _FaceState:
        if key not in self._faces:
            self._faces[key] = _FaceState(self._make_smoother(self._engine.spec.labels))
        return self._faces[key]

    def _predict(self, request: Request, reading: Reading, feed: Feed) -> Prediction | None:
        labels, window = self._engine.spec.labels, request.window
        thumbnails = request.ring.read_thumbnails(window.serials)
        meshes = request.ring.read_landmarks(window.serials)
        if thumbnails is None or meshes is None:
            return None
        state = self._face(request.key)
        # a window that begins after the last one's end follows a gap, not a delay
        if (
            state.grid_ns is not None
            and int(window.t_ns[0]) <= state.grid_ns <= window.grid_ns - self._late_ns
        ):
            self.late.mark(now_ns())
        state.grid_ns = window.grid_ns
        t_ns = int(window.t_ns[-1])
        if feed.adjust is None:
            scores = Scores(reading.probabilities, reading.intensity)
        else:
            scores = feed.adjust(request.ring.face_id, window, reading)
        probabilities, label, confidence, intensity = state.smoother.update(
            t_ns, scores.probabilities, scores.intensity
        )
        return Prediction(
            face_id=request.ring.face_id,
            seq=window.seq,
            t_ns=t_ns,
            window_ns=(int(window.t_ns[0]), t_ns),
            labels=labels,
            probabilities=probabilities,
            label=label,
            confidence=confidence,
            intensity=intensity,
            static_index=reading.static_index,
            dynamic_index=reading.dynamic_index,
            thumbnails=thumbnails,
            cost_ms=reading.cost_ms,
            trained=self._engine.spec.trained,
            face=window.face,
            calibrated=scores.calibrated,
            taught=scores.taught,
            meshes=meshes,
        )
