"""Optimiser, parameter groups and learning rate of training on clips."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import nn

from models.errors import ModelError
from models.layers.drop_path import DropPath
from models.model import Model
from models.training.recipe import ClipModel, Optimisation

_BLOCK = re.compile(r"backbone\.blocks\.(\d+)\.")
_FIRST = re.compile(r"backbone\.(stem|class_token|region_token)")


def learning_rate(settings: Optimisation, epoch: int, step: int, steps: int) -> float:
    """The learning rate at a step.

    Args:
        settings: see Optimisation.
        epoch: from 0.
        step: in the epoch, from 0.
        steps: of an epoch.
    """
    time = epoch + (step / steps if settings.per == "step" else 0.0)
    if time < settings.warm_up:
        end = settings.warm_to or settings.peak
        return settings.warm_from + (end - settings.warm_from) * time / settings.warm_up
    if settings.schedule == "steps":
        return float(settings.peak * settings.factor ** (int(time - settings.warm_up) // settings.every))
    progress = (time - settings.warm_up) / max(1, settings.epochs - settings.warm_up)
    fall = 0.5 * (1 + math.cos(math.pi * progress))
    return settings.peak * (settings.floor + (1 - settings.floor) * fall)


def parameter_groups(model: Model, settings: Optimisation) -> list[dict[str, Any]]:
    """Groups of parameters with their weight decay and "scale", the factor of the learning rate.

    Raises:
        ModelError: layer decay for a model without a stack of blocks.
    """
    numbers = [int(found[1]) for name, _ in model.named_parameters() if (found := _BLOCK.match(name))]
    if settings.layer_decay < 1 and not numbers:
        raise ModelError(
            f"optimisation layer_decay: expected 1 for {model.spec.name}, got {settings.layer_decay}"
        )
    top = max(numbers, default=0) + 2
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        found = _BLOCK.match(name)
        layer = int(found[1]) + 1 if found else 0 if _FIRST.match(name) else top
        # tokens and positions are tables, biases and norms have one axis
        decays = settings.decay_all or (
            parameter.dim() >= 2 and not name.endswith(("_token", "place", "step"))
        )
        groups.setdefault((layer, decays), []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": settings.weight_decay if decays else 0.0,
            "scale": settings.layer_decay ** (top - layer),
        }
        for (layer, decays), parameters in sorted(groups.items(), key=lambda each: each[0])
    ]


def make_optimiser(model: Model, settings: Optimisation) -> torch.optim.Optimizer:
    """The optimiser of a model's parameters.

    Raises:
        ModelError: layer decay for a model without a stack of blocks.
    """
    groups = parameter_groups(model, settings)
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.peak, momentum=settings.momentum)
    return torch.optim.AdamW(groups, lr=settings.peak)


def set_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Sets the learning rate of every group, times the group's scale."""
    for group in optimiser.param_groups:
        group["lr"] = value * group["scale"]


def set_regularisation(model: Model, settings: ClipModel) -> None:
    """Stochastic depth of the backbone and dropout, where the recipe says other than the model does.

    Raises:
        ModelError: stochastic depth for a model without a stack of blocks.
    """
    if settings.drop_path >= 0:
        blocks = [(name, each) for name, each in model.named_modules() if isinstance(each, DropPath)]
        stack = [(int(found[1]), each) for name, each in blocks if (found := _BLOCK.match(name + "."))]
        if not stack:
            raise ModelError(f"model drop_path: expected -1 for {model.spec.name}, got {settings.drop_path}")
        last = max(number for number, _ in stack)
        for number, each in stack:
            each.rate = settings.drop_path * number / max(1, last)
    if settings.dropout >= 0:
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = settings.dropout
