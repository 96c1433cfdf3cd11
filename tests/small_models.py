"""Small forms of every model, quick enough to run in each test."""

from __future__ import annotations

from typing import Any

import torch

from models import Model, create_model

SMALL: dict[str, dict[str, Any]] = {
    "ial-gca": {"size": 64, "frames": 6},
    "ifdd-mvit-s": {"size": 64},
    "ifdd-mvit-xs": {"size": 64},
    "ifdd-stream": {"size": 48, "frames": 8, "width": 32, "encoder": "resnet-narrow"},
    "ifdd-vit": {"size": 64, "depth": 2},
}


def small(name: str, **overrides: Any) -> Model:
    """A small model with the same random weights each time."""
    torch.manual_seed(1)
    return create_model(name, **{**SMALL[name], **overrides})
