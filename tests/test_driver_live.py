"""The driver profile as a whole: live over the demo clip, and offline, without any model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.cli import main, parse
from realtime.config import Config
from realtime.errors import ConfigError
from realtime.offline import process_file
from realtime.pipeline import Application
from tests.test_offline import short_demo  # noqa: F401  (a fixture)
from tests.test_pipeline import Watcher

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("realtime.build.make_engine", refuse)


@pytest.fixture
def started() -> Iterator[Callable[[Config], tuple[Application, Watcher]]]:
    running: list[Application] = []

    def start(config: Config) -> tuple[Application, Watcher]:
        application = Application(config)
        running.append(application)
        watcher = Watcher(application.streams["main"])
        application.start()
        return application, watcher

    yield start
    for application in running:
        application.stop()
        application.stop()


def states(watcher: Watcher) -> list[dict[str, Any]]:
    return [each for each in watcher.events if each.get("event") == "driver_state"]


@pytest.mark.usefixtures("no_model")
def test_it_runs_without_a_model_and_answers_requests(
    started: Callable[[Config], tuple[Application, Watcher]],
) -> None:
    application, watcher = started(Config(source="demo", profile="driver"))
    stream = application.streams["main"]
    driver = stream.driver
    assert driver is not None
    watcher.until(lambda: any(each["state"] == "CALIBRATING" for each in states(watcher)))
    watcher.until(lambda: any(each["state"] == "WATCHING" for each in states(watcher)))
    status = stream.status()
    assert (status["model"], status["profile"]) == (None, "driver")
    assert status["driver"]["event"] == "driver_state"
    assert application.status()["crops_encoded"] == 0
    assert watcher.predictions() == []
    assert watcher.last is not None
    assert watcher.last.size_wh == (640, 480), "no strip below the picture"
    driver.recalibrate()
    watcher.until(lambda: states(watcher)[-1]["state"] == "CALIBRATING")
    assert application.health() == {"ok": True, "state": "ok", "problems": [], "parts": {}, "streams": {}}
    assert application.ready()


def test_expressions_are_read_where_they_are_asked_for(
    started: Callable[[Config], tuple[Application, Watcher]],
) -> None:
    _, watcher = started(Config(source="demo", profile="driver", expressions=True))
    watcher.until(lambda: watcher.predictions() != [] and states(watcher) != [])
    assert watcher.last is not None
    assert watcher.last.size_wh[1] > 480


@pytest.mark.usefixtures("no_model")
def test_a_broker_that_is_not_there_disturbs_nothing(
    started: Callable[[Config], tuple[Application, Watcher]],
) -> None:
    application, watcher = started(Config(source="demo", profile="driver", mqtt="127.0.0.1:9"))
    watcher.until(lambda: len(states(watcher)) > 5)
    watcher.more_pictures(10)
    assert application.health()["ok"]
    assert application.streams["main"].status()["mqtt"]["online"] is False


@pytest.mark.usefixtures("no_model")
def test_offline_it_writes_the_same_events_each_time(short_demo: Path, tmp_path: Path) -> None:  # noqa: F811
    runs = []
    settings = tmp_path / "driver.toml"
    settings.write_text("calibrate_s = 3\n")
    for name in ("first", "second"):
        events, video = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.mp4"
        config = Config(
            source=str(short_demo), serve=False, profile="driver", driver_settings=str(settings),
            events=str(events), video=str(video), progress=False,
        )  # fmt: skip
        assert process_file(config).alerts == 0
        runs.append([json.loads(line) for line in events.read_text().splitlines()])
        assert video.stat().st_size > 10_000
    assert runs[0] == runs[1]
    assert {each.get("event") for each in runs[0]} == {"face_found", "driver_state"}
    assert 14 <= len(runs[0]) <= 20
    assert runs[0][-1]["calibration"] > 0.9


def test_settings_that_do_not_fit_end_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["--mqtt", "localhost"], ["--driver-settings", "x.toml"]):
        with pytest.raises(ConfigError, match="expected together with --profile driver"):
            parse(arguments)
    driver = ["--profile", "driver", "--source", "demo"]
    with pytest.raises(ConfigError, match="expected a live run"):
        parse([*driver, "--no-serve", "--mqtt", "localhost"])
    bad = tmp_path / "bad.toml"
    bad.write_text("sleep_s = 100\n")
    assert main([*driver, "--port", "0", "--driver-settings", str(bad)]) == 2
    assert main([*driver, "--port", "0", "--mqtt", "car:port"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert "sleep_s: expected 1 to 10 s, got 100" in lines[0]
    assert "mqtt: expected host or host:port" in lines[1]
