"""One line of the HTTP side's description; each module keeps a table of them beside its routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be asked at one path by one method, for `/openapi.json`.

    Attributes:
        method: lower case.
        path: with `{name}` for what varies, as in the route.
        summary: one line.
        answers: status to media type, "" for none; refusals are text/plain.
        body: media type to JSON schema of the request's body.
        query: names of query parameters to JSON schemas, all optional.
        headers: names of request headers to JSON schemas, all optional.
        streams: it takes `?stream=NAME`.
        open: it wants no token.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[int, str]
    body: Mapping[str, Schema] = field(default_factory=dict)
    query: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)
    streams: bool = False
    open: bool = False
