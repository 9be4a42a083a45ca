import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import RatioInvariantPooling
from tests.models.plain import pooled

SIZES = st.integers(1, 45)
RATIOS = st.sampled_from([0.1, 0.2, 0.3, 0.4, 1.0]) | st.floats(0, 1, exclude_min=True)


def random_map(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape))


@given(height=SIZES, width=SIZES, ratios=st.lists(RATIOS, min_size=1, max_size=4))
def test_each_size_is_a_share_of_height_and_width_and_at_least_one(height, width, ratios):
    maps = RatioInvariantPooling(ratios)(random_map(2, 3, height, width))
    sizes = [(max(1, math.floor(ratio * height)), max(1, math.floor(ratio * width))) for ratio in ratios]
    assert [tuple(small.shape) for small in maps] == [(2, 3, *size) for size in sizes]


def test_sizes_are_rounded_down():
    maps = RatioInvariantPooling((0.1, 0.2, 0.3))(random_map(1, 1, 25, 40))
    assert [tuple(small.shape[2:]) for small in maps] == [(2, 4), (5, 8), (7, 12)]


@given(height=SIZES, width=SIZES, ratio=RATIOS)
def test_each_cell_is_the_mean_of_its_region(height, width, ratio):
    x = random_map(1, 2, height, width)
    (small,) = RatioInvariantPooling([ratio])(x)
    np.testing.assert_allclose(small.numpy(), pooled(x.numpy(), ratio), rtol=1e-10, atol=1e-12)


def test_a_share_of_one_changes_nothing():
    x = random_map(2, 3, 7, 11)
    (same,) = RatioInvariantPooling([1.0])(x)
    torch.testing.assert_close(same, x, rtol=0, atol=0)


@pytest.mark.parametrize(("pooling", "expected"), [("global_avg", np.mean), ("global_max", np.max)])
def test_global_pooling_gives_one_cell_a_ratio_whatever_it_is(pooling, expected):
    x = random_map(2, 3, 7, 11)
    maps = RatioInvariantPooling((0.1, 0.5), pooling)(x)
    assert len(maps) == 2
    for small in maps:
        np.testing.assert_allclose(small.numpy(), expected(x.numpy(), (2, 3), keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("wrong", [0, 1.5, -0.1, math.nan, math.inf])
def test_a_ratio_that_is_no_share_is_one_line(wrong):
    with pytest.raises(InputError, match=rf"^pool_ratios: {wrong} is outside \(0, 1\]") as error:
        RatioInvariantPooling((0.1, wrong))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [(), [], 0.1, 1])
def test_ratios_that_are_no_list_are_one_line(wrong):
    with pytest.raises(InputError, match=r"^pool_ratios: .* is no list of shares") as error:
        RatioInvariantPooling(wrong)
    assert "\n" not in str(error.value)


def test_an_unknown_pooling_is_one_line():
    with pytest.raises(InputError, match=r"^pooling: 'median' is unknown") as error:
        RatioInvariantPooling((0.1,), "median")
    assert "\n" not in str(error.value)


def test_it_says_how_it_pools():
    assert repr(RatioInvariantPooling((0.1, 0.2))) == "RatioInvariantPooling(ratios=(0.1, 0.2), pooling='adaptive')"
