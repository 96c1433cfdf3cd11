"""The token at the door: a bearer header, or a cookie that a link or the token itself was changed into."""

from __future__ import annotations

import http.cookies
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from realtime.clock import now_ns
from realtime.serving.access import ENTRANCE, Access
from realtime.serving.context import CONTEXT
from realtime.serving.hosts import is_loopback
from realtime.serving.limits import counted_address, retry_after
from realtime.serving.operation import Operation
from realtime.serving.refusal import refuse

FILES = Path(__file__).resolve().parents[2] / "assets" / "enter"
# What everybody may load, since it lets them say who they are.
OPEN = frozenset({ENTRANCE, f"{ENTRANCE}/enter.js", f"{ENTRANCE}/enter.css"})
# Probes on this machine need no token: these two tell whether the program works, and nothing of anybody.
OPEN_ON_LOOPBACK = frozenset({"/healthz", "/readyz"})
CHALLENGE = {"WWW-Authenticate": "Bearer"}

OPERATIONS = (
    Operation("get", ENTRANCE, "The page that takes the token", {200: "text/html"}, open=True),
    Operation("get", f"{ENTRANCE}/enter.js", "Its script", {200: "text/javascript"}, open=True),
    Operation("get", f"{ENTRANCE}/enter.css", "Its style", {200: "text/css"}, open=True),
    Operation(
        "post",
        ENTRANCE,
        "Changes the token, or the secret of a link, which works once, into a cookie",
        {204: "", 400: "", 403: "", 404: "", 415: "", 429: ""},
        body={
            "application/json": {
                "type": "object",
                "properties": {"token": {"type": "string"}, "link": {"type": "string"}},
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
            }
        },
        open=True,
    ),
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the routes of this module."""
    for path, name, kind in (
        ("", "index.html", "text/html"),
        ("/enter.js", "enter.js", "text/javascript"),
        ("/enter.css", "enter.css", "text/css"),
    ):
        router.add_get(ENTRANCE + path, _file(name, kind))
    router.add_post(ENTRANCE, enter)


def check_token(access: Access, request: web.Request) -> web.StreamResponse | None:
    """None where the request may pass, else the refusal; a browser gets the page that asks for the token."""
    gate = access.gate
    if gate is None or request.path in OPEN or gate.has_session(_cookie(request, access.cookie)):
        return None
    if request.path in OPEN_ON_LOOPBACK and is_loopback(request.remote or ""):
        return None
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        if (refusal := _wait(access, request)) is not None:
            return refusal
        if gate.has_token(given.strip()):
            return None
        return _wrong(access, request, 401, "token: expected the one that the program printed, got another")
    access.refused["token"] += 1
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        page = (FILES / "index.html").read_text(encoding="utf-8")
        return web.Response(status=401, text=page, content_type="text/html", headers=CHALLENGE)
    return refuse(401, "token: expected the one that the program printed, got none", CHALLENGE)


async def enter(request: web.Request) -> web.StreamResponse:
    """`POST /enter` with `{"token": text}` or `{"link": text}`: 204 and a cookie, 403, or 429 for a while."""
    access = request.app[CONTEXT].access
    if access.gate is None:
        return refuse(404, "enter: expected a server that wants a token, got one that does not")
    if request.content_type != "application/json":
        return refuse(415, f"Content-Type: expected application/json, got {request.content_type!r}")
    if (refusal := _wait(access, request)) is not None:
        return refusal
    try:
        what, given = _secret_in(json.loads(await request.text()))
    except ValueError:
        return refuse(400, 'body: expected {"token": text} or {"link": text}')
    if what == "token" and not access.gate.has_token(given):
        return _wrong(access, request, 403, "token: expected the one that the program printed, got another")
    if what == "link":
        if not access.gate.open_link(given):
            return _wrong(
                access, request, 403, "link: expected the newest one, unused; the program prints it"
            )
        access.say_next_link()
    response = web.Response(status=204)
    response.set_cookie(
        access.cookie,
        access.gate.new_session(),
        path="/",
        httponly=True,
        samesite="Strict",
        secure=access.tls is not None,
    )
    return response


def _secret_in(body: Any) -> tuple[str, str]:
    if isinstance(body, dict) and len(body) == 1:
        ((what, given),) = body.items()
        if what in ("token", "link") and isinstance(given, str):
            return what, given
    raise ValueError


def _wait(access: Access, request: web.Request) -> web.Response | None:
    # before the secret is looked at, so that no guess is answered any more
    wait_s = access.tries.wait_s(counted_address(request.remote), now_ns())
    if wait_s <= 0:
        return None
    access.refused["tries"] += 1
    return refuse(429, "token: expected fewer wrong ones from this address", retry_after(wait_s))


def _wrong(access: Access, request: web.Request, status: int, line: str) -> web.Response:
    access.tries.take(counted_address(request.remote), now_ns())
    access.refused["token"] += 1
    return refuse(status, line, CHALLENGE if status == 401 else None)


def _cookie(request: web.Request, name: str) -> str:
    try:
        return request.cookies.get(name, "")
    except http.cookies.CookieError:
        return ""


def _file(name: str, kind: str) -> Any:
    async def file(_request: web.Request) -> web.StreamResponse:
        # what Python takes .js for is the system's to say
        return web.FileResponse(FILES / name, headers={"Content-Type": f"{kind}; charset=utf-8"})

    file.__doc__ = f"`GET` of the entrance's {name}."
    return file
