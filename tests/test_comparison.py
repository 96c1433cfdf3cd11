import pytest

from models.registry import list_models
from models.training.comparison import PUBLISHED, published, summarise_folds, table
from models.training.settings import read_toml

FOLDS = {
    "1": {"war": 0.5, "uar": 0.25, "recall": {"a": 0.5, "b": None}, "confusion": [[1, 1], [0, 0]]},
    "2": {"war": 0.7, "uar": 0.45, "recall": {"a": 1.0, "b": 0.4}, "confusion": [[2, 0], [3, 2]]},
}


def test_mean_and_spread_over_folds() -> None:
    summary = summarise_folds(FOLDS, ("a", "b"))
    assert summary["war"] == pytest.approx(0.6)
    assert summary["war_spread"] == pytest.approx(0.02**0.5)  # sample deviation
    assert summary["recall"] == {"a": 0.75, "b": 0.4}
    assert summary["confusion"] == [[3, 1], [3, 2]]
    assert summary["folds"]["2"] == {"war": 0.7, "uar": 0.45}
    assert summarise_folds({"1": FOLDS["1"]}, ("a", "b"))["uar_spread"] is None


def test_every_published_figure_has_a_source_and_is_a_percentage() -> None:
    rows = read_toml(PUBLISHED)["results"]
    assert rows
    for row in rows:
        assert row["source"]
        assert row.get("model", "ial-gca") in list_models()
        figures = {name: row[name] for name in ("dfew", "ferv39k", "mafw") if name in row}
        assert figures
        for each in figures.values():
            assert set(each) <= {"uar", "war"}
            assert all(15 < value < 100 for value in each.values())
    assert {"uar": 55.71, "war": 69.24}.items() <= published("dfew")[0].items()
    assert not published("mine")


def test_the_table_has_ours_first_then_the_papers_own_then_the_others() -> None:
    text = table(summarise_folds(FOLDS, ("a", "b")), "ial-gca-sane", "ferv39k", "ial-gca")
    lines = text.splitlines()
    assert "ial-gca-sane, fold 2: UAR 45.00, WAR 70.00" in lines
    assert "recall %: a 75.00, b 40.00" in lines
    head = next(number for number, line in enumerate(lines) if line.startswith("method"))
    assert "35.00 ± 14.14" in lines[head + 1]
    assert "60.00 ± 14.14" in lines[head + 1]
    assert lines[head + 2].startswith("GCA+IAL ")
    assert lines[head + 3].startswith("GCA+IAL, reproduced")
    assert "nothing published is listed for 'mine'" in table(
        summarise_folds(FOLDS, ("a", "b")), "x", "mine", "ial-gca"
    )
