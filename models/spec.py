"""A model's contract: what goes in, what comes out, where it comes from."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.errors import ModelError

BASIC_LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class ModelSpec:
    """What a caller must know of a model to feed it and to read its answer. Values check themselves.

    Attributes:
        name: the registry's name.
        frames: T, frames in a clip, even.
        size: side of the square input, pixels.
        labels: class names in the order of the logits.
        mean, std: subtracted from and divided out of RGB in [0,1].
        grey: the model reads luma: `preprocess.to_tensor` repeats it over the three channels.
        view: share of a crop's side that the model reads, about the crop's middle.
        window_seconds: time span of a clip, seconds.
        temperature: probabilities are softmax(logits / temperature).
        trained: False while the weights are random.
        intensity_scale, intensity_offset: intensity = sigmoid(scale * margin + offset), the margin being
            that of the strongest logit over its strongest rival.
        origin: where weights and training data come from, in words.
        metrics: measured figures by name.
        options: the model's own choices by name, as `create_model` takes them (JSON values).

    Raises:
        ModelError: a value is of the wrong type or out of range.
    """

    name: str
    frames: int
    size: int
    labels: tuple[str, ...] = BASIC_LABELS
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grey: bool = False
    view: float = 1.0
    window_seconds: float = 1.0
    temperature: float = 1.0
    trained: bool = False
    intensity_scale: float = 1.0
    intensity_offset: float = 0.0
    origin: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("labels", "mean", "std"):
            value = getattr(self, name)
            if not isinstance(value, (list, tuple)):
                raise ModelError(f"spec {name}: expected a sequence, got {value!r}")
            object.__setattr__(self, name, tuple(value))
        for name in ("name", "origin"):
            self._need(isinstance(getattr(self, name), str), name, "text")
        for name in ("grey", "trained"):
            self._need(isinstance(getattr(self, name), bool), name, "true or false")
        for name in ("frames", "size"):
            self._need(
                type(getattr(self, name)) is int and getattr(self, name) > 0, name, "a whole number > 0"
            )
        for name in ("window_seconds", "temperature"):
            self._need(_is_number(getattr(self, name)) and getattr(self, name) > 0, name, "a number > 0")
        self._need(_is_number(self.view) and 0 < self.view <= 1, "view", "a number above 0, at most 1")
        for name in ("intensity_scale", "intensity_offset"):
            self._need(_is_number(getattr(self, name)), name, "a finite number")
        self._need(self.frames % 2 == 0, "frames", "an even number")
        self._need(all(isinstance(each, str) and each for each in self.labels), "labels", "non-empty names")
        self._need(len(self.labels) >= 2, "labels", "at least 2 names")
        self._need(len(set(self.labels)) == len(self.labels), "labels", "distinct names")
        self._need(len(self.mean) == 3 and all(map(_is_number, self.mean)), "mean", "3 numbers")
        self._need(
            len(self.std) == 3 and all(_is_number(each) and each > 0 for each in self.std),
            "std",
            "3 numbers > 0",
        )
        for name in ("metrics", "options"):
            value = getattr(self, name)
            self._need(isinstance(value, Mapping), name, "names and values")
            try:
                copied = json.loads(json.dumps(dict(value), allow_nan=False))
            except (TypeError, ValueError):
                raise ModelError(f"spec {name}: expected JSON values, got {value!r}") from None
            object.__setattr__(self, name, copied)

    def _need(self, ok: bool, name: str, expected: str) -> None:
        if not ok:
            raise ModelError(f"spec {name}: expected {expected}, got {getattr(self, name)!r}")

    def replace(self, **changes: Any) -> ModelSpec:
        """A copy with some values changed.

        Raises:
            ModelError: an unknown name or an invalid value.
        """
        check_names("spec", changes, field_names())
        return dataclasses.replace(self, **changes)

    def to_json(self) -> str:
        """The spec as one JSON object."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)


def field_names() -> tuple[str, ...]:
    """The names of a spec's values."""
    return tuple(each.name for each in dataclasses.fields(ModelSpec))


def check_names(what: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raises ModelError when `given` has a name that is not in `known`."""
    for name in given:
        if name not in known:
            raise ModelError(f"{what}: expected one of {', '.join(sorted(known))}, got {name!r}")


def from_json(text: str) -> ModelSpec:
    """The spec that `to_json` wrote.

    Raises:
        ModelError: not JSON, an unknown or missing name, or an invalid value.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ModelError(f"spec: expected JSON, got: {error}") from None
    if not isinstance(values, dict):
        raise ModelError(f"spec: expected a JSON object, got {type(values).__name__}")
    check_names("spec", values, field_names())
    for name in ("name", "frames", "size"):
        if name not in values:
            raise ModelError(f"spec {name}: expected a value, got none")
    return ModelSpec(**typing.cast("dict[str, Any]", values))
