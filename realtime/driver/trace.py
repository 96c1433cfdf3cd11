"""Traces: the measures of faces over time with the alerts that are expected, as JSON lines."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime.driver.measure import FaceMeasure
from realtime.errors import ConfigError
from realtime.files import replacing
from realtime.values import Quality


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert that should begin, or rise, at a time: rule, level in words, seconds."""

    rule: str
    level: str
    t_s: float
    tolerance_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Row:
    """One frame: its time, the faces in it, the speed if it is known."""

    t_ns: int
    faces: tuple[tuple[FaceMeasure, Quality], ...]
    speed_kmh: float | None = None


@dataclass(slots=True)
class Trace:
    """A named row of frames, with what should be said of them."""

    name: str
    rows: list[Row]
    expected: list[Expected] = field(default_factory=list)
    words: list[tuple[str, float]] = field(default_factory=list)  # state word that must be shown by then

    @property
    def seconds(self) -> float:
        """From the first to the last frame."""
        return (self.rows[-1].t_ns - self.rows[0].t_ns) / 1e9 if self.rows else 0.0


def write(trace: Trace, path: Path) -> None:
    """Writes the trace: a head line, then one line for each frame."""
    head = {
        "trace": trace.name,
        "expected": [dataclasses.asdict(each) for each in trace.expected],
        "words": trace.words,
    }
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        for each in (head, *map(_to_json, trace.rows)):
            file.write(json.dumps(each, separators=(",", ":")) + "\n")


def read(path: Path) -> Trace:
    """Reads what `write` wrote.

    Raises:
        ConfigError: the file cannot be read or is no trace.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        head, rows = json.loads(lines[0]), [_from_json(json.loads(line)) for line in lines[1:] if line]
        return Trace(
            head["trace"],
            rows,
            [Expected(**each) for each in head["expected"]],
            [(word, t_s) for word, t_s in head.get("words", [])],
        )
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"trace {path}: expected a readable file, got: {error}") from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"trace {path}: expected JSON lines as README describes, got: {error!r}") from None


def _to_json(row: Row) -> dict[str, Any]:
    faces = [
        {"measure": _rounded(dataclasses.asdict(face)), "quality": _rounded(dataclasses.asdict(quality))}
        for face, quality in row.faces
    ]
    return {"t_ns": row.t_ns, "faces": faces, "speed_kmh": row.speed_kmh}


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in values.items()}


def _from_json(values: dict[str, Any]) -> Row:
    faces = []
    for each in values["faces"]:
        quality = {**each["quality"], "hints": tuple(each["quality"].get("hints", ()))}
        faces.append((FaceMeasure(**each["measure"]), Quality(**quality)))
    return Row(int(values["t_ns"]), tuple(faces), values.get("speed_kmh"))
