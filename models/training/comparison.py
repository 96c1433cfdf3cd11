"""A data set's folds in one summary, side by side with what was published."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.training.settings import read_toml

PUBLISHED = Path(__file__).parent / "published.toml"
FIGURES = ("uar", "war")


def published(dataset: str, path: Path = PUBLISHED) -> list[dict[str, Any]]:
    """Published results on a data set: method, source, model ("" for others') and uar, war in per cent."""
    found = []
    for each in read_toml(path)["results"]:
        if dataset in each:
            row = {"method": each["method"], "model": each.get("model", ""), "source": each["source"]}
            found.append({**row, **{name: each[dataset].get(name) for name in FIGURES}})
    return found


def summarise_folds(results: Mapping[str, Mapping[str, Any]], labels: Sequence[str]) -> dict[str, Any]:
    """Mean and spread over folds.

    Args:
        results: by fold, each with war, uar (0 to 1), recall by name and confusion.
        labels: in the order of the confusion's rows.

    Returns:
        war, uar: means, 0 to 1; war_spread, uar_spread: sample deviation over folds, None for one fold;
        recall: mean by name over the folds where the class occurs; confusion: sum over folds; folds:
        war and uar of each.
    """
    summary: dict[str, Any] = {"folds": {}}
    for fold, each in results.items():
        summary["folds"][fold] = {name: each[name] for name in FIGURES}
    for name in FIGURES:
        values = [float(each[name]) for each in results.values()]
        summary[name] = statistics.fmean(values)
        summary[f"{name}_spread"] = statistics.stdev(values) if len(values) > 1 else None
    recalls = {name: [each["recall"][name] for each in results.values()] for name in labels}
    summary["recall"] = {}
    for name, values in recalls.items():
        known = [value for value in values if value is not None]
        summary["recall"][name] = statistics.fmean(known) if known else None
    size = range(len(labels))
    summary["confusion"] = [
        [sum(each["confusion"][row][column] for each in results.values()) for column in size] for row in size
    ]
    return summary


def _scaled(share: float | None) -> float | None:
    return None if share is None else 100 * share


def table(summary: Mapping[str, Any], name: str, dataset: str, model: str) -> str:
    """The summary as lines of text, ours first, then what was published on the data set, best WAR first."""

    def percent(value: float | None, spread: float | None = None) -> str:
        if value is None:
            return "-"
        return f"{value:.2f}" if spread is None else f"{value:.2f} ± {spread:.2f}"

    ours = [
        f"{name}, fold {fold}: UAR {100 * each['uar']:.2f}, WAR {100 * each['war']:.2f}"
        for fold, each in summary["folds"].items()
    ]
    rows = [("method", "UAR %", "WAR %", "source")]
    mean = f"{name} (mean of {len(summary['folds'])})" if len(summary["folds"]) > 1 else name
    uar, war = (percent(100 * summary[each], _scaled(summary[f"{each}_spread"])) for each in FIGURES)
    rows.append((mean, uar, war, "this run"))
    known = published(dataset)
    for each in sorted(known, key=lambda row: (row["model"] != model, -(row["war"] or 0))):
        rows.append((each["method"], percent(each["uar"]), percent(each["war"]), each["source"]))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]
    recall = ", ".join(f"{key} {percent(_scaled(v))}" for key, v in summary["recall"].items())
    if not known:
        lines.append(f"nothing published is listed for {dataset!r}")
    return "\n".join([*ours, f"recall %: {recall}", "", *lines])
