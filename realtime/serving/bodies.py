"""Reads JSON bodies strictly: what does not fit ends in one clear line with a 4xx status."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from aiohttp import web

from realtime.errors import IfddLiveError, NotNowError, UnknownError
from realtime.serving.signalling import one_line

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def read_object(request: web.Request, allowed: frozenset[str]) -> dict[str, Any]:
    """The JSON object in a request's body; an empty body is an empty object.

    Args:
        request: whose body it is.
        allowed: keys that may be there.

    Raises:
        HTTPException: 415 for another type, 400 for what is no JSON object of these keys.
    """
    raw = await request.read()
    if not raw:
        return {}
    if request.content_type != "application/json":
        text = f"Content-Type: expected application/json, got {request.content_type!r}\n"
        raise web.HTTPUnsupportedMediaType(text=text)
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        bad(f"expected JSON, got {one_line(error)[:100]}")
    if not isinstance(body, dict):
        bad(f"expected a JSON object, got {shown(body)}")
    unknown = sorted(set(body) - allowed)
    if unknown:
        bad(f"expected no keys but {', '.join(sorted(allowed))}, got {shown(unknown[0])}")
    return body


def bad(line: str) -> NoReturn:
    """Refuses a body with status 400."""
    raise web.HTTPBadRequest(text=f"body: {line}\n")


def shown(value: object) -> str:
    """A value for a message: ASCII, one line, short."""
    return json.dumps(value)[:80]


def face_in(body: dict[str, Any]) -> int | None:
    """The body's `face_id`: a whole number, or None where it is null or absent."""
    face_id = body.get("face_id")
    if face_id is not None and (type(face_id) is not int or not 0 <= face_id < 2**53):
        bad(f"expected face_id to be a face's number or null, got {shown(face_id)}")
    return face_id


def number_in(body: dict[str, Any], key: str) -> float:
    """The body's number under `key`."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        bad(f"expected {key} to be a number, got {shown(value)}")
    return float(value)


def refusals(handler: Handler) -> Handler:
    """The handler, with the program's own errors as one line: 404 unknown, 409 not now, else 400."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except UnknownError as error:
            raise web.HTTPNotFound(text=one_line(error) + "\n") from None
        except NotNowError as error:
            raise web.HTTPConflict(text=one_line(error) + "\n") from None
        except (IfddLiveError, ValueError) as error:
            raise web.HTTPBadRequest(text=one_line(error) + "\n") from None

    answer.__doc__ = handler.__doc__
    return answer


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no JSON")
