"""The program's end of the way to Ray: one process, made again when it fails; nothing here waits for it."""

from __future__ import annotations

import contextlib
import os
import pickle
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from realtime.errors import IfddLiveError
from realtime.remote.messages import Answered, Broken, Dropped, Message, Read, Ready, Running
from realtime.remote.settings import RaySettings
from realtime.supervise import Life, Supervised
from realtime.worker import Worker

ROOT = Path(__file__).resolve().parents[2]
PART = "ray"
BOOTSTRAP = "ray_bootstrap_config.yaml"
START_S = 180.0  # a cluster starts in 10 s on two cores; replicas on a GPU may have to wait for a machine
FAREWELL_S = 4.0
MOST_WAITING = 64


class LinkError(IfddLiveError):
    """The process that speaks to Ray has ended, or Ray has not started."""


class Link:
    """Takes windows for Ray and gives what came of them; any thread, and every call returns at once."""

    def __init__(
        self,
        settings: RaySettings,
        *,
        on_error: Callable[[str, BaseException], None] | None = None,
        on_recovered: Callable[[str], None] | None = None,
        wake: Callable[[], None] = lambda: None,
        start_s: float = START_S,
        bridge: str = "realtime.remote.bridge",
    ) -> None:
        """Makes it without starting anything.

        Args:
            settings: what is wanted.
            on_error: told the part's name and the exception of each failure.
            on_recovered: told the name when Ray is there again.
            wake: called when there is something to take.
            start_s: how long Ray may take to start, seconds.
            bridge: the module whose `main` is run in a process of its own.
        """
        self.settings, self.start_s, self.bridge = settings, start_s, bridge
        self.ready: Ready | None = None  # None while there is no way to a replica
        self.running = 0  # replicas
        self.wake = wake
        self._lock = threading.Lock()
        self._arrived: list[Answered | Dropped] = []
        self._process: _Process | None = None
        self.worker = Supervised(
            PART,
            lambda life: _Process(self, life),
            on_error=on_error,
            on_recovered=on_recovered,
            patience_s=30.0,
            making_s=2 * start_s,
        )

    @property
    def process(self) -> _Process | None:
        """The present process that speaks to Ray, while Ray is there."""
        return self._process

    def send(self, message: Read) -> bool:
        """Hands a window over; False where Ray is not there, or so much waits already."""
        with self._lock:
            return self.ready is not None and self._process is not None and self._process.put(message)

    def take(self) -> list[Answered | Dropped]:
        """What has arrived since the last call."""
        with self._lock:
            arrived, self._arrived = self._arrived, []
        return arrived

    def arrive(self, process: _Process, message: Message) -> None:
        """Takes a message of the present process in; on the link's thread."""
        with self._lock:
            if isinstance(message, Ready):
                self.ready, self._process = message, process
                self.running = self.settings.replicas  # what it waited for; from now on it tells
            elif self._process is not process:
                return  # of one that was given up
            elif isinstance(message, Running):
                self.running = message.running
            elif not isinstance(message, Broken):
                self._arrived.append(message)
        self.wake()

    def gone(self, process: _Process) -> None:
        """Notes that a process is no more."""
        with self._lock:
            if self._process is process:
                self.ready, self._process, self.running = None, None, 0
        self.wake()


class _Process:
    """The supervised part: one bridge process while it lives, with a thread that writes to it."""

    def __init__(self, link: Link, life: Life) -> None:
        self._link, self._life = link, life
        self.home = tempfile.mkdtemp(prefix="ifdd-ray-")
        Path(self.home, BOOTSTRAP).write_text("{}\n")
        self._waiting: deque[Read] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._fresh = True  # it was not said yet that Ray is there
        ours, theirs = socket.socketpair()
        self._pipe = Connection(ours.detach())
        with theirs, open(Path(self.home, "bridge.log"), "wb") as log:
            # imported, and not run as a file, so that Ray finds its classes by their module
            code = f"import sys; from {link.bridge} import main; main(int(sys.argv[1]), sys.argv[2])"
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, str(theirs.fileno()), self.home],
                env=environment(link.settings, self.home),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._writer = Worker(f"{PART}-sender", self._write)
        try:
            self._pipe.send_bytes(pickle.dumps(link.settings))
            self._wait_ready()
        except BaseException:
            self.close()
            raise
        self._writer.start()

    @property
    def number(self) -> int:
        """The process's."""
        return self._process.pid

    def put(self, message: Read) -> bool:
        """Has a window written; False when the process takes nothing off."""
        with self._changed:
            if self._closed or len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append(message)
            self._changed.notify()
            return True

    def step(self) -> bool:
        """Waits for a message; True if one came that says that Ray works."""
        if self._fresh and self._link.ready:
            self._fresh = False
            return True
        if self._life.worker.stopping or not self._pipe.poll(0.25):
            return False
        try:
            message: Message = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            raise LinkError(f"the process that speaks to Ray has ended{self._last_line()}") from None
        if isinstance(message, Broken):
            raise LinkError(message.reason)
        self._link.arrive(self, message)
        return isinstance(message, Answered)

    def close(self) -> None:
        """Ends the process and all that it started here; can be called twice."""
        self._link.gone(self)
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._writer.request_stop()
        if self._link.settings.address and self._process.poll() is None:
            # it takes its replicas out of the cluster when nothing can be read any more
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._pipe.fileno())) as ours:
                ours.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(FAREWELL_S)
        self._kill()
        self._writer.stop()
        self._pipe.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def _wait_ready(self) -> None:
        until_s = time.monotonic() + self._link.start_s
        while not self._link.ready:
            if self._life.worker.stopping:
                raise LinkError("stopped while Ray was starting")
            if time.monotonic() > until_s:
                raise LinkError(f"expected Ray's replicas within {self._link.start_s:g} s, got none")
            self.step()

    def _write(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, 0.5)
            if self._closed or not self._waiting:
                return
            message = self._waiting.popleft()
        try:
            self._pipe.send_bytes(pickle.dumps(message, protocol=5))
        except OSError:  # it has ended, as the reading side will say
            with self._changed:
                self._closed = True
            self._writer.request_stop()

    def _kill(self) -> None:
        """Ends the bridge at once, and what a cluster of its own still runs."""
        for _ in range(40):
            left = [*marked(self.home), *([self._process.pid] if self._process.poll() is None else [])]
            for number in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(number, signal.SIGKILL)
            if not left:
                return
            time.sleep(0.05)  # on the link's own thread, which has nothing else to do

    def _last_line(self) -> str:
        with contextlib.suppress(OSError):
            lines = Path(self.home, "bridge.log").read_text(errors="replace").split("\n")
            return next((f": {line.strip()[:200]}" for line in reversed(lines) if line.strip()), "")
        return ""


def environment(settings: RaySettings, home: str) -> dict[str, str]:
    """The environment of the bridge, and of the cluster that it starts, whose folder is `home`.

    Nothing is reported to Ray's makers; a cluster of this program's own stays on loopback and wants a token
    that nobody else knows.
    """
    # workers are as nice to others as the local inference thread is, unless somebody wants it otherwise
    found = {"RAY_worker_niceness": "10", **os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    path = os.environ.get("PYTHONPATH")
    found["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([path] if path else [])])
    if not settings.address:
        found |= {
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback alone, as Ray has it on those systems
            # a head asks the metadata servers of three clouds where it is, statistics or not, unless it finds
            # its description (BOOTSTRAP) in the user's folder
            "HOME": home,
            "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
        }
    return found


def marked(home: str) -> list[int]:
    """The processes that write into a home, on Linux; elsewhere none is known.

    All of a cluster's processes have their logs there. What they were started with tells less: some write
    their title over it.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.readlink(each).startswith(home + "/") for each in (folder / "fd").iterdir()):
                found.append(int(folder.name))
    return [number for number in found if number != os.getpid()]
