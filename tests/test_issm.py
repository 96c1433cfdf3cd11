"""ISSM's details are the network's own numbers, told on request and never on the live path."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import models
from models.preprocess import to_tensor
from realtime.clock import to_ns
from realtime.inference.engine import Engine, Request
from realtime.inference.issm import Details, groups
from realtime.inference.smoothing import Smoother
from realtime.inference.stage import Feed, InferenceStage
from realtime.inference.thread import MOST_QUESTIONS, Inference
from realtime.inspector import Inspector
from realtime.values import Prediction
from realtime.vision.ring import CropRing
from tests.faces import a_crop, a_face


def full_ring(face_id: int = 1, seconds: float = 1.2) -> CropRing:
    ring = CropRing(face_id, frames=16, span_s=1.0, gap_s=0.3)
    for number in range(round(seconds * 30)):
        ring.push(to_ns(number / 30), a_crop(number), a_face(face_id), number)
    return ring


@pytest.fixture(scope="module")
def engine() -> Engine:
    torch.manual_seed(0)
    return Engine(models.create_model("ifdd-stream"), "cpu")


def test_the_numbers_are_those_of_the_networks_forward(engine: Engine) -> None:
    ring = full_ring()
    window = ring.window()
    assert window is not None
    crops = ring.read(window.serials)
    assert crops is not None
    clip = to_tensor(torch.from_numpy(crops), engine.spec).transpose(0, 1)[None]  # 1 3 T S S
    with torch.inference_mode():
        output = engine.model(clip)
    assert output.correlation is not None
    details = engine.inspect(Request("face", window, ring))
    assert details is not None
    assert details.frames == 16
    np.testing.assert_allclose(details.correlation, output.correlation[0].numpy(), rtol=1e-3, atol=1e-4)
    for got, wanted in (
        (details.static_index, output.static_index),
        (details.dynamic_index, output.dynamic_index),
    ):
        assert wanted is not None
        np.testing.assert_allclose(got, wanted[0].clamp(0, 15).numpy(), atol=1e-3)
    told = details.to_json(1, 1.25)
    assert np.array(told["correlation"]).shape == (16, 16)
    assert len(told["static"]) == len(told["dynamic"]) == 8
    assert len(told["groups"]) == 16


def test_asking_does_not_disturb_the_predictions(engine: Engine) -> None:
    ring = full_ring()
    window = ring.window()
    assert window is not None
    before = engine.read([Request("other", window, ring)])[0]
    engine.inspect(Request("other", window, ring))
    after = engine.read([Request("other", window, ring)])[0]
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before.probabilities, after.probabilities)


def test_a_crop_belongs_to_the_groups_whose_positions_are_nearest_to_it() -> None:
    found = groups(4, np.array([0.4, 1.5], np.float32), np.array([2.2, 0.1, 3.9], np.float32))
    assert found == ["both", "none", "both", "dynamic"]
    assert groups(2, np.array([-1.0], np.float32), np.array([], np.float32)) == ["static", "none"]


def test_a_correlation_that_is_not_square_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        Details(2, np.zeros((2, 3), np.float32), np.zeros(1, np.float32), np.zeros(1, np.float32))


def make_inference(engine: Engine, rings: tuple[CropRing, ...]) -> Inference:
    def failed(name: str, error: BaseException) -> None:
        raise AssertionError(name) from error

    def smoother(labels: tuple[str, ...]) -> Smoother:
        return Smoother(labels, time_constant_s=0.4, unsure_below=0.4, switch_margin=0.1)

    stage = InferenceStage(engine, smoother, hop_s=0.13, span_s=1.0)
    inference = Inference(engine, stage, on_error=failed)
    published: list[Prediction] = []
    inference.add(Feed("main", lambda: rings, published.append))
    return inference


def test_the_inference_thread_answers_after_its_batch(engine: Engine) -> None:
    inference = make_inference(engine, (full_ring(3), full_ring(4, seconds=0.3)))
    inspector = Inspector(inference, "main", to_ns(0.5))
    asked = inspector.inspect(3)
    short, nobody = inspector.inspect(4), inspector.inspect(9)
    other = Inspector(inference, "another", 0).inspect(3)
    assert asked is not None
    assert short is not None
    assert nobody is not None
    assert other is not None
    inference.worker.start()
    told = asked.result(30)
    assert told is not None
    assert told["face_id"] == 3
    assert told["t"] == pytest.approx(35 / 30 - 0.5, abs=0.04)
    assert short.result(30) is None, "no whole window yet"
    assert nobody.result(30) is None
    assert other.result(30) is None
    again = inspector.inspect(3)
    assert again is not None
    assert again.result(30) == told
    assert inference.worker.stop()


def test_questions_are_shared_and_bounded(engine: Engine) -> None:
    inference = make_inference(engine, ())
    first = inference.inspect("main", 1)
    assert inference.inspect("main", 1) is first
    for face_id in range(2, MOST_QUESTIONS + 1):
        assert inference.inspect("main", face_id) is not None
    assert inference.inspect("main", MOST_QUESTIONS + 1) is None
    assert Inspector(inference, "main", 0).inspect(MOST_QUESTIONS + 1) is None


def test_a_model_without_issm_has_nothing_to_tell(engine: Engine) -> None:
    spare = Engine(engine.model, "cpu")
    ring = full_ring()
    window = ring.window()
    assert window is not None

    def without(features: torch.Tensor) -> models.Output:
        output = type(engine.model).read(engine.model, features)  # type: ignore[attr-defined]
        output.correlation = output.static_index = output.dynamic_index = None
        return output  # type: ignore[no-any-return]

    spare._read = without  # type: ignore[method-assign]
    assert spare.inspect(Request("face", window, ring)) is None
