"""One source with everything behind it: capture, vision, composer, what persons teach, the recorder."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from realtime.build import (
    build_driver,
    build_landmarker,
    build_library,
    build_persons,
    build_rhythm,
    build_view,
    build_vision,
)
from realtime.capture.browser import PushSource
from realtime.capture.camera import cameras
from realtime.capture.choose import SourceOpener
from realtime.capture.source import Source
from realtime.capture.thread import Capture
from realtime.capture.waiting import WaitingSource
from realtime.clock import now_ns
from realtime.config import Config
from realtime.consent import CameraGate, Consent, shown
from realtime.driver.feed import DriverFeed
from realtime.errors import IfddLiveError
from realtime.inference.stage import Feed
from realtime.inference.thread import Inference
from realtime.inspector import Inspector
from realtime.logs import say
from realtime.measures import Measures, Tally
from realtime.persons import Persons
from realtime.picture.thread import Composer
from realtime.problems import Problems
from realtime.session.events import face_events, prediction_event
from realtime.session.mqtt import MqttLink
from realtime.session.recorder import Recorder
from realtime.slot import Fanout
from realtime.stream_report import Report
from realtime.supervise import Supervised
from realtime.values import Frame, ImageU8, Observation, Picture, Prediction
from realtime.view import ViewControl
from realtime.vision.ring import CropRing
from realtime.vision.thread import Vision

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 20.0
SOURCE_NOTICES = {
    "opening": "opening the source",
    "waiting": "waiting for a browser camera",
    "lost": "camera lost, opening it again",
    "ended": "the source has ended",
}
OpenerMaker = Callable[[str, Config, PushSource], Callable[[], Source]]


def make_opener(text: str, config: Config, browser: PushSource) -> Callable[[], Source]:
    """What opens the source that a text names, again and again."""
    return SourceOpener(text, config, browser=browser)


class Stream:
    """One source with its capture, vision and composer threads, and its place in the inference thread."""

    def __init__(
        self,
        name: str,
        config: Config,
        inference: Inference | None,
        problems: Problems,
        opener: OpenerMaker = make_opener,
        consent: Consent | None = None,
        *,
        on_opened: Callable[[Exception | None], None] | None = None,
        origin_ns: int | None = None,
    ) -> None:
        """Makes the stream without starting it.

        Args:
            name: letters, digits, "-" and "_".
            config: the settings.
            inference: the process's inference thread; None where no expressions are read.
            problems: where broken threads are noted.
            opener: gives what opens a source by its text.
            consent: what was agreed; None: nothing.
            on_opened: given to one of several: a source that cannot be opened at the start is tried again
                and again. Told once, on the capture thread, what became of the first try.
            origin_ns: the time that counts as t = 0; None: now.
        """
        self.name, self.config = name, config
        self.views = ViewControl(build_view(config))
        self._consent = consent or Consent(config)
        self._consent.purposes.subscribe(self._silence)
        self.consents = CameraGate(self._consent, config.source, self._agreed)
        self.events: Fanout[dict[str, Any]] = Fanout()
        self._tally = Tally()
        self.events.subscribe(self._tally.count)
        self._config = config
        self._inference = inference
        self._problems = problems.of(name)
        self._origin_ns = now_ns() if origin_ns is None else origin_ns
        self._on_opened = on_opened
        self._lock = threading.Lock()  # one change of source at a time
        self._faces = self._bystanders = 0
        self._hints: tuple[tuple[int, tuple[str, ...]], ...] = ()
        self._frames: Fanout[Frame] = Fanout()
        engine = None if inference is None else inference.engine
        self._persons: Persons | None = None
        self._feed: Feed | None = None
        if inference is not None:
            rhythm = build_rhythm(config, inference.engine)
            self._persons = build_persons(
                config, inference.engine, rhythm.wanted_hz, name, on_error=self._problems.note
            )
            self._feed = Feed(
                name, self._rings, self._predicted, self._persons.adjust, rhythm=rhythm, told=self._fed
            )
        self._inspector = None if inference is None else Inspector(inference, name, self._origin_ns)
        self.driver: DriverFeed | None = None
        if config.profile == "driver":
            self.driver = build_driver(config, self._tell, self._origin_ns)
        self._mqtt: MqttLink | None = None
        if config.mqtt and self.driver is not None:
            self._mqtt = MqttLink(
                config.mqtt,
                self.events,
                self.driver.set_speed,
                stream="" if on_opened is None else name,
                on_error=self._problems.note,
            )
        self._vision = Vision(
            f"vision-{name}",
            lambda: build_landmarker(config),
            lambda landmarker: build_vision(config, engine, landmarker, self.views),
            on_error=self._problems.retrying,
            on_recovered=self._problems.clear,
            stream=name,
        )
        self._composer = Composer(
            f"composer-{name}",
            blank_wh=(config.width, config.height),
            source_notice=self._source_notice,
            notices=self._notices,
            on_error=self._problems.retrying,
            on_recovered=self._problems.clear,
            expressions=config.reads_expressions,
            view=self.views,
            message=lambda: self.consents.notice,
            stream=name,
        )
        self._report = Report(config, self._vision, self._composer, inference, self._feed, self._tally)
        self._opener = opener
        self._losses_before = 0  # of the sources before this one
        self._source = self.consents.first_source
        self._capture, self._browser = self._make_capture(self._source, 0, on_opened)
        self._frames.subscribe(self._vision.frames.put)
        self._frames.subscribe(self._composer.offer)
        self._vision.seen.subscribe(self._composer.see)
        self._vision.observations.subscribe(self._observed)
        self.recorder = Recorder(
            name, self.events, build_library(config), self.status, origin_ns=self._origin_ns
        )

    # -- life cycle: consumers start first and stop last ------------------------------------------------

    def start(self) -> None:
        """Starts the threads and waits until the source is open, unless it is one of several.

        Raises:
            SourceError: the source cannot be opened; nothing is left running.
        """
        if self._inference is not None and self._feed is not None:
            self._inference.add(self._feed)
        if self._mqtt is not None:
            self._mqtt.start()
        self._composer.worker.start()
        self._vision.worker.start()
        self._capture.start()
        try:
            if self._on_opened is None:
                self._capture.wait_opened(OPEN_TIMEOUT_S)
            if self._config.record:
                self.recorder.start()
        except IfddLiveError:
            self.stop()
            raise

    def request_stop(self) -> None:
        """Asks the source to end, without waiting."""
        self._capture.request_stop()

    def stop(self) -> None:
        """Stops the threads; can be called twice."""
        self.recorder.stop()
        self._capture.stop()
        self._vision.worker.stop()
        self._composer.worker.stop()
        if self._inference is not None:
            self._inference.remove(self.name)
        if self._persons is not None:
            self._persons.stop()
        if self._mqtt is not None:
            self._mqtt.stop()

    # -- what the server uses ---------------------------------------------------------------------------

    @property
    def pictures(self) -> Fanout[Picture]:
        """Finished pictures, published on the composer's thread."""
        return self._composer.pictures

    @property
    def inspector(self) -> Inspector | None:
        """Tells what ISSM does; None where no expressions are read."""
        return self._inspector if self.views().expressions else None

    @property
    def persons(self) -> Persons | None:
        """Takes calibrations and lessons; None where no expressions are read."""
        return self._persons if self.views().expressions else None

    @property
    def accepts_push(self) -> bool:
        """True while the source is the viewer's own browser."""
        return self._source == "browser"

    def push(self, image_rgb: ImageU8, t_ns: int) -> None:
        """Hands over a picture of the viewer's camera; returns at once."""
        self._browser.push(image_rgb, t_ns)

    def sources(self) -> list[dict[str, Any]]:
        """What a viewer may choose: what was configured, the demo, the viewer's own browser, cameras."""
        names = {"demo": "Demo clip", "browser": "My webcam (this browser)"}
        names |= {device: f"Camera {device}" for device in cameras()}
        configured = self._config.source
        if configured != "auto" and configured not in names:
            names = {configured: configured, **names}
        return [{"source": text, "name": name} for text, name in names.items()]

    def set_source(self, text: str) -> None:
        """Changes the source; on failure the one before comes back.

        Raises:
            IfddLiveError: not one of `sources()`, or it cannot be opened.
        """
        known = [each["source"] for each in self.sources()]
        if text not in known:
            raise IfddLiveError(f"source: expected one of {', '.join(known)}, got {text!r}")
        self.consents.check(text)
        with self._lock:
            before = self._source
            try:
                self._switch(text)
            except IfddLiveError:
                self._switch(before)
                raise
            self.consents.pending = False

    def status(self) -> dict[str, Any]:
        """What `/api/status` says of the stream; any thread, returns at once."""
        capture = self._capture.status()
        return {
            "source": {
                "source": self._source,
                "name": capture["source"],
                "state": capture["state"],
                "problem": capture["problem"],
                "losses": capture["losses"],
            },
            "profile": self._config.profile,
            "driver": None if self.driver is None else self.driver.status(),
            "mqtt": None if self._mqtt is None else self._mqtt.status(),
            **self._report.status(capture, reads=self.views().expressions),
            "faces": self._faces,
            "bystanders": self._bystanders,
            "hints": [{"face": face_id, "hints": list(hints)} for face_id, hints in self._hints],
            "view": self.views.state(),
            "consent": self.consents.state(),
        }

    def measures(self) -> Measures:
        """What `/metrics` says of the stream; any thread, returns at once."""
        capture = self._capture.status()
        return self._report.measures(
            capture,
            frames=self._capture.next_seq,
            losses=self._losses_before + capture["losses"],
            faces=self._faces,
        )

    @property
    def supervised(self) -> tuple[Supervised, ...]:
        """The parts that a watchdog looks after."""
        return (self._vision.worker, self._composer.worker)

    @property
    def ready(self) -> bool:
        """True once a frame came through vision."""
        return self._vision.rate.count > 0

    @property
    def sourceless(self) -> bool:
        """True while the source is lost, has ended, or waits for consent or a sender."""
        return self._capture.state in ("lost", "waiting", "ended")

    @property
    def description(self) -> str:
        """The source in words, with the reason where the program chose it."""
        capture = self._capture.status()
        line = self.consents.line or str(capture["reason"] or f"source: {capture['source']}")
        if self._on_opened is None:
            return line
        later = {"opening": ", not open yet", "lost": f", lost: {capture['problem']}"}
        return f"stream {self.name}: {line}{later.get(capture['state'], '')}"

    # -- wiring -----------------------------------------------------------------------------------------

    def _make_capture(
        self, text: str, first_seq: int, on_opened: Callable[[Exception | None], None] | None = None
    ) -> tuple[Capture, PushSource]:
        browser = PushSource()
        closed = self.consents.waits and text == self._config.source
        capture = Capture(
            (lambda: WaitingSource(self.consents.camera))
            if closed
            else self._opener(text, self._config, browser),
            self._frames,
            name=f"capture-{self.name}",
            first_seq=first_seq,
            on_error=self._problems.note,
            about=shown(text),
            stream=self.name,
            on_opened=on_opened,
        )
        return capture, browser

    def _agreed(self) -> None:
        """Somebody told the purpose, and perhaps that the camera may open."""
        with self._lock:
            if self.consents.pending and self._consent.camera:
                before, self.consents.pending = self._source, False
                try:
                    self._switch(self._config.source)
                except IfddLiveError:
                    self.consents.pending = True
                    self._switch(before)
                    raise

    def _silence(self) -> None:
        """Somebody, perhaps of another stream, told a purpose that allows no expressions to be read."""
        self.views.silence()
        if self._inference is not None:
            self._inference.remove(self.name)
        if self._persons is not None:
            self._persons.forget()

    def _switch(self, text: str) -> None:
        """Ends the present capture and starts one of another source; raises if that does not open."""
        self._capture.stop()
        self._losses_before += self._capture.status()["losses"]
        self._vision.forget()
        if self.driver is not None:
            self.driver.restart()
        if self._persons is not None:
            self._persons.restart()
        self._source = text
        self._capture, self._browser = self._make_capture(text, self._capture.next_seq)
        self._capture.start()
        self._capture.wait_opened(OPEN_TIMEOUT_S)
        say(log, "source_changed", f"source: {self.description}", stream=self.name)

    def _observed(self, observation: Observation) -> None:
        self._faces = len(observation.faces)
        if self._persons is not None and self.views().expressions:
            self._persons.observe(observation)
        self._bystanders = 0 if observation.guard is None else len(observation.guard.hidden)
        self._hints = tuple((face.face_id, face.quality.hints) for face in observation.faces)
        if self.driver is not None:
            self._composer.watch_driver(self.driver.observe(observation))
        self._composer.observe(observation)
        for event in face_events(observation, self._origin_ns):
            self._tell(event)
        if self._inference is not None:
            self._inference.wake()

    def _predicted(self, prediction: Prediction) -> None:
        if not self.views().expressions:
            return  # it was under way when the reading ended
        self._composer.predict(prediction)
        self._tell(prediction_event(prediction, self._origin_ns))

    def _tell(self, event: dict[str, Any]) -> None:
        """Publishes a result with the stream's name."""
        self.events.publish({**event, "stream": self.name})

    def _rings(self) -> tuple[CropRing, ...]:
        return self._vision.rings()

    def _fed(self, error: Exception | None) -> None:
        """What this stream does with predictions has failed, or works again; inference thread."""
        part = f"results-{self.name}"
        if error is None:
            self._problems.clear(part)
        else:
            self._problems.retrying(part, error)

    def _source_notice(self) -> str:
        if self.consents.waits:
            return "camera closed"
        return SOURCE_NOTICES.get(self._capture.state, "")

    def _notices(self) -> tuple[str, ...]:
        broken = self._problems.names()
        lines = []
        if self._capture.state == "live" and (problem := self._capture.problem):
            lines.append(problem)
        if self._vision.worker.name in broken:
            lines.append("face tracking failed, trying again")
        if self._inference is not None and self._inference.worker.name in broken:
            lines.append("expression model failed, trying again")
        if self._inference is not None and not self._inference.engine.spec.trained:
            lines.append("untrained weights")
        if self._inference is not None and self.views().expressions:
            lines.extend(self._inference.engine.notices)
        return tuple(lines)
