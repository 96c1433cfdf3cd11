"""Publishes one stream to a media server by WHIP, again and again, until it is stopped. Event loop only.

It takes pictures from the stream's shared encoders, as one more viewer does, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import random
from collections.abc import Callable
from typing import Any, Literal

import aiohttp

from realtime.clock import NS_PER_S, now_ns
from realtime.logs import say
from realtime.serving.backoff import back_off_s
from realtime.serving.broadcast import Broadcast
from realtime.serving.limits import DEFAULT_LIMITS, PeerLimits
from realtime.serving.lookup import Resolver
from realtime.serving.peers import CLOSE_TIMEOUT_S
from realtime.serving.publication import NoResultsError, Publication
from realtime.serving.publish_target import Target
from realtime.serving.served import Consents, Stream
from realtime.serving.whip_client import Answer, IceServer, WhipClient, WhipError

log = logging.getLogger(__name__)

State = Literal["consent", "connecting", "live", "waiting", "stopped"]
WATCH_INTERVAL_S = 0.5
# A connection that lasted so long makes the next loss the first one again.
STABLE_S = 10.0
FAREWELL_S = 3.0
STOP_TIMEOUT_S = 9.0
# no compressed answers: they have no bound
PLAIN = {"Accept-Encoding": "identity"}
# What servers say to an offer that they cannot take as it is: it is offered once more without results.
UNFIT = frozenset({400, 406, 415, 422})


class _LostError(Exception):
    """The connection is lost, or was never made; the text says why."""


class Publisher:
    """Keeps one stream published. `start` and `stop` can be called twice.

    Attributes:
        reconnects: connections made after the first.
        failures: tries that ended before a connection was made, and connections lost.
        keyframe_requests, sent, dropped, results_sent, results_dropped: sums over all connections.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        target: Target,
        limits: PeerLimits = DEFAULT_LIMITS,
        *,
        allowed: Callable[[], bool] = lambda: True,
        first_wait_s: float = 1.0,
        longest_wait_s: float = 30.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Makes the publisher without connecting.

        Args:
            broadcast: what is published.
            target: where to.
            limits: times and buffer of a connection.
            allowed: whether anything may be published now; asked before and during each connection.
            first_wait_s: the longest wait after a failure.
            longest_wait_s: the longest wait after many.
            chance: 0 to 1, spreads the waits.
        """
        self.target = target
        self.state: State = "connecting"
        self.connections = self.failures = 0
        self._problem = ""
        self._since = _utc_now()
        self._broadcast, self._limits, self._allowed = broadcast, limits, allowed
        self._first_wait_s, self._longest_wait_s, self._chance = first_wait_s, longest_wait_s, chance
        self._publication: Publication | None = None
        self._past = dict.fromkeys(
            ("sent", "dropped", "keyframe_requests", "results_sent", "results_dropped"), 0
        )
        self._results = True
        self._ice_servers: tuple[IceServer, ...] = ()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begins to publish."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"publish-{self._broadcast.stream.name}")

    async def stop(self) -> None:
        """Ends the session at the media server, and everything that runs for it."""
        if self._task is None:
            return
        if not self._stopping:
            self._stopping = True
            self._task.cancel()
        _, left = await asyncio.wait([self._task], timeout=STOP_TIMEOUT_S)
        if left:
            log.error("publishing to %s did not end within %.0f s", self.target.shown, STOP_TIMEOUT_S)

    @property
    def reconnects(self) -> int:
        """Connections made after the first."""
        return max(0, self.connections - 1)

    def total(self, name: str) -> int:
        """The sum of a publication's count over all connections."""
        now = 0 if self._publication is None else int(getattr(self._publication, name))
        return self._past[name] + now

    def status(self) -> dict[str, Any]:
        """What the status says of it; no secrets."""
        publication = self._publication
        return {
            "url": self.target.shown,
            "host": self.target.host,
            "state": self.state,
            "since": self._since,
            "problem": self._problem,
            "codec": None if publication is None else publication.codec,
            "results": publication is not None and publication.sends_results,
            "reconnects": self.reconnects,
            "failures": self.failures,
            **{name: self.total(name) for name in self._past},
        }

    async def _run(self) -> None:
        failures = 0
        try:
            connector = aiohttp.TCPConnector(resolver=Resolver())
            async with aiohttp.ClientSession(
                connector=connector, headers=PLAIN, auto_decompress=False
            ) as session:
                client = WhipClient(self.target, session)
                while True:
                    await self._wait_until_allowed()
                    self._enter("connecting")
                    begun_ns, wish_s = now_ns(), 0.0
                    try:
                        await self._publish(client)
                    except (_LostError, WhipError, ValueError) as error:
                        self._problem = " ".join(str(error).split())[:200]
                        wish_s = error.wait_s if isinstance(error, WhipError) else 0.0
                    except (
                        Exception
                    ) as error:  # ours or a library's: the next try may work, the picture goes on
                        self._problem = f"{type(error).__name__}"
                        log.exception("publishing to %s failed", self.target.shown)
                    self.failures += 1
                    stable = self.state == "live" and now_ns() - begun_ns > STABLE_S * NS_PER_S
                    failures = 1 if stable else failures + 1
                    wait_s = back_off_s(failures, self._chance(), self._first_wait_s, self._longest_wait_s)
                    await self._wait(max(wait_s, wish_s))
        finally:
            self._enter("stopped")

    async def _wait(self, wait_s: float) -> None:
        event = "publish_lost" if self.state == "live" else "publish_failed"
        text = f"publishing to {self.target.shown}: {self._problem}; again in {wait_s:.1f} s"
        self._tell(event, text, logging.WARNING, problem=self._problem, wait_s=round(wait_s, 1))
        self._enter("waiting")
        await asyncio.sleep(wait_s)

    async def _wait_until_allowed(self) -> None:
        while not self._allowed():
            self._enter("consent")
            await asyncio.sleep(WATCH_INTERVAL_S)

    async def _publish(self, client: WhipClient) -> None:
        """One session, from its offer to its loss, which is told by an exception."""
        if named := await client.ice_servers():
            self._ice_servers = named
        publication: Publication | None = None
        session, results = "", self._results
        try:
            while publication is None:
                publication = self._publication = self._new_publication(results)
                try:
                    answer = await self._offer(client, publication)
                    session, self._ice_servers = answer.session, answer.ice_servers or self._ice_servers
                    await publication.accept(answer.sdp)
                except (NoResultsError, WhipError) as error:
                    unfit = isinstance(error, NoResultsError) or error.status in UNFIT
                    if not (results and unfit):
                        raise
                    await self._leave(client, publication, session)
                    publication, session, results = None, "", False
            self._results = results  # a server that takes the one and not the other is not asked again
            await self._watch(publication)
        finally:
            if publication is not None:
                await asyncio.shield(self._leave(client, publication, session))

    def _new_publication(self, results: bool) -> Publication:
        return Publication(
            self._broadcast,
            self._limits,
            local=self.target.local,
            results=results,
            ice_servers=self._ice_servers,
        )

    async def _offer(self, client: WhipClient, publication: Publication) -> Answer:
        return await client.offer(await publication.offer())

    async def _watch(self, publication: Publication) -> None:
        while (problem := publication.problem(now_ns())) is None:
            if not self._allowed():
                raise _LostError("consent is needed")
            if publication.connected and self.state != "live":
                self.connections += 1
                self._problem = ""
                self._enter("live")
                text = f"publishing to {self.target.shown}: live, {publication.codec}"
                self._tell("publish_live", text, codec=publication.codec, reconnects=self.reconnects)
            publication.changed.clear()
            try:
                await asyncio.wait_for(publication.changed.wait(), WATCH_INTERVAL_S)
            except asyncio.TimeoutError:
                continue
        raise _LostError(problem)

    async def _leave(self, client: WhipClient, publication: Publication, session: str) -> None:
        """Ends a connection, and its session at the server; bounded in time, and never an error."""
        try:
            await asyncio.wait_for(publication.close(), CLOSE_TIMEOUT_S)
        except asyncio.TimeoutError:
            log.error("publishing to %s: a connection did not close in time", self.target.shown)
        for name in self._past:
            self._past[name] += int(getattr(publication, name))
        self._publication = None
        if session:
            try:
                await asyncio.wait_for(client.end(session), FAREWELL_S)
            except (WhipError, asyncio.TimeoutError) as error:
                log.info("publishing to %s: the session was not ended: %s", self.target.shown, error)

    def _enter(self, state: State) -> None:
        if state != self.state:
            self.state, self._since = state, _utc_now()

    def _tell(self, event: str, text: str, level: int = logging.INFO, **fields: Any) -> None:
        stream = self._broadcast.stream.name
        say(log, event, text, level, stream=stream, url=self.target.shown, **fields)


def may_publish(stream: Stream) -> Callable[[], bool]:
    """What tells whether a stream may be published now: not while it waits for somebody's consent."""
    consents: Consents | None = getattr(stream, "consents", None)

    def allowed() -> bool:
        state = {} if consents is None else consents.state()
        return not state.get("needed") or bool(state.get("given"))

    return allowed


def _utc_now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
