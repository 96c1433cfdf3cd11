"""The server: its own thread with its own event loop, started and stopped as a whole."""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from realtime.config import Config
from realtime.errors import ServeError
from realtime.serving import (
    api,
    consent_api,
    driver_api,
    entrance,
    http_log,
    metrics,
    openapi,
    personal_api,
    session_api,
    signalling,
    streams_api,
    view_api,
)
from realtime.serving.access import Access
from realtime.serving.body import body_reader, largest_body
from realtime.serving.broadcast import Broadcast
from realtime.serving.context import CONTEXT, Context
from realtime.serving.expect import refuse_odd_expectations
from realtime.serving.hub import Hub
from realtime.serving.ice_servers import link_headers
from realtime.serving.limits import Buckets, peer_limits
from realtime.serving.peers import Peers
from realtime.serving.publish_target import read_targets
from realtime.serving.publisher import Publisher, may_publish
from realtime.serving.security import guard, header_adder
from realtime.serving.served import Served
from realtime.serving.sse import EventStreams

log = logging.getLogger(__name__)

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 15.0
# Calls into a stream that may block: the list of sources, a change of source. As many for the process.
BLOCKING_CALLS = 2
# What may wait on its way to the loop, for each stream.
HUB_VALUES = 512
# Browsers send their candidates one by one: so many for each offer.
PATCHES_PER_OFFER = 10


class Server:
    """Serves the page and the streams on a thread named "server".

    `start` returns once the port is open; `stop` ends every connection, task and thread of it. Both can
    be called twice, from any thread but the server's own.
    """

    def __init__(self, served: Served, config: Config, say: Callable[[str], None] = lambda _: None) -> None:
        """Makes the server without listening.

        Args:
            served: the streams and the process's health.
            config: the settings.
            say: tells the person at the terminal one line, which may hold a secret.

        Raises:
            ConfigError: an address to publish to, or its token, is none or not safe.
            ServeError: others could reach the server without being asked who they are, or read along, or
                what is needed for that cannot be had.
        """
        self.access = Access(config, say)
        self._links = link_headers(config.ice_server)
        self._targets = read_targets(served.streams, config)
        self._say = say
        self.url = ""
        self.error: BaseException | None = None
        self._served, self._config = served, config
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._runner: web.AppRunner | None = None

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
        self._loop.set_exception_handler(http_log.on_loop_error)
        executor = ThreadPoolExecutor(BLOCKING_CALLS, thread_name_prefix="server-call")
        context = Context(
            served=self._served,
            config=self._config,
            hub=Hub(self._loop, HUB_VALUES * max(1, len(self._served.streams))),
            viewers=Peers(self._config.viewers),
            senders=Peers(self._config.senders, "sender"),
            event_streams=EventStreams(self._config.event_clients),
            executor=executor,
            access=self.access,
            offers=Buckets(self._config.offers_per_minute),
            patches=Buckets(self._config.offers_per_minute * PATCHES_PER_OFFER),
            links=self._links,
        )
        for name, stream in self._served.streams.items():
            own = getattr(stream, "config", self._config)
            context.broadcasts[name] = Broadcast(stream, context.hub, own.bitrate, own.fps)
            context.executors[name] = ThreadPoolExecutor(BLOCKING_CALLS, f"server-call-{name}")
        for name, target in self._targets.items():
            stream, limits = self._served.streams[name], peer_limits(self._config)
            context.publishers[name] = Publisher(
                context.broadcasts[name], target, limits, allowed=may_publish(stream)
            )
        runner = self._runner = web.AppRunner(
            build(context),
            access_log=None,
            shutdown_timeout=2.0,
            keepalive_timeout=self._config.idle_seconds,
            lingering_time=self._config.body_seconds,
            logger=http_log.log,
        )
        try:
            await runner.setup()
            port = await self._listen(runner)
            self.access.listens_at(port)
            self.url = self.access.url
            context.viewers.start()
            context.senders.start()
            for name, publisher in context.publishers.items():
                # no address line: programs look for ours
                self._say(f"published: stream {name} to {publisher.target.host}; it leaves this machine")
                publisher.start()
            self._started.set()
            await self._stop.wait()
        finally:
            context.event_streams.close()
            await asyncio.gather(*(each.stop() for each in context.publishers.values()))
            await context.viewers.close_all()
            await context.senders.close_all()
            open_ones = [] if runner.server is None else runner.server.connections
            transports = [each.transport for each in open_ones if each.transport is not None]
            await runner.cleanup()
            for transport in transports:
                transport.abort()  # TLS would wait for the other side's farewell, and we do not stay
            for broadcast in context.broadcasts.values():
                broadcast.close()
            context.hub.close()
            for each in (executor, *context.executors.values()):
                each.shutdown(wait=False, cancel_futures=True)
            await self._report_leftovers()

    async def _listen(self, runner: web.AppRunner) -> int:
        host, port = self._config.host, self._config.port
        try:
            tls = self.access.tls
            context = None if tls is None else tls.context
            await web.TCPSite(runner, host, port, ssl_context=context, reuse_address=True).start()
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
        middlewares=[guard(context.access), body_reader(context.config)],
        client_max_size=largest_body(context.config),
    )
    app[CONTEXT] = context
    app.on_response_prepare.append(header_adder(context.access))
    refuse_odd_expectations(app.router)
    entrance.add_routes(app.router)
    openapi.add_routes(app.router)
    signalling.add_routes(app.router)
    api.add_routes(app.router)
    driver_api.add_routes(app.router)
    personal_api.add_routes(app.router)
    session_api.add_routes(app.router)
    metrics.add_routes(app.router)
    app.on_response_prepare.append(metrics.note_refusal)
    view_api.add_routes(app.router)
    consent_api.add_routes(app.router)
    streams_api.add_routes(app.router)
    return app
