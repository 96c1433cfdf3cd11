"""Models by name."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from typing import Any

from models.errors import ModelError
from models.ial.network import IalGca
from models.ifdd.network import IfddMvit
from models.ifdd.region_network import IfddVit
from models.ifdd.streaming import IfddStream
from models.model import Model
from models.spec import ModelSpec, check_names, field_names

KINETICS_MEAN, KINETICS_STD = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# the constructor takes the specification, and its other arguments are the model's options
_ENTRIES: dict[str, tuple[ModelSpec, type[Model]]] = {
    spec.name: (spec, builder)
    for spec, builder in (
        (ModelSpec("ifdd-mvit-xs", 16, 224, mean=KINETICS_MEAN, std=KINETICS_STD), IfddMvit),
        (
            ModelSpec("ifdd-mvit-s", 16, 224, mean=KINETICS_MEAN, std=KINETICS_STD, options={"depth": "s"}),
            IfddMvit,
        ),
        (ModelSpec("ifdd-vit", 16, 160, mean=IMAGENET_MEAN, std=IMAGENET_STD), IfddVit),
        (ModelSpec("ial-gca", 16, 112), IalGca),
        (
            ModelSpec(
                "ifdd-stream", 16, 36, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), grey=True, view=0.75
            ),
            IfddStream,
        ),
    )
}


def list_models() -> tuple[str, ...]:
    """The names that `create_model` takes."""
    return tuple(sorted(_ENTRIES))


def default_spec(name: str) -> ModelSpec:
    """The specification that `create_model(name)` starts from.

    Raises:
        ModelError: an unknown name.
    """
    if name not in _ENTRIES:
        raise ModelError(f"model: expected one of {', '.join(list_models())}, got {name!r}")
    return _ENTRIES[name][0]


def create_model(name: str, **overrides: Any) -> Model:
    """A model with random weights, in evaluation mode.

    Args:
        name: one of `list_models()`.
        **overrides: values of its `ModelSpec` (frames, size, labels, ...) and the options of the model's
            own constructor (a reading as names and values, or as its dataclass).

    Returns:
        the model; its specification, with the options given, is `model.spec`.

    Raises:
        ModelError: an unknown name, an unknown override, or a value out of range.
    """
    spec = default_spec(name)
    builder = _ENTRIES[name][1]
    own = _options_of(builder)
    fields = tuple(key for key in field_names() if key not in ("name", "options"))
    check_names(f"{name} override", overrides, own + fields)
    options = {
        key: dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
        for key, value in overrides.items()
        if key in own
    }
    values = {key: value for key, value in overrides.items() if key in fields}
    spec = spec.replace(**values, options={**spec.options, **options})
    return build(spec)


def build(spec: ModelSpec) -> Model:
    """The model that a specification describes, with random weights, in evaluation mode.

    Raises:
        ModelError: an unknown name or option, or a value out of range.
    """
    default_spec(spec.name)
    builder = _ENTRIES[spec.name][1]
    check_names(f"{spec.name} option", spec.options, _options_of(builder))
    hints = typing.get_type_hints(builder.__init__)
    for key, value in spec.options.items():
        hint = hints[key]
        if typing.get_origin(hint) is typing.Literal and value not in typing.get_args(hint):
            wanted = ", ".join(map(repr, typing.get_args(hint)))
            raise ModelError(f"{spec.name} option {key}: expected one of {wanted}, got {value!r}")
        if isinstance(hint, type) and type(value) is not hint:
            raise ModelError(f"{spec.name} option {key}: expected {hint.__name__}, got {value!r}")
    return builder(spec, **spec.options).eval()


def _options_of(builder: type[Model]) -> tuple[str, ...]:
    return tuple(key for key in inspect.signature(builder).parameters if key != "spec")
