"""Every made scenario, ordinary driving, and the demo clip through real vision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from realtime.driver.actor import Actor
from realtime.driver.record import trace_of_video, whole_at
from realtime.driver.replay import Run, main, play, report, score
from realtime.driver.scenarios import SCENARIOS, ordinary
from realtime.driver.trace import Expected, Trace, read, write
from realtime.errors import ConfigError

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"


@pytest.mark.parametrize("make", SCENARIOS, ids=lambda make: make().name)
def test_a_scenario_gives_its_alerts_and_no_other(make: object) -> None:
    trace = make()  # type: ignore[operator]
    result = score(trace, play(trace))
    assert result.missed == []
    assert result.false == []
    assert result.wrong_words == []


@pytest.mark.parametrize(("seed", "fps"), [(7, 30.0), (11, 15.0)])
def test_half_an_hour_of_ordinary_driving_gives_no_alert(seed: int, fps: float) -> None:
    trace = ordinary(30, fps=fps, seed=seed)
    assert trace.seconds > 1795
    run = play(trace)
    assert run.alerts == []
    assert len([zone for zone, _ in run.zones if zone != "road"]) > 200, "there was much to look at"


def test_the_demo_clip_gives_its_closure_yawn_and_turns_and_nothing_else(tmp_path: Path) -> None:
    trace = trace_of_video(DEMO, faces=1)
    assert [each.level for each in trace.expected] == ["note", "soft", "warning", "note"]
    run = play(trace)
    result = score(trace, run)
    assert (result.missed, result.false) == ([], [])

    schedule = json.loads(DEMO.with_suffix(".json").read_text())["schedule"]
    turns = {"turn_left": "left", "turn_right": "right", "look_down": "down"}
    expected = [(turns[each["action"]], whole_at(each)) for each in schedule if each["action"] in turns]
    found = [(zone, t_s) for zone, t_s in run.zones if zone not in ("road", "unknown")]
    assert [zone for zone, _ in found] == [zone for zone, _ in expected]
    for (_, found_s), (_, expected_s) in zip(found, expected, strict=True):
        assert found_s == pytest.approx(expected_s, abs=0.2)

    write(trace, tmp_path / "demo.jsonl")
    again = read(tmp_path / "demo.jsonl")
    assert play(again).alerts == run.alerts


def test_misses_false_alarms_and_delays_are_told_apart() -> None:
    wanted = [Expected("closure", "note", 5.0), Expected("yawn", "note", 9.0)]
    trace = Trace("t", [], wanted, [("POOR VIEW", 3)])
    said = [Expected("closure", "note", 5.15), Expected("glance", "warning", 9.0)]
    run = Run(said, [], [("WATCHING", 0.0)])
    result = score(trace, run)
    assert [(hit.rule, round(delay, 3)) for hit, delay in result.hits] == [("closure", 0.15)]
    assert [each.rule for each in result.missed] == ["yawn"]
    assert [each.rule for each in result.false] == ["glance"]
    assert result.wrong_words == [("POOR VIEW", 3)]
    late = Run([Expected("closure", "note", 5.25)], [], [("POOR VIEW", 1.0)])
    assert [each.rule for each in score(trace, late).missed] == ["closure", "yawn"]


def test_the_report_counts_false_alarms_an_hour() -> None:
    trace = Actor("an hour, nearly", 360, fps=5).trace()
    result = score(trace, Run([Expected("glance", "warning", 9.0)]))
    lines = report([(trace, result)]).splitlines()
    assert lines[0].startswith("FAIL")
    (row,) = [line for line in lines if line.startswith("glance")]
    assert row.split()[:5] == ["glance", "0", "0", "1", "10.01"]


def test_the_command_runs_recorded_traces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    actor = Actor("asleep", 20, fps=15).blinks(0, 12).close(15, 2.0)
    write(actor.trace(), bad)
    write(actor.expect_closure(15, 2.0).trace(), good)
    assert main([str(good)]) == 0
    assert main([str(bad)]) == 1
    assert "false  closure warning" in capsys.readouterr().out
    assert main([str(tmp_path / "none.jsonl")]) == 2
    assert "expected a readable file" in capsys.readouterr().err


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    for text in ("", "[]\n", '{"trace": "x", "expected": []}\n{"t_ns": 1}\n'):
        file.write_text(text)
        with pytest.raises(ConfigError, match="expected JSON lines"):
            read(file)
