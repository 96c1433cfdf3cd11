"""The figures as a table and as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from realtime.bench import streams
from realtime.errors import OutputError

Row = tuple[str, str]

LIVE = {
    "latency": "model on",
    "off": "model off",
    "slow": "model 5 times slower",
    "stock": "plain aiortc server, model on",
}


def table(found: dict[str, Any]) -> str:
    """The figures for reading, one line each."""
    rows: list[Row] = []
    for part, title in LIVE.items():
        if part in found:
            rows += [("", ""), (title.upper(), "")]
            rows += _live(found[part])
    for part, title in (("viewers", "viewers"), ("stock-viewers", "viewers of the plain aiortc server")):
        if part in found:
            rows += [("", ""), (title.upper(), "")]
            rows += _viewers(found[part])
    if "costs" in found:
        rows += [("", ""), ("CPU TIME", "")]
        rows += [(_run_name(run), _run_text(run)) for run in found["costs"]["runs"]]
        rows += _plain({name: value for name, value in found["costs"].items() if name != "runs"})
    if "streams" in found:
        rows += [("", ""), ("STREAMS", ""), *streams.rows(found["streams"])]
    for part in ("start", "model", "ray", "ratios"):
        if part in found:
            rows += [("", ""), (part.upper(), "")]
            rows += _plain(found[part])
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows[1:])


def _live(found: dict[str, Any]) -> Iterator[Row]:
    delay, click = found["latency_ms"], found["click_to_picture_ms"]
    yield "capture to browser", f"median {delay['median']} ms, p95 {delay['p95']}, longest {delay['max']}"
    received = found["received_ms"]
    yield "  of which to its last packet", f"median {received['median']} ms, p95 {received['p95']}"
    yield "  error of the two clocks", f"at most {found['clock_error_ms']} ms"
    yield (
        "pictures presented",
        f"{found['fps']} fps, {found['callbacks_per_s']} callbacks/s, "
        f"longest gap {found['longest_gap_ms']} ms",
    )
    yield "click to first picture", f"median {click['median']} ms, longest {click['max']}"
    yield "rates", ", ".join(f"{name} {value}" for name, value in (found["rates"] or {}).items())
    yield "drops", ", ".join(f"{name} {value}" for name, value in (found["drops"] or {}).items())
    stages = dict(found["stages_ms"] or {})
    for encoder in found["encoders"] or []:
        stages[f"encode {encoder['codec']}"] = encoder["encode_ms"]
    for name, cost in stages.items():
        if cost:
            yield f"stage: {name}", f"{cost['median']} ms, p95 {cost['p95']}"


def _viewers(found: dict[str, Any]) -> Iterator[Row]:
    for row in found["viewers"]:
        if "error" in row:
            yield f"{row['viewers']} viewers", f"failed: {row['error']}"
            continue
        against = f", {row['against_one']} times one" if "against_one" in row else ""
        yield (
            f"{row['viewers']} viewers",
            f"CPU {row['cpu_percent']} % of a core{against}; {row['fps']['median']} fps each, "
            f"lowest {row['fps']['lowest']}; {row['kbit_per_s']} kbit/s",
        )
    if "percent_per_added_viewer" in found:
        yield "each added viewer", f"{found['percent_per_added_viewer']} % of a core"


def _plain(found: dict[str, Any]) -> Iterator[Row]:
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {each}" for key, each in value.items())  # noqa: PLW2901
        yield name.replace("_", " "), str(value)


def _run_name(run: dict[str, Any]) -> str:
    return f"{run['fps']} fps, {run['faces']} faces, {run['viewers']} viewers"


def _run_text(run: dict[str, Any]) -> str:
    stages = ", ".join(
        f"{name} {value}"
        for name, value in run.items()
        if name not in ("fps", "faces", "viewers", "cpu_percent", "pictures_per_s", "predictions_per_s")
    )
    return (
        f"{run['cpu_percent']} % of a core; {run['pictures_per_s']} pictures/s, "
        f"{run['predictions_per_s']} predictions/s; ms/s: {stages}"
    )


def ratios(found: dict[str, Any]) -> dict[str, Any]:
    """How the product compares with the plain server and with a slow model, of what was measured."""
    made: dict[str, Any] = {}
    on, plain = found.get("latency"), found.get("stock")
    if on and plain:
        for name in ("median", "p95"):
            value = plain["latency_ms"][name] / on["latency_ms"][name]
            made[f"latency_{name}_stock_over_ours"] = round(value, 2)
    ours, theirs = found.get("viewers"), found.get("stock-viewers")
    if ours and theirs:
        by_count = {row["viewers"]: row for row in theirs["viewers"] if "cpu_percent" in row}
        for row in ours["viewers"]:
            other = by_count.get(row["viewers"])
            if other and "cpu_percent" in row:
                name = f"cpu_{row['viewers']}_viewers_stock_over_ours"
                made[name] = round(other["cpu_percent"] / row["cpu_percent"], 2)
        if "percent_per_added_viewer" in ours and len(by_count) > 1:
            one, four = by_count[1]["cpu_percent"], by_count[min(4, max(by_count))]["cpu_percent"]
            made["cpu_per_added_viewer_stock"] = round((four - one) / (min(4, max(by_count)) - 1), 1)
    if on and found.get("slow"):
        difference = found["slow"]["latency_ms"]["median"] - on["latency_ms"]["median"]
        made["latency_median_slow_model_minus_normal_ms"] = round(difference, 1)
    return made


def write_json(path: Path, found: dict[str, Any]) -> None:
    """Writes the figures, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"--json {path}: expected a file that can be written, got: {error.strerror}"
        ) from None
