"""Pushed pictures as a source."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from realtime.capture.browser import PushSource
from realtime.capture.source import NoPicture
from realtime.clock import NS_PER_S
from realtime.values import ImageU8


def grey(value: int) -> ImageU8:
    return np.full((48, 64, 3), value, np.uint8)


def test_waiting_for_the_first_picture_is_no_error() -> None:
    source = PushSource(wait_s=0.001)
    assert source.read() is NoPicture.NO_SENDER
    assert source.waiting
    assert source.description == "waiting for a browser camera"


def test_the_newest_wins_and_the_others_are_counted() -> None:
    source = PushSource(wait_s=0.001)
    for i in range(3):
        source.push(grey(i), 100 + i)
    reading = source.read()
    assert reading is not None
    assert not isinstance(reading, NoPicture)
    assert (int(reading[0][0, 0, 0]), reading[1]) == (2, 102)
    assert source.dropped == 2
    assert source.read() is NoPicture.YET
    assert source.description == "browser camera 64x48"


def test_a_push_wakes_a_waiting_read() -> None:
    source = PushSource(wait_s=10)
    sender = threading.Timer(0.02, source.push, (grey(1), 5))
    sender.start()
    reading = source.read()
    sender.join()
    assert reading not in (None, *NoPicture)


def test_a_sender_that_left_or_fell_silent_is_waited_for() -> None:
    now = 0
    source = PushSource(wait_s=0.001, silent_s=2, clock=lambda: now)
    source.push(grey(1), 0)
    assert not source.waiting
    now = 3 * NS_PER_S
    assert source.waiting
    source.push(grey(1), now)
    assert not source.waiting
    source.sender_gone()
    assert source.waiting
    assert source.read() is NoPicture.NO_SENDER  # a picture from before is not shown as new
    source.push(grey(1), now)
    assert source.read() not in (None, *NoPicture)


def test_close_wakes_a_waiting_read_with_the_end() -> None:
    source = PushSource(wait_s=10)
    closer = threading.Timer(0.02, source.close)
    closer.start()
    assert source.read() is None
    closer.join()
    source.close()
    assert source.read() is None


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"PushSource\.push"):
        PushSource().push(np.zeros((4, 4), np.uint8), 0)
