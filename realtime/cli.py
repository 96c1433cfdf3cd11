"""The command line: options to settings, settings to a run, errors to one line and an exit code."""

from __future__ import annotations

import argparse
import sys
import typing
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from realtime import logs, several
from realtime.config import PURPOSES, Config, from_mapping, needs_consent, read_toml, settings
from realtime.errors import ConfigError, IfddLiveError

PROGRAM = "run_stream.py"


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (see --help)")


def parse(arguments: Sequence[str]) -> Config:
    """The process's settings that a command line asks for; see `parse_streams`."""
    return parse_streams(arguments)[0]


def parse_streams(arguments: Sequence[str]) -> tuple[Config, dict[str, Config]]:
    """The process's settings, and each stream's by its name; options win over the file of `--config`.

    Raises:
        ConfigError: an unknown option or key, a wrong type, a value out of range, or two that do not fit.
    """
    parser = _Parser(
        prog=PROGRAM,
        description="Reads dynamic facial expressions from a camera and shows them in a browser.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"IFDD Live {_version()}")
    parser.add_argument("--config", metavar="FILE", help="TOML file with any of the settings below")
    types = typing.get_type_hints(Config)
    for each in settings():
        option = "--" + each.name.replace("_", "-")
        text = f"{each.metadata['help']} (default: {each.default!r})".replace("%", "%%")
        keywords: dict[str, Any] = {"default": argparse.SUPPRESS, "help": text}
        if each.name == "source":
            parser.add_argument(option, action="append", metavar="SOURCE", **keywords)
        elif types[each.name] is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, **keywords)
        else:
            parser.add_argument(option, type=types[each.name], metavar=each.name.upper(), **keywords)
    given = vars(parser.parse_args(list(arguments)))
    file = given.pop("config", None)
    sources = given.pop("source", [])
    values = {**(read_toml(Path(file)) if file else {}), **given}
    if values.get("streams") and (sources or "source" in values):
        raise ConfigError("--streams: expected without --source, got both")
    config = from_mapping({**values, **({"source": sources[0]} if sources else {})})
    if config.streams:
        streams = several.of_file(config)
    else:
        streams = several.of_sources(config, sources or [config.source])
    _check_process(config, streams)
    for name, own in streams.items():
        try:
            _check_together(own)
        except ConfigError as error:
            raise ConfigError(f"stream {name}: {error}" if len(streams) > 1 else str(error)) from None
    return config, streams


def _check_process(config: Config, streams: Mapping[str, Config]) -> None:
    if not config.serve and len(streams) > 1:
        raise ConfigError(f"--no-serve: expected one source, got {len(streams)}; run it once for each")
    drivers = any(each.profile == "driver" for each in streams.values())
    if not drivers and (config.mqtt or config.driver_settings):
        raise ConfigError("--mqtt and --driver-settings: expected together with --profile driver")


def _check_together(config: Config) -> None:
    if config.serve and (config.events or config.video):
        raise ConfigError("--events and --video: expected together with --no-serve")
    if not config.serve and config.source in ("auto", "browser"):
        raise ConfigError(f"--no-serve: expected --source with a video file, got {config.source!r}")
    if config.record and not config.serve:
        raise ConfigError("--record: expected a live run, got --no-serve; --events writes the same objects")
    if config.consent and not config.run_purpose:
        raise ConfigError(f"--consent: expected together with --purpose, one of {', '.join(PURPOSES)}")
    if not config.serve and needs_consent(config.source) and not config.consent:
        raise ConfigError("--no-serve over a camera: expected --consent with --purpose")
    if config.profile != "driver" and (config.mqtt or config.driver_settings):
        raise ConfigError("--mqtt and --driver-settings: expected together with --profile driver")
    if config.inference == "ray" and not config.serve:
        raise ConfigError("--inference ray: expected a live run, got --no-serve")
    if config.mqtt and not config.serve:
        raise ConfigError("--mqtt: expected a live run, got --no-serve")
    if config.publish and not config.serve:
        raise ConfigError("--publish: expected a live run, got --no-serve")


def _version() -> str:
    try:
        return metadata.version("ifdd-live")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit code.

    0: done; 2: bad option, setting, source or weights; 3: the server cannot start; 4: an output file
    cannot be written; 130: interrupted.
    """
    logs.configure("text", "warning")
    try:
        config, streams = parse_streams(sys.argv[1:] if arguments is None else arguments)
        logs.configure(config.log, config.log_level)
        if config.serve:
            from realtime.pipeline import run_live

            return run_live(config, streams)
        from realtime.offline import run_offline

        return run_offline(next(iter(streams.values())))
    except IfddLiveError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
