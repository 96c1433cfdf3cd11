"""Calibration and teaching over real HTTP, with a stream's own Persons behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.clock import now_ns
from realtime.inference.engine import Engine
from realtime.inference.personal import load
from realtime.persons import Persons
from realtime.values import Observation
from tests.faces import a_face
from tests.small_models import small
from tests.test_app import Running, request
from tests.test_persons import Person, Show, smiling_rest, wait_fitted

JSON = {"Content-Type": "application/json"}
SPAN_S, HZ = 0.3, 20.0


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.stop()


@pytest.fixture
def persons(running: Running) -> Persons:
    made = Persons(
        Engine(small("ifdd-stream"), "cpu"), hz=HZ, span_s=SPAN_S, calibrate_s=1.0, teach_s=17.0
    )  # fmt: skip
    running.stream.persons = made  # type: ignore[attr-defined]
    return made


def ask(running: Running, path: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    status, headers, text = request(f"{running.url}/api/{path}", method, data, JSON)
    return status, json.loads(text) if "json" in headers["Content-Type"] else text


def calibrated(running: Running, persons: Persons) -> Show:
    show = Show(persons)
    assert ask(running, "calibration", "POST", {"face_id": None})[0] == 200
    show.run(1.2, 1, smiling_rest)
    return show


def test_a_calibration_from_start_to_reset(running: Running, persons: Persons) -> None:
    none = {"state": "none", "progress": 0, "left_s": 0, "message": "", "face_id": None, "neutral": None}
    assert ask(running, "calibration") == (200, none)
    show = Show(persons)
    status, begun = ask(running, "calibration", "POST", {"face_id": 1})
    assert (status, begun["state"], begun["face_id"]) == (200, "running", 1)
    show.run(1.2, 1, smiling_rest)
    ready = ask(running, "calibration")[1]
    assert (ready["state"], ready["progress"]) == ("ready", 1)
    assert set(ready["neutral"]) == {"head", "rest"}
    assert show.read(1, smiling_rest()).calibrated
    assert ask(running, "calibration", "DELETE") == (200, none)
    assert not show.read(1, smiling_rest()).calibrated
    status, back = ask(running, "calibration", "PUT", {"neutral": ready["neutral"]})
    assert (status, back["state"], back["neutral"]) == (200, "ready", ready["neutral"])
    assert show.read(1, smiling_rest()).calibrated


def test_a_lesson_from_start_to_file_to_forgetting(
    running: Running, persons: Persons, tmp_path: Path
) -> None:
    idle = ask(running, "teach")[1]
    assert (idle["state"], idle["before"], idle["active"]) == ("idle", None, False)
    assert ask(running, "teach/file")[0] == 409
    person = Person(Show(persons))
    status, step = ask(running, "teach", "POST")
    assert (status, step["state"], step["label"], step["phase"]) == (200, "running", "neutral", "ready")
    assert ask(running, "calibration", "POST")[0] == 409
    person.learn()
    wait_fitted(persons)
    ready = ask(running, "teach")[1]
    assert (ready["state"], ready["active"]) == ("ready", True)
    assert ready["before"]["accuracy"] < ready["after"]["accuracy"]
    path = tmp_path / "me.safetensors"
    path.write_bytes(persons.taught_file())
    assert load(path, persons._model, persons._spec.labels).after.to_json() == ready["after"]
    status, headers, _ = head(running, "teach/file")
    assert status == 200
    assert 'filename="ifdd-live-person.safetensors"' in headers["Content-Disposition"]
    assert int(headers["Content-Length"]) == path.stat().st_size
    assert ask(running, "teach", "PUT", {"face_id": 1})[1]["active"]
    assert ask(running, "teach", "DELETE")[1]["state"] == "idle"
    assert ask(running, "teach", "PUT", {"face_id": 1})[0] == 409
    assert not person.show.read(1, np.zeros(7, np.float32)).taught


def head(running: Running, path: str) -> tuple[int, dict[str, str], str]:
    return request(f"{running.url}/api/{path}", "HEAD")


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "words"),
    [
        ("calibration", "POST", {"face_id": "1"}, 400, "expected face_id to be a face's number or null"),
        ("calibration", "POST", {"face_id": True}, 400, "expected face_id"),
        ("calibration", "POST", {"face_id": -1}, 400, "expected face_id"),
        ("calibration", "POST", {"face_id": 10**30}, 400, "expected face_id"),
        ("calibration", "POST", {"seconds": 1}, 400, "expected no keys but face_id"),
        ("calibration", "POST", [1], 400, "expected a JSON object"),
        ("calibration", "POST", {"face_id": 99}, 409, "expected a face in view (1), got 99"),
        ("calibration", "PUT", {}, 400, "neutral: expected keys head and rest"),
        ("calibration", "PUT", {"neutral": {"head": "x", "rest": {}}}, 400, "neutral: expected rest to have"),
        ("teach", "POST", {"face_id": 0.5}, 400, "expected face_id"),
        ("teach", "POST", {"face_id": 99}, 409, "expected a face in view (1), got 99"),
        ("teach", "PUT", {}, 409, "expected a taught head"),
        ("teach/file", "GET", None, 409, "expected a taught head"),
        ("calibration?stream=none", "GET", None, 404, "expected one of main"),
        ("teach", "PATCH", {}, 405, ""),
    ],
)
def test_what_does_not_fit_is_one_line(
    running: Running, persons: Persons, path: str, method: str, body: Any, status: int, words: str
) -> None:
    Show(persons)
    got, text = ask(running, path, method, body)
    assert got == status
    assert words in text
    if words:
        assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"face_id": NaN}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/json; charset=nonsense", 409),
        (b"{" + b" " * 70_000 + b"}", "application/json", 413),
    ],
)
def test_raw_bodies_that_do_not_fit_are_refused(
    running: Running, persons: Persons, raw: bytes, kind: str, status: int
) -> None:
    got, _, text = request(f"{running.url}/api/teach", "POST", raw, {"Content-Type": kind})
    assert got == status
    assert text


def test_other_sites_and_streams_that_read_nothing_are_refused(running: Running, persons: Persons) -> None:
    persons.observe(Observation(0, now_ns(), (a_face(1),)))
    for path, method in (
        ("calibration", "POST"),
        ("calibration", "DELETE"),
        ("teach", "POST"),
        ("teach", "PUT"),
    ):
        url = f"{running.url}/api/{path}"
        assert request(url, method, b"{}", {**JSON, "Origin": "http://evil.example"})[0] == 403
    assert persons.calibration()["state"] == "none"
    running.stream.persons = None  # type: ignore[attr-defined]
    status, text = ask(running, "calibration")
    assert (status, text) == (409, "persons: expected a run that reads expressions\n")
    assert ask(running, "teach", "POST", {})[0] == 409
