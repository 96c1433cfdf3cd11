"""The server: its own thread with its own event loop, started and stopped as a whole."""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from realtime.config import Config
from realtime.errors import ServeError
from realtime.serving import (
    api,
    consent_api,
    driver_api,
    personal_api,
    session_api,
    signalling,
    view_api,
)
from realtime.serving.broadcast import Broadcast
from realtime.serving.context import CONTEXT, Context
from realtime.serving.hub import Hub
from realtime.serving.peers import Peers
from realtime.serving.security import MAX_BODY_BYTES, add_headers, allowed_hosts, check_host, guard
from realtime.serving.served import Served
from realtime.serving.sse import EventStreams

log = logging.getLogger(__name__)

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 15.0
# Calls into the pipeline that may block: the list of sources, a change of source.
BLOCKING_CALLS = 2
MAX_SENDERS = 8


class Server:
    """Serves the page and the streams on a thread named "server".

    `start` returns once the port is open; `stop` ends every connection, task and thread of it. Both can
    be called twice, from any thread but the server's own.
    """

    def __init__(self, served: Served, config: Config) -> None:
        """Makes the server without listening.

        Raises:
            ServeError: `config.host` is no loopback address.
        """
        check_host(config.host)
        self.url = ""
        self.error: BaseException | None = None
        self._served, self._config = served, config
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> None:
        """Starts to serve and waits until the port is open.

        Raises:
            ServeError: the port is taken or may not be used.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="server", daemon=True)
                self._thread.start()
        if not self._started.wait(START_TIMEOUT_S):
            raise ServeError(f"server: expected to listen within {START_TIMEOUT_S:.0f} s")
        if self.error is not None:
            raise self.error

    def stop(self) -> bool:
        """Ends the server and waits for its thread; True if it has ended. Can be called twice."""
        thread, loop, stop = self._thread, self._loop, self._stop
        if thread is None:
            return True
        if loop is not None and stop is not None:
            try:
                loop.call_soon_threadsafe(stop.set)
            except RuntimeError:
                log.debug("the server's loop has already ended")
        thread.join(STOP_TIMEOUT_S)
        if thread.is_alive():
            log.error("thread server did not end within %.0f s", STOP_TIMEOUT_S)
        return not thread.is_alive()

    @property
    def alive(self) -> bool:
        """True while the server's thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except ServeError as error:
            self.error = error
        except BaseException as error:
            self.error = error
            log.exception("thread server ended with an error")
        finally:
            self._started.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        executor = ThreadPoolExecutor(BLOCKING_CALLS, thread_name_prefix="server-call")
        context = Context(
            served=self._served,
            config=self._config,
            hub=Hub(self._loop),
            viewers=Peers(self._config.viewers),
            senders=Peers(MAX_SENDERS),
            event_streams=EventStreams(self._config.viewers),
            executor=executor,
        )
        for name, stream in self._served.streams.items():
            context.broadcasts[name] = Broadcast(stream, context.hub, self._config.bitrate, self._config.fps)
        runner = web.AppRunner(build(context), access_log=None, shutdown_timeout=2.0)
        try:
            await runner.setup()
            port = await self._listen(runner)
            context.hosts = allowed_hosts(self._config.host, port)
            host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
            self.url = f"http://{host}:{port}"
            context.viewers.start()
            context.senders.start()
            self._started.set()
            await self._stop.wait()
        finally:
            context.event_streams.close()
            await context.viewers.close_all()
            await context.senders.close_all()
            await runner.cleanup()
            for broadcast in context.broadcasts.values():
                broadcast.close()
            context.hub.close()
            executor.shutdown(wait=False, cancel_futures=True)
            await self._report_leftovers()

    async def _listen(self, runner: web.AppRunner) -> int:
        host, port = self._config.host, self._config.port
        try:
            await web.TCPSite(runner, host, port, reuse_address=True).start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ServeError(f"port {port}: expected a free one, got one in use; try --port 0") from None
            raise ServeError(f"port {port} on {host}: {error.strerror or error}") from None
        return int(runner.addresses[0][1])

    async def _report_leftovers(self) -> None:
        # what has just been cancelled needs a turn of the loop to end
        await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if left:
            _, left_set = await asyncio.wait(left, timeout=1.0)
            for task in left_set:
                log.error("task left at the server's stop: %s", task)


def build(context: Context) -> web.Application:
    """The application with all routes; the context is its only state."""
    app = web.Application(
        middlewares=[guard(lambda: context.hosts)],
        client_max_size=MAX_BODY_BYTES,
    )
    app[CONTEXT] = context
    app.on_response_prepare.append(add_headers)
    signalling.add_routes(app.router)
    api.add_routes(app.router)
    driver_api.add_routes(app.router)
    view_api.add_routes(app.router)
    consent_api.add_routes(app.router)
    personal_api.add_routes(app.router)
    session_api.add_routes(app.router)
    return app
