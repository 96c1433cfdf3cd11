"""A head adapted to one person: fitted on a lesson, measured on what was held back, kept in a file."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from models.spec import ModelSpec
from realtime.errors import WeightsError
from realtime.inference.lesson import Samples
from realtime.inference.scores import Scores, intensity_of, probabilities_of
from realtime.values import FloatArray

FORMAT = "ifdd-live-person-1"
MOST_BYTES = 4_000_000
# Pull towards the shipped head, against the mean cross entropy in nats.
PULL = 0.003
STEPS = 400

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of the held-back windows whose strongest class was the one asked for, and how many there were."""

    accuracy: float
    count: int

    def to_json(self) -> dict[str, Any]:
        """`{"accuracy": 0 to 1, "count": windows}`."""
        return {"accuracy": round(self.accuracy, 4), "count": self.count}


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """What is added to the shipped head's logits: weight @ feature + bias.

    Attributes:
        model: fingerprint of the weights it was fitted with.
        labels: class names in the order of the rows.
        weight: (K,C) float32.
        bias: (K,) float32.
        before, after: accuracy on held-back windows without and with it.
    """

    model: str
    labels: tuple[str, ...]
    weight: FloatArray
    bias: FloatArray
    before: Accuracy
    after: Accuracy

    @property
    def head(self) -> str:
        """Fingerprint of the model with this adapter."""
        digest = hashlib.blake2b(self.weight.tobytes() + self.bias.tobytes(), digest_size=8)
        return f"{self.model}+{digest.hexdigest()}"

    def logits(self, logits: FloatArray, feature: FloatArray) -> FloatArray:
        """The adapted logits of one window, (K,)."""
        adapted: FloatArray = logits + self.weight @ feature + self.bias
        return adapted

    def scores(self, logits: FloatArray, feature: FloatArray, spec: ModelSpec) -> Scores:
        """The adapted scores of one window."""
        adapted = self.logits(logits, feature)
        return Scores(probabilities_of(adapted, spec), intensity_of(adapted, spec), taught=True)

    def to_bytes(self) -> bytes:
        """The file that `load` reads: numbers and class names, no pictures, no names of persons."""
        metadata = {
            "format": FORMAT,
            "model": self.model,
            "labels": json.dumps(self.labels),
            "before": json.dumps(self.before.to_json()),
            "after": json.dumps(self.after.to_json()),
        }
        return save({"weight": self.weight, "bias": self.bias}, metadata)


def fit(samples: Samples, model: str, spec: ModelSpec) -> Adapter:
    """The adapter that a lesson gives; some hundredths of a second on a CPU.

    Logistic regression on the training windows, each expression weighing the same, pulled towards no
    change. What it is worth is in `before` and `after`, measured on the held-back windows alone.

    Args:
        samples: with windows of every class in both parts.
        model: fingerprint of the weights.
        spec: of the model.
    """
    training = ~samples.held_back
    features, logits = samples.features[training].astype(float), samples.logits[training].astype(float)
    classes = samples.classes[training]
    middle = features.mean(axis=0)
    scale = float(np.sqrt(np.square(features - middle).sum(axis=1).mean())) or 1.0
    # rows of length about 1, whatever the width, and a 1 for the bias
    rows = np.column_stack([(features - middle) / scale, np.ones(len(features))])
    weights = 1 / np.bincount(classes, minlength=len(spec.labels))[classes]
    change = _minimum(rows, logits, classes, weights / weights.sum(), spec.temperature)
    weight = change[:, :-1] / scale
    bias = change[:, -1] - weight @ middle
    held = samples.held_back
    adapted = samples.logits[held] + samples.features[held] @ weight.T + bias
    return Adapter(
        model,
        spec.labels,
        np.ascontiguousarray(weight, np.float32),
        np.ascontiguousarray(bias, np.float32),
        accuracy_of(samples.logits[held], samples),
        accuracy_of(adapted, samples),
    )


def _minimum(
    rows: Doubles, logits: Doubles, classes: npt.NDArray[np.int64], weights: Doubles, temperature: float
) -> Doubles:
    """The change (K,C+1) of the head with the least loss, by Nesterov's gradient steps.

    The loss is smooth and strongly convex with known constants, so the steps need no search: each shrinks
    the distance by about 1 - 1/sqrt(curvature / pull), and `STEPS` of them leave nothing that shows.
    """
    pull = 2 * PULL / temperature**2
    curvature = 0.5 * np.linalg.norm(rows * np.sqrt(weights)[:, None], 2) ** 2 / temperature**2 + pull
    ratio = math.sqrt(float(curvature) / pull)
    momentum = (ratio - 1) / (ratio + 1)
    wanted = np.eye(logits.shape[1])[classes]
    change = ahead = np.zeros((logits.shape[1], rows.shape[1]))
    for _ in range(STEPS):
        scaled = (logits + rows @ ahead.T) / temperature
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        error = powers / powers.sum(axis=1, keepdims=True) - wanted
        slope = (error * weights[:, None]).T @ rows / temperature + pull * ahead
        before, change = change, ahead - slope / curvature
        ahead = change + momentum * (change - before)
    return change


def accuracy_of(logits: FloatArray, samples: Samples) -> Accuracy:
    """How often the strongest of the held-back windows' logits is the class asked for."""
    wanted = samples.classes[samples.held_back]
    return Accuracy(float((logits.argmax(axis=1) == wanted).mean()), len(wanted))


def load(path: Path, model: str, labels: tuple[str, ...], width: int | None = None) -> Adapter:
    """Reads what `Adapter.to_bytes` gave.

    Args:
        path: the file.
        model: fingerprint of the weights in use.
        labels: their classes.
        width: C, where it is known.

    Raises:
        WeightsError: it is no such file, or one of other weights.
    """
    if not path.is_file():
        raise WeightsError(f"person {path}: expected a file, got none")
    if path.stat().st_size > MOST_BYTES:
        raise WeightsError(f"person {path}: expected at most {MOST_BYTES} bytes, got {path.stat().st_size}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise WeightsError(
                    f"person {path}: expected format {FORMAT!r}, got {metadata.get('format', 'none')!r}"
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"person {path}: expected a safetensors file, got: {error}") from None
    if metadata.get("model") != model:
        raise WeightsError(
            f"person {path}: expected a head taught with these weights ({model[:8]}), got one taught with "
            f"others ({str(metadata.get('model'))[:8]}); teach it again"
        )
    try:
        names = tuple(json.loads(metadata["labels"]))
        measured = [Accuracy(**json.loads(metadata[key])) for key in ("before", "after")]
        weight, bias = arrays["weight"], arrays["bias"]
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"person {path}: expected whole metadata, got: {error!r}") from None
    if names != labels:
        raise WeightsError(f"person {path}: expected classes {', '.join(labels)}, got {names}")
    shape = (len(labels), weight.shape[-1] if width is None else width)
    if weight.shape != shape or bias.shape != shape[:1] or weight.ndim != 2:
        raise WeightsError(f"person {path}: expected weight {shape}, got {weight.shape} and {bias.shape}")
    if weight.dtype != np.float32 or bias.dtype != np.float32:
        raise WeightsError(f"person {path}: expected float32, got {weight.dtype} and {bias.dtype}")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise WeightsError(f"person {path}: expected finite numbers, got NaN or infinity")
    return Adapter(model, labels, weight, bias, measured[0], measured[1])
