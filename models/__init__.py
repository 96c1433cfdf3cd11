"""The papers' networks and what training them needs: torch, numpy and safetensors only."""

from models.checkpoint import load_checkpoint, read_spec, save_checkpoint
from models.errors import ModelError
from models.model import Model, StreamingModel
from models.output import Output
from models.registry import create_model, list_models
from models.spec import ModelSpec

__all__ = [
    "Model",
    "ModelError",
    "ModelSpec",
    "Output",
    "StreamingModel",
    "create_model",
    "list_models",
    "load_checkpoint",
    "read_spec",
    "save_checkpoint",
]
