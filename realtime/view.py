"""What viewers are shown: the switches of one stream's picture, the same for all its viewers.

Some switches only tidy the picture up; `picture`, `bystanders` and `expressions` protect people, so they
act before encoding, and what the command line asks for can be made stricter from a page but never looser.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from realtime.errors import IfddLiveError

# each from open to strict
PICTURES = ("camera", "mesh", "mesh-only")
BYSTANDERS = ("show", "blur")
_STRICTNESS = {"picture": PICTURES, "bystanders": BYSTANDERS}
_SWITCHES = ("box", "mesh", "bars", "strip", "mirror")


class LockedError(IfddLiveError):
    """A setting that the command line fixed was to be loosened."""


@dataclass(frozen=True, slots=True)
class View:
    """The switches.

    Attributes:
        box, mesh, bars, strip: whether boxes with their labels, mesh lines, expression bars and the ISSM
            strip are drawn.
        mirror: the picture is flipped, text is not.
        picture: "camera"; "mesh": an animated mesh instead of each face; "mesh-only": nothing of the camera.
        bystanders: "blur" makes every face but the chosen one unrecognisable and reads only that one.
        chosen: whose face was picked; None: the largest of those that came first.
        expressions: False once they must not be read; no viewer can change it.
    """

    box: bool = True
    mesh: bool = False
    bars: bool = True
    strip: bool = True
    mirror: bool = False
    picture: str = "camera"
    bystanders: str = "show"
    chosen: int | None = None
    expressions: bool = True

    def __post_init__(self) -> None:
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}: expected true or false, got {getattr(self, name)!r}")
        for name, allowed in _STRICTNESS.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        if self.chosen is not None and (type(self.chosen) is not int or self.chosen < 1):
            raise ValueError(f"chosen: expected the number of a face or null, got {self.chosen!r}")

    @property
    def guarded(self) -> bool:
        """Whether nothing may be shown before it is known where every face is."""
        return self.picture != "camera" or self.bystanders == "blur"


class ViewControl:
    """The view of a stream: read by the vision and composer threads, changed from any."""

    def __init__(self, first: View | None = None) -> None:
        """Takes the view that the command line asks for; what protects people there is fixed."""
        self._view = first or View()
        self._floor = self._view
        self._lock = threading.Lock()

    def __call__(self) -> View:
        """The view now; returns at once."""
        return self._view

    @property
    def locked(self) -> list[str]:
        """Names that can only be made stricter."""
        return [name for name, allowed in _STRICTNESS.items() if getattr(self._floor, name) != allowed[0]]

    def state(self) -> dict[str, Any]:
        """What `GET /api/view` says."""
        names = (*_SWITCHES, *_STRICTNESS, "chosen")
        view = self._view
        return {**{name: getattr(view, name) for name in names}, "locked": self.locked}

    def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Changes some switches and returns the new state; nothing changes where one of them is refused.

        Raises:
            ValueError: an unknown name or a value out of range.
            LockedError: a fixed one would become looser.
        """
        known = (*_SWITCHES, *_STRICTNESS, "chosen")
        for name in values:
            if name not in known:
                raise ValueError(f"expected some of {', '.join(known)}, got {name!r}")
        with self._lock:
            changed = dataclasses.replace(self._view, **values)
            for name, allowed in _STRICTNESS.items():
                wanted, least = getattr(changed, name), getattr(self._floor, name)
                if allowed.index(wanted) < allowed.index(least):
                    raise LockedError(f"{name}: expected {least} or stricter, as at the start, got {wanted}")
            self._view = changed
        return self.state()

    def silence(self) -> None:
        """Ends the reading of expressions for the rest of the run."""
        with self._lock:
            self._view = dataclasses.replace(self._view, expressions=False)
