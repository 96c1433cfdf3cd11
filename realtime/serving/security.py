"""Who may ask: exact Host and Origin checks, the token, security headers on every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from realtime.serving.access import Access
from realtime.serving.entrance import check_token
from realtime.serving.refusal import refuse

__all__ = ["CHANGING", "HEADERS", "guard", "header_adder", "refuse"]

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; media-src 'self' blob: mediastream:; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    # together these two isolate the page, which also gives it finer clocks for its figures
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# One week: the promise is the whole host's, whatever else runs there, and browsers keep it that long.
HSTS = "max-age=604800"


def guard(access: Access) -> Middleware:
    """A middleware that refuses foreign names, changes from foreign pages, and whoever lacks a wanted token.

    The first stops DNS rebinding, the second cross-site requests. Programs that send no Origin may pass:
    a browser always sends one with a request that changes something.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        if not access.names.allows(hosts):
            access.refused["host"] += 1
            return refuse(403, f"Host: expected an address of this server, got {', '.join(hosts)!r}")
        if request.method in CHANGING and (line := _foreign(access, request, hosts[0])):
            access.refused["origin"] += 1
            return refuse(403, line)
        if (refusal := check_token(access, request)) is not None:
            return refusal
        return await handler(request)

    return check


def _foreign(access: Access, request: web.Request, host: str) -> str:
    for origin in request.headers.getall("Origin", []):
        if not access.names.same_origin(host, origin):
            return f"Origin: expected a page of this server, got {origin!r}"
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return "Sec-Fetch-Site: expected same-origin"
    return ""


def header_adder(access: Access) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """What adds the security headers to every response; for `on_response_prepare`."""
    headers = dict(HEADERS)
    if access.tls is not None and not access.tls.self_signed:
        # a browser that was told this takes no certificate that it has to ask about
        headers["Strict-Transport-Security"] = HSTS

    async def add(_request: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")

    return add
