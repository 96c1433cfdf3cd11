"""A bad network between server and viewer: a UDP relay that loses and delays packets, by a seed."""

from __future__ import annotations

import heapq
import itertools
import random
import re
import selectors
import socket
import threading
import time

CANDIDATE = re.compile(r"a=candidate:(\S+) (\d+) udp (\d+) (\S+) (\d+) typ host[^\r\n]*\r?\n")


class Relay:
    """Carries packets both ways between those who send to it and one address.

    Each packet is lost with probability `loss`, else late by 0 to `jitter_s`, each by its own chance, so that
    packets overtake each other.
    """

    def __init__(self, to: tuple[str, int], *, loss: float, jitter_s: float, seed: int = 1) -> None:
        """Opens the relay on the address that it leads to, on a port of its own."""
        self._to, self._loss, self._jitter_s = to, loss, jitter_s
        self._random = random.Random(seed)
        self._front = self._socket(to[0])
        self.address: tuple[str, int] = self._front.getsockname()[:2]
        self._back: dict[tuple[str, int], socket.socket] = {}  # by the sender's address
        self._senders: dict[socket.socket, tuple[str, int]] = {}
        self._late: list[tuple[float, int, socket.socket, tuple[str, int], bytes]] = []
        self._numbers = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ)
        self._stop = threading.Event()
        self.carried = self.lost = 0
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the relay."""
        self._stop.set()
        self._thread.join(5)
        self._selector.close()
        for each in (self._front, *self._senders):
            each.close()

    @staticmethod
    def _socket(host: str) -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((host, 0))
        made.setblocking(False)
        return made

    def _run(self) -> None:
        while not self._stop.is_set():
            wait_s = min(0.1, max(0.0, self._late[0][0] - time.monotonic())) if self._late else 0.1
            for key, _ in self._selector.select(wait_s):
                assert isinstance(key.fileobj, socket.socket)
                self._take(key.fileobj)
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, out, to, data = heapq.heappop(self._late)
                try:
                    out.sendto(data, to)
                except OSError:
                    continue  # whoever it was for has gone

    def _take(self, came_in: socket.socket) -> None:
        while True:
            try:
                data, sender = came_in.recvfrom(65536)
            except OSError:
                return
            if came_in is self._front:
                out, to = self._back_of(sender[:2]), self._to
            else:
                out, to = self._front, self._senders[came_in]
            if self._random.random() < self._loss:
                self.lost += 1
                continue
            self.carried += 1
            due_s = time.monotonic() + self._random.random() * self._jitter_s
            heapq.heappush(self._late, (due_s, next(self._numbers), out, to, data))

    def _back_of(self, sender: tuple[str, int]) -> socket.socket:
        if sender not in self._back:
            made = self._socket(self._to[0])
            self._back[sender], self._senders[made] = made, sender
            self._selector.register(made, selectors.EVENT_READ)
        return self._back[sender]


def target(answer: str) -> tuple[str, int]:
    """Where an SDP answer's first candidate for IPv4 leads."""
    for _, component, _, host, port in CANDIDATE.findall(answer):
        if component == "1" and ":" not in host:
            return host, int(port)
    raise AssertionError(f"no candidate in {answer}")


def through(answer: str, relay: Relay) -> str:
    """The answer with one candidate only: the relay."""
    host, port = relay.address
    line = f"a=candidate:relay 1 udp 2130706431 {host} {port} typ host\r\n"
    first, count = CANDIDATE.search(answer), 0
    assert first is not None

    def replace(_found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return line if count == 1 else ""

    return CANDIDATE.sub(replace, answer)


def without_candidates(offer: str) -> str:
    """The offer, so that the server cannot reach its sender but through what comes from there."""
    return re.sub(r"a=(candidate|end-of-candidates)[^\r\n]*\r?\n", "", offer)
