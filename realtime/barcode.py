"""The capture time in a picture's own pixels, so that latency is measured and not claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from realtime.serving.served import Served, Stream
from realtime.slot import Fanout
from realtime.values import ImageU8, Picture

# Two cells that tell black from white, the time in units of 0.1 ms, and a check of it.
TIME_BITS = 26
CHECK_BITS = 4
CELLS = 2 + TIME_BITS + CHECK_BITS
CELL_SIDE = 16
TICK_NS = 100_000
TICKS = 1 << TIME_BITS
BLACK, WHITE, GREY = 16, 235, 128


def ticks(t_ns: int) -> int:
    """The time in units of 0.1 ms, starting again every 1.9 hours."""
    return t_ns // TICK_NS % TICKS


def check(value: int) -> int:
    """Four bits that a misread value does not carry by chance 15 times out of 16."""
    return (value * 7 + value // 11 + 5) % 13


def cells(t_ns: int) -> list[bool]:
    """The cells of the barcode from left to right; True is white."""
    value = ticks(t_ns)
    bits = [(value >> bit) & 1 for bit in range(TIME_BITS)]
    bits += [(check(value) >> bit) & 1 for bit in range(CHECK_BITS)]
    return [True, False, *(bool(bit) for bit in bits)]


def paint(picture: Picture) -> Picture:
    """The picture with a barcode of its capture time over its top left 512x16 pixels.

    Raises:
        ValueError: the picture is too narrow.
    """
    width, height = picture.size_wh
    if width < CELLS * CELL_SIDE:
        raise ValueError(f"barcode: expected a picture at least {CELLS * CELL_SIDE} wide, got {width}")
    planes: ImageU8 = picture.yuv420p.copy()
    row = np.repeat(np.where(cells(picture.t_ns), WHITE, BLACK).astype(np.uint8), CELL_SIDE)
    planes[:CELL_SIDE, : row.size] = row
    # the chroma planes lie flat below the luma, each row of them being half as wide
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    chroma[:, : CELL_SIDE // 2, : row.size // 2] = GREY
    return Picture(picture.seq, picture.t_ns, planes, picture.image_rgb)


def read(luma: ImageU8) -> int | None:
    """The ticks in the top left corner of a (H,W) luma or grey picture; None where it cannot be read."""
    centres = [luma[CELL_SIDE // 2, CELL_SIDE * each + CELL_SIDE // 2] for each in range(CELLS)]
    white, black = int(centres[0]), int(centres[1])
    if white - black < 60:
        return None
    bits = [int(each) * 2 > white + black for each in centres[2:]]
    value = sum(bit << index for index, bit in enumerate(bits[:TIME_BITS]))
    found = sum(bit << index for index, bit in enumerate(bits[TIME_BITS:]))
    return value if found == check(value) else None


class BarcodedStream:
    """A stream whose pictures carry their capture time; everything else is the stream's own."""

    def __init__(self, stream: Stream) -> None:
        """Wraps the stream, whose pictures are painted only while somebody takes them."""
        self.pictures: Fanout[Picture] = Fanout()
        self._stream = stream
        stream.pictures.subscribe(self._publish)

    def close(self) -> None:
        """Leaves the stream as it was."""
        self._stream.pictures.unsubscribe(self._publish)

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._stream.name

    @property
    def events(self) -> Fanout[dict[str, Any]]:
        """The stream's results."""
        return self._stream.events

    @property
    def accepts_push(self) -> bool:
        """As the stream says."""
        return self._stream.accepts_push

    def status(self) -> dict[str, Any]:
        """As the stream says."""
        return self._stream.status()

    def sources(self) -> list[dict[str, Any]]:
        """As the stream says."""
        return self._stream.sources()

    def set_source(self, text: str) -> None:
        """Passed on to the stream."""
        self._stream.set_source(text)

    def push(self, image_rgb: ImageU8, t_ns: int) -> None:
        """Passed on to the stream."""
        self._stream.push(image_rgb, t_ns)

    def _publish(self, picture: Picture) -> None:
        if len(self.pictures):
            self.pictures.publish(paint(picture))


class BarcodedServed:
    """A process whose streams' pictures carry their capture time."""

    def __init__(self, served: Served) -> None:
        """Wraps every stream."""
        self._served = served
        self._streams = {name: BarcodedStream(stream) for name, stream in served.streams.items()}

    @property
    def streams(self) -> Mapping[str, BarcodedStream]:
        """The wrapped streams by name."""
        return self._streams

    def close(self) -> None:
        """Leaves the streams as they were."""
        for stream in self._streams.values():
            stream.close()

    def health(self) -> dict[str, Any]:
        """As the process says."""
        return self._served.health()

    def ready(self) -> bool:
        """As the process says."""
        return self._served.ready()

    def status(self) -> dict[str, Any]:
        """As the process says."""
        return self._served.status()
