"""FFmpeg's WHIP muxer, inside PyAV, sends the demo clip; the server reads the faces and paints them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from aiortc.rtcdtlstransport import RTCCertificate
from cryptography.hazmat.primitives import serialization

from realtime.config import Config
from realtime.picture.split_strip import strip_height
from realtime.pipeline import Application
from realtime.serving.app import Server
from tests.site import Site, site
from tests.test_publisher import wait_for
from tests.webrtc_client import until, watcher

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "assets" / "demo" / "demo.mp4"
START_S = 30.0

pytestmark = pytest.mark.timeout(240)
if "whip" not in av.formats_available:
    pytest.skip("this PyAV's FFmpeg has no WHIP muxer", allow_module_level=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of the curve P-256 with its key: those that FFmpeg makes with GnuTLS are of P-224."""
    made, folder = RTCCertificate.generateCertificate(), tmp_path_factory.mktemp("certificate")
    (folder / "cert.pem").write_bytes(made._cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        made._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


@contextmanager
def sender(url: str, certificate: tuple[str, str], *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running sender, which is to end cleanly when its standard input does."""
    command = [sys.executable, "-m", "tests.whip_sender", url + "/whip", *certificate, str(DEMO), *options]
    running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield running
        _, errors = running.communicate(timeout=30)
        assert running.returncode == 0, errors.decode()
    finally:
        running.kill()
        running.communicate()


def senders(where: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = where.json("/api/status")["senders"]
    return found


@pytest.mark.parametrize("role", ["passive", "active"])
def test_the_muxer_connects_in_both_dtls_roles_and_ends_its_session(
    certificate: tuple[str, str], role: str
) -> None:
    options = ["whip_flags=dtls_active"] if role == "active" else []
    with site() as here:
        here.stream.source = "browser"
        with sender(here.url, certificate, *options):
            wait_for(lambda: here.stream.pushed.peek() is not None, START_S)
            image = here.stream.pushed.peek()
            assert image is not None
            assert image.shape == (480, 640, 3)
            assert senders(here)[0]["state"] == "connected"
        wait_for(lambda: senders(here) == [])


def test_faces_in_what_ffmpeg_sends_are_found_and_painted(certificate: tuple[str, str]) -> None:
    # a busy machine leaves gaps between crops, and this is not about them
    settings = Config(source="browser", purpose="demonstration", port=0, gap_seconds=3.0)
    application = Application(settings)
    results: list[dict[str, Any]] = []
    application.streams["main"].events.subscribe(results.append)
    server = Server(application, settings)

    async def watch() -> None:
        async with watcher(server.url) as viewer:
            await until(lambda: any("probabilities" in each for each in results), 100)
            while True:
                (frame,) = await viewer.frames(1, 30)
                if frame.height == 480 + strip_height(640) and marked(frame):
                    return

    try:
        application.start()
        server.start()
        with sender(server.url, certificate):
            asyncio.run(asyncio.wait_for(watch(), 150))
            assert application.streams["main"].status()["faces"] == 1
    finally:
        assert server.stop()
        application.stop()


def marked(frame: av.VideoFrame) -> bool:
    """Whether the strip below the picture has a static (blue) and a dynamic (orange) mark."""
    strip = frame.to_ndarray(format="rgb24")[480:].astype(np.int32)
    lean = strip[..., 2] - strip[..., 0]
    return bool(lean.max() > 60 and lean.min() < -60)
