from __future__ import annotations

import os
import sys
import threading

import pytest

from realtime.worker import Worker, yield_to_others


def test_setup_steps_and_teardown_run_on_one_thread() -> None:
    names: list[str] = []
    stepped = threading.Event()

    def note() -> None:
        names.append(threading.current_thread().name)

    def step() -> None:
        note()
        stepped.set()

    worker = Worker("w", step, setup=note, teardown=note)
    worker.start()
    worker.start()
    assert stepped.wait(5)
    assert worker.stop()
    assert worker.stop()
    assert not worker.alive
    assert set(names) == {"w"}
    assert len(names) >= 3


def test_first_error_is_kept_reported_and_torn_down(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, BaseException]] = []
    torn = threading.Event()

    def step() -> None:
        raise RuntimeError("boom")

    worker = Worker("bad", step, teardown=torn.set, on_error=lambda name, error: told.append((name, error)))
    worker.start()
    assert torn.wait(5)
    assert worker.stop()
    assert str(worker.error) == "boom"
    assert [name for name, _ in told] == ["bad"]
    assert "bad ended with an error" in caplog.text


def test_stop_before_start_and_start_after_stop_do_nothing() -> None:
    worker = Worker("w", lambda: None)
    assert worker.stop()
    worker.start()
    assert not worker.alive


def test_a_thread_that_does_not_end_is_named(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    entered = threading.Event()

    def step() -> None:
        entered.set()
        release.wait(30)

    worker = Worker("slow", step)
    worker.start()
    assert entered.wait(5)
    assert not worker.stop(timeout_s=0.01)
    assert "thread slow did not end" in caplog.text
    release.set()
    assert worker.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads priorities of their own")
def test_yielding_lowers_this_thread_alone() -> None:
    found: list[int] = []

    def lower() -> None:
        yield_to_others(7)
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=lower)
    thread.start()
    thread.join(5)
    assert found == [7]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_a_sandbox_that_forbids_priorities_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr("realtime.worker.os.setpriority", forbidden)
    yield_to_others(7)
