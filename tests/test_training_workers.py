from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from models.training.workers import end_with_parent, worker_context

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, worker_context("models.training.workers"), end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    sys.stdin.read()
"""


@pytest.mark.timeout(300)  # starts processes, which take their time on a busy machine
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux tells when another's child ends")
def test_helpers_end_when_their_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        worker = os.pidfd_open(int(parent.stdout.readline()))
        try:
            assert select.select([worker], [], [], 0)[0] == []  # alive
            parent.kill()
            assert select.select([worker], [], [], 120)[0] == [worker]
        finally:
            os.close(worker)
