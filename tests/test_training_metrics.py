import pytest
import torch

from models.errors import ModelError
from models.training.finish import fit_intensity
from models.training.metrics import calibration_error, fit_temperature, margins, score


def test_scores_count_what_was_right_by_class() -> None:
    logits = torch.tensor([[2.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 3]])
    scores = score(logits, torch.tensor([0, 1, 1, 1]))
    assert scores.war == 0.5
    assert scores.recall == (1.0, 1 / 3, None)
    assert scores.uar == pytest.approx(2 / 3)  # over the classes that occur
    assert scores.confusion == ((1, 0, 0), (1, 1, 1), (0, 0, 0))


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ModelError, match="expected"):
        score(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))


def test_calibration_error_is_confidence_less_accuracy() -> None:
    logits = torch.log(torch.tensor([[0.8, 0.2]] * 10))
    labels = torch.tensor([0] * 5 + [1] * 5)
    assert calibration_error(logits, labels) == pytest.approx(0.3, abs=1e-6)


def test_the_temperature_undoes_a_known_sharpening() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 5, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)
    assert calibration_error(logits * 3, labels, 3.0) < 0.02 < calibration_error(logits * 3, labels)


def test_intensity_is_a_half_at_the_median_margin_and_rises_to_nine_tenths() -> None:
    logits = torch.zeros(101, 3)
    logits[:, 1] = torch.arange(101) / 10
    assert margins(logits)[50] == 5
    scale, offset = fit_intensity(logits)
    intensity = torch.sigmoid(scale * margins(logits) + offset)
    assert float(intensity[50]) == pytest.approx(0.5, abs=1e-4)
    assert float(intensity[90]) == pytest.approx(0.9, abs=1e-4)
