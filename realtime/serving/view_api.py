"""What the page may ask and change about the picture that all viewers of a stream see, and ISSM in detail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from realtime.serving.context import CONTEXT
from realtime.serving.security import refuse
from realtime.serving.served import Inspecting, Views
from realtime.serving.signalling import one_line
from realtime.view import LockedError

NO_VIEW = "view: expected a stream whose picture can be changed"
# as long as a page waits gladly; a machine that is slower than this has no time for details
ISSM_TIMEOUT_S = 3.0


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the routes of this module."""
    router.add_get("/api/view", view)
    router.add_post("/api/view", change)
    router.add_get("/api/issm", issm)


async def view(request: web.Request) -> web.Response:
    """`GET /api/view`: the switches and the names of those that the command line fixed."""
    views = _views(request)
    return refuse(404, NO_VIEW) if views is None else web.json_response(views.state())


async def change(request: web.Request) -> web.Response:
    """`POST /api/view` with some switches: the new state; 400 for a wrong body, 409 for a fixed switch."""
    views = _views(request)
    if views is None:
        return refuse(404, NO_VIEW)
    if request.content_type != "application/json":
        return refuse(415, f"Content-Type: expected application/json, got {request.content_type!r}")
    try:
        return web.json_response(views.change(_values_in(await request.text())))
    except LockedError as error:
        return refuse(409, one_line(error))
    except ValueError as error:
        return refuse(400, f"body: {one_line(error)}")


async def issm(request: web.Request) -> web.Response:
    """`GET /api/issm?face=ID`: what ISSM did in the face's newest window.

    404 where that face has no window, 503 where the model is too busy to tell.
    """
    stream = request.app[CONTEXT].broadcast(request).stream
    inspecting: Inspecting | None = getattr(stream, "inspector", None)
    text = request.query.get("face", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return refuse(400, f"face: expected the number of a face, got {text[:40]!r}")
    if inspecting is None:
        return refuse(404, "issm: expected a stream whose expressions are read")
    asked = inspecting.inspect(int(text))
    if asked is None:
        return refuse(503, "issm: too many ask at once", {"Retry-After": "1"})
    answer = asyncio.wrap_future(asked)
    done, _ = await asyncio.wait([answer], timeout=ISSM_TIMEOUT_S)
    if not done:
        return refuse(503, f"issm: no answer within {ISSM_TIMEOUT_S:g} s", {"Retry-After": "1"})
    found = answer.result()
    if found is None:
        return refuse(404, f"issm: expected a face with a whole window, got face {int(text)}")
    return web.json_response(found)


def _views(request: web.Request) -> Views | None:
    return getattr(request.app[CONTEXT].broadcast(request).stream, "views", None)


def _values_in(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ValueError(f"expected JSON, got {error}") from None
    if not isinstance(body, dict):
        raise ValueError(f"expected an object with switches, got {json.dumps(body)[:100]}")
    return body
