"""What is told to the driver: levels, cooldown, acknowledgement, and which alert comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from realtime.clock import to_ns

NONE, NOTE, SOFT, WARNING, URGENT, EMERGENCY = range(6)
LEVELS = ("none", "note", "soft", "warning", "urgent", "emergency")
DROWSY_RULES = ("closure", "perclos", "nod")


@dataclass(frozen=True, slots=True)
class Condition:
    """What one rule says in one frame.

    Attributes:
        rule: "closure", "perclos", "nod", "yawn", "glance" or "glances".
        level: NONE to EMERGENCY.
        reason: in words.
        value, threshold: what was measured, and what it is held against.
        window_s: over which span; None where the rule has none.
        silenced: the driver has reacted, the sound stops.
        cooldown_s: after the alert's end, no equal or lower one for this long.
    """

    rule: str
    level: int
    reason: str
    value: float
    threshold: float
    window_s: float | None = None
    silenced: bool = False
    cooldown_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands.

    Attributes:
        condition: what the rule said when it last changed.
        since_ns: when the alert began.
        previous: the level before the last change.
        acknowledged: the driver has answered to this level.
    """

    condition: Condition
    since_ns: int
    previous: int = NONE
    acknowledged: bool = False

    @property
    def active(self) -> bool:
        """False for an alert that has just ended."""
        return self.condition.level > NONE

    @property
    def audible(self) -> bool:
        """Whether its sound is due."""
        return self.condition.level >= SOFT and not (self.acknowledged or self.condition.silenced)


class Alerts:
    """Turns the rules' conditions into alerts and tells what changed."""

    def __init__(self) -> None:
        self._active: dict[str, Alert] = {}
        self._quiet: dict[str, tuple[int, int]] = {}  # rule: until when, up to which level

    @property
    def active(self) -> tuple[Alert, ...]:
        """The alerts that stand, the most important first: drowsy ones outrank the rest."""

        def rank(alert: Alert) -> tuple[bool, int]:
            condition = alert.condition
            return (condition.rule in DROWSY_RULES and condition.level >= SOFT, condition.level)

        return tuple(sorted(self._active.values(), key=rank, reverse=True))

    def update(self, t_ns: int, conditions: Sequence[Condition]) -> tuple[Alert, ...]:
        """Takes what the rules say now; the alerts that began, changed level, were silenced or ended."""
        changes = []
        for condition in conditions:
            before = self._active.get(condition.rule)
            if before is None:
                until_ns, level = self._quiet.get(condition.rule, (0, NONE))
                if condition.level == NONE or (t_ns < until_ns and condition.level <= level):
                    continue
                after = Alert(condition, t_ns)
            else:
                old = before.condition
                if condition.level == old.level and condition.silenced == old.silenced:
                    self._active[condition.rule] = replace(before, condition=condition)
                    continue
                if condition.level == NONE:
                    condition = replace(condition, reason=old.reason)  # noqa: PLW2901  (what has ended)
                answered = before.acknowledged and condition.level <= old.level
                after = Alert(condition, before.since_ns, old.level, answered)
            changes.append(after)
            if after.active:
                self._active[condition.rule] = after
            elif before is not None:
                del self._active[condition.rule]
                self._quiet[condition.rule] = (t_ns + to_ns(condition.cooldown_s), before.condition.level)
        return tuple(changes)

    def end_all(self) -> tuple[Alert, ...]:
        """Ends every alert, because what it was about is gone; the ended ones."""
        ended = tuple(
            replace(alert, condition=replace(alert.condition, level=NONE), previous=alert.condition.level)
            for alert in self.active
        )
        self._active.clear()
        return ended

    def acknowledge(self) -> tuple[Alert, ...]:
        """The driver answers: alerts below URGENT fall silent until they rise; those that changed.

        Sleep and the like cannot be answered away: they end when the driver does what they ask for.
        """
        changes = []
        for rule, alert in self._active.items():
            if not alert.acknowledged and alert.condition.level < URGENT:
                self._active[rule] = replace(alert, previous=alert.condition.level, acknowledged=True)
                changes.append(self._active[rule])
        return tuple(changes)
