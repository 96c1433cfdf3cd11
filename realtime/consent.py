"""Purpose and consent: no camera opens before somebody agreed, and some purposes read no expressions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from realtime.capture.camera import cameras
from realtime.capture.network import without_password
from realtime.config import PURPOSES, Config, needs_consent
from realtime.errors import IfddLiveError

# Regulation (EU) 2024/1689 (AI Act), article 5(1)(f)
WITHOUT_EXPRESSIONS = frozenset({"workplace", "education"})


class ConsentError(IfddLiveError):
    """A camera was asked for that nobody agreed to."""


def shown(source: str) -> str:
    """The source as it may be told: an address without its password."""
    return without_password(source) if "://" in source else source


class Purposes:
    """What the run is for, told at the start or by any stream's page. Any thread; one for the process."""

    def __init__(self, config: Config) -> None:
        """Takes what the command line said."""
        self._lock = threading.Lock()
        self.told = config.run_purpose
        # the first purpose that forbids expressions stays the reason, whatever is said later
        self.forbidden_by = self.told if self.told in WITHOUT_EXPRESSIONS else ""
        self._listeners: tuple[Callable[[], None], ...] = ()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Has `listener` called once expressions may not be read any more, on the thread that says so."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def tell(self, purpose: str) -> None:
        """Notes a purpose.

        Raises:
            ValueError: no such purpose.
        """
        if purpose not in PURPOSES:
            raise ValueError(f"purpose: expected one of {', '.join(PURPOSES)}, got {purpose!r}")
        with self._lock:
            self.told = purpose
            forbids = purpose in WITHOUT_EXPRESSIONS and not self.forbidden_by
            if forbids:
                self.forbidden_by = purpose
            listeners = self._listeners if forbids else ()
        for listener in listeners:
            listener()


class Consent:
    """What was agreed in this run: cameras of one stream, purposes of all. Any thread; nothing is kept."""

    def __init__(self, config: Config, purposes: Purposes | None = None) -> None:
        """Takes what the command line said.

        Args:
            config: the settings.
            purposes: the process's, where streams share them; None: its own.
        """
        self._camera = config.consent
        self.purposes = purposes or Purposes(config)

    @property
    def camera(self) -> bool:
        """Whether cameras may be opened."""
        return self._camera

    @property
    def expressions(self) -> bool:
        """Whether the purposes told so far allow expressions to be read."""
        return not self.purposes.forbidden_by

    @property
    def reason(self) -> str:
        """Why expressions may not be read; "" while they may."""
        if self.expressions:
            return ""
        return (
            f"purpose {self.purposes.forbidden_by}: expressions are not read for the rest of this run "
            "(EU AI Act, article 5(1)(f))"
        )

    def agree(self, purpose: str, camera: bool) -> None:
        """Notes a purpose, and with `camera` that cameras may be opened.

        Raises:
            ValueError: no such purpose.
        """
        self.purposes.tell(purpose)
        self._camera = self._camera or camera

    def state(self) -> dict[str, Any]:
        """Purpose and what follows from it, for `GET /api/consent`."""
        return {
            "given": self._camera,
            "purpose": self.purposes.told,
            "expressions": self.expressions,
            "reason": self.reason,
        }


class CameraGate:
    """Consent as one stream applies it: what it opens at first, and what happens once somebody agrees."""

    HOW = "agree on the page, or start with --consent --purpose personal"

    def __init__(
        self,
        consent: Consent,
        source: str,
        agreed: Callable[[], None],
        list_cameras: Callable[[], list[str]] | None = None,
    ) -> None:
        """Looks at what the stream is to show.

        Args:
            consent: the run's.
            source: as `Config.source` describes it.
            agreed: called after each agreement, on the thread that brings it; may block and raise.
            list_cameras: instead of looking for them, for tests.
        """
        self._consent, self._source, self._agreed = consent, source.strip(), agreed
        found = (list_cameras or cameras)() if self._source == "auto" else [self._source]
        self._needed = needs_consent(self._source) and bool(found)
        self.camera = shown(found[0] if found else self._source)
        # True while something else stands where the camera will be
        self.pending = self._needed and not consent.camera

    @property
    def waits(self) -> bool:
        """Whether there is no picture until somebody agrees; with "auto" the demo clip is shown."""
        return self.pending and self._source != "auto"

    @property
    def first_source(self) -> str:
        """What the stream opens at its start."""
        if self._source == "auto" and not self._consent.camera:
            return "demo"  # also where there is no camera: one that is plugged in now was not asked for
        return self._source

    @property
    def line(self) -> str:
        """What to tell at the start; "" where there is nothing to ask."""
        if self.waits:
            return f"source: camera {self.camera}, closed: {self.HOW}"
        if self.pending:
            return f"source: the demo clip; the page asks before the camera {self.camera} opens ({self.HOW})"
        if self._source == "auto" and not self._needed:
            return "source: the demo clip, because no camera was found"
        return ""

    @property
    def notice(self) -> str:
        """What a picture without a camera says; "" where it does not wait for consent."""
        return f"The camera is closed: {self.HOW}." if self.waits else ""

    def check(self, source: str) -> None:
        """Refuses a camera that nobody agreed to.

        Raises:
            ConsentError: it is one.
        """
        if needs_consent(source) and not self._consent.camera:
            raise ConsentError(
                f"source: expected consent before a camera opens, got {shown(source)!r}: {self.HOW}"
            )

    def state(self) -> dict[str, Any]:
        """What `GET /api/consent` says."""
        return {"needed": self._needed, **self._consent.state(), "source": self.camera}

    def agree(self, purpose: str, camera: bool) -> dict[str, Any]:
        """Takes an agreement and returns the new state; blocks while a camera opens.

        Raises:
            ValueError: no such purpose.
            IfddLiveError: the camera does not open.
        """
        self._consent.agree(purpose, camera)
        self._agreed()
        return self.state()
