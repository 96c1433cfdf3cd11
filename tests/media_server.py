"""A small media server for tests, in this process: takes one publisher by WHIP and decodes what it sends.

It runs on a thread and loop of its own. What it answers can be bent: codecs, no data channel, refusals.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import av
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from realtime.serving import aiortc_internals as internals
from tests.on_loop import OnLoop
from tests.webrtc_client import connection

T = TypeVar("T")
Refusal = tuple[int, dict[str, str]]


class MediaServer(OnLoop):
    """The server; a context manager.

    Attributes:
        codecs: names of those that it takes.
        results: "take" the data channel, "reject" its section in the answer, or "refuse" the whole offer.
        refusals: statuses with headers that the next POSTs get, first one first.
        requests: how many came, by method and path.
        tokens: what the requests had for a token.
        frames, sizes: decoded pictures, and their heights.
        messages: on data channels.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__("media-server")
        self.codecs: tuple[str, ...] = ("H264", "VP8")
        self.results = "take"
        self.refusals: list[Refusal] = []
        self.options: dict[str, str] = {}
        self.requests: Counter[tuple[str, str]] = Counter()
        self.tokens: set[str | None] = set()
        self.offers: list[str] = []
        self.frames = 0
        self.messages: list[dict[str, Any]] = []
        self.url = ""
        self.connections: list[RTCPeerConnection] = []
        self._tls = tls
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def whip(self) -> str:
        """The endpoint's address, whose path and query are secrets."""
        return f"{self.url}/secret-path/whip?key=secret-key"

    def on_loop(self, call: Callable[[], T]) -> T:
        """The result of a call made on the server's loop."""

        async def run() -> T:
            return call()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def ask_keyframe(self) -> None:
        """Asks the publisher for a keyframe, as a new reader's arrival would."""

        def ask() -> None:
            receiver = self.connections[-1].getReceivers()[0]
            ssrc = next(iter(receiver._RTCRtpReceiver__remote_streams))  # type: ignore[attr-defined]
            self._tasks.append(asyncio.ensure_future(receiver._send_rtcp_pli(ssrc)))

        self.on_loop(ask)

    def fall_silent(self) -> None:
        """Closes the newest connection's sockets without a word, as a crash would."""

        def close() -> None:
            for ice in internals.ice_connections(self.connections[-1]):
                for protocol in ice._protocols:
                    protocol.transport.abort()

        self.on_loop(close)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda *_: None)  # sockets closed under aiortc's feet
        app = web.Application(middlewares=[self._note])
        app.router.add_post("/secret-path/whip", self._post)
        app.router.add_options("/secret-path/whip", self._tell_options)
        app.router.add_delete("/session/{number}", self._delete)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
        self._started.set()
        await self._stop.wait()
        await runner.cleanup()
        for each in self.connections:
            await internals.close(each)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests[request.method, request.path] += 1
        self.tokens.add(request.headers.get("Authorization"))
        response: web.StreamResponse = await handler(request)
        return response

    async def _tell_options(self, _request: web.Request) -> web.Response:
        return web.Response(headers=self.options)

    async def _post(self, request: web.Request) -> web.Response:
        if self.refusals:
            status, headers = self.refusals.pop(0)
            return web.Response(status=status, headers=headers)
        offer = await request.text()
        self.offers.append(offer)
        if self.results == "refuse" and "m=application" in offer:
            return web.Response(status=422)
        made = connection()
        self.connections.append(made)
        made.on("track", self._on_track)
        made.on("datachannel", lambda channel: channel.on("message", self._on_message))
        await made.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        for each in made.getTransceivers():
            wanted = [each for each in capabilities if each.name in (*self.codecs, "rtx")]
            each.setCodecPreferences(wanted)
            each._codecs = [codec for codec in each._codecs if codec.name in self.codecs]
        await made.setLocalDescription()
        answer = str(made.localDescription.sdp)
        if self.results == "reject" and "m=application" in answer:
            begin = answer.index("m=application")
            answer = answer[:begin] + "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n"
        headers = {"Location": f"/session/{len(self.connections)}"}
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)

    async def _delete(self, request: web.Request) -> web.Response:
        await internals.close(self.connections[int(request.match_info["number"]) - 1])
        return web.Response(status=200)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.ensure_future(self._read(track)))

    def _on_message(self, message: str) -> None:
        self.messages.append(json.loads(message))

    async def _read(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                assert isinstance(await track.recv(), av.VideoFrame)
                self.frames += 1
        except MediaStreamError:
            pass
