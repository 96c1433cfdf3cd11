"""A replica's model that takes as long as a file says, as a slow network or machine would."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from realtime.remote.clips import Clip
from realtime.remote.replica import Answer, Replica
from realtime.remote.settings import RaySettings

VARIABLE = "SLOW_READER"  # names the file, with seconds in it


class SlowReader(Replica):
    """Reads as a Replica does, later."""

    def __init__(self, settings: RaySettings) -> None:
        super().__init__(settings)
        self._file = Path(os.environ[VARIABLE])

    def read_clips(self, clips: Sequence[Clip]) -> list[Answer]:
        time.sleep(float(self._file.read_text() or 0))  # what is tested is that others do not wait for it
        return super().read_clips(clips)
