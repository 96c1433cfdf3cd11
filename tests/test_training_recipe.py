from pathlib import Path

import pytest

from models import ModelError
from models.convert import DATASET_FRAMES
from models.training import train
from models.training.clip_optimiser import learning_rate
from models.training.recipe import RECIPES, find_recipe, load_recipe, merge, read_values

MODELS = ("ial-gca", "ifdd-mvit-xs", "ifdd-stream", "ifdd-vit")
NAMES = [f"{model}-{reading}" for model in MODELS for reading in ("published", "sane")]
DATASETS = ("dfew", "ferv39k", "mafw", "folder")


def test_every_model_has_both_readings_and_no_other_recipe_is_shipped() -> None:
    assert sorted(path.stem for path in RECIPES.glob("*.toml")) == sorted(NAMES)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_whole_for_every_data_set(name: str, dataset: str) -> None:
    recipe = load_recipe(find_recipe(name), dataset)
    model, _, reading = name.rpartition("-")
    assert recipe.model.name == model
    assert recipe.title == name
    # what tells the readings apart in all of them: who chooses the epoch, and no warm-up past the peak
    assert recipe.validation.on == ("test" if reading == "published" else "held-out")
    if reading == "sane":
        rates = [
            learning_rate(recipe.optimisation, epoch, 0, 10) for epoch in range(recipe.optimisation.epochs)
        ]
        assert max(rates) <= recipe.optimisation.peak
        assert recipe.test_sampling.views > 0


def test_the_published_warm_up_rises_past_the_peak_and_drops() -> None:
    settings = load_recipe(find_recipe("ifdd-mvit-xs-published")).optimisation
    rates = [learning_rate(settings, epoch, 0, 10) for epoch in range(settings.epochs)]
    assert rates[0] == pytest.approx(1e-6)
    assert rates[9] == pytest.approx(8.83e-5, rel=1e-3)
    assert rates[10] == pytest.approx(5e-5)
    assert rates[99] == pytest.approx(5e-7, rel=0.05)
    assert rates[1] == learning_rate(settings, 1, 9, 10)  # it changes with the epoch only


def test_the_sane_warm_up_ends_at_the_peak() -> None:
    settings = load_recipe(find_recipe("ifdd-mvit-xs-sane")).optimisation
    rates = [learning_rate(settings, epoch, 0, 10) for epoch in range(12)]
    assert rates == [*sorted(rates[:11]), rates[11]]
    assert rates[10] == pytest.approx(settings.peak)
    assert rates[11] < rates[10]


def test_steps_halve_the_rate_every_seven_epochs() -> None:
    settings = load_recipe(find_recipe("ial-gca-published")).optimisation
    assert [learning_rate(settings, epoch, 0, 1) for epoch in (0, 6, 7, 14)] == [1e-3, 1e-3, 5e-4, 2.5e-4]


def test_mafw_has_the_published_frames() -> None:
    for reading in ("published", "sane"):
        path = find_recipe(f"ifdd-mvit-xs-{reading}")
        for dataset, frames in DATASET_FRAMES.items():
            assert load_recipe(path, dataset).model.overrides["frames"] == frames


def test_changes_are_toml_and_a_bare_word_is_text() -> None:
    changes = ["optimisation.epochs=3", "precision=bf16-mixed", "augment.area=[0.2, 1]", "title=x y"]
    recipe = load_recipe(find_recipe("ial-gca-sane"), "", changes)
    assert (recipe.optimisation.epochs, recipe.precision, recipe.title) == (3, "bf16-mixed", "x y")
    assert recipe.augment.area == (0.2, 1.0)
    assert recipe.augment.turn_deg == 4.0  # its neighbours stay


def test_where_it_runs_does_not_make_another_run() -> None:
    path = find_recipe("ial-gca-sane")
    assert load_recipe(path).digest() == load_recipe(path, "", ["workers=0", "accelerator=cpu"]).digest()
    assert load_recipe(path).digest() != load_recipe(path, "", ["seed=7"]).digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimisation.epoch=3", "got 'epoch'"),
        ("optimisation.optimiser=lamb", "expected one of adamw, sgd, got 'lamb'"),
        ("optimisation.epochs=0", "expected at least 1, got 0"),
        ("optimisation.peak=-1.0", "expected above 0, got -1.0"),
        ("sampling.kind=random", "got 'random'"),
        ("validation.on=luck", "expected one of held-out, test, none, got 'luck'"),
        ("validation.share=0.0", "expected above 0 and below 1"),
        ("model.drop_path=1.5", "got 1.5"),
        ("augment.area=7", "expected numbers in brackets, got 7"),
        ("mixing.probability=2.0", "expected 0..1, got 2.0"),
        ("losses.intensity_mixed=some", "expected one of dominant, off"),
        ("kind=stills", "expected 'clips', got 'stills'"),
        ("seed", "expected name=value, got 'seed'"),
    ],
)
def test_what_does_not_fit_is_one_line(change: str, message: str) -> None:
    with pytest.raises(ModelError, match="expected") as caught:
        load_recipe(find_recipe("ial-gca-sane"), "", [change])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_build_on_one_another_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('base = "b.toml"\n')
    (tmp_path / "b.toml").write_text('base = "a.toml"\n')
    with pytest.raises(ModelError, match="circle"):
        read_values(tmp_path / "a.toml")


def test_a_table_is_merged_and_not_replaced() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert merge(base, {"a": {"y": [3]}}) == {"a": {"x": 1, "y": [3]}, "b": 1}
    assert base["a"] == {"x": 1, "y": [1, 2]}


def test_an_unknown_recipe_names_the_shipped_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match="ial-gca-sane"):
        find_recipe("resnet")
    assert train.main(["--config", "resnet"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
