"""Who may ask: exact Host and Origin checks, security headers. For now only this machine may."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from realtime.errors import ServeError

# An SDP offer of a browser is 3 to 6 KiB.
MAX_BODY_BYTES = 64 * 1024
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


def check_host(host: str) -> None:
    """Refuses to listen where others could reach the server.

    Raises:
        ServeError: `host` is no loopback address.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ServeError(
            f"host: expected a loopback address such as 127.0.0.1, got {host!r}: "
            "faces would be open to everyone on the network, since there is no access control yet"
        )


def allowed_hosts(host: str, port: int) -> frozenset[str]:
    """The Host headers under which the server answers, so that no other name can be pointed at it."""
    names = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host}
    return frozenset(f"{name}:{port}" for name in names) | (frozenset(names) if port == 80 else frozenset())


def guard(hosts: Callable[[], frozenset[str]]) -> Middleware:
    """A middleware that lets only requests for `hosts()` pass, and changes only from pages of our own.

    The first stops DNS rebinding, the second cross-site requests. Programs that send no Origin may pass:
    a browser always sends one with a request that changes something.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if host not in hosts():
            return refuse(403, f"Host: expected an address of this server, got {host!r}")
        if request.method in CHANGING:
            origin = request.headers.get("Origin")
            if origin is not None and origin.removeprefix("http://") not in hosts():
                return refuse(403, f"Origin: expected a page of this server, got {origin!r}")
            if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
                return refuse(403, "Sec-Fetch-Site: expected same-origin")
        return await handler(request)

    return check


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Adds the security headers to every response; for `on_response_prepare`."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")


def refuse(status: int, line: str, headers: dict[str, str] | None = None) -> web.Response:
    """A refusal: one clear line of text."""
    return web.Response(status=status, text=line + "\n", headers=headers)
