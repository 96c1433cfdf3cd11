"""Consent over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from realtime.config import Config
from realtime.consent import CameraGate, Consent
from realtime.errors import SourceError
from tests.test_app import Running, request

JSON = {"Content-Type": "application/json"}


class Opener:
    """Notes when a camera may be opened, and fails when a test wants it to."""

    def __init__(self) -> None:
        self.told = 0
        self.error: Exception | None = None

    def __call__(self) -> None:
        self.told += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.stop()


@pytest.fixture
def opener(running: Running) -> Opener:
    made = Opener()
    running.stream.consents = CameraGate(Consent(Config(source="0")), "0", made)
    return made


def post(running: Running, body: object, headers: dict[str, str] | None = None) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, text = request(f"{running.url}/api/consent", "POST", data, headers or JSON)
    return status, text


def test_consent_is_asked_and_taken(running: Running, opener: Opener) -> None:
    status, _, text = request(running.url + "/api/consent")
    assert status == 200
    assert json.loads(text) == {
        "needed": True, "given": False, "purpose": "", "expressions": True, "reason": "", "source": "0",
    }  # fmt: skip
    status, text = post(running, {"purpose": "personal", "camera": True})
    assert status == 200
    asked = json.loads(text)
    assert (asked["given"], asked["purpose"], asked["expressions"]) == (True, "personal", True)
    assert opener.told == 1


@pytest.mark.parametrize("purpose", ["workplace", "education"])
def test_a_forbidden_purpose_ends_expressions_for_good(
    running: Running, opener: Opener, purpose: str
) -> None:
    state = json.loads(post(running, {"purpose": purpose, "camera": False})[1])
    assert (state["given"], state["expressions"]) == (False, False)
    assert purpose in state["reason"]
    assert "article 5(1)(f)" in state["reason"]
    later = json.loads(post(running, {"purpose": "personal", "camera": True})[1])
    assert (later["given"], later["expressions"], later["purpose"]) == (True, False, "personal")
    assert later["reason"] == state["reason"]


@pytest.mark.parametrize(
    "body", [b"", b"x", [], {}, {"purpose": "personal"}, {"purpose": "spying", "camera": True},
             {"purpose": "", "camera": True}, {"purpose": "personal", "camera": 1},
             {"purpose": None, "camera": True}, {"purpose": "personal", "camera": True, "more": 1}],
)  # fmt: skip
def test_a_wrong_body_is_one_clear_line(running: Running, opener: Opener, body: object) -> None:
    status, text = post(running, body)
    assert status == 400
    assert "expected" in text
    assert text.count("\n") == 1
    assert opener.told == 0
    assert json.loads(request(running.url + "/api/consent")[2])["given"] is False


def test_a_camera_that_does_not_open_is_said(running: Running, opener: Opener) -> None:
    opener.error = SourceError("camera /dev/video0: expected pictures, got none")
    status, text = post(running, {"purpose": "personal", "camera": True})
    assert (status, text) == (409, "camera /dev/video0: expected pictures, got none\n")


def test_other_sites_and_streams_without_consent_are_refused(running: Running, opener: Opener) -> None:
    body = {"purpose": "personal", "camera": True}
    assert post(running, body, {**JSON, "Origin": "http://evil.example"})[0] == 403
    assert post(running, body, {"Content-Type": "text/plain"})[0] == 415
    assert opener.told == 0
    running.stream.consents = None
    assert post(running, body)[0] == 404
    assert request(running.url + "/api/consent")[0] == 404
