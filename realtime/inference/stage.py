"""What inference does when it is woken: find the windows that are due, read them in one batch, smooth."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

from realtime.clock import NS_PER_S, now_ns, to_ns, to_s
from realtime.inference.engine import Ahead, Engine, Reading, Request
from realtime.inference.issm import Details
from realtime.inference.scores import Scores
from realtime.inference.smoothing import Smoother
from realtime.inference.turns import UNLIMITED, Pace, Turns, Waiting, in_turns
from realtime.stats import Rate
from realtime.values import Prediction
from realtime.vision.ring import CropRing, Window


class Rhythm:
    """How often and over what span a face's windows are read, and how they are smoothed.

    Attributes:
        due_ns: time after which the next window of a face is due.
        wanted_hz: what that comes to, predictions a second of one face.
        late_ns: a prediction this long after the one before is late.
        make_smoother: gives a new face's smoother for the model's labels.
    """

    def __init__(
        self,
        make_smoother: Callable[[tuple[str, ...]], Smoother],
        frames: int,
        *,
        hop_s: float,
        span_s: float,
    ) -> None:
        """Makes it.

        Args:
            make_smoother: see the class.
            frames: crops in a window.
            hop_s: time between two predictions of one face, seconds.
            span_s: time span of a window, seconds.
        """
        self.make_smoother = make_smoother
        # windows end on grid points only, so a hop is due once it is nearer than half a grid step
        step_ns = to_ns(span_s) // (frames - 1)
        self.due_ns = to_ns(hop_s) - step_ns // 2
        self.wanted_hz = NS_PER_S / (step_ns * max(1, math.ceil(self.due_ns / step_ns)))
        self.late_ns = round(1.5 * NS_PER_S / self.wanted_hz)


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """One stream as inference sees it.

    Attributes:
        name: the stream's name.
        rings: the rings of the faces followed now; called on the inference thread.
        publish: takes each prediction; called on the inference thread, must return at once.
        adjust: gives a reading's scores for its face, where persons may have taught theirs; called on the
            inference thread, must return at once.
        rhythm: the stream's own; None: the stage's.
        told: takes what one of these calls raised, and None when they work again, on the inference thread;
            None: an error of one stream is an error of the stage.
        rate: predictions published.
        late: of these, those that came half a hop or more after they were wanted.
    """

    name: str
    rings: Callable[[], tuple[CropRing, ...]]
    publish: Callable[[Prediction], None]
    adjust: Callable[[int, Window, Reading], Scores] | None = None
    rhythm: Rhythm | None = None
    told: Callable[[Exception | None], None] | None = None
    rate: Rate = field(default_factory=Rate)
    late: Rate = field(default_factory=Rate)


@dataclass(slots=True)
class _FaceState:
    smoother: Smoother
    grid_ns: int | None = None  # last grid point that was predicted
    asked_ns: int | None = None  # last grid point that was predicted or is being read


class InferenceStage:
    """Has the due windows of all faces of all streams read in one batch. One thread calls `step`.

    With several streams a batch lasts about half a hop at most: where more is due they share it, and
    `left_over` says how many windows wait for the next batch, which had better come at once.
    """

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
        self.rhythm = Rhythm(make_smoother, engine.spec.frames, hop_s=hop_s, span_s=span_s)
        self.late = Rate()  # predictions that came half a hop or more after they were wanted
        self._pace, self._turns = Pace(hop_s / 2), Turns()
        self._asked: dict[Hashable, set[int]] = {}  # crops that the engine was asked to encode
        self._faces: dict[Hashable, _FaceState] = {}
        self.left_over = 0  # windows that were due and found no room in the last batch
        self._failing: set[tuple[str, str]] = set()  # stream and which of its own calls raised

    @property
    def wanted_hz(self) -> float:
        """Predictions a second of one face in the stage's own rhythm."""
        return self.rhythm.wanted_hz

    def forget(self) -> None:
        """Drops all that is remembered of faces: their features, averages and times."""
        self._faces.clear()
        self._asked.clear()
        self._engine.forget()

    def step(self, feeds: tuple[Feed, ...], wanted: Callable[[], bool] = lambda: True) -> int:
        """Predicts for every face whose hop is over; the number of predictions published.

        Args:
            feeds: the streams.
            wanted: asked when the model has answered; False: nothing is published.
        """
        due: list[Waiting[tuple[Feed, Request, list[int]]]] = []
        ahead: list[Waiting[Ahead]] = []
        alive: dict[Hashable, Feed] = {}
        for feed in feeds:
            with self._guarded(feed, "look"):
                self._look(feed, due, ahead, alive)
        self._faces = {key: state for key, state in self._faces.items() if key in alive}
        self._asked = {key: asked for key, asked in self._asked.items() if key in alive}
        self._engine.retain(alive)
        # one stream alone has nobody to leave time to
        plan = self._turns.plan(due, self._pace.room() if len(feeds) > 1 else UNLIMITED)
        chosen = [(feed, request) for feed, request, _ in plan.read]
        self.left_over = len(due) - len(chosen)
        units = len(chosen) + sum(len(lacking) for _, _, lacking in plan.read)
        early = [
            (request.key, request.ring, serial)
            for (_, request, lacking), count in plan.prepare
            for serial in lacking[-count:]  # the newest will be wanted longest
        ]
        early += [each.what for _, each in in_turns(ahead)[: plan.room]]
        for key, _, serial in early:
            self._asked.setdefault(key, set()).add(serial)
        for feed, request in chosen:
            self._face(request.key, feed).asked_ns = request.window.grid_ns
            self._asked[request.key] = set(request.window.serials.tolist())
        started_ns = now_ns()
        answers = self._engine.answers([request for _, request in chosen], early)
        self._pace.note(units + len(early), to_s(now_ns() - started_ns))
        if not wanted():
            return 0
        published = 0
        for request, reading in answers:
            if request.key in alive:  # the face may have gone meanwhile
                published += self._take(alive[request.key], request, reading)
        return published

    def _take(self, feed: Feed, request: Request, reading: Reading | None) -> bool:
        """Publishes what came of a window; True if that is a prediction."""
        with self._guarded(feed, "publish"):
            prediction = None if reading is None else self._predict(request, reading, feed)
            if prediction is not None:
                feed.publish(prediction)
                feed.rate.mark(now_ns())
                return True
            state = self._face(request.key, feed)
            if state.asked_ns == request.window.grid_ns:
                state.asked_ns = state.grid_ns  # so that the newest window is asked for next
        return False

    def _face(self, key: Hashable, feed: Feed) -> _FaceState:
        if key not in self._faces:
            make_smoother = (feed.rhythm or self.rhythm).make_smoother
            self._faces[key] = _FaceState(make_smoother(self._engine.spec.labels))
        return self._faces[key]

    def _look(
        self,
        feed: Feed,
        due: list[Waiting[tuple[Feed, Request, list[int]]]],
        ahead: list[Waiting[Ahead]],
        alive: dict[Hashable, Feed],
    ) -> None:
        """Adds a stream's faces, its windows that are due, and the crops that its next ones will need."""
        rhythm = feed.rhythm or self.rhythm
        for ring in feed.rings():
            key = (feed.name, ring.face_id)
            alive[key] = feed
            state = self._faces.get(key)
            last_ns = state.asked_ns if state else None
            asked = self._asked.get(key, set())
            window = ring.window(None if last_ns is None else last_ns + rhythm.due_ns - 1)
            if window is not None:
                serials = window.serials.tolist()
                self._asked[key] = {each for each in asked if each >= serials[0]}
                lacking = sorted(set(serials) - asked)
                request = Request(key, window, ring)
                due.append(Waiting(feed.name, last_ns or 0, len(lacking), (feed, request, lacking)))
            elif (serial := ring.newest_choice()) is not None and serial not in asked:
                # now, and not in a burst when the hop is over
                ahead.append(Waiting(feed.name, last_ns or 0, 1, (key, ring, serial)))

    @contextlib.contextmanager
    def _guarded(self, feed: Feed, what: str) -> Iterator[None]:
        """Keeps what one stream's own calls raise from the others."""
        failing = (feed.name, what)
        try:
            yield
        except Exception as error:
            if feed.told is None:
                raise
            self._failing.add(failing)
            feed.told(error)
        else:
            if failing in self._failing and feed.told is not None:
                self._failing.discard(failing)
                if not any(name == feed.name for name, _ in self._failing):
                    feed.told(None)

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

    def _predict(self, request: Request, reading: Reading, feed: Feed) -> Prediction | None:
        labels, window = self._engine.spec.labels, request.window
        thumbnails = request.ring.read_thumbnails(window.serials)
        meshes = request.ring.read_landmarks(window.serials)
        if thumbnails is None or meshes is None:
            return None
        rhythm = feed.rhythm or self.rhythm
        state = self._face(request.key, feed)
        # a window that begins after the last one's end follows a gap, not a delay
        if (
            state.grid_ns is not None
            and int(window.t_ns[0]) <= state.grid_ns <= window.grid_ns - rhythm.late_ns
        ):
            self.late.mark(now_ns())
            feed.late.mark(now_ns())
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
