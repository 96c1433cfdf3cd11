from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

import models
from realtime.clock import to_ns
from realtime.errors import WeightsError
from realtime.inference.engine import Engine, Request, make_engine
from realtime.vision.ring import CropRing
from tests.faces import a_crop, a_face


def filled_ring(seconds: float = 1.5, face_id: int = 1, seed: int = 0) -> CropRing:
    ring = CropRing(face_id, frames=16, span_s=1.0, gap_s=0.3)
    push(ring, 0, round(seconds * 30), seed)
    return ring


def push(ring: CropRing, first: int, count: int, seed: int = 0) -> None:
    for k in range(first, first + count):
        ring.push(to_ns(k / 30), a_crop(seed + k), a_face(ring.face_id), k)


def request(ring: CropRing) -> Request:
    window = ring.window()
    assert window is not None
    return Request(("main", ring.face_id), window, ring)


class Whole(models.Model):
    """A streaming model seen as one that wants whole clips."""

    def __init__(self, inner: models.Model) -> None:
        super().__init__(inner.spec)
        self.inner = inner

    def forward(self, clip: torch.Tensor) -> models.Output:
        output: models.Output = self.inner(clip)
        return output


@pytest.fixture
def engine() -> Engine:
    torch.manual_seed(3)
    return Engine(models.create_model("ifdd-stream"), "cpu")


def test_cached_features_and_a_recomputed_clip_agree(engine: Engine) -> None:
    ring = filled_ring()
    engine.read([request(ring)])
    push(ring, 45, 8)
    asked = request(ring)
    cached = engine.read([asked])[0]
    fresh = Engine(engine.model, "cpu").read([asked])[0]
    recomputed = Engine(Whole(engine.model), "cpu").read([asked])[0]
    assert cached is not None
    for other in (fresh, recomputed):
        assert other is not None
        np.testing.assert_allclose(cached.probabilities, other.probabilities, atol=1e-4)
        np.testing.assert_allclose(cached.static_index, other.static_index, atol=1e-4)  # type: ignore[arg-type]
        np.testing.assert_allclose(cached.dynamic_index, other.dynamic_index, atol=1e-4)  # type: ignore[arg-type]


def test_each_crop_is_encoded_once(engine: Engine) -> None:
    ring = filled_ring()
    seen: set[int] = set()
    for first in range(45, 105, 4):
        asked = request(ring)
        seen.update(int(each) for each in asked.window.serials)
        engine.read([asked])
        assert engine.encoded == len(seen)
        push(ring, first, 4)
    assert engine.windows == 15


def test_a_batch_gives_what_single_windows_give(engine: Engine) -> None:
    asked = [request(filled_ring(face_id=1)), request(filled_ring(face_id=2, seed=500))]
    together = engine.read(asked)
    for each, reading in zip(asked, together, strict=True):
        alone = Engine(engine.model, "cpu").read([each])[0]
        assert alone is not None
        assert reading is not None
        np.testing.assert_allclose(reading.probabilities, alone.probabilities, atol=1e-5)


def test_a_reading_is_within_its_ranges(engine: Engine) -> None:
    reading = engine.read([request(filled_ring())])[0]
    assert reading is not None
    assert reading.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert 0 <= reading.intensity <= 1
    for index in (reading.static_index, reading.dynamic_index):
        assert index is not None
        assert index.shape == (8,)
        assert index.min() >= 0
        assert index.max() <= 15


def test_overwritten_crops_give_none_and_the_rest_is_read(engine: Engine) -> None:
    old = filled_ring(face_id=1)
    asked = request(old)
    push(old, 45, 300)
    other = request(filled_ring(face_id=2))
    lost, kept = engine.read([asked, other])
    assert lost is None
    assert kept is not None
    assert engine.read([asked]) == [None]


def test_crops_encoded_ahead_are_not_encoded_again(engine: Engine) -> None:
    ring = CropRing(1, frames=16, span_s=1.0, gap_s=0.3)
    for k in range(45):
        push(ring, k, 1)
        serial = ring.newest_choice()
        assert serial is not None
        assert engine.read([], [(("main", 1), ring, serial)]) == []
    encoded = engine.encoded
    assert 16 <= encoded <= 24
    ahead = engine.read([request(ring)])[0]
    assert engine.encoded == encoded, "the window finds all its crops done"
    fresh = Engine(engine.model, "cpu").read([request(ring)])[0]
    assert ahead is not None
    assert fresh is not None
    np.testing.assert_allclose(ahead.probabilities, fresh.probabilities, atol=1e-5)


def test_crops_encoded_ahead_of_no_window_are_forgotten(engine: Engine) -> None:
    ring = CropRing(1, frames=16, span_s=1.0, gap_s=0.01)  # each crop starts the history anew
    engine.model.encode = lambda frames: torch.zeros(len(frames), 128, 4, 4)  # type: ignore[assignment]
    for k in range(3 * ring.capacity):
        push(ring, k, 1)
        engine.read([], [(("main", 1), ring, k)])
    assert engine.encoded == 3 * ring.capacity
    assert len(engine._store) <= ring.capacity + 1


def test_fixed_batches_give_the_same_answers(engine: Engine) -> None:
    fixed = Engine(engine.model, "cpu", capture=lambda call: call)
    fixed.warm_up()
    rings = [filled_ring(face_id=1), filled_ring(face_id=2, seed=500), filled_ring(face_id=3, seed=900)]
    for first in (45, 49):
        asked = [request(each) for each in rings]
        for ours, theirs in zip(fixed.read(asked), engine.read(asked), strict=True):
            assert ours is not None
            assert theirs is not None
            np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-5)
            np.testing.assert_allclose(ours.static_index, theirs.static_index, atol=1e-5)  # type: ignore[arg-type]
        for each in rings:
            push(each, first, 4)
    assert fixed.windows == engine.windows == 6
    assert fixed.encoded == engine.encoded


def test_bfloat16_reads_nearly_the_same(engine: Engine) -> None:
    asked = request(filled_ring())
    expected = engine.read([asked])[0]
    low = Engine(copy.deepcopy(engine.model), "cpu", "bfloat16")
    got = low.read([asked])[0]
    assert expected is not None
    assert got is not None
    np.testing.assert_allclose(got.probabilities, expected.probabilities, atol=0.02)
    np.testing.assert_allclose(got.static_index, expected.static_index, atol=0.1)  # type: ignore[arg-type]
    assert low.device_name == "cpu, bfloat16"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_graphs_give_what_the_cpu_gives(engine: Engine) -> None:
    device = Engine(copy.deepcopy(engine.model), "cuda", "float32")
    device.warm_up()
    ring = filled_ring()
    for first in (45, 49, 53):
        asked = request(ring)
        expected, got = engine.read([asked])[0], device.read([asked])[0]
        assert expected is not None
        assert got is not None
        np.testing.assert_allclose(got.probabilities, expected.probabilities, atol=1e-3)
        push(ring, first, 4)


def test_retain_forgets_faces_that_are_gone(engine: Engine) -> None:
    asked = request(filled_ring())
    engine.read([asked])
    encoded = engine.encoded
    engine.retain([])
    engine.read([asked])
    assert engine.encoded == 2 * encoded


def test_nan_is_an_error_and_never_a_prediction(engine: Engine) -> None:
    with torch.no_grad():
        for each in engine.model.parameters():
            each.fill_(float("nan"))
    with pytest.raises((FloatingPointError, models.ModelError), match="finite"):
        engine.read([request(filled_ring())])


def test_random_weights_are_the_same_at_every_start(tmp_path: Path) -> None:
    asked = request(filled_ring())
    readings = [make_engine("ifdd-stream", "", "cpu", tmp_path).read([asked])[0] for _ in range(2)]
    assert readings[0] is not None
    assert readings[1] is not None
    np.testing.assert_array_equal(readings[0].probabilities, readings[1].probabilities)


def test_weights_by_path_and_by_name_are_served(tmp_path: Path, engine: Engine) -> None:
    models.save_checkpoint(tmp_path / "mine.safetensors", engine.model)
    asked = request(filled_ring())
    expected = engine.read([asked])[0]
    for weights in (str(tmp_path / "mine.safetensors"), "mine"):
        got = make_engine("ifdd-stream", weights, "cpu", tmp_path).read([asked])[0]
        assert expected is not None
        assert got is not None
        np.testing.assert_allclose(got.probabilities, expected.probabilities, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "weights", "message"),
    [
        ("no-such", "", "no-such"),
        ("ifdd-stream", "missing", "expected a safetensors file or a shipped name, got 'missing'"),
        ("ifdd-stream", "broken", "broken"),
        ("ial-gca", "mine", "expected weights of ial-gca, got ifdd-stream"),
    ],
)
def test_what_does_not_fit_is_one_line(
    tmp_path: Path, engine: Engine, model: str, weights: str, message: str
) -> None:
    models.save_checkpoint(tmp_path / "mine.safetensors", engine.model)
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    with pytest.raises(WeightsError) as caught:
        make_engine(model, weights, "cpu", tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device_is_refused(engine: Engine) -> None:
    with pytest.raises(WeightsError, match="expected a CUDA device"):
        Engine(engine.model, "cuda")
