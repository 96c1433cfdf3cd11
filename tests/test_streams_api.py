"""Several streams over HTTP: which is which, in status, health, events and limits."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from realtime.config import Config
from realtime.errors import SourceError
from realtime.serving.app import Server
from realtime.serving.context import CONTEXT, Context
from tests.picture_producer import ProducerServed, ProducerStream
from tests.test_app import request, wait_for
from tests.webrtc_client import SDP, watcher


class Named(ProducerStream):
    """A stream that can be held up in a call, and that knows whether it had a picture."""

    def __init__(self, name: str) -> None:
        super().__init__(name, size_wh=(320, 240), fps=15.0)
        self.ready = True
        self.held = threading.Event()
        self.held.set()

    def set_source(self, text: str) -> None:
        if not self.held.wait(30):
            raise SourceError("held up")
        super().set_source(text)


class Running:
    def __init__(self, **settings: Any) -> None:
        self.streams = {name: Named(name) for name in ("door", "yard")}
        for each in self.streams.values():
            each.start()
        self.served = ProducerServed(*self.streams.values())
        self.server = Server(self.served, Config(port=0, **settings))
        self.server.start()
        self.url = self.server.url

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        status, _, text = request(self.url + path)
        return status, json.loads(text)

    @property
    def context(self) -> Context:
        runner = self.server._runner
        assert runner is not None
        found: Context = runner.app[CONTEXT]
        return found

    def stop(self) -> None:
        for each in self.streams.values():
            each.held.set()
        assert self.server.stop()
        for each in self.streams.values():
            each.stop()


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running(viewers=2)
    yield made
    made.stop()


def test_all_streams_in_one_answer(running: Running) -> None:
    running.context.broadcasts["yard"].problems["VP8"] = "encoder-vp8-yard: RuntimeError: codec broke"
    status, found = running.get("/api/streams")
    assert status == 200
    assert [each["stream"] for each in found["streams"]] == ["door", "yard"]
    assert [each["failing"] for each in found["streams"]] == [[], ["encoder-vp8-yard"]]
    assert {each["source"]["state"] for each in found["streams"]} == {"live"}
    assert {each["viewers"] for each in found["streams"]} == {0}
    assert all(each["reads"] for each in found["streams"])


def test_health_names_the_stream(running: Running) -> None:
    assert running.get("/healthz")[1]["streams"] == {}
    running.context.broadcasts["yard"].problems["H264"] = "encoder-h264-yard: RuntimeError: codec broke"
    status, found = running.get("/healthz")
    assert (status, found["state"], found["streams"]) == (200, "degraded", {"yard": ["encoder-h264-yard"]})
    assert found["parts"] == {"encoder-h264-yard": "degraded"}
    text = request(running.url + "/metrics")[2]
    assert 'ifdd_part_failing{stage="encoder-h264-yard",stream="yard"} 1.0' in text
    assert 'ifdd_event_readers{stream="door"} 0.0' in text


def test_readiness_names_the_stream_that_lacks_a_picture(running: Running) -> None:
    status, found = running.get("/readyz")
    assert (status, found["sources"]) == (200, {"door": "live", "yard": "live"})
    running.served.is_ready = running.streams["yard"].ready = False
    status, found = running.get("/readyz")
    assert status == 503
    assert found["problems"] == ["stream yard: no picture has come through yet"]


def test_a_stream_without_a_picture_is_waited_for_alone(running: Running) -> None:
    running.served.is_ready = running.streams["yard"].ready = False

    async def main() -> None:
        async with watcher(running.url, query="?stream=door") as viewer:
            await viewer.frames(1)

    asyncio.run(main())
    assert request(running.url + "/whep?stream=yard", "POST", b"v=0\r\n", SDP)[0] in (400, 409, 422)


def test_viewers_of_one_stream_leave_the_places_of_the_other(running: Running) -> None:
    context = running.context
    assert [context.viewers.reserve("door") for _ in range(3)] == [True, True, False]
    assert context.viewers.reserve("yard")
    assert context.viewers.refused == 1
    context.viewers.release("door")
    assert context.viewers.reserve("door")


def test_events_are_of_the_stream_that_was_asked_for(running: Running) -> None:
    for name in running.streams:
        with urllib.request.urlopen(f"{running.url}/events?stream={name}", timeout=20) as reader:
            assert reader.readline().startswith(b": results")
            wait_for(lambda name=name: running.context.event_streams.of_stream(name) == 1)  # type: ignore[misc]
            running.streams[name].events.publish({"t": 1.0, "mark": name})
            for line in reader:
                if b"mark" in line:
                    assert json.loads(line[6:])["mark"] == name
                    break
    assert running.get("/api/status?stream=yard")[1]["stream"] == "yard"
    assert running.get("/api/status")[1]["streams"] == ["door", "yard"]


def test_a_stream_that_hangs_in_a_call_does_not_hold_the_other_up(running: Running) -> None:
    running.streams["door"].held.clear()
    body = json.dumps({"source": "browser"}).encode()
    kind = {"Content-Type": "application/json"}
    stuck = [
        threading.Thread(
            target=lambda: request(running.url + "/api/source?stream=door", "POST", body, kind), daemon=True
        )
        for _ in range(4)
    ]
    for each in stuck:
        each.start()
    wait_for(lambda: running.context.executors["door"]._work_queue.qsize() >= 2)  # type: ignore[attr-defined]
    assert request(running.url + "/api/source?stream=yard", "POST", body, kind)[0] == 200
    assert running.get("/api/sources?stream=yard")[0] == 200
    assert request(running.url + "/metrics")[0] == 200
    running.streams["door"].held.set()
    for each in stuck:
        each.join(30)
        assert not each.is_alive()
