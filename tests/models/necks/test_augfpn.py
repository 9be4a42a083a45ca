import copy
import gc
import math
import weakref

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.models.necks import FPN

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import AugFPN
from mmdet_trash.registry import MODELS
from tests.models.golden import TOLERANCE, load_golden, params, relative_error, series
from tests.models.necks.necks import (
    IN_CHANNELS,
    OPTIONS,
    backbone_maps,
    equal,
    options_id,
    outs_and_gradients,
    with_random_weights,
)
from tests.models.plain import PlainlyAugmented, gradients_agree

GOLDEN = {
    "augfpn_two_stage": {},
    "augfpn_one_stage": {"start_level": 1, "add_extra_convs": "on_input", "rfa_to_extra": True},
}
UPSAMPLINGS = [
    {"upsample_cfg": {"mode": "bilinear", "align_corners": False}},
    {"upsample_cfg": {"mode": "nearest", "scale_factor": 2}},
]
ONE_STAGE = {"start_level": 1, "add_extra_convs": "on_output", "rfa_to_extra": True}


def tiny(**options) -> AugFPN:
    torch.manual_seed(0)
    return AugFPN(IN_CHANNELS, 4, **{"num_outs": 5, **options})


def golden_neck(name: str) -> tuple[AugFPN, dict[str, torch.Tensor]]:
    golden = load_golden(name)
    neck = AugFPN([8, 16, 24, 32], 12, 5, **GOLDEN[name])
    neck.load_state_dict(params(golden), strict=True)
    return neck, golden


def golden_errors(neck: AugFPN, golden: dict[str, torch.Tensor]) -> dict[str, float]:
    """How far the outputs, laterals and gradients of a neck are from the file's, by their name there."""
    inputs = {i: feature.requires_grad_() for i, feature in series(golden, "in").items()}
    outs, laterals = neck.forward_with_laterals(list(inputs.values()))
    sum((out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum() for out in outs).backward()
    found = {f"out{i}": out for i, out in enumerate(outs)} | {f"raw{i}": raw for i, raw in enumerate(laterals)}
    found |= {f"grad_in{i}": feature.grad for i, feature in inputs.items() if feature.grad is not None}
    found["grad_rfa0"] = neck.rfa.convs[0].weight.grad
    expected = {key for key in golden if key.startswith(("out", "raw", "grad_"))}
    assert found.keys() == expected
    return {key: relative_error(found[key], golden[key]) for key in expected}


@pytest.mark.parametrize("name", GOLDEN)
def test_outputs_laterals_and_gradients_are_the_releases(name):
    errors = golden_errors(*golden_neck(name))
    assert max(errors.values()) <= TOLERANCE, errors


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("key", ["rfa.convs.1.weight", "rfa.fusion.attention.bias", "lateral_convs.0.conv.weight"])
def test_the_releases_numbers_tell_a_weight_that_is_a_little_off(name, key):
    neck, golden = golden_neck(name)
    neck.state_dict()[key].view(-1)[0] += 0.01
    assert max(golden_errors(neck, golden).values()) > TOLERANCE


@pytest.mark.parametrize("options", [{}, ONE_STAGE], ids=options_id)
def test_gradients_are_those_of_finite_differences(options):
    neck = with_random_weights(AugFPN([2, 2, 2], 4, 4, (0.4, 0.7), **options))
    inputs = backbone_maps(37, 53, batch=1, channels=[2] * 4)[1:]
    assert gradients_agree(neck, inputs, lambda leaves: sum(neck.forward_with_laterals(leaves), ()), fast=True)


@pytest.mark.parametrize("options", OPTIONS + UPSAMPLINGS, ids=options_id)
def test_without_ratios_it_is_an_fpn_bit_for_bit(options):
    options = {"num_outs": 5, **options}
    fpn = with_random_weights(FPN(IN_CHANNELS, 4, **options))
    neck = AugFPN(IN_CHANNELS, 4, pool_ratios=(), **options)
    neck.load_state_dict(fpn.state_dict(), strict=True)
    assert neck.state_dict().keys() == fpn.state_dict().keys()
    # A fixed scale wants sizes that double.
    inputs = backbone_maps(64, 96) if "scale_factor" in options.get("upsample_cfg", {}) else backbone_maps()
    assert equal(outs_and_gradients(neck, inputs), outs_and_gradients(fpn, inputs))


@pytest.mark.parametrize("options", OPTIONS, ids=options_id)
def test_with_ratios_it_is_an_fpn_whose_top_lateral_is_augmented(options):
    options = {"num_outs": 5, **options}
    # In float64: in float32 the two orders of additions differ by what the processor makes of them.
    fpn = with_random_weights(FPN(IN_CHANNELS, 4, **options)).double()
    neck = with_random_weights(AugFPN(IN_CHANNELS, 4, **options), seed=1).double()
    missing, unexpected = neck.load_state_dict(fpn.state_dict(), strict=False)
    assert unexpected == [] and missing == [f"rfa.{key}" for key in neck.rfa.state_dict()]
    assert set(neck.state_dict()) == set(fpn.state_dict()) | set(missing)

    fpn.lateral_convs[-1] = PlainlyAugmented(fpn.lateral_convs[-1], neck.rfa.state_dict(), (0.1, 0.2, 0.3))
    inputs = [feature.double() for feature in backbone_maps(120, 170)]
    for found, expected in zip(neck(inputs), fpn(inputs), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


def test_the_first_extra_level_takes_the_mean_of_the_context():
    neck, without = (with_random_weights(tiny(**{**ONE_STAGE, "rfa_to_extra": on})) for on in (True, False))
    inputs = backbone_maps()
    outs, outs_without = neck(inputs), without(inputs)
    assert equal(outs[:3], outs_without[:3])
    context = neck.rfa(inputs[-1]).mean((2, 3), keepdim=True)
    torch.testing.assert_close(outs[3], outs_without[3] + context)
    torch.testing.assert_close(outs[4], neck.fpn_convs[4](outs[3]))


def test_without_ratios_the_first_extra_level_is_an_fpns():
    neck, fpn = tiny(**ONE_STAGE, pool_ratios=()), tiny(**{**ONE_STAGE, "rfa_to_extra": False}, pool_ratios=())
    neck.load_state_dict(fpn.state_dict())
    inputs = backbone_maps()
    assert equal(neck(inputs), fpn(inputs))


@given(
    height=st.integers(1, 130),
    width=st.integers(1, 130),
    ratios=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 1.0]), min_size=1, max_size=4),
)
def test_any_size_and_number_of_ratios_will_do(height, width, ratios):
    inputs = backbone_maps(height, width, batch=1)
    outs = tiny(pool_ratios=tuple(ratios))(inputs)
    sizes = [feature.shape[2:] for feature in inputs]
    sizes.append([-(-length // 2) for length in sizes[-1]])
    assert [tuple(out.shape) for out in outs] == [(1, 4, *size) for size in sizes]
    assert all(torch.isfinite(out).all() for out in outs)


@pytest.mark.parametrize("options", [{}, ONE_STAGE, {"pool_ratios": ()}], ids=options_id)
def test_it_gives_a_tuple_and_the_laterals_only_when_asked(options):
    neck, inputs = tiny(**options), backbone_maps()
    outs = neck(inputs)
    assert type(outs) is tuple and len(outs) == 5
    outs_again, laterals = neck.forward_with_laterals(inputs)
    assert type(outs_again) is tuple and type(laterals) is tuple
    assert equal(outs_again, outs)
    start = options.get("start_level", 0)
    expected = [conv(feature) for conv, feature in zip(neck.lateral_convs, inputs[start:], strict=True)]
    assert equal(laterals, expected)


def test_evaluation_and_training_give_the_same():
    neck, inputs = tiny(), backbone_maps()
    assert equal(neck.train()(inputs), neck.eval()(inputs))


def test_the_inputs_are_left_as_they_are():
    inputs = backbone_maps()
    tiny(**ONE_STAGE)(inputs)
    assert len(inputs) == 4 and equal(inputs, backbone_maps())


def test_nothing_is_kept_of_a_forward():
    neck = tiny().train()
    before = {name: dict(vars(module)) for name, module in neck.named_modules()}
    buffers = list(neck.buffers())
    inputs = backbone_maps()
    outs, laterals = neck.forward_with_laterals(inputs)
    for name, module in neck.named_modules():
        assert vars(module).keys() == before[name].keys()
        assert all(value is before[name][key] for key, value in vars(module).items())
    assert list(neck.buffers()) == buffers
    made = [weakref.ref(feature) for feature in (*inputs, *outs, *laterals)]
    del inputs, outs, laterals
    gc.collect()
    assert all(reference() is None for reference in made)


def test_a_copy_is_equal_and_independent():
    neck, inputs = tiny(), backbone_maps()
    before = neck(inputs)
    twin = copy.deepcopy(neck)
    assert equal(twin(inputs), before)
    for parameter in twin.parameters():
        parameter.data += 1
    assert equal(neck(inputs), before) and not equal(twin(inputs), before)


def test_the_context_changes_every_level_and_learns():
    neck, inputs = tiny(), backbone_maps()
    neck.init_weights()
    outs = neck(inputs)
    sum(out.square().sum() for out in outs).backward()
    assert all(parameter.grad.any() for parameter in neck.parameters())
    neck.rfa = None
    assert not any(map(torch.equal, neck(inputs), outs))


@pytest.mark.parametrize("ratio", [0, 1.5, -0.1, math.nan])
def test_a_ratio_that_is_no_share_is_one_line(ratio):
    with pytest.raises(InputError, match=r"^pool_ratios: ") as error:
        tiny(pool_ratios=(0.1, ratio))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"start_level": 4}, "start_level"),
        ({"start_level": -1}, "start_level"),
        ({"end_level": 4}, "end_level"),
        ({"end_level": -2}, "end_level"),
        ({"start_level": 2, "end_level": 1, "num_outs": 1}, "end_level"),
        ({"num_outs": 3}, "num_outs"),
        ({"start_level": 2, "num_outs": 1}, "num_outs"),
        ({"end_level": 2, "num_outs": 4}, "num_outs"),
        ({"end_level": 2, "num_outs": 2}, "num_outs"),
        ({"pooling": "median"}, "pooling"),
        ({"rfa_to_extra": True}, "rfa_to_extra"),
        ({"rfa_to_extra": True, "add_extra_convs": "on_input", "num_outs": 4}, "rfa_to_extra"),
    ],
)
def test_an_argument_that_cannot_be_is_named_in_one_line(options, named):
    with pytest.raises(InputError, match=f"^{named}: ") as error:
        tiny(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda maps: maps[:-1], "in_channels"),
        (lambda maps: maps[1:], "in_channels"),
        (lambda maps: [*maps, maps[-1]], "in_channels"),
        (lambda maps: [], "in_channels"),
        (lambda maps: [maps[0], maps[2], maps[1], maps[3]], "inputs"),
        (lambda maps: maps[::-1], "inputs"),
        (lambda maps: [maps[0].new_zeros(2, 3, 10, 14), *maps[1:]], "in_channels"),
    ],
)
@pytest.mark.parametrize("method", ["forward", "forward_with_laterals"])
def test_maps_of_another_backbone_are_named_in_one_line(change, named, method):
    neck = AugFPN([4] * 4, 4, 5)
    with pytest.raises(InputError, match=f"^{named}: ") as error:
        getattr(neck, method)(change(backbone_maps(channels=[4] * 4)))
    assert "\n" not in str(error.value)


def test_a_config_builds_it_in_our_scope():
    cfg = {"type": "mmdet_trash.AugFPN", "in_channels": IN_CHANNELS, "out_channels": 4, "num_outs": 5}
    assert type(MODELS.build(cfg)) is AugFPN
