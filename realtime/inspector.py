"""Answers what ISSM does in a face of one stream, through the inference thread."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from realtime.clock import to_s
from realtime.inference.thread import Answer, Inference


class Inspector:
    """One stream's questions to the inference thread, and their answers as JSON-ready objects."""

    def __init__(self, inference: Inference, name: str, origin_ns: int) -> None:
        """Makes it.

        Args:
            inference: the process's inference thread.
            name: the stream's.
            origin_ns: the time that counts as t = 0.
        """
        self._inference, self._name, self._origin_ns = inference, name, origin_ns

    def inspect(self, face_id: int) -> Future[dict[str, Any] | None] | None:
        """Asks about a face's newest window; any thread, returns at once, None where too many ask already."""
        asked = self._inference.inspect(self._name, face_id)
        if asked is None:
            return None
        told: Future[dict[str, Any] | None] = Future()
        told.set_running_or_notify_cancel()  # who stops waiting cancels nothing

        def tell(answered: Future[Answer]) -> None:
            answer = answered.result()
            if answer is None:
                told.set_result(None)
            else:
                t_ns, details = answer
                told.set_result(details.to_json(face_id, to_s(t_ns - self._origin_ns)))

        asked.add_done_callback(tell)
        return told
