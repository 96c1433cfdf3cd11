"""Which reading of each quirk of the published IFDD code is in force."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from models.errors import ModelError
from models.ifdd.dynamics import Pooling
from models.ifdd.lifting import LiftingReading
from models.ifdd.splitting import SplitterReading


@dataclass(frozen=True)
class IfddReading:
    """The choices of an IFDD network; the defaults are the sane reading.

    Attributes:
        correlation_scale, sampling, adaptive: see `SplitterReading`.
        order: see `LiftingReading`.
        pyramid: "plain" reads all of stage 3; "dilated", as published, reads every second row and column
            (stride, dilation and padding 2 meet on even places only).
        mlp_residual: a residual around the refinement's MLP; the published code has none.
        compression: tokens to vector, see `Compression`.
        lifting_loss: the batch's "mean", or "sum" as published.
        context: the lifting loss compares Y_s with the "raw" features, or with "normalised" ones.
    """

    correlation_scale: Literal["tokens", "width"] = "tokens"
    sampling: Literal["aligned", "stretched"] = "aligned"
    adaptive: bool = True
    order: Literal["update_first", "predict_first"] = "update_first"
    pyramid: Literal["plain", "dilated"] = "plain"
    mlp_residual: bool = True
    compression: Pooling = "weights"
    lifting_loss: Literal["mean", "sum"] = "mean"
    context: Literal["raw", "normalised"] = "raw"

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            allowed = (True, False) if hints[each.name] is bool else typing.get_args(hints[each.name])
            if not any(type(value) is type(other) and value == other for other in allowed):
                wanted = ", ".join(map(repr, allowed))
                raise ModelError(f"reading {each.name}: expected one of {wanted}, got {value!r}")

    @classmethod
    def published(cls) -> IfddReading:
        """The reading that reproduces the published code."""
        return cls(
            correlation_scale="width",
            sampling="stretched",
            pyramid="dilated",
            mlp_residual=False,
            lifting_loss="sum",
        )

    @property
    def splitter(self) -> SplitterReading:
        """The part that ISSM reads."""
        return SplitterReading(self.correlation_scale, self.sampling, self.adaptive)

    @property
    def lifting(self) -> LiftingReading:
        """The part that LADM reads."""
        return LiftingReading(order=self.order)


def to_reading(value: Mapping[str, Any] | None) -> IfddReading:
    """A reading from names and values, as a specification stores it; None is the default.

    Raises:
        ModelError: an unknown name or a value out of range.
    """
    if value is not None and not isinstance(value, Mapping):
        raise ModelError(f"reading: expected names and values, got {value!r}")
    known = [each.name for each in dataclasses.fields(IfddReading)]
    for name in value or {}:
        if name not in known:
            raise ModelError(f"reading: expected one of {', '.join(sorted(known))}, got {name!r}")
    return IfddReading(**(value or {}))
