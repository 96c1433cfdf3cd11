"""What fuzz tests share: damaged copies of good files, and one judgement of what a reader made of them."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

# nothing here takes longer than a part of a second; a hang does
LONGEST_S = 30.0


def examples(few: int, many: int = 0) -> Callable[[Any], Any]:
    """The settings of a fuzz test: the same `few` inputs at each run, or `many` new ones, nightly."""
    return settings(
        max_examples=many or few,
        derandomize=not many,
        deadline=None,
        database=None,
        # an input that fails is made smaller only where there is time for it
        phases=(Phase.explicit, Phase.generate, Phase.shrink) if many else (Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


class Data(bytes):
    """Bytes that are named by their length where a test fails."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes, {hash(bytes(self)):x}>"


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """The bytes with some flipped, some inserted, a stretch repeated or zeroed, the end cut off."""
    data = bytearray(good)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["flip", "set", "insert", "zero", "repeat"]))
        if kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "zero":
            length = draw(st.integers(1, 64))
            data[at : at + length] = bytes(len(data[at : at + length]))
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 200))]
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return Data(data)


def near_the_head(good: bytes, length: int) -> st.SearchStrategy[bytes]:
    """Damage to the first `length` bytes alone, where a file says what it is."""
    return damaged(good[:length]).map(lambda head: Data(head + good[length:]))


def check_line(text: str) -> None:
    """One clear line: not empty, not broken, not endless, no traceback."""
    assert text.strip(), "an error that says nothing"
    assert "\n" not in text.strip(), f"more than one line: {text!r}"
    assert "Traceback" not in text
    assert len(text) < 2000, f"{len(text)} characters"


@contextmanager
def in_time() -> Iterator[None]:
    """Fails where the block computes for as long as only a hang does; pytest's time-out ends one that waits.

    Processor time, because other programs can hold a small machine up for seconds.
    """
    begun = time.process_time()
    yield
    assert time.process_time() - begun < LONGEST_S, "a hang"


def judge(read: Callable[[], object], clear: tuple[type[Exception], ...]) -> bool:
    """Runs a reader: True where it took the input, False where it refused it with one clear line."""
    with in_time():
        try:
            read()
        except clear as error:
            check_line(str(error))
            return False
    return True


def descriptors() -> int:
    """How many files the process holds open."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if sys.platform.startswith("linux") else 0


@contextmanager
def no_leak() -> Iterator[None]:
    """Fails where files or threads are left open by what is done in the block."""
    files, threads = descriptors(), threading.active_count()
    yield
    assert descriptors() <= files
    assert threading.active_count() <= threads


def put(folder: Path, name: str, data: bytes) -> Path:
    """Writes an input."""
    path = folder / name
    path.write_bytes(data)
    return path
