import torch
from torch import nn

from models.ial.global_attention import GlobalConvolutionAttention


def test_a_silent_bottleneck_gives_a_gate_of_about_1() -> None:
    gca = GlobalConvolutionAttention(32, 7)
    nn.init.zeros_(gca.rise.weight)
    gate, _ = gca(torch.randn(2, 5, 32, 7, 7))
    torch.testing.assert_close(gate, torch.full((2, 5, 32), (1 + 1e-5) ** 0.5))


def test_the_response_is_a_depthwise_convolution_of_the_whole_map() -> None:
    torch.manual_seed(1)
    gca = GlobalConvolutionAttention(32, 7)
    features = torch.randn(2, 3, 32, 7, 7)
    gate, response = gca(features)
    wanted = nn.functional.conv2d(features.flatten(0, 1), gca.template, groups=32).view(2, 3, 32)
    torch.testing.assert_close(response, wanted)
    own = 2 * torch.sigmoid(torch.relu(response @ gca.fall.weight.T) @ gca.rise.weight.T)
    torch.testing.assert_close(gate, torch.sqrt(own * own.mean(1, keepdim=True) + 1e-5))


def test_the_mean_runs_over_the_clip() -> None:
    torch.manual_seed(2)
    gca = GlobalConvolutionAttention(32, 7)
    with torch.no_grad():
        gca.template.mul_(20)
        gca.rise.weight.mul_(20)
    features = torch.randn(1, 4, 32, 7, 7)
    changed = features.clone()
    changed[:, 3] *= -1
    assert not torch.allclose(gca(features)[0][:, 0], gca(changed)[0][:, 0])
    torch.testing.assert_close(gca(features)[1][:, 0], gca(changed)[1][:, 0])
