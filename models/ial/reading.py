"""Which reading of each quirk of the published GCA+IAL code is in force."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import ModelError


@dataclass(frozen=True)
class IalReading:
    """The choices of the GCA+IAL network; the defaults are the sane reading.

    Attributes:
        auxiliary_relu: a ReLU between the two layers of an auxiliary head; published: none.
        position_std: deviation of the learned positions at the start; published: 1.
    """

    auxiliary_relu: bool = True
    position_std: float = 0.02

    def __post_init__(self) -> None:
        if not isinstance(self.auxiliary_relu, bool):
            raise ModelError(f"reading auxiliary_relu: expected true or false, got {self.auxiliary_relu!r}")
        number = isinstance(self.position_std, (int, float)) and not isinstance(self.position_std, bool)
        if not number or self.position_std < 0:
            raise ModelError(f"reading position_std: expected a number >= 0, got {self.position_std!r}")

    @classmethod
    def published(cls) -> IalReading:
        """The reading that reproduces the published code."""
        return cls(auxiliary_relu=False, position_std=1.0)


def to_reading(value: Mapping[str, Any] | None) -> IalReading:
    """A reading from names and values, as a specification stores it; None is the default.

    Raises:
        ModelError: an unknown name or a value out of range.
    """
    if value is not None and not isinstance(value, Mapping):
        raise ModelError(f"reading: expected names and values, got {value!r}")
    known = [each.name for each in dataclasses.fields(IalReading)]
    for name in value or {}:
        if name not in known:
            raise ModelError(f"reading: expected one of {', '.join(sorted(known))}, got {name!r}")
    return IalReading(**(value or {}))
