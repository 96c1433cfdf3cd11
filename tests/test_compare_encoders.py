from pathlib import Path

import numpy as np
import pytest
import torch

from models import ModelError
from models.backbones.frame_encoder import ENCODERS
from models.training.compare_encoders import augment, main, read_stills


def _stills(path: Path) -> Path:
    """Two classes that differ in which half is bright."""
    generator = np.random.default_rng(1)
    labels = np.arange(80, dtype=np.uint8) % 2
    images = generator.integers(0, 60, (80, 48, 48), dtype=np.uint8)
    images[labels == 0, :24] += 150
    images[labels == 1, 24:] += 150
    np.savez(path, images=images, labels=labels, split=(np.arange(80) >= 64).astype(np.uint8))
    return path


def test_a_candidate_learns_and_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = _stills(tmp_path / "stills.npz")
    arguments = ["--data", str(data), "--encoders", "resnet-narrow", "--epochs", "6", "--batch", "16"]
    assert main([*arguments, "--size", "32"]) == 0
    row = [cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].split("|")]
    assert row[1] == "resnet-narrow"
    assert float(row[2].rstrip("%")) > 90
    assert float(row[4]) > 0


def test_augmentation_moves_pictures_and_keeps_their_layout() -> None:
    pictures = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    first = augment(pictures, torch.Generator().manual_seed(2))
    assert first.shape == pictures.shape
    assert not torch.allclose(first, pictures, atol=0.05)
    torch.testing.assert_close(first, augment(pictures, torch.Generator().manual_seed(2)))
    assert float(first.max()) <= float(pictures.max()) + 1e-6


def test_a_file_that_does_not_fit_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match="expected an npz file with images, labels and split"):
        read_stills(tmp_path / "none.npz")
    np.savez(tmp_path / "bad.npz", images=np.zeros((2, 4, 4)), labels=np.zeros(2), split=np.zeros(2))
    assert main(["--data", str(tmp_path / "bad.npz")]) == 2
    assert "expected (N,H,W) uint8 and N labels, got (2, 4, 4) float64" in capsys.readouterr().err


def test_the_published_data_has_the_official_split(shared_data: Path) -> None:
    stills = read_stills(shared_data / "fer2013.npz")
    assert len(stills.train_images) == 28709
    assert len(stills.choose_images) == 3589
    assert set(ENCODERS) >= {"resnet", "plain"}
