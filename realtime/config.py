"""All settings of a run in one frozen value: each has one name, one type, one default and one check."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PURPOSES = ("personal", "research", "driving", "demonstration", "workplace", "education")


def setting(
    default: Any,
    help_text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of Config with its help text and its allowed range."""
    return dataclasses.field(
        default=default, metadata={"help": help_text, "low": low, "high": high, "choices": choices}
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one run; names are the command line's option names and the TOML file's keys.

    Raises:
        ConfigError: a value is of the wrong type or out of range.
    """

    source: str = setting(
        "auto",
        "camera number, device, file, rtsp:// or http:// address, 'browser', "
        "'demo', or 'auto': the first camera that opens, else the demo clip; given again: one more stream",
    )
    streams: str = setting("", "TOML file with several streams, a [[stream]] table each: name, source, more")
    loop: bool = setting(False, "start a video file again when it ends")
    width: int = setting(640, "camera width asked for, pixels", low=64, high=7680)
    height: int = setting(480, "camera height asked for, pixels", low=64, high=4320)
    fps: float = setting(30.0, "camera rate asked for, 1/s", low=1, high=240)
    faces: int = setting(2, "largest number of faces followed at once", low=1, high=8)
    model: str = setting("", "model by name; empty: the one that the weights are of, else ifdd-stream")
    weights: str = setting("", "weights file (safetensors) or name; empty: the shipped ones, if any")
    device: str = setting("auto", "'auto', 'cpu' or 'cuda'", choices=("auto", "cpu", "cuda"))
    precision: str = setting(
        "auto",
        "'float32', 'bfloat16', or 'auto': bfloat16 on CUDA, else float32",
        choices=("auto", "float32", "bfloat16"),
    )
    threads: int = setting(1, "CPU threads of the model", low=1, high=256)
    inference: str = setting(
        "local", "where the model runs: 'local', or 'ray': on replicas of Ray Serve", choices=("local", "ray")
    )
    ray_address: str = setting("", "Ray cluster to join, host:port; empty: one on this machine alone")
    ray_replicas: int = setting(1, "replicas of the model on Ray", low=1, high=256)
    ray_max_replicas: int = setting(0, "most replicas under load; 0: always ray-replicas", low=0, high=256)
    ray_cpus: float = setting(1.0, "CPU cores of a replica", low=0, high=256)
    ray_gpus: float = setting(0.0, "GPUs of a replica; a fraction shares one", low=0, high=16)
    ray_batch: int = setting(8, "most windows that a replica reads at once", low=1, high=256)
    ray_batch_wait: float = setting(0.002, "time that a replica waits for a batch to fill", low=0, high=1)
    ray_deadline: float = setting(0.5, "a later answer of Ray is of no use", low=0.02, high=30)
    ray_in_flight: int = setting(2, "most windows of one face under way to Ray", low=1, high=64)
    ray_keep: bool = setting(False, "leave the replicas in a joined cluster at the end, for others")
    window_seconds: float = setting(1.0, "time span of a window", low=0.2, high=10)
    hop_seconds: float = setting(0.13, "time between predictions", low=0.02, high=10)
    gap_seconds: float = setting(0.3, "a longer gap between two crops clears the window", low=0.05, high=5)
    smoothing_seconds: float = setting(0.4, "time constant of the probabilities' average", low=0, high=10)
    unsure_below: float = setting(0.4, "smoothed confidence under which the label is 'unsure'", low=0, high=1)
    switch_margin: float = setting(
        0.1, "lead that another label needs to replace the shown one", low=0, high=1
    )
    calibrate_seconds: float = setting(8.0, "length of the calibration to a resting face", low=1, high=60)
    teach_seconds: float = setting(60.0, "length of the lesson of all expressions", low=5, high=600)
    person: str = setting("", "head taught on a person's expressions, a file that the page saved")
    profile: str = setting(
        "expression",
        "'expression', or 'driver': drowsiness and distraction, no expressions",
        choices=("expression", "driver"),
    )
    expressions: bool = setting(False, "read expressions in the driver profile too")
    driver_settings: str = setting("", "TOML file with thresholds of the driver profile")
    mqtt: str = setting("", "MQTT broker for the driver profile, host or host:port")
    sessions: str = setting("", "folder of recordings; empty: this user's data folder")
    record: bool = setting(False, "record from the start, as the page's button would")
    consent: bool = setting(False, "everyone in view has agreed: a camera may open before the page has asked")
    purpose: str = setting(
        "",
        f"what this run is for: {', '.join(PURPOSES)}; workplace and education read no expressions",
        choices=("", *PURPOSES),
    )
    picture: str = setting(
        "camera",
        "'camera'; 'mesh': viewers see an animated mesh instead of each face; 'mesh-only': nothing else",
        choices=("camera", "mesh", "mesh-only"),
    )
    bystanders: str = setting(
        "show",
        "'show', or 'blur': every face but one is made unrecognisable and is not read",
        choices=("show", "blur"),
    )
    box: bool = setting(True, "draw boxes and labels")
    mesh: bool = setting(False, "draw the landmarks' mesh over faces")
    bars: bool = setting(True, "draw the expression bars")
    strip: bool = setting(True, "draw the ISSM strip below the picture")
    mirror: bool = setting(False, "show the picture as a mirror does")
    serve: bool = setting(True, "serve the page and the stream (--no-serve: run over a file and end)")
    host: str = setting(
        "127.0.0.1", "address or name to listen on; others than loopback want an access token and TLS"
    )
    port: int = setting(8080, "TCP port to listen on, 0 for any free one", low=0, high=65535)
    hostname: str = setting("", "further names by which a network reaches the server, comma separated")
    token: bool = setting(False, "want the access token on loopback too")
    tls: str = setting("off", "'auto': a self-signed certificate, new at each start", choices=("off", "auto"))
    tls_cert: str = setting("", "file with the certificate chain to serve https with (PEM)")
    tls_key: str = setting("", "file with its private key (PEM)")
    ice_server: str = setting(
        "", "STUN and TURN servers to tell WebRTC clients of, comma separated: 'URL' or 'URL user password'"
    )
    publish: str = setting(
        "",
        "WHIP address (https://...) of a media server that gets the annotated stream too: it then leaves "
        "this machine",
    )
    publish_token: str = setting(
        "", "its bearer token, or @FILE that holds it; empty: what the environment's IFDD_PUBLISH_TOKEN says"
    )
    publish_insecure: bool = setting(False, "let --publish use http:// beyond this machine too")
    body_bytes: int = setting(65_536, "largest body of a request, bytes", low=1024, high=16_777_216)
    body_seconds: float = setting(10.0, "time in which a body must arrive", low=0.1, high=600)
    idle_seconds: float = setting(60.0, "a HTTP connection without a request ends", low=1, high=3600)
    sdp_bytes: int = setting(65_536, "largest SDP offer or fragment, bytes", low=4096, high=1_048_576)
    candidates: int = setting(100, "largest number of ICE candidates of a client", low=1, high=1000)
    offers_per_minute: float = setting(120.0, "SDP offers of one address, 1/min", low=1, high=1_000_000)
    tries_per_minute: float = setting(10.0, "wrong tokens of one address, 1/min", low=1, high=1000)
    connect_seconds: float = setting(15.0, "time in which a WebRTC connection must be made", low=1, high=300)
    silence_seconds: float = setting(4.0, "a WebRTC client that says nothing is gone", low=1, high=300)
    senders: int = setting(8, "largest number of cameras that browsers send to a stream", low=1, high=1000)
    sender_pixels: int = setting(2_073_600, "largest picture of a sender, pixels", low=4096, high=33_177_600)
    message_bytes: int = setting(1024, "largest message of a viewer, bytes", low=16, high=65_536)
    channel_bytes: int = setting(
        32_768, "results that may wait for a viewer, bytes", low=1024, high=1_048_576
    )
    event_clients: int = setting(32, "largest number of readers of /events at once", low=1, high=1000)
    bitrate: int = setting(2_000_000, "video bit rate, bit/s", low=100_000, high=50_000_000)
    viewers: int = setting(32, "largest number of viewers of a stream at once", low=1, high=1000)
    events: str = setting("", "write one JSON object a line to this file (with --no-serve)")
    video: str = setting("", "write the annotated video to this file (with --no-serve)")
    progress: bool = setting(True, "show a progress bar (with --no-serve)")
    log: str = setting("text", "log lines: 'text' or 'json', one object a line", choices=("text", "json"))
    log_level: str = setting(
        "warning",
        "what is logged: 'debug', 'info' (joins, changes, refusals), 'warning' (faults) or 'error'",
        choices=("debug", "info", "warning", "error"),
    )

    @property
    def reads_expressions(self) -> bool:
        """Whether the expression model is loaded and run."""
        wanted = self.profile == "expression" or self.expressions
        return wanted and self.purpose not in ("workplace", "education")

    @property
    def run_purpose(self) -> str:
        """The purpose, which the driver profile says by itself; "" while it is not known."""
        return self.purpose or ("driving" if self.profile == "driver" else "")

    def __post_init__(self) -> None:
        types = typing.get_type_hints(type(self))
        for each in dataclasses.fields(self):
            value, expected = getattr(self, each.name), types[each.name]
            number = expected is float and isinstance(value, int) and not isinstance(value, bool)
            if type(value) is not expected and not number:
                shown = "" if each.name == "publish_token" else f" {value!r}"
                raise ConfigError(
                    f"{each.name}: expected {expected.__name__}, got {type(value).__name__}{shown}"
                )
            low, high, choices = (each.metadata[key] for key in ("low", "high", "choices"))
            if expected in (int, float) and not (
                (low is None or value >= low) and (high is None or value <= high)
            ):
                raise ConfigError(f"{each.name}: expected {low} to {high}, got {value}")
            if choices and value not in choices:
                raise ConfigError(f"{each.name}: expected one of {', '.join(choices)}, got {value!r}")


def needs_consent(source: str) -> bool:
    """Whether a source is a camera, here or on the network; "browser" asks in the viewer's own browser."""
    text = source.strip()
    return text == "auto" or text.isdigit() or text.startswith("/dev/") or "://" in text


def settings() -> tuple[dataclasses.Field[Any], ...]:
    """The fields of Config in order, for building a command line."""
    return dataclasses.fields(Config)


def from_mapping(values: Mapping[str, Any]) -> Config:
    """A Config from names and values.

    Raises:
        ConfigError: an unknown name, a wrong type or a value out of range.
    """
    known = {each.name for each in settings()}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]!r}; expected one of {', '.join(sorted(known))}")
    return Config(**values)


def read_toml(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, unchecked.

    Raises:
        ConfigError: the file cannot be read or is not TOML.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return values
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path}: expected a readable text file, got: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"configuration file {path}: expected TOML, got: {error}") from None
