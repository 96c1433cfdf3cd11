from pathlib import Path

import pytest
import torch

from models import ModelError, save_checkpoint
from models.convert import DATASET_LABELS
from models.cost import clip_for
from models.model import Model
from models.training import start
from models.training.start import start_from
from tests.small_models import small

DFEW, FERV39K, MAFW = (DATASET_LABELS[name] for name in ("dfew", "ferv39k", "mafw"))


def scrambled(name: str, **overrides: object) -> Model:
    model = small(name, **overrides)
    with torch.no_grad():
        for each in model.parameters():
            each.add_(0.01 * torch.randn_like(each))
    return model


@torch.no_grad()
def test_the_same_classes_in_another_order_give_the_same_answers_by_name(tmp_path: Path) -> None:
    source = scrambled("ifdd-stream", labels=DFEW)
    save_checkpoint(tmp_path / "a.safetensors", source, origin="self-made")
    model = small("ifdd-stream", labels=FERV39K)
    came = start_from(model, tmp_path / "a.safetensors")
    clip = clip_for(model, 2)
    ours, theirs = model(clip).logits, source(clip).logits
    torch.testing.assert_close(ours, theirs[:, [DFEW.index(name) for name in FERV39K]])
    assert (came.fresh, came.left, came.share) == ((), (), 1.0)
    assert "another order" in came.lines()
    assert "self-made" in came.lines()


def test_other_classes_get_new_heads_and_it_is_told_which(tmp_path: Path) -> None:
    source = scrambled("ial-gca", labels=DFEW)
    save_checkpoint(tmp_path / "a.safetensors", source)
    model = small("ial-gca", labels=MAFW)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    came = start_from(model, tmp_path / "a.safetensors")
    fresh = {"head.weight", "head.bias", "layer2.auxiliary.fall.weight", "layer3.auxiliary.fall.weight"}
    assert set(came.fresh) == fresh
    for name, value in model.state_dict().items():
        wanted = before[name] if name in fresh else source.state_dict()[name]
        torch.testing.assert_close(value, wanted)
    assert "head.weight" in came.lines()
    assert "the heads are new" in came.lines()


def test_tables_of_another_side_are_interpolated_and_what_cannot_be_is_fresh(tmp_path: Path) -> None:
    source = scrambled("ifdd-mvit-xs", size=64)
    save_checkpoint(tmp_path / "a.safetensors", source)
    model = small("ifdd-mvit-xs", size=96)
    came = start_from(model, tmp_path / "a.safetensors")
    assert "backbone.blocks.0.attention.relative_h" in came.fitted
    assert came.fresh == ("compression.weight.weight",)
    assert "size was 64, is 96" in came.lines()
    before, now = (m.state_dict()["backbone.blocks.0.attention.relative_h"] for m in (source, model))
    assert now.shape[0] > before.shape[0]
    torch.testing.assert_close(now.mean(0), before.mean(0), atol=0.02, rtol=0)


def test_published_weights_are_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the renaming is tested in test_convert; here: who is asked, and for which order of labels
    asked = []
    source = scrambled("ial-gca", labels=FERV39K)

    def convert(weights: dict[str, torch.Tensor], dataset: str) -> torch.nn.Module:
        asked.append((set(weights), dataset))
        return source

    monkeypatch.setattr(start, "from_published_ial", convert)
    torch.save({"state_dict": {"module.fc_f.weight": torch.zeros(7, 2)}}, tmp_path / "a.pth")
    model = small("ial-gca", labels=FERV39K)
    start_from(model, tmp_path / "a.pth", "ferv39k")
    assert asked == [({"fc_f.weight"}, "ferv39k")]
    torch.testing.assert_close(model.state_dict()["head.weight"], source.state_dict()["head.weight"])


def test_weights_of_another_model_and_unknown_files_are_one_line(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", small("ifdd-stream"))
    with pytest.raises(ModelError, match="expected weights of ial-gca, got ifdd-stream"):
        start_from(small("ial-gca"), tmp_path / "a.safetensors")
    torch.save({"x": torch.zeros(1)}, tmp_path / "b.pth")
    with pytest.raises(ModelError, match="expected published weights of IFDD, IAL or MViTv2-S"):
        start_from(small("ial-gca"), tmp_path / "b.pth")
    with pytest.raises(ModelError, match="got no file"):
        start_from(small("ial-gca"), tmp_path / "c.safetensors")


def test_too_little_that_fits_changes_nothing(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", small("ifdd-stream", encoder="depthwise", width=64))
    model = small("ifdd-stream")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ModelError, match="expected weights that fit most of ifdd-stream"):
        start_from(model, tmp_path / "a.safetensors")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name])
