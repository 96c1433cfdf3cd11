"""Odd input from outside: never a 500, a traceback, a hang or a leak. Few by default, many by night."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st

from realtime.clock import now_ns
from realtime.config import Config
from realtime.consent import CameraGate, Consent
from realtime.inference.engine import Engine
from realtime.persons import Persons
from realtime.serving import aiortc_internals as internals
from realtime.serving.offer import read_offer
from realtime.serving.trickle import read_fragment
from realtime.serving.viewer import new_connection
from realtime.session.library import Library
from realtime.session.recorder import Recorder
from realtime.view import ViewControl
from tests.descriptions import BROADCASTER_SENDS, CHROMIUM_SENDS, CHROMIUM_WATCHES, FRAGMENT
from tests.fuzzing import ODD, Within, mutated, nothing_left, quietly
from tests.site import Site, site
from tests.small_models import small
from tests.webrtc_client import Watcher, until, watcher

OFFERS = (CHROMIUM_WATCHES, CHROMIUM_SENDS, BROADCASTER_SENDS)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
PATHS = ("/", "/whep", "/whip", "/whep/x", "/events", "/api/status", "/api/source", "/enter", "/openapi.json",
         "/web/app.js", "/web/../../pyproject.toml", "/web/%2e%2e/%2e%2e/pyproject.toml", "/web/%00",
         "/api/status?stream=%ff", "//", "*", "/\x7f")  # fmt: skip


def counts(few: int, many: int) -> pytest.MarkDecorator:
    """Runs a test with few inputs by default, and with many in the nightly set."""
    day, night = pytest.mark.timeout(400), [pytest.mark.nightly, pytest.mark.timeout(7200)]
    return pytest.mark.parametrize("count", [pytest.param(few, marks=day), pytest.param(many, marks=night)])


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    limits: dict[str, Any] = {
        "offers_per_minute": 1e6,
        "tries_per_minute": 1000,
        "viewers": 1000,
        "senders": 1000,
    }
    with site(body_seconds=2.0, connect_seconds=2.0, **limits) as made:
        yield made


def one_line_or(work: Callable[[], object]) -> None:
    with Within(5.0):
        try:
            work()
        except ValueError as error:
            lines = str(error).count("\n")
        else:
            lines = 0
    assert lines == 0


@counts(100, 3000)
def test_offers(count: int) -> None:
    @quietly(count)
    @given(mutated(OFFERS), st.sampled_from(("watch", "send")))
    def check(text: str, role: Any) -> None:
        one_line_or(lambda: read_offer(text, role))

    check()


@counts(60, 1500)
def test_fragments(count: int) -> None:
    @quietly(count)
    @given(mutated((FRAGMENT,)))
    def check(text: str) -> None:
        one_line_or(lambda: read_fragment(text))

    check()


@counts(40, 1500)
def test_offers_to_the_server(served: Site, count: int) -> None:
    with nothing_left(served):
        served.stream.set_source("browser")

        @quietly(count)
        @given(mutated(OFFERS), st.sampled_from(("/whep", "/whip")))
        def check(text: str, path: str) -> None:
            body = text.encode("utf-8", "surrogatepass")
            answer = served.ask("POST", path, {"Content-Type": "application/sdp"}, body)
            assert answer.status in (201, 400, 409, 413, 422), answer
            if answer.status == 201:
                # on a machine that stands still, a session may have ended for want of a connection
                assert served.ask("DELETE", answer.headers["Location"]).status in (200, 404)
            else:
                assert answer.text.count("\n") == 1

        check()
        served.stream.set_source("demo")


@counts(40, 1000)
def test_fragments_to_the_server(served: Site, count: int) -> None:
    with nothing_left(served):
        opened = served.ask("POST", "/whep", {"Content-Type": "application/sdp"}, CHROMIUM_WATCHES)
        place, tag = opened.headers["Location"], opened.headers["ETag"]
        credentials = [line for line in CHROMIUM_WATCHES.splitlines() if line.startswith("a=ice-")][:2]
        fragment = "\r\n".join([*credentials, *FRAGMENT.splitlines()[2:]])

        @quietly(count)
        @given(
            mutated((fragment, FRAGMENT)),
            st.sampled_from((tag, "*", 'W/"x"', '"x", ' + tag)) | st.text('"*,W/ ax', max_size=9),
        )
        def check(text: str, if_match: str) -> None:
            headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": if_match}
            answer = served.ask("PATCH", place, headers, text.encode("utf-8", "surrogatepass"))
            # the session ends when its client has not connected for a while, as it should
            assert answer.status in (204, 400, 404, 412, 413, 422, 428, 429), answer

        check()


@counts(100, 3000)
def test_headers_and_paths(served: Site, count: int) -> None:
    place = urlsplit(served.url)
    values = st.sampled_from([*ODD, place.netloc, served.url, "text/html", "Bearer x"]) | st.text(max_size=20)
    names = st.sampled_from(
        ("Host", "Origin", "Cookie", "Authorization", "Content-Type", "Content-Length", "Transfer-Encoding",
         "Content-Encoding", "If-Match", "Accept", "Range", "Expect", "Upgrade", "Connection",
         "Sec-Fetch-Site", "X-Odd")
    )  # fmt: skip

    @quietly(count)
    @given(
        st.sampled_from(METHODS), st.sampled_from(PATHS) | st.text(max_size=20).map("/".__add__),
        st.lists(st.tuples(names, values), max_size=4), st.binary(max_size=50), st.booleans(),
    )  # fmt: skip
    def check(method: str, path: str, headers: list[tuple[str, str]], body: bytes, own_host: bool) -> None:
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"Host: {place.netloc}"] if own_host else []
        lines += [f"{name}: {value}" for name, value in headers]
        lines += ["Connection: close", "", ""]
        wire = "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
        answer = first_line(place.hostname or "", place.port or 0, wire)
        assert answer == b"" or 100 <= int(answer.split()[1]) < 500, answer

    with nothing_left(served):
        check()


def first_line(host: str, port: int, data: bytes) -> bytes:
    """The status line of what comes back, b"" where the server only hangs up."""
    with socket.create_connection((host, port), timeout=90) as wire:
        try:
            wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)
            return wire.makefile("rb").readline()
        except ConnectionError:
            return b""


@pytest.fixture
def complete(served: Site, tmp_path: Path) -> Iterator[Site]:
    """The site with a stream that has everything a real one has: switches, consent, recorder, persons."""
    stream: Any = served.stream
    stream.views = ViewControl()
    stream.consents = CameraGate(Consent(Config(source="0")), "0", lambda: None)
    stream.persons = Persons(Engine(small("ifdd-stream"), "cpu"), hz=8.0, span_s=1.0)
    stream.recorder = Recorder("main", stream.events, Library(tmp_path), stream.status, origin_ns=now_ns())
    yield served
    stream.recorder.stop()
    stream.persons.stop()
    for name in ("views", "consents", "persons", "recorder"):
        setattr(stream, name, None)


@counts(5, 60)
def test_every_described_operation(complete: Site, count: int) -> None:
    served = complete
    encoded = [
        mutated(texts).map(lambda text: text.encode("utf-8", "replace")) for texts in (OFFERS, (FRAGMENT,))
    ]
    schemathesis.openapi.media_type("application/sdp", encoded[0])
    schemathesis.openapi.media_type("application/trickle-ice-sdpfrag", encoded[1])
    schema = schemathesis.openapi.from_dict(served.json("/openapi.json"))
    schema.config.update(base_url=served.url)
    # the answer of /events does not end, and what sets the source back is a test's own business
    found: Any = schema.exclude(path="/events").get_all_operations()
    operations = [each.ok() for each in found]  # raises where one cannot be read
    assert len(operations) > 30
    checks = [
        schemathesis.checks.CHECKS.get_by_names([name])[0]
        for name in ("not_a_server_error", "status_code_conformance", "content_type_conformance")
    ]
    with nothing_left(served):
        for operation in operations:

            @quietly(count)
            @given(case=operation.as_strategy())
            def check(case: Any) -> None:
                response = case.call(timeout=90)
                case.validate_response(response, checks=checks)

            check()
        served.stream.recorder.stop()  # type: ignore[attr-defined]


def datagrams() -> st.SearchStrategy[bytes]:
    """STUN messages that are nearly right, and anything else."""
    attribute = st.tuples(
        st.sampled_from((0x0006, 0x0008, 0x0020, 0x0024, 0x0025, 0x8028, 0x8029, 0x802A, 0x0009, 0xFFFF)),
        st.binary(max_size=24),
    ).map(lambda each: struct.pack("!HH", each[0], len(each[1])) + each[1] + bytes(-len(each[1]) % 4))
    body = st.lists(attribute, max_size=4).map(b"".join)
    stun = st.tuples(st.sampled_from((0x0001, 0x0101, 0x0111, 0x0003, 0x3FFF)), body, st.integers(-4, 4)).map(
        lambda each: (
            struct.pack("!HHI", each[0], max(0, len(each[1]) + each[2]), 0x2112A442) + bytes(12) + each[1]
        )
    )
    return stun | st.binary(max_size=80)


@counts(100, 2000)
def test_datagrams(count: int) -> None:
    async def main() -> None:
        connection = new_connection()
        connection.addTransceiver("video", direction="recvonly")
        internals.bind_media(connection, ["127.0.0.1"])
        await connection.setLocalDescription(await connection.createOffer())
        (ice,) = internals.ice_connections(connection)
        (protocol,) = ice._protocols

        @quietly(count)
        @given(datagrams())
        def check(data: bytes) -> None:
            with Within(1.0):
                protocol.datagram_received(data, ("127.0.0.1", 9))

        check()
        await connection.close()

    asyncio.run(main())


@counts(60, 1000)
def test_data_channel_messages(count: int) -> None:
    message = st.tuples(
        st.sampled_from((50, 51, 53, 56, 57, 0, 2**32 - 1)), st.integers(0, 3), st.binary(max_size=60)
    )
    inputs: list[tuple[int, int, bytes]] = []

    @quietly(count)
    @given(message)
    def collect(each: tuple[int, int, bytes]) -> None:
        inputs.append(each)

    collect()
    with site(pictures=True) as made, nothing_left(made):

        async def send(viewer: Watcher, some: list[tuple[int, int, bytes]]) -> None:
            await until(lambda: viewer.channel.readyState == "open", 20)
            sctp: Any = viewer.pc.sctp
            for protocol, stream, data in some:
                if sctp.state != "connected":
                    return
                await sctp._send(stream, protocol, data, ordered=False)

        async def main() -> None:
            async with watcher(made.url) as good:
                await good.frames(3)
                for at in range(0, len(inputs), 60):
                    async with watcher(made.url) as odd:
                        await send(odd, inputs[at : at + 60])
                        # what the odd one sent may have ended it, and it alone
                        await good.frames(3)
                await good.frames(5)
                heard = len(good.results)
                await until(lambda: len(good.results) > heard)

        asyncio.run(main())
