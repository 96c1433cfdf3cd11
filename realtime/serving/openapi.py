"""`GET /openapi.json`: the HTTP side described, from the tables that stand beside the routes.

A new module of routes adds its `OPERATIONS` to `TABLES`; a test finds routes that nobody describes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from aiohttp import web

from realtime.serving import (
    api,
    consent_api,
    driver_api,
    entrance,
    metrics,
    personal_api,
    session_api,
    signalling,
    streams_api,
    view_api,
)
from realtime.serving.operation import Operation

OPERATIONS = (Operation("get", "/openapi.json", "This description", {200: "application/json"}),)
TABLES = (
    signalling.OPERATIONS,
    api.OPERATIONS,
    driver_api.OPERATIONS,
    personal_api.OPERATIONS,
    session_api.OPERATIONS,
    view_api.OPERATIONS,
    consent_api.OPERATIONS,
    streams_api.OPERATIONS,
    metrics.OPERATIONS,
    entrance.OPERATIONS,
    OPERATIONS,
)
# What the middlewares may answer to any request, and to one with a body.
EVERYWHERE = {
    400: "malformed",
    401: "the token is missing or wrong",
    403: "a foreign Host or Origin",
    429: "too many",
}
WITH_BODY = {408: "the body did not come in time", 413: "the body is too large", 415: "of another type"}
STREAM = {"stream": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}}
WORDS = {
    200: "done", 201: "made", 204: "done, nothing to say", 404: "there is none of that name",
    406: "the answer would be of a type that is not accepted", 409: "not now, or not in this run",
    412: "another entity tag", 422: "understood, but not done here", 428: "an entity tag is wanted",
    503: "not now: full, or broken",
}  # fmt: skip


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the route of this module."""
    router.add_get("/openapi.json", openapi, allow_head=False)


async def openapi(_request: web.Request) -> web.Response:
    """`GET /openapi.json`: the description, OpenAPI 3.1."""
    return web.json_response(description(TABLES))


def description(tables: Iterable[Iterable[Operation]]) -> dict[str, Any]:
    """The OpenAPI description of operations."""
    paths: dict[str, dict[str, Any]] = {}
    for table in tables:
        for each in table:
            paths.setdefault(each.path, {})[each.method] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "IFDD Live",
            "version": _version(),
            "description": "Dynamic facial expressions of a camera, live. Refusals are one line of text.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-ifdd-PORT"},
            }
        },
        # either, or none where the server wants no token
        "security": [{"token": []}, {"cookie": []}, {}],
    }


def _operation(each: Operation) -> dict[str, Any]:
    query = {**(STREAM if each.streams else {}), **each.query}
    places = [("query", name, schema) for name, schema in query.items()]
    places += [("header", name, schema) for name, schema in each.headers.items()]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": place, "schema": dict(schema)} for place, name, schema in places
    ]
    parameters += [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", each.path)
    ]
    statuses = {**dict.fromkeys(EVERYWHERE, ""), **(dict.fromkeys(WITH_BODY, "") if each.body else {})}
    statuses |= {404: ""} if each.streams else {}
    statuses |= each.answers
    found: dict[str, Any] = {
        "summary": each.summary,
        "parameters": parameters,
        "responses": {
            str(status): _response(status, kind, each) for status, kind in sorted(statuses.items())
        },
    }
    if each.body:
        content = {kind: {"schema": dict(schema)} for kind, schema in each.body.items()}
        found["requestBody"] = {"required": True, "content": content}
    if each.open:
        found["security"] = []
    return found


def _response(status: int, kind: str, each: Operation) -> dict[str, Any]:
    words = {**WORDS, **EVERYWHERE, **WITH_BODY}.get(status, "see the summary")
    if not kind and status >= 400 and each.method != "head":
        kind = "text/plain"
    return {"description": words, **({"content": {kind: {}}} if kind else {})}


def _version() -> str:
    try:
        return metadata.version("ifdd-live")
    except metadata.PackageNotFoundError:
        return "0"
