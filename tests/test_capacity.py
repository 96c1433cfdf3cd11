from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from realtime.bench import capacity
from realtime.bench.capacity import Figures, read_figures

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "costs.json"
DOCUMENT = ROOT / "docs" / "scaling.md"


@pytest.fixture(scope="module")
def figures() -> Figures:
    return read_figures(FILE)


@pytest.fixture(scope="module")
def printed(figures: Figures) -> dict[str, str]:
    return dict(capacity.tables(figures))


def cells(table: str) -> list[list[str]]:
    """The rows below a table's head."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_document_shows_what_the_script_prints(printed: dict[str, str]) -> None:
    shown = capacity.in_document(DOCUMENT.read_text(encoding="utf-8"))
    assert set(shown) == set(printed)
    for name, table in printed.items():
        again = "python -m realtime.bench.capacity docs/costs.json docs/scaling.md"
        assert shown[name] == table, f"table {name} is not the script's; {again}"


def test_tables_are_put_into_a_document(tmp_path: Path, printed: dict[str, str]) -> None:
    document = tmp_path / "x.md"
    document.write_text(
        "# x\n\n<!-- table: viewers -->\n| old |\n| --- |\n\nafter\n\n<!-- table: prices -->\n"
    )
    assert capacity.main([str(FILE), str(document)]) == 0
    text = document.read_text()
    assert capacity.in_document(text) == {name: printed[name] for name in ("viewers", "prices")}
    assert text.startswith("# x\n\n<!--")
    assert "\n\nafter\n\n" in text
    assert "old" not in text


def test_ten_viewers_need_nothing_and_a_hundred_thousand_an_sfu(printed: dict[str, str]) -> None:
    ten, thousand, many = cells(printed["viewers"])
    assert ten[-1] == "none"
    assert "the event loop" in thousand[3]
    assert int(thousand[-1]) >= 1
    assert int(many[-1].split()[0]) > 10 * int(thousand[-1])
    assert "feed" in many[-1]


def test_a_slower_rate_needs_fewer_machines(printed: dict[str, str]) -> None:
    slow, fast = cells(printed["cameras 15"])[-1], cells(printed["cameras 30"])[-1]
    assert int(slow[2].replace(",", "")) < int(fast[2].replace(",", ""))


def test_predictions_go_before_pictures(printed: dict[str, str]) -> None:
    rows = [[float(cell.split()[0]) for cell in row] for row in cells(printed["near the end"])]
    predictions, pictures = [row[2] for row in rows], [row[3] for row in rows]
    assert predictions[0] > 95
    assert predictions[-1] < predictions[0]
    assert all(shown >= made for shown, made in zip(pictures, predictions, strict=True))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("soup", "expected figures of realtime.bench, got"),
        ("[]", "is missing"),
        (json.dumps({"machine": {}}), "'costs'.* is missing"),
    ],
)
def test_another_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    (tmp_path / "x.json").write_text(content)
    assert capacity.main([str(tmp_path / "x.json")]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert capacity.main([]) == 2


def test_windows_read_apart_take_network_where_that_was_measured(tmp_path: Path) -> None:
    found: dict[str, Any] = json.loads(FILE.read_text())
    found["ray"] = {
        "cpu_ms_a_window 1 replicas": {"program": 1.0, "bridge": 1.0, "replicas": 10.0},
        "form input": {"kB": 100.0},
    }
    (tmp_path / "x.json").write_text(json.dumps(found))
    row = cells(next(capacity.cameras(read_figures(tmp_path / "x.json"))))[-1]
    hz = found["costs"]["predictions_hz"]
    assert float(row[5].replace(",", "")) == pytest.approx(100_000 * hz * 100 * 8 / 1e6, rel=0.01)
    streams, replicas = (float(each.replace(",", "")) for each in row[3].split("+"))
    assert replicas == pytest.approx(100_000 * hz * 10 / (capacity.PLANNED * 16_000), rel=0.01)
    del found["ray"]
    (tmp_path / "x.json").write_text(json.dumps(found))
    row = cells(next(capacity.cameras(read_figures(tmp_path / "x.json"))))[-1]
    assert row[5] == "not measured"
    assert float(row[3].split("+")[0].replace(",", "")) < streams
