import re

import pytest

from models.bench import main


def test_the_table_has_a_row_for_a_model_and_for_its_cached_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ifdd-stream", "--seconds", "0.01", "--batch", "1", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("CPU, 1 thread(s), float32, eager, torch ")
    columns = {line.count("|") for line in lines[2:]}
    assert len(columns) == 1
    whole, encode, read = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines[4:])
    assert whole[0] == "ifdd-stream"
    assert float(whole[1]) < 3  # millions of parameters
    assert float(encode[3]) < float(whole[3])
    assert float(read[3]) < float(whole[3])


def test_the_ratio_to_the_published_formulation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ial-gca", "--seconds", "0.01", "--batch", "1", "--against-explicit"]) == 0
    row = [cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].split("|")]
    slow, fast, ratio, difference = map(float, row[3:7])
    assert ratio == pytest.approx(slow / fast, rel=0.02)
    assert difference < 1e-3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ifdd"], "model: expected one of ial-gca, .*, got 'ifdd'"),
        (["--graph"], "--graph: expected a CUDA device, got 'cpu'"),
        (["--batch", "0"], "--batch: expected numbers >= 1, got 0"),
    ],
)
def test_what_does_not_fit_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(told, error)
