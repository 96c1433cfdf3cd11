"""What the program and the process that speaks to Ray tell each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Read:
    """To the bridge: have a window read.

    Attributes:
        number: which window, for the answer.
        left_s: how long an answer is of use from now on, seconds.
        clip: a pickled Clip, which the bridge does not look into.
    """

    number: int
    left_s: float
    clip: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """From the bridge: replicas run.

    Attributes:
        application: their name in Ray Serve.
        device: what they compute on.
    """

    application: str
    device: str


@dataclass(frozen=True, slots=True)
class Answered:
    """From the bridge: a window was read; `answer` is a pickled `replica.Answer`."""

    number: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class Dropped:
    """From the bridge: a window was not read.

    Attributes:
        number: which one.
        reason: "late" (the replica found it too late), "full" (as many wait for the replicas as may),
            "lost" (the replica is gone, or none is there), "failed" (the model raised), or "silent" (no
            answer in time).
        text: more of it in words, may be empty.
    """

    number: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Running:
    """From the bridge: so many replicas run, of so many that always should."""

    running: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Broken:
    """From the bridge, its last word: why it ends."""

    reason: str


Message = Ready | Answered | Dropped | Running | Broken
