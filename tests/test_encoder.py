from __future__ import annotations

import queue
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from realtime.serving.encoder import KEYFRAME_INTERVAL_NS, Codec, Coder, EncodedPicture, SharedEncoder
from realtime.slot import Fanout
from realtime.values import Picture
from tests.picture_producer import PATCH_RGB, PATCH_SIDE, pattern, to_picture

SIZE = (320, 240)
CODECS: list[Codec] = ["H264", "VP8"]
MS = 1_000_000


def picture(seq: int, t_ms: float | None = None, size_wh: tuple[int, int] = SIZE) -> Picture:
    return to_picture(seq, round((seq * 33 if t_ms is None else t_ms) * MS), pattern(seq, size_wh))


def decode(codec: Codec, packets: list[EncodedPicture]) -> list[Any]:
    decoder = av.CodecContext.create("h264" if codec == "H264" else "vp8", "r")
    frames = []
    for each in packets:
        frames += decoder.decode(av.Packet(bytes(each.packet)))
    return [*frames, *decoder.decode(None)]


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_come_back_from_a_decoder(codec: Codec) -> None:
    coder = Coder(codec, 1_000_000, 30)
    encoded = [coder.encode(picture(seq), False) for seq in range(12)]
    assert [each.keyframe for each in encoded] == [True] + [False] * 11
    assert [each.index for each in encoded] == list(range(1, 13))
    frames = decode(codec, encoded)
    assert len(frames) == 12
    image = frames[-1].to_ndarray(format="rgb24", src_colorspace="ITU601")
    patch = image[-PATCH_SIDE + 20 : -20, 20 : PATCH_SIDE - 20].mean(axis=(0, 1))
    assert np.abs(patch - PATCH_RGB).max() < 12
    assert np.abs(image.astype(float) - pattern(11, SIZE)).mean() < 15


@pytest.mark.parametrize("codec", CODECS)
def test_time_stamps_are_capture_times_at_90_khz_and_rise(codec: Codec) -> None:
    coder = Coder(codec, 1_000_000, 30)
    times_ms = [5000.0, 5033.5, 5100.0, 5100.0, 5090.0, 5200.0]
    encoded = [coder.encode(picture(seq, t_ms), False) for seq, t_ms in enumerate(times_ms)]
    stamps = [each.packet.pts for each in encoded]
    assert stamps == [0, 3015, 9000, 9001, 9002, 18000]
    assert all(each.packet.time_base == Fraction(1, 90_000) for each in encoded)


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_on_request_can_be_decoded_alone(codec: Codec) -> None:
    coder = Coder(codec, 1_000_000, 30)
    encoded = [coder.encode(picture(seq), seq == 7) for seq in range(10)]
    assert [each.index for each in encoded if each.keyframe] == [1, 8]
    assert len(decode(codec, encoded[7:])) == 3


@pytest.mark.parametrize("codec", CODECS)
def test_a_new_size_opens_a_new_encoder_with_a_keyframe(codec: Codec) -> None:
    coder = Coder(codec, 1_000_000, 30)
    encoded = [coder.encode(picture(seq), False) for seq in range(3)]
    encoded += [coder.encode(picture(seq, size_wh=(352, 288)), False) for seq in range(3, 6)]
    assert [each.keyframe for each in encoded] == [True, False, False, True, False, False]
    assert coder.size_wh == (352, 288)
    assert [(each.width, each.height) for each in decode(codec, encoded)][-1] == (352, 288)
    stamps = [each.packet.pts or 0 for each in encoded]
    assert stamps == sorted(set(stamps))


def test_rate_and_keyframe_size_are_bounded() -> None:
    bitrate = 500_000
    coder = Coder("H264", bitrate, 30)
    noise = np.random.default_rng(0)
    sizes = []
    for seq in range(60):
        image = pattern(seq, SIZE).astype(int) + noise.normal(0, 12, (SIZE[1], SIZE[0], 3))
        encoded = coder.encode(to_picture(seq, seq * 33 * MS, image.clip(0, 255).astype(np.uint8)), seq == 30)
        sizes.append(len(bytes(encoded.packet)) * 8)
    assert sum(sizes[30:]) < bitrate * 1.4
    assert max(sizes) < bitrate / 30 * 8


class Encoding:
    """A shared encoder on a fanout of its own, with what it delivers."""

    def __init__(self, codec: Codec = "H264") -> None:
        self.pictures: Fanout[Picture] = Fanout()
        self.delivered: queue.Queue[EncodedPicture] = queue.Queue()
        self.errors: queue.Queue[tuple[str, BaseException]] = queue.Queue()
        self.encoder = SharedEncoder(
            "test",
            self.pictures,
            Coder(codec, 500_000, 30),
            self.delivered.put,
            lambda name, error: self.errors.put((name, error)),
        )

    def give(self, seq: int) -> EncodedPicture:
        self.pictures.publish(picture(seq))
        return self.delivered.get(timeout=5)


@pytest.fixture
def encoding() -> Iterator[Encoding]:
    made = Encoding()
    made.encoder.start()
    yield made
    assert made.encoder.stop()


def test_the_thread_encodes_what_is_published_and_takes_nothing_after_stop(encoding: Encoding) -> None:
    assert [encoding.give(seq).seq for seq in range(5)] == list(range(5))
    assert len(encoding.pictures) == 1
    assert encoding.encoder.stop()
    assert encoding.encoder.stop()
    assert len(encoding.pictures) == 0
    assert not encoding.encoder.alive


def test_requests_for_keyframes_are_coalesced(encoding: Encoding, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10 * KEYFRAME_INTERVAL_NS]
    monkeypatch.setattr("realtime.serving.encoder.now_ns", lambda: now[0])
    assert encoding.give(0).keyframe
    keys = []
    for seq in range(1, 31):
        now[0] += 33 * MS
        encoding.encoder.request_keyframe()  # a storm: one with every picture
        keys.append(encoding.give(seq).keyframe)
    # 30 pictures are 0.99 s: keyframes at 0.33, 0.66 and 0.99 s after the first
    assert [index for index, key in enumerate(keys) if key] == [9, 19, 29]
    assert encoding.encoder.keyframes == 4


def test_one_request_one_keyframe(encoding: Encoding, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10 * KEYFRAME_INTERVAL_NS]
    monkeypatch.setattr("realtime.serving.encoder.now_ns", lambda: now[0])
    encoding.give(0)
    now[0] += KEYFRAME_INTERVAL_NS
    encoding.encoder.request_keyframe()
    assert [encoding.give(seq).keyframe for seq in range(1, 6)] == [True, False, False, False, False]


def test_a_failing_codec_is_reported_and_opened_anew_with_a_keyframe(
    encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> EncodedPicture:
        raise RuntimeError("codec broke")

    before = [encoding.give(seq) for seq in range(3)]
    with monkeypatch.context() as broken:
        broken.setattr(encoding.encoder.coder, "encode", fail)
        encoding.pictures.publish(picture(3))
        name, error = encoding.errors.get(timeout=5)
    assert name == "encoder-h264-test"
    assert str(error) == "codec broke"
    after = encoding.give(4)
    assert after.keyframe, "viewers can go on at once"
    assert after.index == before[-1].index + 1
    assert after.packet.pts is not None
    assert after.packet.pts > (before[-1].packet.pts or 0), "times go on rising"
    assert encoding.encoder.status()["failures"] == 1
