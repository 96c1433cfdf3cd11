"""What holds for every model of the registry."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from models import ModelError, Output, list_models, load_checkpoint, save_checkpoint
from models.cost import clip_for
from models.ial.reading import IalReading
from models.ifdd.reading import IfddReading
from models.layers.drop_path import DropPath
from models.losses import cross_entropy, lifting_loss
from tests.small_models import SMALL, small

NAMES = sorted(set(SMALL) - {"ifdd-mvit-s"})  # that one is -xs with more blocks


def _tensors(out: Output) -> dict[str, Tensor]:
    named = {name: value for name, value in vars(out).items() if isinstance(value, Tensor)}
    for index, each in enumerate(out.auxiliary_logits or ()):
        named[f"auxiliary{index}"] = each
    return named


def test_no_model_is_left_out() -> None:
    assert tuple(sorted(SMALL)) == list_models()


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_permuting_the_batch_permutes_the_answers(name: str) -> None:
    model = small(name)
    clip = clip_for(model, 3)
    order = [2, 0, 1]
    straight, permuted = _tensors(model(clip)), _tensors(model(clip[order]))
    assert straight["logits"].shape == (3, 7)
    for key, value in straight.items():
        torch.testing.assert_close(permuted[key], value[order], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_bfloat16_gives_the_same_label_and_logits_within_5_percent(name: str) -> None:
    model = small(name)
    clip = clip_for(model, 2)
    wanted = model(clip)
    lowered = model.bfloat16()(clip.bfloat16())
    scale = float(wanted.logits.abs().max())
    torch.testing.assert_close(lowered.logits.float(), wanted.logits, rtol=0, atol=0.05 * scale)
    assert lowered.logits.argmax(1).tolist() == wanted.logits.argmax(1).tolist()
    if wanted.static_index is not None:
        assert lowered.static_index.dtype == torch.float32
        torch.testing.assert_close(lowered.static_index, wanted.static_index, rtol=0, atol=0.05)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_an_exported_model_takes_any_batch(name: str) -> None:
    model = small(name)
    batch = torch.export.Dim("batch", min=1, max=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own
        program = torch.export.export(
            model, (clip_for(model, 2),), dynamic_shapes=({0: batch},), strict=False
        )
        exported: Any = program.module()
    clip = clip_for(model, 3)
    wanted, got = _tensors(model(clip)), _tensors(exported(clip))
    assert wanted.keys() == got.keys()
    for key, value in wanted.items():
        torch.testing.assert_close(got[key], value, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_streaming_model_is_one_graph_for_the_compiler() -> None:
    model = small("ifdd-stream")
    clip = clip_for(model, 2)
    compiled = torch.compile(model, backend="eager", fullgraph=True)  # no C++ compiler is needed for that
    torch.testing.assert_close(compiled(clip).logits, model(clip).logits)


@pytest.mark.parametrize("name", NAMES)
def test_mixed_precision_trains_and_keeps_the_indexes_in_float32(name: str) -> None:
    model = small(name).train()
    with torch.autocast("cpu", torch.bfloat16):
        out: Output = model(clip_for(model, 2))
    torch.autograd.backward(cross_entropy(out.logits, torch.tensor([0, 1])))
    if out.static_index is not None:
        assert out.static_index.dtype == torch.float32
    for key, each in model.named_parameters():
        if each.grad is not None:
            assert bool(torch.isfinite(each.grad).all()), key


@pytest.mark.parametrize("name", NAMES)
def test_a_training_step_reaches_every_parameter(name: str) -> None:
    model = small(name).train()
    for module in model.modules():
        if isinstance(module, DropPath):
            module.rate = 0.0  # stochastic depth may drop a whole branch of a small batch
    out: Output = model(clip_for(model, 2))
    loss = cross_entropy(out.logits, torch.tensor([0, 1]))
    for each in out.auxiliary_logits or ():
        loss = loss + cross_entropy(each, torch.tensor([0, 1]))
    if out.context_residual is not None:
        loss = loss + lifting_loss(out.context_residual)
    torch.autograd.backward(loss)
    # the last block's places are never read: as published, it holds what moves them all the same
    last = tuple(f"backbone.blocks.1.{each}" for each in ("place_norm", "region_norm", "across"))
    for key, each in model.named_parameters():
        if name == "ifdd-vit" and key.startswith(last):
            continue
        assert each.grad is not None, key
        assert bool(each.grad.any()), key
        assert bool(torch.isfinite(each.grad).all()), key


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_that_does_not_fit_is_one_line(name: str) -> None:
    model = small(name)
    good = clip_for(model)
    bad: dict[str, Tensor] = {
        "expected shape": good[:, :, :-1],
        "expected torch.float32, got torch.uint8": good.byte(),
        "expected torch.float32, got torch.float64": good.double(),
        "expected finite values, got NaN or infinity": good / 0,
    }
    for told, clip in bad.items():
        with pytest.raises(ModelError, match=f"clip .*{told}") as caught:
            model(clip)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["ifdd-mvit-xs", "ial-gca"])
def test_a_reading_survives_a_checkpoint(name: str, tmp_path: Any) -> None:
    published = IalReading.published() if name == "ial-gca" else IfddReading.published()
    model: Any = small(name, reading=published)
    save_checkpoint(tmp_path / "w.safetensors", model)
    loaded: Any = load_checkpoint(tmp_path / "w.safetensors")
    assert loaded.reading == model.reading != small(name).reading
    with pytest.raises(ModelError, match=r"reading: expected one of .*, got 'nonsense'"):
        small(name, reading={"nonsense": 1})
