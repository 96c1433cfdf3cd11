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
        executor: for what takes long and concerns the whole process; the default one belongs to nobody.
        executors: each stream's, for calls into it that may block: one that hangs holds no other up.
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
    executors: dict[str, Executor] = field(default_factory=dict)
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

    def executor_for(self, request: web.Request) -> Executor:
        """Where calls into the stream that the request names may block.

        Raises:
            HTTPNotFound: there is no such stream.
        """
        return self.executors.get(self.broadcast(request).stream.name, self.executor)

    def sources(self) -> dict[str, str]:
        """What the source of each stream is doing: "live", "lost" and so on."""
        return {name: each.stream.status()["source"]["state"] for name, each in self.broadcasts.items()}

    def waiting(self) -> list[str]:
        """One line for each stream that no picture has come through yet; one for all where none can tell."""
        line = "no picture has come through yet"
        names = [name for name, each in self.broadcasts.items() if not getattr(each.stream, "ready", True)]
        return [f"stream {name}: {line}" for name in names] if len(self.broadcasts) > 1 and names else [line]

    def health(self) -> dict[str, Any]:
        """The process's health with the server's own problems added, by part and by stream."""
        report = self.served.health()
        parts, streams = {**report.get("parts", {})}, {**report.get("streams", {})}
        own: list[str] = []
        for name, broadcast in self.broadcasts.items():
            for line in broadcast.problems.values():
                part = line.partition(":")[0]
                own.append(line)
                parts[part] = "degraded"  # encoders are made again
                streams[name] = [*streams.get(name, []), part]
        state = report.get("state") or ("ok" if report["ok"] else "dead")
        if own and state == "ok":
            state = "degraded"
        return {
            **report,
            "ok": bool(report["ok"]) and not own,
            "state": state,
            "problems": [*report["problems"], *own],
            "parts": parts,
            "streams": streams,
        }


CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)
