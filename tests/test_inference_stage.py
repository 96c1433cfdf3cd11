from __future__ import annotations

import itertools
import threading

import pytest
import torch

import models
from realtime.inference.engine import Engine
from realtime.inference.smoothing import Smoother
from realtime.inference.stage import Feed, InferenceStage
from realtime.inference.thread import Inference
from realtime.values import Prediction
from tests.test_engine import filled_ring, push


def stage(engine: Engine) -> InferenceStage:
    def make_smoother(labels: tuple[str, ...]) -> Smoother:
        return Smoother(labels, time_constant_s=0.4, unsure_below=0.4, switch_margin=0.1)

    return InferenceStage(engine, make_smoother, hop_s=0.13, span_s=1.0)


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
