"""The link to a real mosquitto broker, started by the test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import ConfigError
from realtime.session.mqtt import QUEUE_EVENTS, MqttLink, parse_broker
from realtime.slot import Fanout

BROKER = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
needs_broker = pytest.mark.skipif(
    BROKER is None and not os.environ.get("CI"), reason="no mosquitto on the PATH"
)
PATIENCE_S = 15.0
STATE = {"event": "driver_state", "eyes": "open", "zone": "left", "fatigue": 10.0, "distraction": 30.0}
ALERT = {"event": "driver_alert", "rule": "closure", "level": "warning", "reason": "microsleep"}


def free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


class Broker:
    """A mosquitto on a port of its own that keeps nothing on disk."""

    def __init__(self, folder: Path, port: int) -> None:
        assert BROKER is not None, "expected mosquitto: apt-get install mosquitto"
        self.port = port
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self._process = subprocess.Popen(
            [BROKER, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "the broker does not listen"
                time.sleep(0.02)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)


class Reader:
    """Reads every topic of the broker and waits for what a test expects."""

    def __init__(self, port: int) -> None:
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self._changed = threading.Condition()
        self.messages: list[tuple[str, bytes, bool]] = []
        self._subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        with self._changed:
            self.messages.append((message.topic, message.payload, message.retain))
            self._changed.notify_all()

    def wait(self, topic: str, payload: bytes | None = None) -> bytes:
        def found() -> bytes | None:
            same = [each for name, each, _ in self.messages if name == topic]
            return next((each for each in same if payload is None or each == payload), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, PATIENCE_S), f"nothing on {topic}"
            return found() or b""

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Setting:
    """A link, what it is fed, and what it hands on."""

    def __init__(self, port: int) -> None:
        self.events: Fanout[dict[str, Any]] = Fanout()
        self.speeds: list[float] = []
        self.heard = threading.Event()
        self.errors: list[BaseException] = []
        self.link = MqttLink(
            f"127.0.0.1:{port}", self.events, self._speed, on_error=lambda _, error: self.errors.append(error)
        )

    def _speed(self, _t_ns: int, kmh: float) -> None:
        self.speeds.append(kmh)
        self.heard.set()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path, free_port())
    yield made
    made.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.02)


@needs_broker
def test_states_alerts_and_signals_arrive_and_speed_comes_back(broker: Broker) -> None:
    reader, setting = Reader(broker.port), Setting(broker.port)
    setting.link.start()
    assert setting.link.wait_online(PATIENCE_S)
    reader.wait("ifdd/driver/online", b"true")
    setting.events.publish({"label": "happy"})
    setting.events.publish(STATE)
    setting.events.publish(ALERT)
    assert json.loads(reader.wait("ifdd/driver/alert")) == ALERT
    assert json.loads(reader.wait("ifdd/driver/state")) == STATE
    assert reader.wait("Vehicle/Driver/FatigueLevel") == b"10.0"
    assert reader.wait("Vehicle/Driver/DistractionLevel") == b"30.0"
    assert reader.wait("Vehicle/Driver/IsEyesOnRoad") == b"false"
    reader.client.publish("Vehicle/Speed", "nonsense")
    reader.client.publish("Vehicle/Speed", "72.5")
    assert setting.heard.wait(PATIENCE_S)
    assert setting.speeds == [72.5]
    setting.link.stop()
    setting.link.stop()
    reader.wait("ifdd/driver/online", b"false")
    reader.stop()
    assert setting.errors == []
    assert not any("happy" in payload.decode() for _, payload, _ in reader.messages)
    late = Reader(broker.port)
    late.wait("ifdd/driver/online")
    assert [topic for topic, _, _ in late.messages] == ["ifdd/driver/online"], "nothing else is kept"
    late.stop()


@needs_broker
def test_a_broker_that_goes_and_comes_back_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    broker, setting = Broker(tmp_path, port), Setting(port)
    setting.link.start()
    assert setting.link.wait_online(PATIENCE_S)
    broker.stop()
    until(lambda: not setting.link.status()["online"])
    before = setting.link.dropped
    setting.events.publish(STATE)
    until(lambda: setting.link.dropped > before)
    broker = Broker(tmp_path, port)
    assert setting.link.wait_online(PATIENCE_S)
    setting.link.stop()
    broker.stop()
    assert setting.errors == []


def test_without_a_broker_nothing_waits_and_drops_are_counted() -> None:
    setting = Setting(free_port())
    setting.link.start()
    started = time.monotonic()
    for _ in range(1000):
        setting.events.publish(STATE)
    assert time.monotonic() - started < 1.0
    until(lambda: setting.link.dropped >= 1000 - QUEUE_EVENTS)
    assert not setting.link.status()["online"]
    setting.link.stop()
    setting.events.publish(STATE)
    assert setting.errors == []


@pytest.mark.parametrize(("text", "parts"), [("car", ("car", 1883)), ("10.0.0.2:1884", ("10.0.0.2", 1884))])
def test_a_broker_is_a_host_with_or_without_a_port(text: str, parts: tuple[str, int]) -> None:
    assert parse_broker(text) == parts


@pytest.mark.parametrize("text", ["", ":1883", "car:", "car:x", "car:70000"])
def test_another_broker_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected host or host:port"):
        parse_broker(text)
