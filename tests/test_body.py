"""Bodies that no handler should have to look at."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.site import Site, site

JSON = {"Content-Type": "application/json"}
SPEED = "/api/source"


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    with site(body_bytes=2048, sdp_bytes=4096, body_seconds=0.5) as made:
        yield made


def test_a_body_may_be_as_large_as_the_settings_say(served: Site) -> None:
    fits = b'{"source": "demo"}'.ljust(2048)
    assert served.ask("POST", SPEED, JSON, fits).status == 200
    answer = served.ask("POST", SPEED, JSON, fits + b" ")
    assert (answer.status, answer.text) == (413, "body: expected at most 2048 bytes of application/json\n")
    sdp = {"Content-Type": "application/sdp"}
    assert served.ask("POST", "/whep", sdp, b"v=0\r\n".ljust(4096)).status == 422
    assert served.ask("POST", "/whep", sdp, b"v=0\r\n".ljust(4097)).status == 413


def raw(served: Site, *parts: bytes) -> bytes:
    """What comes back for bytes on the wire, up to the connection's end."""
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port or 0), timeout=10) as wire:
        for part in parts:
            wire.sendall(part)
        found = b""
        while data := wire.recv(65536):
            found += data
        return found


def head(served: Site, *lines: str) -> bytes:
    host = served.url.removeprefix("http://")
    start = [f"POST {SPEED} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", "Connection: close"]
    return "\r\n".join([*start, *lines, "", ""]).encode()


def test_a_body_of_unknown_length_is_bounded_too(served: Site) -> None:
    chunk = b"400\r\n" + b" " * 0x400 + b"\r\n"
    assert b" 413 " in raw(served, head(served, "Transfer-Encoding: chunked"), chunk * 3, b"0\r\n\r\n")


def test_a_body_that_does_not_come_is_not_waited_for(served: Site) -> None:
    answer = raw(served, head(served, "Content-Length: 100"), b'{"source"')
    assert b" 408 " in answer
    assert b"body: expected it within 0.5 s" in answer


def test_a_compressed_body_is_refused(served: Site) -> None:
    bomb = gzip.compress(bytes(1000))
    assert served.ask("POST", SPEED, {**JSON, "Content-Encoding": "gzip"}, bomb).status in (400, 415)
    assert served.ask("POST", SPEED, {**JSON, "Content-Encoding": "gzip"}, b"no gzip").status in (400, 415)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        (b"\xff\xfe", "application/json", 400, "expected UTF-8 text"),
        (b"[" * 2000, "application/json", 400, "expected"),
        (b"{}", "application/json; charset=utf-16", 415, "expected UTF-8"),
        (b"{}", "application/json; charset=no-such", 415, "expected UTF-8"),
        (b'{"source": "demo"}', "application/json; charset=UTF-8", 200, "demo"),
    ],
)
def test_text_is_utf8_and_not_too_deep(
    served: Site, body: bytes, content_type: str, status: int, words: str
) -> None:
    answer = served.ask("POST", SPEED, {"Content-Type": content_type}, body)
    assert answer.status == status
    assert words in answer.text


def test_a_number_of_thousands_of_digits_is_no_speed(served: Site) -> None:
    class Driver:
        def set_speed(self, t_ns: int, kmh: float) -> None:
            raise AssertionError("not a speed")

    served.stream.driver = Driver()  # type: ignore[assignment]
    for number in ("1" * 400, "1e999", "NaN", "-1" + "0" * 1000):
        answer = served.ask("POST", "/api/driver/speed", JSON, f'{{"kmh": {number}}}')
        assert (answer.status, answer.text[:5]) == (400, "body:"), number
    served.stream.driver = None


def test_a_connection_without_a_request_ends() -> None:
    with site(idle_seconds=1.0) as made:
        place = urlsplit(made.url)
        with socket.create_connection((place.hostname, place.port or 0), timeout=10) as wire:
            assert wire.recv(1) == b""
        with socket.create_connection((place.hostname, place.port or 0), timeout=10) as wire:
            wire.sendall(b"GET / HTTP/1.1\r\nHost:")
            assert wire.recv(1) == b""
