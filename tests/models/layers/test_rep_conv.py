import pytest
import torch
from torch.nn import functional as F

from mmdet_trash.models.layers import ImplicitConv, RepConv


def shaken(module):
    """The module with statistics and weights as after some training."""
    torch.manual_seed(0)
    module = module.double().train()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    for _ in range(3):
        module(torch.randn(4, 6, 9, 7, dtype=torch.double) + 0.5)
    return module.eval()


@pytest.mark.parametrize("identity", [False, True])
@pytest.mark.parametrize("act_cfg", [None, {"type": "SiLU"}])
def test_merged_it_computes_the_same(identity, act_cfg):
    conv = shaken(RepConv(6, 6, identity=identity, norm_cfg={"type": "BN", "eps": 1e-3}, act_cfg=act_cfg))
    x = torch.randn(2, 6, 8, 5, dtype=torch.double)
    expected = conv(x)
    conv.switch_to_deploy()
    torch.testing.assert_close(conv(x), expected, rtol=1e-9, atol=1e-9)
    assert {key: tuple(value.shape) for key, value in conv.state_dict().items()} == {
        "merged.weight": (6, 6, 3, 3),
        "merged.bias": (6,),
    }
    conv.switch_to_deploy()
    torch.testing.assert_close(conv(x), expected, rtol=1e-9, atol=1e-9)


def test_it_is_the_sum_of_its_branches():
    conv = shaken(RepConv(6, 6, identity=True))
    x = torch.randn(2, 6, 8, 5, dtype=torch.double)

    def normed(x, norm):
        return (x - norm.running_mean[:, None, None]) / (norm.running_var + norm.eps).sqrt()[
            :, None, None
        ] * norm.weight[:, None, None] + norm.bias[:, None, None]

    three, one, identity = conv.branches.values()
    expected = normed(F.conv2d(x, three[0].weight, padding=1), three[1])
    expected += normed(F.conv2d(x, one[0].weight), one[1]) + normed(x, identity)
    torch.testing.assert_close(conv(x), expected)


def test_implicit_knowledge_is_added_before_and_multiplied_after_and_folds_away():
    conv = shaken(ImplicitConv(6, 4))
    x = torch.randn(2, 6, 8, 5, dtype=torch.double)
    weight, bias = conv.conv.weight[:, :, 0, 0], conv.conv.bias
    expected = torch.einsum("oi,nihw->nohw", weight, x + conv.added) + bias[:, None, None]
    expected *= conv.multiplied
    torch.testing.assert_close(conv(x), expected)
    conv.switch_to_deploy()
    torch.testing.assert_close(conv(x), expected)
    assert set(conv.state_dict()) == {"conv.weight", "conv.bias"}
    conv.switch_to_deploy()
    torch.testing.assert_close(conv(x), expected)
