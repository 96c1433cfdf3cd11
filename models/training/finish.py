"""From trained weights to a file to ship: temperature, intensity, figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.checkpoint import save_checkpoint
from models.ifdd.streaming import IfddStream
from models.training.metrics import calibration_error, fit_temperature, margins, score

HALF, STRONG = 0.5, 0.9  # quantiles of the margin that get these intensities


def fit_intensity(logits: Tensor) -> tuple[float, float]:
    """Scale and offset of intensity = sigmoid(scale * margin + offset).

    The margin of the strongest logit over its strongest rival is how clearly an expression is shown, as the
    intensity-aware loss reads it (arXiv 2208.10335). Over the pictures given, the median margin gets an
    intensity of 0.5 and the 90th percentile 0.9.
    """
    margin = margins(logits.double())
    middle, strong = torch.quantile(margin, torch.tensor([HALF, STRONG], dtype=torch.double)).tolist()
    scale = float(torch.logit(torch.tensor(STRONG))) / max(strong - middle, 1e-6)
    return scale, -scale * middle


def fit_reading(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """A specification's temperature and calibration of the intensity, fitted on validation answers."""
    scale, offset = fit_intensity(logits)
    return {
        "temperature": fit_temperature(logits, labels),
        "intensity_scale": scale,
        "intensity_offset": offset,
    }


def ship(model: IfddStream, logits: Tensor, labels: Tensor, path: Path, origin: str) -> dict[str, Any]:
    """Writes the weights, with temperature and intensity fitted on PublicTest, and returns the figures."""
    temperature = fit_temperature(logits, labels)
    scale, offset = fit_intensity(logits)
    scores = score(logits, labels)
    metrics = {
        "public_war": round(scores.war, 4),
        "public_uar": round(scores.uar, 4),
        "public_ece": round(calibration_error(logits, labels, temperature), 4),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, model, trained=True, temperature=temperature, intensity_scale=scale,
                    intensity_offset=offset, origin=origin, metrics=metrics)  # fmt: skip
    return metrics
