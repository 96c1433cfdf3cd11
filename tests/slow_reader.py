"""A replica's model that takes as long as a file says, as a slow network or machine would."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from realtime.remote.clips import Clip
from realtime.remote.replica import Answer, Replica
from realtime.remote.settings import RaySettings


class SlowReader(Replica):
    """Reads as a Replica does, later. `precision` of its settings is used for the file's path."""

    def __init__(self, settings: RaySettings) -> None:
        super().__init__(replace(settings, precision="float32"))
        self._file = Path(settings.precision)

    def read_clips(self, clips: Sequence[Clip]) -> list[Answer]:
        time.sleep(float(self._file.read_text() or 0))  # what is tested is that others do not wait for it
        return super().read_clips(clips)
