from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from realtime.serving.lookup import Resolver
from tests.site import site


def test_addresses_and_errors_come_back() -> None:
    async def main() -> None:
        found = await Resolver().resolve("127.0.0.1", 80)
        assert [(each["host"], each["port"], each["family"]) for each in found] == [
            ("127.0.0.1", 80, socket.AF_INET)
        ]
        with pytest.raises(OSError):  # noqa: PT011  (its text is the system's)
            await Resolver().resolve("no-such-host.invalid", 80)

    asyncio.run(main())


def test_a_name_server_that_does_not_answer_keeps_nobody_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, answer = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def look(host: str, *rest: object, **more: object) -> object:
        if host != "media.example":
            return real(host, *rest, **more)  # type: ignore[arg-type]
        asked.set()
        answer.wait(60)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", look)
    with site(publish="https://media.example/whip"):
        assert asked.wait(10)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5, "the stop waited for the name server"
    answer.set()
