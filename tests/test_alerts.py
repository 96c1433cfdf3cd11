from __future__ import annotations

from realtime.clock import to_ns
from realtime.driver.alerts import EMERGENCY, NONE, NOTE, SOFT, URGENT, WARNING, Alerts, Condition


def condition(rule: str, level: int, **more: float | bool) -> Condition:
    return Condition(rule, level, f"{rule} is {level}", 1.0, 0.5, **more)  # type: ignore[arg-type]


def test_only_changes_are_told() -> None:
    alerts = Alerts()
    assert alerts.update(0, [condition("closure", NONE)]) == ()
    begun = alerts.update(1, [condition("closure", NOTE)])
    assert [(each.condition.level, each.previous, each.audible) for each in begun] == [(NOTE, NONE, False)]
    assert alerts.update(2, [condition("closure", NOTE)]) == ()
    risen = alerts.update(3, [condition("closure", WARNING)])
    assert [(each.condition.level, each.previous, each.since_ns) for each in risen] == [(WARNING, NOTE, 1)]
    ended = alerts.update(4, [condition("closure", NONE)])
    assert [(each.active, each.previous) for each in ended] == [(False, WARNING)]
    assert ended[0].condition.reason == "closure is 3"
    assert alerts.active == ()


def test_drowsiness_outranks_the_rest() -> None:
    alerts = Alerts()
    alerts.update(0, [condition("glance", EMERGENCY), condition("perclos", SOFT), condition("yawn", NOTE)])
    assert [each.condition.rule for each in alerts.active] == ["perclos", "glance", "yawn"]
    alerts.update(1, [condition("perclos", NONE), condition("closure", NOTE)])
    assert alerts.active[0].condition.rule == "glance", "a note outranks nothing"


def test_an_acknowledged_alert_is_silent_until_it_rises() -> None:
    alerts = Alerts()
    alerts.update(0, [condition("glance", WARNING)])
    assert alerts.active[0].audible
    assert [each.acknowledged for each in alerts.acknowledge()] == [True]
    assert not alerts.active[0].audible
    assert alerts.acknowledge() == ()
    alerts.update(1, [condition("glance", URGENT)])
    assert alerts.active[0].audible


def test_sleep_cannot_be_acknowledged_away() -> None:
    alerts = Alerts()
    alerts.update(0, [condition("closure", URGENT)])
    assert alerts.acknowledge() == ()
    assert alerts.active[0].audible


def test_cooldown_holds_back_what_is_not_worse() -> None:
    alerts = Alerts()
    alerts.update(0, [condition("perclos", SOFT, cooldown_s=60)])
    alerts.update(1, [condition("perclos", NONE, cooldown_s=60)])
    assert alerts.update(to_ns(30), [condition("perclos", SOFT)]) == ()
    assert len(alerts.update(to_ns(31), [condition("perclos", WARNING)])) == 1
    alerts.update(to_ns(32), [condition("perclos", NONE, cooldown_s=60)])
    assert len(alerts.update(to_ns(93), [condition("perclos", SOFT)])) == 1


def test_silencing_is_a_change() -> None:
    alerts = Alerts()
    alerts.update(0, [condition("glance", WARNING)])
    (changed,) = alerts.update(1, [condition("glance", WARNING, silenced=True)])
    assert not changed.audible
