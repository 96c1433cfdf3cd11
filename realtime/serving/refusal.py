"""A refusal: a status and one clear line of text."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web


def refuse(status: int, line: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A refusal; whatever `line` quotes of a request, it stays one line that can be encoded."""
    text = " ".join(line.encode("utf-8", "backslashreplace").decode().split())
    return web.Response(status=status, text=text + "\n", headers=headers)
