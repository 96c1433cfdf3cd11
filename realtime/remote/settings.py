"""What the Ray path is told, in one frozen value that travels to its process and to the replicas."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import math
from dataclasses import dataclass

from realtime.errors import ConfigError


@dataclass(frozen=True, slots=True)
class RaySettings:
    """How windows are read on Ray Serve. Ranges of single values are Config's; what must fit is checked here.

    Attributes:
        model, weights, device, precision: as `realtime.inference.engine.make_engine` takes them.
        fingerprint: of the weights; a replica that finds others does not start.
        threads: CPU threads of each replica's model.
        address: host:port of a cluster to join; empty: one is started here, on loopback alone.
        replicas: how many, or the fewest where there is autoscaling.
        max_replicas: the most that autoscaling starts; 0: no autoscaling.
        cpus, gpus: what each replica takes of its machine; fractions of a GPU share it.
        batch: most windows in one batch.
        batch_wait_s: how long a replica waits for a batch to fill, seconds.
        deadline_s: an answer that takes longer is of no use, seconds.
        in_flight: most windows of one face under way at once.
        keep: leave the replicas in a joined cluster at the end.
        store_bytes: size of the object store of a cluster that is started here.
        reader: `module:Class` that reads clips on a replica, made with these settings.

    Raises:
        ConfigError: values that do not fit each other.
    """

    model: str = ""
    weights: str = ""
    device: str = "auto"
    precision: str = "auto"
    fingerprint: str = ""
    threads: int = 1
    address: str = ""
    replicas: int = 1
    max_replicas: int = 0
    cpus: float = 1.0
    gpus: float = 0.0
    batch: int = 8
    batch_wait_s: float = 0.002
    deadline_s: float = 0.5
    in_flight: int = 2
    keep: bool = False
    store_bytes: int = 100_000_000
    reader: str = "realtime.remote.replica:Replica"

    def __post_init__(self) -> None:
        if self.max_replicas and self.max_replicas < self.replicas:
            raise ConfigError(
                f"ray_max_replicas: expected 0 or at least ray_replicas ({self.replicas}), "
                f"got {self.max_replicas}"
            )
        if self.batch_wait_s >= self.deadline_s:
            raise ConfigError(
                f"ray_batch_wait: expected less than ray_deadline ({self.deadline_s:g}), "
                f"got {self.batch_wait_s:g}"
            )
        host, colon, port = self.address.rpartition(":")
        if self.address and not (host and colon and port.isascii() and port.isdigit()):
            raise ConfigError(f"ray_address: expected host:port, or nothing, got {self.address!r}")
        if self.keep and not self.address:
            raise ConfigError("ray_keep: expected together with ray_address, got no address")

    @property
    def most(self) -> int:
        """The largest number of replicas."""
        return max(self.replicas, self.max_replicas)

    @property
    def application(self) -> str:
        """The name under which Ray Serve runs these replicas; other settings have another one."""
        own = dataclasses.replace(self, address="", deadline_s=math.inf, in_flight=0, keep=False)
        text = repr(own).encode()  # without what concerns the caller alone
        return f"ifdd-live-{self.fingerprint[:8]}-{hashlib.blake2b(text, digest_size=4).hexdigest()}"


def need_ray() -> None:
    """Raises ConfigError with what to install where Ray Serve is missing; imports nothing."""
    found = importlib.util.find_spec("ray")
    if found is None or found.origin is None:  # a folder of that name is no package
        raise ConfigError("inference: expected Ray Serve to be installed: pip install 'ifdd-live[ray]'")
