import math

import pytest
import torch

from models.layers.pooling_attention import PoolingAttention, pooled_grid, relative_index


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (8, 2), (4, 8), (7, 4)])
def test_the_relative_index_is_the_formula(queries: int, keys: int) -> None:
    index = relative_index(queries, keys)
    for a in range(queries):
        for b in range(keys):
            wanted = math.trunc(a * max(keys / queries, 1) + (keys - 1 - b) * max(queries / keys, 1))
            assert int(index[a, b]) == wanted
    assert int(index.min()) == 0
    assert int(index.max()) <= 2 * max(queries, keys) - 2


def test_a_pooled_grid_is_what_the_convolution_gives() -> None:
    assert pooled_grid((8, 56, 56), (1, 8, 8)) == (8, 7, 7)
    assert pooled_grid((8, 7, 7), (1, 2, 2)) == (8, 4, 4)


def test_attention_with_folded_positions_is_the_formula() -> None:
    torch.manual_seed(3)
    attention = PoolingAttention(
        16, 16, 2, grid=(2, 4, 2), query_stride=(1, 1, 1), key_stride=(1, 2, 2)
    ).double()
    with torch.no_grad():
        for axis in "thw":
            attention.get_parameter(f"relative_{axis}").normal_()
    query = torch.randn(1, 2, 17, 8, dtype=torch.float64)
    key, value = torch.randn(2, 1, 2, 5, 8, dtype=torch.float64)
    key_grid = attention.key_grid
    assert key_grid == (2, 2, 1)
    queries = [(t, h, w) for t in range(2) for h in range(4) for w in range(2)]
    keys = [(t, h, w) for t in range(2) for h in range(2) for w in range(1)]
    logits = query @ key.transpose(-2, -1) / math.sqrt(8)
    for i, place in enumerate(queries):
        for j, other in enumerate(keys):
            for name, a, b, count, total in zip("thw", place, other, (2, 4, 2), key_grid, strict=True):
                d = math.trunc(a * max(total / count, 1) + (total - 1 - b) * max(count / total, 1))
                row = attention.get_parameter(f"relative_{name}")[d]
                logits[0, :, 1 + i, 1 + j] += query[0, :, 1 + i] @ row  # the query is not scaled here
    torch.testing.assert_close(attention.attend(query, key, value), logits.softmax(-1) @ value)


def test_grid_tokens_keep_their_query_and_the_class_token_does_not() -> None:
    torch.manual_seed(4)
    attention = PoolingAttention(8, 8, 1, grid=(2, 2, 2), query_stride=(1, 1, 1), key_stride=(1, 1, 1))
    torch.nn.init.eye_(attention.project.weight)
    torch.nn.init.zeros_(attention.project.bias)
    tokens = torch.randn(1, 9, 8)
    query, key, value = (
        pool(part.unsqueeze(2), attention.grid)
        for pool, part in zip(
            (attention.pool_query, attention.pool_key, attention.pool_value),
            attention.qkv(tokens).chunk(3, -1),
            strict=True,
        )
    )
    mixed = attention.attend(query, key, value)[0, 0]
    got = attention(tokens)[0]
    torch.testing.assert_close(got[0], mixed[0])
    torch.testing.assert_close(got[1:], mixed[1:] + query[0, 0, 1:])


def test_the_class_token_passes_by_the_poolers_convolution() -> None:
    torch.manual_seed(5)
    attention = PoolingAttention(8, 8, 1, grid=(2, 2, 2), query_stride=(1, 1, 1), key_stride=(1, 1, 1))
    tokens = torch.randn(1, 9, 1, 8)
    pooled = attention.pool_key(tokens, attention.grid)
    torch.testing.assert_close(pooled[:, :, 0], attention.pool_key.norm(tokens[:, 0]))


def test_all_heads_share_the_kernels() -> None:
    torch.manual_seed(6)
    pool = PoolingAttention(
        16, 16, 2, grid=(2, 4, 4), query_stride=(1, 2, 2), key_stride=(1, 1, 1)
    ).pool_query
    tokens = torch.randn(2, 33, 2, 8)
    both = pool(tokens, (2, 4, 4))
    assert both.shape == (2, 2, 9, 8)
    for head in range(2):
        alone = pool(tokens[:, :, head : head + 1], (2, 4, 4))
        torch.testing.assert_close(both[:, head], alone[:, 0])
        cells = tokens[:, 1:, head].transpose(1, 2).reshape(2, 8, 2, 4, 4)
        wanted = torch.nn.functional.conv3d(
            cells, pool.convolution.weight, stride=(1, 2, 2), padding=1, groups=8
        )
        torch.testing.assert_close(both[:, head, 1:], pool.norm(wanted.flatten(2).transpose(1, 2)))
