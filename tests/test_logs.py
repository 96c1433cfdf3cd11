from __future__ import annotations

import json
import logging

import pytest

from realtime import logs

log = logging.getLogger("realtime.test")


@pytest.fixture(autouse=True)
def _restored() -> object:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for library in ("aiortc", "aioice", "aiohttp.access"):
        logging.getLogger(library).setLevel(logging.NOTSET)


def test_json_lines_have_the_run_the_event_and_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    logs.say(log, "viewer_joined", "viewer abc... joined", peer="abc", now=1)
    log.warning("a library's %s", "line\nwith two")
    try:
        raise RuntimeError("boom")
    except RuntimeError as error:
        logs.say(log, "fault", "it failed", logging.WARNING, error, part="inference")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [each["event"] for each in lines] == ["viewer_joined", "log", "fault"]
    assert {each["run"] for each in lines} == {logs.RUN_ID}
    assert (lines[0]["peer"], lines[0]["level"], lines[0]["message"]) == (
        "abc",
        "info",
        "viewer abc... joined",
    )
    assert lines[1]["message"] == "a library's line\nwith two"
    assert "RuntimeError: boom" in lines[2]["trace"]
    assert lines[0]["monotonic_s"] <= lines[1]["monotonic_s"]


def test_text_reads_as_people_expect_and_configuring_twice_says_things_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("text", "info")
    logs.configure("text", "warning")
    logs.say(log, "viewer_joined", "not said at this level")
    logs.say(log, "source_lost", "source lost: camera 7", logging.WARNING)
    assert capsys.readouterr().err == "WARNING realtime.test: source lost: camera 7\n"


def test_libraries_that_log_every_packet_stay_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "debug")
    logging.getLogger("aioice.ice").info("Check CandidatePair(('192.168.1.7', 50000) -> ...")
    assert capsys.readouterr().err == ""
