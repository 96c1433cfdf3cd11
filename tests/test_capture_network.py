"""A network stream as a source, against a real server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.capture.network import NetworkSource, without_password
from realtime.capture.source import NoPicture, Reading
from realtime.clock import NS_PER_S
from realtime.errors import SourceError, SourceLostError

BOUNDARY = b"picture"
DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"


class Handler(BaseHTTPRequestHandler):
    """/camera dies after ten MJPEG pictures, /stalls falls silent; /clip.mp4: a file; /silent: no answer."""

    silence = threading.Event()

    def do_GET(self) -> None:
        if self.path.startswith(("/camera", "/stalls")):
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}")
            self.end_headers()
            for i in range(10):
                jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 20 * i, np.uint8))[1].tobytes()
                head = b"--%b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                self.wfile.write(head % (BOUNDARY, len(jpeg)) + jpeg + b"\r\n")
            if self.path == "/stalls":
                self.silence.wait(10)
        elif self.path == "/clip.mp4":
            data = DEMO.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        elif self.path == "/silent":
            self.silence.wait(10)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the console."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.silence.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *args: None  # type: ignore[method-assign]  # clients hang up
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        Handler.silence.set()
        server.shutdown()
        thread.join()


def picture(reading: Reading) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], int]:
    assert reading is not None
    assert not isinstance(reading, NoPicture)
    return reading


def test_a_camera_is_read_as_it_comes_and_lost_when_it_stops(server: str) -> None:
    ticks = iter(range(100))
    source = NetworkSource(f"http://user:secret@{server}/camera?key=7", clock=lambda: next(ticks))
    assert source.description == f"http://{server}/camera 64x48"
    assert source.live
    readings = []

    def read_all() -> None:
        while True:
            readings.append(picture(source.read()))

    with pytest.raises(SourceLostError, match=r"the stream ended|Input/output error") as raised:
        read_all()
    assert "secret" not in str(raised.value)
    assert len(readings) >= 9
    np.testing.assert_allclose(np.diff([image.mean() for image, _ in readings]), 20, atol=2)
    assert [t for _, t in readings] == list(range(len(readings)))
    source.close()
    source.close()


def test_a_file_on_a_server_is_paced_and_ends(server: str) -> None:
    now = 0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += round(seconds * NS_PER_S)

    source = NetworkSource(f"http://{server}/clip.mp4", clock=lambda: now, sleep=sleep)
    times = [picture(source.read())[1] for _ in range(30)]
    np.testing.assert_allclose(np.diff(times), NS_PER_S / 30, rtol=0.01)
    now += 10 * NS_PER_S // 100  # three pictures late
    picture(source.read())
    assert source.dropped == 2
    source.close()


def test_a_stream_that_falls_silent_is_lost(server: str) -> None:
    source = NetworkSource(f"http://{server}/stalls", read_timeout_s=0.2)

    def read_all() -> None:
        while True:
            picture(source.read())

    with pytest.raises(SourceLostError, match="no answer in time"):
        read_all()
    source.close()


@pytest.mark.parametrize(
    ("url", "got"),
    [
        ("http://user:secret@{server}/none", "got: .*(404|Not Found)"),
        ("http://user:secret@127.0.0.1:9/x", "got: .*refused"),
        ("rtsp://user:secret@127.0.0.1:9/x", "got: .*refused"),
        ("ftp://user:secret@{server}/x", "expected rtsp://"),
    ],
)
def test_no_stream_there_is_one_clear_line_without_the_password(server: str, url: str, got: str) -> None:
    with pytest.raises(SourceError, match=got) as raised:
        NetworkSource(url.format(server=server))
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_server_that_says_nothing_is_given_up(server: str) -> None:
    with pytest.raises(SourceError, match="no answer in time"):
        NetworkSource(f"http://{server}/silent", open_timeout_s=0.2, read_timeout_s=0.2)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://me:pw@10.0.0.2:554/live?token=1", "rtsp://10.0.0.2:554/live"),
        ("rtsp://me:p@w@host/live", "rtsp://host/live"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://me:pw@[bad/x", "http://…"),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, shown: str) -> None:
    assert without_password(url) == shown
