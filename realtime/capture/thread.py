"""The capture thread: owns one source, publishes its frames, opens it again when it is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np

from realtime.capture.checks import PictureCheck, unusable
from realtime.capture.source import NoPicture, Source
from realtime.clock import now_ns, to_ns, to_s
from realtime.errors import SourceError, SourceLostError
from realtime.logs import say
from realtime.slot import Fanout
from realtime.stats import Rate
from realtime.values import Frame, ImageU8
from realtime.worker import Worker

log = logging.getLogger(__name__)

State = Literal["opening", "live", "waiting", "lost", "ended"]
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 5.0
# a source that is asked for a picture and says nothing for so long, or gives only garbage, counts as lost
SILENT_S = 3.0


class Capture:
    """Reads one source on its own thread and publishes frames with rising numbers and times.

    A source that is lost is opened again after 0.5 s, 1 s, 2 s … 5 s; so is one that fails in any other way,
    that gives nothing usable for 3 s, or a camera whose picture stands still for 5 s. A source that cannot
    be opened the first time ends the capture, and `wait_opened` raises why, unless the capture is patient; so
    does an error in what takes the frames, which is kept in `error`. To change the source, stop one Capture
    and start another with its `next_seq`.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        fanout: Fanout[Frame],
        *,
        clock: Callable[[], int] = now_ns,
        name: str = "capture",
        first_seq: int = 0,
        max_side: int = 1920,
        on_error: Callable[[str, BaseException], None] | None = None,
        wait: Callable[[float], bool] | None = None,
        about: str = "",
        stream: str = "",
        on_opened: Callable[[Exception | None], None] | None = None,
    ) -> None:
        """Makes it without starting.

        Args:
            open_source: opens the source; called on the capture thread, again after each loss.
            fanout: where frames go, on the capture thread.
            clock: monotonic ns, for rates.
            name: of the thread.
            first_seq: number of the first frame.
            max_side: larger pictures are made smaller to this, pixels.
            on_error: told of an unexpected error, on the capture thread.
            wait: instead of waiting for a stop for so many seconds, for tests; True: stop.
            about: what the source is called before it has told so itself.
            stream: whose source it is, for log lines.
            on_opened: makes the capture patient: a source that cannot be opened the first time is tried
                again, too. Told once, on the capture thread, what became of the first opening.
        """
        self._open_source, self._fanout, self._clock = open_source, fanout, clock
        self._max_side = max_side
        self._worker = Worker(name, self._step, teardown=self._teardown, on_error=on_error)
        self._wait = wait or self._worker.wait_stop
        self._source: Source | None = None
        self._opened = threading.Event()  # or failed to
        self._open_error: SourceError | None = None
        self._state: State = "opening"
        self._seq, self._t_ns = first_seq, -1
        self._back_off_s = FIRST_BACK_OFF_S
        self._rate = Rate()
        self._losses = self._unusable = 0
        self._check = PictureCheck()
        self._asked_ns: int | None = None  # while a read goes on
        self._usable_ns: int | None = None  # when the source opened or last gave a usable picture
        self._problem = self._reason = ""
        self._description, self._stream, self._on_opened = about, stream, on_opened
        self._size_wh: tuple[int, int] | None = None

    def start(self) -> None:
        """Starts the thread; a second call has no effect."""
        self._worker.start()

    def wait_opened(self, timeout_s: float) -> bool:
        """Waits until the source was opened for the first time; False if that takes longer.

        Raises:
            SourceError: it could not be opened; the capture has ended.
        """
        opened = self._opened.wait(timeout_s)
        if self._open_error is not None:
            raise self._open_error
        return opened

    def request_stop(self) -> None:
        """Asks the thread to end, without waiting."""
        self._worker.request_stop()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Ends the thread, which closes the source; True if it has ended. Can be called twice."""
        return self._worker.stop(timeout_s)

    @property
    def state(self) -> State:
        """What the source is doing. Any thread.

        "opening" before the first opening, "live" with pictures, "waiting" for a sender, "lost" until it is
        open again, "ended" after the last picture, a stop, a failed first opening or an error.
        """
        return "lost" if self._state == "live" and self._silent_s() > SILENT_S else self._state

    @property
    def problem(self) -> str:
        """What is wrong with the source or its picture, in one line; empty: nothing. Any thread."""
        if self._state == "live" and (silent_s := self._silent_s()) > SILENT_S:
            return f"no picture for {silent_s:.0f} s"
        return self._problem

    @property
    def next_seq(self) -> int:
        """The number that the next frame gets. Any thread."""
        return self._seq

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._worker.alive

    @property
    def error(self) -> BaseException | None:
        """The unexpected error that ended the thread, if one did."""
        return self._worker.error

    def status(self) -> dict[str, Any]:
        """State, source, rates and counts, ready for JSON. Any thread."""
        source = self._source
        return {
            "state": self.state,
            "source": source.description if source is not None else self._description,
            "reason": self._reason,
            "problem": self.problem,
            "fps": round(self._rate.per_s(self._clock()), 2),
            "frames": self._rate.count,
            "dropped": source.dropped if source is not None else 0,
            "losses": self._losses,
            "unusable": self._unusable,
            "size": self._size_wh,
        }

    def _step(self) -> None:
        if self._source is None and not self._open():
            return
        assert self._source is not None
        try:
            self._asked_ns = self._clock()
            reading = self._source.read()
        except Exception as error:  # a driver's own errors are no reason to give the source up
            self._lose(error)
            return
        finally:
            self._asked_ns = None
        if reading is None:
            log.info("%s: ended", self._description)
            self._worker.request_stop()
        elif reading is NoPicture.NO_SENDER:
            self._state = "waiting"
        elif not isinstance(reading, NoPicture):
            self._publish(*reading)

    def _open(self) -> bool:
        try:
            self._source = self._open_source()
        except Exception as error:
            if self._opened.is_set():
                self._lose(error)
            elif self._on_opened is not None:
                self._opened.set()
                self._on_opened(error)
                self._lose(error)
            elif isinstance(error, SourceError):
                self._open_error, self._problem = error, str(error)
                self._worker.request_stop()
            else:
                raise
            return False
        self._description, self._reason = self._source.description, self._source.choice_reason
        self._usable_ns = None
        if self._on_opened is not None and not self._opened.is_set():
            self._on_opened(None)
        self._opened.set()
        return True

    def _lose(self, error: Exception) -> None:
        known = isinstance(error, SourceLostError | SourceError)
        text = str(error) if known else f"{type(error).__name__}: {error}"
        if self._state != "lost":
            self._losses += 1
            self._say("source_lost", f"source lost: {text}", self._description, None if known else error)
        self._state, self._problem = "lost", text
        self._close()
        if not self._wait(self._back_off_s):
            self._back_off_s = min(2 * self._back_off_s, LONGEST_BACK_OFF_S)

    def _publish(self, image_rgb: ImageU8, t_ns: int) -> None:
        assert self._source is not None
        now = self._clock()
        if self._usable_ns is None:
            self._usable_ns = now
        if problem := unusable(image_rgb):
            self._unusable += 1
            if now - self._usable_ns > to_ns(SILENT_S):
                self._lose(SourceLostError(f"{self._source.description}: {problem}"))
            return
        self._usable_ns = now
        self._check.look(image_rgb, now)
        if self._check.still and getattr(self._source, "noisy", False):
            self._lose(SourceLostError(f"{self._source.description}: the picture stands still"))
            return
        image = fit(image_rgb, self._max_side)
        self._t_ns = max(t_ns, self._t_ns + 1)
        frame = Frame(self._seq, self._t_ns, image)
        self._seq += 1
        if self._state == "lost":
            name = self._source.description
            self._say("source_back", f"source back: {name}", name)
        self._state, self._back_off_s = "live", FIRST_BACK_OFF_S
        self._problem = "the picture is black: is the camera covered?" if self._check.black else ""
        self._size_wh = frame.size_wh
        self._rate.mark(self._clock())
        self._fanout.publish(frame)

    def _say(self, event: str, text: str, source: str, error: Exception | None = None) -> None:
        whose = f"stream {self._stream}: " if self._on_opened is not None else ""
        say(log, event, whose + text, logging.WARNING, error, source=source, stream=self._stream)

    def _silent_s(self) -> float:
        asked_ns = self._asked_ns
        return 0.0 if asked_ns is None else to_s(self._clock() - asked_ns)

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            self._description = source.description
            try:
                source.close()
            except Exception:  # a device that has gone may fail to close; it is opened again anyway
                log.debug("%s: closing failed", self._description, exc_info=True)

    def _teardown(self) -> None:
        self._state = "ended"
        try:
            self._close()
        finally:
            self._opened.set()


def fit(image_rgb: ImageU8, max_side: int) -> ImageU8:
    """The picture with even width and height (video encoders need it), no side above `max_side`."""
    height, width = image_rgb.shape[:2]
    scale = max_side / max(height, width)
    if scale < 1:
        size_wh = (max(2, int(width * scale)), max(2, int(height * scale)))
        image_rgb = np.asarray(cv2.resize(image_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        height, width = image_rgb.shape[:2]
    return np.ascontiguousarray(image_rgb[: height - height % 2, : width - width % 2])
