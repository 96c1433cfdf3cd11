"""The personal, session, view and consent endpoints as the page sees them, in memory, with real behaviour.

The page's tests put it between a browser and a server that makes pictures and results only, so that a
guided minute takes a second here and every answer can be looked at. What the real server does with the
same page is tested in tests/test_page_live.py.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

from tests.picture_producer import LABELS, ProducerStream

STRICT = {"picture": ("camera", "mesh", "mesh-only"), "bystanders": ("show", "blur")}
LAYERS = ("box", "mesh", "bars", "strip", "mirror")


class RefusedError(Exception):
    """An answer of 4xx with one line."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


class Contract:
    """The state behind the endpoints. `quick` is how much faster guided things run."""

    def __init__(self) -> None:
        self.quick = 1.0
        self.view: dict[str, Any] = dict.fromkeys(LAYERS, False)
        self.view |= {"box": True, "bars": True, "strip": True, "picture": "camera", "bystanders": "show"}
        self.view |= {"chosen": None, "locked": []}
        self.consent: dict[str, Any] = {"needed": False, "given": False, "purpose": "", "expressions": True}
        self.consent |= {"reason": "", "source": "/dev/video0"}
        self.neutral: dict[str, Any] | None = None
        self.neutral_started: float | None = None
        self.taught = False
        self.teach_started: float | None = None
        self.gain = (0.55, 0.81)
        self.in_view = True  # the face that was taught
        self.session: dict[str, Any] = self._session_off()
        self.recordings: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self._session_started = 0.0

    # -- what is answered -------------------------------------------------------------------------------

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer, or text for a file.

        Raises:
            RefusedError: the request is not to be answered.
        """
        if method != "GET":
            self.asked.append((method, path))
        if found := re.fullmatch(r"/api/sessions/([^/]+)(?:/(.+))?", path):
            return self._recording(method, found[1], found[2])
        name = f"{method.lower()}_{path.removeprefix('/api/').replace('/', '_')}"
        handler = getattr(self, f"_{name}", None)
        if handler is None:
            raise RefusedError(404, f"{path}: nothing here")
        return handler(body)

    def _post_view(self, body: dict[str, Any]) -> Any:
        for name, value in body.items():
            if name in self.view["locked"]:
                order = STRICT.get(name)
                if order is None or order.index(value) < order.index(self.view[name]):
                    raise RefusedError(409, f"{name}: fixed on the command line, got {value!r}")
        self.view |= body
        return self.view

    def _post_consent(self, body: dict[str, Any]) -> Any:
        self.consent["purpose"] = body["purpose"]
        if body["purpose"] in ("workplace", "education"):
            self.consent |= {"expressions": False, "reason": "EU AI Act, article 5(1)(f)"}
        if body["camera"]:
            self.consent["given"] = True
        return self.consent

    def _get_calibration(self, _: dict[str, Any]) -> Any:
        if self.neutral_started is not None:
            passed = (time.monotonic() - self.neutral_started) * self.quick
            if passed < 8:
                return self._calibration("running", progress=passed / 8, left_s=8 - passed)
            self.neutral_started, self.neutral = None, {"scores": [0.1] * 7, "count": 60}
        return self._calibration("none" if self.neutral is None else "ready")

    def _calibration(self, state: str, **more: Any) -> dict[str, Any]:
        said = {"state": state, "progress": 0.0, "left_s": 0.0, "message": "", "face_id": 1}
        return {**said, "neutral": self.neutral, **more}

    def _post_calibration(self, _: dict[str, Any]) -> Any:
        self.neutral_started = time.monotonic()
        return self._get_calibration({})

    def _put_calibration(self, body: dict[str, Any]) -> Any:
        self.neutral = body["neutral"]
        return self._get_calibration({})

    def _delete_calibration(self, _: dict[str, Any]) -> Any:
        self.neutral = self.neutral_started = None
        return self._get_calibration({})

    def _get_teach(self, _: dict[str, Any]) -> Any:
        if self.teach_started is not None:
            passed = (time.monotonic() - self.teach_started) * self.quick
            if passed < 56:
                step = int(passed // 8)
                phase = "ready" if passed % 8 < 3 else "hold"
                left = (3 if phase == "ready" else 8) - passed % 8
                return self._teach(
                    "running", label=LABELS[step], phase=phase, left_s=left, progress=passed / 56
                )
            if passed < 60:
                return self._teach("fitting")
            self.teach_started, self.taught = None, True
        if not self.taught:
            return self._teach("idle")
        before, after = ({"accuracy": each, "count": 42} for each in self.gain)
        return self._teach(
            "ready", before=before, after=after, active=self.gain[1] >= self.gain[0] and self.in_view
        )

    def _teach(self, state: str, **more: Any) -> dict[str, Any]:
        said: dict[str, Any] = {"state": state, "label": None, "phase": "ready", "left_s": 0.0}
        said |= {"progress": 0.0, "message": "", "before": None, "after": None, "active": False}
        return {**said, **more}

    def _post_teach(self, _: dict[str, Any]) -> Any:
        self.teach_started = time.monotonic()
        return self._get_teach({})

    def _put_teach(self, _: dict[str, Any]) -> Any:
        self.in_view = True
        return self._get_teach({})

    def _delete_teach(self, _: dict[str, Any]) -> Any:
        self.teach_started, self.taught = None, False
        return self._get_teach({})

    def _get_teach_file(self, _: dict[str, Any]) -> Any:
        if not self.taught:
            raise RefusedError(404, "teach: nothing to download")
        return '{"person": 1}\n'

    def _get_session(self, _: dict[str, Any]) -> Any:
        if self.session["state"] == "recording":
            self.session["seconds"] = time.monotonic() - self._session_started
            self.session["events"] = int(self.session["seconds"] * 7.5)
        return self.session

    def _session_off(self) -> dict[str, Any]:
        return {
            "state": "off",
            "stores": ["one line for each result: time, face, probabilities", "your markers"],
            "folder": "~/ifdd-live/sessions",
            **{"id": None, "seconds": 0.0, "events": 0, "dropped": 0, "markers": [], "excluded": []},
        }

    def _post_session_start(self, body: dict[str, Any]) -> Any:
        if body != {"agreed": True}:
            raise RefusedError(400, 'body: expected {"agreed": true}')
        self._session_started = time.monotonic()
        self.session = {**self._session_off(), "state": "recording", "id": f"s{len(self.recordings) + 1}"}
        return self.session

    def _post_session_stop(self, _: dict[str, Any]) -> Any:
        ended = self._get_session({})
        self.recordings[ended["id"]] = {
            "id": ended["id"],
            "started": 1_790_000_000 + len(self.recordings) * 3600,
            **{name: ended[name] for name in ("seconds", "events")},
            "bytes": 1200 + ended["events"] * 400,
        }
        self.session = self._session_off()
        return self.session

    def _post_session_marker(self, body: dict[str, Any]) -> Any:
        self.session["markers"].append(
            {"t": time.monotonic() - self._session_started, "label": body["label"]}
        )
        return self.session

    def _post_session_exclude(self, body: dict[str, Any]) -> Any:
        if not body["from"] < body["to"]:
            raise RefusedError(400, "exclude: expected from < to")
        self.session["excluded"].append(body)
        return self.session

    def _get_sessions(self, _: dict[str, Any]) -> Any:
        return {"sessions": list(self.recordings.values())}

    def _recording(self, method: str, name: str, file: str | None) -> Any:
        if name not in self.recordings:
            raise RefusedError(404, f"session: expected one of {', '.join(self.recordings)}, got {name!r}")
        if method == "DELETE":
            del self.recordings[name]
            return {}
        return f"{file} of {name}\n"

    def _get_issm(self, _: dict[str, Any]) -> Any:
        matrix = [[1.0 - abs(i - j) / 20 for j in range(16)] for i in range(16)]
        groups = ["static" if each % 2 == 0 else "dynamic" for each in range(16)]
        groups[3] = "both"
        return {"face_id": 1, "t": 1.0, "frames": 16, "correlation": matrix, "groups": groups}

    # -- between browser and server ---------------------------------------------------------------------

    def install(self, page: Any) -> None:
        """Answers these endpoints for a page; what else it asks goes to the server."""
        page.route(re.compile(r"/api/(view|consent|calibration|teach|sessions?|issm)\b"), self._handle)

    def _handle(self, route: Any) -> None:
        request = route.request
        body = json.loads(request.post_data) if request.post_data else {}
        try:
            answer = self.answer(request.method, urlsplit(request.url).path, body)
        except RefusedError as refused:
            route.fulfill(status=refused.status, body=refused.line + "\n", content_type="text/plain")
            return
        if isinstance(answer, str):
            name = request.url.rsplit("/", 1)[1]
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            route.fulfill(status=200, body=answer, headers=headers, content_type="text/plain")
        else:
            route.fulfill(status=200, json=answer)


class ContractStream(ProducerStream):
    """A producer whose status tells the view and the consent, as the real one's does."""

    def __init__(self, contract: Contract) -> None:
        super().__init__(size_wh=(320, 240), fps=12.0)  # the picture is not what is looked at here
        self.contract = contract

    def status(self) -> dict[str, Any]:
        told = super().status()
        if not self.contract.consent["expressions"]:
            told["model"] = None
        return {**told, "faces": 1, "view": self.contract.view, "consent": self.contract.consent}
