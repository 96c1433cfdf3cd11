"""A bridge without Ray: the messages, answers by one Replica in this process, and faults by their name.

What it does with a window is in the file that the variable FAKE_BRIDGE names.
"""

from __future__ import annotations

import os
import pickle
import time
from multiprocessing.connection import Connection
from pathlib import Path

from realtime.remote.clips import DONE
from realtime.remote.messages import Answered, Broken, Dropped, Read, Ready, Running
from realtime.remote.replica import answer, make_reader
from realtime.remote.settings import RaySettings


def main(descriptor: int, home: str) -> None:
    Path(home, "started").touch()
    pipe = Connection(descriptor)
    settings: RaySettings = pickle.loads(pipe.recv_bytes())
    file = Path(os.environ["FAKE_BRIDGE"])
    if file.read_text() == "no cluster":
        pipe.send(Broken("ConnectionError: no cluster"))
        return
    reader = make_reader(settings) if settings.fingerprint else None
    pipe.send(Ready("fake", "cpu"))
    pipe.send(Running(settings.replicas, settings.replicas))
    while True:
        try:
            message: Read = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        kind = file.read_text()
        if kind == "ends":
            print("out of luck", flush=True)
            os._exit(3)
        elif kind == "hangs":
            time.sleep(1000)
        elif kind == "one replica":
            pipe.send(Running(settings.replicas - 1, settings.replicas))
        elif kind:
            pipe.send(Dropped(message.number, kind, "as told"))
        elif reader is None:
            pipe.send(Answered(message.number, message.clip))
        else:
            [(state, payload)] = answer(reader, [(time.monotonic() + message.left_s, message.clip)])
            assert state == DONE, payload
            pipe.send(Answered(message.number, payload))
