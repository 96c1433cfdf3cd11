"""The engine whose windows are read on Ray: packs them, keeps what came back, drops what is too late."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import models
from models.preprocess import to_tensor
from realtime.clock import NS_PER_S, now_ns, to_ns
from realtime.errors import IfddLiveError
from realtime.inference.engine import Ahead, Engine, Reading, Request
from realtime.remote.clips import Clip
from realtime.remote.link import Link
from realtime.remote.messages import Answered, Dropped, Read
from realtime.stats import Durations
from realtime.values import CROP_SIDE, FloatArray

REASONS = ("late", "full", "lost", "failed", "silent", "busy", "down", "overtaken")
GRACE = 1.25  # deadlines after which nothing is expected any more; until then replicas may say "late"
QUIET_S = 2.0  # without an answer for so long although windows were sent, and longer than a deadline
REPLICAS, ANSWERS = "ray-replicas", "ray-answers"  # parts of the health report, beside the link's own


class RayTroubleError(IfddLiveError):
    """Ray is there and does not do what it should."""


@dataclass(slots=True)
class _Asked:
    request: Request
    new: tuple[int, ...]  # serials of the crops that travel as pixels
    sent_ns: int


@dataclass(slots=True)
class _Face:
    """What the caller keeps of a face, so that replicas need not."""

    features: dict[int, FloatArray]
    under_way: int = 0
    first: int = 0  # the oldest serial that any later window can need
    answered_ns: int = -1  # grid point of the newest window that was answered
    refused_ns: int = -1  # grid point of the newest window that was counted as not sent


class RemoteEngine(Engine):
    """Has windows read by replicas on Ray Serve; the inference thread never waits for them.

    New crops travel as pixels, the others as features that came back with earlier answers, so that each crop
    is encoded about once although replicas remember nothing. A window that was not answered by its deadline
    is forgotten and counted. What people ask of ISSM (`inspect`) is computed here, on the CPU.
    """

    def __init__(
        self,
        model: models.Model,
        link: Link,
        *,
        on_trouble: Callable[[str, BaseException], None] = lambda *_: None,
        on_relief: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Makes it without starting the link.

        Args:
            model: what the replicas run, for its description.
            link: the way to Ray.
            on_trouble: told a name and an error when replicas are missing or no answers come.
            on_relief: told the name when that is over.
        """
        super().__init__(model, "cpu", "float32")
        self.link = link
        self.dropped: Counter[str] = Counter()
        self.round_trip = Durations()
        self._on_trouble, self._on_relief = on_trouble, on_relief
        self._troubles: set[str] = set()
        self._next = 0
        self._asked: dict[int, _Asked] = {}
        self._known: dict[Hashable, _Face] = {}
        self._waiting_since_ns: int | None = None  # the first window sent since the last answer
        self._why = ""
        grey = model.spec.grey and len(set(model.spec.mean)) == len(set(model.spec.std)) == 1
        self._channels = 1 if grey else 3
        sizes = 4 * self._channels * model.spec.size**2, 3 * (CROP_SIDE * model.spec.view) ** 2
        self._as_input = sizes[0] <= sizes[1]

    @property
    def device_name(self) -> str:
        """Where windows are read, in words; any thread."""
        ready = self.link.ready
        return "Ray, not connected" if ready is None else f"Ray, {self.link.running} x {ready.device}"

    @property
    def notices(self) -> tuple[str, ...]:
        """What the picture says while no predictions come; any thread."""
        if self.link.ready is None:
            return ("waiting for Ray",)
        return ("Ray gives no answers, trying again",) if ANSWERS in self._troubles else ()

    def status(self) -> dict[str, Any]:
        """What `/api/status` says of it; any thread."""
        ready, settings = self.link.ready, self.link.settings
        return {
            "state": "down" if ready is None else "troubled" if self._troubles else "ok",
            "address": settings.address or "local",
            "application": settings.application if ready is None else ready.application,
            "replicas": {"running": self.link.running, "wanted": settings.replicas, "most": settings.most},
            "deadline_s": settings.deadline_s,
            "in_flight": len(self._asked),
            "round_trip_ms": self.round_trip.summary(),
            "dropped": {reason: self.dropped[reason] for reason in REASONS},
        }

    def answers(
        self,
        requests: list[Request],
        ahead: Sequence[Ahead] = (),  # noqa: ARG002
    ) -> list[tuple[Request, Reading | None]]:
        """Sends the requests and gives what has come back, with None for what will not; never waits."""
        found = [each for message in self.link.take() for each in self._receive(message)]
        found += self._expire(now_ns())
        for request in requests:
            if not self._send(request):
                found.append((request, None))
        self._judge(now_ns())
        return found

    def retain(self, keys: Iterable[Hashable]) -> None:
        """Drops what is kept of every face that is not among `keys`."""
        super().retain(keys)
        kept = set(keys)
        self._known = {key: face for key, face in self._known.items() if key in kept}
        if not self._known:  # nobody is in view: nothing is missed
            self._waiting_since_ns = None

    def forget(self) -> None:
        """Drops all that is kept; what is under way is not waited for."""
        super().forget()
        self._known.clear()
        self._asked.clear()
        self._waiting_since_ns = None

    def warm_up(self) -> None:
        """Nothing: replicas warm up on their own."""

    def _send(self, request: Request) -> bool:
        face = self._known.setdefault(request.key, _Face({}))
        settings, grid_ns = self.link.settings, request.window.grid_ns
        reason = "busy" if face.under_way >= settings.in_flight else "down" if not self.link.ready else ""
        if not reason:
            packed = self._pack(request, face)
            if packed is None:
                return False  # overwritten in its ring: the next window will do
            clip, new = packed
            self._next += 1
            message = Read(self._next, settings.deadline_s, pickle.dumps(clip, protocol=5))
            if self.link.send(message):
                sent_ns = now_ns()
                self._asked[self._next] = _Asked(request, new, sent_ns)
                face.under_way += 1
                if self._waiting_since_ns is None:
                    self._waiting_since_ns = sent_ns
                return True
            reason = "down"
        if grid_ns != face.refused_ns:  # the same window comes again with each frame
            face.refused_ns = grid_ns
            self.dropped[reason] += 1
        return False

    def _pack(self, request: Request, face: _Face) -> tuple[Clip, tuple[int, ...]] | None:
        serials: list[int] = request.window.serials.tolist()
        face.first = serials[0]
        face.features = {serial: each for serial, each in face.features.items() if serial >= serials[0]}
        order = sorted(set(serials))
        known = [serial for serial in order if serial in face.features]
        new = [serial for serial in order if serial not in face.features]
        crops = request.ring.read(np.array(new, np.int64))
        if crops is None:
            return None
        place = {serial: row for row, serial in enumerate([*new, *known])}
        features = np.stack([face.features[serial] for serial in known]) if known else None
        rows = np.array([place[serial] for serial in serials], np.int64)
        return Clip(self._pixels(crops), features, rows), tuple(new)

    def _pixels(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """New crops as they travel: as the model's input, or as they are where that is less."""
        if not len(crops) or not self._as_input:
            return crops
        with torch.inference_mode():
            return to_tensor(torch.from_numpy(crops), self.spec)[:, : self._channels].numpy()

    def _receive(self, message: Answered | Dropped) -> list[tuple[Request, Reading | None]]:
        asked = self._asked.pop(message.number, None)
        if asked is None:
            return []  # its deadline is over, and it was counted
        request, t_ns = asked.request, now_ns()
        face = self._known.get(request.key)
        if face is not None:
            face.under_way -= 1
        if isinstance(message, Dropped):
            self.dropped[message.reason] += 1
            self._why = f"{message.reason} {message.text}".strip()
            return [(request, None)]
        reading, features = pickle.loads(message.answer)
        self.windows += 1
        self.encoded += 0 if features is None else len(asked.new)
        self.round_trip.add_ns(t_ns - asked.sent_ns)
        if face is None:
            return []
        if features is not None:  # of use even where the answer is not
            found = zip(asked.new, features, strict=True)
            face.features.update({serial: each for serial, each in found if serial >= face.first})
        if t_ns - asked.sent_ns > to_ns(self.link.settings.deadline_s):
            self.dropped["late"] += 1
            self._why = "late on its way"
            return [(request, None)]
        self._waiting_since_ns = None
        if request.window.grid_ns <= face.answered_ns:
            self.dropped["overtaken"] += 1
            return [(request, None)]
        face.answered_ns = request.window.grid_ns
        return [(request, reading)]

    def _expire(self, t_ns: int) -> list[tuple[Request, Reading | None]]:
        limit_ns = t_ns - to_ns(self.link.settings.deadline_s * GRACE)
        over = [number for number, asked in self._asked.items() if asked.sent_ns < limit_ns]
        found: list[tuple[Request, Reading | None]] = []
        for number in over:
            found += self._receive(Dropped(number, "silent", "no answer in time"))
        return found

    def _judge(self, t_ns: int) -> None:
        """Notes or takes back what is wrong with a cluster that is there."""
        link = self.link
        missing = quiet = None
        if link.ready is not None:
            if link.running < link.settings.replicas:
                missing = f"{link.running} of {link.settings.replicas} replicas run"
            since_ns = self._waiting_since_ns
            patience_s = max(QUIET_S, 2 * link.settings.deadline_s)
            if since_ns is not None and t_ns - since_ns > to_ns(patience_s):
                quiet = f"no window was read for {(t_ns - since_ns) / NS_PER_S:.1f} s; the last: {self._why}"
        else:
            self._waiting_since_ns = None
        for name, text in ((REPLICAS, missing), (ANSWERS, quiet)):
            if text is not None and name not in self._troubles:
                self._troubles.add(name)
                self._on_trouble(name, RayTroubleError(text))
            elif text is None and name in self._troubles:
                self._troubles.discard(name)
                self._on_relief(name)
