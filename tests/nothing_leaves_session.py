"""A whole session of the program under strace: `python -m tests.nothing_leaves_session RECORD`.

Starts run_stream.py with every connect and send recorded, native code's too, loads the page and all it
names, watches by WHEP, reads results by server-sent events and data channel, and ends it by SIGTERM.
"""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp

from tests.webrtc_client import watcher

ROOT = Path(__file__).resolve().parents[1]
CALLS = "connect,sendto,sendmsg,sendmmsg"


def strace(record: Path) -> list[str]:
    """The command that records a program's network calls with all threads and children."""
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "256", "-e", f"trace={CALLS}", "-o", str(record)]


async def use(url: str) -> None:
    """What a user's browser does, and a program that reads results."""
    async with aiohttp.ClientSession() as session:
        for _ in range(600):  # nobody is let in before the first picture
            async with session.get(f"{url}/readyz") as ready:
                if ready.status == 200:
                    break
            await asyncio.sleep(0.1)
        async with session.get(url) as page:
            text = await page.text()
        # what a browser loads by itself; links wait for a click
        names = re.findall(r"<(?:script|link|img)\b[^>]*\b(?:src|href)=\"([^\"#]+)\"", text)
        assert names, "a page without parts"
        for name in names:
            async with session.get(f"{url}/{name.lstrip('/')}") as part:
                assert part.status == 200, name
        async with session.get(f"{url}/metrics") as metrics:
            assert metrics.status == 200
        async with watcher(url) as viewer:
            await viewer.frames(30, timeout_s=60)
            async with session.get(f"{url}/events") as events:
                found = 0
                async for line in events.content:
                    found += b'"label"' in line
                    if found >= 5:
                        break
            await viewer.frames(30, timeout_s=60)
            assert await viewer.delete() == 200


def main(record: Path, *options: str) -> None:
    """Runs the session, with further options of the program; the record is complete when it returns."""
    program = subprocess.Popen(
        [*strace(record), sys.executable, "run_stream.py", "--source", "demo", "--port", "0", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    try:
        for line in program.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                asyncio.run(use(found.group()))
                break
        else:
            raise AssertionError("no address")
    finally:
        # strace hands no signal on: its child is told
        for child in Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split():
            subprocess.run(["kill", f"-{int(signal.SIGTERM)}", child], check=False)
        program.wait(60)
    assert program.returncode == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
