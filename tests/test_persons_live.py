"""Calibration, teaching and recording in the whole program, on the demo clip as it runs."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.cli import main
from realtime.config import Config
from realtime.errors import ConfigError, WeightsError
from realtime.inference.engine import Engine
from realtime.offline import process_file
from realtime.persons import Persons
from realtime.pipeline import Application
from realtime.serving.app import Server
from tests.small_models import small
from tests.test_app import wait_for
from tests.test_offline import DEMO, short_demo  # noqa: F401 - a fixture
from tests.test_persons import Person, Show, wait_fitted

PATIENCE_S = 120.0  # a machine that does much else at the same time
QUICK = {
    "window_seconds": 0.3, "hop_seconds": 0.2, "gap_seconds": 2.0, "calibrate_seconds": 6.0,
    "teach_seconds": 28.0,
}  # fmt: skip


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Application, Server]]:
    config = Config(source="demo", port=0, record=True, sessions=str(tmp_path / "sessions"), **QUICK)  # type: ignore[arg-type]
    application = Application(config, engine=Engine(small("ifdd-stream"), "cpu"))
    server = Server(application, config)
    application.start()
    server.start()
    yield application, server
    server.stop()
    application.stop()


def ask(server: Server, path: str, method: str = "GET", body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(
        f"{server.url}/api/{path}", data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read())


def until_state(server: Server, path: str, states: set[str], timeout_s: float = PATIENCE_S) -> Any:
    deadline = time.monotonic() + timeout_s
    while (found := ask(server, path))["state"] not in states:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


@pytest.mark.timeout(400)
def test_the_program_calibrates_records_and_says_so_in_its_results(
    running: tuple[Application, Server], tmp_path: Path
) -> None:
    application, server = running
    stream = application.streams["main"]
    results: list[dict[str, Any]] = []
    stream.events.subscribe(results.append)
    wait_for(lambda: any("label" in each for each in results), PATIENCE_S)
    assert not any("calibrated" in each for each in results)
    deadline = time.monotonic() + PATIENCE_S
    while True:  # the clip may just be at an action, and the machine busy
        ask(server, "calibration", "POST", {"face_id": None})
        found = until_state(server, "calibration", {"ready", "failed"})
        if found["state"] == "ready":
            break
        if time.monotonic() > deadline:
            assert found["reason"] == "few", found
            pytest.skip(f"this machine is too busy: {found['message']}")
    wait_for(lambda: any(each.get("calibrated") for each in results), PATIENCE_S)
    ask(server, "session/marker", "POST", {"label": "calibrated"})
    session = ask(server, "session")
    assert session["state"] == "recording"
    ask(server, "session/stop", "POST")
    path = tmp_path / "sessions" / f"{session['id']}.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert events[0]["model"]["name"] == "ifdd-stream"
    assert any(each.get("calibrated") for each in events)
    assert events[-1]["event"] == "session_end"
    assert stream.persons is not None
    stream.set_source("demo")  # somebody else may be there now
    assert ask(server, "calibration")["face_id"] is None


@pytest.mark.nightly  # half a minute of a real lesson; tests/test_personal_api.py has a quick one
@pytest.mark.timeout(400)
def test_the_program_teaches_a_head_and_gives_its_file(running: tuple[Application, Server]) -> None:
    _, server = running
    deadline = time.monotonic() + PATIENCE_S
    while ask(server, "status")["faces"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    begun = ask(server, "teach", "POST", {"face_id": None})
    assert (begun["state"], begun["label"]) == ("running", "neutral")
    ended = until_state(server, "teach", {"ready", "failed"})
    # the actor does not do as asked, and a busy machine may see too little: either is said in words
    assert ended["message"]
    if ended["state"] == "failed":
        assert "expected 4 windows" in ended["message"]
    else:
        assert ended["before"]["count"] == ended["after"]["count"] >= 14
        assert ended["active"] == (ended["after"]["accuracy"] >= ended["before"]["accuracy"])


@pytest.mark.timeout(400)
def test_a_taught_head_is_used_over_a_file_and_another_models_refused(
    short_demo: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = Engine(small("ifdd-stream"), "cpu")
    monkeypatch.setattr("realtime.offline.build_engine", lambda _: engine)
    persons = Persons(engine, hz=20.0, span_s=0.3, teach_s=17.0)
    person = Person(Show(persons))
    persons.teach(1)
    person.learn(17.1)
    wait_fitted(persons)
    path, out = tmp_path / "me.safetensors", tmp_path / "out.jsonl"
    path.write_bytes(persons.taught_file())
    settings = {"source": str(short_demo), "serve": False, "progress": False, "events": str(out)}
    process_file(Config(person=str(path), **settings))  # type: ignore[arg-type]
    taught = [json.loads(line) for line in out.read_text().splitlines() if '"label"' in line]
    assert taught
    assert all(each["taught"] for each in taught)
    monkeypatch.setattr(
        "realtime.offline.build_engine", lambda _: Engine(small("ifdd-stream", heads=2), "cpu")
    )
    path.write_bytes(path.read_bytes().replace(engine.fingerprint.encode(), b"0" * 32))
    with pytest.raises(WeightsError, match="taught with others"):
        process_file(Config(person=str(path), **settings))  # type: ignore[arg-type]


def test_the_command_line_says_what_does_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--source", str(DEMO), "--no-serve", "--record"]) == ConfigError.exit_code
    assert "--record: expected a live run" in capsys.readouterr().err
    assert main(["--source", str(DEMO), "--no-serve", "--person", "nowhere"]) == WeightsError.exit_code
    assert capsys.readouterr().err == "run_stream.py: person nowhere: expected a file, got none\n"
