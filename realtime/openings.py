"""The start of several streams: one source that opens is enough, and none is waited for by the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from realtime.errors import SourceError

OPEN_TIMEOUT_S = 20.0
# once one source is open the others get this long before the program goes on, for what it says at the start
OTHERS_S = 1.0


class Openings:
    """What became of each stream's first try to open its source; told by the capture threads."""

    def __init__(self, names: Iterable[str]) -> None:
        """Takes the streams' names."""
        self._missing = set(names)
        self._failed: list[tuple[str, Exception]] = []
        self._is_open = False
        self._told = threading.Condition()

    def of(self, name: str) -> Callable[[Exception | None], None]:
        """What a stream's capture tells its first opening to."""

        def tell(error: Exception | None) -> None:
            with self._told:
                self._missing.discard(name)
                if error is None:
                    self._is_open = True
                else:
                    self._failed.append((name, error))
                self._told.notify_all()

        return tell

    def wait(self, timeout_s: float = OPEN_TIMEOUT_S, others_s: float = OTHERS_S) -> None:
        """Waits until a source is open; those that cannot be opened or take long are tried on.

        Raises:
            SourceError: not one of them can be opened.
        """
        with self._told:
            self._told.wait_for(lambda: self._is_open or not self._missing, timeout_s)
            if not self._is_open and not self._missing:
                name, error = self._failed[0]
                raise SourceError(
                    f"stream {name}: {error} (and no other of {len(self._failed)} streams opens)"
                )
            self._told.wait_for(lambda: not self._missing, others_s)
