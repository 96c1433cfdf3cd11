"""Recording over HTTP: start, stop, markers, ranges left out, the recordings that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from aiohttp import web

from realtime.errors import NotNowError
from realtime.serving.bodies import bad, number_in, read_object, refusals, shown
from realtime.serving.context import CONTEXT
from realtime.serving.operation import Operation, an_object
from realtime.serving.served import Recorder

T = TypeVar("T")

# The report has its style sheet inside, and within it a policy that lets in that very one.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

TYPES = {
    "events.jsonl": "application/x-ndjson",
    "events.csv": "text/csv",
    "report.html": "text/html",
}


JSON = "application/json"
ANSWERS = {200: JSON, 400: "", 404: "", 409: ""}
SECONDS = {"type": "number", "minimum": 0}

OPERATIONS = (
    Operation("get", "/api/session", "Whether and where is recorded, and what", ANSWERS, streams=True),
    Operation(
        "post",
        "/api/session/start",
        "Begins to record",
        ANSWERS,
        {JSON: an_object(agreed={"const": True})},
        streams=True,
    ),
    Operation("post", "/api/session/stop", "Ends the recording", ANSWERS, streams=True),
    Operation(
        "post",
        "/api/session/marker",
        "Marks this moment",
        ANSWERS,
        {JSON: an_object(label={"type": "string"})},
        streams=True,
    ),
    Operation(
        "post",
        "/api/session/exclude",
        "Leaves a range out",
        ANSWERS,
        {JSON: an_object(**{"from": SECONDS, "to": SECONDS})},
        streams=True,
    ),
    Operation("get", "/api/sessions", "The recordings", ANSWERS, streams=True),
    Operation("get", "/api/sessions/{id}/{kind}", "One file of one", {**ANSWERS, 200: "*/*"}, streams=True),
    Operation("delete", "/api/sessions/{id}", "Removes one", ANSWERS, streams=True),
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the routes of this module."""
    router.add_get("/api/session", refusals(status))
    router.add_post("/api/session/start", refusals(start))
    router.add_post("/api/session/stop", refusals(stop))
    router.add_post("/api/session/marker", refusals(marker))
    router.add_post("/api/session/exclude", refusals(exclude))
    router.add_get("/api/sessions", refusals(sessions))
    router.add_get("/api/sessions/{id}/{kind}", refusals(download))
    router.add_delete("/api/sessions/{id}", refusals(delete))


async def status(request: web.Request) -> web.Response:
    """`GET /api/session`: whether and where is recorded, and what a recording stores."""
    return web.json_response(_recorder(request).status())


async def start(request: web.Request) -> web.Response:
    """`POST /api/session/start` with `{"agreed": true}`: begins; 409 while one runs."""
    recorder = _recorder(request)
    body = await read_object(request, frozenset({"agreed"}))
    if body.get("agreed") is not True:
        bad(f"expected agreed to be true, got {shown(body.get('agreed'))}")
    await _aside(request, recorder.start)
    return web.json_response(recorder.status())


async def stop(request: web.Request) -> web.Response:
    """`POST /api/session/stop`: ends the recording; has no effect when none runs."""
    recorder = _recorder(request)
    await _aside(request, recorder.stop)
    return web.json_response(recorder.status())


async def marker(request: web.Request) -> web.Response:
    """`POST /api/session/marker` with `{"label": text}`: a mark, now; 409 when nothing is recorded."""
    recorder = _recorder(request)
    label = (await read_object(request, frozenset({"label"}))).get("label")
    if not isinstance(label, str):
        bad(f"expected label to be a text, got {shown(label)}")
    recorder.marker(label)
    return web.json_response(recorder.status())


async def exclude(request: web.Request) -> web.Response:
    """`POST /api/session/exclude` with `{"from": s, "to": s}`, seconds since the recording began."""
    recorder = _recorder(request)
    body = await read_object(request, frozenset({"from", "to"}))
    recorder.exclude(number_in(body, "from"), number_in(body, "to"))
    return web.json_response(recorder.status())


async def sessions(request: web.Request) -> web.Response:
    """`GET /api/sessions`: the recordings in the folder, newest first."""
    return web.json_response({"sessions": await _aside(request, _recorder(request).sessions)})


async def download(request: web.Request) -> web.StreamResponse:
    """`GET /api/sessions/ID/events.jsonl`, `events.csv` or `report.html`."""
    session, kind = request.match_info["id"], request.match_info["kind"]
    if kind not in TYPES:
        raise web.HTTPNotFound(text=f"session: expected one of {', '.join(TYPES)}, got {kind[:40]!a}\n")
    recorder = _recorder(request)
    parts = await _aside(request, lambda: recorder.download(session, kind))
    first = await _aside(request, lambda: next(parts, b""))  # what fails, fails before the answer begins
    response = web.StreamResponse()
    response.content_type = TYPES[kind]
    response.charset = "utf-8"
    if kind == "report.html":
        response.headers["Content-Security-Policy"] = REPORT_POLICY
        name = f'inline; filename="ifdd-live-{session}.html"'
    else:
        name = f'attachment; filename="ifdd-live-{session}.{kind.split(".")[1]}"'
    response.headers["Content-Disposition"] = name
    await response.prepare(request)
    await response.write(first)
    while part := await _aside(request, lambda: _next(parts)):
        await response.write(part)
    await response.write_eof()
    return response


async def delete(request: web.Request) -> web.Response:
    """`DELETE /api/sessions/ID`: removes a recording and says which files went."""
    recorder, session = _recorder(request), request.match_info["id"]
    return web.json_response(await _aside(request, lambda: recorder.delete(session)))


def _next(parts: Iterator[bytes]) -> bytes:
    """The next part that is not empty; empty at the end."""
    return next((part for part in parts if part), b"")


async def _aside(request: web.Request, call: Callable[[], T]) -> T:
    """What reads or writes files runs on another thread."""
    executor = request.app[CONTEXT].executor_for(request)
    return await asyncio.get_running_loop().run_in_executor(executor, call)


def _recorder(request: web.Request) -> Recorder:
    recorder: Any = getattr(request.app[CONTEXT].broadcast(request).stream, "recorder", None)
    if recorder is None:
        raise NotNowError("session: expected a stream that can be recorded")
    found: Recorder = recorder
    return found
