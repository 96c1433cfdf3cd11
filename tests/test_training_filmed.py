import json
from pathlib import Path

import pytest
import torch

from models.errors import ModelError
from models.training import filmed
from models.training.filmed import changes


def rest(noise: float = 0.0, flicker: float = 0.0, drift: float = 0.0, frames: int = 200) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    face = torch.rand(32, 32, generator=generator) * 0.4 + 0.3
    time = torch.linspace(0, 1, frames).view(-1, 1, 1)
    pictures = face + noise * torch.randn(frames, 32, 32, generator=generator)
    return pictures + flicker * torch.randn(frames, 1, 1, generator=generator) + drift * time


def test_a_picture_that_does_not_change_is_not_hard() -> None:
    assert changes(rest()).hardness == pytest.approx(0, abs=1e-5)


def test_each_change_is_told_from_the_others() -> None:
    seen = changes(rest(noise=0.01))
    assert seen.noise == pytest.approx(0.01, rel=0.05)
    assert seen.flicker < 0.001
    assert seen.hardness == pytest.approx(0.2, rel=0.05)
    seen = changes(rest(flicker=0.004))
    assert seen.flicker == pytest.approx(0.004, rel=0.2)
    assert seen.hardness == pytest.approx(0.5, rel=0.2)
    seen = changes(rest(drift=0.04))
    assert seen.drift == pytest.approx(0.04, rel=0.05)
    assert seen.noise < 1e-4


def test_few_pictures_are_refused() -> None:
    with pytest.raises(ModelError, match="expected 6 or more, got 2"):
        changes(rest(frames=2))


def test_a_filmed_face_is_measured(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = str(shared_data / "clips" / "single_face.mp4")
    assert filmed.main(["--video", video, "--seconds", "0.5"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["frames"] == 15
    assert 0.02 < answer["hardness"] < 0.2  # what `clips.LIVE` comes from


def test_a_clip_without_a_face_is_one_line(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert filmed.main(["--video", str(shared_data / "clips" / "no_face.mp4"), "--seconds", "0.5"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "filmed: pictures of a face: expected 6 or more, got 0"
