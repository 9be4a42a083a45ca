import torch
from mmcv.cnn import ConvModule
from mmengine.registry import DefaultScope
from torch.nn import functional as F

import mmdet_trash.registry  # noqa: F401


def test_a_convolution_ends_in_mish():
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        conv = ConvModule(2, 3, 1, act_cfg={"type": "Mish"})
    x = torch.randn(1, 2, 4, 4)
    z = F.conv2d(x, conv.conv.weight, conv.conv.bias)
    torch.testing.assert_close(conv(x), z * torch.tanh(torch.log1p(z.exp())))
