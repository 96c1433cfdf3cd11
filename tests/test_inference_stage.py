from __future__ import annotations

import itertools
import threading

import pytest
import torch

import models
from realtime.clock import now_ns, to_ns
from realtime.inference.engine import Engine
from realtime.inference.smoothing import Smoother
from realtime.inference.stage import Feed, InferenceStage
from realtime.inference.thread import Inference
from realtime.values import Prediction
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
    inference = Inference(engine, stage(engine), on_error=lambda *_: None)
    assert inference.keeps_up
    t_ns = now_ns()
    inference._load.begin(t_ns - to_ns(10))
    assert inference.load == 1
    assert not inference.keeps_up
    inference._load.end(t_ns - to_ns(9))
    assert inference.keeps_up


def test_a_model_whose_predictions_are_mostly_late_does_not_keep_up(engine: Engine) -> None:
    made = stage(engine)
    inference, t_ns = Inference(engine, made, on_error=lambda *_: None), now_ns()
    for k in range(6):
        inference.rate.mark(t_ns - to_ns(0.4) * (5 - k))
    assert inference.keeps_up
    for k in range(6):
        made.late.mark(t_ns - to_ns(0.4) * (5 - k))
    assert not inference.keeps_up
