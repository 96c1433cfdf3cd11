"""The HTTP side for people and programs: the page, health, status, sources, events."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from realtime.errors import IfddLiveError
from realtime.serving.context import CONTEXT
from realtime.serving.operation import Operation
from realtime.serving.refusal import refuse
from realtime.serving.signalling import one_line

WEB = Path(__file__).resolve().parents[2] / "assets" / "web"
MAX_SOURCE_CHARACTERS = 1000
JSON = "application/json"

OPERATIONS = (
    Operation("get", "/", "The page", {200: "text/html"}),
    Operation("get", "/web/{filename}", "The page's files", {200: "*/*", 403: "*/*", 404: "*/*"}),
    Operation(
        "get", "/healthz", "Whether every part works; on loopback without a token", {200: JSON, 503: JSON}
    ),
    Operation("get", "/readyz", "Whether pictures have come; likewise", {200: JSON, 503: JSON}),
    Operation(
        "get", "/api/status", "Source, model, rates, drops, latencies, viewers", {200: JSON}, streams=True
    ),
    Operation("get", "/api/sources", "What can be chosen", {200: JSON}, streams=True),
    Operation(
        "post",
        "/api/source",
        "Changes the source",
        {200: JSON, 400: "", 409: ""},
        {
            JSON: {
                "type": "object",
                "properties": {
                    "source": {"type": "string", "minLength": 1, "maxLength": MAX_SOURCE_CHARACTERS}
                },
                "required": ["source"],
                "additionalProperties": False,
            }
        },
        streams=True,
    ),
    Operation(
        "get", "/events", "Results as server-sent events", {200: "text/event-stream", 503: ""}, streams=True
    ),
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the routes of this module."""
    router.add_get("/", page)
    router.add_static("/web", WEB)
    router.add_get("/healthz", health)
    router.add_get("/readyz", ready)
    router.add_get("/api/status", status)
    router.add_get("/api/sources", sources)
    router.add_post("/api/source", set_source)
    router.add_get("/events", events)


async def page(_request: web.Request) -> web.StreamResponse:
    """`GET /`: the page."""
    return web.FileResponse(WEB / "index.html")


async def health(request: web.Request) -> web.Response:
    """`GET /healthz`: 503 where a part is dead; 200 while all work or mend themselves. JSON says which."""
    report = request.app[CONTEXT].health()
    return web.json_response(report, status=503 if report["state"] == "dead" else 200)


async def ready(request: web.Request) -> web.Response:
    """`GET /readyz`: 200 once pictures came and while every part works, else 503; JSON says what lacks."""
    context = request.app[CONTEXT]
    report = context.health()
    waiting = [] if context.served.ready() else context.waiting()
    is_ready = report["ok"] and not waiting
    answer = {
        "ready": is_ready,
        "state": report["state"],
        "problems": [*report["problems"], *waiting],
        "sources": context.sources(),
    }
    return web.json_response(answer, status=200 if is_ready else 503)


async def status(request: web.Request) -> web.Response:
    """`GET /api/status`: source, model, device, rates, drops, latencies and viewers of one stream."""
    context = request.app[CONTEXT]
    broadcast = context.broadcast(request)
    name = broadcast.stream.name
    viewers, senders = context.viewers.of_stream(name), context.senders.of_stream(name)
    return web.json_response(
        {
            **context.served.status(),
            **broadcast.stream.status(),
            "stream": name,
            "streams": list(context.broadcasts),
            "viewers": {
                "now": len(viewers),
                "limit": context.config.viewers,
                "refused": context.viewers.refused,
                "ended": context.viewers.ended,
                "each": [each.status() for each in viewers],
            },
            "senders": [each.status() for each in senders],
            "event_clients": context.event_streams.status(),
            **broadcast.status(),
            "publish": context.publishers[name].status() if name in context.publishers else None,
            "published_to": sorted({each.target.host for each in context.publishers.values()}),
            "health": context.health(),
        }
    )


async def sources(request: web.Request) -> web.Response:
    """`GET /api/sources`: what `POST /api/source` takes."""
    context = request.app[CONTEXT]
    stream = context.broadcast(request).stream
    found = await asyncio.get_running_loop().run_in_executor(context.executor_for(request), stream.sources)
    return web.json_response({"sources": found})


async def set_source(request: web.Request) -> web.Response:
    """`POST /api/source` with `{"source": text}`: 200, 400 for a body that is not that, 409 if it fails."""
    context = request.app[CONTEXT]
    stream = context.broadcast(request).stream
    if request.content_type != "application/json":
        return refuse(415, f"Content-Type: expected application/json, got {request.content_type!r}")
    try:
        text = _source_in(json.loads(await request.text()))
    except ValueError as error:
        return refuse(400, f'body: expected {{"source": text}}, got {one_line(error)}')
    try:
        executor = context.executor_for(request)
        await asyncio.get_running_loop().run_in_executor(executor, stream.set_source, text)
    except IfddLiveError as error:
        return refuse(409, one_line(error))
    return web.json_response({"source": text})


async def events(request: web.Request) -> web.StreamResponse:
    """`GET /events`: results as server-sent events, or 503 when too many read already."""
    context = request.app[CONTEXT]
    broadcast = context.broadcast(request)
    if context.event_streams.of_stream(broadcast.stream.name) >= context.event_streams.limit:
        return refuse(503, "events: all places are taken", {"Retry-After": "5"})
    return await context.event_streams.serve(request, broadcast)


def _source_in(body: Any) -> str:
    if not isinstance(body, dict) or set(body) != {"source"} or not isinstance(body["source"], str):
        raise ValueError(json.dumps(body)[:100])
    if not 0 < len(body["source"]) <= MAX_SOURCE_CHARACTERS:
        raise ValueError(f"a source of {len(body['source'])} characters")
    return body["source"]
