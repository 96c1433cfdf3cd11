"""`GET /api/streams`: all streams at a glance, in one answer, for the page's grid and for programs."""

from __future__ import annotations

from aiohttp import web

from realtime.serving.context import CONTEXT
from realtime.serving.operation import Operation

OPERATIONS = (
    Operation(
        "get", "/api/streams", "All streams: source, rates, faces, what fails", {200: "application/json"}
    ),
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the route of this module."""
    router.add_get("/api/streams", streams)


async def streams(request: web.Request) -> web.Response:
    """`GET /api/streams`: for each stream its name, source, profile, rates, faces and viewers."""
    context = request.app[CONTEXT]
    failing = context.health()["streams"]
    found = []
    for name, broadcast in context.broadcasts.items():
        status = broadcast.stream.status()
        found.append(
            {
                "stream": name,
                **{key: status.get(key) for key in ("source", "profile", "rates", "faces", "keeps_up")},
                "reads": status.get("model") is not None,
                "viewers": len(context.viewers.of_stream(name)),
                "failing": failing.get(name, []),
            }
        )
    return web.json_response({"streams": found})
