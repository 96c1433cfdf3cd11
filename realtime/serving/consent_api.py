"""Consent and purpose over HTTP: no camera opens before the page, or the command line, has said so."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from realtime.config import PURPOSES
from realtime.errors import IfddLiveError
from realtime.serving.context import CONTEXT
from realtime.serving.operation import Operation
from realtime.serving.security import refuse
from realtime.serving.served import Consents
from realtime.serving.signalling import one_line

NO_CONSENT = "consent: expected a stream that asks for it"

JSON = "application/json"

OPERATIONS = (
    Operation("get", "/api/consent", "Purpose and consent", {200: JSON}, streams=True),
    Operation(
        "post",
        "/api/consent",
        "Tells the purpose, and with `camera` that cameras may open",
        {200: JSON, 400: "", 409: "", 415: ""},
        {
            JSON: {
                "type": "object",
                "properties": {"purpose": {"enum": list(PURPOSES)}, "camera": {"type": "boolean"}},
                "required": ["purpose", "camera"],
                "additionalProperties": False,
            }
        },
        streams=True,
    ),
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the routes of this module."""
    router.add_get("/api/consent", consent)
    router.add_post("/api/consent", agree)


async def consent(request: web.Request) -> web.Response:
    """`GET /api/consent`: whether consent is needed and given, the purpose, and what follows from it."""
    consents = _consents(request)
    return refuse(404, NO_CONSENT) if consents is None else web.json_response(consents.state())


async def agree(request: web.Request) -> web.Response:
    """`POST /api/consent` with `{"purpose": P, "camera": bool}`: the new state.

    400 for another body, 409 where the camera does not open.
    """
    consents = _consents(request)
    if consents is None:
        return refuse(404, NO_CONSENT)
    if request.content_type != "application/json":
        return refuse(415, f"Content-Type: expected application/json, got {request.content_type!r}")
    try:
        purpose, camera = _agreement_in(await request.text())
        context = request.app[CONTEXT]
        state = await asyncio.get_running_loop().run_in_executor(
            context.executor_for(request), consents.agree, purpose, camera
        )
    except ValueError as error:
        return refuse(400, f"body: {one_line(error)}")
    except IfddLiveError as error:
        return refuse(409, one_line(error))
    return web.json_response(state)


def _consents(request: web.Request) -> Consents | None:
    return getattr(request.app[CONTEXT].broadcast(request).stream, "consents", None)


def _agreement_in(text: str) -> tuple[str, bool]:
    wanted = 'expected {"purpose": text, "camera": true or false}'
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{wanted}, got {error}") from None
    if not isinstance(body, dict) or set(body) != {"purpose", "camera"}:
        raise ValueError(f"{wanted}, got {json.dumps(body)[:100]}")
    purpose, camera = body["purpose"], body["camera"]
    if not isinstance(purpose, str) or not isinstance(camera, bool):
        raise ValueError(f"{wanted}, got {json.dumps(body)[:100]}")
    return purpose, camera
