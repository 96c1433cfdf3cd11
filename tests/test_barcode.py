from __future__ import annotations

import numpy as np
import pytest

from realtime import barcode
from realtime.values import Picture
from tests.picture_producer import ProducerServed, ProducerStream, pattern, to_picture


@pytest.mark.parametrize("t_ns", [0, 1_234_567_890_123, 98_765_432_109_876, 10**18 + 7 * 10**8])
def test_the_time_comes_back_from_the_pixels(t_ns: int) -> None:
    picture = barcode.paint(to_picture(3, t_ns, pattern(3, (640, 480))))
    assert barcode.read(picture.yuv420p) == t_ns // 100_000 % (1 << 26)
    assert (picture.seq, picture.t_ns, picture.size_wh) == (3, t_ns, (640, 480))


def test_noise_and_scaled_contrast_are_survived_and_other_pictures_are_not_read() -> None:
    picture = barcode.paint(to_picture(0, 5 * 10**12, pattern(0, (640, 480))))
    noise = np.random.default_rng(0).normal(0, 15, picture.yuv420p.shape)
    noisy = (picture.yuv420p * 0.8 + 20 + noise).clip(0, 255).astype(np.uint8)
    assert barcode.read(noisy) == barcode.ticks(5 * 10**12)
    assert barcode.read(np.full((480, 640), 90, np.uint8)) is None


def test_a_wrong_bit_is_noticed() -> None:
    picture = barcode.paint(to_picture(0, 5 * 10**12, pattern(0, (640, 480))))
    unread = 0
    for cell in range(2, barcode.CELLS):
        wrong = picture.yuv420p.copy()
        part = wrong[:16, cell * 16 : cell * 16 + 16]
        part[:] = 251 - part
        unread += barcode.read(wrong) is None
    assert unread == barcode.CELLS - 2


def test_only_the_barcode_is_painted_and_the_original_stays() -> None:
    original = to_picture(0, 10**12, pattern(0, (640, 480)))
    before = original.yuv420p.copy()
    painted = barcode.paint(original)
    assert np.array_equal(original.yuv420p, before)
    changed = np.flatnonzero((painted.yuv420p != before).any(axis=1))
    assert set(changed) <= {*range(16), *range(480, 484), *range(600, 604)}


def test_a_picture_that_is_too_narrow_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 512 wide, got 320"):
        barcode.paint(to_picture(0, 0, pattern(0, (320, 240))))


def test_a_wrapped_stream_paints_only_when_somebody_takes_the_pictures() -> None:
    stream = ProducerStream()
    served = barcode.BarcodedServed(ProducerServed(stream))
    got: list[Picture] = []
    picture = to_picture(0, 7 * 10**12, pattern(0, (640, 480)))
    stream.pictures.publish(picture)
    served.streams["main"].pictures.subscribe(got.append)
    stream.pictures.publish(picture)
    assert [barcode.read(each.yuv420p) for each in got] == [barcode.ticks(7 * 10**12)]
    served.close()
    stream.pictures.publish(picture)
    assert len(got) == 1
    assert served.health() == {"ok": True, "problems": []}
