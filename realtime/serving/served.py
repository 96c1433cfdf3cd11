"""What the server needs from the rest of the program: the streams it serves and the process's health.

The pipeline implements these protocols; the server's tests implement them with a picture producer of
their own. Nothing here knows of HTTP or WebRTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from realtime.slot import Fanout
from realtime.values import ImageU8, Picture


class Driver(Protocol):
    """The driver profile of a stream: its attribute `driver`, None or absent in another profile.

    Every method returns at once and may be called from any thread.
    """

    def acknowledge(self) -> None:
        """The driver answers to what is sounding."""

    def recalibrate(self) -> None:
        """Has the driver's baseline learnt anew."""

    def set_speed(self, t_ns: int, speed_kmh: float) -> None:
        """Takes the vehicle's speed at a time.

        Raises:
            ValueError: it is not 0 to 400 km/h.
        """


class Persons(Protocol):
    """What persons may teach a stream: its attribute `persons`, None or absent where nothing is read.

    Every method returns at once and may be called from any thread. NotNowError says what a call lacks.
    """

    def calibration(self) -> dict[str, Any]:
        """Where the calibration stands: state, progress, left_s, message, face_id, neutral."""

    def calibrate(self, face_id: int | None) -> None:
        """Begins to learn a face's rest; None: the largest face's."""

    def restore(self, value: object, face_id: int | None) -> None:
        """Takes a rest learnt before; None: for the only face in view.

        Raises:
            ValueError: it is no rest.
        """

    def forget_rest(self) -> None:
        """Cancels a calibration that runs, else forgets every rest."""

    def teaching(self) -> dict[str, Any]:
        """Where teaching stands: state, label, phase, left_s, progress, message, before, after, active."""

    def teach(self, face_id: int | None) -> None:
        """Begins the guided minute; None: of the largest face."""

    def apply_taught(self, face_id: int | None) -> None:
        """Says whose the taught head is; None: the only face's in view."""

    def forget_taught(self) -> None:
        """Cancels a lesson that runs, else forgets the taught head."""

    def taught_file(self) -> bytes:
        """The taught head as a file."""


class Recorder(Protocol):
    """The recorder of a stream: its attribute `recorder`. Any thread may call.

    Times that go in and out are seconds since the recording began.
    """

    def status(self) -> dict[str, Any]:
        """State, stores, folder, id, seconds, events, dropped, markers, excluded; returns at once."""

    def start(self) -> None:
        """Begins a recording; blocks shortly.

        Raises:
            NotNowError: one runs, or the folder cannot be written.
        """

    def stop(self) -> None:
        """Ends the recording; blocks until its file is complete. Can be called twice."""

    def marker(self, label: str) -> None:
        """Sets a mark, now; returns at once.

        Raises:
            ValueError: the label is not one line.
        """

    def exclude(self, from_s: float, to_s_: float, /) -> None:
        """Leaves a range out; returns at once.

        Raises:
            ValueError: it is no range.
        """

    def sessions(self) -> list[dict[str, Any]]:
        """The recordings, newest first; blocks."""

    def delete(self, session: str) -> dict[str, Any]:
        """Removes a recording and says what went; blocks.

        Raises:
            UnknownError: there is none of that name.
        """

    def download(self, session: str, kind: str) -> Iterator[bytes]:
        """A recording as "events.jsonl", "events.csv" or "report.html", in parts; each part blocks.

        Raises:
            UnknownError: there is none of that name.
        """


class Views(Protocol):
    """The switches of a stream's picture: its attribute `views`, where it has one.

    Every method returns at once and may be called from any thread.
    """

    def state(self) -> dict[str, Any]:
        """The switches by name, and `locked`, the names that can only be made stricter."""

    def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Changes some switches for all viewers and returns the new state.

        Raises:
            ValueError: an unknown name or a value out of range.
            LockedError: one that the command line fixed would become looser.
        """


class Consents(Protocol):
    """Purpose and consent of a stream: its attribute `consents`, where it has one. Any thread."""

    def state(self) -> dict[str, Any]:
        """`{"needed", "given", "purpose", "expressions", "reason", "source"}`; returns at once."""

    def agree(self, purpose: str, camera: bool) -> dict[str, Any]:
        """Takes the purpose, and with `camera` that cameras may open; blocks while one opens.

        Raises:
            ValueError: no such purpose.
            IfddLiveError: the camera does not open.
        """


class Inspecting(Protocol):
    """Tells what ISSM does: a stream's attribute `inspector`, None or absent without expressions."""

    def inspect(self, face_id: int) -> Future[dict[str, Any] | None] | None:
        """Asks about a face's newest window; any thread, returns at once.

        The answer is JSON-ready, None where the face has no window or the model no ISSM. Returns None
        where too many ask already.
        """


class Stream(Protocol):
    """One source with everything behind it: capture, vision, composer.

    Where it has them, `config` is its own settings (bit rate, rate, publishing; else the process's are used)
    and `ready` says whether a picture of it came through (else the process's `ready()` counts).

    Every method may be called from the server's threads at any time while the stream runs.
    """

    @property
    def name(self) -> str:
        """The stream's name within the process: letters, digits, '-' and '_'."""

    @property
    def pictures(self) -> Fanout[Picture]:
        """Finished pictures, published on the composer's thread at picture rate."""

    @property
    def events(self) -> Fanout[dict[str, Any]]:
        """Result objects, JSON-ready, published on the thread that made them; not changed afterwards."""

    @property
    def accepts_push(self) -> bool:
        """True while the source is the viewer's own browser, whose pictures come through `push`."""

    def status(self) -> dict[str, Any]:
        """What `/api/status` says of the stream, JSON-ready; returns at once.

        The page shows these keys, and more may be added: `source` {"source", "name", "state"} with state
        one of "live", "lost", "waiting", "ended"; `model` {"name", "device", "trained", "labels"}, None
        where no expressions are read; `profile`, and in the driver profile `driver`, its newest state;
        `rates` {"capture_fps", "picture_fps", "prediction_hz"}; `keeps_up`, False when predictions come
        later than wanted because the machine is too slow; `drops` and `latency_ms` by stage.
        """

    def sources(self) -> list[dict[str, Any]]:
        """What a viewer may choose: [{"source": "demo", "name": "Demo clip"}, ...]. May take a second."""

    def set_source(self, text: str) -> None:
        """Changes the source, blocking up to about a second; never called on the server's event loop.

        Raises:
            IfddLiveError: the source is unknown or cannot be opened; one clear line.
        """

    def push(self, image_rgb: ImageU8, t_ns: int) -> None:
        """Hands over a picture of the viewer's camera; the newest wins, and the call returns at once.

        Args:
            image_rgb: (H,W,3) uint8; the size may change from one call to the next.
            t_ns: monotonic time at which the picture was decoded.
        """


class Served(Protocol):
    """The process as the server sees it."""

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The streams by name; the first one is served where a request names none."""

    def health(self) -> dict[str, Any]:
        """`{"ok": bool, "problems": [one line each]}`; returns at once."""

    def ready(self) -> bool:
        """True once every stream has shown its first picture and the model is loaded."""

    def status(self) -> dict[str, Any]:
        """What `/api/status` says of the whole process, JSON-ready; returns at once."""
