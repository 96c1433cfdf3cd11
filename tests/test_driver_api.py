"""What may be told to the driver profile over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from realtime.driver.speed import check_speed
from tests.test_app import Running, request

JSON = {"Content-Type": "application/json"}


class Driver:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def acknowledge(self) -> None:
        self.told.append("acknowledge")

    def recalibrate(self) -> None:
        self.told.append("recalibrate")

    def set_speed(self, t_ns: int, speed_kmh: float) -> None:
        check_speed(speed_kmh)
        self.told.append(f"speed {speed_kmh}")


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.stop()


@pytest.fixture
def driver(running: Running) -> Driver:
    made = Driver()
    running.stream.driver = made
    return made


def post(
    running: Running, what: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    data = b"" if body is None else json.dumps(body).encode()
    status, _, text = request(f"{running.url}/api/driver/{what}", "POST", data, headers or JSON)
    return status, text


def test_what_is_asked_reaches_the_driver_profile(running: Running, driver: Driver) -> None:
    assert post(running, "acknowledge")[0] == 200
    assert post(running, "recalibrate")[0] == 200
    assert post(running, "speed", {"kmh": 72})[0] == 200
    assert driver.told == ["acknowledge", "recalibrate", "speed 72.0"]


@pytest.mark.parametrize(
    "body", [None, {}, {"kmh": "72"}, {"kmh": True}, {"kmh": -1}, {"kmh": 1e9}, {"kmh": 72, "x": 1}, [72]]
)
def test_a_body_that_is_no_speed_is_refused(running: Running, driver: Driver, body: object) -> None:
    status, text = post(running, "speed", body)
    assert status == 400
    assert text.startswith('body: expected {"kmh": number}')
    assert text.count("\n") == 1
    assert driver.told == []


def test_speed_must_be_json(running: Running, driver: Driver) -> None:
    assert post(running, "speed", {"kmh": 1}, {"Content-Type": "text/plain"})[0] == 415


@pytest.mark.parametrize("what", ["acknowledge", "recalibrate", "speed"])
def test_other_sites_and_other_profiles_are_refused(running: Running, what: str) -> None:
    assert post(running, what, {"kmh": 1}) == (409, "driver: expected a run with --profile driver\n")
    running.stream.driver = Driver()
    assert post(running, what, {"kmh": 1}, {**JSON, "Origin": "http://evil.example"})[0] == 403
    assert running.stream.driver.told == []
    assert request(f"{running.url}/api/driver/{what}")[0] == 405
