"""The command line: which parts to measure, a table, one line of JSON."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from realtime.bench import costs, fanout, live, model, remote, report, startup, streams
from realtime.config import Config
from realtime.errors import ConfigError, IfddLiveError

PARTS: dict[str, tuple[Callable[[Config, float], dict[str, Any]], str]] = {
    "latency": (live.latency, "the program in a browser, model on"),
    "off": (live.off, "the same, model off"),
    "slow": (live.slow, "the same, model 5 times slower"),
    "stock": (live.stock, "the same pictures from a plain aiortc server (an encoder for each viewer)"),
    "viewers": (fanout.fan_out, "CPU of the program with 1, 4, 16 and 32 viewers"),
    "stock-viewers": (fanout.stock_fan_out, "the same for the plain server, up to 16"),
    "costs": (costs.costs, "CPU time by picture, face, window and viewer"),
    "start": (startup.start_up, "start-up to the first picture, memory"),
    "model": (model.cached, "a window with cached and with recomputed features"),
    "streams": (streams.streams, "how many streams are held at 15 and at 30 fps (not among everything)"),
    "ray": (remote.on_ray, "windows on Ray Serve against the local engine, and how they could travel"),
}
EVERYTHING = tuple(name for name in PARTS if name != "streams")


def machine() -> dict[str, Any]:
    """What was measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts asked for; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m realtime.bench",
        description="Measures the live path. Latency is read by the browser from a barcode in the pixels.",
        epilog="parts: " + "; ".join(f"{name}: {text}" for name, (_, text) in PARTS.items()),
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to measure (default: everything)")
    parser.add_argument("--seconds", type=float, default=8.0, help="time spent on each figure (default 8)")
    parser.add_argument("--source", default="demo", help="what is shown (default: the demo clip)")
    parser.add_argument("--model", default=Config().model, help="the model by name")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--precision", default="auto", help="auto, float32 or bfloat16")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file, too")
    options = parser.parse_args(arguments)
    try:
        if options.seconds <= 0:
            raise ConfigError(f"--seconds: expected more than 0, got {options.seconds}")
        for name in options.parts:
            if name not in PARTS:
                raise ConfigError(f"part: expected one of {', '.join(PARTS)}, got {name!r}")
        config = Config(
            source=options.source,
            loop=True,
            port=0,
            model=options.model,
            device=options.device,
            precision=options.precision,
        )
        found: dict[str, Any] = {"machine": machine()}
        # what an extra brings is measured where it is installed
        present = [name for name in EVERYTHING if name != "ray" or importlib.util.find_spec("ray")]
        for name in options.parts or present:
            print(f"measuring: {PARTS[name][1]}", file=sys.stderr, flush=True)
            found[name] = PARTS[name][0](config, options.seconds)
        if compared := report.ratios(found):
            found["ratios"] = compared
        print(report.table(found))
        print(json.dumps(found))
        if options.json:
            report.write_json(Path(options.json), found)
    except IfddLiveError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
