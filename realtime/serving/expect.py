"""`Expect`: 100-continue or nothing."""

from __future__ import annotations

from aiohttp import web


def refuse_odd_expectations(router: web.UrlDispatcher) -> None:
    """Has requests with an odd `Expect` refused, which aiohttp answers before any middleware, and quotes."""
    resolve = router.resolve

    async def resolve_plain(request: web.Request) -> web.UrlMappingMatchInfo:
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            raise web.HTTPExpectationFailed(text="Expect: expected 100-continue\n")
        return await resolve(request)

    vars(router)["resolve"] = resolve_plain
