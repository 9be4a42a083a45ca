import pytest
import torch
from torch.nn import functional as F

from mmdet_trash.models.layers import SPP
from mmdet_trash.models.layers.spp import pyramid_of_maxima


@pytest.mark.parametrize("sizes", [(5, 9, 13), (3, 5), (7,), (3, 13)])
@pytest.mark.parametrize("shape", [(20, 31), (4, 3), (1, 1)])
def test_maxima_of_maxima_are_those_of_the_windows(sizes, shape):
    x = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    expected = [x, *(F.max_pool2d(x, size, stride=1, padding=size // 2) for size in sizes)]
    assert all(map(torch.equal, pyramid_of_maxima(x, sizes), expected))


def test_the_maps_are_joined_from_the_narrowest_window_on():
    spp = SPP(2, 3, act_cfg={"type": "LeakyReLU", "negative_slope": 1.0})
    x = torch.randn(1, 2, 15, 15)
    joined = torch.cat([x, *(F.max_pool2d(x, size, 1, size // 2) for size in (5, 9, 13))], 1)
    torch.testing.assert_close(spp(x), F.conv2d(joined, spp.conv.conv.weight, spp.conv.conv.bias))
