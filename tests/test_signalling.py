"""WHIP and WHEP as the standards have them, and what happens at each limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiortc import RTCSessionDescription, VideoStreamTrack

from tests.site import Site, site
from tests.webrtc_client import SDP, Watcher, connection, offer_to_watch, until, watcher


def offer() -> str:
    async def main() -> str:
        pc = connection()
        try:
            return await offer_to_watch(pc)
        finally:
            await pc.close()

    return asyncio.run(main())


@pytest.fixture(scope="module")
def an_offer() -> str:
    return offer()


def status(made: Site) -> Any:
    return made.json("/api/status")


async def settled(made: Site, condition: Callable[[Any], bool], timeout_s: float = 40.0) -> None:
    """Waits until the server's status is as wanted."""

    async def poll() -> None:
        while not condition(await asyncio.to_thread(status, made)):
            await asyncio.sleep(0.1)

    await asyncio.wait_for(poll(), timeout_s)


# --- the standards ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/whep", "/whip"])
def test_an_endpoint_tells_what_it_takes(path: str) -> None:
    with site() as made:
        options = made.ask("OPTIONS", path)
        assert (options.status, options.headers["Accept-Post"]) == (200, "application/sdp")
        assert {each.strip() for each in options.headers["Allow"].split(",")} >= {"POST", "OPTIONS"}
        assert "Access-Control-Allow-Origin" not in options.headers
        get = made.ask("GET", path)
        assert (get.status, get.body) == (204, b"")
        assert made.ask("HEAD", path).headers["Content-Type"] == "application/sdp"
        put = made.ask("PUT", path)
        assert (put.status, "POST" in put.headers["Allow"]) == (405, True)


def test_a_session_has_a_place_an_entity_tag_and_an_end(an_offer: str) -> None:
    with site(ice_server="stun:stun.example.net, turn:turn.example.net?transport=udp ann secret") as made:
        answer = made.ask("POST", "/whep", SDP, an_offer)
        assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (201, "application/sdp")
        assert answer.headers["ETag"].startswith('"')
        links = answer.headers.get_all("Link") or []
        assert links == made.ask("OPTIONS", "/whep").headers.get_all("Link")
        assert links[0] == '<stun:stun.example.net>; rel="ice-server"'
        assert 'username="ann"; credential="secret"' in links[1]
        location = answer.headers["Location"]
        assert len(location.removeprefix("/whep/")) >= 24
        assert made.ask("OPTIONS", location).headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
        assert made.ask("GET", location).status == 204
        assert made.ask("HEAD", location).status == 200
        assert made.ask("PUT", location).status == 405
        assert made.ask("DELETE", location.replace("/whep/", "/whip/")).status == 404
        assert made.ask("DELETE", location, {"If-Match": '"other"'}).status == 200
        for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH"):
            assert made.ask(method, location).status == 404, method
        assert "a=sendonly" in answer.text
        assert "a=candidate" in answer.text
        assert "a=max-message-size:1024" not in answer.text  # no data channel was offered


def test_two_sessions_share_neither_name_nor_tag(an_offer: str) -> None:
    with site() as made:
        first, second = (made.ask("POST", "/whep", SDP, an_offer).headers for _ in range(2))
        assert first["Location"] != second["Location"]
        assert first["ETag"] != second["ETag"]


def test_an_offer_that_cannot_be_served_is_told_apart_from_nonsense(an_offer: str) -> None:
    with site() as made:
        assert made.ask("POST", "/whep", SDP, "nonsense").status == 400
        assert made.ask("POST", "/whep", SDP, an_offer.replace("a=recvonly", "a=sendonly")).status == 422
        assert made.ask("POST", "/whip", SDP, an_offer).status == 422
        assert made.ask("POST", "/whep", {**SDP, "Accept": "text/html"}, an_offer).status == 406
        assert made.ask("POST", "/whep", {**SDP, "Accept": "application/sdp;q=0.5"}, an_offer).status == 201
        unsupported = made.ask("POST", "/whep", {"Content-Type": "application/json"}, "{}")
        assert (unsupported.status, unsupported.headers["Accept-Post"]) == (415, "application/sdp")
        many = an_offer + "a=candidate:1 1 udp 1 192.168.1.7 5000 typ host\r\n" * 101
        assert made.ask("POST", "/whep", SDP, many).status == 413


def test_before_the_first_picture_a_viewer_is_told_to_come_again(an_offer: str) -> None:
    with site() as made:
        made.served.is_ready = False
        answer = made.ask("POST", "/whep", SDP, an_offer)
        assert (answer.status, answer.headers["Retry-After"]) == (409, "1")
        made.served.is_ready = True
        assert made.ask("POST", "/whep", SDP, an_offer).status == 201


# --- limits -------------------------------------------------------------------------------------------


def test_offers_are_so_many_a_minute_and_who_watches_goes_on(an_offer: str) -> None:
    with site(pictures=True, offers_per_minute=3) as made:

        async def main() -> None:
            async with watcher(made.url) as viewer:
                await viewer.frames(3)
                for _ in range(2):
                    assert (await asyncio.to_thread(made.ask, "POST", "/whep", SDP, "nonsense")).status == 400
                for path in ("/whep", "/whip"):
                    answer = await asyncio.to_thread(made.ask, "POST", path, SDP, an_offer)
                    assert answer.status == 429
                    assert 0 < int(answer.headers["Retry-After"]) <= 20
                await viewer.frames(10)

        asyncio.run(main())
        assert made.access.refused == {"rate": 2}


def test_event_readers_are_so_many_and_those_who_read_go_on() -> None:
    with site(pictures=True, event_clients=1) as made:

        async def main() -> None:
            async with aiohttp.ClientSession() as http, http.get(made.url + "/events") as reader:
                await reader.content.readline()
                answer = await asyncio.to_thread(made.ask, "GET", "/events")
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
                while not (await asyncio.wait_for(reader.content.readline(), 10)).startswith(b"data:"):
                    pass

        asyncio.run(main())


def beside_another(made: Site, misuse: Callable[[Watcher], Awaitable[object]], reason: str) -> None:
    """One viewer misuses its channel and is ended for `reason`; another one sees and hears on."""

    async def main() -> None:
        async with watcher(made.url) as good, watcher(made.url) as bad:
            await good.frames(3)
            await until(lambda: bad.channel.readyState == "open", 20)
            await misuse(bad)
            await settled(made, lambda found: found["viewers"]["ended"] == {reason: 1})
            await good.frames(5)
            heard = len(good.results)
            await until(lambda: len(good.results) > heard)

    asyncio.run(main())


def test_a_message_that_is_too_large_ends_its_sender_alone() -> None:
    async def misuse(viewer: Watcher) -> None:
        assert viewer.pc.sctp is not None
        assert "a=max-message-size:64" in viewer.pc.remoteDescription.sdp
        viewer.channel.send("x" * 64)
        viewer.pc.sctp._remote_max_message_size = 0  # a client that does not keep to it
        viewer.channel.send("x" * 65)

    with site(pictures=True, message_bytes=64) as made:
        beside_another(made, misuse, "data channel: a message of more than 64 bytes")


def test_channels_without_end_end_their_opener_alone() -> None:
    async def misuse(viewer: Watcher) -> None:
        for number in range(5):
            viewer.pc.createDataChannel(str(number))

    with site(pictures=True) as made:
        beside_another(made, misuse, "data channels: more than 4")


def test_a_message_without_end_ends_its_sender_alone() -> None:
    async def misuse(viewer: Watcher) -> None:
        from aiortc.rtcsctptransport import DataChunk

        sctp = viewer.pc.sctp
        assert sctp is not None
        for number in range(1, 30):  # fragments from the middle of a message, unordered
            chunk = DataChunk(flags=0x04)
            chunk.tsn = (sctp._local_tsn + number) % 2**32
            chunk.stream_id, chunk.stream_seq, chunk.protocol = 1, 0, 51
            chunk.user_data = bytes(1000)
            await sctp._send_chunk(chunk)

    with site(pictures=True) as made:
        beside_another(made, misuse, "data channel: unfinished messages")


async def send(made: Site, http: aiohttp.ClientSession) -> tuple[int, Any]:
    pc = connection()
    pc.addTransceiver(VideoStreamTrack(), direction="sendonly")
    await pc.setLocalDescription(await pc.createOffer())
    async with http.post(made.url + "/whip", data=pc.localDescription.sdp, headers=SDP) as response:
        text = await response.text()
        if response.status == 201:
            await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
        else:
            await pc.close()
        return response.status, pc


def test_a_sender_whose_pictures_are_too_large_is_ended_and_none_of_them_used() -> None:
    with site(pictures=True, sender_pixels=640 * 480 - 1) as made:
        made.stream.set_source("browser")

        async def main() -> None:
            async with aiohttp.ClientSession() as http, watcher(made.url) as viewer:
                code, pc = await send(made, http)
                assert code == 201
                await until(lambda: pc.connectionState == "closed", 60)
                assert made.stream.pushed.put_count == 0
                await viewer.frames(5)
                await pc.close()

        asyncio.run(main())
        ended = made.on_loop(lambda: context(made).senders.ended)
        assert ended == {"picture: expected at most 307199 pixels, got 640x480": 1}


def context(made: Site) -> Any:
    from realtime.serving.context import CONTEXT

    assert made.server._runner is not None
    return made.server._runner.app[CONTEXT]


def test_the_place_of_a_sender_is_counted() -> None:
    with site(senders=1) as made:
        made.stream.set_source("browser")
        assert made.on_loop(lambda: context(made).senders.reserve("main"))

        async def main() -> None:
            async with aiohttp.ClientSession() as http:
                assert (await send(made, http))[0] == 503
                made.on_loop(lambda: context(made).senders.release("main"))
                code, pc = await send(made, http)
                assert code == 201
                await pc.close()

        asyncio.run(main())


@pytest.mark.parametrize(
    ("settings", "most_s"), [({"connect_seconds": 1.0}, 13), ({"silence_seconds": 1.0}, 13)]
)
def test_who_does_not_connect_or_falls_silent_is_gone_when_the_settings_say(
    an_offer: str, settings: dict[str, float], most_s: float
) -> None:
    with site(pictures=True, **settings) as made:

        async def main() -> None:
            if "connect_seconds" in settings:
                answer = await asyncio.to_thread(made.ask, "POST", "/whep", SDP, an_offer)
                assert answer.status == 201
                await settled(made, lambda found: found["viewers"]["ended"] == {"silent": 1}, most_s)
                return
            async with watcher(made.url) as viewer:
                await viewer.frames(5)
                ice = viewer.pc.getReceivers()[0].transport.transport._connection
                for protocol in ice._protocols:
                    protocol.transport.abort()
                await settled(made, lambda found: found["viewers"]["ended"] == {"silent": 1}, most_s)

        asyncio.run(main())
