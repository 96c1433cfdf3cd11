from __future__ import annotations

import asyncio

from realtime.serving.broadcast import Broadcast
from realtime.serving.hub import Hub
from realtime.serving.limits import DEFAULT_LIMITS
from realtime.serving.offer import read_offer
from realtime.serving.viewer import RESULTS_CHANNEL, Viewer
from tests.picture_producer import ProducerStream
from tests.webrtc_client import connection, offer_to_watch


class Channel:
    """A data channel whose other side takes nothing until it is told to."""

    label = RESULTS_CHANNEL
    readyState = "open"  # noqa: N815  (aiortc's name)

    def __init__(self) -> None:
        self.bufferedAmount = 0
        self.sent: list[str] = []

    def on(self, *_: object) -> None:
        pass

    def send(self, text: str) -> None:
        self.sent.append(text)
        self.bufferedAmount += len(text)


def test_results_that_the_viewer_does_not_take_are_dropped_and_counted() -> None:
    async def main() -> None:
        pc = connection()
        offer = await offer_to_watch(pc)
        stream = ProducerStream()
        viewer = Viewer(
            Broadcast(stream, Hub(asyncio.get_running_loop()), 1_000_000, 30), read_offer(offer, "watch")
        )
        channel = Channel()
        viewer._on_channel(channel)  # type: ignore[arg-type]
        assert len(stream.events) == 1
        text = "x" * 1000
        for number in range(100):
            stream.events.publish({"number": number, "text": text})
        await asyncio.sleep(0)
        limit = DEFAULT_LIMITS.channel_bytes // 1000
        assert limit <= len(channel.sent) <= limit + 1
        assert viewer.results_dropped == 100 - len(channel.sent)
        channel.bufferedAmount = 0
        stream.events.publish({"number": 100})
        await asyncio.sleep(0)
        assert channel.sent[-1] == '{"number":100}'
        await viewer.close()
        assert len(stream.events) == 0
        await pc.close()

    asyncio.run(main())
