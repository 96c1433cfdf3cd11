from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from realtime.build import build_engine
from realtime.cli import main
from realtime.config import Config
from realtime.errors import ConfigError
from realtime.remote.settings import RaySettings, need_ray


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"replicas": 3, "max_replicas": 2}, "expected 0 or at least ray_replicas (3), got 2"),
        ({"batch_wait_s": 0.5, "deadline_s": 0.2}, "expected less than ray_deadline (0.2), got 0.5"),
        ({"address": "head"}, "expected host:port, or nothing, got 'head'"),
        ({"address": "head:x"}, "expected host:port, or nothing, got 'head:x'"),
        ({"keep": True}, "expected together with ray_address, got no address"),
    ],
)
def test_settings_that_do_not_fit_say_expected_and_got(values: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        RaySettings(**values)  # type: ignore[arg-type]
    assert text in str(error.value)


def test_the_application_is_another_one_where_replicas_would_differ() -> None:
    first = RaySettings(fingerprint="0123456789")
    assert first.application.startswith("ifdd-live-01234567-")
    assert replace(first, deadline_s=2.0, in_flight=5, address="head:6379", keep=True).application == (
        first.application
    )
    for other in (replace(first, gpus=0.5), replace(first, batch=2), replace(first, fingerprint="f" * 10)):
        assert other.application != first.application


def test_autoscaling_has_a_range_of_replicas() -> None:
    assert RaySettings(replicas=2).most == 2
    assert RaySettings(replicas=2, max_replicas=5).most == 5


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else real(name, *rest)
    )
    assert main(["--inference", "ray", "--source", "demo", "--port", "0"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "pip install 'ifdd-live[ray]'" in told


def test_a_folder_called_ray_is_not_taken_for_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ray").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.setattr("importlib.util.find_spec", importlib.machinery.PathFinder.find_spec)
    with pytest.raises(ConfigError, match="ifdd-live"):
        need_ray()


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.build.need_ray", lambda: None)
    engine = build_engine(
        Config(inference="ray", ray_replicas=2, ray_max_replicas=4, ray_gpus=0.5, ray_batch=16)
    )
    settings = engine.link.settings  # type: ignore[attr-defined]
    assert (settings.replicas, settings.max_replicas, settings.gpus, settings.batch) == (2, 4, 0.5, 16)
    assert settings.fingerprint == engine.fingerprint
    with pytest.raises(ConfigError, match="ray_max_replicas"):
        build_engine(Config(inference="ray", ray_replicas=2, ray_max_replicas=1))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--inference cloud", "inference: expected one of local, ray, got 'cloud'"),
        ("--inference ray --ray-replicas 0", "ray_replicas: expected 1 to 256, got 0"),
        ("--inference ray --no-serve --source clip.mp4", "expected a live run, got --no-serve"),
    ],
)
def test_wrong_options_are_one_line(options: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options.split()) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert text in told
