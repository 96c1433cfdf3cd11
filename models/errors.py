"""The one error that `models` raises for input that does not fit."""

from __future__ import annotations


class ModelError(ValueError):
    """A model name, specification, clip or weight does not fit; one line with expected and got."""
