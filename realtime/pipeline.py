"""Live use: the streams of the process, their threads, and the one inference thread they share."""

from __future__ import annotations

import functools
import gc
import logging
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from realtime.build import (
    build_engine,
    build_inference,
    limit_threads,
)
from realtime.config import Config
from realtime.consent import Consent
from realtime.errors import IfddLiveError
from realtime.inference.engine import Engine
from realtime.inference.stage import InferenceStage
from realtime.inference.thread import Inference
from realtime.logs import say
from realtime.problems import Problems
from realtime.remote.engine import RemoteEngine
from realtime.session.mqtt import MqttLink
from realtime.stream import OpenerMaker, Stream, make_opener
from realtime.supervise import Watchdog

log = logging.getLogger(__name__)

STOP_RAY_S = 10.0  # time for replicas to be taken out of a cluster, and for one of this machine to end


class Application:
    """The process: its streams by name and its inference thread. Implements what the server serves."""

    def __init__(
        self, config: Config, *, engine: Engine | None = None, opener: OpenerMaker = make_opener
    ) -> None:
        """Loads the model, unless the profile reads no expressions.

        Args:
            config: the settings.
            engine: the model, if it is loaded already.
            opener: gives what opens a source by its text.

        Raises:
            WeightsError: an unknown model, or weights that do not fit.
        """
        limit_threads(config)
        self._problems = Problems()
        self._inference: Inference | None = None
        if config.reads_expressions:
            engine = engine or build_engine(config, self._problems)
            self._inference = Inference(
                engine,
                build_inference(config, engine),
                on_error=self._problems.retrying,
                on_recovered=self._problems.clear,
                rebuild=lambda: self._rebuild(config),
            )
        self._remote = engine if isinstance(engine, RemoteEngine) else None
        if self._remote is not None and self._inference is not None:
            self._remote.link.wake = self._inference.wake
        main = Stream("main", config, self._inference, self._problems, opener, Consent(config))
        self._streams = {"main": main}
        parts = [part for stream in self._streams.values() for part in stream.supervised]
        self._watchdog = Watchdog(*parts, *(() if self._inference is None else (self._inference.worker,)))
        if self._remote is not None:
            self._watchdog.add(self._remote.link.worker)
        self._mqtt: MqttLink | None = None
        if config.mqtt and main.driver is not None:
            self._mqtt = MqttLink(
                config.mqtt, main.events, main.driver.set_speed, on_error=self._problems.note
            )

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The streams by name."""
        return self._streams

    def start(self) -> None:
        """Starts all threads and waits until the sources are open.

        Raises:
            SourceError: a source cannot be opened; nothing is left running.
        """
        if self._inference is not None:
            self._inference.worker.start()
        if self._mqtt is not None:
            self._mqtt.start()
        if self._remote is not None:
            self._remote.link.worker.start()
        self._watchdog.worker.start()
        try:
            for stream in self._streams.values():
                stream.start()
        except IfddLiveError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops all threads; can be called twice."""
        self._watchdog.worker.stop()
        for stream in self._streams.values():
            stream.stop()
        if self._mqtt is not None:
            self._mqtt.stop()
        if self._inference is not None:
            self._inference.worker.stop()
        if self._remote is not None:
            self._remote.link.worker.stop(STOP_RAY_S)

    def health(self) -> dict[str, Any]:
        """What works and what does not; see Problems.report."""
        return self._problems.report()

    @property
    def failures(self) -> dict[str, int]:
        """How often each part has failed since the start."""
        return dict(self._problems.failures)

    def _rebuild(self, config: Config) -> tuple[Engine, InferenceStage]:
        if self._remote is not None:  # what may be broken is in other processes, which the link looks after
            self._remote.forget()
        engine = self._remote or build_engine(config)
        return engine, build_inference(config, engine)

    @property
    def windows_dropped(self) -> dict[str, int]:
        """Windows that were not read, by reason; only Ray drops any."""
        return {} if self._remote is None else dict(self._remote.dropped)

    def ready(self) -> bool:
        """True once every stream has seen a frame."""
        return all(stream.ready for stream in self._streams.values())

    def status(self) -> dict[str, Any]:
        """What `/api/status` says of the whole process."""
        engine = None if self._inference is None else self._inference.engine
        return {
            "health": self.health(),
            "windows": 0 if engine is None else engine.windows,
            "crops_encoded": 0 if engine is None else engine.encoded,
            "ray": None if self._remote is None else self._remote.status(),
            "mqtt": None if self._mqtt is None else self._mqtt.status(),
        }


def run_live(config: Config) -> int:
    """Serves until interrupted; returns the exit code.

    Raises:
        IfddLiveError: the model, the source or the server cannot start.
    """
    from realtime.serving.app import Server

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    application = Application(config)
    server = Server(application, config, say=functools.partial(print, flush=True))
    try:
        application.start()
        server.start()
        # what is there now stays: a collection that went through it all would stop every thread for 0.1 s
        gc.collect()
        gc.freeze()
        for stream in application.streams.values():
            print(stream.description, flush=True)
        print(f"IFDD Live is at {server.url}  (Ctrl+C ends it)", flush=True)
        say(log, "started", "started", sources=[each.description for each in application.streams.values()])
        for line in server.access.welcome():
            print(line, flush=True)
        while not done.wait(0.5):
            pass
        print("ending", file=sys.stderr)
        return 0
    finally:
        say(log, "stopping", "stopping")
        clean = server.stop()
        application.stop()
        say(log, "stopped", "stopped", clean=clean)
