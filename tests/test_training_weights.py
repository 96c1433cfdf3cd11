import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

import models
from models.ifdd.streaming import IfddStream
from models.preprocess import to_tensor
from models.training.settings import load_settings
from realtime.vision.align import Aligner, warp
from realtime.vision.landmarks import FaceMesh

ASSETS = Path(__file__).resolve().parents[1] / "assets"
WEIGHTS = ASSETS / "weights" / "ifdd-stream.safetensors"
DEMO = ASSETS / "demo" / "demo.mp4"

pytestmark = pytest.mark.skipif(not WEIGHTS.is_file(), reason="no weights are shipped")


@pytest.fixture(scope="module")
def model() -> IfddStream:
    loaded = models.load_checkpoint(WEIGHTS)
    assert isinstance(loaded, IfddStream)
    return loaded


def test_the_file_is_small_and_the_one_that_was_measured() -> None:
    assert WEIGHTS.stat().st_size <= 12_000_000
    sums = (ASSETS / "SHA256SUMS").read_text().splitlines()
    listed = {path: listed_digest for listed_digest, path in (line.split() for line in sums)}
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert listed["assets/weights/ifdd-stream.safetensors"] == digest


def test_they_are_what_the_configuration_describes(model: IfddStream) -> None:
    settings = load_settings(WEIGHTS.with_suffix(".toml"))
    assert (
        models.create_model(settings.model.name, **settings.model.overrides).spec.options
        == model.spec.options
    )
    assert model.spec.trained
    assert model.spec.origin == settings.origin
    assert model.spec.metrics["public_war"] > 0.5


def crops_between(start_s: float, end_s: float, count: int, path: Path = DEMO) -> npt.NDArray[np.uint8]:
    """Crops (count,224,224,3) of a clip, evenly spread, as the live path makes them."""
    video = cv2.VideoCapture(str(path))
    crops = []
    aligner = Aligner()
    with FaceMesh(1, still=True) as mesh:
        for time_s in np.linspace(start_s, end_s, count):
            video.set(cv2.CAP_PROP_POS_FRAMES, round(time_s * video.get(cv2.CAP_PROP_FPS)))
            image = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB)
            (landmarks,) = mesh.find(np.asarray(image, np.uint8))
            crops.append(warp(np.asarray(image, np.uint8), aligner.matrix(int(time_s * 1e9), landmarks)))
    video.release()
    return np.stack(crops)


def read(model: IfddStream, crops: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Probabilities by class; a few crops are repeated to a window."""
    spec = model.spec
    with torch.inference_mode():
        features = model.encode(to_tensor(torch.from_numpy(crops), spec))
        window = features[torch.arange(spec.frames) * len(features) // spec.frames]
        probabilities = torch.softmax(model.read(window[None]).logits[0] / spec.temperature, 0)
    return dict(zip(spec.labels, probabilities.tolist(), strict=True))


@pytest.fixture(scope="module")
def actor(model: IfddStream) -> dict[str, dict[str, float]]:
    """What the model reads in the demo actor's smile, frown and rest."""
    if not DEMO.is_file():
        pytest.skip("the demo clip is missing")
    schedule: list[dict[str, Any]] = json.loads(DEMO.with_suffix(".json").read_text())["schedule"]
    answers = {}
    for action in ("neutral", "smile", "frown"):
        part = next(each for each in schedule if each["action"] == action)
        answers[action] = read(model, crops_between(part["apex_start"] + 0.2, part["apex_end"] - 0.2, 4))
    return answers


def test_the_actors_smile_is_happy(actor: dict[str, dict[str, float]]) -> None:
    assert max(actor["smile"], key=actor["smile"].__getitem__) == "happy"


def test_the_actors_frown_is_not_happy(actor: dict[str, dict[str, float]]) -> None:
    assert max(actor["frown"], key=actor["frown"].__getitem__) != "happy"
    assert actor["frown"]["happy"] < actor["neutral"]["happy"] / 2  # the rest reads happy, see below


def test_the_actors_rest_is_no_sorrow_and_less_happy_than_the_smile(
    actor: dict[str, dict[str, float]],
) -> None:
    # The portrait that the actor is drawn from smiles, so its rest keeps raised cheeks: see the model card.
    assert max(actor["neutral"], key=actor["neutral"].__getitem__) in {"neutral", "happy"}
    assert actor["neutral"]["happy"] < actor["smile"]["happy"]


def test_a_face_at_rest_is_neutral_and_its_smile_happy(model: IfddStream, shared_data: Path) -> None:
    # the smile begins at 0.7 s
    crops = crops_between(0.0, 0.6, 4, shared_data / "clips" / "single_face.mp4")
    rest = read(model, crops)
    assert max(rest, key=rest.__getitem__) == "neutral"
    smile = read(model, crops_between(1.8, 2.3, 4, shared_data / "clips" / "single_face.mp4"))
    assert max(smile, key=smile.__getitem__) == "happy"
