"""Made traces of what a driver does, each with the alerts that it should and should not give."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from realtime.driver.actor import Actor
from realtime.driver.settings import DriverSettings
from realtime.driver.trace import Trace

LEARN_S = 12.0  # an undisturbed beginning, in which the baseline is learnt

Scenario = Callable[[], Trace]


def calm(name: str, seconds: float, **settings: float) -> Actor:
    """An actor who blinks through the whole trace's beginning."""
    actor = Actor(name, seconds, **settings)  # type: ignore[arg-type]
    return actor.blinks(0, LEARN_S)


def microsleep() -> Trace:
    """Eyes closed for 2 s, and for 0.7 s."""
    actor = calm("microsleep", 30).close(15, 2.0).expect_closure(15, 2.0)
    return actor.close(22, 0.75).expect_closure(22, 0.75).trace()


def microsleep_at(fps: float, jitter: float = 0.0) -> Trace:
    """The same at another frame rate."""
    name = f"microsleep at {fps:g} fps" + (" with jitter" if jitter else "")
    actor = calm(name, 30, fps=fps, jitter=jitter).close(15, 2.0).expect_closure(15, 2.0)
    return actor.blinks(18, 30).trace()


def sleep() -> Trace:
    """Asleep for 7 s: the whole ladder."""
    return calm("sleep", 30).close(14, 7.0).expect_closure(14, 7.0).trace()


def drowsy() -> Trace:
    """Slow closures of 0.42 s every 2.2 s: no single one alarms, their sum does."""
    calm_s, each_s, closed_s = 110.0, 2.2, 0.416  # lids below the closed level, with their ramps
    actor = calm("drowsy", 360)
    count = int((360 - calm_s) / each_s)
    for number in range(count):
        actor.close(calm_s + number * each_s, 0.35)
    rules = DriverSettings()
    for limit, level in ((rules.perclos_advice, "soft"), (rules.perclos_long, "warning")):
        # The long window is the slower one: closed time over the usable time since the calibration. Sums over
        # minutes are late by a closure or two where each is measured 0.01 s shorter than it is.
        for number in range(count):
            end_s = calm_s + number * each_s + closed_s
            usable_s = min(end_s - rules.calibrate_s, rules.perclos_long_s)
            if (number + 1) * closed_s >= limit * usable_s:
                actor.expect("perclos", level, end_s, tolerance_s=5.0)
                if level == "warning":
                    actor.expect("perclos", "urgent", end_s + rules.drowsy_urgent_s, tolerance_s=5.0)
                break
    return actor.trace()


def talking() -> Trace:
    """A minute of talk."""
    return Actor("talking", 75).blinks(0, 75).talk(13, 73).trace()


def laughing() -> Trace:
    """Laughter with narrowed eyes, blinks in it."""
    actor = Actor("laughing", 45).blinks(0, 45)
    return actor.laugh(14, 3).laugh(22, 5).laugh(34, 2).trace()


def yawning() -> Trace:
    """A yawn with the eyes closed: a note, no sleep."""
    actor = calm("yawning", 30).yawn(15, 5.0)
    return actor.expect("yawn", "note", 15 + 0.69 + 1.5).trace()


def looking_down() -> Trace:
    """A short look at the instruments, then 6 s at a telephone in the lap with lids that follow."""
    actor = calm("looking down", 45).look(15, 1.2, pitch=-22, eyes=0.5)
    actor.look(25, 8.0, pitch=-42, eyes=0.45).act("openness", 25.3, 7.4, 0.35, 0.3)
    return actor.expect("glance", "warning", 28.5).expect("glance", "urgent", 31.5).trace()


def mirrors() -> Trace:
    """Mirror glances every 6 s."""
    actor = Actor("mirror glances", 120).blinks(0, 120)
    for number in range(17):
        yaw = (38, -45, -30)[number % 3]
        actor.look(13 + 6 * number, 0.6 + 0.2 * (number % 4), yaw=yaw, pitch=6 if number % 3 == 2 else 0)
    return actor.trace()


def long_glance() -> Trace:
    """5 s to the side at unknown speed, above 50 km/h, at 30 km/h and at 10 km/h."""
    actor = calm("long glance", 110).act("speed", 40, 20, 80.0).act("speed", 60, 25, 30.0)
    actor.act("speed", 85, 25, 10.0)
    for start_s in (15, 42, 62, 90):
        actor.look(start_s, 5.0, yaw=-35)
    actor.expect("glance", "warning", 18.5).expect("glance", "warning", 45.5)
    return actor.look(72, 7.0, yaw=-35).expect("glance", "warning", 78.0).trace()


def lizard() -> Trace:
    """Only the eyes move."""
    return calm("eyes alone", 25).look(14, 4.5, yaw=28, eyes=1.0).expect("glance", "warning", 17.5).trace()


def many_glances() -> Trace:
    """2 s off, 1.5 s on, again and again: the tenth second off the road falls in the fifth glance."""
    actor = calm("many glances", 50)
    for number in range(6):
        actor.look(14 + 3.5 * number, 2.0, yaw=30)
    return actor.expect("glances", "warning", 14 + 3.5 * 4 + 2.0).trace()


def nodding() -> Trace:
    """The eyes close, then the head falls by 18 degrees."""
    actor = calm("nodding", 25).close(15, 1.2).act("pitch", 15.4, 1.0, -18.0, 0.3)
    return actor.expect_closure(15, 1.2).expect("nod", "soft", 15.61).trace()


def glasses() -> Trace:
    """Glasses go on: the closed eye looks less closed, and a later microsleep is still found."""
    actor = Actor("glasses", 110).blinks(0, 90)
    actor.act("closed_share", 40, 70, 0.45)
    return actor.close(95, 2.0).expect_closure(95, 2.0).trace()


def glasses_always() -> Trace:
    """A driver with glasses from the start."""
    actor = Actor("glasses from the start", 75).blinks(0, 60).act("closed_share", -1, 80, 0.42)
    return actor.close(65, 2.0).expect_closure(65, 2.0).trace()


def face_lost() -> Trace:
    """The face is not found for 5 s, three times, once with the eyes closed before: never called closed."""
    actor = calm("face lost", 60)
    for start_s in (15, 27, 44):
        actor.act("present", start_s, 5, 0.0)
    return actor.close(26.2, 0.8).expect_closure(26.2, 0.8).trace()


def nobody() -> Trace:
    """The driver goes: POOR VIEW within 10 s, no alert."""
    return calm("nobody", 40).act("present", 15, 25, 0.0).expect_word("POOR VIEW", 25).trace()


def two_faces() -> Trace:
    """A passenger with closed eyes and a wide open mouth, alone for a second at times."""
    actor = calm("two faces", 45).act("passenger", 5, 40, 1.0).act("present", 20, 1.0, 0.0)
    return actor.close(30, 2.0).expect_closure(30, 2.0).trace()


def sunglasses() -> Trace:
    """Dark glasses go on: no openness, POOR VIEW, no alert, though the measured eyes waver."""
    actor = calm("sunglasses", 60).act("eye_light", 15, 45, 0.2).act("openness", 17, 5, 0.1, 0.2)
    return actor.act("openness", 30, 4, 0.0, 0.2).expect_word("POOR VIEW", 25).trace()


def night() -> Trace:
    """Dark, noisier pictures, then too dark ones; a microsleep in the first half."""
    actor = Actor("night", 70, noise=1.8, fps=20).blinks(0, 70).act("brightness", -1, 40, 0.2)
    actor.act("brightness", 39, 31, 0.05).act("openness", 45, 4, 0.0, 0.2)
    return actor.close(25, 2.0).expect_closure(25, 2.0).expect_word("POOR VIEW", 49).trace()


def squinting() -> Trace:
    """Low sun: eyes half open for a long time."""
    return Actor("squinting", 75).blinks(0, 75).act("openness", 14, 55, 0.5, 1.0).trace()


def ordinary(minutes: float = 30.0, *, fps: float = 30.0, seed: int = 7) -> Trace:
    """Ordinary driving: blinks, scanning, mirrors, instruments, shoulder checks, talk, laughter, sun.

    Nothing in it deserves an alert: no closure over 0.4 s, no glance over 2.2 s.
    """
    random = np.random.default_rng(seed)
    seconds = minutes * 60
    actor = Actor(f"ordinary driving, {minutes:g} min", seconds, fps=fps, jitter=0.15, seed=seed)

    def times(first_s: float, mean_s: float) -> Iterator[float]:
        t_s = first_s
        while (t_s := t_s + mean_s * float(random.uniform(0.5, 1.5))) < seconds - 10:
            yield t_s

    def between(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    for t_s in times(0, 3.6):
        actor.blink(t_s, between(0.12, 0.4))
    for t_s in times(0, 5):  # scanning the road
        actor.look(t_s, between(0.8, 2.5), yaw=between(-9, 9), pitch=between(-4, 4), eyes=between(0.3, 1))
    for t_s in times(LEARN_S, 9):  # mirrors, instruments
        yaw, pitch = ((35, -3), (-42, -4), (-25, 8), (0, -20), (-22, -18))[int(random.integers(5))]
        actor.look(t_s, between(0.5, 1.3), yaw=yaw, pitch=pitch, eyes=between(0.3, 0.8))
    for t_s in times(LEARN_S, 75):  # the middle console, longer
        actor.look(t_s, between(1.4, 2.2), yaw=-28, pitch=-20, eyes=0.5)
    for t_s in times(LEARN_S, 100):  # over the shoulder: the face is lost for a moment
        actor.look(t_s, 1.1, yaw=between(60, 75), eyes=0.2).act("present", t_s + 0.3, 0.5, 0.0)
    for t_s in times(LEARN_S, 60):
        actor.talk(t_s, t_s + between(5, 30))
    for t_s in times(LEARN_S, 180):
        actor.laugh(t_s, between(1, 4))
    for t_s in times(LEARN_S, 120):  # low sun
        actor.act("openness", t_s, between(3, 10), between(0.5, 0.7), 0.5)
    for t_s in times(5, 40):  # tracking fails for some frames
        actor.act("present", t_s, between(0.05, 0.3), 0.0)
    for t_s in times(5, 90):  # tunnels
        actor.act("brightness", t_s, between(2, 15), between(0.12, 0.3), 0.3)
    return actor.trace()


SCENARIOS: tuple[Scenario, ...] = (
    microsleep,
    lambda: microsleep_at(10),
    lambda: microsleep_at(15),
    lambda: microsleep_at(30, jitter=0.4),
    lambda: microsleep_at(15, jitter=0.3),
    sleep,
    drowsy,
    talking,
    laughing,
    yawning,
    looking_down,
    mirrors,
    long_glance,
    lizard,
    many_glances,
    nodding,
    glasses,
    glasses_always,
    face_lost,
    nobody,
    two_faces,
    sunglasses,
    night,
    squinting,
)
