import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmcv import ops

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import RoIAlign


def random_rois(count: int, images: int, side: float, seed: int) -> torch.Tensor:
    """Of every size, some of them beyond the image's border."""
    generator = torch.Generator().manual_seed(seed)
    corners = (torch.rand(count, 2, 2, generator=generator, dtype=torch.double) * 1.6 - 0.3) * side
    image = torch.randint(images, (count, 1), generator=generator)
    return torch.cat([image, corners.sort(1).values.flatten(1)], 1)


def features_and_gradient(layer: ops.RoIAlign, maps: torch.Tensor, rois: torch.Tensor) -> tuple[torch.Tensor, ...]:
    leaf = maps.clone().requires_grad_()
    out = layer(leaf, rois)
    (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)).sum().backward()
    return out.detach(), leaf.grad


@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    output_size=st.sampled_from([1, 3, (2, 5)]),
    samples=st.integers(0, 3),
    aligned=st.booleans(),
    pool_mode=st.sampled_from(["avg", "max"]),
    seed=st.integers(0, 100),
)
def test_features_and_gradients_are_mmcvs(height, width, output_size, samples, aligned, pool_mode, seed):
    torch.manual_seed(seed)
    maps = torch.randn(2, 3, height, width, dtype=torch.double)
    rois = random_rois(5, 2, 4 * max(height, width), seed)
    found, expected = (
        features_and_gradient(kind(output_size, 0.25, samples, pool_mode, aligned), maps, rois)
        for kind in (RoIAlign, ops.RoIAlign)
    )
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("samples", [0, 2])
def test_no_rois_give_no_features_and_a_gradient_of_zero(samples):
    out, grad = features_and_gradient(RoIAlign(7, 0.25, samples), torch.randn(2, 3, 8, 9), torch.zeros(0, 5))
    assert out.shape == (0, 3, 7, 7)
    assert grad.shape == (2, 3, 8, 9) and not grad.any()


def test_what_was_given_is_left_as_it_is():
    maps, rois = torch.randn(2, 3, 8, 9, dtype=torch.double), random_rois(5, 2, 32, 0)
    before = maps.clone(), rois.clone()
    RoIAlign(3, 0.25, 2)(maps, rois)
    assert torch.equal(maps, before[0]) and torch.equal(rois, before[1])


@pytest.mark.parametrize("box", [(20.0, 5, 10, 9), (5, 20, 9, 10), (float("nan"), 5, 10, 9), (5, 5, 9, float("nan"))])
def test_a_roi_inside_out_or_not_a_number_is_one_line(box):
    rois = torch.tensor([[0, 1, 1, 9, 9], [0, *box]])
    with pytest.raises(InputError, match=r"^rois: ") as error:
        RoIAlign(3, 0.25, 2)(torch.randn(1, 3, 8, 9), rois)
    assert "\n" not in str(error.value)
