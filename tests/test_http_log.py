"""What is logged of a stranger's nonsense: one line at most."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from urllib.parse import urlsplit

import pytest
from aiortc import RTCSessionDescription

from realtime.serving import aiortc_internals, http_log
from tests.descriptions import BROADCASTER_SENDS
from tests.site import site
from tests.webrtc_client import connection


def test_a_request_that_is_no_http_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with site() as made:
        place = urlsplit(made.url)
        with socket.create_connection((place.hostname, place.port or 0), timeout=10) as wire:
            wire.sendall(b"BREW /\xff HTTP/1.1\r\n\r\n")
            assert b" 400 " in wire.recv(1000)
    assert [record for record in caplog.records if record.exc_info] == []


def test_what_breaks_inside_a_connection_is_one_line_and_our_own_bugs_keep_their_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ours() -> None:
        raise RuntimeError("ours")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(http_log.on_loop_error)
        pc = connection()
        await aiortc_internals.close(pc)
        loop = asyncio.get_running_loop()
        theirs = loop.create_task(pc._RTCPeerConnection__connect())  # type: ignore[attr-defined]
        await asyncio.wait([theirs])
        assert aiortc_internals.is_connection_task(theirs)
        http_log.on_loop_error(loop, {"message": "x", "exception": ValueError("a\nb"), "future": theirs})
        task = loop.create_task(ours())
        await asyncio.wait([task])
        assert not aiortc_internals.is_connection_task(task)
        del task
        gc.collect()

    asyncio.run(main())
    lines = [record for record in caplog.records if record.name == http_log.log.name]
    assert [(each.levelname, each.getMessage()) for each in lines] == [
        ("WARNING", "a connection failed: ValueError: a b")
    ]
    assert [each.levelno for each in caplog.records if each.exc_info] == [logging.ERROR]


def test_a_connection_that_is_half_made_is_closed_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        pc = connection()
        text = BROADCASTER_SENDS.replace("BUNDLE 0 1", "BUNDLE 7 0 1")
        await pc.setRemoteDescription(RTCSessionDescription(text, "offer"))
        before = len(asyncio.all_tasks())
        await aiortc_internals.close(pc)
        assert len(asyncio.all_tasks()) <= before

    asyncio.run(main())
    assert [record.levelname for record in caplog.records if record.name.startswith("realtime")] == [
        "WARNING"
    ]


def test_what_a_peer_sent_and_could_not_be_read_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    text = "RTCDtlsTransport(client) Traceback (most recent call last):\n  File x\nUnicodeDecodeError: bad"
    logging.getLogger("aiortc.rtcdtlstransport").warning(text)
    assert caplog.messages == ["a connection failed: UnicodeDecodeError: bad"]
