import numpy as np
import pytest
import torch

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import WeightedFusion, weighted_fusion


def maps(count: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64) for _ in range(count)]


def shares(weights: list[float], method: str) -> np.ndarray:
    """The paper's formulas."""
    w = np.array(weights)
    if method == "softmax":
        return np.exp(w) / np.exp(w).sum()
    w = np.maximum(w, 0)
    return w / (1e-4 + w.sum())


@pytest.mark.parametrize("method", ["fast", "softmax"])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.3, 2.0, 0.7], [0.5, -1.5, 2.0], [4.0]])
def test_a_sum_is_the_papers(weights, method):
    inputs = maps(len(weights))
    found = weighted_fusion(inputs, torch.tensor(weights, dtype=torch.float64), method)
    expected = sum(share * feature.numpy() for share, feature in zip(shares(weights, method), inputs, strict=True))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_a_negative_weight_counts_as_zero():
    inputs = maps()
    weights = torch.tensor([0.5, 0.0, 2.0], dtype=torch.float64)
    without = weighted_fusion(inputs, weights)
    weights[1] = -3.0
    assert torch.equal(weighted_fusion(inputs, weights), without)
    inputs[1] += 100
    assert torch.equal(weighted_fusion(inputs, weights), without)


def test_weights_that_are_all_negative_give_zeros():
    assert not weighted_fusion(maps(), -torch.ones(3, dtype=torch.float64)).any()


@pytest.mark.parametrize("method", ["fast", "softmax"])
def test_gradients_are_those_of_finite_differences(method):
    inputs = [feature.requires_grad_() for feature in maps()]
    weights = torch.tensor([0.5, 1.5, 1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, *m: weighted_fusion(m, w, method), (weights, *inputs))


@pytest.mark.parametrize("method", ["fast", "softmax", "sum"])
def test_the_module_begins_with_equal_weights(method):
    inputs = maps()
    found = WeightedFusion(3, method).double()(inputs)
    torch.testing.assert_close(found, sum(inputs) / {"fast": 3.0001, "softmax": 3, "sum": 1}[method])


def test_a_plain_sum_learns_nothing():
    assert not list(WeightedFusion(2, "sum").parameters())
    assert [parameter.shape for parameter in WeightedFusion(2).parameters()] == [(2,)]


def test_half_precision_stays_half_and_close():
    inputs = maps()
    half = weighted_fusion([feature.half() for feature in inputs], torch.tensor([0.3, 0.7, 1.1]))
    assert half.dtype == torch.float16
    expected = weighted_fusion(inputs, torch.tensor([0.3, 0.7, 1.1], dtype=torch.float64))
    torch.testing.assert_close(half.double(), expected, rtol=0, atol=5e-3)


def test_an_unknown_method_is_named_in_one_line():
    with pytest.raises(InputError, match=r"^fusion: 'mean' is unknown, one of fast, softmax, sum is right$"):
        WeightedFusion(2, "mean")
    with pytest.raises(InputError, match=r"^fusion: 'mean' is unknown, fast or softmax is right$"):
        weighted_fusion(maps(2), torch.ones(2), "mean")


def test_a_weight_too_few_is_no_sum():
    with pytest.raises(ValueError):
        weighted_fusion(maps(3), torch.ones(2))
