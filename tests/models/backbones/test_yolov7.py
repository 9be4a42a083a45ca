import pytest
import torch
from torch import nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.backbones import YOLOv7Backbone
from mmdet_trash.models.necks import YOLOv7PAFPN


@pytest.mark.parametrize(
    ("arch", "channels"), [("tiny", (64, 128, 256, 512)), ("l", (256, 512, 1024, 1024))], ids=["tiny", "l"]
)
def test_each_stage_has_its_channels_and_half_the_side(arch, channels):
    backbone = YOLOv7Backbone(arch, out_indices=(0, 1, 2, 3)).eval()
    maps = backbone(torch.zeros(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, c, 16 >> i, 24 >> i) for i, c in enumerate(channels)]


def test_a_widened_one_has_multiples_of_eight():
    maps = YOLOv7Backbone("tiny", widen_factor=0.3).eval()(torch.zeros(1, 3, 32, 32))
    assert [m.shape[1] for m in maps] == [40, 80, 152]


@pytest.mark.parametrize("frozen", [-1, 0, 2])
def test_frozen_stages_keep_weights_and_statistics(frozen):
    backbone = YOLOv7Backbone("tiny", widen_factor=0.25, frozen_stages=frozen)
    learns = {key: parameter.requires_grad for key, parameter in backbone.named_parameters()}
    assert all(wanted == (int(key.split(".")[1]) > frozen) for key, wanted in learns.items()), "before any .train()"
    backbone.train()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in backbone.parameters() if p.requires_grad], lr=0.1)
    sum(m.square().sum() for m in backbone(torch.randn(2, 3, 64, 64))).backward()
    optimiser.step()
    for key, value in backbone.state_dict().items():
        stays = int(key.split(".")[1]) <= frozen
        assert torch.equal(value, before[key]) == stays, key


def test_norms_may_keep_their_statistics():
    backbone = YOLOv7Backbone("tiny", widen_factor=0.25, norm_eval=True).train()
    before = {key: value.clone() for key, value in backbone.named_buffers()}
    backbone(torch.randn(2, 3, 64, 64))
    assert all(torch.equal(value, before[key]) for key, value in backbone.named_buffers())


@pytest.mark.parametrize(("arch", "act"), [("tiny", nn.LeakyReLU), ("l", nn.SiLU)])
def test_norms_and_activations_are_the_releases_unless_given(arch, act):
    parts = [(YOLOv7Backbone, {"widen_factor": 0.1}), (YOLOv7PAFPN, {"in_channels": [8] * 3, "out_channels": [16] * 3})]
    for kind, arguments in parts:
        modules = list(kind(arch=arch, **arguments).modules())
        assert {(m.eps, m.momentum) for m in modules if isinstance(m, nn.BatchNorm2d)} == {(1e-3, 0.03)}
        assert {type(m) for m in modules if "LU" in type(m).__name__} == {act}
        given = kind(arch=arch, norm_cfg={"type": "GN", "num_groups": 2}, act_cfg={"type": "GELU"}, **arguments)
        kinds = {type(m) for m in given.modules()}
        assert {nn.GroupNorm, nn.GELU} <= kinds and not kinds & {nn.BatchNorm2d, act}


@pytest.mark.parametrize("build", [YOLOv7Backbone, lambda arch: YOLOv7PAFPN([8] * 3, [8] * 3, arch)])
def test_an_unknown_arch_is_one_line(build):
    with pytest.raises(InputError, match="arch: 'x' is unknown, one of tiny, l is right"):
        build("x")
