import pytest
import torch
from torch import Tensor, nn

from models.ifdd.lifting import CrossAttention, Lifting, LiftingReading, context_residual
from models.losses import lifting_loss

WIDTH, HEADS = 16, 4


def _branches() -> tuple[Tensor, Tensor]:
    torch.manual_seed(7)
    return torch.randn(2, 3, 4, WIDTH), torch.randn(2, 3, 4, WIDTH)


def _silence(lifting: Lifting) -> None:
    for each in (lifting.update, lifting.predict):
        nn.init.zeros_(each.project.weight)
        nn.init.zeros_(each.project.bias)


@pytest.mark.parametrize("order", ["update_first", "predict_first"])
def test_with_silent_maps_the_lifting_is_the_identity_on_normalised_tokens(order: str) -> None:
    static, dynamic = _branches()
    lifting = Lifting(WIDTH, HEADS, LiftingReading(order=order))  # type: ignore[arg-type]
    _silence(lifting)
    lifted_static, lifted_dynamic = lifting(static, dynamic)
    torch.testing.assert_close(lifted_static, nn.functional.layer_norm(static, (WIDTH,)))
    torch.testing.assert_close(lifted_dynamic, nn.functional.layer_norm(dynamic, (WIDTH,)))


def test_the_order_decides_which_branch_sees_the_other_lifted() -> None:
    static, dynamic = _branches()
    for order, fixed in (("update_first", 0), ("predict_first", 1)):
        torch.manual_seed(8)
        lifting = Lifting(WIDTH, HEADS, LiftingReading(order=order))  # type: ignore[arg-type]
        before = lifting(static, dynamic)
        late = lifting.predict if order == "update_first" else lifting.update
        nn.init.zeros_(late.project.weight)
        after = lifting(static, dynamic)
        # the branch that goes first does not depend on the map that goes second
        torch.testing.assert_close(after[fixed], before[fixed])
        assert not torch.allclose(after[1 - fixed], before[1 - fixed])


def test_the_attention_is_the_formula() -> None:
    torch.manual_seed(9)
    attention = CrossAttention(WIDTH, HEADS, LiftingReading())
    reader, source = torch.randn(1, 5, WIDTH), torch.randn(1, 5, WIDTH)
    query = attention.query(reader).view(5, HEADS, 4)
    key, value = (each.view(5, HEADS, 4) for each in attention.key_value(source).chunk(2, -1))
    mixed = torch.empty(5, HEADS, 4)
    for head in range(HEADS):
        weights = (query[:, head] @ key[:, head].T / 2.0).softmax(-1)
        mixed[:, head] = weights @ value[:, head] + value[:, head]
    torch.testing.assert_close(attention(reader, source)[0], attention.project(mixed.flatten(1)))


def test_attention_inside_each_step_does_not_see_other_steps() -> None:
    static, dynamic = _branches()
    changed = dynamic.clone()
    changed[:, 2] += torch.randn(WIDTH)
    for joint in (True, False):
        torch.manual_seed(10)
        lifting = Lifting(WIDTH, HEADS, LiftingReading(joint=joint))
        same = torch.allclose(lifting(static, dynamic)[1][:, :2], lifting(static, changed)[1][:, :2])
        assert same is not joint


def test_the_residual_is_the_mean_of_pair_averages_less_that_of_the_static_branch() -> None:
    torch.manual_seed(11)
    features, static = torch.randn(2, 8, WIDTH, 2, 3), torch.randn(2, 4, 6, WIDTH)
    pairs = (features[:, 0::2] + features[:, 1::2]) / 2  # B 4 C h w
    tokens = pairs.flatten(3).transpose(2, 3)  # B 4 h*w C
    expected = (tokens - static).mean((1, 3)).view(2, 2, 3)
    torch.testing.assert_close(context_residual(features, static), expected)
    assert float(lifting_loss(context_residual(features, tokens))) == pytest.approx(0, abs=1e-12)
