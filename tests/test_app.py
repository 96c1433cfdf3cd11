"""The server as its clients see it: HTTP and WebRTC over loopback, real encoders, a real picture producer."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, RTCSessionDescription, VideoStreamTrack

from realtime.config import Config
from realtime.errors import ServeError
from realtime.serving import aiortc_internals
from realtime.serving.app import Server
from realtime.values import ImageU8
from tests.picture_producer import PATCH_RGB, PATCH_SIDE, PUSHED_RGB, ProducerServed, ProducerStream
from tests.webrtc_client import SDP, connection, offer_to_watch, until, watcher


class Running:
    """A server with one producer behind it."""

    def __init__(self, **settings: Any) -> None:
        self.stream = ProducerStream(size_wh=(320, 240)).start()
        self.served = ProducerServed(self.stream)
        self.server = Server(self.served, Config(port=0, **settings))
        self.server.start()
        self.url = self.server.url

    def stop(self) -> None:
        assert self.server.stop()
        self.stream.stop()


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.stop()


def request(
    url: str, method: str = "GET", data: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of one request."""
    asked = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(asked, timeout=10) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


def status_of(running: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request(running.url + "/api/status")[2])
    return found


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Polls a condition that no event tells of."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.02)


def patch_colour(image: ImageU8) -> Any:
    return image[-PATCH_SIDE + 20 : -20, 20 : PATCH_SIDE - 20].mean(axis=(0, 1))


# --- HTTP ---------------------------------------------------------------------------------------------


def test_the_page_and_its_files_come_with_the_security_headers(running: Running) -> None:
    status, headers, text = request(running.url + "/")
    assert status == 200
    assert "IFDD" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    status, headers, _ = request(running.url + "/web/app.js")
    assert status == 200
    assert "javascript" in headers["Content-Type"]
    assert "Content-Security-Policy" in headers


@pytest.mark.parametrize("path", ["/web/../app.py", "/web/%2e%2e/%2e%2e/pyproject.toml", "/web/", "/nothing"])
def test_nothing_outside_the_page_is_served(running: Running, path: str) -> None:
    assert request(running.url + path)[0] in (403, 404)


def test_health_says_what_broke(running: Running) -> None:
    assert request(running.url + "/healthz")[0] == 200
    running.served.problems.append("vision: RuntimeError: broke")
    status, _, text = request(running.url + "/healthz")
    assert status == 503
    report = json.loads(text)
    assert (report["ok"], report["state"]) == (False, "dead")
    assert report["problems"] == ["vision: RuntimeError: broke"]
    assert request(running.url + "/readyz")[0] == 503


def test_ready_follows_the_process(running: Running) -> None:
    assert request(running.url + "/readyz")[0] == 200
    running.served.is_ready = False
    status, _, text = request(running.url + "/readyz")
    assert status == 503
    assert json.loads(text)["problems"] == ["no picture has come through yet"]


def test_status_names_source_model_and_viewers(running: Running) -> None:
    status = status_of(running)
    assert status["source"]["source"] == "demo"
    assert status["model"]["trained"] is False
    assert status["viewers"]["now"] == 0
    assert status["encoders"] == []
    assert request(running.url + "/api/status?stream=other")[0] == 404


def post_source(running: Running, body: bytes, content_type: str = "application/json") -> tuple[int, str]:
    status, _, text = request(running.url + "/api/source", "POST", body, {"Content-Type": content_type})
    return status, text


def test_a_source_can_be_chosen(running: Running) -> None:
    sources = json.loads(request(running.url + "/api/sources")[2])["sources"]
    assert [each["source"] for each in sources] == ["demo", "browser"]
    assert post_source(running, b'{"source": "browser"}')[0] == 200
    assert running.stream.source == "browser"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        (b'{"source": "nowhere"}', "application/json", 409, "expected 'demo' or 'browser', got 'nowhere'"),
        (b"nonsense", "application/json", 400, 'expected {"source": text}'),
        (b"[]", "application/json", 400, 'expected {"source": text}'),
        (b'{"source": 7}', "application/json", 400, 'expected {"source": text}'),
        (b'{"source": ""}', "application/json", 400, "a source of 0 characters"),
        (b'{"source": "demo", "more": 1}', "application/json", 400, 'expected {"source": text}'),
        (b"source=demo", "application/x-www-form-urlencoded", 415, "expected application/json"),
    ],
)
def test_a_wrong_source_is_one_clear_line(
    running: Running, body: bytes, content_type: str, status: int, words: str
) -> None:
    got, text = post_source(running, body, content_type)
    assert got == status
    assert words in text
    assert text.count("\n") == 1
    assert running.stream.source == "demo"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/api/status", {"Host": "rebound.example:80"}),
        ("GET", "/events", {"Host": "rebound.example:80"}),
        ("POST", "/whep", {"Origin": "http://evil.example", **SDP}),
        ("POST", "/whep", {"Origin": "null", **SDP}),
        ("POST", "/api/source", {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}),
    ],
)
def test_strangers_are_refused(running: Running, method: str, path: str, headers: dict[str, str]) -> None:
    data = b"{}" if method == "POST" else None
    status, _, text = request(running.url + path, method, data, headers)
    assert status == 403
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "data", "status", "words"),
    [
        ("/whep", b"hello", 400, "expected an SDP offer"),
        ("/whep", b"\xff\xfe", 400, "expected UTF-8"),
        ("/whep", b"v=0\r\n", 422, "one video section"),
        ("/whep", b"v" * (Config().sdp_bytes + 1), 413, "expected at most"),
        ("/whip", b"hello", 400, "expected an SDP offer"),
    ],
)
def test_bad_offers_are_one_clear_line(
    running: Running, path: str, data: bytes, status: int, words: str
) -> None:
    got, _, text = request(running.url + path, "POST", data, SDP)
    assert (got, text.count("\n")) == (status, 1)
    assert words in text
    assert status_of(running)["viewers"]["now"] == 0


def test_an_offer_of_another_type_is_refused(running: Running) -> None:
    status, _, text = request(running.url + "/whep", "POST", b"v=0", {"Content-Type": "text/plain"})
    assert (status, text) == (415, "Content-Type: expected application/sdp, got 'text/plain'\n")


def test_an_offer_that_only_fails_later_leaves_no_place_taken(running: Running) -> None:
    async def main() -> str:
        pc = connection()
        try:
            return await offer_to_watch(pc)
        finally:
            await pc.close()

    offer = asyncio.run(main())
    broken = "".join(line for line in offer.splitlines(True) if not line.startswith("a=ice-ufrag"))
    status, _, text = request(running.url + "/whep", "POST", broken.encode(), SDP)
    assert status == 400
    assert "ICE username" in text
    assert status_of(running)["viewers"]["now"] == 0


def test_unknown_sessions_and_methods(running: Running) -> None:
    assert request(running.url + "/whep/unknown", "DELETE")[0] == 404
    assert request(running.url + "/whip/unknown", "DELETE")[0] == 404
    assert request(running.url + "/whep", "PUT")[0] == 405


# --- watching -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_a_viewer_sees_the_pictures_and_gets_the_results(running: Running, codec: str) -> None:
    async def main() -> tuple[list[av.VideoFrame], list[dict[str, Any]]]:
        async with watcher(running.url, codec) as viewer:
            frames = await viewer.frames(45)
            await until(lambda: len(viewer.results) >= 4)
            return frames, viewer.results

    frames, results = asyncio.run(main())
    image = np.asarray(frames[-1].to_ndarray(format="rgb24", src_colorspace="ITU601"), np.uint8)
    assert image.shape == (240, 320, 3)
    assert np.abs(patch_colour(image) - PATCH_RGB).max() < 14
    # capture times, so the pictures come at the producer's rate and not at the decoder's
    span_s = (frames[-1].pts - frames[0].pts) / 90_000  # type: ignore[operator]
    assert 44 / 30 * 0.8 < span_s < 44 / 30 * 2
    assert {"label", "probabilities", "static_index", "window"} <= results[0].keys()
    assert results[-1]["t"] > results[0]["t"]


def test_two_viewers_share_one_encoder_that_ends_with_the_last(running: Running) -> None:
    async def main() -> None:
        async with watcher(running.url, "H264") as first, watcher(running.url, "H264") as second:
            await first.frames(10)
            await second.frames(10)
            status = await asyncio.to_thread(status_of, running)
            assert status["viewers"]["now"] == 2
            assert [each["codec"] for each in status["encoders"]] == ["H264"]
            assert encoder_threads() == ["encoder-h264-main"]
            async with watcher(running.url, "VP8") as third:
                await third.frames(5)
                assert encoder_threads() == ["encoder-h264-main", "encoder-vp8-main"]

    asyncio.run(main())
    wait_for(lambda: status_of(running)["viewers"]["now"] == 0)
    wait_for(lambda: encoder_threads() == [])
    assert len(running.stream.pictures) == 0
    assert len(running.stream.events) == 0


def encoder_threads() -> list[str]:
    return sorted(each.name for each in threading.enumerate() if each.name.startswith("encoder-"))


def test_a_picture_loss_report_gives_one_keyframe(running: Running) -> None:
    async def main() -> None:
        async with watcher(running.url, "H264") as viewer:
            await viewer.frames(15)
            before = (await asyncio.to_thread(status_of, running))["encoders"][0]["keyframes"]
            receiver = viewer.pc.getReceivers()[0]
            source = receiver.getSynchronizationSources()[0].source
            await receiver._send_rtcp_pli(source)
            keys = [frame.key_frame for frame in await viewer.frames(40)]
            assert sum(keys) == 1
            after = (await asyncio.to_thread(status_of, running))["encoders"][0]["keyframes"]
            assert after == before + 1

    asyncio.run(main())


def test_delete_ends_the_session(running: Running) -> None:
    async def main() -> None:
        async with watcher(running.url) as viewer:
            await viewer.frames(3)
            assert await viewer.delete() == 200
            assert await viewer.delete() == 404
            await until(lambda: viewer.pc.connectionState == "closed")

    asyncio.run(main())
    status = status_of(running)
    assert status["viewers"]["now"] == 0
    assert status["viewers"]["ended"] == {"ended by the peer": 1}


def test_a_full_house_answers_503_and_the_viewers_stay(running: Running) -> None:
    running.stop()
    small = Running(viewers=1)

    async def main() -> None:
        async with watcher(small.url) as viewer, aiohttp.ClientSession() as session:
            await viewer.frames(3)
            pc = connection()
            offer = await offer_to_watch(pc)
            async with session.post(small.url + "/whep", data=offer, headers=SDP) as response:
                assert response.status == 503
                assert response.headers["Retry-After"] == "5"
                assert "all 1 places are taken" in await response.text()
            await pc.close()
            await viewer.frames(10)

    asyncio.run(main())
    assert status_of(small)["viewers"]["refused"] == 1
    small.stop()
    running.server = Server(running.served, Config(port=0))
    running.stream = ProducerStream().start()


def test_a_viewer_that_vanishes_is_noticed(running: Running) -> None:
    async def main() -> None:
        async with watcher(running.url) as viewer:
            await viewer.frames(5)
            # the sockets go without a word, as when a laptop's lid closes
            ice = viewer.pc.getReceivers()[0].transport.transport._connection
            for protocol in ice._protocols:
                protocol.transport.abort()
            gone = time.monotonic()
            await asyncio.to_thread(wait_for, lambda: status_of(running)["viewers"]["now"] == 0, 10)
            assert time.monotonic() - gone < 8

    asyncio.run(main())
    assert status_of(running)["viewers"]["ended"] == {"silent": 1}


# --- events -------------------------------------------------------------------------------------------


def test_results_come_as_server_sent_events_and_end_with_the_reader(running: Running) -> None:
    with urllib.request.urlopen(running.url + "/events", timeout=10) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        lines = [response.readline().decode() for _ in range(8)]
    results = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert len(results) >= 2
    assert results[1]["t"] > results[0]["t"]
    wait_for(lambda: status_of(running)["event_clients"] == [])
    assert len(running.stream.events) == 0


def test_a_server_that_stops_ends_its_event_readers(running: Running) -> None:
    with urllib.request.urlopen(running.url + "/events", timeout=10) as response:
        response.readline()
        stopped = time.monotonic()
        assert running.server.stop()
        assert time.monotonic() - stopped < 5
        response.read()  # raises where the answer was cut off instead of ended
        assert response.isclosed()


# --- a camera in the browser --------------------------------------------------------------------------


async def send_camera(
    running: Running, session: aiohttp.ClientSession, *others: MediaStreamTrack
) -> tuple[int, str, Any]:
    pc = connection()
    for track in (*others, VideoStreamTrack()):
        pc.addTransceiver(track, direction="sendonly")
    await pc.setLocalDescription(await pc.createOffer())
    async with session.post(running.url + "/whip", data=pc.localDescription.sdp, headers=SDP) as response:
        text = await response.text()
        if response.status == 201:
            await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
        return response.status, response.headers.get("Location", text), pc


def test_a_sent_camera_comes_back_and_ends_with_a_change_of_source(running: Running) -> None:
    async def main() -> None:
        running.stream.set_source("browser")
        async with aiohttp.ClientSession() as session, watcher(running.url) as viewer:
            status, location, pc = await send_camera(running, session)
            assert status == 201
            assert location.startswith("/whip/")
            await until(lambda: running.stream.pushed.put_count > 3)
            pushed = running.stream.pushed.peek()
            assert pushed is not None
            # aiortc's own test track: 640x480, a plane of zeros, which is green
            assert pushed.shape == (480, 640, 3)
            red, green, blue = pushed.mean(axis=(0, 1))
            assert green > 100
            assert max(red, blue) < 20
            await viewer.frames(20)
            (frame,) = await viewer.frames(1)
            image = np.asarray(frame.to_ndarray(format="rgb24", src_colorspace="ITU601"), np.uint8)
            assert np.abs(patch_colour(image) - PUSHED_RGB).max() < 16

            status, text, other = await send_camera(running, session)
            assert (status, "another camera" in text) == (409, True)
            await other.close()

            running.stream.set_source("demo")
            await until(lambda: pc.connectionState == "closed")
            await pc.close()

    asyncio.run(main())
    assert status_of(running)["senders"] == []


def test_sound_beside_the_picture_is_declined(running: Running) -> None:
    async def main() -> None:
        running.stream.set_source("browser")
        async with aiohttp.ClientSession() as session:
            status, _, pc = await send_camera(running, session, AudioStreamTrack())
            assert status == 201
            answer = pc.remoteDescription.sdp
            assert answer.index("m=audio") < answer.index("a=inactive") < answer.index("m=video")
            await until(lambda: running.stream.pushed.put_count > 3)
            await pc.close()

    asyncio.run(main())


def test_a_camera_is_refused_while_the_source_is_another(running: Running) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            status, text, pc = await send_camera(running, session)
            assert status == 409
            assert "expected the source to be 'browser'" in text
            await pc.close()

    asyncio.run(main())


# --- life cycle ---------------------------------------------------------------------------------------


def test_a_stop_with_viewers_leaves_no_task_and_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    before = {each.name for each in threading.enumerate()}
    running = Running()

    async def main() -> None:
        async with watcher(running.url, "H264") as first, watcher(running.url, "VP8") as second:
            await first.frames(3)
            await second.frames(3)
            assert await asyncio.to_thread(running.server.stop)
            await until(lambda: first.pc.connectionState == second.pc.connectionState == "closed")

    asyncio.run(main())
    running.stop()
    running.server.stop()
    assert {each.name for each in threading.enumerate()} <= before
    assert [record.message for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


def test_start_twice_and_stop_twice() -> None:
    running = Running()
    running.server.start()
    assert request(running.url + "/healthz")[0] == 200
    running.stop()
    running.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(running.url + "/healthz", timeout=2)


def test_a_stop_without_a_start() -> None:
    server = Server(ProducerServed(ProducerStream()), Config(port=0))
    assert server.stop()


def test_a_port_in_use_is_one_clear_line(running: Running) -> None:
    port = int(running.url.rsplit(":", 1)[1])
    server = Server(running.served, Config(port=port))
    with pytest.raises(ServeError, match=f"port {port}: expected a free one, got one in use") as caught:
        server.start()
    assert caught.value.exit_code == 3
    assert server.stop()


def test_an_address_that_others_can_reach_is_refused() -> None:
    with pytest.raises(ServeError, match=r"expected a loopback address .* or TLS"):
        Server(ProducerServed(ProducerStream()), Config(host="0.0.0.0"))


def test_a_failing_encoder_shows_in_the_health_and_is_made_again_for_all(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("codec broke")

    async def main() -> None:
        with monkeypatch.context() as broken:
            broken.setattr("realtime.serving.encoder.Coder.encode", fail)
            first = watcher(running.url, "H264")
            one = await first.__aenter__()
            wanted = ["encoder-h264-main: RuntimeError: codec broke"]
            await asyncio.to_thread(wait_for, lambda: status_of(running)["health"]["problems"] == wanted)
            assert status_of(running)["health"]["state"] == "degraded"
            assert (await asyncio.to_thread(request, running.url + "/healthz"))[0] == 200, "it mends itself"
            assert (await asyncio.to_thread(request, running.url + "/readyz"))[0] == 503
        await one.frames(3)
        async with watcher(running.url, "H264") as second:
            await second.frames(3)
            assert (await asyncio.to_thread(request, running.url + "/readyz"))[0] == 200
        await first.__aexit__(None, None, None)

    asyncio.run(main())


def test_the_streams_are_told_apart() -> None:
    first = ProducerStream("front", size_wh=(320, 240)).start()
    second = ProducerStream("side", size_wh=(352, 288)).start()
    server = Server(ProducerServed(first, second), Config(port=0))
    server.start()

    async def main() -> None:
        async with watcher(server.url) as default, watcher(server.url, query="?stream=side") as other:
            assert (await default.frames(1))[0].width == 320
            assert (await other.frames(1))[0].width == 352

    asyncio.run(main())
    assert request(server.url + "/whep?stream=none", "POST", b"v=0", SDP)[0] == 404
    assert server.stop()
    first.stop()
    second.stop()


def test_the_playout_delay_is_negotiated_with_a_browser_like_offer(running: Running) -> None:
    async def main() -> str:
        pc = connection()
        offer = await offer_to_watch(pc)
        await pc.close()
        return offer.replace(
            "a=rtcp-mux\r\n", f"a=rtcp-mux\r\na=extmap:9 {aiortc_internals.PLAYOUT_DELAY_URI}\r\n", 1
        )

    status, headers, answer = request(running.url + "/whep", "POST", asyncio.run(main()).encode(), SDP)
    assert status == 201
    assert f"a=extmap:9 {aiortc_internals.PLAYOUT_DELAY_URI}" in answer
    assert request(running.url + headers["Location"], "DELETE")[0] == 200
