"""What every source of pictures offers."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from realtime.values import ImageU8


class NoPicture(Enum):
    """What `Source.read` gives when a source that is well has no picture: ask again.

    YET: the next one is not due; NO_SENDER: nobody sends, which is no error.
    """

    YET = "yet"
    NO_SENDER = "no sender"


Reading = tuple[ImageU8, int] | NoPicture | None


class Source(Protocol):
    """A source of pictures: opened by its constructor, then read and closed by one thread.

    Attributes:
        live: pictures come in real time, and those that nobody reads in time are lost.
        description: what it is, for people, without passwords; may change while it runs.
        choice_reason: why this source was taken, where somebody had the choice; else empty.
        dropped: pictures left out so far because they came too late.
        noisy: a sensor's, whose pictures always differ a little; absent: not.

    Constructors raise SourceError: it cannot be opened, with what was expected and got in one line.
    """

    choice_reason: str

    @property
    def live(self) -> bool:
        """Whether pictures come in real time."""

    @property
    def dropped(self) -> int:
        """Pictures left out so far."""

    @property
    def description(self) -> str:
        """What it is, for people."""

    def read(self) -> Reading:
        """The next picture and its time, waiting for it up to about a second.

        Returns:
            `(image_rgb, t_ns)` with (H,W,3) uint8; NoPicture: ask again; None: the end.

        Raises:
            SourceLostError: it was open and stopped giving pictures.
            SourceError: a file is broken in the middle.
        """

    def close(self) -> None:
        """Lets go of device, file or connection; can be called twice."""
