"""The monitor as a whole: what no single rule can know. The scenarios are in test_replay.py."""

from __future__ import annotations

from realtime.clock import to_ns
from realtime.driver.actor import Actor
from realtime.driver.monitor import DriverMonitor, Update
from realtime.driver.state import CALIBRATING, UNCALIBRATED, WATCHING, DriverState
from tests.driver_faces import GOOD_VIEW, a_measure, times


def run(monitor: DriverMonitor, actor: Actor, start_s: float = 0.0) -> list[Update]:
    updates = []
    for row in actor.trace().rows:
        face, quality = row.faces[0] if row.faces else (None, None)
        updates.append(monitor.update(row.t_ns + to_ns(start_s), face, quality, row.speed_kmh))
    return updates


def calibrated() -> DriverMonitor:
    monitor = DriverMonitor()
    run(monitor, Actor("calm", 12).blinks(0, 12))
    assert monitor.baseline is not None
    return monitor


def state_at(updates: list[Update], t_s: float) -> DriverState:
    return max((each.state for each in updates if each.state.t_ns <= to_ns(t_s)), key=lambda s: s.t_ns)


def test_the_words_tell_how_far_it_is() -> None:
    monitor = DriverMonitor()
    assert monitor.update(0, None, None).state.word == UNCALIBRATED
    updates = run(monitor, Actor("calm", 10), start_s=0.1)
    assert state_at(updates, 4).word == CALIBRATING
    assert 0.3 < state_at(updates, 4).progress < 0.7
    assert state_at(updates, 9.5).word == WATCHING


def test_nothing_is_said_of_the_eyes_before_the_calibration() -> None:
    updates = run(DriverMonitor(), Actor("asleep", 20).close(1, 18))
    assert all(each.changes == () for each in updates)
    assert {each.state.eyes for each in updates} == {"unknown"}
    assert updates[-1].state.word == CALIBRATING


def test_recalibration_serves_the_old_baseline_until_then() -> None:
    monitor = calibrated()
    monitor.recalibrate()
    updates = run(monitor, Actor("asleep", 14).close(2, 2), start_s=12)
    assert state_at(updates, 13).word == CALIBRATING
    assert [each.condition.reason for update in updates for each in update.changes if each.active][-1:] == [
        "microsleep"
    ]
    assert updates[-1].state.word == WATCHING


def test_an_alert_outlives_a_lost_face_and_ends_with_open_eyes() -> None:
    monitor = calibrated()
    updates = run(monitor, Actor("lost", 20).close(2, 3.4).act("present", 5.2, 8, 0.0), start_s=12)
    assert state_at(updates, 12 + 12).level == 4, "nobody has seen open eyes since"
    assert state_at(updates, 12 + 12).eyes == "unknown"
    assert state_at(updates, 12 + 19).level == 0


def test_standing_still_nobody_is_woken() -> None:
    updates = run(calibrated(), Actor("rest", 12).close(2, 5).act("speed", -1, 30, 0.0), start_s=12)
    assert all(each.changes == () for each in updates)


def test_frames_that_do_not_come_later_change_nothing() -> None:
    monitor = calibrated()
    closed = a_measure(eye_right=0.02, eye_left=0.02)
    before = monitor.update(to_ns(13), a_measure(), GOOD_VIEW)
    for _ in range(100):
        assert monitor.update(to_ns(12.5), closed, GOOD_VIEW).state == before.state
        assert monitor.update(to_ns(13), closed, GOOD_VIEW).state == before.state


def test_another_driver_after_a_long_absence_is_learnt_anew() -> None:
    monitor = calibrated()
    for t_ns in times(12, 45, 10):
        monitor.update(t_ns, None, None)
    assert monitor.baseline is not None
    state = monitor.update(to_ns(46), a_measure(face_id=2), GOOD_VIEW).state
    assert monitor.baseline is None
    assert state.eyes == "unknown"


def test_acknowledging_silences_what_stands() -> None:
    monitor = calibrated()
    updates = run(monitor, Actor("glance", 6).look(1, 5.0, yaw=-40), start_s=12)
    assert updates[-1].state.alerts[0].audible
    (answered,) = monitor.acknowledge()
    assert answered.condition.rule == "glance"
    assert not answered.audible


def test_the_percentages_rise_with_what_they_stand_for() -> None:
    monitor = calibrated()
    updates = run(monitor, Actor("both", 12).look(1, 2, yaw=-40).close(6, 1.9), start_s=12)
    assert 40 < state_at(updates, 14.8).distraction < 70
    assert state_at(updates, 14.8).fatigue == 0
    assert state_at(updates, 19.8).fatigue > 80


def test_what_becomes_unknown_does_not_lower_the_percentages() -> None:
    monitor = calibrated()
    updates = run(monitor, Actor("gone", 12).close(2, 3.4).act("present", 5.2, 6, 0.0), start_s=12)
    assert state_at(updates, 12 + 10).fatigue >= 75
    assert state_at(updates, 12 + 10).eyes == "unknown"
