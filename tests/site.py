"""A server with a picture producer behind it, and plain requests to it, by http or https."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from realtime.config import Config
from realtime.serving.app import Server
from tests.picture_producer import ProducerServed, ProducerStream


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Site:
    """A running server. What it says to the person at the terminal is in `said`."""

    def __init__(self, stream: ProducerStream, **settings: Any) -> None:
        self.stream = stream
        self.said: list[str] = []
        self.served = ProducerServed(stream)
        self.server = Server(self.served, Config(port=0, **settings), say=self.said.append)
        self.server.start()
        self.url = self.server.url
        self.access = self.server.access

    @property
    def bearer(self) -> dict[str, str]:
        """The header with the token."""
        assert self.access.gate is not None
        return {"Authorization": f"Bearer {self.access.gate.token}"}

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
    ) -> Answer:
        """One request over a connection of its own, exactly as given; the path is not looked at."""
        place = urlsplit(self.url)
        connection: HTTPConnection
        if place.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = HTTPSConnection(place.hostname or "", place.port, timeout=90, context=context)
        else:
            connection = HTTPConnection(place.hostname or "", place.port, timeout=90)
        given = dict(headers or {})
        try:
            connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
            data = body.encode() if isinstance(body, str) else body
            if data is not None:
                given.setdefault("Content-Length", str(len(data)))
            for name, value in given.items():
                connection.putheader(name, value)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
                connection.endheaders(data)
            response = connection.getresponse()
            if response.headers.get_content_type() == "text/event-stream":
                return Answer(response.status, response.headers, response.read(1))
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON at a path."""
        return json.loads(self.ask("GET", path, headers).body)

    def on_loop(self, call: Callable[[], Any]) -> Any:
        """The result of a call made on the server's loop."""
        import asyncio

        async def run() -> Any:
            return call()

        loop = self.server._loop
        assert loop is not None
        return asyncio.run_coroutine_threadsafe(run(), loop).result(10)


@contextmanager
def site(*, pictures: bool = False, **settings: Any) -> Iterator[Site]:
    """A site that is stopped at the end; its stream gives pictures only where they are wanted."""
    stream = ProducerStream(size_wh=(320, 240))
    if pictures:
        stream.start()
    made: Site | None = None
    try:
        made = Site(stream, **settings)
        yield made
    finally:
        if made is not None:
            assert made.server.stop()
        if pictures:
            stream.stop()
