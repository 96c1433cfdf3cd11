"""Many viewers in one process, for the benchmark: `python -m realtime.serving.viewers URL SECONDS COUNT...`.

Each is a whole WebRTC connection with results channel and receiver reports, as far as the decrypted RTP
packet; that is counted and dropped, neither put together nor decoded, so that they cost as little as they
can. For each COUNT in turn it connects up to so many, then prints one line of JSON when it begins to count
and one with the pictures a second that each got.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import aiohttp
from aiortc import RTCDataChannel, RTCSessionDescription
from aiortc.rtp import RtpPacket

from realtime.serving import aiortc_internals as internals
from realtime.serving.viewer import RESULTS_CHANNEL, new_connection

CONNECT_TIMEOUT_S = 20.0
HEARTBEAT_S = 1.0


class CountingViewer:
    """One viewer that counts pictures by their last packets."""

    def __init__(self) -> None:
        self.pictures = self.packets = self.bytes = self.results = 0
        self._connection = new_connection()
        self._seen = asyncio.Event()
        self._channel: RTCDataChannel | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    async def connect(self, session: aiohttp.ClientSession, url: str) -> None:
        """Connects and waits for the first packet.

        Raises:
            RuntimeError: the server refused.
            asyncio.TimeoutError: no packet came.
        """
        self._channel = self._connection.createDataChannel(RESULTS_CHANNEL, ordered=False, maxRetransmits=0)
        self._channel.on("message", self._on_result)
        transceiver = self._connection.addTransceiver("video", direction="recvonly")
        internals.take_packets(transceiver.receiver, self._on_packet)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        offer = self._connection.localDescription.sdp
        headers = {"Content-Type": "application/sdp"}
        async with session.post(f"{url}/whep", data=offer, headers=headers) as response:
            text = await response.text()
            if response.status != 201:
                raise RuntimeError(f"viewers: expected 201 from {url}/whep, got {response.status}: {text}")
        await self._connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
        self._heartbeat = asyncio.create_task(self._say_alive(), name="heartbeat")
        await asyncio.wait_for(self._seen.wait(), CONNECT_TIMEOUT_S)

    async def close(self) -> None:
        """Ends the connection."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        await self._connection.close()

    def _on_packet(self, packet: RtpPacket) -> None:
        self.packets += 1
        self.bytes += len(packet.payload)
        self.pictures += packet.marker
        self._seen.set()

    def _on_result(self, _text: str) -> None:
        self.results += 1

    async def _say_alive(self) -> None:
        while self._channel is not None:
            if self._channel.readyState == "open":
                self._channel.send("alive")
            await asyncio.sleep(HEARTBEAT_S)


async def watch(url: str, seconds: float, counts: Sequence[int]) -> None:
    """Does what the module says."""
    viewers: list[CountingViewer] = []
    async with aiohttp.ClientSession() as session:
        try:
            for count in counts:
                while len(viewers) < count:
                    viewers.append(CountingViewer())
                    await viewers[-1].connect(session, url)
                await asyncio.sleep(1.0)  # keyframes for the newest viewer are over
                print(json.dumps({"viewers": count}), flush=True)
                begun, before = asyncio.get_running_loop().time(), [_counts(each) for each in viewers]
                await asyncio.sleep(seconds)
                took = asyncio.get_running_loop().time() - begun
                got = [
                    {key: (value - old[key]) / took for key, value in _counts(each).items()}
                    for each, old in zip(viewers, before, strict=True)
                ]
                fps = sorted(each["pictures"] for each in got)
                line: dict[str, Any] = {
                    "viewers": count,
                    "fps": {"median": round(fps[count // 2], 2), "lowest": round(fps[0], 2)},
                    "packets_per_s": round(sum(each["packets"] for each in got) / count, 1),
                    "kbit_per_s": round(sum(each["bytes"] for each in got) * 8 / 1000 / count),
                    "results_per_s": round(sum(each["results"] for each in got) / count, 1),
                }
                print(json.dumps(line), flush=True)
        finally:
            await asyncio.gather(*(each.close() for each in viewers))


def _counts(viewer: CountingViewer) -> dict[str, int]:
    return {
        "pictures": viewer.pictures,
        "packets": viewer.packets,
        "bytes": viewer.bytes,
        "results": viewer.results,
    }


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], float(sys.argv[2]), [int(each) for each in sys.argv[3:]]))
