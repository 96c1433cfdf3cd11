"""How far one process, one machine and a fleet reach: the tables of docs/scaling.md, from measured costs.

`python -m realtime.bench.capacity docs/costs.json` prints them; with `docs/scaling.md` as well it puts
them there. The file holds what `python -m realtime.bench costs ray --json FILE` measured (`costs` alone,
where there is no Ray), so another machine's file gives that machine's tables.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.bench.simulation import Costs, Load, most, simulate
from realtime.errors import ConfigError, IfddLiveError

# machines are planned for this share of what they can do; what lies above is for peaks and for failures
PLANNED = 0.7
SIZES = (10, 1_000, 100_000)
RATES = (15, 30)
CORES = 16  # of a machine in a fleet
PROCESS_CORES = 4  # of one process in it
VIDEO_MBIT = 2.0  # --bitrate's default
CAMERA_MBIT = 4.0  # what a network camera sends of 640x480 to 1280x720, H.264
LINKS_MBIT = {"20 Mbit/s, where there is one": 20.0, "1 Gbit/s": 1_000.0, "10 Gbit/s": 10_000.0}
# for one SFU machine: what its network link carries; its processor was not measured
SFU_MBIT = 10_000.0

TABLE = re.compile(r"<!-- table: ([\w ]+) -->((?:\n\|.*)*)")

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, and on what.

    Attributes:
        costs: CPU time by cause.
        viewer_mbit: what one viewer takes from the network at the default bit rate, headers included.
        window_kb: what a window sent to a replica of Ray takes, kilobytes; None where it was not measured.
        sending_ms: CPU time of that beside the stream; 0 where it was not measured.
        replica_ms: CPU time of the replica; as in the program, where it was not measured.
        machine: cores, system, Python and torch, in words.
    """

    costs: Costs
    viewer_mbit: float
    window_kb: float | None
    sending_ms: float
    replica_ms: float
    machine: str


def read_figures(path: Path) -> Figures:
    """The figures in a file of `realtime.bench`.

    Raises:
        ConfigError: it is no such file.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        measured, machine = found["costs"], found["machine"]
        picture, network = measured["picture_ms"], measured["network"]
        costs = Costs(
            capture_ms=picture["capture"],
            vision_ms=picture["vision"],
            first_face_ms=measured["first_face_ms"],
            next_face_ms=measured["next_face_ms"],
            composer_ms=picture["composer"],
            encoder_ms=picture["encoder"],
            server_ms=picture["server"],
            viewer_ms=measured["viewer_ms"],
            window_ms=measured["window_ms"],
            predictions_hz=measured["predictions_hz"],
        )
        ray = found.get("ray")
        away = ray["cpu_ms_a_window 1 replicas"] if ray else {}
        return Figures(
            costs=costs,
            viewer_mbit=VIDEO_MBIT * network["wire_to_payload"],
            window_kb=ray["form input"]["kB"] if ray else None,
            sending_ms=away.get("program", 0.0) + away.get("bridge", 0.0),
            replica_ms=away.get("replicas", costs.window_ms),
            machine=f"{machine['cores']} cores, {machine['system']}, torch {machine['torch']}",
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected figures of realtime.bench, got: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: expected figures of `realtime.bench costs`, {error!r} is missing"
        ) from None


def table(head: Row, rows: Sequence[Row]) -> str:
    """Rows in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """A number for reading: at most three digits that mean something, thousands apart."""
    if value and abs(value) < 10:
        return f"{value:.2g}"
    return f"{value:,.0f}"


def prices(figures: Figures) -> str:
    """What one more of each thing costs."""
    costs = figures.costs
    rows: list[Row] = []
    for fps in RATES:
        share = costs.stream_ms(fps, 0, 0) / 10
        rows.append((f"a stream without a face or a viewer, {fps} fps", f"{share:.1f} %"))
    for fps in RATES:
        first = costs.stream_ms(fps, 1, 0) - costs.stream_ms(fps, 0, 0)
        following = costs.stream_ms(fps, 2, 0) - costs.stream_ms(fps, 1, 0)
        rows.append(
            (f"its first face, each further one, {fps} fps", f"{first / 10:.1f} %, {following / 10:.1f} %")
        )
    rows.append(
        (
            f"of that, windows: {costs.predictions_hz:g} a second and face, {costs.window_ms:.1f} ms each",
            f"{costs.predictions_hz * costs.window_ms / 10:.1f} %",
        )
    )
    for fps in RATES:
        rows.append((f"a viewer, {fps} fps", f"{fps * costs.viewer_ms / 10:.2f} %"))
    rows.append(("a viewer, network", f"{figures.viewer_mbit:.2f} Mbit/s"))
    return table(("one more", "share of a core"), rows)


def process_limits(figures: Figures) -> str:
    """How far one process reaches on 2 and on 16 cores, by simulation: what lacks first and why."""
    costs = figures.costs
    kinds = {
        "cameras, 30 fps, a face and a viewer each": lambda n: Load(streams=n),
        "cameras, 15 fps, a face and a viewer each": lambda n: Load(streams=n, fps=15),
        "faces before one camera (`--faces` ends at 8)": lambda n: Load(faces=n),
        "viewers of one camera": lambda n: Load(viewers=n),
    }
    rows: list[Row] = []
    for name, make in kinds.items():
        for cores in (2, CORES):
            count, beyond = most(make, costs, cores)
            rows.append((name, str(cores), number(count), beyond.lacks, RESOURCES[beyond.full]))
    return table(("one process", "cores", "at most", "what one more costs", "because full"), rows)


RESOURCES = {
    "cores": "cores",
    "inference": "the inference thread",
    "server": "the event loop",
    "vision": "a stream's vision thread",
    "composer": "a stream's composer thread",
    "encoder": "a stream's encoder thread",
    "capture": "a stream's capture thread",
}


def viewers_of_one(figures: Figures) -> str:
    """10, 1,000 and 100,000 viewers of one camera."""
    loop, _ = most(lambda n: Load(viewers=n), figures.costs, CORES, guess=150)
    rows: list[Row] = []
    for size in SIZES:
        traffic = size * figures.viewer_mbit
        loops = size / (PLANNED * loop)
        # what is over by most breaks first
        over = {"the event loop": loops}
        over |= {f"a link of {name}": traffic / (PLANNED * mbit) for name, mbit in LINKS_MBIT.items()}
        full = [name for name in sorted(over, key=lambda name: -over[name]) if over[name] > 1]
        first = ", then ".join(full) or "nothing"
        # an SFU is fed once, and feeds viewers or further SFUs
        places = math.floor(PLANNED * SFU_MBIT / figures.viewer_mbit)
        edges = math.ceil(size / places)
        inner = 0
        level = edges
        while level > 1:
            level = math.ceil(level / places)
            inner += level
        direct = loops <= 1
        rows.append(
            (
                number(size),
                number(traffic),
                f"{100 * PLANNED * loops:,.0f} %",
                first,
                "none" if direct else number(edges) + (f" + {inner} to feed them" if inner else ""),
            )
        )
    return table(
        (
            "viewers of one camera",
            "Mbit/s in all",
            "of one event loop",
            "breaks first without an SFU",
            "SFU machines, 10 Gbit/s each",
        ),
        rows,
    )


def cameras(figures: Figures) -> Iterator[str]:
    """10, 1,000 and 100,000 cameras with a face and a viewer each."""
    costs = figures.costs
    for fps in RATES:
        local = PLANNED * CORES * 1000 / costs.stream_ms(fps, 1, 1)
        process, _ = most(
            lambda n, fps=fps: Load(streams=n, fps=fps),  # type: ignore[misc]
            costs,
            PROCESS_CORES,
            guess=round(PROCESS_CORES * 900 / costs.stream_ms(fps, 1, 1)),
        )
        planned = max(1, math.floor(PLANNED * process))
        away = costs.stream_ms(fps, 1, 1, windows=False) + costs.predictions_hz * figures.sending_ms
        reading = costs.predictions_hz * figures.replica_ms
        rows: list[Row] = []
        for size in SIZES:
            windows = size * costs.predictions_hz
            rows.append(
                (
                    number(size),
                    f"{number(math.ceil(size / planned))}, {planned} cameras each",
                    number(math.ceil(size / local)),
                    f"{number(math.ceil(size * away / (PLANNED * CORES * 1000)))} + "
                    f"{number(math.ceil(size * reading / (PLANNED * CORES * 1000)))}",
                    number(windows),
                    "not measured"
                    if figures.window_kb is None
                    else number(windows * figures.window_kb * 8 / 1e6),
                    number(size * CAMERA_MBIT / 1000),
                )
            )
        yield table(
            (
                f"cameras at {fps} fps",
                "processes",
                f"machines of {CORES} cores",
                "the same with windows read apart: streams + replicas",
                "windows/s",
                "Gbit/s to the replicas",
                "Gbit/s from the cameras",
            ),
            rows,
        )


def near_the_end(figures: Figures) -> str:
    """What is seen on the way to full: predictions go first, pictures stay."""
    costs = figures.costs
    count, _ = most(lambda n: Load(streams=n), costs, 2)
    rows: list[Row] = []
    for streams in range(max(1, count - 2), count + 4):
        found = simulate(costs, Load(streams=streams), 2)
        rows.append(
            (
                str(streams),
                f"{100 * found.used['cores']:.0f} %",
                f"{100 * found.predictions:.0f} %",
                f"{100 * found.pictures:.0f} %",
                f"{1000 * found.late_s:.1f} ms",
            )
        )
    return table(
        (
            "cameras on 2 cores, 30 fps",
            "cores used",
            "predictions made",
            "pictures sent",
            "encoder to last viewer, 95th percentile",
        ),
        rows,
    )


def tables(figures: Figures) -> Iterator[tuple[str, str]]:
    """All tables by name."""
    yield "prices", prices(figures)
    yield "process", process_limits(figures)
    yield "near the end", near_the_end(figures)
    yield "viewers", viewers_of_one(figures)
    for fps, text in zip(RATES, cameras(figures), strict=True):
        yield f"cameras {fps}", text


def in_document(text: str) -> dict[str, str]:
    """The tables of a document by name: each stands below a line `<!-- table: NAME -->`."""
    return {found[1]: found[2].strip() for found in TABLE.finditer(text)}


def with_tables(text: str, made: Mapping[str, str]) -> str:
    """The document with these tables in their places."""
    return TABLE.sub(
        lambda found: f"<!-- table: {found[1]} -->\n{made.get(found[1], found[2].strip())}", text
    )


def main(arguments: Sequence[str]) -> int:
    """Prints the tables, or puts them into a document; returns the exit code."""
    try:
        if len(arguments) not in (1, 2):
            raise ConfigError("expected a file of `realtime.bench costs --json FILE`, and perhaps a document")
        figures = read_figures(Path(arguments[0]))
    except IfddLiveError as error:
        print(f"capacity: {error}", file=sys.stderr)
        return error.exit_code
    made = dict(tables(figures))
    if len(arguments) == 2:
        document = Path(arguments[1])
        document.write_text(with_tables(document.read_text(encoding="utf-8"), made), encoding="utf-8")
        return 0
    print(f"Costs measured on {figures.machine}")
    for name, text in made.items():
        print(f"\n{name}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
