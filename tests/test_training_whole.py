import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from models.ifdd.streaming import IfddStream
from models.registry import create_model
from models.training import whole
from models.training.prepared import Prepared
from models.training.settings import StageSettings
from models.training.whole import Faces, WholeReader, train_whole
from tests.test_training_train import seven_patterns

SETTINGS = StageSettings(
    epochs=2, round_clips=64, batch=16, peak=2e-3, average=0.5, strength=0.1, smoothing=0.0
)


def small_model() -> IfddStream:
    torch.manual_seed(0)
    model = create_model(
        "ifdd-stream", encoder="resnet-narrow", width=32, heads=2, frames=4, size=32, grey=True
    )
    assert isinstance(model, IfddStream)
    return model


def faces(pictures: Prepared, weights: torch.Tensor | None = None) -> Faces:
    levels = torch.from_numpy(pictures.crops[:14, None]).repeat(1, 2, 1, 1)
    drawn = torch.ones(len(pictures)) if weights is None else weights
    denied = torch.zeros(len(pictures), dtype=torch.bool)
    return Faces(pictures, drawn, denied, levels, torch.from_numpy(pictures.labels[:14]), (0.0, 1.0))


def run(model: IfddStream, folder: Path, settings: StageSettings = SETTINGS) -> None:
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    pictures = seven_patterns(84)
    public = pictures.split("public")
    levels = torch.from_numpy(public.crops[:, None]).repeat(1, 2, 1, 1)
    train_whole(fabric, model, faces(pictures), public, (levels, torch.from_numpy(public.labels)), settings,
                folder, seed=1)  # fmt: skip


def test_every_part_learns_and_the_batch_norms_keep_their_statistics(tmp_path: Path) -> None:
    model = small_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run(model, tmp_path)
    after = model.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert {"encoder", "gate", "lifting", "head"} <= {name.partition(".")[0] for name in changed}
    assert not [name for name in changed if "running_" in name]
    assert any("running_" in name for name in after)


@pytest.mark.timeout(300)
def test_a_stopped_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, parted = small_model(), small_model()
    run(whole, tmp_path / "whole")

    class StoppedError(Exception):
        pass

    class Log:
        def __init__(self, *_: object) -> None: ...

        def add(self, **values: float) -> None:
            if values["round"] == 2:
                raise StoppedError  # before the second round's state is kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.training.whole.Log", Log)
        with pytest.raises(StoppedError):
            run(parted, tmp_path / "parted")
    parted = small_model()
    run(parted, tmp_path / "parted")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parted.state_dict()[name], value, rtol=0, atol=0, msg=name)


def test_moving_faces_are_drawn_as_often_by_class_as_the_stills() -> None:
    pictures = seven_patterns(84)
    weights = torch.ones(84)
    weights[torch.from_numpy(pictures.labels) == 3] = 5
    drawn = faces(pictures, weights)
    share = torch.zeros(7, dtype=torch.double).index_add_(0, drawn.labels, drawn.moving_weights())
    np.testing.assert_allclose(share / share[0], [1, 1, 1, 5, 1, 1, 1])


def test_a_window_of_repeated_pictures_is_read_as_the_model_reads_it() -> None:
    model = small_model().eval()
    reader = WholeReader(model).eval()
    still, moving = torch.rand(2, 1, 3, 32, 32), torch.rand(2, 2, 3, 32, 32)
    index = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 1, 1]])
    with torch.no_grad():
        logits = reader(still, moving, index)[0]
        clips = [still[0, index[0]], still[1, index[1]], moving[0, index[2]], moving[1, index[3]]]
        wanted = model(torch.stack(clips).transpose(1, 2)).logits
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)


def test_only_batch_norms_of_the_encoder_are_kept_from_learning_statistics() -> None:
    reader = WholeReader(small_model()).train()
    kinds = {part.training for part in reader.model.encoder.modules() if isinstance(part, nn.BatchNorm2d)}
    assert kinds == {False}
    assert reader.model.head.training


def test_of_a_denied_picture_only_its_label_is_unlearnt(tmp_path: Path) -> None:
    model = small_model()
    pictures = seven_patterns(28)
    clips = faces(pictures)
    denied = torch.arange(28) % 4 == 1
    clips = dataclasses.replace(clips, denied=denied)
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    settings = dataclasses.replace(SETTINGS, teacher=0.5, smoothing=0.1)
    still, _ = whole.targets_of(fabric, model, clips, settings, tmp_path / "teacher.pt")
    plain, _ = whole.targets_of(fabric, model, faces(pictures), settings, tmp_path / "teacher.pt")
    labels = torch.from_numpy(pictures.labels)
    assert torch.allclose(still.sum(1), torch.ones(28))
    assert torch.equal(still[~denied], plain[~denied])
    assert bool((still[denied, labels[denied]] == 0).all())
    left = plain.scatter(1, labels[:, None], 0.0)
    assert torch.allclose(still[denied], (left / left.sum(1, keepdim=True))[denied], atol=1e-4)
    # they do not count as faces of their label
    half = (labels == 3) & (torch.arange(28) < 14)
    drawn = dataclasses.replace(clips, denied=half).moving_weights()
    threes = clips.labels == 3
    assert float(drawn[threes].mean() / drawn[~threes].mean()) == pytest.approx(0.5)
