from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assets.deploy import service
from assets.deploy.service import State, probe, run
from realtime.config import Config
from realtime.serving.access import Access

SCRIPT = Path(service.__file__)
# A program as the service sees it: its lines, and a /healthz that says what the file `state` says.
FAKE = """
import http.server, pathlib, signal, sys
folder, stubborn = pathlib.Path(sys.argv[1]), "stubborn" in sys.argv
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        state = (folder / "state").read_text()
        if self.headers.get("Authorization") != "Bearer s3cret":
            self.send_response(401); self.end_headers(); return
        self.send_response(200 if state == "ok" else 503); self.end_headers()
        self.wfile.write(b'{"state": "%s"}' % state.encode())
    def log_message(self, *_): pass
def end(*_): sys.exit(7)
signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else end)
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"IFDD Live is at http://127.0.0.1:{server.server_port}  (Ctrl+C ends it)", flush=True)
print("Token, for programs:  s3cret", flush=True)
server.serve_forever()
"""


class Systemd:
    """What a service tells systemd."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(100)

    def next(self) -> list[str]:
        """The lines of the next message."""
        return self._socket.recv(4096).decode().split("\n")

    def until(self, line: str) -> list[str]:
        """All lines until this one has come."""
        lines: list[str] = []
        while line not in lines:
            lines += self.next()
        return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path)
    yield made
    made.close()


@contextmanager
def started(
    folder: Path, systemd: Systemd, *options: str, patience: str = "60"
) -> Iterator[subprocess.Popen[str]]:
    """The service with the fake program, in a process of its own as it needs the main thread's signals."""
    (folder / "fake.py").write_text(FAKE)
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from assets.deploy.service import *; "
        "import assets.deploy.service as s; s.END_S = 0.5; "
        "sys.exit(run([sys.executable, *sys.argv[3:]], State(Path(sys.argv[2])), os.environ, period_s=0.05))"
    )
    root, fake = str(SCRIPT.parents[2]), str(folder / "fake.py")
    with subprocess.Popen(
        [sys.executable, "-c", code, root, str(folder), fake, str(folder), *options],
        env={**os.environ, "NOTIFY_SOCKET": str(systemd.path), "IFDD_PATIENCE": patience},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # the fake one ends with its reader


def test_systemd_is_told_what_healthz_says_and_the_program_s_exit_code_is_passed_on(
    tmp_path: Path, systemd: Systemd
) -> None:
    (tmp_path / "state").write_text("dead")
    with started(tmp_path, systemd) as process:
        before = systemd.until("STATUS=dead")
        assert "READY=1" not in before
        assert "WATCHDOG=1" not in before
        (tmp_path / "state").write_text("ok")
        lines = systemd.until("READY=1")
        assert "WATCHDOG=1" in lines
        (tmp_path / "state").write_text("dead")
        systemd.until("STATUS=dead")
        for _ in range(3):
            assert systemd.next() == ["STATUS=dead"], "no watchdog is fed for a dead part"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=100)
    assert process.returncode == 7
    assert "s3cret" not in out
    assert f"Token, for programs: in {tmp_path / 'token'}" in out
    assert not (tmp_path / "address").exists()


def test_what_stays_dead_is_ended_for_a_new_start(tmp_path: Path, systemd: Systemd) -> None:
    (tmp_path / "state").write_text("dead")
    with started(tmp_path, systemd, "stubborn", patience="0.3") as process:
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "no health for 0 s" in errors


def test_a_program_killed_by_a_signal_is_told_as_a_shell_does(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        assert run([sys.executable, "-c", code], State(tmp_path), {}, period_s=0.1) == 137
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def test_every_secret_the_program_prints_goes_to_a_file_for_the_group_alone(tmp_path: Path) -> None:
    printed: list[str] = []
    access = Access(Config(host="0.0.0.0", tls="auto"), printed.append)
    access.listens_at(8443)
    printed += access.welcome()
    access.say_next_link()
    assert access.gate is not None
    state = State(tmp_path)
    logged = [state.take(line) for line in [f"IFDD Live is at {access.url}  (Ctrl+C ends it)", *printed]]
    secrets = [access.gate.token, access.gate.link]
    assert not [line for line in logged if any(secret in line for secret in secrets)]
    assert state.read("token") == access.gate.token
    assert state.read("link") == access.link
    assert state.read("address") == access.url
    for name in ("token", "link"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o640
    (target,) = json.loads(state.read("targets.json"))
    assert target["labels"] == {"__scheme__": "https"}
    assert target["targets"][0].endswith(":8443")
    state.clear()
    assert (state.read("token"), state.read("link"), state.read("address")) == ("", "", "")
    assert (tmp_path / "targets.json").exists(), "Prometheus goes on to ask, and finds it down"


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("192.0.2.1", ["192.0.2.1", "127.0.0.1", "::1"]),
        ("127.0.0.1", ["127.0.0.1", "::1"]),
        ("cam.lan", ["127.0.0.1", "::1"]),
    ],
)
def test_health_is_asked_at_addresses_of_this_machine_only(host: str, asked: list[str]) -> None:
    assert service._own(host) == asked


def test_what_does_not_answer_is_not_healthy(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert probe(state) == (False, "starting")
    with socket.socket() as taken:  # bound and deaf
        taken.bind(("127.0.0.1", 0))
        state.write("address", f"http://127.0.0.1:{taken.getsockname()[1]}")
        good, said = probe(state)
    assert not good
    assert said == "no answer (ConnectionRefusedError)"


@pytest.mark.parametrize(
    ("arguments", "environment", "line"),
    [
        ([], {}, "expected 'run [options]' or 'health'"),
        (["health", "now"], {}, "expected 'run [options]' or 'health'"),
        (["run"], {"IFDD_STATE": "/nowhere"}, "IFDD_STATE: expected a folder to write to, got /nowhere"),
    ],
)
def test_a_wrong_call_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], environment: dict[str, str], line: str
) -> None:
    assert service.main(arguments, environment) == 2
    assert capsys.readouterr().err == f"service.py: {line}\n"


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_patience_is_a_number_of_seconds(text: str) -> None:
    with pytest.raises(SystemExit, match="IFDD_PATIENCE: expected seconds"):
        service.seconds({"IFDD_PATIENCE": text}, "IFDD_PATIENCE", 60.0)


def test_the_real_program_runs_as_a_service_on_the_network(tmp_path: Path, systemd: Systemd) -> None:
    environment = {**os.environ, "IFDD_STATE": str(tmp_path), "NOTIFY_SOCKET": str(systemd.path)}
    options = ["--source", "demo", "--port", "0", "--host", "0.0.0.0", "--tls", "auto"]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "run", *options, "--sessions", str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        systemd.until("READY=1")
        health = subprocess.run(
            [sys.executable, str(SCRIPT), "health"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert health.stdout == "ok\n"
        token = (tmp_path / "token").read_text()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert time.monotonic() - began < service.END_S
        assert process.returncode == 0
        assert token
        assert token not in out
    finally:
        process.kill()
        process.communicate()
    health = subprocess.run(
        [sys.executable, str(SCRIPT), "health"], env=environment, capture_output=True, text=True, check=False
    )
    assert (health.returncode, health.stdout) == (1, "starting\n")
