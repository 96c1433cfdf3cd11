"""A request's body, read whole before its handler: bounded in size and time, plain, UTF-8, not too deep."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from realtime.config import Config
from realtime.serving.refusal import refuse

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
TEXT = frozenset({"application/json", SDP, FRAGMENT})


def body_reader(config: Config) -> Middleware:
    """A middleware that refuses bodies which no handler should have to look at.

    A handler reads what is kept of the body then, and cannot wait, run over or meet another encoding. JSON
    that is none passes: its handler tells what it expects.
    """

    @web.middleware
    async def read(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.can_read_body:
            return await handler(request)
        limit = config.sdp_bytes if request.content_type in (SDP, FRAGMENT) else config.body_bytes
        too_large = f"body: expected at most {limit} bytes of {request.content_type}"
        if (request.content_length or 0) > limit:
            return refuse(413, too_large)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return refuse(415, "Content-Encoding: expected none", {"Accept-Encoding": "identity"})
        try:
            data = await asyncio.wait_for(request.read(), config.body_seconds)
        except asyncio.TimeoutError:
            response = refuse(408, f"body: expected it within {config.body_seconds:g} s")
            response.force_close()
            return response
        except web.HTTPRequestEntityTooLarge:
            return refuse(413, too_large)
        except (web.RequestPayloadError, HttpProcessingError, ValueError):
            return refuse(400, "body: expected one that is complete and well formed")
        if len(data) > limit:
            return refuse(413, too_large)
        if request.content_type in TEXT:
            if (request.charset or "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
                return refuse(415, "Content-Type: expected UTF-8")
            if (line := _unreadable(data, request.content_type)) is not None:
                return refuse(400, line)
        return await handler(request)

    return read


def largest_body(config: Config) -> int:
    """What the server reads of a body at most, bytes."""
    return max(config.body_bytes, config.sdp_bytes)


def _unreadable(data: bytes, content_type: str) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "body: expected UTF-8 text"
    if content_type == "application/json":
        try:
            json.loads(text)
        except RecursionError:
            return "body: expected JSON that is nested less deeply"
        except ValueError:
            return None
    return None
