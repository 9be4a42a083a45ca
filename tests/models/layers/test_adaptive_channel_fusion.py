import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.models.layers import AdaptiveChannelFusion
from tests.models.layers.test_adaptive_spatial_fusion import random_maps
from tests.models.plain import channel_fusion, gradients_agree

SIZES = st.integers(1, 7)


@given(count=st.integers(1, 5), images=st.integers(1, 3), quarter=st.integers(1, 3), height=SIZES, width=SIZES)
def test_it_is_the_papers_formula(count, images, quarter, height, width):
    torch.manual_seed(0)
    fuse = AdaptiveChannelFusion(4 * quarter, count).double()
    maps = random_maps(count, images, 4 * quarter, height, width)
    torch.testing.assert_close(fuse(maps), channel_fusion(fuse.state_dict(), maps), rtol=1e-10, atol=1e-12)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    assert gradients_agree(AdaptiveChannelFusion(8, 2), random_maps(2, 2, 8, 2, 3))


def test_the_hidden_layer_has_a_quarter_of_the_channels():
    shapes = {key: tuple(value.shape) for key, value in AdaptiveChannelFusion(16, 3).state_dict().items()}
    assert shapes["squeeze.weight"] == (4, 48, 1, 1)
    assert shapes["attention.weight"] == (48, 4, 1, 1)


def test_it_may_fuse_no_image_at_all():
    maps = [torch.zeros(0, 4, 5, 6, requires_grad=True) for _ in range(3)]
    fuse = AdaptiveChannelFusion(4, 3)
    fused = fuse(maps)
    assert fused.shape == (0, 4, 5, 6)
    fused.sum().backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in fuse.parameters())
