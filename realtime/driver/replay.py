"""`python -m realtime.driver.replay`: runs traces and prints hits, misses, false alarms and delays.

Without files it runs the made scenarios and half an hour of made ordinary driving. `--video` measures a
clip first and can write its trace.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from realtime.driver.alerts import LEVELS
from realtime.driver.monitor import DriverMonitor
from realtime.driver.scenarios import SCENARIOS, ordinary
from realtime.driver.seat import Seat
from realtime.driver.settings import DriverSettings, load
from realtime.driver.trace import Expected, Trace, read, write
from realtime.errors import IfddLiveError


@dataclass(slots=True)
class Run:
    """What the monitor said of a trace: alerts that began or rose, zones and words with their beginnings."""

    alerts: list[Expected] = field(default_factory=list)
    zones: list[tuple[str, float]] = field(default_factory=list)
    words: list[tuple[str, float]] = field(default_factory=list)


@dataclass(slots=True)
class Score:
    """How the found alerts fit the expected ones.

    Attributes:
        hits: expected, and how much later it was found, seconds.
        missed: expected and not found in time.
        false: found and not expected.
        wrong_words: state words that were not shown when they should have been.
    """

    hits: list[tuple[Expected, float]] = field(default_factory=list)
    missed: list[Expected] = field(default_factory=list)
    false: list[Expected] = field(default_factory=list)
    wrong_words: list[tuple[str, float]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Everything found, nothing else."""
        return not (self.missed or self.false or self.wrong_words)


def play(trace: Trace, settings: DriverSettings | None = None) -> Run:
    """Runs a trace through the seat and the monitor."""
    rules = settings or DriverSettings()
    monitor, seat, run = DriverMonitor(rules), Seat(rules.seat_s), Run()
    for row in trace.rows:
        faces = {face.face_id: (face, quality) for face, quality in row.faces}
        chosen = seat.choose(row.t_ns, {key: quality.size_px for key, (_, quality) in faces.items()})
        face, quality = (None, None) if chosen is None else faces[chosen]
        update = monitor.update(row.t_ns, face, quality, row.speed_kmh)
        t_s = row.t_ns / 1e9
        for alert in update.changes:
            condition = alert.condition
            if condition.level > alert.previous:
                run.alerts.append(Expected(condition.rule, LEVELS[condition.level], round(t_s, 3)))
        for names, name in ((run.zones, update.state.zone), (run.words, update.state.word)):
            if not names or names[-1][0] != name:
                names.append((name, round(t_s, 3)))
    return run


def score(trace: Trace, run: Run) -> Score:
    """Compares what was found with what was expected."""
    result, left = Score(), list(run.alerts)
    for expected in trace.expected:
        same = [
            each
            for each in left
            if (each.rule, each.level) == (expected.rule, expected.level)
            and abs(each.t_s - expected.t_s) <= expected.tolerance_s
        ]
        if same:
            nearest = min(same, key=lambda each: abs(each.t_s - expected.t_s))
            left.remove(nearest)
            result.hits.append((expected, nearest.t_s - expected.t_s))
        else:
            result.missed.append(expected)
    result.false = left
    for word, t_s in trace.words:
        shown = [each for each, since_s in run.words if since_s <= t_s]
        if not shown or shown[-1] != word:
            result.wrong_words.append((word, t_s))
    return result


def report(scores: Sequence[tuple[Trace, Score]]) -> str:
    """The table of all rules, and a line for each trace."""
    lines = []
    for trace, each in scores:
        lines.append(f"{'ok  ' if each.good else 'FAIL'} {trace.name} ({trace.seconds:.0f} s)")
        lines += [f"       missed {one.rule} {one.level} at {one.t_s:.2f} s" for one in each.missed]
        lines += [f"       false  {one.rule} {one.level} at {one.t_s:.2f} s" for one in each.false]
        lines += [f"       state word {word} not shown at {t_s:.2f} s" for word, t_s in each.wrong_words]
    hours = sum(trace.seconds for trace, _ in scores) / 3600
    lines += ["", f"{hours:.2f} h in all", "rule      hits  missed  false  false/h  delay mean  delay worst"]
    rules = sorted(
        {
            one.rule
            for _, each in scores
            for one in (*(hit for hit, _ in each.hits), *each.missed, *each.false)
        }
    )
    for rule in rules:
        delays = [delay for _, each in scores for hit, delay in each.hits if hit.rule == rule]
        missed = sum(one.rule == rule for _, each in scores for one in each.missed)
        false = sum(one.rule == rule for _, each in scores for one in each.false)
        mean = f"{sum(delays) / len(delays):+.3f} s" if delays else "-"
        worst = f"{max(delays, key=abs):+.3f} s" if delays else "-"
        lines.append(
            f"{rule:9} {len(delays):4} {missed:7} {false:6} {false / hours:8.2f}  {mean:>10}  {worst:>11}"
        )
    return "\n".join(lines)


def made_traces(minutes: float) -> Iterable[Trace]:
    """All scenarios, then ordinary driving."""
    for make in SCENARIOS:
        yield make()
    if minutes > 0:
        yield ordinary(minutes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; 0 if everything was as expected, 1 if not, 2 for a bad option or file."""
    parser = argparse.ArgumentParser(prog="python -m realtime.driver.replay", description=__doc__)
    parser.add_argument("traces", nargs="*", type=Path, help="JSON lines files; none: the made traces")
    parser.add_argument("--settings", default="", help="TOML file with driver settings")
    parser.add_argument("--minutes", type=float, default=30.0, help="of ordinary driving, 0 for none")
    parser.add_argument("--video", type=Path, help="measure this clip and run its trace")
    parser.add_argument("--write", type=Path, help="write the clip's trace to this file")
    given = parser.parse_args(arguments)
    try:
        settings = load(given.settings)
        if given.video is not None:
            from realtime.driver.record import trace_of_video

            traces: Iterable[Trace] = [trace_of_video(given.video)]
        else:
            traces = map(read, given.traces) if given.traces else made_traces(given.minutes)
        scores = []
        for trace in traces:
            if given.video is not None and given.write is not None:
                write(trace, given.write)
            scores.append((trace, score(trace, play(trace, settings))))
    except IfddLiveError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    print(report(scores))
    return 0 if all(each.good for _, each in scores) else 1


if __name__ == "__main__":
    sys.exit(main())
