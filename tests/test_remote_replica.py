from __future__ import annotations

import pickle
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import models
from models.preprocess import to_tensor
from realtime.errors import WeightsError
from realtime.inference.engine import Engine
from realtime.remote.clips import DONE, FAILED, LATE, Clip
from realtime.remote.replica import Answer, Replica, answer, make_reader
from realtime.remote.settings import RaySettings
from tests.faces import a_crop
from tests.small_models import small
from tests.test_engine import filled_ring, request


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    models.save_checkpoint(path, small("ifdd-stream", frames=16, grey=True, view=0.75))
    return path


@pytest.fixture
def replica(weights: Path) -> Replica:
    return Replica(RaySettings(weights=str(weights)))


def test_a_clip_of_pixels_and_one_of_features_give_what_the_engine_gives(replica: Replica) -> None:
    asked = request(filled_ring())
    expected = Engine(replica.model, "cpu").read([asked])[0]
    assert expected is not None
    crops = asked.ring.read(asked.window.serials)
    assert crops is not None
    pixels = to_tensor(torch.from_numpy(crops), replica.spec)[:, :1].numpy()
    rows = np.arange(16)
    [(first, features)] = replica.read_clips([Clip(pixels, None, rows)])
    assert features is not None
    assert features.shape == (16, 32, 3, 3)
    clips = [
        Clip(pixels[14:], features[:14], np.array([*range(2, 16), 0, 1])),
        Clip(pixels[:0], features, rows),
        Clip(crops, None, rows),
    ]
    answers = replica.read_clips(clips)
    for reading, _ in [(first, None), *answers]:
        np.testing.assert_allclose(reading.probabilities, expected.probabilities, atol=1e-6)
        np.testing.assert_allclose(reading.static_index, expected.static_index, atol=1e-4)  # type: ignore[arg-type]
        np.testing.assert_allclose(reading.dynamic_index, expected.dynamic_index, atol=1e-4)  # type: ignore[arg-type]
        np.testing.assert_allclose(reading.feature, expected.feature, atol=1e-5)
    assert [0 if found is None else len(found) for _, found in answers] == [2, 0, 16]


def test_fixed_batches_do_not_mix_one_clips_features_with_anothers(weights: Path) -> None:
    plain, fixed = (Replica(RaySettings(weights=str(weights))) for _ in range(2))
    Engine.__init__(fixed, plain.model, "cpu", capture=lambda call: call)
    clips = []
    for seed in (0, 100, 200):
        crops = np.stack([a_crop(seed + k) for k in range(3)])
        clips.append(Clip(crops, None, np.arange(16) % 3))
    for (one, first), (two, second) in zip(plain.read_clips(clips), fixed.read_clips(clips), strict=True):
        np.testing.assert_allclose(one.probabilities, two.probabilities, atol=1e-5)
        np.testing.assert_allclose(first, second, atol=1e-5)  # type: ignore[arg-type]


def test_a_model_that_wants_whole_clips_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "vit.safetensors"
    network = small("ifdd-vit", frames=16)
    models.save_checkpoint(path, network)
    replica, asked = Replica(RaySettings(weights=str(path))), request(filled_ring())
    crops = asked.ring.read(asked.window.serials)
    assert crops is not None
    [(reading, features)] = replica.read_clips([Clip(crops, None, np.arange(16))])
    expected = Engine(network, "cpu").read([asked])[0]
    assert expected is not None
    assert features is None
    np.testing.assert_allclose(reading.probabilities, expected.probabilities, atol=1e-6)


def test_a_replica_with_other_weights_does_not_start(weights: Path) -> None:
    with pytest.raises(WeightsError, match="expected fingerprint 00, got"):
        Replica(RaySettings(weights=str(weights), fingerprint="00"))


class _Counted:
    device_name = "none"

    def __init__(self) -> None:
        self.read: list[int] = []
        self.error: Exception | None = None

    def read_clips(self, clips: Sequence[Clip]) -> list[Answer]:
        if self.error is not None:
            raise self.error
        self.read.append(len(clips))
        return [("reading", None)] * len(clips)  # type: ignore[list-item]


def test_late_windows_are_not_read() -> None:
    clip = pickle.dumps(Clip(np.zeros((0, 1, 4, 4), np.float32), None, np.zeros(2, np.int64)))
    reader, now_s = _Counted(), time.monotonic()
    found = answer(reader, [(now_s + 100, clip), (now_s - 0.001, clip), (now_s + 100, clip)])
    assert [state for state, _ in found] == [DONE, LATE, DONE]
    assert reader.read == [2]
    assert answer(reader, [(now_s - 1, clip)]) == [(LATE, b"")]
    assert reader.read == [2]


def test_a_failure_is_told_to_all_that_were_read() -> None:
    clip = pickle.dumps(Clip(np.zeros((0, 1, 4, 4), np.float32), None, np.zeros(2, np.int64)))
    reader, now_s = _Counted(), time.monotonic()
    reader.error = FloatingPointError("got NaN")
    found = answer(reader, [(now_s + 100, clip), (now_s - 1, clip)])
    assert found == [(FAILED, b"FloatingPointError: got NaN"), (LATE, b"")]


def test_the_settings_name_the_reader(weights: Path) -> None:
    reader = make_reader(RaySettings(weights=str(weights)))
    assert isinstance(reader, Replica)
    assert reader.device_name == "cpu"
