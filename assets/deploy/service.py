"""Runs run_stream.py as a service: secrets into files, health for systemd and Docker, an end to what hangs.

    service.py run [options of run_stream.py]    runs it until it ends or is told to; its exit code
    service.py health                            0 where the program that `run` started is alive, else 1

The program heals what it can by itself. What it cannot see, such as native code that keeps Python's
interpreter lock, shows from outside only: `/healthz` does not answer. So this asks it every few seconds from
another process, tells systemd (READY, WATCHDOG, STATUS) only what was answered, and ends a program that has
not answered 200 for `IFDD_PATIENCE` seconds (60), so that whoever started it starts it again.

The access token and the link are made anew at each start and printed. Here they go to the files `token`
and `link` in the folder `IFDD_STATE` (/run/ifdd-live), for programs and people, and not into the log;
`targets.json` beside them tells Prometheus where to ask.

Needs nothing but Python. `--host` must be an address, not a name, or nothing can be asked.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

PROGRAM = Path(__file__).resolve().parents[2] / "run_stream.py"
PERIOD_S = 5.0
PATIENCE_S = 60.0
ANSWER_S = 5.0  # time for an answer of /healthz
END_S = 30.0  # time to end by itself; the server allows its connections 15 s
ADDRESS = re.compile(r"^IFDD Live is at (https?://\S+)")
# what the program prints of its secrets, and the file each goes to
SECRETS = (
    (re.compile(r"^(Token, for programs): +(\S+)$"), "token"),
    (re.compile(r"^(This link opens it, once|The link was used; the next one): +(\S+)$"), "link"),
)


class State:
    """The folder with what the program said of itself: `address`, `token`, `link`, `targets.json`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> str:
        """A file's text; "" where there is none."""
        try:
            return (self.folder / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""

    def write(self, name: str, text: str) -> None:
        """Writes a file at once and whole, for owner and group only."""
        part = self.folder / f".{name}.part"
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o640)
            file.write(text)
        part.replace(self.folder / name)

    def clear(self) -> None:
        """Forgets the program that has ended; Prometheus goes on to ask, so that it notices."""
        for name in ("address", "link"):
            (self.folder / name).unlink(missing_ok=True)
        self.write("token", "")  # where none is wanted, Prometheus still reads one

    def take(self, line: str) -> str:
        """Keeps what a printed line tells; returns the line for the log, without a secret."""
        if found := ADDRESS.match(line):
            self.write("address", found[1])
            url = urlsplit(found[1])
            host = _own(url.hostname or "")[0]
            target = f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"
            self.write(
                "targets.json", json.dumps([{"targets": [target], "labels": {"__scheme__": url.scheme}}])
            )
        for pattern, name in SECRETS:
            if found := pattern.match(line):
                self.write(name, found[2])
                return f"{found[1]}: in {self.folder / name}"
        return line


def probe(state: State) -> tuple[bool, str]:
    """Whether `/healthz` says 200, and in words what it said. Blocks for up to `ANSWER_S` for each address.

    Asks at this machine's own addresses only, so it may send the token and need not look at the certificate.
    """
    address = state.read("address")
    if not address:
        return False, "starting"
    url, token = urlsplit(address), state.read("token")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    said = ""
    for host in _own(url.hostname or ""):
        connection = http.client.HTTPConnection(host, url.port, timeout=ANSWER_S)
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(host, url.port, timeout=ANSWER_S, context=context)
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request("GET", "/healthz", headers=headers)
            answer = connection.getresponse()
            found = json.loads(answer.read())
            return answer.status == 200, str(found.get("state", f"status {answer.status}"))
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            said = said or f"no answer ({type(error).__name__})"  # at the likeliest address
        finally:
            connection.close()
    return False, said


def _own(host: str) -> list[str]:
    # a server on one address does not answer at loopback; a name could lead to another machine
    try:
        return list(dict.fromkeys([str(ipaddress.ip_address(host)), "127.0.0.1", "::1"]))
    except ValueError:
        return ["127.0.0.1", "::1"]


def notify(environment: Mapping[str, str], text: str) -> None:
    """Tells systemd, where it listens; see sd_notify(3)."""
    path = environment.get("NOTIFY_SOCKET", "")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(text.encode(), "\0" + path[1:] if path.startswith("@") else path)


def seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    """A number of seconds from the environment.

    Raises:
        SystemExit: it is none; one line.
    """
    text = environment.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise SystemExit(f"service.py: {name}: expected seconds, more than 0, got {text!r}")
    return value


def run(
    command: Sequence[str], state: State, environment: Mapping[str, str], *, period_s: float = PERIOD_S
) -> int:
    """Runs a command as the service until it ends; main thread only.

    Returns:
        Its exit code (128 + number where a signal ended it), or 1 where it had to be ended.
    """
    patience_s = seconds(environment, "IFDD_PATIENCE", PATIENCE_S)
    state.clear()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ending, ended = threading.Event(), threading.Event()

    def end(*_: object) -> None:
        ending.set()
        process.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    threading.Thread(target=_follow, args=(process, state, ended), name="follower", daemon=True).start()
    alive_s, ready, gave_up = time.monotonic(), False, False
    while not ended.wait(period_s if ready else period_s / 10):
        if ending.is_set():
            notify(environment, "STOPPING=1")
            if not ended.wait(END_S):
                process.kill()
            ended.wait()
            break
        good, said = probe(state)
        lines = [f"STATUS={said}"]
        if good:
            alive_s = time.monotonic()
            lines += ["WATCHDOG=1"] if ready else ["WATCHDOG=1", "READY=1"]
            ready = True
        notify(environment, "\n".join(lines))
        if time.monotonic() - alive_s > patience_s:
            print(f"service.py: no health for {patience_s:.0f} s, last: {said}; ending it", file=sys.stderr)
            gave_up = True
            end()
    state.clear()
    code = process.returncode
    return 1 if gave_up else code if code >= 0 else 128 - code


def _follow(process: subprocess.Popen[str], state: State, ended: threading.Event) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            print(state.take(line.rstrip("\n")), flush=True)
    process.wait()
    ended.set()


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Does what the command line asks for; returns the exit code."""
    state = State(Path(environment.get("IFDD_STATE") or "/run/ifdd-live"))
    if arguments[:1] == ["health"] and len(arguments) == 1:
        good, said = probe(state)
        print(said)
        return 0 if good else 1
    if arguments[:1] == ["run"]:
        if not os.access(state.folder, os.W_OK):
            print(
                f"service.py: IFDD_STATE: expected a folder to write to, got {state.folder}", file=sys.stderr
            )
            return 2
        return run([sys.executable, str(PROGRAM), *arguments[1:]], state, environment)
    print("service.py: expected 'run [options]' or 'health'", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
