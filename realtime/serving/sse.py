"""`GET /events`: results as server-sent events, for programs without WebRTC."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

from aiohttp import web

from realtime.serving.broadcast import Broadcast

# About 3 s of two faces at 8 predictions/s; a reader further behind wants the newest, not all.
QUEUE_EVENTS = 64
KEEP_ALIVE_S = 5.0


class EventClient:
    """One reader's bounded queue: the oldest goes first, and is counted."""

    def __init__(self) -> None:
        self.sent = 0
        self.dropped = 0
        self._queue: deque[str] = deque()
        self._filled = asyncio.Event()
        self._closed = False

    def put(self, text: str) -> None:
        """Queues one line of JSON."""
        if len(self._queue) >= QUEUE_EVENTS:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(text)
        self._filled.set()

    def close(self) -> None:
        """Ends the reader's stream."""
        self._closed = True
        self._filled.set()

    async def next(self) -> str | None:
        """What to write next, a comment when nothing came for a while, None at the end."""
        if not self._queue and not self._closed:
            self._filled.clear()
            try:
                await asyncio.wait_for(self._filled.wait(), KEEP_ALIVE_S)
            except asyncio.TimeoutError:
                return ":\n\n"
        if self._closed:
            return None
        self.sent += 1
        return f"data: {self._queue.popleft()}\n\n"


class EventStreams:
    """All readers of `/events`, so that the server's stop can end them."""

    def __init__(self, limit: int) -> None:
        """Makes an empty set for at most `limit` readers of each stream."""
        self.limit = limit
        self._clients: dict[EventClient, str] = {}  # with the stream's name

    def __len__(self) -> int:
        return len(self._clients)

    def of_stream(self, name: str) -> int:
        """How many read a stream's results."""
        return list(self._clients.values()).count(name)

    def status(self) -> list[dict[str, Any]]:
        """What the status says of the readers."""
        return [{"sent": each.sent, "dropped": each.dropped} for each in self._clients]

    async def serve(self, request: web.Request, broadcast: Broadcast) -> web.StreamResponse:
        """Writes results until the reader or the server goes."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        client = EventClient()
        self._clients[client] = broadcast.stream.name
        broadcast.listen(client.put)
        try:
            with contextlib.suppress(ConnectionError):  # the reader has gone
                await response.prepare(request)
                await response.write(b": results of the stream, one JSON object each\n\n")
                while (text := await client.next()) is not None:
                    await response.write(text.encode())
        finally:
            broadcast.unlisten(client.put)
            del self._clients[client]
        return response

    def close(self) -> None:
        """Ends every reader's stream."""
        for client in self._clients:
            client.close()
