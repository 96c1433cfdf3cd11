"""The picture's switches and ISSM's details over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from realtime.view import View, ViewControl
from tests.test_app import Running, request
from tests.webrtc_client import watcher

JSON = {"Content-Type": "application/json"}


class Inspector:
    """Answers as a test wants."""

    def __init__(self) -> None:
        self.answers: dict[int, dict[str, Any] | None] = {}
        self.full = False

    def inspect(self, face_id: int) -> Future[dict[str, Any] | None] | None:
        asked: Future[dict[str, Any] | None] = Future()
        if face_id in self.answers:
            asked.set_result(self.answers[face_id])
        return None if self.full else asked


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    made.stream.views = ViewControl()
    yield made
    made.stop()


def get(running: Running, path: str) -> tuple[int, str]:
    status, _, text = request(running.url + path)
    return status, text


def post(running: Running, body: object, headers: dict[str, str] | None = None) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, text = request(f"{running.url}/api/view", "POST", data, headers or JSON)
    return status, text


def test_switches_are_told_and_changed(running: Running) -> None:
    status, text = get(running, "/api/view")
    assert status == 200
    assert json.loads(text) == {
        "box": True, "mesh": False, "bars": True, "strip": True, "mirror": False,
        "picture": "camera", "bystanders": "show", "chosen": None, "locked": [],
    }  # fmt: skip
    status, text = post(running, {"mirror": True, "picture": "mesh", "chosen": 3})
    assert status == 200
    changed = json.loads(text)
    assert (changed["mirror"], changed["picture"], changed["chosen"]) == (True, "mesh", 3)
    assert json.loads(get(running, "/api/view")[1]) == changed


def test_what_the_command_line_fixed_is_not_loosened(running: Running) -> None:
    running.stream.views = ViewControl(View(picture="mesh", bystanders="blur"))
    assert json.loads(get(running, "/api/view")[1])["locked"] == ["picture", "bystanders"]
    for body in ({"picture": "camera"}, {"bystanders": "show"}, {"box": False, "picture": "camera"}):
        status, text = post(running, body)
        assert status == 409
        assert "or stricter, as at the start" in text
        assert text.count("\n") == 1
    assert json.loads(get(running, "/api/view")[1])["box"] is True, "a refused change changes nothing"
    assert post(running, {"picture": "mesh-only"})[0] == 200
    assert post(running, {"picture": "mesh"})[0] == 200


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", [], {"expressions": False}, {"box": 1}, {"chosen": "1"}, {"chosen": 0},
             {"chosen": True}, {"picture": "none"}, {"bystanders": None}, {"locked": []}],
)  # fmt: skip
def test_a_wrong_body_is_one_clear_line(running: Running, body: object) -> None:
    status, text = post(running, body)
    assert status == 400
    assert "expected" in text
    assert text.count("\n") == 1
    assert running.stream.views() == View()


def test_changes_must_be_json_and_from_our_own_page(running: Running) -> None:
    assert post(running, {"box": False}, {"Content-Type": "text/plain"})[0] == 415
    assert post(running, {"box": False}, {**JSON, "Origin": "http://evil.example"})[0] == 403
    assert running.stream.views() == View()


def test_issm_is_told_for_a_face_with_a_window(running: Running) -> None:
    running.stream.inspector = Inspector()
    running.stream.inspector.answers = {4: {"face_id": 4}, 5: None}
    assert get(running, "/api/issm?face=4") == (200, '{"face_id": 4}')
    status, text = get(running, "/api/issm?face=5")
    assert (status, text) == (404, "issm: expected a face with a whole window, got face 5\n")
    for wrong in ("", "?face=", "?face=x", "?face=-1", "?face=99999999999", "?face=%D9%A3"):
        assert get(running, "/api/issm" + wrong)[0] == 400


def test_issm_that_nobody_answers_is_given_up(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.serving.view_api.ISSM_TIMEOUT_S", 0.05)
    running.stream.inspector = Inspector()
    assert get(running, "/api/issm?face=1")[0] == 503
    running.stream.inspector.full = True
    assert get(running, "/api/issm?face=1") == (503, "issm: too many ask at once\n")
    running.stream.inspector = None
    assert get(running, "/api/issm?face=1")[0] == 404


def test_a_stream_without_switches_says_so() -> None:
    running = Running()
    try:
        assert get(running, "/api/view")[0] == 404
        assert post(running, {})[0] == 404
    finally:
        running.stop()


def test_viewers_survive_a_picture_that_loses_its_strip_and_gets_it_back(running: Running) -> None:
    async def watch(codec: str) -> list[int]:
        heights = []
        async with watcher(running.url, codec) as viewer:
            for height in (316, 240, 316):
                running.stream.size_wh = (320, height)
                frame = (await viewer.frames(1))[0]
                for _ in range(60):
                    if frame.height == height:
                        break
                    frame = (await viewer.frames(1))[0]
                heights.append(frame.height)
                assert frame.width == 320
            await viewer.frames(5)
        return heights

    for codec in ("H264", "VP8"):
        assert asyncio.run(watch(codec)) == [316, 240, 316]
