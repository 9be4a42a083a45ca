import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmcv.cnn import ConvModule

from mmdet_trash.models.layers import AugmentedLateral, ResidualFeatureAugmentation
from tests.models.plain import augmentation, gradients_agree

RATIOS = (0.1, 0.2, 0.3, 0.4)
SIZES = st.integers(1, 23)


@given(count=st.integers(1, 4), height=SIZES, width=SIZES)
def test_it_is_the_papers_formula_for_any_size_and_number_of_ratios(count, height, width):
    torch.manual_seed(0)
    rfa = ResidualFeatureAugmentation(5, 4, RATIOS[:count]).double()
    x = torch.randn(2, 5, height, width, dtype=torch.double)
    expected = augmentation(rfa.state_dict(), x, RATIOS[:count])
    torch.testing.assert_close(rfa(x), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("pooling", ["adaptive", "global_avg", "global_max"])
def test_gradients_are_those_of_finite_differences(pooling):
    torch.manual_seed(0)
    rfa = ResidualFeatureAugmentation(3, 2, (0.3, 0.5), pooling)
    assert gradients_agree(rfa, [torch.randn(2, 3, 5, 7)], lambda leaves: rfa(leaves[0]))


@pytest.mark.parametrize("pooling", ["global_avg", "global_max"])
def test_global_context_is_the_same_inside_the_map(pooling):
    torch.manual_seed(0)
    rfa = ResidualFeatureAugmentation(5, 4, (0.1,), pooling)
    context = rfa(torch.randn(1, 5, 9, 11))[..., 1:-1, 1:-1]  # the 3x3 convolution sees the padding at the border
    torch.testing.assert_close(context, context[..., :1, :1].expand_as(context))


def test_an_augmented_lateral_is_the_convolution_and_the_context():
    torch.manual_seed(0)
    lateral = AugmentedLateral(5, 4, {"pool_ratios": (0.2, 0.4)}, norm_cfg={"type": "BN"}, inplace=False)
    plain = ConvModule(5, 4, 1, norm_cfg={"type": "BN"}, inplace=False)
    missing, unexpected = lateral.load_state_dict(plain.state_dict(), strict=False)
    assert unexpected == [] and all(key.startswith("rfa.") for key in missing)
    x = torch.randn(2, 5, 9, 11)
    expected = plain(x) + augmentation(lateral.rfa.state_dict(), x, (0.2, 0.4))
    torch.testing.assert_close(lateral(x), expected)


def test_its_weights_begin_as_xaviers():
    torch.manual_seed(0)
    rfa = ResidualFeatureAugmentation(64, 32)
    rfa.init_weights()
    for conv in rfa.convs:
        bound = (6 / (64 + 32)) ** 0.5
        assert bound * 0.95 < conv.weight.abs().max() <= bound
        assert not conv.bias.any()


def test_it_has_as_many_parameters_as_the_paper_says():
    rfa = ResidualFeatureAugmentation(2048, 256)
    assert sum(parameter.numel() for parameter in rfa.parameters()) == pytest.approx(1.78e6, abs=0.005e6)
