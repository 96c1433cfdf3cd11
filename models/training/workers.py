"""How helper processes are started, and how they end."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.context import BaseContext


def worker_context(module: str) -> BaseContext:
    """Starts processes from a fresh server that has imported `module` once; on Windows each anew.

    Unlike a plain fork it copies no threads, of which torch, mediapipe and CUDA have many.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload([module])
    return context


def end_with_parent() -> None:
    """Ends this helper process when the one that started it is gone, even killed; a pool's initializer.

    The workers of a pool hold both ends of its queue, so that a killed parent leaves them waiting for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:

        def wait() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=wait, name="parent", daemon=True).start()
