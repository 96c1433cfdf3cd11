"""The trace of a clip: its faces' measures, frame by frame, and what a schedule beside it leads to expect."""

from __future__ import annotations

import json
from pathlib import Path

from realtime.capture.file import FileSource
from realtime.capture.source import NoPicture
from realtime.driver.measure import measure
from realtime.driver.settings import DriverSettings
from realtime.driver.trace import Expected, Row, Trace
from realtime.values import Frame
from realtime.vision.landmarks import FaceMesh
from realtime.vision.stage import VisionStage

THERE = 0.713  # of its ramp: a movement that starts and ends softly has come 80 % of its way


def trace_of_video(path: Path, faces: int = 2) -> Trace:
    """Measures every frame of a clip; a `.json` schedule beside it gives the expected alerts.

    Args:
        path: the clip.
        faces: how many faces are looked for at most.

    Raises:
        SourceError: the clip cannot be read.
    """
    source = FileSource(path, live=False)
    rows: list[Row] = []
    with FaceMesh(faces) as landmarker:
        stage = VisionStage(landmarker, faces, None)
        try:
            while (taken := source.read()) is not None:
                if isinstance(taken, NoPicture):
                    continue
                observation = stage.process(Frame(len(rows), taken[1], taken[0]))
                found = tuple((measure(face), face.quality) for face in observation.faces)
                rows.append(Row(taken[1], found))
        finally:
            source.close()
    schedule = path.with_suffix(".json")
    expected = expected_of(schedule) if schedule.is_file() else []
    return Trace(path.name, rows, expected)


def expected_of(schedule: Path) -> list[Expected]:
    """The alerts that a schedule of actions (see assets/demo/demo.json) should give."""
    rules, expected = DriverSettings(), []
    for action in json.loads(schedule.read_text(encoding="utf-8"))["schedule"]:
        there_s = whole_at(action)
        if action["action"] == "eye_closure":
            closed_s = action["apex_end"] - there_s
            for rung_s, level in (
                (rules.note_s, "note"), (rules.soft_s, "soft"), (rules.microsleep_s, "warning"),
                (rules.sleep_s, "urgent"), (rules.unresponsive_s, "emergency"),
            ):  # fmt: skip
                if closed_s >= rung_s:
                    expected.append(Expected("closure", level, round(there_s + rung_s, 3)))
        elif action["action"] == "yawn":
            expected.append(Expected("yawn", "note", round(there_s + rules.yawn_s, 3)))
    return expected


def whole_at(action: dict[str, float]) -> float:
    """When a scheduled action has come 80 % of its way, seconds."""
    return action["start"] + THERE * (action["apex_start"] - action["start"])
