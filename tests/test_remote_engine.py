"""The caller's side, with replicas that are objects in this process and a clock that the test moves."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import models
from realtime.clock import to_ns
from realtime.inference.engine import Engine, Request
from realtime.inference.stage import Feed, InferenceStage
from realtime.problems import Problems
from realtime.remote.clips import Clip
from realtime.remote.engine import ANSWERS, REPLICAS, RemoteEngine
from realtime.remote.messages import Answered, Dropped, Read, Ready
from realtime.remote.replica import Replica
from realtime.remote.settings import RaySettings
from realtime.values import Prediction
from tests.test_engine import filled_ring, push, request
from tests.test_inference_stage import smoother


class Desk:
    """A link whose answers a test gives, in the order it wants."""

    def __init__(self, model: models.Model, **settings: Any) -> None:
        self.settings = RaySettings(replicas=2, **settings)
        self.ready: Ready | None = Ready("desk", "cpu")
        self.running = 2
        self.wake: Callable[[], None] = lambda: None
        self.sent: list[Read] = []
        self._arrived: list[Answered | Dropped] = []
        self._replica = Replica.__new__(Replica)
        Engine.__init__(self._replica, model, "cpu")

    def send(self, message: Read) -> bool:
        self.sent.append(message)
        return True

    def take(self) -> list[Answered | Dropped]:
        arrived, self._arrived = self._arrived, []
        return arrived

    def answer(self, message: Read) -> None:
        [found] = self._replica.read_clips([pickle.loads(message.clip)])
        self._arrived.append(Answered(message.number, pickle.dumps(found)))

    def drop(self, message: Read, reason: str) -> None:
        self._arrived.append(Dropped(message.number, reason, ""))


class Clock:
    """The engine's time."""

    def __init__(self) -> None:
        self.t_ns = to_ns(100.0)

    def __call__(self) -> int:
        return self.t_ns

    def on(self, seconds: float) -> None:
        self.t_ns += to_ns(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("realtime.remote.engine.now_ns", clock)
    return clock


@pytest.fixture(scope="module")
def model() -> models.Model:
    torch.manual_seed(3)
    return models.create_model("ifdd-stream", grey=True, view=0.75, encoder="resnet-narrow", width=32)


def remote(desk: Desk, problems: Problems | None = None) -> RemoteEngine:
    problems = problems or Problems()
    return RemoteEngine(
        desk._replica.model,
        desk,  # type: ignore[arg-type]
        on_trouble=problems.retrying,
        on_relief=problems.clear,
    )


def clip_of(message: Read) -> Clip:
    clip: Clip = pickle.loads(message.clip)
    return clip


def test_the_numbers_are_the_local_engines_and_each_crop_travels_once(
    model: models.Model, clock: Clock
) -> None:
    desk, local, ring = Desk(model), Engine(model, "cpu"), filled_ring()
    engine, travelled = remote(desk), list[int]()
    for first in range(45, 65, 4):
        asked = request(ring)
        assert engine.answers([asked]) == []
        travelled.append(len(clip_of(desk.sent[-1]).pixels))
        desk.answer(desk.sent[-1])
        [(whose, reading)] = engine.answers([])
        expected = local.read([asked])[0]
        assert whose is asked
        assert reading is not None
        assert expected is not None
        for name in ("probabilities", "logits", "feature", "static_index", "dynamic_index"):
            np.testing.assert_allclose(getattr(reading, name), getattr(expected, name), atol=1e-5)
        assert reading.intensity == pytest.approx(expected.intensity, abs=1e-6)
        push(ring, first, 4)
    assert travelled[0] == 16
    assert max(travelled[1:]) <= 3
    assert engine.encoded == local.encoded == sum(travelled)
    assert engine.windows == 5
    assert clip_of(desk.sent[-1]).pixels.shape[1:] == (1, model.spec.size, model.spec.size)
    assert len(desk.sent[-1].clip) < 120_000
    assert engine.round_trip.summary() == {"median": 0.0, "p95": 0.0}


def test_large_inputs_travel_as_crops(clock: Clock) -> None:
    torch.manual_seed(3)
    desk = Desk(models.create_model("ifdd-mvit-xs", size=224))
    engine = remote(desk)
    engine.answers([request(filled_ring())])
    assert clip_of(desk.sent[0]).pixels.dtype == np.uint8
    assert clip_of(desk.sent[0]).pixels.shape == (16, 224, 224, 3)


def test_no_more_windows_than_allowed_are_under_way_and_the_newest_goes_next(
    model: models.Model, clock: Clock
) -> None:
    desk, ring = Desk(model, in_flight=2), filled_ring()
    engine = remote(desk)
    asked = []
    for first in range(45, 65, 4):
        asked.append(request(ring))
        engine.answers([asked[-1]])
        engine.answers([asked[-1]])  # the next frame, the same window
        push(ring, first, 4)
    assert len(desk.sent) == 2
    assert engine.dropped["busy"] == 4, "each window once, the second time of the first for its place"
    desk.answer(desk.sent[0])
    newest = request(ring)
    [(whose, _)] = engine.answers([newest])
    assert whose is asked[0]
    assert len(desk.sent) == 2 + 1
    assert engine.status()["in_flight"] == 2


def test_an_answer_that_does_not_come_is_counted_and_makes_room(model: models.Model, clock: Clock) -> None:
    desk, ring = Desk(model, in_flight=1, deadline_s=0.4), filled_ring()
    engine, asked = remote(desk), request(ring)
    assert engine.answers([asked]) == []
    clock.on(0.49)
    assert engine.answers([]) == []
    clock.on(0.02)
    assert engine.answers([]) == [(asked, None)]
    assert engine.dropped == {"silent": 1}
    assert engine.answers([request(ring)]) == []
    assert len(desk.sent) == 2
    desk.answer(desk.sent[0])  # after all: nobody waits for it any more
    assert engine.answers([]) == []
    assert engine.windows == 0


def test_a_late_answer_is_not_shown_and_its_features_are_kept(model: models.Model, clock: Clock) -> None:
    desk, asked = Desk(model, deadline_s=0.4), request(filled_ring())
    engine = remote(desk)
    engine.answers([asked])
    clock.on(0.45)
    desk.answer(desk.sent[0])
    assert engine.answers([]) == [(asked, None)]
    assert engine.dropped == {"late": 1}
    engine.answers([asked])
    assert len(clip_of(desk.sent[1]).pixels) == 0, "all crops are known"


def test_an_answer_that_a_newer_one_has_overtaken_is_not_shown(model: models.Model, clock: Clock) -> None:
    desk, ring = Desk(model), filled_ring()
    engine = remote(desk)
    older = request(ring)
    engine.answers([older])
    push(ring, 45, 4)
    newer = request(ring)
    engine.answers([newer])
    desk.answer(desk.sent[1])
    desk.answer(desk.sent[0])
    first, second = engine.answers([])
    assert first[0] is newer
    assert first[1] is not None
    assert second == (older, None)
    assert engine.dropped == {"overtaken": 1}


@pytest.mark.parametrize("reason", ["late", "full", "lost", "failed", "silent"])
def test_what_is_dropped_is_counted_by_reason_and_asked_for_anew(
    model: models.Model, clock: Clock, reason: str
) -> None:
    desk, ring, predictions = Desk(model), filled_ring(), list[Prediction]()
    engine = remote(desk)
    stage = InferenceStage(engine, smoother, hop_s=0.13, span_s=1.0)
    feed = Feed("main", lambda: (ring,), predictions.append)
    assert stage.step((feed,)) == 0
    desk.drop(desk.sent[0], reason)
    assert stage.step((feed,)) == 0
    assert engine.status()["dropped"][reason] == 1
    stage.step((feed,))
    assert len(desk.sent) == 2
    desk.answer(desk.sent[1])
    assert stage.step((feed,)) == 1
    assert stage.step((feed,)) == 0
    push(ring, 45, 4)
    stage.step((feed,))
    assert len(desk.sent) == 3, "only a further hop is asked for"
    assert [each.face_id for each in predictions] == [1]


def test_without_ray_windows_are_counted_once_and_the_picture_says_so(
    model: models.Model, clock: Clock
) -> None:
    desk, asked = Desk(model), request(filled_ring())
    engine = remote(desk)
    desk.ready = None
    for _ in range(3):
        assert engine.answers([asked]) == [(asked, None)]
    assert engine.dropped == {"down": 1}
    assert engine.notices == ("waiting for Ray",)
    assert engine.status()["state"] == "down"
    assert engine.device_name == "Ray, not connected"


def test_silence_and_missing_replicas_are_problems_until_they_are_over(
    model: models.Model, clock: Clock
) -> None:
    desk, problems, ring = Desk(model, deadline_s=0.4), Problems(), filled_ring()
    engine = remote(desk, problems)
    desk.running = 1
    for first in range(45, 45 + 4 * 20, 4):
        engine.answers([request(ring)])
        clock.on(0.13)
        push(ring, first, 4)
    assert problems.report()["parts"] == {REPLICAS: "degraded", ANSWERS: "degraded"}
    assert any("1 of 2 replicas run" in line for line in problems.lines())
    assert any("the last: silent" in line for line in problems.lines())
    assert problems.failures == {REPLICAS: 1, ANSWERS: 1}
    assert engine.notices == ("Ray gives no answers, trying again",)
    assert engine.status()["state"] == "troubled"
    desk.running = 2
    engine.answers([request(ring)])
    desk.answer(desk.sent[-1])
    assert len(engine.answers([])) == 1
    assert problems.state == "ok"
    assert not engine.notices


def test_faces_that_have_gone_are_forgotten(model: models.Model, clock: Clock) -> None:
    desk, one = Desk(model), filled_ring(face_id=1)
    engine = remote(desk)
    engine.answers([request(one)])
    desk.answer(desk.sent[0])
    engine.retain([])
    assert engine.answers([]) == []
    assert engine._known == {}
    clock.on(60)
    engine.answers([])
    assert engine.status()["state"] == "ok", "nobody is there, so nothing is missed"


def test_crops_that_were_overwritten_are_not_sent(model: models.Model, clock: Clock) -> None:
    desk, ring = Desk(model), filled_ring()
    engine, asked = remote(desk), request(ring)
    push(ring, 45, 300)
    assert engine.answers([asked]) == [(asked, None)]
    assert desk.sent == []
    assert engine.dropped == {}


def test_what_people_ask_of_issm_is_computed_here(model: models.Model, clock: Clock) -> None:
    desk, asked = Desk(model), request(filled_ring())
    engine = remote(desk)
    details = engine.inspect(Request(asked.key, asked.window, asked.ring))
    expected = Engine(model, "cpu").inspect(asked)
    assert details is not None
    assert expected is not None
    np.testing.assert_allclose(details.correlation, expected.correlation, atol=1e-5)
    assert desk.sent == []
