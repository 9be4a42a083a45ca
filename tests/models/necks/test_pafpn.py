import pytest
import torch
from mmdet.models import necks
from mmengine.registry import DefaultScope

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import PAFPN
from mmdet_trash.registry import MODELS
from tests.models.necks.necks import (
    IN_CHANNELS,
    OPTIONS,
    backbone_maps,
    equal,
    options_id,
    outs_and_gradients,
    with_random_weights,
)
from tests.models.plain import PlainlyAugmented

RATIOS = (0.1, 0.2, 0.3)


@pytest.mark.parametrize("options", OPTIONS, ids=options_id)
def test_without_augmentation_it_is_mmdetections_bit_for_bit(options):
    options = {"num_outs": 5, **options}
    theirs = with_random_weights(necks.PAFPN(IN_CHANNELS, 4, **options))
    neck = PAFPN(IN_CHANNELS, 4, **options)
    neck.load_state_dict(theirs.state_dict(), strict=True)
    inputs = backbone_maps()
    assert equal(outs_and_gradients(neck, inputs), outs_and_gradients(theirs, inputs))


@pytest.mark.parametrize("options", OPTIONS, ids=options_id)
def test_the_augmentation_is_added_to_the_top_lateral(options):
    options = {"num_outs": 5, **options}
    # In float64: in float32 the two orders of additions differ by what the processor makes of them.
    theirs = with_random_weights(necks.PAFPN(IN_CHANNELS, 4, **options)).double()
    neck = with_random_weights(PAFPN(IN_CHANNELS, 4, rfa={"pool_ratios": RATIOS}, **options), seed=1).double()
    top = len(neck.lateral_convs) - 1
    missing, unexpected = neck.load_state_dict(theirs.state_dict(), strict=False)
    rfa = neck.lateral_convs[top].rfa.state_dict()
    assert unexpected == [] and missing == [f"lateral_convs.{top}.rfa.{key}" for key in rfa]

    theirs.lateral_convs[top] = PlainlyAugmented(theirs.lateral_convs[top], rfa, RATIOS)
    inputs = [feature.double() for feature in backbone_maps(120, 170)]
    for found, expected in zip(neck(inputs), theirs(inputs), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


def test_a_config_builds_it_in_our_scope():
    cfg = {
        "type": "PAFPN",
        "in_channels": IN_CHANNELS,
        "out_channels": 4,
        "num_outs": 5,
        "rfa": {"pool_ratios": (0.2,), "pooling": "global_max"},
    }
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        neck = MODELS.build(cfg)
    assert type(neck) is PAFPN
    assert neck.lateral_convs[-1].rfa.pool.pooling == "global_max"
    outs = neck(backbone_maps())
    assert type(outs) is tuple and [tuple(out.shape[1:]) for out in outs][-1] == (4, 1, 1)


def test_a_wrong_ratio_is_one_line():
    with pytest.raises(InputError, match=r"^pool_ratios: 1\.5 is outside") as error:
        PAFPN(IN_CHANNELS, 4, 5, rfa={"pool_ratios": (1.5,)})
    assert "\n" not in str(error.value)
