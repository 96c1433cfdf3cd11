"""Nothing leaves the machine: every network call of a whole session is recorded, native code's too.

strace sees the calls themselves, so that mediapipe, torch, OpenCV and FFmpeg cannot hide one. Where this
runs as root on Linux it happens in a network namespace of its own, without a way out, so that all that is
tried beyond the machine fails as well.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import ifaddr
import pytest

from tests.nothing_leaves_session import ROOT, strace

pytestmark = pytest.mark.timeout(300)

OWN = "10.77.0.2"
# an interface besides loopback, which WebRTC needs, that leads nowhere
NAMESPACE = (
    "ip link set lo up && ip link add out type veth peer name nowhere && "
    f"ip addr add {OWN}/30 dev out && ip link set out up && ip link set nowhere up && exec "
)
ADDRESSES = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')


def can_record() -> bool:
    return shutil.which("strace") is not None and subprocess.run(
        ["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False
    ).returncode == 0  # fmt: skip


def can_separate() -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    command = ["unshare", "-n", "sh", "-c", NAMESPACE + "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def addresses(record: Path) -> set[str]:
    """Every address that a recorded call names."""
    found: set[str] = set()
    for four, six in ADDRESSES.findall(record.read_text(errors="replace")):
        found.add(four or six)
    return found


def beyond(found: Iterable[str], own: Iterable[str]) -> set[str]:
    """Those of them that are neither loopback nor the machine's own."""
    own = set(own)
    outside = set()
    for text in found:
        address = ipaddress.ip_address(text)
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        if not address.is_loopback and not address.is_unspecified and str(address) not in own:
            outside.add(text)
    return outside


def asks_for_names(record: Path) -> bool:
    """True where a name server was asked, also one on this machine."""
    return "sin_port=htons(53)" in record.read_text(errors="replace")


def own_addresses() -> set[str]:
    ips = [each.ip for adapter in ifaddr.get_adapters() for each in adapter.ips]
    return {each if isinstance(each, str) else each[0] for each in ips}


needs_strace = pytest.mark.skipif(not can_record(), reason="no strace, or it may not be used here")


@needs_strace
@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="local"),
        pytest.param(("--inference", "ray"), id="ray", marks=[pytest.mark.nightly, pytest.mark.timeout(900)]),
    ],
)
def test_a_whole_session_tries_no_address_beyond_this_machine(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    if options:
        pytest.importorskip("ray", reason="the extra [ray] is not installed")
    record = tmp_path / "calls.txt"
    command = [sys.executable, "-m", "tests.nothing_leaves_session", str(record), *options]
    own, patience_s = own_addresses(), 800 if options else 240
    if can_separate():
        own = {OWN, *own}
        command = ["unshare", "-n", "sh", "-c", NAMESPACE + '"$@"', "sh", *command]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=patience_s, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = addresses(record)
    assert len(record.read_text().splitlines()) > 60, "the viewer's packets were recorded"
    assert beyond(found, own) == set()
    assert not asks_for_names(record), "a resolver on this machine asks others"
    print("addresses:", sorted(found))


@needs_strace
def test_the_record_catches_a_datagram_and_a_connection_and_a_look_up(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setblocking(False)\n"
        "try: s.sendto(b'x', ('192.0.2.7', 9))\n"
        "except OSError: pass\n"
        "t = socket.socket(); t.setblocking(False)\n"
        "try: t.connect(('198.51.100.7', 9))\n"
        "except OSError: pass\n"
        "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "u.connect(('127.0.0.1', 53))\n"
    )
    record = tmp_path / "calls.txt"
    subprocess.run([*strace(record), sys.executable, "-c", code], check=True, timeout=60)
    assert beyond(addresses(record), own_addresses()) == {"192.0.2.7", "198.51.100.7"}
    assert asks_for_names(record)


def test_what_counts_as_beyond() -> None:
    assert beyond(["127.0.0.1", "::1", "0.0.0.0", "10.0.0.5", "::ffff:127.0.0.1"], ["10.0.0.5"]) == set()
    assert beyond(["10.0.0.6", "142.250.1.1", "2001:db8::1"], ["10.0.0.5"]) == {
        "10.0.0.6", "142.250.1.1", "2001:db8::1"
    }  # fmt: skip
