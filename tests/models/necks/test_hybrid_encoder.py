"""What `tests/models/detectors/test_rtdetr.py`, which holds the neck to an oracle, does not look at."""

import math

import pytest
import torch
from mmengine.registry import DefaultScope

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import HybridEncoder
from mmdet_trash.models.necks.hybrid_encoder import sine_positions
from mmdet_trash.registry import MODELS
from tests.models.necks.necks import backbone_maps

CHANNELS = [4, 5, 6]


def tiny(**options) -> HybridEncoder:
    torch.manual_seed(0)
    return HybridEncoder(CHANNELS, 16, **{"feedforward_channels": 24, "num_heads": 4, **options})


def maps_of(height: int, width: int) -> list[torch.Tensor]:
    return backbone_maps(height, width, channels=[3, *CHANNELS])[1:]


def test_positions_are_sines_of_rows_then_of_columns():
    found = sine_positions(3, 5, 8)
    for row in range(3):
        for column in range(5):
            waves = [1.0, 0.01]
            expected = [f(place * wave) for place in (row, column) for f in (math.sin, math.cos) for wave in waves]
            torch.testing.assert_close(found[row * 5 + column], torch.tensor(expected))


@torch.no_grad()
def test_attention_tells_places_apart_and_reaches_all_of_them():
    neck = tiny().eval()
    x = torch.randn(1, 16, 3, 5)
    before = neck.attend(x)
    assert before.shape == x.shape and not torch.allclose(neck.attend(x.flip(3)).flip(3), before, atol=1e-4)
    x[0, :, 2, 4] += 1
    assert ((neck.attend(x) - before).abs().amax(1) > 1e-6).all()


@pytest.mark.parametrize("expansion", [0.5, 1.0])
@pytest.mark.parametrize("size", [(96, 160), (100, 333), (65, 130), (33, 7)])
def test_any_size_will_do(size, expansion):
    inputs = maps_of(*size)
    outs = tiny(expansion=expansion).eval()(inputs)
    assert [tuple(out.shape) for out in outs] == [(2, 16, *feature.shape[2:]) for feature in inputs]


@pytest.mark.parametrize("expansion", [0.5, 1.0])
def test_a_gradient_reaches_every_weight(expansion):
    neck = tiny(expansion=expansion)
    outs = neck(maps_of(64, 96))
    sum((out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum() for out in outs).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in neck.parameters())


def test_a_config_builds_it_in_our_scope():
    cfg = {"type": "HybridEncoder", "in_channels": CHANNELS, "out_channels": 16, "num_blocks": 1}
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        neck = MODELS.build(cfg)
    neck.init_weights()
    assert type(neck) is HybridEncoder and len(neck.bottom_up[0].blocks) == 1


def test_a_width_without_room_for_positions_is_one_line():
    with pytest.raises(InputError, match=r"^out_channels: 18 is stated") as error:
        HybridEncoder(CHANNELS, 18)
    assert "\n" not in str(error.value)
