"""From what the user typed to an open source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from realtime.capture.browser import PushSource
from realtime.capture.camera import CameraSource, cameras
from realtime.capture.file import FileSource
from realtime.capture.network import SCHEMES, NetworkSource
from realtime.capture.source import Source
from realtime.config import Config
from realtime.errors import SourceError

DEMO_CLIP = Path(__file__).resolve().parents[2] / "assets" / "demo" / "demo.mp4"


class SourceOpener:
    """Opens the source that a text names; called again, it opens the same one again.

    "auto" chooses once: a camera that was taken and is lost later is waited for, not replaced.
    """

    def __init__(
        self,
        text: str,
        config: Config,
        *,
        live: bool = True,
        browser: PushSource | None = None,
        list_cameras: Callable[[], list[str]] = cameras,
        open_camera: Callable[..., Source] = CameraSource,
    ) -> None:
        """Keeps what is needed for opening.

        Args:
            text: as `Config.source` describes it.
            config: for the size, rate and loop.
            live: False: a file's every picture, as fast as they are read, the demo clip once.
            browser: where the viewer's pictures are pushed, needed for "browser".
            list_cameras, open_camera: for tests.
        """
        self._text, self._config, self._live, self._browser = text.strip(), config, live, browser
        self._list_cameras, self._open_camera = list_cameras, open_camera
        self._chosen = ""
        self._reason = ""

    def __call__(self) -> Source:
        """Opens it.

        Raises:
            SourceError: it cannot be opened, or nothing is named so.
        """
        if self._text == "auto":
            source = self._open(self._chosen) if self._chosen else self._choose()
        else:
            source = self._open(self._text)
        source.choice_reason = self._reason
        return source

    def _choose(self) -> Source:
        problem = "no camera was found"
        for device in self._list_cameras():
            try:
                source = self._open(device)
            except SourceError as error:
                problem = f"no camera opened ({error})"
            else:
                self._chosen, self._reason = device, f"source: {device}, the first camera that opened"
                return source
        self._chosen, self._reason = "demo", f"source: the demo clip, because {problem}"
        return self._open("demo")

    def _open(self, text: str) -> Source:
        config = self._config
        if text.isdigit() or text.startswith("/dev/"):
            return self._open_camera(text, width=config.width, height=config.height, fps=config.fps)
        if text == "browser":
            if self._browser is None:
                raise SourceError("source 'browser': expected a served page to send pictures, got none")
            return self._browser
        if text == "demo":
            return FileSource(DEMO_CLIP, live=self._live, loop=self._live)
        if "://" in text:
            if text.partition("://")[0].lower() not in SCHEMES:
                raise SourceError(
                    f"source: expected {', '.join(SCHEMES)}://…, got {text.partition('://')[0]}://"
                )
            return NetworkSource(text)
        if not text:
            raise SourceError(
                "source: expected a camera number, device, file, address, browser, demo or auto, got nothing"
            )
        return FileSource(text, live=self._live, loop=self._live and config.loop)


def open_source(text: str, config: Config, *, live: bool = True, browser: PushSource | None = None) -> Source:
    """Opens the source named by a text, once; see SourceOpener.

    Raises:
        SourceError: it cannot be opened, or nothing is named so.
    """
    return SourceOpener(text, config, live=live, browser=browser)()
