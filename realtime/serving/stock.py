"""A plain aiortc server of the same pictures, for the benchmark to compare with. The product never uses it.

As aiortc's own examples do it: one track of `av.VideoFrame`, a `MediaRelay`, an encoder for each viewer,
stock settings throughout. No results channel, no playout delay, no keyframe sharing.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import av
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

from realtime.config import Config
from realtime.serving.api import WEB
from realtime.serving.encoder import TIME_BASE
from realtime.serving.hub import Hub
from realtime.serving.served import Served
from realtime.serving.viewer import new_connection
from realtime.values import Picture

START_TIMEOUT_S = 10.0


class PictureTrack(MediaStreamTrack):
    """The stream's newest picture as a video frame, again and again."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._newest: Picture | None = None
        self._fresh = asyncio.Event()
        self._pts = -1

    def put(self, picture: Picture) -> None:
        """Replaces the newest picture. Event loop only."""
        self._newest = picture
        self._fresh.set()

    async def recv(self) -> av.VideoFrame:
        """The newest picture, once there is one that was not given before."""
        await self._fresh.wait()
        self._fresh.clear()
        assert self._newest is not None
        frame = av.VideoFrame.from_ndarray(self._newest.yuv420p, format="yuv420p")
        self._pts = max(self._newest.t_ns * 9 // 100_000, self._pts + 1)
        frame.pts, frame.time_base = self._pts, TIME_BASE
        return frame


class StockServer:
    """Serves the page and WHEP for the first stream, on a thread of its own."""

    def __init__(self, served: Served, config: Config) -> None:
        """Makes the server without listening."""
        self.url = ""
        self._served, self._config = served, config
        self._stream = next(iter(served.streams.values()))
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, name="stock-server", daemon=True)
        self._ended: asyncio.Event | None = None
        self._connections: set[RTCPeerConnection] = set()

    def start(self) -> None:
        """Starts to serve and waits until the port is open."""
        self._thread.start()
        self._started.result(START_TIMEOUT_S)

    def stop(self) -> bool:
        """Ends every connection and the thread; True if it has ended."""
        if self._ended is not None and not self._started.exception():
            self._started.result().call_soon_threadsafe(self._ended.set)
        self._thread.join(START_TIMEOUT_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        hub, relay, source = Hub(loop), MediaRelay(), PictureTrack()

        def take(picture: Picture) -> None:
            hub.post(source.put, picture)

        async def watch(request: web.Request) -> web.Response:
            connection = new_connection()
            self._connections.add(connection)
            connection.addTrack(relay.subscribe(source))
            await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
            sdp = connection.localDescription.sdp
            return web.Response(
                status=201, text=sdp, content_type="application/sdp", headers={"Location": "/whep/x"}
            )

        async def status(_request: web.Request) -> web.Response:
            return web.json_response({**self._stream.status(), "senders": [], "viewers": {"now": 1}})

        async def page(_request: web.Request) -> web.FileResponse:
            return web.FileResponse(WEB / "index.html")

        app = web.Application()
        app.router.add_get("/", page)
        app.router.add_static("/web", WEB)
        app.router.add_get("/api/status", status)
        app.router.add_post("/whep", watch)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._config.host, self._config.port).start()
            self.url = f"http://{self._config.host}:{runner.addresses[0][1]}"
            self._stream.pictures.subscribe(take)
            self._started.set_result(loop)
            await self._ended.wait()
        finally:
            self._stream.pictures.unsubscribe(take)
            await asyncio.gather(*(each.close() for each in self._connections))
            source.stop()
            await runner.cleanup()
            hub.close()
