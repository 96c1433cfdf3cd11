"""The process that speaks to Ray, and what Ray Serve runs: the only module that imports ray.

Ray's own library ends the process that it lives in when its cluster is gone for long, and its calls may
wait for a minute before. So it lives in a process of its own, which can be ended and started again at any
time while pictures go on.
"""

from __future__ import annotations

import asyncio
import math
import os
import pickle
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import ray
import ray.serve._private.replica as serve_replica
from ray import serve
from ray.serve.exceptions import BackPressureError

from realtime.remote.clips import DONE, FAILED, LATE
from realtime.remote.messages import Answered, Broken, Dropped, Read, Ready, Running
from realtime.remote.settings import RaySettings

DEPLOYMENT = "windows"
LOOK_S = 2.0  # between two looks at the replicas
VERDICT_S = 2.0
MOST_QUEUED = 32
GATHER_S = 0.001  # windows of all faces come within this
LOST_S = 10.0  # a cluster that gives no account of its replicas for so long is lost


class Windows:
    """What Ray Serve replicates. It collects windows of all callers into batches; one thread reads them."""

    def __init__(self, settings: RaySettings) -> None:
        """Loads the model; on the replica's event loop."""
        from realtime.remote.replica import make_reader

        if not settings.address:
            _only_loopback()
        self._reader = make_reader(settings)
        # the loop stays free, so that clips are stamped when they come and not when a batch is over
        self._thread = ThreadPoolExecutor(1, "model")
        self._gather.set_max_batch_size(settings.batch)
        self._gather.set_batch_wait_timeout_s(settings.batch_wait_s)

    async def __call__(self, windows: list[tuple[float, bytes]]) -> list[tuple[str, bytes]]:
        """What came of some windows, as `replica.answer` gives it.

        Args:
            windows: for each how long an answer is of use, counted from now (clocks of two machines differ),
                and a pickled Clip.
        """
        now_s = time.monotonic()
        asked = [self._gather((now_s + left_s, clip)) for left_s, clip in windows]
        return list(await asyncio.gather(*asked))

    async def device(self) -> str:
        """The device in words."""
        return self._reader.device_name

    @serve.batch  # type: ignore[untyped-decorator]
    async def _gather(self, waiting: list[tuple[float, bytes]]) -> list[tuple[str, bytes]]:
        from realtime.remote.replica import answer

        return await asyncio.get_running_loop().run_in_executor(self._thread, answer, self._reader, waiting)


def _only_loopback() -> None:
    """Keeps the one server of a replica that would listen everywhere on loopback (ray 2.60, private)."""
    listen = serve_replica.add_port_to_grpc_server
    serve_replica.add_port_to_grpc_server = lambda server, _address: listen(server, "127.0.0.1:0")


def deploy(settings: RaySettings, home: str) -> Any:
    """Starts or joins a cluster, has the replicas run and gives the handle to them.

    Args:
        settings: what is wanted.
        home: folder for what a cluster that is started here writes.
    """
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if settings.address:
        ray.init(address=settings.address, **quiet)
    else:
        ray.init(
            num_cpus=math.ceil(settings.most * settings.cpus),
            num_gpus=math.ceil(settings.most * settings.gpus),
            include_dashboard=False,
            object_store_memory=settings.store_bytes,
            _node_ip_address="127.0.0.1",
            _temp_dir=home,
            **quiet,
        )
    serve.start(proxy_location="Disabled")
    if settings.max_replicas > settings.replicas:
        number: dict[str, Any] = {
            "autoscaling_config": {
                "min_replicas": settings.replicas,
                "max_replicas": settings.max_replicas,
                "target_ongoing_requests": max(1, settings.batch // 2),
            }
        }
    else:
        number = {"num_replicas": settings.replicas}
    application = serve.deployment(Windows, name=DEPLOYMENT).options(
        ray_actor_options={"num_cpus": settings.cpus, "num_gpus": settings.gpus},
        max_ongoing_requests=4 * settings.batch,
        # before the replicas, where nobody looks at deadlines; whatever comes at once passes through there
        max_queued_requests=MOST_QUEUED,
        health_check_period_s=LOOK_S,
        graceful_shutdown_timeout_s=2,
        **number,
    )
    found = serve.status().applications.get(settings.application)
    if found is None or found.status not in ("DEPLOYING", "RUNNING", "UNHEALTHY"):
        serve.run(application.bind(settings), name=settings.application, route_prefix=None)
    return serve.get_deployment_handle(DEPLOYMENT, settings.application)


def _running(settings: RaySettings) -> int | None:
    """How many replicas run; None where the application is not there."""
    found = serve.status().applications.get(settings.application)
    if found is None or DEPLOYMENT not in found.deployments:
        return None
    return int(found.deployments[DEPLOYMENT].replica_states.get("RUNNING", 0))


class Bridge:
    """Carries windows from the pipe to the replicas and what came of them back; on one event loop."""

    def __init__(self, pipe: Connection, settings: RaySettings, handle: Any) -> None:
        self._pipe, self._settings, self._handle = pipe, settings, handle
        self._count = settings.replicas
        self._waiting: list[tuple[Read, float]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(self) -> str:
        """Works until the pipe is closed or the cluster is lost; the reason, empty for the former."""
        device = await self._handle.device.remote()
        self._pipe.send(Ready(self._settings.application, device))
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop,), name="listen", daemon=True).start()
        watch = loop.create_task(self._watch())
        try:
            return await self._failed
        finally:
            watch.cancel()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while True:
                message = pickle.loads(self._pipe.recv_bytes())
                loop.call_soon_threadsafe(self._begin, message, time.monotonic())
        except (EOFError, OSError):
            loop.call_soon_threadsafe(self._end, "")

    def _end(self, reason: str) -> None:
        if not self._failed.done():
            self._failed.set_result(reason)

    def _begin(self, message: Read, came_s: float) -> None:
        self._waiting.append((message, came_s))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(GATHER_S, self._send)

    def _send(self) -> None:
        """Has what waits read, in one call for each replica: a call costs as much as reading a window."""
        waiting, self._waiting = self._waiting, []
        size = min(self._settings.batch, math.ceil(len(waiting) / max(1, self._count)))
        for first in range(0, len(waiting), size):
            task = asyncio.get_running_loop().create_task(self._ask(waiting[first : first + size]))
            self._under_way.add(task)  # the loop itself holds tasks weakly
            task.add_done_callback(self._under_way.discard)

    async def _ask(self, waiting: list[tuple[Read, float]]) -> None:
        now_s = time.monotonic()
        left = [message.left_s - (now_s - came_s) for message, came_s in waiting]
        messages = [message for message, _ in waiting]
        response = self._handle.remote(
            [(left_s, message.clip) for left_s, message in zip(left, messages, strict=True)]
        )
        try:
            # a little longer, so that a replica's own verdict is known
            found = await asyncio.wait_for(_result(response), max(left) + VERDICT_S)
        except asyncio.TimeoutError:
            response.cancel()
            self._drop(messages, "silent", "no answer in time")
        except BackPressureError as error:
            self._drop(messages, "full", _line(error))
        except Exception as error:  # whatever Ray raises: replica gone, no replica, a fault of its own
            self._drop(messages, "lost", _line(error))
        else:
            for message, (state, payload) in zip(messages, found, strict=True):
                if state == DONE:
                    self._pipe.send(Answered(message.number, payload))
                else:
                    reason = {LATE: "late", FAILED: "failed"}[state]
                    self._pipe.send(Dropped(message.number, reason, payload.decode()))

    def _drop(self, messages: list[Read], reason: str, text: str) -> None:
        for message in messages:
            self._pipe.send(Dropped(message.number, reason, text))

    async def _watch(self) -> None:
        """Says how many replicas run, whenever that changes, and ends the bridge when nobody knows."""
        loop, said = asyncio.get_running_loop(), -1
        try:
            while True:
                running = await asyncio.wait_for(loop.run_in_executor(None, _running, self._settings), LOST_S)
                if running is None:
                    raise RuntimeError("the application is gone")
                self._count = running
                if running != said:
                    said = running
                    self._pipe.send(Running(running, self._settings.replicas))
                await asyncio.sleep(LOOK_S)
        except asyncio.TimeoutError:
            self._end(f"the cluster gave no account of its replicas for {LOST_S:g} s")
        except Exception as error:
            self._end(f"the cluster is lost: {_line(error)}")


async def _result(response: Any) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = await response
    return found


def _line(error: BaseException) -> str:
    error = getattr(error, "cause", None) or error  # what a replica raised, without Ray's account of where
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]


def _watch_caller(pipe: Connection, deployed: threading.Event, home: str) -> None:
    """Ends this process when the program ends while Ray is still starting; Ray's own then end with it."""
    while not deployed.is_set():
        if pipe.poll(0.5) and not deployed.is_set():  # nothing is sent before the replicas run: it is the end
            shutil.rmtree(home, ignore_errors=True)
            os._exit(1)


def main(descriptor: int, home: str) -> None:
    """Runs the bridge on an inherited socket; ends the process.

    Args:
        descriptor: of the socket to the program; its first message is the settings.
        home: folder for what a cluster that is started here writes.
    """
    pipe = Connection(descriptor)
    settings: RaySettings = pickle.loads(pipe.recv_bytes())
    reason = ""
    deployed = threading.Event()
    threading.Thread(target=_watch_caller, args=(pipe, deployed, home), name="caller", daemon=True).start()
    try:
        handle = deploy(settings, home)
        deployed.set()

        async def work() -> str:
            return await Bridge(pipe, settings, handle).run()

        reason = asyncio.run(work())
    except Exception as error:
        reason = _line(error)
    if reason:
        print(reason, file=sys.stderr, flush=True)
        try:
            pipe.send(Broken(reason))
        except OSError:
            reason = ""  # nobody listens any more
    elif settings.address and not settings.keep:
        serve.delete(settings.application)
    # what Ray would still tidy up may wait for a cluster that is gone
    threading.Timer(5, os._exit, (1,)).start()
    if not settings.address:
        ray.shutdown()
        shutil.rmtree(home, ignore_errors=True)
    os._exit(1 if reason else 0)
