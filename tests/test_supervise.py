from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from realtime.supervise import FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S, HungError, Life, Supervised, Watchdog

WAIT_S = 20.0  # only a failing test waits so long


class Work:
    """A part that does what the test says next, and notes who did it."""

    def __init__(self) -> None:
        self.fail: Exception | None = None
        self.hang = threading.Event()
        self.release = threading.Event()
        self.entered = threading.Semaphore(0)
        self.lives: list[Life] = []
        self.seen: list[tuple[int, int]] = []  # failures and after_hang of each making
        self.closed = 0
        self.published = threading.Semaphore(0)
        self.late = 0

    def make(self, life: Life) -> Step:
        self.lives.append(life)
        self.seen.append((life.failures, life.after_hang))
        return Step(self, life)


class Step:
    def __init__(self, work: Work, life: Life) -> None:
        self.work, self.life = work, life

    def step(self) -> bool:
        work = self.work
        if work.fail is not None:
            raise work.fail
        if work.hang.is_set():
            work.entered.release()
            assert work.release.wait(WAIT_S)
        if not self.life.in_charge:
            work.late += 1
            return False
        work.published.release()
        threading.Event().wait(0.001)  # as a part that waits for its next picture
        return True

    def close(self) -> None:
        self.work.closed += 1


class Told:
    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.failed = threading.Semaphore(0)
        self.recovered = threading.Semaphore(0)

    def error(self, _name: str, error: BaseException) -> None:
        self.errors.append(error)
        self.failed.release()

    def back(self, _name: str) -> None:
        self.recovered.release()


Start = Callable[[Work, Told], Supervised]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[tuple[Supervised, Work]] = []

    def begin(work: Work, told: Told) -> Supervised:
        made = Supervised(
            "part", work.make, on_error=told.error, on_recovered=told.back, patience_s=1.0, making_s=5.0
        )
        running.append((made, work))
        made.start()
        return made

    yield begin
    for made, work in running:
        work.hang.clear()
        work.release.set()
        assert made.stop()
        assert made.stop()


def test_a_part_that_raises_is_closed_and_made_again_until_it_works(start: Start) -> None:
    work, told = Work(), Told()
    work.fail = RuntimeError("boom")
    part = start(work, told)
    for _ in range(3):
        assert told.failed.acquire(timeout=WAIT_S)
    assert part.error is work.fail
    work.fail = None
    assert told.recovered.acquire(timeout=WAIT_S)
    assert part.error is None
    assert part.alive
    assert part.failures == 3
    assert work.closed == 3
    assert work.seen == [(0, False), (1, False), (2, False), (3, False)]


def test_the_back_off_grows_and_is_bounded() -> None:
    part = Supervised("part", Work().make)
    waits = [part.failed(RuntimeError("boom"), failures) for failures in range(1, 10)]
    assert waits[:3] == [FIRST_BACK_OFF_S, 2 * FIRST_BACK_OFF_S, 4 * FIRST_BACK_OFF_S]
    assert max(waits) == LONGEST_BACK_OFF_S


def test_a_making_that_raises_is_tried_again(start: Start) -> None:
    work, told = Work(), Told()
    make, tries = work.make, [RuntimeError("no such file")]

    def fail_once(life: Life) -> Step:
        if tries:
            raise tries.pop()
        return make(life)

    work.make = fail_once  # type: ignore[method-assign]
    start(work, told)
    assert told.recovered.acquire(timeout=WAIT_S)
    assert [str(each) for each in told.errors] == ["no such file"]


def test_a_part_that_hangs_is_replaced_and_what_it_says_late_is_not_published(start: Start) -> None:
    work, told = Work(), Told()
    part = start(work, told)
    assert work.published.acquire(timeout=WAIT_S)
    work.hang.set()
    assert work.entered.acquire(timeout=WAIT_S)
    part.watch(0.5)  # the first look at this turn
    part.watch(0.5)
    assert part.hangs == 0, "not yet"
    work.hang.clear()
    part.watch(0.6)
    assert part.hangs == 1
    assert isinstance(told.errors[0], HungError)
    assert told.recovered.acquire(timeout=WAIT_S)
    assert work.seen[-1] == (1, True)
    assert work.lives[0].worker.alive, "Python cannot end it"
    work.release.set()
    work.lives[0].worker._thread.join(WAIT_S)  # type: ignore[union-attr]
    assert not work.lives[0].worker.alive, "it ends by itself once it comes back"
    assert work.late == 1
    assert part.alive


def test_a_suspended_process_is_no_hang(start: Start) -> None:
    work, told = Work(), Told()
    part = start(work, told)
    work.hang.set()
    assert work.entered.acquire(timeout=WAIT_S)
    dog = Watchdog(part, every_s=0.01)
    dog._last_ns -= 3_600 * 10**9  # an hour passes between two looks
    for _ in range(5):
        dog._step()
    assert part.hangs == 0


def test_no_more_threads_hang_than_can_be_afforded(start: Start) -> None:
    work, told = Work(), Told()
    part = start(work, told)
    work.hang.set()
    for _ in range(2):
        assert work.entered.acquire(timeout=WAIT_S)
        part.watch(1.5)  # the first look at this turn
        part.watch(1.5)
    assert work.entered.acquire(timeout=WAIT_S)
    for _ in range(5):
        part.watch(1.5)
    assert part.hangs == 2
    assert len([each for each in work.lives if each.worker.alive]) == 3


def test_the_watchdog_looks_by_itself(start: Start) -> None:
    work, told = Work(), Told()
    part = start(work, told)
    dog = Watchdog(part, every_s=0.05)
    dog.worker.start()
    work.hang.set()
    assert told.failed.acquire(timeout=WAIT_S)
    assert dog.worker.stop()
    assert part.hangs == 1
