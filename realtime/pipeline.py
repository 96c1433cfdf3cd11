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

from realtime import several
from realtime.build import (
    build_engine,
    build_inference,
    limit_threads,
)
from realtime.clock import now_ns
from realtime.config import Config
from realtime.consent import Consent, Purposes
from realtime.errors import IfddLiveError
from realtime.inference.engine import Engine
from realtime.inference.stage import InferenceStage
from realtime.inference.thread import Inference
from realtime.logs import say
from realtime.openings import Openings
from realtime.problems import Problems
from realtime.remote.engine import RemoteEngine
from realtime.stream import OpenerMaker, Stream, make_opener
from realtime.supervise import Watchdog

log = logging.getLogger(__name__)

STOP_RAY_S = 10.0  # time for replicas to be taken out of a cluster, and for one of this machine to end


class Application:
    """The process: its streams by name and its inference thread. Implements what the server serves."""

    def __init__(
        self,
        config: Config,
        streams: Mapping[str, Config] | None = None,
        *,
        engine: Engine | None = None,
        opener: OpenerMaker = make_opener,
    ) -> None:
        """Loads the model, unless no stream reads expressions.

        Args:
            config: the process's settings.
            streams: each stream's settings by its name; None: those that `config` names, or one, "main".
            engine: the model, if it is loaded already.
            opener: gives what opens a source by its text.

        Raises:
            ConfigError: streams that do not fit together, or a stream's own files.
            WeightsError: an unknown model, or weights that do not fit.
        """
        limit_threads(config)
        if streams is None:
            streams = several.of_file(config) if config.streams else {several.ONLY: config}
        several.check(streams)
        self._problems = Problems()
        self._inference: Inference | None = None
        if any(each.reads_expressions for each in streams.values()):
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
        self._openings = Openings(streams) if len(streams) > 1 else None
        purposes, origin_ns = Purposes(config), now_ns()
        self._streams: dict[str, Stream] = {}
        for name, own in streams.items():
            inference = self._inference if own.reads_expressions else None
            try:
                self._streams[name] = Stream(
                    name,
                    own,
                    inference,
                    self._problems,
                    opener,
                    Consent(own, purposes),
                    on_opened=None if self._openings is None else self._openings.of(name),
                    origin_ns=origin_ns,
                )
            except IfddLiveError as error:
                if self._openings is None:
                    raise
                raise type(error)(f"stream {name}: {error}") from None
        parts = [part for stream in self._streams.values() for part in stream.supervised]
        self._watchdog = Watchdog(*parts, *(() if self._inference is None else (self._inference.worker,)))
        if self._remote is not None:
            self._watchdog.add(self._remote.link.worker)

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The streams by name."""
        return self._streams

    def start(self) -> None:
        """Starts all threads and waits until a source is open.

        Raises:
            SourceError: no source can be opened; nothing is left running.
        """
        if self._inference is not None:
            self._inference.worker.start()
        if self._remote is not None:
            self._remote.link.worker.start()
        self._watchdog.worker.start()
        try:
            for stream in self._streams.values():
                stream.start()
            if self._openings is not None:
                self._openings.wait()
        except IfddLiveError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops all threads; can be called twice."""
        self._watchdog.worker.stop()
        for stream in self._streams.values():
            stream.request_stop()  # so that slow ones are waited for together
        for stream in self._streams.values():
            stream.stop()
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

    @property
    def part_streams(self) -> dict[str, str]:
        """The stream of each part that has failed since the start; not of the process's own parts."""
        return dict(self._problems.owners)

    def ready(self) -> bool:
        """True once every stream has seen a frame; of several, those whose source gives none do not count."""
        seen = [stream.ready for stream in self._streams.values()]
        if len(seen) < 2:
            return all(seen)
        return any(seen) and all(
            ready or stream.sourceless for ready, stream in zip(seen, self._streams.values(), strict=True)
        )

    def status(self) -> dict[str, Any]:
        """What `/api/status` says of the whole process."""
        engine = None if self._inference is None else self._inference.engine
        return {
            "health": self.health(),
            "windows": 0 if engine is None else engine.windows,
            "crops_encoded": 0 if engine is None else engine.encoded,
            "ray": None if self._remote is None else self._remote.status(),
        }


def run_live(config: Config, streams: Mapping[str, Config] | None = None) -> int:
    """Serves until interrupted; returns the exit code.

    Args:
        config: the process's settings.
        streams: as for Application.

    Raises:
        IfddLiveError: the model, the source or the server cannot start.
    """
    from realtime.serving.app import Server

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    application = Application(config, streams)
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
