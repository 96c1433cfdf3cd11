from pathlib import Path

import pytest

from models.training import ablate, train
from tests.test_training_train import run  # noqa: F401 (a fixture)


@pytest.fixture
def stage_two(run: Path) -> list[str]:  # noqa: F811
    arguments = ["--config", str(run / "tiny.toml"), "--threads", "1"]
    for stage in ("stills", "again", "clips"):
        assert train.main([*arguments, "--out", str(run / "out"), "--stage", stage]) == 0
    return [*arguments[:2], "--run", str(run / "out")]


def test_every_variant_has_a_row(stage_two: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert ablate.main([*stage_two, "--epochs", "1"]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows[2:]] == [
        "whole model",
        "whole model, frames shuffled",
        *list(ablate.VARIANTS)[1:],
    ]
    assert all(0 <= float(cell.removesuffix(" %")) <= 100 for row in rows[2:] for cell in row[1:])


def test_a_run_without_stage_two_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    assert ablate.main(["--config", str(run / "tiny.toml"), "--run", str(run)]) == 2
    assert "expected a finished stage two" in capsys.readouterr().err
