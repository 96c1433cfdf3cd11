"""Weights and specification in one safetensors file; loading never runs code from the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.errors import ModelError
from models.model import Model
from models.registry import build
from models.spec import ModelSpec, from_json

FORMAT = "ifdd-live-1"


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copies weights into a model, or changes nothing.

    Args:
        model: takes its entries' types; floating entries may come in any floating type.
        weights: as `model.state_dict()` names them.
        source: what messages call the origin.

    Raises:
        ModelError: an entry is missing, unknown, misshaped, of another kind or not finite.
    """
    own = model.state_dict()
    check_weights({name: (tuple(t.shape), t.is_floating_point()) for name, t in own.items()}, weights, source)
    model.load_state_dict(dict(weights))


def check_weights(
    expected: Mapping[str, tuple[tuple[int, ...], bool]], weights: Mapping[str, Any], source: str
) -> None:
    """Raises ModelError unless `weights` holds the expected entries and no others.

    Args:
        expected: shape and "is floating" by name.
        weights: what was given.
        source: what messages call the origin.
    """
    for name in expected:
        if name not in weights:
            raise ModelError(f"{source}: expected an entry {name!r} of shape {expected[name][0]}, got none")
    for name, value in weights.items():
        if name not in expected:
            raise ModelError(f"{source}: entry {name!r}: expected no such entry, got one")
        if not isinstance(value, Tensor):
            raise ModelError(f"{source}: entry {name!r}: expected a tensor, got {type(value).__name__}")
        shape, floating = expected[name]
        if tuple(value.shape) != shape:
            raise ModelError(f"{source}: entry {name!r}: expected shape {shape}, got {tuple(value.shape)}")
        if value.is_floating_point() != floating:
            kind = "a floating type" if floating else "a whole-number type"
            raise ModelError(f"{source}: entry {name!r}: expected {kind}, got {value.dtype}")
        if floating and not bool(torch.isfinite(value).all()):
            raise ModelError(f"{source}: entry {name!r}: expected finite values, got NaN or infinity")


def save_checkpoint(path: str | os.PathLike[str], model: Model, **changes: Any) -> None:
    """Writes weights and specification; an existing file is replaced only when all is written.

    Args:
        path: ends in .safetensors by custom.
        model: a model of the registry.
        **changes: specification values to store instead of the model's own (trained, origin, metrics, ...).

    Raises:
        ModelError: an invalid value, weights that are not finite, or the file cannot be written.
    """
    spec = model.spec.replace(**changes)
    target = Path(path)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    for name, value in weights.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ModelError(f"{target}: entry {name!r}: expected finite values, got NaN or infinity")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        save_file(weights, temporary, metadata={"format": FORMAT, "spec": spec.to_json()})
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{target}: expected a writable file, got: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def read_spec(path: str | os.PathLike[str]) -> ModelSpec:
    """The specification in a checkpoint, without its weights.

    Raises:
        ModelError: the file is not a checkpoint of this project.
    """
    return _read(path, with_weights=False)[0]


def load_checkpoint(path: str | os.PathLike[str]) -> Model:
    """The model in a checkpoint, in evaluation mode, on the CPU.

    Raises:
        ModelError: the file is not a checkpoint of this project, or an entry does not fit.
    """
    spec, weights = _read(path, with_weights=True)
    try:
        model = build(spec)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    load_weights(model, weights, str(path))
    return model


def _read(path: str | os.PathLike[str], with_weights: bool) -> tuple[ModelSpec, dict[str, Tensor]]:
    if not Path(path).is_file():
        raise ModelError(f"{path}: expected a safetensors file, got no file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or "spec" not in metadata:
                got = metadata.get("format", "none")
                raise ModelError(
                    f"{path}: expected format {FORMAT!r} and a spec in the metadata, got {got!r}"
                )
            spec = from_json(metadata["spec"])
            names = file.keys() if with_weights else ()
            weights = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: expected a safetensors file, got: {error}") from None
    return spec, weights
