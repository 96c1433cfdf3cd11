"""The HTTP side of publishing, against servers that answer in every way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from realtime.serving.publish_target import Target
from realtime.serving.tls import self_signed
from realtime.serving.whip_client import (
    MAX_ANSWER_BYTES,
    IceServer,
    WhipClient,
    WhipError,
    read_links,
    read_wish,
)

Handler = Callable[[web.Request], Awaitable[web.Response]]
ANSWER = "v=0\r\n"


class Endpoint:
    """A server with one answer, which keeps what it was asked."""

    def __init__(self, handler: Handler) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self._handler = handler

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs, request.headers.get("Authorization")))
        await request.read()
        return await self._handler(request)


@asynccontextmanager
async def endpoint(handler: Handler, tls: Any = None) -> AsyncIterator[tuple[Endpoint, str]]:
    """A server on loopback and its address."""
    made = Endpoint(handler)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield made, f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def answering(status: int, body: str = ANSWER, **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answer


@asynccontextmanager
async def client(url: str, timeout_s: float = 5.0) -> AsyncIterator[WhipClient]:
    async with aiohttp.ClientSession() as session:
        yield WhipClient(Target(url, "hidden-token"), session, timeout_s)


def refused(url: str, timeout_s: float = 5.0) -> WhipError:
    async def ask() -> WhipError:
        async with client(url, timeout_s) as made:
            with pytest.raises(WhipError) as caught:
                await made.offer("v=0")
            return caught.value

    error = asyncio.run(ask())
    assert "hidden" not in str(error)
    return error


def refused_by(handler: Handler, timeout_s: float = 5.0, tls: Any = None) -> WhipError:
    async def ask() -> WhipError:
        async with endpoint(handler, tls) as (_, url), client(url + "/hidden", timeout_s) as made:
            with pytest.raises(WhipError) as caught:
                await made.offer("v=0")
            return caught.value

    error = asyncio.run(ask())
    assert "hidden" not in str(error)
    return error


def test_an_offer_brings_answer_session_and_ice_servers() -> None:
    link = '<turn:t.example?transport=udp>; rel="ice-server"; username="u"; credential="p"'

    async def main() -> None:
        handler = answering(201, Location="../session/1?x=2", Link=link)
        async with endpoint(handler) as (asked, url), client(url + "/cam/whip?key=1") as made:
            answer = await made.offer("v=0")
            assert answer.sdp == ANSWER
            assert answer.session == url + "/session/1?x=2"
            assert answer.ice_servers == (IceServer("turn:t.example?transport=udp", "u", "p"),)
            await made.end(answer.session)
            assert asked.asked == [
                ("POST", "/cam/whip?key=1", "Bearer hidden-token"),
                ("DELETE", "/session/1?x=2", "Bearer hidden-token"),
            ]

    asyncio.run(main())


@pytest.mark.parametrize("status", [307, 308])
def test_redirects_are_followed_with_body_and_token(status: int) -> None:
    async def main() -> None:
        bodies: list[str] = []

        async def take(request: web.Request) -> web.Response:
            bodies.append(await request.text())
            return web.Response(status=201, text=ANSWER, headers={"Location": "session"})

        async with endpoint(take) as (last, last_url):
            moved = answering(status, Location=last_url + "/b/whip")
            async with endpoint(moved) as (_, url), client(url + "/a/whip") as made:
                answer = await made.offer("v=0 offer")
                assert answer.session == last_url + "/b/session", "relative to where the answer came from"
                assert bodies == ["v=0 offer"]
                assert last.asked[0][2] == "Bearer hidden-token"

    asyncio.run(main())


def test_redirects_that_lead_out_of_tls_or_nowhere_are_not() -> None:
    assert "redirect: expected https://" in str(
        refused_by(answering(307, Location="http://192.0.2.1/hidden"))
    )
    assert "got 302" in str(refused_by(answering(302, Location="/elsewhere")))
    assert "at most 5 redirects" in str(refused_by(answering(307, Location="/again")))


def test_a_session_in_the_clear_is_not_taken() -> None:
    assert "session's Location" in str(refused_by(answering(201, Location="http://192.0.2.1/hidden")))


@pytest.mark.parametrize(("status", "wish", "wait_s"), [(401, "", 0), (503, "7", 7), (409, "99999", 300)])
def test_a_refusal_tells_its_status_and_wish(status: int, wish: str, wait_s: float) -> None:
    error = refused_by(answering(status, "a page with the hidden token", Retry_After=wish))
    assert (error.status, error.wait_s) == (status, wait_s)


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    assert "at most 65536 bytes" in str(refused_by(answering(201, "x" * (MAX_ANSWER_BYTES + 1))))


def test_silence_ends_in_time() -> None:
    async def wait(_request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    assert str(refused_by(wait, timeout_s=0.2)) == "no answer in time"


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "cannot connect" in str(refused(f"http://127.0.0.1:{taken.getsockname()[1]}/hidden"))


def test_a_certificate_that_nobody_signed_is_refused() -> None:
    tls = self_signed(["127.0.0.1"]).context
    assert "certificate refused" in str(refused_by(answering(201), tls=tls))


@pytest.mark.parametrize(("status", "found"), [(204, (IceServer("stun:s.example"),)), (405, ())])
def test_options_name_ice_servers_and_may_be_unknown(status: int, found: tuple[IceServer, ...]) -> None:
    async def main() -> None:
        handler = answering(status, "", Link='<stun:s.example>; rel="ice-server"')
        async with endpoint(handler) as (_, url), client(url) as made:
            assert await made.ice_servers() == found

    asyncio.run(main())


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_a_session_that_is_gone_needs_no_end(status: int) -> None:
    async def main() -> None:
        async with endpoint(answering(status, "")) as (_, url), client(url) as made:
            await made.end(url + "/session")

    asyncio.run(main())


def test_links_that_are_no_ice_servers_are_passed_over() -> None:
    headers = [
        '<stun:a:3478>; rel="ice-server", <turns:b?transport=tcp>; rel=ice-server; username=u; credential=p',
        '<https://a/>; rel="ice-server"',
        '<stun:c>; rel="next"',
        '<turn:d>; rel="ice-server"; credential-type="oauth"',
        "nonsense",
    ]
    assert read_links(headers) == (IceServer("stun:a:3478"), IceServer("turns:b?transport=tcp", "u", "p"))


@pytest.mark.parametrize(
    ("text", "wait_s"), [("", 0), ("3", 3), ("soon", 0), ("-1", 0), ("1e9", 0), ("\u0663", 0)]
)
def test_wishes(text: str, wait_s: float) -> None:
    assert read_wish(text) == wait_s
