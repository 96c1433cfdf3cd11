"""How helper processes are started."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import BaseContext


def worker_context(module: str) -> BaseContext:
    """Starts processes from a fresh server that has imported `module` once; on Windows each anew.

    Unlike a plain fork it copies no threads, of which torch, mediapipe and CUDA have many.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload([module])
    return context
