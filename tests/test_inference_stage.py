from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import torch

import models
from realtime.clock import now_ns, to_ns
from realtime.inference.engine import Ahead, Engine, Reading, Request
from realtime.inference.smoothing import Smoother
from realtime.inference.stage import Feed, InferenceStage, Rhythm
from realtime.inference.thread import Inference
from realtime.inference.turns import UNLIMITED, Pace
from realtime.stats import Rate
from realtime.values import Prediction
from tests.faces import a_crop, a_face
from tests.test_engine import filled_ring, push


def smoother(labels: tuple[str, ...]) -> Smoother:
    return Smoother(labels, time_constant_s=0.4, unsure_below=0.4, switch_margin=0.1)


def stage(engine: Engine) -> InferenceStage:
    return InferenceStage(engine, smoother, hop_s=0.13, span_s=1.0)


@pytest.fixture
def engine() -> Engine:
    torch.manual_seed(3)
    return Engine(models.create_model("ifdd-stream"), "cpu")


def test_predictions_come_every_hop_with_the_newest_crop(engine: Engine) -> None:
    ring, predictions = filled_ring(seconds=0.1), list[Prediction]()
    inference, feed = stage(engine), Feed("main", lambda: (ring,), predictions.append)
    for k in range(3, 93):
        push(ring, k, 1)
        inference.step((feed,))
    times = [each.t_ns / 1e9 for each in predictions]
    assert times[0] == pytest.approx(1.0, abs=0.04)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(0.09 < gap < 0.17 for gap in gaps)
    assert 14 <= len(times) <= 17
    assert {each.face_id for each in predictions} == {1}
    assert predictions[-1].thumbnails.shape == (16, 64, 64, 3)
    assert not predictions[-1].trained


def test_all_faces_of_all_streams_are_read_in_one_batch(engine: Engine) -> None:
    got: dict[str, list[Prediction]] = {"a": [], "b": []}
    pair, single = (filled_ring(face_id=1), filled_ring(face_id=2)), (filled_ring(face_id=1, seed=90),)
    feeds = (Feed("a", lambda: pair, got["a"].append), Feed("b", lambda: single, got["b"].append))
    batches: list[int] = []
    read = engine.model.read
    engine.model.read = lambda features: batches.append(len(features)) or read(features)  # type: ignore
    assert stage(engine).step(feeds) == 3
    assert batches == [3]
    assert [each.face_id for each in got["a"]] == [1, 2]
    assert [each.face_id for each in got["b"]] == [1]


def test_no_ring_no_window_no_prediction(engine: Engine) -> None:
    predictions: list[Prediction] = []
    short = filled_ring(seconds=0.9)
    assert stage(engine).step((Feed("main", tuple, predictions.append),)) == 0
    assert stage(engine).step((Feed("main", lambda: (short,), predictions.append),)) == 0
    assert predictions == []


def test_thread_predicts_when_woken_and_ends_when_told(engine: Engine) -> None:
    arrived = threading.Event()
    ring = filled_ring()
    inference = Inference(engine, stage(engine), on_error=lambda *_: None)
    inference.add(Feed("main", lambda: (ring,), lambda _: arrived.set()))
    inference.worker.start()
    inference.wake()
    assert arrived.wait(20)
    inference.remove("main")
    assert inference.worker.stop()
    assert inference.worker.stop()
    assert inference.worker.error is None


@pytest.mark.parametrize(("hop_s", "wanted_hz"), [(0.13, 7.5), (0.05, 15.0), (0.45, 2.14)])
def test_the_wanted_rate_is_of_whole_grid_steps(engine: Engine, hop_s: float, wanted_hz: float) -> None:
    ring, predictions = filled_ring(seconds=0.1), list[Prediction]()
    inference = InferenceStage(engine, smoother, hop_s=hop_s, span_s=1.0)
    assert inference.wanted_hz == pytest.approx(wanted_hz, abs=0.01)
    for k in range(3, 123):  # 4.1 s, of which 3.1 with a whole window
        push(ring, k, 1)
        inference.step((Feed("main", lambda: (ring,), predictions.append),))
    assert len(predictions) / 3.1 == pytest.approx(wanted_hz, rel=0.15)


def test_predictions_that_come_late_are_counted_and_those_after_a_gap_are_not(engine: Engine) -> None:
    ring = filled_ring(seconds=0.1)
    inference, feed = stage(engine), Feed("main", lambda: (ring,), lambda _: None)
    for k in range(3, 93):
        push(ring, k, 1)
        inference.step((feed,))
    assert inference.late.count == 0
    for k in range(150, 200):  # a face that was away for two seconds
        push(ring, k, 1)
        inference.step((feed,))
    assert inference.late.count == 0
    for first in range(200, 260, 12):  # a model that takes 0.4 s
        push(ring, first, 12)
        inference.step((feed,))
    assert inference.late.count == 5


def test_a_model_that_takes_all_the_time_does_not_keep_up(engine: Engine) -> None:
    inference, feed = Inference(engine, stage(engine), on_error=lambda *_: None), a_feed("main")
    inference.add(feed)
    assert inference.keeps_up(feed)
    t_ns = now_ns()
    inference._load.begin(t_ns - to_ns(10))
    assert inference.load == 1
    assert not inference.keeps_up(feed)
    other = a_feed("other")
    inference.add(other)
    assert not inference.keeps_up(other), "it reads nothing"
    for each in (feed, other):
        marked(each.rate)
    marked(feed.late)
    assert inference.keeps_up(other), "its predictions come in time"
    assert not inference.keeps_up(feed)
    inference.remove("other")
    inference._load.end(t_ns - to_ns(9))
    assert not inference.keeps_up(feed)


def test_a_model_whose_predictions_are_mostly_late_does_not_keep_up(engine: Engine) -> None:
    inference, feed = Inference(engine, stage(engine), on_error=lambda *_: None), a_feed("main")
    inference.add(feed)
    marked(feed.rate)
    assert inference.keeps_up(feed)
    marked(feed.late)
    assert not inference.keeps_up(feed)


def a_feed(name: str) -> Feed:
    return Feed(name, tuple, lambda _: None)


def marked(rate: Rate) -> None:
    """Six events in the last two seconds."""
    for k in range(6):
        rate.mark(now_ns() - to_ns(0.4) * (5 - k))


def test_streams_have_rhythms_of_their_own(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "room", lambda _: UNLIMITED)  # however busy the machine is
    rings = {name: filled_ring(seconds=0.1) for name in ("slow", "quick")}
    got: dict[str, list[Prediction]] = {name: [] for name in rings}
    feeds = tuple(
        Feed(
            name,
            lambda name=name: (rings[name],),  # type: ignore[misc]
            got[name].append,
            rhythm=Rhythm(smoother, engine.spec.frames, hop_s=hop_s, span_s=1.0),
        )
        for name, hop_s in (("slow", 0.45), ("quick", 0.13))
    )
    inference = stage(engine)
    for k in range(3, 93):
        for ring in rings.values():
            push(ring, k, 1)
        inference.step(feeds)
    assert len(got["quick"]) > 2.5 * len(got["slow"]) > 0
    assert [each.rate.count for each in feeds] == [len(got["slow"]), len(got["quick"])]


def test_what_one_stream_raises_does_not_reach_the_others(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "room", lambda _: UNLIMITED)  # however busy the machine is
    broken = True
    told: list[Exception | None] = []
    got: list[Prediction] = []

    def publish(_: Prediction) -> None:
        if broken:
            raise RuntimeError("a bug")

    rings = {name: filled_ring(seconds=0.1, face_id=number) for number, name in enumerate(("a", "b", "c"), 1)}
    feeds = (
        Feed("a", lambda: (rings["a"],), publish, told=told.append),
        Feed("b", lambda: 1 / 0, lambda _: None, told=told.append),  # type: ignore[arg-type, return-value]
        Feed("c", lambda: (rings["c"],), got.append),
    )
    inference = stage(engine)
    for k in range(3, 63):
        for ring in rings.values():
            push(ring, k, 1)
        inference.step(feeds)
    assert len(got) >= 7
    kinds = {type(each) for each in told}
    assert kinds == {RuntimeError, ZeroDivisionError}
    broken = False
    told.clear()
    for k in range(63, 83):
        for ring in rings.values():
            push(ring, k, 1)
        inference.step(feeds)
    assert told.count(None) == 1, "a works again, which is told once"
    with pytest.raises(ZeroDivisionError):
        inference.step((Feed("alone", lambda: 1 / 0, lambda _: None),))  # type: ignore[arg-type, return-value]


class Measured:
    """An engine whose work takes time of a clock that the test owns."""

    def __init__(self, engine: Engine) -> None:
        self.spec, self._real = engine.spec, engine
        self.now_ns = 0
        self._encoded: set[tuple[object, int]] = set()

    def read(self, requests: list[Request], ahead: Sequence[Ahead] = ()) -> list[Reading | None]:
        crops = {(each.key, int(serial)) for each in requests for serial in each.window.serials}
        crops |= {(key, serial) for key, _, serial in ahead}
        self.now_ns += to_ns(0.010) * (len(requests) + len(crops - self._encoded))
        self._encoded |= crops
        even = np.full(7, 1 / 7, np.float32)
        return [Reading(even, 0.5, even, even, None, None, 1.0) for _ in requests]

    def answers(
        self, requests: list[Request], ahead: Sequence[Ahead] = ()
    ) -> list[tuple[Request, Reading | None]]:
        return list(zip(requests, self.read(requests, ahead), strict=True))

    def retain(self, _keys: object) -> None:
        """Nothing is kept."""


def test_many_faces_of_one_stream_do_not_starve_another(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Measured(engine)
    monkeypatch.setattr("realtime.inference.stage.now_ns", lambda: measured.now_ns)
    rings = {"many": tuple(filled_ring(0.1, face) for face in range(1, 9)), "one": (filled_ring(0.1, 1),)}
    got: dict[str, list[Prediction]] = {name: [] for name in rings}
    feeds = tuple(Feed(name, lambda name=name: rings[name], got[name].append) for name in rings)  # type: ignore[misc]
    inference, crop = stage(measured), a_crop(0)  # type: ignore[arg-type]
    frame = 3
    while measured.now_ns < to_ns(6):
        while frame <= measured.now_ns * 30 // 10**9:
            for ring in (*rings["many"], *rings["one"]):
                ring.push(to_ns(frame / 30), crop, a_face(ring.face_id), frame)
            frame += 1
        inference.step(feeds)
        if not inference.left_over:
            measured.now_ns = max(measured.now_ns, to_ns(frame / 30) + 30)
    rate = {name: len([each for each in found if each.t_ns > to_ns(2)]) / 4 for name, found in got.items()}
    assert rate["one"] > 0.9 * inference.wanted_hz
    assert rate["many"] < 0.9 * 8 * inference.wanted_hz, "else there was nothing to share"
    faces = Counter(each.face_id for each in got["many"])
    assert len(faces) == 8
    assert max(faces.values()) <= 1.5 * min(faces.values()), "nor one face of a stream"
