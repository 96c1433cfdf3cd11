"""The WebRTC connections of the server: who watches, who sends, and who is gone. Event loop only."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Protocol

from realtime.clock import now_ns
from realtime.logs import say
from realtime.serving.trickle import Trickle

log = logging.getLogger(__name__)

WATCH_INTERVAL_S = 1.0
CLOSE_TIMEOUT_S = 5.0


class Peer(Protocol):
    """One connection, of either direction."""

    trickle: Trickle

    @property
    def stream_name(self) -> str:
        """The stream that it belongs to."""

    def problem(self, t_ns: int) -> str | None:
        """Why the connection should end at `t_ns`, or None."""

    def status(self) -> dict[str, Any]:
        """What the status says of it."""

    async def close(self) -> None:
        """Ends it and everything that runs for it. Can be called twice."""


class Peers:
    """Connections by a name that cannot be guessed; a watch task ends those that are gone."""

    def __init__(self, limit: int, kind: str = "viewer") -> None:
        """Makes an empty set.

        Args:
            limit: most connections of one stream.
            kind: what the log calls one.
        """
        self._limit = limit
        self.kind = kind
        self._peers: dict[str, Peer] = {}
        self._opening: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self.refused = 0
        self.ended: dict[str, int] = {}
        self.ended_of: Counter[tuple[str, str]] = Counter()  # the same by stream and reason
        self._past: dict[tuple[str, str], int] = {}  # sums of the counts of connections that have ended

    def __len__(self) -> int:
        return len(self._peers) + sum(self._opening.values())

    def start(self) -> None:
        """Begins to watch for connections that are gone."""
        self._watch = asyncio.create_task(self._watch_all(), name="peers-watch")

    def reserve(self, stream_name: str) -> bool:
        """Takes a place of a stream for a connection about to be made; False, and counted, when none is left.

        A stream that many watch leaves the others their places.
        """
        if len(self.of_stream(stream_name)) + self._opening[stream_name] >= self._limit:
            self.refused += 1
            return False
        self._opening[stream_name] += 1
        return True

    def release(self, stream_name: str) -> None:
        """Gives a reserved place back, whether it was filled or not."""
        self._opening[stream_name] -= 1

    def add(self, peer: Peer) -> str:
        """Keeps a connection; the name of it that its owner gets."""
        name = secrets.token_urlsafe(18)
        self._peers[name] = peer
        text = f"{self.kind} {name[:6]}... joined"
        say(log, f"{self.kind}_joined", text, peer=name[:6], stream=peer.stream_name, now=len(self))
        return name

    def get(self, name: str) -> Peer | None:
        """The connection of that name, None where there is none."""
        return self._peers.get(name)

    def of_stream(self, stream_name: str) -> list[Peer]:
        """The connections of one stream."""
        return [peer for peer in self._peers.values() if peer.stream_name == stream_name]

    def totals(self, stream_name: str) -> dict[str, int]:
        """The counts of all connections of a stream since the start, by the names of their status."""
        sums = {key: count for (stream, key), count in self._past.items() if stream == stream_name}
        for peer in self.of_stream(stream_name):
            for key, value in peer.status().items():
                if type(value) is int:
                    sums[key] = sums.get(key, 0) + value
        return sums

    async def close(self, name: str, reason: str = "ended by the peer") -> bool:
        """Ends a connection; False where there is none of that name."""
        peer = self._peers.pop(name, None)
        if peer is None:
            return False
        self.ended[reason] = self.ended.get(reason, 0) + 1
        self.ended_of[peer.stream_name, reason] += 1
        self._add_up(peer.stream_name, peer.status())
        text = f"{self.kind} {name[:6]}... left: {reason}"
        say(log, f"{self.kind}_left", text, peer=name[:6], stream=peer.stream_name, reason=reason)
        try:
            await asyncio.wait_for(peer.close(), CLOSE_TIMEOUT_S)
        except asyncio.TimeoutError:
            log.error("connection %s...: did not close within %.0f s", name[:6], CLOSE_TIMEOUT_S)
        return True

    async def close_all(self) -> None:
        """Ends every connection and the watch. Can be called twice."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.gather(*(self.close(name, "server stopped") for name in list(self._peers)))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT_S)

    def _add_up(self, stream_name: str, status: dict[str, Any]) -> None:
        for key, value in status.items():
            if type(value) is int:
                self._past[stream_name, key] = self._past.get((stream_name, key), 0) + value

    async def _watch_all(self) -> None:
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            t_ns = now_ns()
            for name, peer in list(self._peers.items()):
                if (reason := peer.problem(t_ns)) is not None:
                    self._spawn(self._end(name, reason))

    async def _end(self, name: str, reason: str) -> None:
        await self.close(name, reason)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # the loop keeps only weak references to tasks
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
