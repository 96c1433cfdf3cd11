from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from realtime.cli import parse
from realtime.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]


def test_options_become_settings_and_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("port = 9000\nfaces = 4\n")
    config = parse(["--config", str(file), "--port", "9001", "--source", "demo", "--no-progress"])
    assert (config.port, config.faces, config.source, config.progress) == (9001, 4, "demo", False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--colour", "red"], "unrecognized arguments: --colour red"),
        (["--port", "many"], "argument --port: invalid int value: 'many'"),
        (["--no-serve"], "--no-serve: expected --source with a video file"),
        (["--events", "x.jsonl"], "expected together with --no-serve"),
    ],
)
def test_a_bad_command_line_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--colour"],
        ["--no-serve", "--source", "no-such-file.mp4"],
        ["--no-serve", "--source", "."],
        ["--no-serve", "--source", "pyproject.toml"],
        ["--model", "no-such-model", "--source", "demo"],
        ["--weights", "no-such-weights", "--source", "demo"],
        ["--weights", "pyproject.toml", "--source", "demo"],
    ],
)
def test_the_program_ends_with_one_line_and_exit_code_2(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "run_stream.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("run_stream.py: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
