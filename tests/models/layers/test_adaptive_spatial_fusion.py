import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.models.layers import AdaptiveSpatialFusion
from tests.models.plain import gradients_agree, spatial_fusion

SIZES = st.integers(1, 7)


def random_maps(count: int, *shape: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.double) for _ in range(count)]


@given(count=st.integers(1, 5), images=st.integers(1, 3), channels=SIZES, height=SIZES, width=SIZES)
def test_it_is_the_papers_formula_over_the_concatenation(count, images, channels, height, width):
    torch.manual_seed(0)
    fuse = AdaptiveSpatialFusion(channels, count).double()
    maps = random_maps(count, images, channels, height, width)
    torch.testing.assert_close(fuse(maps), spatial_fusion(fuse.state_dict(), maps), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("count", [1, 3])
def test_gradients_are_those_of_finite_differences(count):
    torch.manual_seed(0)
    assert gradients_agree(AdaptiveSpatialFusion(2, count), random_maps(count, 2, 2, 3, 4))


def test_a_weight_is_one_number_a_position_for_all_channels():
    torch.manual_seed(0)
    fuse = AdaptiveSpatialFusion(4, 2).double()
    ones = torch.ones(1, 4, 5, 6, dtype=torch.double)
    weights = fuse([ones, 0 * ones])
    assert torch.equal(weights, weights[:, :1].expand_as(weights))
    assert ((weights > 0) & (weights < 1)).all()


def test_the_maps_are_left_as_they_are():
    fuse = AdaptiveSpatialFusion(4, 3).double()
    maps = random_maps(3, 2, 4, 5, 6)
    before = [feature.clone() for feature in maps]
    fuse(maps)
    assert all(torch.equal(*pair) for pair in zip(maps, before, strict=True))


def test_the_maps_layout_in_memory_is_no_matter():
    torch.manual_seed(0)
    fuse = AdaptiveSpatialFusion(4, 3).double()
    maps = random_maps(3, 2, 4, 5, 6)
    grads = []
    for layout in (torch.contiguous_format, torch.channels_last):
        leaves = [feature.contiguous(memory_format=layout).requires_grad_() for feature in maps]
        grads.append(torch.autograd.grad(fuse(leaves).sum(), leaves))
    torch.testing.assert_close(grads[0], grads[1])


def test_it_may_be_frozen():
    torch.manual_seed(0)
    fuse = AdaptiveSpatialFusion(4, 2).double()
    leaves = [feature.requires_grad_() for feature in random_maps(2, 2, 4, 5, 6)]
    expected = torch.autograd.grad(fuse(leaves).square().sum(), leaves)
    fuse.requires_grad_(False)
    fuse(leaves).square().sum().backward()
    assert all(torch.equal(leaf.grad, grad) for leaf, grad in zip(leaves, expected, strict=True))
    assert all(parameter.grad is None for parameter in fuse.parameters())


def test_it_may_fuse_no_image_at_all():
    maps = [torch.zeros(0, 4, 5, 6, requires_grad=True) for _ in range(3)]
    fuse = AdaptiveSpatialFusion(4, 3)
    fused = fuse(maps)
    assert fused.shape == (0, 4, 5, 6)
    fused.sum().backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in fuse.parameters())


def test_its_weights_begin_as_xaviers():
    torch.manual_seed(0)
    fuse = AdaptiveSpatialFusion(32, 3)
    fuse.init_weights()
    for conv in (fuse.squeeze, fuse.attention):
        bound = (6 / (conv.weight[0].numel() + conv.weight[:, 0].numel())) ** 0.5
        assert bound * 0.95 < conv.weight.abs().max() <= bound
        assert not conv.bias.any()
