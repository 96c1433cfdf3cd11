"""A WebRTC client for the server's tests: aiortc on the other side of a real connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)

SDP = {"Content-Type": "application/sdp"}
PLAYOUT_DELAY = "a=extmap:9 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n"


def connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def offer_to_watch(pc: RTCPeerConnection, codec: str | None = None) -> str:
    """An offer to receive video, with the results channel; only `codec` where one is named."""
    transceiver = pc.addTransceiver("video", direction="recvonly")
    if codec is not None:
        capabilities = RTCRtpReceiver.getCapabilities("video")
        assert capabilities is not None
        transceiver.setCodecPreferences([each for each in capabilities.codecs if each.name in (codec, "rtx")])
    await pc.setLocalDescription(await pc.createOffer())
    return str(pc.localDescription.sdp)


class Watcher:
    """A viewer that has connected."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.pc = connection()
        self.location = ""
        self.results: list[dict[str, Any]] = []
        self.track: MediaStreamTrack | None = None
        self._session, self._url = session, url
        self.channel = self.pc.createDataChannel("results", ordered=False, maxRetransmits=0)
        self.channel.on("message", lambda text: self.results.append(json.loads(text)))
        self.pc.on("track", self._on_track)

    async def connect(self, codec: str | None = None, query: str = "") -> None:
        offer = await offer_to_watch(self.pc, codec)
        async with self._session.post(f"{self._url}/whep{query}", data=offer, headers=SDP) as response:
            text = await response.text()
            assert response.status == 201, text
            assert response.content_type == "application/sdp"
            self.location = response.headers["Location"]
        await self.pc.setRemoteDescription(RTCSessionDescription(text, "answer"))

    async def frames(self, count: int, timeout_s: float = 15.0) -> list[av.VideoFrame]:
        """The next `count` pictures."""

        async def read() -> list[av.VideoFrame]:
            assert self.track is not None
            found = []
            for _ in range(count):
                frame = await self.track.recv()
                assert isinstance(frame, av.VideoFrame)
                found.append(frame)
            return found

        return await asyncio.wait_for(read(), timeout_s)

    async def delete(self) -> int:
        async with self._session.delete(self._url + self.location) as response:
            return response.status

    def _on_track(self, track: MediaStreamTrack) -> None:
        self.track = track


@asynccontextmanager
async def watcher(url: str, codec: str | None = None, query: str = "") -> AsyncIterator[Watcher]:
    """A connected viewer that is closed at the end."""
    async with aiohttp.ClientSession() as session:
        made = Watcher(session, url)
        try:
            await made.connect(codec, query)
            yield made
        finally:
            await made.pc.close()


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Waits until `condition` holds, giving the loop its turns.

    Raises:
        asyncio.TimeoutError: it did not within `timeout_s`.
    """

    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(poll(), timeout_s)
