"""The driver's state and alerts to an MQTT broker, the vehicle's speed from it; own threads."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from realtime.clock import now_ns
from realtime.driver import vss
from realtime.errors import ConfigError
from realtime.slot import Fanout
from realtime.worker import Worker

log = logging.getLogger(__name__)

STATE, ALERT, ONLINE = "ifdd/driver/state", "ifdd/driver/alert", "ifdd/driver/online"
QUEUE_EVENTS = 64
WAIT_S = 0.5


class MqttLink:
    """Sends driver events while the broker is there and drops them, counted, while it is not.

    A bounded queue stands between the live path and the broker: publishing an event never waits. The
    broker keeps nothing of it, except whether the program is online.
    """

    def __init__(
        self,
        broker: str,
        events: Fanout[dict[str, Any]],
        set_speed: Callable[[int, float], None],
        *,
        stream: str = "",
        on_error: Callable[[str, BaseException], None],
    ) -> None:
        """Makes the link without connecting.

        Args:
            broker: host or host:port.
            events: what is published on the live path.
            set_speed: takes the time and the speed in km/h; called on the client's thread.
            stream: given to one of several: its topics are those of one alone with "ifdd/NAME/" before
                them, in place of "ifdd/" where they begin so.
            on_error: told the thread's name and its exception.

        Raises:
            ConfigError: the broker's name makes no sense, or paho-mqtt is not installed.
        """
        self._host, self._port = parse_broker(broker)
        try:
            from paho.mqtt import client as paho
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise ConfigError(
                "mqtt: expected paho-mqtt to be installed: pip install 'ifdd-live[mqtt]'"
            ) from None
        self._prefix = f"ifdd/{stream}/" if stream else ""
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.will_set(self._topic(ONLINE), "false", qos=1, retain=True)
        self._client.reconnect_delay_set(1, 30)
        self._client.max_queued_messages_set(QUEUE_EVENTS)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._received
        self._events, self._set_speed = events, set_speed
        self._queue: deque[dict[str, Any]] = deque()
        self._filled = threading.Condition()
        self._online = threading.Event()
        self.sent = self.dropped = 0
        self.problem = ""
        self.worker = Worker(
            f"mqtt-{stream}" if stream else "mqtt",
            self._step,
            setup=self._setup,
            teardown=self._teardown,
            wake=self._wake,
            on_error=on_error,
        )

    def start(self) -> None:
        """Starts the threads; returns at once, whether the broker is there or not."""
        self._events.subscribe(self._put)
        self.worker.start()

    def stop(self) -> None:
        """Says goodbye and ends the threads; can be called twice."""
        self._events.unsubscribe(self._put)
        self.worker.stop()

    def wait_online(self, timeout_s: float) -> bool:
        """Waits until the broker has accepted the connection; True if it has."""
        return self._online.wait(timeout_s)

    def status(self) -> dict[str, Any]:
        """What the status says of the link."""
        return {
            "broker": f"{self._host}:{self._port}",
            "online": self._online.is_set(),
            "sent": self.sent,
            "dropped": self.dropped,
            "problem": self.problem,
        }

    # -- the live path ----------------------------------------------------------------------------------

    def _put(self, event: dict[str, Any]) -> None:
        if event.get("event") not in ("driver_state", "driver_alert"):
            return
        with self._filled:
            if len(self._queue) >= QUEUE_EVENTS:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(event)
            self._filled.notify()

    # -- the worker's thread ----------------------------------------------------------------------------

    def _setup(self) -> None:
        self._client.connect_async(self._host, self._port, keepalive=15)
        self._client.loop_start()  # its own thread: reads, pings, connects again

    def _step(self) -> None:
        with self._filled:
            self._filled.wait_for(lambda: self._queue or self.worker.stopping, WAIT_S)
            if not self._queue:
                return
            event = self._queue.popleft()
        if not self._online.is_set():
            self.dropped += 1
            return
        if event["event"] == "driver_alert":
            self._send(ALERT, event, qos=1)
        else:
            for path, text in vss.signals(event).items():
                self._client.publish(self._topic(path), text)
            self._send(STATE, event, qos=0)

    def _send(self, topic: str, event: dict[str, Any], qos: int) -> None:
        self._client.publish(self._topic(topic), json.dumps(event, separators=(",", ":")), qos=qos)
        self.sent += 1

    def _topic(self, topic: str) -> str:
        return self._prefix + topic.removeprefix("ifdd/") if self._prefix else topic

    def _teardown(self) -> None:
        if self._online.is_set():
            self._client.publish(self._topic(ONLINE), "false", qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _wake(self) -> None:
        with self._filled:
            self._filled.notify_all()

    # -- the client's thread ----------------------------------------------------------------------------

    def _connected(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.problem = f"broker refuses: {reason}"
            return
        self.problem = ""
        client.subscribe(vss.SPEED)
        client.publish(self._topic(ONLINE), "true", qos=1, retain=True)
        self._online.set()

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._online.clear()
        self.problem = f"broker lost: {reason}" if reason.is_failure else ""

    def _received(self, _client: Any, _data: Any, message: Any) -> None:
        try:
            self._set_speed(now_ns(), vss.read_speed(message.payload))
        except ValueError as error:
            self.problem = str(error)
            log.debug("mqtt: %s", error)


def parse_broker(text: str) -> tuple[str, int]:
    """Host and port of "host" or "host:port".

    Raises:
        ConfigError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, "1883"
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"mqtt: expected host or host:port, got {text!r}")
    return host, int(port)
