from __future__ import annotations

import asyncio
from typing import Any

import av
import pytest
from aiortc.mediastreams import MediaStreamError

from realtime.serving.encoder import Codec, EncodedPicture
from realtime.serving.track import PacketTrack


def encoded(index: int, keyframe: bool = False, codec: Codec = "H264") -> EncodedPicture:
    packet: av.Packet[Any] = av.Packet(b"\x00\x00\x00\x01\x65")
    packet.pts = index
    return EncodedPicture(index, codec, keyframe, index, index, packet)


class Watched:
    """A track with what it asked for."""

    def __init__(self, capacity: int = 4) -> None:
        self.joined = 0
        self.asked = 0
        self.track = PacketTrack("H264", on_reading=self._join, ask_keyframe=self._ask, capacity=capacity)

    def _join(self, _: PacketTrack) -> None:
        self.joined += 1

    def _ask(self, _: Codec) -> None:
        self.asked += 1

    async def read(self, count: int) -> list[int | None]:
        return [(await self.track.recv()).pts for _ in range(count)]


def test_it_joins_and_asks_when_first_read_and_begins_with_a_keyframe() -> None:
    async def main() -> None:
        watched = Watched()
        assert watched.joined == 0
        reading = asyncio.create_task(watched.read(2))
        await asyncio.sleep(0)
        assert (watched.joined, watched.asked) == (1, 1)
        for index in (7, 8):
            watched.track.push(encoded(index))
        watched.track.push(encoded(9, keyframe=True))
        watched.track.push(encoded(10))
        assert await reading == [9, 10]
        assert watched.track.dropped == 2
        assert (watched.joined, watched.asked) == (1, 1)

    asyncio.run(main())


def test_overflow_drops_up_to_the_next_keyframe_and_asks_once() -> None:
    async def main() -> None:
        watched = Watched(capacity=4)
        watched.track.push(encoded(1, keyframe=True))
        for index in range(2, 9):
            watched.track.push(encoded(index))
        assert watched.track.waiting == 0
        assert watched.track.dropped == 8
        assert watched.asked == 1
        watched.track.push(encoded(9, keyframe=True))
        watched.track.push(encoded(10))
        assert await watched.read(2) == [9, 10]

    asyncio.run(main())


def test_a_keyframe_that_overflows_is_kept() -> None:
    async def main() -> None:
        watched = Watched(capacity=3)
        watched.track.push(encoded(1, keyframe=True))
        watched.track.push(encoded(2))
        watched.track.push(encoded(3))
        watched.track.push(encoded(4, keyframe=True))
        assert watched.track.dropped == 3
        assert await watched.read(1) == [4]

    asyncio.run(main())


def test_a_gap_in_the_series_waits_for_a_keyframe() -> None:
    async def main() -> None:
        watched = Watched(capacity=10)
        watched.track.push(encoded(1, keyframe=True))
        watched.track.push(encoded(3))
        assert watched.asked == 1
        watched.track.push(encoded(4))
        watched.track.push(encoded(5, keyframe=True))
        assert await watched.read(1) == [5]
        assert watched.track.dropped == 3

    asyncio.run(main())


def test_another_codec_is_an_error() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="expected H264, got VP8"):
            Watched().track.push(encoded(1, keyframe=True, codec="VP8"))

    asyncio.run(main())


def test_stop_wakes_the_reader() -> None:
    async def main() -> None:
        watched = Watched()
        reading = asyncio.create_task(watched.read(1))
        await asyncio.sleep(0)
        watched.track.stop()
        watched.track.stop()
        with pytest.raises(MediaStreamError):
            await reading
        with pytest.raises(MediaStreamError):
            await watched.track.recv()

    asyncio.run(main())
