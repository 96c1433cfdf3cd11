"""The capture thread: publishes, reopens what is lost, says what it does, and ends when told."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable

import numpy as np
import pytest

from realtime.capture.browser import PushSource
from realtime.capture.source import NoPicture, Reading
from realtime.capture.thread import Capture, fit
from realtime.clock import NS_PER_S
from realtime.errors import SourceError, SourceLostError
from realtime.slot import Fanout
from realtime.values import Frame, ImageU8

WAIT_S = 5.0  # only a failing test waits so long


class ScriptedSource:
    """Gives what its script says: a reading, or an error to raise; at the end of the script, the end."""

    live, dropped = True, 0

    def __init__(self, *script: Reading | Exception, description: str = "scripted") -> None:
        self.script, self.description, self.choice_reason = list(script), description, "because"
        self.closed = 0
        self.threads = {threading.current_thread().name}

    def read(self) -> Reading:
        self.threads.add(threading.current_thread().name)
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed += 1


def grey(t_ns: int = 0, height: int = 48, width: int = 64) -> tuple[ImageU8, int]:
    return np.full((height, width, 3), 9, np.uint8), t_ns


def opens(*openings: Callable[[], ScriptedSource] | Exception) -> Callable[[], ScriptedSource]:
    """An opener that goes through the given openings."""
    left = list(openings)

    def open_next() -> ScriptedSource:
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step()

    return open_next


class Run:
    """A capture, what it published, and its waits, which take no time."""

    def __init__(
        self, opener: Callable[[], ScriptedSource], first_seq: int = 0, max_side: int = 1920
    ) -> None:
        self.frames: list[Frame] = []
        self.states: list[str] = []
        self.waits: list[float] = []
        self.errors: list[tuple[str, BaseException]] = []
        fanout: Fanout[Frame] = Fanout()
        fanout.subscribe(self.take)
        self.capture = Capture(
            opener,
            fanout,
            clock=lambda: len(self.frames) * NS_PER_S // 10,
            first_seq=first_seq,
            max_side=max_side,
            on_error=lambda name, error: self.errors.append((name, error)),
            wait=self.wait,
        )

    def take(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.states.append(self.capture.state)

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.states.append(self.capture.state)
        return False

    def to_the_end(self) -> Run:
        self.capture.start()
        self.capture.wait_opened(WAIT_S)
        assert self.capture._worker._thread is not None
        self.capture._worker._thread.join(WAIT_S)
        assert not self.capture.alive
        return self


def test_frames_have_rising_numbers_and_strictly_rising_times() -> None:
    source = ScriptedSource(*(grey(t) for t in (100, 200, 200, 150, 300)))
    run = Run(opens(lambda: source), first_seq=40).to_the_end()
    assert [each.seq for each in run.frames] == [40, 41, 42, 43, 44]
    assert [each.t_ns for each in run.frames] == [100, 200, 201, 202, 300]
    assert run.capture.next_seq == 45
    assert run.capture.state == "ended"
    assert run.capture.error is None
    assert source.closed == 1


def test_published_pictures_are_read_only() -> None:
    frame = Run(opens(lambda: ScriptedSource(grey()))).to_the_end().frames[0]
    with pytest.raises(ValueError, match="read-only"):
        frame.image_rgb[0, 0] = 0


def test_the_source_is_opened_read_and_closed_on_the_capture_thread_only() -> None:
    sources: list[ScriptedSource] = []

    def open_source() -> ScriptedSource:
        sources.append(ScriptedSource(grey()))
        return sources[-1]

    Run(opens(open_source)).to_the_end()
    assert sources[0].threads == {"capture"}


def test_a_source_that_cannot_be_opened_at_first_is_the_callers_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = Run(opens(SourceError("clip.mp4: expected a video file, got a directory")))
    run.capture.start()
    with pytest.raises(SourceError, match="got a directory"):
        run.capture.wait_opened(WAIT_S)
    assert run.capture.stop()
    assert run.capture.state == "ended"
    assert run.capture.error is None
    assert "got a directory" in run.capture.status()["problem"]
    assert "Traceback" not in caplog.text


def test_a_lost_source_is_opened_again_with_back_off_and_numbers_go_on() -> None:
    lost = SourceLostError("camera: no picture any more")
    first = ScriptedSource(grey(10), grey(20), lost)
    gone = [SourceError("camera: no such device")] * 5
    second = ScriptedSource(grey(5), lost)
    third = ScriptedSource(grey(50))
    run = Run(opens(lambda: first, *gone, lambda: second, lambda: third)).to_the_end()
    assert run.waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 0.5]  # a picture makes it start from 0.5 s again
    assert [each.seq for each in run.frames] == [0, 1, 2, 3]
    assert [each.t_ns for each in run.frames] == [10, 20, 21, 50]
    assert run.states == ["live", "live", *["lost"] * 6, "live", "lost", "live"]
    assert run.capture.status()["losses"] == 2
    assert (first.closed, second.closed, third.closed) == (1, 1, 1)
    assert run.errors == []


def test_status_says_what_is_lost_and_forgets_it_when_it_is_back() -> None:
    problems = []
    run = Run(
        opens(
            lambda: ScriptedSource(grey(), SourceLostError("no picture any more"), description="camera 7"),
            lambda: ScriptedSource(grey(), description="camera 7"),
        )
    )
    run.wait = lambda seconds: problems.append(run.capture.status()) or False  # type: ignore[func-returns-value,method-assign]
    run.capture._wait = run.wait
    run.to_the_end()
    assert problems[0]["state"] == "lost"
    assert problems[0]["source"] == "camera 7"
    assert problems[0]["problem"] == "no picture any more"
    assert run.capture.status()["problem"] == ""


def test_status_has_rates_counts_and_the_reason() -> None:
    run = Run(opens(lambda: ScriptedSource(*(grey(t) for t in range(11))))).to_the_end()
    status = run.capture.status()
    assert status["fps"] == pytest.approx(10, abs=0.5)
    assert status["frames"] == 11
    assert status["size"] == (64, 48)
    assert (status["source"], status["reason"]) == ("scripted", "because")


def test_an_unexpected_error_is_a_loss_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    source = ScriptedSource(grey(), RuntimeError("driver bug"))
    run = Run(opens(lambda: source, RuntimeError("again"), lambda: ScriptedSource(grey()))).to_the_end()
    assert run.errors == []
    assert run.waits == [0.5, 1.0]
    assert len(run.frames) == 2
    assert "source lost: RuntimeError: driver bug" in caplog.text
    assert source.closed == 1


def test_garbage_is_dropped_and_counted_and_a_loss_when_nothing_else_comes() -> None:
    garbage = (np.zeros((1, 1, 3), np.uint8), 5)
    now = [0]
    source = ScriptedSource(grey(), garbage, grey(), *[garbage] * 6, description="camera 7")
    read = source.read

    def second_by_second() -> Reading:
        now[0] += NS_PER_S
        return read()

    source.read = second_by_second  # type: ignore[method-assign]
    run = Run(opens(lambda: source, lambda: ScriptedSource(grey())))
    run.capture._clock = lambda: now[0]
    run.to_the_end()
    assert len(run.frames) == 3
    assert run.waits == [0.5]
    assert run.capture.status()["losses"] == 1
    assert 4 <= run.capture.status()["unusable"] <= 7


@pytest.mark.parametrize(("noisy", "losses", "waits", "frames"), [(False, 0, 0, 17), (True, 1, 2, 6)])
def test_a_camera_whose_picture_stands_still_is_opened_again_and_others_are_not(
    noisy: bool, losses: int, waits: int, frames: int
) -> None:
    now = [0]

    class Still(ScriptedSource):
        """A picture each second."""

        def read(self) -> Reading:
            now[0] += NS_PER_S
            return super().read()

    def still() -> ScriptedSource:
        source = Still(*(grey() for _ in range(16 if not noisy else 8)))
        source.noisy = noisy  # type: ignore[attr-defined]
        if not noisy:
            source.script.append((np.full((48, 64, 3), 60, np.uint8), 0))
        return source

    moved = Still((np.full((48, 64, 3), 60, np.uint8), 0))
    run = Run(opens(still, still, lambda: moved))
    run.capture._clock = lambda: now[0]
    run.to_the_end()
    assert run.capture.status()["losses"] == losses
    assert len(run.waits) == waits, "what stands still after it was opened again is lost at once"
    assert len(run.frames) == frames


def test_a_read_that_does_not_return_is_a_silence() -> None:
    now = [0]
    capture = Capture(ScriptedSource, Fanout(), clock=lambda: now[0])
    capture._state, capture._asked_ns = "live", 0
    said = [(str(capture.state), capture.problem)]
    now[0] = 4 * NS_PER_S
    said.append((capture.state, capture.problem))
    capture._asked_ns = None
    said.append((capture.state, capture.problem))
    assert said == [("live", ""), ("lost", "no picture for 4 s"), ("live", "")]


def test_an_unexpected_error_at_opening_does_not_leave_the_caller_waiting() -> None:
    run = Run(opens(RuntimeError("driver bug")))
    run.capture.start()
    assert run.capture.wait_opened(WAIT_S)
    assert run.capture.stop()
    assert isinstance(run.capture.error, RuntimeError)


def test_waiting_for_a_sender_is_a_state_of_its_own() -> None:
    browser = PushSource(wait_s=0.001)
    frames: queue.Queue[Frame] = queue.Queue()
    fanout: Fanout[Frame] = Fanout()
    fanout.subscribe(frames.put)
    waited = threading.Event()
    read = browser.read

    def read_and_tell() -> Reading:
        if capture.state == "waiting":
            waited.set()
        return read()

    browser.read = read_and_tell  # type: ignore[method-assign]
    capture = Capture(lambda: browser, fanout)
    capture.start()
    assert capture.wait_opened(WAIT_S)
    assert waited.wait(WAIT_S)
    assert capture.status()["source"] == "waiting for a browser camera"
    browser.push(*grey(7))
    assert frames.get(timeout=WAIT_S).t_ns == 7
    assert capture.status()["state"] == "live"
    waited.clear()
    browser.sender_gone()
    assert waited.wait(WAIT_S)
    assert capture.stop()
    assert capture.stop()
    assert capture.status()["state"] == "ended"


def test_stop_interrupts_the_back_off_and_can_be_called_before_start_and_twice() -> None:
    lost = threading.Event()

    def open_source() -> ScriptedSource:
        lost.set()
        return ScriptedSource(SourceLostError("gone"))

    capture = Capture(open_source, Fanout())
    assert capture.stop()
    capture = Capture(open_source, Fanout())
    capture.start()
    capture.start()
    assert lost.wait(WAIT_S)
    assert capture.stop()
    assert capture.stop()
    assert not capture.alive


def test_a_second_capture_goes_on_with_the_numbers() -> None:
    one = Run(opens(lambda: ScriptedSource(grey(), grey()))).to_the_end()
    two = Run(opens(lambda: ScriptedSource(grey())), first_seq=one.capture.next_seq).to_the_end()
    seqs = [each.seq for each in one.frames + two.frames]
    assert {b - a for a, b in itertools.pairwise(seqs)} == {1}


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (48, 64, (48, 64)),
        (49, 65, (48, 64)),
        (1080, 1920, (1080, 1920)),
        (2160, 3840, (1080, 1920)),
        (3840, 2161, (1920, 1080)),
        (3, 5000, (2, 1920)),
    ],
)
def test_pictures_are_made_even_and_not_too_large(height: int, width: int, expected: tuple[int, int]) -> None:
    image = fit(np.zeros((height, width, 3), np.uint8), 1920)
    assert image.shape == (*expected, 3)
    assert image.flags.c_contiguous


def test_odd_pictures_are_cut_not_scaled() -> None:
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    np.testing.assert_array_equal(fit(image, 1920), image[:4, :6])


def test_not_yet_without_a_sender_to_wait_for_stays_live() -> None:
    source = ScriptedSource(grey(1), NoPicture.YET, grey(2))
    assert Run(opens(lambda: source)).to_the_end().states == ["live", "live"]
