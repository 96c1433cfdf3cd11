"""Publishing against a media server in this process; tests/test_publish_live.py has a real one."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from realtime.config import Config
from realtime.consent import CameraGate, Consent
from realtime.serving.app import Server
from realtime.serving.broadcast import Broadcast
from realtime.serving.context import CONTEXT
from realtime.serving.hub import Hub
from realtime.serving.limits import peer_limits
from realtime.serving.publish_target import Target
from realtime.serving.publisher import Publisher, may_publish
from tests.janus import free_port
from tests.media_server import MediaServer
from tests.picture_producer import ProducerServed, ProducerStream
from tests.site import Site, site
from tests.webrtc_client import until, watcher


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with MediaServer() as made:
        yield made


@pytest.fixture
def stream() -> Iterator[ProducerStream]:
    made = ProducerStream(size_wh=(320, 240)).start()
    yield made
    made.stop()


class Run:
    """A publisher with what it needs, on the loop of the test; an async context manager."""

    def __init__(self, stream: ProducerStream, media: MediaServer, **options: Any) -> None:
        self.hub = Hub(asyncio.get_running_loop())
        self.broadcast = Broadcast(stream, self.hub, 1_000_000, 30)
        settings = Config(silence_seconds=options.pop("silence_seconds", 4.0))
        self.publisher = Publisher(
            self.broadcast,
            Target(media.whip, "the-token"),
            peer_limits(settings),
            first_wait_s=options.pop("first_wait_s", 0.2),
            chance=lambda: 0.0,
            **options,
        )

    async def __aenter__(self) -> Run:
        self.publisher.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.publisher.stop()
        self.broadcast.close()
        self.hub.close()

    async def live(self) -> None:
        await until(lambda: self.publisher.state == "live", 60)

    async def seen(self, media: MediaServer, more: int = 5) -> None:
        """Waits for more pictures at the other side."""
        wanted = media.frames + more
        await until(lambda: media.frames >= wanted, 60)


def test_pictures_and_results_arrive_and_the_session_is_ended(
    stream: ProducerStream, media: MediaServer
) -> None:
    async def main() -> None:
        async with Run(stream, media) as run:
            await run.live()
            await run.seen(media)
            await until(lambda: len(media.messages) > 1)
            status = run.publisher.status()
            assert status["codec"] == "H264"
            assert status["results"] is True
            assert status["sent"] >= 5
            assert (status["reconnects"], status["failures"], status["problem"]) == (0, 0, "")
            await run.publisher.stop()
            await run.publisher.stop()
            assert run.publisher.state == "stopped"
            assert run.broadcast.encoders == {}, "the encoder outlived its last reader"
            left = [task for task in asyncio.all_tasks() if "publish" in task.get_name()]
            assert left == []

    asyncio.run(main())
    assert media.requests["DELETE", "/session/1"] == 1
    assert media.tokens == {"Bearer the-token"}
    assert "probabilities" in media.messages[0]


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_the_media_server_chooses_the_codec(stream: ProducerStream, media: MediaServer, codec: str) -> None:
    media.codecs = (codec,)

    async def main() -> None:
        async with Run(stream, media) as run:
            await run.live()
            await run.seen(media)
            assert run.publisher.status()["codec"] == codec
            assert list(run.broadcast.encoders) == [codec]

    asyncio.run(main())


@pytest.mark.parametrize("how", ["reject", "refuse"])
def test_a_refused_data_channel_is_offered_once_and_the_picture_goes_without(
    stream: ProducerStream, media: MediaServer, how: str
) -> None:
    media.results = how

    async def main() -> None:
        async with Run(stream, media) as run:
            await run.live()
            await run.seen(media)
            assert run.publisher.status()["results"] is False
            assert run.publisher.failures == 0

    asyncio.run(main())
    assert ["m=application" in offer for offer in media.offers] == [True, False]
    assert media.messages == []
    # the session whose answer could not be used is ended, too
    assert sum(n for (method, _), n in media.requests.items() if method == "DELETE") == len(media.connections)


def test_a_keyframe_request_reaches_the_encoder_and_many_are_one(
    stream: ProducerStream, media: MediaServer
) -> None:
    async def main() -> None:
        async with Run(stream, media) as run:
            await run.live()
            await run.seen(media)
            encoder = run.broadcast.encoders["H264"]
            before = encoder.keyframes
            for _ in range(5):
                media.ask_keyframe()
            await until(lambda: run.publisher.total("keyframe_requests") >= 5)
            await until(lambda: encoder.keyframes > before)
            await run.seen(media)
            assert encoder.keyframes - before <= 2

    asyncio.run(main())


def test_a_media_server_that_falls_silent_is_noticed_and_tried_again(
    stream: ProducerStream, media: MediaServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Run(stream, media, silence_seconds=1.0) as run:
            await run.live()
            await run.seen(media)
            sent = run.publisher.total("sent")
            media.refusals = [(503, {}), (500, {}), (404, {})]
            media.fall_silent()
            await until(lambda: run.publisher.state == "waiting", 60)
            assert run.publisher.status()["problem"] == "silent"
            await run.live()
            await run.seen(media)
            status = run.publisher.status()
            assert status["reconnects"] == 1
            assert status["failures"] == 4
            assert status["sent"] > sent, "counts do not begin anew"

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    told = [getattr(each, "fields", {}) for each in caplog.records]
    waits = [each["wait_s"] for each in told if "wait_s" in each]
    assert waits == [0.1, 0.2, 0.4, 0.8], "each wait is twice the one before"


def test_what_the_server_wishes_is_waited_for(stream: ProducerStream, media: MediaServer) -> None:
    media.refusals = [(503, {"Retry-After": "2"})]

    async def main() -> None:
        begun = time.monotonic()
        async with Run(stream, media) as run:
            await run.live()
            assert time.monotonic() - begun >= 2

    asyncio.run(main())


def test_nothing_is_sent_before_somebody_agreed(stream: ProducerStream, media: MediaServer) -> None:
    class Consents:
        def __init__(self) -> None:
            self.given = False

        def state(self) -> dict[str, Any]:
            return {"needed": True, "given": self.given}

    stream.consents = consents = Consents()

    async def main() -> None:
        async with Run(stream, media, allowed=may_publish(stream)) as run:
            await until(lambda: run.publisher.state == "consent")
            await asyncio.sleep(0)
            assert not media.requests
            assert len(stream.pictures) == 0, "an encoder runs for nobody"
            consents.given = True
            await run.live()
            await run.seen(media)
            consents.given = False  # the program does not take consent back; if it did:
            await until(lambda: run.publisher.state == "consent", 10)

    asyncio.run(main())


@pytest.mark.parametrize(("source", "camera"), [("rtsp://door/", True), ("demo", False)])
def test_only_cameras_wait_for_consent(source: str, camera: bool) -> None:
    consent = Consent(Config(source=source))
    gate = CameraGate(consent, source, agreed=lambda: None)
    allowed = may_publish(SimpleNamespace(consents=gate))
    assert allowed() is not camera
    consent.agree("personal", camera=True)
    assert allowed()


def test_stopped_while_it_waits_or_connects(stream: ProducerStream, media: MediaServer) -> None:
    media.refusals = [(500, {})] * 100

    async def main() -> None:
        async with Run(stream, media, first_wait_s=60.0) as run:
            await until(lambda: run.publisher.state == "waiting")
            begun = time.monotonic()
            await run.publisher.stop()
            assert time.monotonic() - begun < 10
        async with Run(stream, media) as run:
            await run.publisher.stop()
            assert run.publisher.state in ("stopped", "connecting")

    asyncio.run(main())


# -- the whole server -------------------------------------------------------------------------------------


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def published(where: Site) -> dict[str, Any]:
    found: dict[str, Any] = where.json("/api/status")["publish"]
    return found


def test_viewers_and_the_media_server_share_one_encoder(media: MediaServer) -> None:
    pictures: list[int] = []
    with site(pictures=True, publish=media.whip) as here:
        here.stream.pictures.subscribe(lambda picture: pictures.append(picture.seq))

        async def watch() -> None:
            async with watcher(here.url, "H264") as one, watcher(here.url, "H264") as other:
                await asyncio.gather(one.frames(5), other.frames(5))
                status = here.json("/api/status")
                assert status["viewers"]["now"] == 2
                assert status["publish"]["state"] == "live"
                (encoder,) = here.on_loop(lambda: list(encoders_of(here).values()))
                sent, came, encoded = published(here)["sent"], len(pictures), encoder.rate.count
                await until(lambda: encoder.rate.count >= encoded + 20, 60)
                await asyncio.gather(one.frames(20), other.frames(20))
                encoded, came = encoder.rate.count - encoded, len(pictures) - came
                assert encoded <= came + 1, "three readers, and each picture is encoded once"
                assert published(here)["sent"] >= sent + 15
                assert list(here.on_loop(lambda: encoders_of(here))) == ["H264"]

        wait_for(lambda: published(here)["state"] == "live")
        asyncio.run(watch())


def encoders_of(where: Site) -> dict[Any, Any]:
    """The encoders that run, by codec."""
    runner = where.server._runner
    assert runner is not None
    return dict(runner.app[CONTEXT].broadcasts["main"].encoders)


def test_each_stream_goes_its_own_way_and_one_that_fails_touches_no_other(media: MediaServer) -> None:
    streams = [ProducerStream(name, size_wh=(320, 240)).start() for name in ("door", "yard", "hall")]
    streams[0].config = Config(publish=media.whip)  # type: ignore[attr-defined]
    streams[1].config = Config(publish=f"http://127.0.0.1:{free_port()}/whip")  # type: ignore[attr-defined]
    streams[2].config = Config(publish=media.whip)  # type: ignore[attr-defined]
    said: list[str] = []
    server = Server(ProducerServed(*streams), Config(port=0), say=said.append)
    server.start()
    try:

        def of(name: str) -> Any:
            with urllib.request.urlopen(f"{server.url}/api/status?stream={name}") as answer:
                return json.load(answer)

        wait_for(lambda: of("door")["publish"]["sent"] > 5 and of("yard")["publish"]["failures"] > 0)
        assert of("door")["publish"]["failures"] == 0
        assert "cannot connect" in of("yard")["publish"]["problem"]
        assert of("yard")["encoders"] == []
        assert of("hall")["publish"] is None, "an address takes one stream"
        assert len(of("hall")["published_to"]) == 2
        assert [line.partition(" to ")[0] for line in said] == [
            "published: stream door",
            "published: stream yard",
        ]
    finally:
        assert server.stop()
        for each in streams:
            each.stop()


def test_secrets_are_told_nowhere(
    media: MediaServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("the-hidden-token\n")
    media.refusals = [(401, {})]
    with (
        caplog.at_level(logging.DEBUG),
        site(publish=media.whip, publish_token=f"@{tmp_path / 'token'}") as here,
    ):
        wait_for(lambda: published(here)["failures"] == 1)
        host = media.url.removeprefix("http://")
        assert here.said == [f"published: stream main to {host}; it leaves this machine"]
        assert published(here)["url"] == f"http://{host}"
        assert "got 401" in published(here)["problem"]
        told = [here.ask("GET", path).text for path in ("/api/status", "/metrics")]
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith(("aiohttp", "asyncio"))]
    for text in (*told, *here.said, *ours, *capsys.readouterr()):
        assert "secret-" not in text
        assert "hidden" not in text
    assert media.tokens == {"Bearer the-hidden-token"}


def test_status_and_metrics_of_one_that_is_not_published() -> None:
    with site() as here:
        assert published(here) is None
        assert "ifdd_publish_live{" not in here.ask("GET", "/metrics").text


def test_metrics_follow(media: MediaServer) -> None:
    with site(pictures=True, publish=media.whip) as here:
        wait_for(lambda: published(here)["sent"] > 3)
        text = here.ask("GET", "/metrics").text
        assert 'ifdd_publish_live{stream="main"} 1.0' in text
        assert 'ifdd_publish_failures_total{stream="main"} 0.0' in text
        assert 'ifdd_frames_dropped_total{reason="publish",stream="main"}' in text
        count = next(line for line in text.splitlines() if line.startswith("ifdd_published_pictures_total"))
        assert float(count.split()[-1]) > 3
