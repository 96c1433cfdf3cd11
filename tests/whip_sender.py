"""FFmpeg's WHIP muxer as a sender: `python -m tests.whip_sender URL CERTIFICATE KEY CLIP [OPTION=VALUE...]`.

Sends the clip over and over in real time, H.264 baseline with silence beside it, until its standard input
ends. A process of its own, for PyAV holds Python's lock while the muxer waits for its connection.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

RATE = 30
SOUND_RATE = 48_000
VIDEO_CLOCK = 90_000


def pictures(path: str) -> Iterator[av.VideoFrame]:
    """The clip's pictures, for ever."""
    while True:
        with av.open(path) as clip:
            yield from clip.decode(video=0)


def silence(number: int) -> av.AudioFrame:
    """The sound of one 30th of a second."""
    frame = av.AudioFrame(format="s16", layout="stereo", samples=SOUND_RATE // RATE)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
    frame.pts = number * frame.samples
    return frame


def send(url: str, certificate: str, key: str, clip: str, *options: str) -> None:
    """Sends until standard input ends."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    given = dict(each.split("=", 1) for each in options)
    with av.open(
        url, "w", format="whip", options={"cert_file": certificate, "key_file": key, **given}
    ) as out:
        low_delay = {"preset": "ultrafast", "tune": "zerolatency", "g": str(RATE), "bf": "0"}
        video: Any = out.add_stream("libx264", rate=RATE, options=low_delay)
        video.codec_context.profile, video.codec_context.thread_count = "Baseline", 1
        video.width, video.height, video.pix_fmt = 640, 480, "yuv420p"
        sound: Any = out.add_stream("libopus", rate=SOUND_RATE, options={"b": "32000"})
        sound.layout = "stereo"
        begun = time.monotonic()
        for number, frame in enumerate(pictures(clip)):
            frame.pts, frame.time_base = number * VIDEO_CLOCK // RATE, Fraction(1, VIDEO_CLOCK)
            frame.pict_type = av.video.frame.PictureType.NONE
            out.mux(video.encode(frame))
            out.mux(sound.encode(silence(number)))
            if ended.wait(max(0.0, begun + number / RATE - time.monotonic())):
                return


if __name__ == "__main__":
    send(*sys.argv[1:])
