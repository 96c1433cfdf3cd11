"""Candidates by PATCH: what fragments say, what a session answers, and that connections come of it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import av
import pytest
from aiortc import RTCSessionDescription

from realtime.config import Config
from realtime.serving.app import Server
from realtime.serving.trickle import matches, read_fragment
from tests.picture_producer import ProducerServed, ProducerStream
from tests.webrtc_client import SDP, connection, offer_to_watch, until

CANDIDATE = "a=candidate:1 1 udp 2122260223 192.168.1.7 61764 typ host"
FRAGMENT = "application/trickle-ice-sdpfrag"


def test_a_fragment_is_read() -> None:
    found = read_fragment(
        "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
        f"{CANDIDATE} ufrag EsAw\r\na=candidate:2 1 tcp 1 192.168.1.7 9 typ host\r\na=end-of-candidates\r\n"
    )
    assert (found.ufrag, found.pwd, found.count) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1", 2)
    assert [(each.sdpMid, each.ip, each.port) for each in found.candidates] == [("0", "192.168.1.7", 61764)]


def test_one_without_sections_is_fine() -> None:
    assert read_fragment(CANDIDATE).candidates[0].sdpMid is None
    assert read_fragment("").count == 0


@pytest.mark.parametrize(
    "text", ["hello", "a=candidate:1 1", "a=ice-ufrag:a\na=ice-ufrag:b", "a=ice-pwd:a\na=ice-pwd:b", "\x00"]
)
def test_what_is_no_fragment_is_one_clear_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected") as caught:
        read_fragment(text)
    assert "\n" not in str(caught.value)


def test_entity_tags_are_compared_strongly() -> None:
    assert matches('"a"', '"a"')
    assert matches('"b", "a"', '"a"')
    assert matches("*", '"a"')
    for given in ('W/"a"', '"b"', "a", '"a', ""):
        assert not matches(given, '"a"'), given


class Session:
    """A WHEP session whose offer and answer went without any candidate."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http, self.url, self.pc = http, url, connection()
        self.location = self.etag = self.fragment = ""
        self.answer: Any = None

    async def open(self) -> None:
        offer = await offer_to_watch(self.pc)
        without = [line for line in offer.splitlines() if not line.startswith(("a=candidate", "a=end-of"))]
        credentials = [line for line in without if line.startswith(("a=ice-ufrag", "a=ice-pwd"))]
        candidates = [line for line in offer.splitlines() if line.startswith("a=candidate")]
        assert candidates
        self.fragment = "\r\n".join([*credentials, "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *candidates])
        async with self.http.post(self.url + "/whep", data="\r\n".join(without), headers=SDP) as response:
            assert response.status == 201, await response.text()
            assert response.headers["Accept-Patch"] == FRAGMENT
            self.location, self.etag = response.headers["Location"], response.headers["ETag"]
            answer = await response.text()
        # so that only the server can begin
        kept = [line for line in answer.splitlines() if not line.startswith(("a=candidate", "a=end-of"))]
        assert len(kept) < len(answer.splitlines())
        self.answer = RTCSessionDescription("\r\n".join(kept) + "\r\n", "answer")

    async def patch(self, data: str, content_type: str = FRAGMENT, **headers: str) -> tuple[int, Any]:
        headers = {"Content-Type": content_type, **{k.replace("_", "-"): v for k, v in headers.items()}}
        async with self.http.patch(self.url + self.location, data=data, headers=headers) as response:
            await response.read()
            return response.status, response.headers


def with_session(use: Any, **settings: Any) -> None:
    stream = ProducerStream(size_wh=(320, 240)).start()
    server = Server(ProducerServed(stream), Config(port=0, **settings))
    server.start()

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            session = Session(http, server.url)
            try:
                await session.open()
                await use(session)
            finally:
                await session.pc.close()

    try:
        asyncio.run(main())
    finally:
        assert server.stop()
        stream.stop()


def test_a_client_whose_candidates_come_by_patch_alone_is_reached() -> None:
    async def use(session: Session) -> None:
        await session.pc.setRemoteDescription(session.answer)
        assert session.pc.iceConnectionState in ("new", "checking")
        status, headers = await session.patch(session.fragment, If_Match=session.etag)
        assert status == 204
        assert "ETag" not in headers
        await until(lambda: session.pc.connectionState == "connected", 20)
        track = session.pc.getReceivers()[0].track
        frame = await asyncio.wait_for(track.recv(), 20)
        assert isinstance(frame, av.VideoFrame)
        assert frame.width == 320

    with_session(use)


def test_the_preconditions_and_refusals_of_the_standard() -> None:
    async def use(session: Session) -> None:
        fragment, etag = session.fragment, session.etag
        assert (await session.patch(fragment))[0] == 428
        assert (await session.patch(fragment, If_Match='"other"'))[0] == 412
        assert (await session.patch(fragment, If_Match=f"W/{etag}"))[0] == 412
        status, headers = await session.patch(fragment, "application/sdp", If_Match=etag)
        assert (status, headers["Accept-Patch"]) == (415, FRAGMENT)
        assert (await session.patch("hello", If_Match=etag))[0] == 400
        # an ICE restart has other credentials; the session is kept
        restart = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"
        assert (await session.patch(restart, If_Match="*"))[0] == 422
        assert (await session.patch(restart, If_Match=etag))[0] == 422
        assert (await session.patch(fragment, If_Match="*"))[0] == 204
        assert (await session.patch("a=mid:none\r\n" + CANDIDATE, If_Match=etag))[0] == 204
        async with session.http.delete(
            session.url + session.location, headers={"If-Match": '"other"'}
        ) as response:
            assert response.status == 200  # an entity tag has to be ignored here
        assert (await session.patch(fragment, If_Match=etag))[0] == 404

    with_session(use)


def test_the_number_of_candidates_is_bounded_over_the_whole_session() -> None:
    async def use(session: Session) -> None:
        def lines(first: int, count: int) -> str:
            return "\r\n".join(CANDIDATE.replace("61764", str(port)) for port in range(first, first + count))

        assert (await session.patch(lines(50000, 4), If_Match=session.etag))[0] == 204
        assert (await session.patch(lines(50100, 2), If_Match=session.etag))[0] == 413
        assert (await session.patch(lines(50100, 1), If_Match=session.etag))[0] == 204
        assert (await session.patch(lines(50200, 1), If_Match=session.etag))[0] == 413
        async with session.http.head(session.url + session.location) as response:
            assert response.status == 200

    with_session(use, candidates=5)
