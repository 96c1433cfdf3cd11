"""A network camera over RTSP that restarts and falls silent, read by the real pipeline."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from realtime.capture.network import NetworkSource
from realtime.capture.source import NoPicture
from realtime.config import Config
from realtime.pipeline import Application
from tests.faulty import ModelFault, Watcher
from tests.rtsp_server import SIZE_WH, RtspServer

pytestmark = pytest.mark.timeout(180)
# the longest back-off, the time-outs for data and for opening, and a slow machine
RECOVERY_S = 5 + 3 + 4 + 20


@pytest.fixture
def server() -> Iterator[RtspServer]:
    made = RtspServer()
    yield made
    made.stop()


def test_pictures_come_over_rtsp(server: RtspServer) -> None:
    source = NetworkSource(server.url)
    readings = [source.read() for _ in range(10)]
    source.close()
    for each in readings:
        assert each is not None
        assert not isinstance(each, NoPicture)
        assert each[0].shape == (SIZE_WH[1], SIZE_WH[0], 3)
    assert source.description == f"{server.url} 320x240"


def test_a_camera_that_restarts_or_falls_silent_comes_back(
    server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.pipeline.build_engine", ModelFault().engine)
    application = Application(Config(source=server.url))
    stream = application.streams["main"]
    watcher = Watcher(stream)
    application.start()

    def state() -> str:
        return str(stream.status()["source"]["state"])

    again: RtspServer | None = None
    try:
        watcher.more_pictures(10)
        assert state() == "live"
        server.stop()
        watcher.until(lambda: state() == "lost", "the loss")
        watcher.more_pictures(2)
        again = RtspServer(server.port)
        back = time.monotonic()
        watcher.until(lambda: state() == "live", "the stream again")
        print(f"RTSP server restarts: pictures again after {time.monotonic() - back:.1f} s")
        assert time.monotonic() - back < RECOVERY_S
        watcher.more_pictures(10)
        assert application.health()["ok"]

        again.silent.set()
        watcher.until(lambda: state() == "lost", "the silence to be noticed")
        again.silent.clear()
        back = time.monotonic()
        watcher.until(lambda: state() == "live", "the stream again")
        print(f"RTSP server was silent: pictures again after {time.monotonic() - back:.1f} s")
        assert stream.status()["source"]["losses"] == 2
    finally:
        application.stop()
        if again is not None:
            again.stop()
