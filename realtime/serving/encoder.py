"""Encodes a stream's pictures once, whatever the number of viewers.

Measured on 2 cores at 640x480: x264 ultrafast with zerolatency costs 1.4 ms a picture, libvpx realtime
3 ms, while an encoder for each viewer would cost 17 % of a core (VP8) or 65 % (H.264) each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from realtime.clock import NS_PER_MS, now_ns
from realtime.slot import Fanout, Slot
from realtime.stats import Durations, Rate
from realtime.supervise import Life, Supervised
from realtime.values import Picture

Codec = Literal["H264", "VP8"]
CODECS: tuple[Codec, ...] = ("H264", "VP8")

VIDEO_CLOCK = 90_000
TIME_BASE = Fraction(1, VIDEO_CLOCK)
# ISO/IEC 23091-2 code points of realtime.values.Picture's colours, as FFmpeg numbers them.
BT601 = 6
LIMITED_RANGE = 1
# Keyframes only on request: a new viewer and a lost packet both ask for one.
NO_PERIODIC_KEYFRAMES = 1_000_000
# A keyframe may be as large as this many mean pictures, so that it does not stop up a thin link.
VBV_PICTURES = 4
# A viewer that has lost packets repeats its request with every picture; one keyframe answers them all.
KEYFRAME_INTERVAL_NS = 300 * NS_PER_MS


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPicture:
    """One encoded picture, shared by all viewers.

    Attributes:
        index: rises by one for each picture of an encoder; a gap means that references are missing.
        codec: what the bytes are.
        keyframe: True when it can be decoded without any earlier picture.
        seq, t_ns: those of the picture.
        packet: the bytes, with the capture time as pts in 1/90000 s.
    """

    index: int
    codec: Codec
    keyframe: bool
    seq: int
    t_ns: int
    packet: av.Packet[Any]


class Coder:
    """Turns pictures into packets, on one thread. A new picture size opens a new codec context."""

    def __init__(self, codec: Codec, bitrate: int, fps: float) -> None:
        """Makes the coder without opening a codec.

        Args:
            codec: "H264" or "VP8".
            bitrate: aim and upper bound, bit/s.
            fps: expected picture rate, for the rate control, 1/s.
        """
        self.codec = codec
        self.bitrate = bitrate
        self._fps = fps
        self._context: VideoCodecContext | None = None
        self._index = 0
        self._origin_ns: int | None = None
        self._pts = -1

    @property
    def size_wh(self) -> tuple[int, int] | None:
        """Width and height of the open context, None before the first picture."""
        return (self._context.width, self._context.height) if self._context else None

    def reset(self) -> None:
        """Has the next picture open a new codec context; numbers and times go on."""
        self._context = None

    def encode(self, picture: Picture, keyframe: bool) -> EncodedPicture:
        """The picture encoded, as a keyframe where asked for or where the size has changed.

        Raises:
            av.FFmpegError: the codec failed.
        """
        if self.size_wh != picture.size_wh:
            self._context = self._open(picture.size_wh)
        assert self._context is not None
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture.yuv420p), format="yuv420p")
        frame.pts, frame.time_base = self._next_pts(picture.t_ns), TIME_BASE
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = self._context.encode(frame)
        if len(packets) != 1:
            raise RuntimeError(f"encoder {self.codec}: expected one packet a picture, got {len(packets)}")
        packet = packets[0]
        packet.time_base = TIME_BASE
        self._index += 1
        return EncodedPicture(self._index, self.codec, packet.is_keyframe, picture.seq, picture.t_ns, packet)

    def _next_pts(self, t_ns: int) -> int:
        if self._origin_ns is None:
            self._origin_ns = t_ns
        # 90 kHz is 9 ticks each 100 us; codecs refuse a pts that does not rise
        self._pts = max((t_ns - self._origin_ns) * 9 // 100_000, self._pts + 1)
        return self._pts

    def _open(self, size_wh: tuple[int, int]) -> VideoCodecContext:
        name = "libx264" if self.codec == "H264" else "libvpx"
        context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
        context.width, context.height = size_wh
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(self._fps).limit_denominator(1001)
        context.time_base = TIME_BASE
        context.bit_rate = self.bitrate
        context.gop_size = NO_PERIODIC_KEYFRAMES
        # said in the stream, for a browser that is not told takes H.264 for BT.709 and shifts the skin
        context.colorspace, context.color_primaries = BT601, BT601
        context.color_trc, context.color_range = BT601, LIMITED_RANGE
        # one thread: frame threads add pictures of delay, and the cores belong to the model
        context.thread_count = 1
        rate = str(self.bitrate)
        if self.codec == "H264":
            context.profile = "Baseline"
            context.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "forced-idr": "1",
                "maxrate": rate,
                "bufsize": str(round(self.bitrate * VBV_PICTURES / self._fps)),
            }
        else:
            context.qmin, context.qmax = 2, 56
            context.options = {
                "deadline": "realtime",
                "cpu-used": "-6",
                "lag-in-frames": "0",
                "minrate": rate,  # equal to maxrate and bit rate: constant bit rate
                "maxrate": rate,
                "bufsize": rate,
                "static-thresh": "1",
                "undershoot-pct": "100",
                "overshoot-pct": "15",
            }
        return context


class SharedEncoder:
    """One encoder thread for one codec of one stream; the newest picture wins when it cannot keep up.

    A codec that fails is opened anew, and the first picture after that is a keyframe.
    """

    def __init__(
        self,
        name: str,
        pictures: Fanout[Picture],
        coder: Coder,
        deliver: Callable[[EncodedPicture], None],
        on_error: Callable[[str, BaseException], None],
        on_recovered: Callable[[str], None] | None = None,
    ) -> None:
        """Makes the encoder without starting it.

        Args:
            name: the stream's name, for the thread's.
            pictures: where the pictures come from.
            coder: does the encoding.
            deliver: called on the encoder's thread with each encoded picture; must return at once.
            on_error: called on that thread with its name and the exception, at each failure.
            on_recovered: called on that thread with its name when it encodes again.
        """
        self.coder = coder
        self.encode_ms = Durations()
        self.rate = Rate()
        self.keyframes = 0
        self._pictures, self._deliver = pictures, deliver
        self._slot: Slot[Picture] = Slot()
        self._lock = threading.Lock()
        self._wanted = True
        self._keyframe_ns = -KEYFRAME_INTERVAL_NS
        self._worker = Supervised(
            f"encoder-{coder.codec.lower()}-{name}",
            self._make,
            wake=self._slot.close,
            on_error=on_error,
            on_recovered=on_recovered,
        )

    def start(self) -> None:
        """Starts the thread and takes pictures from now on."""
        self._worker.start()
        self._pictures.subscribe(self._slot.put)

    def request_stop(self) -> None:
        """Takes no further picture and asks the thread to end, without waiting."""
        self._pictures.unsubscribe(self._slot.put)
        self._worker.request_stop()

    def stop(self) -> bool:
        """Ends the thread; True if it has ended. Can be called twice."""
        self.request_stop()
        return self._worker.stop()

    def request_keyframe(self) -> None:
        """Has a keyframe made soon: at once, or when the last one is 0.3 s old. Any thread."""
        with self._lock:
            self._wanted = True

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._worker.alive

    @property
    def dropped(self) -> int:
        """How many pictures came while the one before was still waiting to be encoded."""
        return self._slot.dropped

    def status(self) -> dict[str, object]:
        """What the status says of this encoder."""
        return {
            "codec": self.coder.codec,
            "size": self.coder.size_wh,
            "fps": round(self.rate.per_s(now_ns()), 1),
            "encode_ms": self.encode_ms.summary(),
            "keyframes": self.keyframes,
            "dropped": self.dropped,
            "failures": self._worker.failures,
        }

    def _make(self, _life: Life) -> _Coding:
        self.coder.reset()
        self.request_keyframe()
        return _Coding(self)

    def encode_next(self) -> bool:
        """Waits for a picture and delivers it encoded; True if one came. On the encoder's thread."""
        picture = self._slot.take(timeout_s=0.5)
        if picture is None:
            return False
        start_ns = now_ns()
        keyframe = self._take_request(start_ns)
        encoded = self.coder.encode(picture, keyframe)
        if encoded.keyframe:
            self.keyframes += 1
            self._keyframe_ns = start_ns
        end_ns = now_ns()
        self.encode_ms.add_ns(end_ns - start_ns)
        self.rate.mark(end_ns)
        self._deliver(encoded)
        return True

    def _take_request(self, t_ns: int) -> bool:
        with self._lock:
            due = self._wanted and t_ns - self._keyframe_ns >= KEYFRAME_INTERVAL_NS
            if due:
                self._wanted = False
            return due


class _Coding:
    """The supervised part: an open codec while it works."""

    def __init__(self, encoder: SharedEncoder) -> None:
        self._encoder = encoder

    def step(self) -> bool:
        return self._encoder.encode_next()

    def close(self) -> None:
        self._encoder.coder.reset()
