"""What the request handlers share, kept in the application: no module-level state."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from realtime.config import Config
from realtime.serving.access import Access
from realtime.serving.broadcast import Broadcast
from realtime.serving.hub import Hub
from realtime.serving.limits import Buckets
from realtime.serving.peers import Peers
from realtime.serving.publisher import Publisher
from realtime.serving.served import Served
from realtime.serving.sse import EventStreams


@dataclass(slots=True)
class Context:
    """The server's parts.

    Attributes:
        executor: for calls into the pipeline that may block; the default one belongs to nobody.
        access: who may use the server.
        offers: SDP offers, by address.
        patches: fragments with candidates, by address.
        links: Link headers of the ICE servers that clients are told of.
        publishers: those of the streams that are published, by the streams' names.
        refusals: how many requests were refused, by status code.
    """

    served: Served
    config: Config
    hub: Hub
    viewers: Peers
    senders: Peers
    event_streams: EventStreams
    executor: Executor
    access: Access
    offers: Buckets
    patches: Buckets
    links: tuple[str, ...] = ()
    broadcasts: dict[str, Broadcast] = field(default_factory=dict)
    publishers: dict[str, Publisher] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)

    def broadcast(self, request: web.Request) -> Broadcast:
        """The broadcast of the stream that the request names by `?stream=`, or of the first.

        Raises:
            HTTPNotFound: there is no such stream.
        """
        name = request.query.get("stream", next(iter(self.broadcasts)))
        if name not in self.broadcasts:
            known = ", ".join(self.broadcasts)
            raise web.HTTPNotFound(text=f"stream: expected one of {known}, got {name!r}\n")
        return self.broadcasts[name]

    def health(self) -> dict[str, Any]:
        """The process's health with the server's own problems added."""
        report = self.served.health()
        own = [line for each in self.broadcasts.values() for line in each.problems.values()]
        state = report.get("state") or ("ok" if report["ok"] else "dead")
        if own and state == "ok":
            state = "degraded"  # encoders are made again
        return {
            **report,
            "ok": bool(report["ok"]) and not own,
            "state": state,
            "problems": [*report["problems"], *own],
        }


CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)
