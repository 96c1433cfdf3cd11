from __future__ import annotations

import numpy as np
import pytest

from models import ModelSpec
from realtime.inference.scores import intensity_of, probabilities_of

SPEC = ModelSpec("m", 16, 48, temperature=2.0, intensity_scale=0.5, intensity_offset=-1.0)


def test_probabilities_are_of_the_logits_over_the_temperature() -> None:
    logits = np.array([[2.0, 0, 0, 0, 0, 0, 0], [0, 800, 0, 0, 0, 0, 0]], np.float32)
    found = probabilities_of(logits, SPEC)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, 0] / found[0, 1], np.e, rtol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert found[1, 1] == 1  # large logits overflow nothing


def test_intensity_is_of_the_margin_over_the_strongest_rival() -> None:
    logits = np.array([1.0, 7.0, -3.0, 5.0, 0, 0, 0], np.float32)
    assert intensity_of(logits, SPEC) == pytest.approx(1 / (1 + np.exp(-(0.5 * 2 - 1))))
    assert intensity_of(np.zeros(7, np.float32), SPEC) == pytest.approx(1 / (1 + np.e))
