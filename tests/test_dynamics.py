import pytest
import torch
from torch import nn

from models.ifdd.dynamics import Compression, Refinement


def test_the_published_refinement_has_no_residual_around_its_mlp() -> None:
    torch.manual_seed(1)
    tokens = torch.randn(2, 5, 16)
    for residual in (True, False):
        refinement = Refinement(16, 4, mlp_residual=residual).eval()
        nn.init.zeros_(refinement.mlp.fall.weight)
        nn.init.zeros_(refinement.mlp.fall.bias)
        wanted = tokens + refinement.attention(refinement.norm1(tokens))
        torch.testing.assert_close(refinement(tokens), wanted if residual else torch.zeros_like(tokens))


def test_learned_weights_are_one_a_token_shared_by_all_channels() -> None:
    torch.manual_seed(2)
    tokens = torch.randn(2, 5, 16)
    compression = Compression("weights", 16, 5)
    assert [each.shape for each in compression.parameters()] == [(1, 5)]
    assert compression.weight is not None
    wanted = torch.einsum("n,bnc->bc", compression.weight.weight[0], tokens)
    torch.testing.assert_close(compression(tokens), wanted)


def test_the_other_two_take_any_number_of_tokens() -> None:
    torch.manual_seed(3)
    mean, attention = Compression("mean", 16, 5), Compression("attention", 16, 5)
    for count in (3, 9):
        tokens = torch.randn(2, count, 16)
        torch.testing.assert_close(mean(tokens), tokens.mean(1))
        torch.testing.assert_close(attention(tokens), tokens.mean(1))  # at the start
    nn.init.normal_(attention.score.weight, std=100)
    best = attention.score(tokens).argmax(1).squeeze(1)
    torch.testing.assert_close(attention(tokens), tokens[torch.arange(2), best], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("kind", ["weights", "mean", "attention"])
def test_the_order_of_tokens_matters_to_learned_weights_alone(kind: str) -> None:
    torch.manual_seed(4)
    compression = Compression(kind, 16, 5)  # type: ignore[arg-type]
    tokens = torch.randn(1, 5, 16)
    same = torch.allclose(compression(tokens), compression(tokens.flip(1)), atol=1e-6)
    assert same is (kind != "weights")
