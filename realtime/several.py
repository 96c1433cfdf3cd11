"""Several streams in one process: their names, and the settings of each."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from realtime.config import Config, read_toml, settings
from realtime.errors import ConfigError

ONLY = "main"  # the name of a stream that is alone
MOST_STREAMS = 64
NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
# Settings that each stream may have its own of; every other is the process's.
OF_A_STREAM = frozenset(
    {
        *("source", "loop", "width", "height", "fps", "faces", "bitrate", "record"),
        *("window_seconds", "hop_seconds", "gap_seconds", "smoothing_seconds", "unsure_below"),
        *("switch_margin", "calibrate_seconds", "teach_seconds", "person"),
        *("profile", "expressions", "driver_settings", "mqtt"),
        *("picture", "bystanders", "box", "mesh", "bars", "strip", "mirror"),
    }
)
# Of the driver profile: given for all streams, they go to those that have it.
OF_DRIVERS = ("driver_settings", "mqtt")


def is_of_a_stream(name: str) -> bool:
    """Whether a setting may differ from stream to stream."""
    return name in OF_A_STREAM or name.startswith("publish")


def of_sources(config: Config, sources: Sequence[str]) -> dict[str, Config]:
    """The settings of the streams of several sources, by names made from the sources.

    Raises:
        ConfigError: too many of them, "auto" among several, or a camera that is there twice.
    """
    if len(sources) == 1:
        return {ONLY: dataclasses.replace(config, source=sources[0])}
    made = {
        name: _inherited(config, {"source": source}, first=index == 0)
        for index, (name, source) in enumerate(zip(names_of(sources), sources, strict=True))
    }
    check(made)
    return made


def of_file(config: Config) -> dict[str, Config]:
    """The settings of the streams in the TOML file that `config.streams` names.

    Raises:
        ConfigError: the file cannot be read, holds something else, or two streams of it do not fit.
    """
    path = Path(config.streams)
    found = read_toml(path)
    tables = found.get("stream")
    other = sorted(set(found) - {"stream"})
    if other or not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        got = repr(other[0]) if other else "none"
        raise ConfigError(f"streams {path}: expected [[stream]] tables and nothing else, got {got}")
    made: dict[str, Config] = {}
    for number, table in enumerate(tables, 1):
        where = f"streams {path}: stream {number}"
        name = table.get("name")
        if not isinstance(name, str) or NAME.fullmatch(name) is None:
            raise ConfigError(
                f"{where}: expected a name of 1 to 40 letters, digits, '-' and '_', got {_short(name)}"
            )
        if name in made:
            raise ConfigError(f"{where}: expected a name of its own, got {name!r} again")
        if not isinstance(table.get("source"), str):
            raise ConfigError(f"{where}: expected a source in quotes, got {_short(table.get('source'))}")
        made[name] = _of_table(config, {**table}, f"streams {path}: {name}", first=not made)
    check(made)
    return made


def check(streams: Mapping[str, Config]) -> None:
    """Looks at what streams must not have in common.

    Raises:
        ConfigError: none or too many, "auto" among several, or a camera that is there twice.
    """
    if not 1 <= len(streams) <= MOST_STREAMS:
        raise ConfigError(f"streams: expected 1 to {MOST_STREAMS}, got {len(streams)}")
    cameras: dict[str, str] = {}
    for name, config in streams.items():
        if len(streams) > 1 and config.source.strip() == "auto":
            raise ConfigError(f"stream {name}: expected a source of its own among several, got 'auto'")
        camera = _device(config.source)
        if camera is None:
            continue
        if camera in cameras:
            raise ConfigError(
                f"stream {name}: expected a camera of its own, got {camera} of {cameras[camera]}"
            )
        cameras[camera] = name


def names_of(sources: Sequence[str]) -> list[str]:
    """A readable name for each source, none of them twice: camera-0, demo, door (of door.mp4), a host."""
    hosts = [_host(each) for each in sources]
    made: list[str] = []
    for source, host in zip(sources, hosts, strict=True):
        base = name = _clean(_name_of(source, host, alone=hosts.count(host) == 1)) or "stream"
        number = 1
        while name in made:
            number += 1
            name = f"{base}-{number}"
        made.append(name)
    return made


def _name_of(source: str, host: str, *, alone: bool) -> str:
    text = source.strip()
    if text.isdigit():
        return f"camera-{text}"
    if text.startswith("/dev/"):
        device = text.rpartition("/")[2]
        number = device.removeprefix("video")
        return f"camera-{number if number.isdigit() else device}"
    if "://" in text:
        # a path may hold a password, but hardly one plain word: only such a one is told
        last = urlsplit(text).path.rstrip("/").rpartition("/")[2] if host else ""
        plain = last if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,19}", last) else ""
        return host if alone or not plain else f"{host}-{plain}"
    return text if text in ("demo", "browser") else Path(text).stem


def _host(source: str) -> str:
    if "://" not in source:
        return ""
    try:
        return urlsplit(source.strip()).hostname or ""
    except ValueError:
        return ""


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:32].rstrip("-")


def _device(source: str) -> str | None:
    """The device file of a camera of this machine, the same however it is named; None for others."""
    text = source.strip()
    if text.isdigit():
        text = f"/dev/video{int(text)}"
    return str(Path(text).resolve()) if text.startswith("/dev/") else None


def _of_table(config: Config, table: dict[str, Any], where: str, *, first: bool) -> Config:
    del table["name"]
    known = {each.name for each in settings()}
    for key in table:
        if key in known and not is_of_a_stream(key):
            raise ConfigError(
                f"{where}: expected settings of one stream, got {key!r}, which is the whole program's"
            )
        if key not in known:
            own = ", ".join(sorted(each for each in known if is_of_a_stream(each)))
            raise ConfigError(f"{where}: expected name or one of {own}, got {key!r}")
    try:
        return _inherited(config, table, first=first)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _inherited(config: Config, own: Mapping[str, Any], *, first: bool) -> Config:
    """The process's settings with a stream's own."""
    values: dict[str, Any] = {**own}
    defaults = Config()
    if own.get("profile", config.profile) != "driver":
        values = {**{key: getattr(defaults, key) for key in OF_DRIVERS}, **values}
    if not first:  # one address takes one stream
        values = {"publish": defaults.publish, **values}
    return dataclasses.replace(config, **values)


def _short(value: object) -> str:
    return "none" if value is None else repr(value)[:60]
