import pytest
import torch

from mmdet_trash.models.backbones import EfficientNet


def test_levels_have_the_stated_strides_and_channels():
    maps = EfficientNet("b0", out_indices=(3, 4, 5))(torch.rand(1, 3, 128, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 40, 16, 12), (1, 112, 8, 6), (1, 320, 4, 3)]


@pytest.mark.parametrize(("frozen", "stages"), [(-1, 0), (0, 0), (2, 2)])
def test_stages_are_frozen_and_minus_one_freezes_none(frozen, stages):
    backbone = EfficientNet("b0", frozen_stages=frozen, out_indices=(3, 4, 5))
    backbone.train()
    frozen_layers = {int(n.split(".")[1]) for n, p in backbone.named_parameters() if not p.requires_grad}
    assert frozen_layers == set(range(stages))
