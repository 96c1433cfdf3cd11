"""A simulation of one process under load: which of its threads, or the cores, is the first to fall short.

Threads share the cores evenly, inference behind the others as it is niced; slots between threads hold the
newest picture only; the server hands every picture to each viewer in turn. What a piece of work costs is
measured by `realtime.bench.costs`. No random number, no clock: the same figures give the same result.

Left out: Python's interpreter lock (most of the work is native code that gives it up), caches, the network
stack's interrupts. So the simulated limits are upper bounds; docs/scaling.md sets them beside measured ones.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

GOLDEN = 0.6180339887498949  # spreads the streams' phases evenly
NICE_WEIGHT = 0.107  # Linux's weight of niceness 10 (110) against 0 (1024)
WARM_UP_S, SECONDS = 0.5, 3.0
# below these shares of what is wanted, or above this delay, something falls short
ENOUGH = 0.95
LATE_S = 1 / 30


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU milliseconds, measured: of each picture, of a face in it, of a window, of a viewer's picture."""

    capture_ms: float
    vision_ms: float
    first_face_ms: float
    next_face_ms: float
    composer_ms: float
    encoder_ms: float
    server_ms: float
    viewer_ms: float
    window_ms: float
    predictions_hz: float

    def looking_ms(self, faces: int) -> float:
        """Of the vision thread and its helpers, for a picture with so many faces."""
        more = self.first_face_ms + (faces - 1) * self.next_face_ms if faces else 0.0
        return self.vision_ms + more

    def stream_ms(self, fps: float, faces: int, viewers: int, *, windows: bool = True) -> float:
        """Of a whole stream, each second."""
        picture = (
            self.capture_ms + self.looking_ms(faces) + self.composer_ms + self.encoder_ms + self.server_ms
        )
        read = faces * self.predictions_hz * self.window_ms if windows else 0.0
        return fps * (picture + viewers * self.viewer_ms) + read


@dataclass(frozen=True, slots=True)
class Load:
    """So many streams of so many pictures a second, each with so many faces and viewers."""

    streams: int = 1
    fps: float = 30.0
    faces: int = 1
    viewers: int = 1
    windows: bool = True  # False: another machine reads them


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load.

    Attributes:
        pictures: share of the captured pictures that were sent.
        predictions: share of the wanted predictions that were made.
        late_s: from an encoded picture to the last viewer's packet, 95th percentile.
        used: share of its time that each kind of thread was at work, of "cores" all of them.
    """

    pictures: float
    predictions: float
    late_s: float
    used: dict[str, float]

    @property
    def lacks(self) -> str:
        """What falls short, "" where nothing does."""
        if self.predictions < ENOUGH:
            return "predictions"
        if self.pictures < ENOUGH:
            return "pictures"
        return "viewers' pictures are late" if self.late_s > LATE_S else ""

    @property
    def full(self) -> str:
        """The resource that is nearest to its end."""
        return max(self.used, key=lambda name: self.used[name])


@dataclass(slots=True, eq=False)
class _Thread:
    """A thread with a slot for the newest work, or with a queue."""

    kind: str
    done: Callable[[float, float], None]  # told when, and since when the work had waited
    queues: bool = False
    waiting: list[tuple[float, float]] = field(default_factory=list)  # since, milliseconds
    working: tuple[float, float] | None = None
    dropped: int = 0


class _Machine:
    """Threads on cores, from event to event."""

    def __init__(self, cores: int) -> None:
        self.t = 0.0
        self.spent_s: dict[str, float] = {}
        self._cores = cores
        self._served = 0.0  # service that each thread of ordinary priority has had, seconds
        self._ends: list[tuple[float, int, _Thread]] = []  # in terms of _served
        self._niced: list[tuple[float, _Thread]] = []  # at most one, seconds left
        self._arrivals: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = itertools.count()

    def at(self, t: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._arrivals, (t, next(self._serial), call))

    def give(self, thread: _Thread, ms: float) -> None:
        if thread.working is not None:
            if thread.waiting and not thread.queues:
                thread.waiting.pop()
                thread.dropped += 1
            thread.waiting.append((self.t, ms))
            return
        self._start(thread, self.t, ms)

    def _start(self, thread: _Thread, since: float, ms: float) -> None:
        thread.working = (since, ms)
        if thread.kind == "inference":
            self._niced.append((ms / 1000, thread))
        else:
            heapq.heappush(self._ends, (self._served + ms / 1000, next(self._serial), thread))

    def run(self, until: float) -> None:
        while True:
            weight = len(self._ends) + NICE_WEIGHT * len(self._niced)
            rate = min(1.0, self._cores / weight) if weight else 1.0
            left_over = self._cores - rate * len(self._ends)
            niced_rate = min(1.0, left_over) if self._niced else 0.0
            times = [until]
            if self._arrivals:
                times.append(self._arrivals[0][0])
            if self._ends:
                times.append(self.t + max(0.0, self._ends[0][0] - self._served) / rate)
            if niced_rate:
                times.append(self.t + self._niced[0][0] / niced_rate)
            then = max(self.t, min(times))
            passed = then - self.t
            self.t, self._served = then, self._served + rate * passed
            if self._niced:
                left, thread = self._niced[0]
                self._niced[0] = (left - niced_rate * passed, thread)
            if then >= until:
                return
            self._advance()

    def _advance(self) -> None:
        while self._arrivals and self._arrivals[0][0] <= self.t:
            heapq.heappop(self._arrivals)[2]()
        while self._ends and self._ends[0][0] <= self._served + 1e-12:
            self._finish(heapq.heappop(self._ends)[2])
        if self._niced and self._niced[0][0] <= 1e-12:
            self._finish(self._niced.pop()[1])

    def _finish(self, thread: _Thread) -> None:
        assert thread.working is not None
        since, ms = thread.working
        thread.working = None
        self.spent_s[thread.kind] = self.spent_s.get(thread.kind, 0.0) + ms / 1000
        if thread.waiting:
            self._start(thread, *thread.waiting.pop(0))
        thread.done(self.t, since)


class _Process:
    """The threads of one process, wired as the program wires them."""

    def __init__(self, machine: _Machine, costs: Costs, load: Load) -> None:
        self.machine, self.costs, self.load = machine, costs, load
        self.sent = self.captured = self.predicted = 0
        self.late_s: list[float] = []
        self._hop_s = 1 / costs.predictions_hz
        self._read_at = [-1.0] * load.streams
        self._due: set[int] = set()
        self._reading: list[int] = []
        self._inference = _Thread("inference", self._read)
        self._server = _Thread("server", self._handed_out, queues=True)
        for number in range(load.streams):
            self._add_stream(number)

    def _add_stream(self, number: int) -> None:
        machine, costs, load = self.machine, self.costs, self.load
        encoder = _Thread("encoder", lambda *_: machine.give(self._server, self._hand_out_ms))
        composer = _Thread("composer", lambda *_: machine.give(encoder, costs.encoder_ms))
        vision = _Thread("vision", lambda *_: self._looked(number))

        def captured(*_: float) -> None:
            machine.give(vision, costs.looking_ms(load.faces))
            machine.give(composer, costs.composer_ms)

        capture = _Thread("capture", captured)
        phase = (number * GOLDEN) % 1 / load.fps

        def arrive(count: int) -> None:
            self.captured += machine.t >= WARM_UP_S
            machine.give(capture, costs.capture_ms)
            machine.at(phase + (count + 1) / load.fps, lambda: arrive(count + 1))

        machine.at(phase, lambda: arrive(0))

    @property
    def _hand_out_ms(self) -> float:
        return self.costs.server_ms + self.load.viewers * self.costs.viewer_ms

    def _looked(self, number: int) -> None:
        load = self.load
        # half a picture early counts as due, as in the program
        if (
            load.windows
            and load.faces
            and self.machine.t - self._read_at[number] >= self._hop_s - 0.5 / load.fps
        ):
            self._due.add(number)
            self._read_due()

    def _read_due(self) -> None:
        if self._inference.working is None and self._due:
            self._reading, self._due = sorted(self._due), set()
            for number in self._reading:
                # on the grid while it keeps up, from now on where it does not
                self._read_at[number] = max(self._read_at[number] + self._hop_s, self.machine.t - self._hop_s)
            ms = len(self._reading) * self.load.faces * self.costs.window_ms
            self.machine.give(self._inference, ms)

    def _read(self, t: float, _since: float) -> None:
        if t >= WARM_UP_S:
            self.predicted += len(self._reading) * self.load.faces
        self._read_due()

    def _handed_out(self, t: float, since: float) -> None:
        if t >= WARM_UP_S:
            self.sent += 1
            self.late_s.append(t - since)


def simulate(costs: Costs, load: Load, cores: int) -> Outcome:
    """What comes of a load on so many cores."""
    machine = _Machine(cores)
    process = _Process(machine, costs, load)
    machine.run(WARM_UP_S)
    machine.spent_s.clear()
    machine.run(WARM_UP_S + SECONDS)
    wanted = load.streams * load.faces * costs.predictions_hz * SECONDS if load.windows else 0
    late = sorted(process.late_s) or [SECONDS]
    own = {"inference": 1, "server": 1}
    used = {name: spent / SECONDS / own.get(name, load.streams) for name, spent in machine.spent_s.items()}
    used["cores"] = sum(machine.spent_s.values()) / SECONDS / cores
    return Outcome(
        pictures=min(1.0, process.sent / max(1, process.captured)),
        predictions=min(1.0, process.predicted / wanted) if wanted else 1.0,
        late_s=late[int(0.95 * (len(late) - 1))],
        used=used,
    )


def most(make: Callable[[int], Load], costs: Costs, cores: int, guess: int = 1) -> tuple[int, Outcome]:
    """The largest number for which nothing falls short, and what one more comes to.

    Args:
        make: gives the load for a number; more is never easier.
        costs: what work costs.
        cores: of the machine.
        guess: where to begin; saves time.
    """
    tried: dict[int, Outcome] = {}

    def good(number: int) -> bool:
        if number not in tried:
            tried[number] = simulate(costs, make(number), cores)
        return not tried[number].lacks

    low, high = 0, max(1, guess)
    while good(high):
        low, high = high, max(high + 1, high * 5 // 4)
    while low == 0 and high > 1 and not good(high * 4 // 5):
        high = high * 4 // 5
    low = max(low, high * 4 // 5 if low == 0 and high > 1 else low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if good(middle) else (low, middle)
    return low, tried[high]
